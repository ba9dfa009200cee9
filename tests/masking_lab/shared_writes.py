"""Programs on PyTorch that write into arrays, and somebody else sees it: a view, a list, a caller.
A batch may only refuse them.
"""

import types

import torch

STATE = types.SimpleNamespace(scale=1.0)
BUFFER = torch.zeros(2)


def zeros():
    return torch.zeros(2, dtype=torch.float64)


def added(v, h):
    h += v
    return h * 1.0


def adds(v, h):
    h += v


def adds_row(h, v):
    h[0] = v[0]


def through(v, h):
    return added(v, h)


class Sum:
    def __init__(self):
        self.h, self.n = zeros(), 0

    def add(self, v):
        self.h += v
        self.n += 1
        return self


# ----- seen by another name -----
def by_a_name(x, w):
    h = x[0] * 1.0
    old = h
    h += 1
    return old + h


def by_the_name_of_the_trip_before(x, w):
    h = keep = zeros()
    for v in x:
        keep = h
        h += v
    return keep


def by_a_list_that_a_loop_goes_through(x, w):
    h, g = zeros(), zeros()
    for r in [h, g]:
        r += x[0]
    return h + g


def by_a_list_beside_another(x, w):
    h, g = zeros(), zeros()
    for r, v in zip([h, g], [1.0, 2.0], strict=True):
        r += v
    return h + g + x.sum(0)


def by_the_example(x, w):
    for v in x:
        v += 1
    return x.sum(0)


def by_a_list_that_grows(x, w):
    h, hs = zeros(), []
    for v in x:
        hs.append(h)
        h += v
    return sum(hs)


def by_a_list_that_is_added_to(x, w):
    h, hs = x.sum(0), []
    hs += [h]
    h += 1
    return hs[0]


def by_a_comprehension(x, w):
    h = zeros()
    old = [h for _ in range(2)]
    h += x[0]
    return sum(old) + h


def by_a_dict(x, w):
    h, d = x.sum(0), {}
    d["h"] = h
    h += 1
    return d["h"]


def by_the_values_of_a_dict(x, w):
    d = {"a": x.sum(0)}
    for k in d.values():
        k += 1
    return d["a"]


def by_a_dict_that_is_asked(x, w):
    d = {"a": x.sum(0)}
    d.setdefault("b", d["a"])
    g = d.get("a")
    g += 1
    return d["b"]


def by_a_tuple_that_is_longer(x, w):
    h, s = x.sum(0), ()
    s = s + (h,)
    h += 1
    return s[0]


def by_an_entry(x, w):
    h, hs = x.sum(0), [None]
    hs[0] = h
    h[0] = 7.0
    return hs[0]


def by_what_was_taken_out(x, w):
    hs = [x.sum(0)]
    k = g = hs.pop()
    g += 1
    return k


def by_a_function_that_knows_it(x, w):
    h = x.sum(0)

    def get():
        return h

    k = get()
    h += 1
    return k


def by_a_view(x, w):
    h = x.sum(0)
    g = torch.reshape(h, (2, 1))
    g += 1
    return h


def by_what_is_no_copy(x, w):
    h = x.sum(0)
    g = h.double()
    g += 1
    return h


def by_a_part(x, w):
    h = x.sum(0)
    a, _ = torch.unbind(h)
    a += 1
    return h


def by_what_the_larger_one_is(x, w):
    h, g = x.sum(), x[0, 0] - 9
    m = max(h, g)
    m += 1
    return h + g


def by_what_a_module_gives_back(x, w):
    h = x.sum(0)
    g = torch.nn.Identity()(h)
    g += 1
    return h


# ----- seen by a caller -----
def by_the_caller(x, w):
    h = zeros()
    for v in x:
        adds(v, h)
    return h


def by_another_name_of_the_caller(x, w):
    h = out = zeros()
    for v in x:
        old = h
        new = added(v, h)
        out = out + old + new
    return out


def by_the_callers_caller(x, w):
    h = out = zeros()
    for v in x:
        old = h
        new = through(v, h)
        out = out + old + new
    return out


def by_who_calls_a_function_that_is_defined_here(x, w):
    def add(h, v):
        h[0] = v[0]

    h = zeros()
    for v in x:
        add(h, v)
    return h


def by_who_calls_with_a_view(x, w):
    h = zeros()
    for v in x:
        added(v, h.view(2))
    return h


def by_who_called_the_method(x, w):
    s = Sum()
    old = s.h
    for v in x:
        s.add(v)
    return s.h + old


def by_who_put_it_into_the_list(x, w):
    h = zeros()
    s = [h]

    def add(s, v):
        s[0] += v

    for v in x:
        add(s, v)
    return s[0] + h


def by_the_list_of_a_comprehension(x, w):
    hs = [x.sum(0), x[0]]

    def inc(v):
        v += 1
        return 0

    _ = [inc(v) for v in hs]
    return hs[0]


# ----- seen by everybody -----
def by_the_function_around(x, w):
    h = zeros()

    def add(v):
        h[0] = v[0]

    for v in x:
        add(v)
    return h


def by_the_module(x, w):
    for v in x:
        BUFFER[0] = v[0]
    return BUFFER * 1


def by_the_next_example(x, w):
    STATE.scale = STATE.scale + 1.0
    return x.sum() * STATE.scale


SEEN = [f for name, f in list(globals().items()) if name.startswith("by_")]
