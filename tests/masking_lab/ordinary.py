"""Programs of one example as people write them without thinking of a batch.

A vector x of its own length, a shared weight w; np is torch or jax.numpy. Each was answered wrongly
once, or refused with an untrue reason.
"""
# ruff: noqa: B905  nobody writes zip(..., strict=False)

import collections
import dataclasses


# ----- comprehensions, `:=`, match -----
def comprehension_unpacks(np, x, w):
    pairs = [a * w + b for a, b in zip(x, x[1:])]
    return sum(i * a for i, (a, b) in enumerate(zip(x, x))) + sum(pairs) + w


def comprehension_in_a_comprehension(np, x, w):
    return sum([a * b * w for i, a in enumerate(x) for b in x[:i] if a > b]) + w


def comprehension_of_a_dict(np, x, w):
    d = {"sum": x.sum(), "w": w}
    return sum({k: v * 2 for k, v in d.items()}.values())


def any_of_pairs(np, x, w):
    if any(a * b < 0 for a, b in zip(x, x[1:])):
        return w * 2
    return w if all(v > -9 for _, v in enumerate(x)) else -w


def walrus_in_while(np, x, w):
    i, s = 0, w * 0
    while (v := x[min(i, len(x) - 1)]) < 1 and i < len(x):
        s = s + v * w
        i += 1
    return s + i


def walrus_in_if(np, x, w):
    s = w * 0
    for v in x:
        if (y := np.tanh(v * w)) > 0:
            s = s + y
        elif (z := y * 2) < -1:
            s = s + z
    return s


def matched(np, x, w):
    match len(x):
        case 1:
            return x[0] * w
        case 2 | 4:
            return x.sum() * w * 2
        case n if n > 100:
            return w
        case n:
            return x.sum() * n * w


# ----- lists of a length of each example's own -----
def constants_stacked(np, x, w):
    ones = [np.ones(2) for _ in x]
    return np.stack(ones).sum() * w


def constants_joined_where_a_value_says_so(np, x, w):
    out = [np.ones(1)]
    for v in x:
        if v > 0:
            out.append(np.ones(2))
    return np.concatenate(out).sum() * w


def numbers_as_an_array(np, x, w):
    make = np.tensor if hasattr(np, "tensor") else np.array
    return (make([0.5 * i for i in range(len(x))]) * x).sum() * w


def entries_at_a_list(np, x, w):
    return x[np.asarray([i for i in range(len(x)) if i % 2 == 0])].sum() * w


def counts_in_a_table(np, x, w):
    table = [[0] * 2 for _ in range(2)]
    for a, b in zip(x, x[1:]):
        table[int(a > 0)][int(b > 0)] += 1
    return w * (table[0][1] + 10 * table[1][1]) + w


def weighted_edits(np, x, w):
    table = [[0.0] * (len(x) + 1) for _ in range(2)]
    for j in range(1, len(x) + 1):
        table[0][j] = j * w
        table[1][j] = min(table[0][j] + w, table[1][j - 1] + x[j - 1])
    return table[1][len(x)]


# ----- containers, objects, functions -----
State = collections.namedtuple("State", "a b")


def named_tuple_on_one_side(np, x, w):
    s = State(w, w * 2)
    for v in x:
        s = State(s.b, s.a + v) if v > 0 else s._replace(a=s.a * 0.5)
    return s.a - s.b


@dataclasses.dataclass(frozen=True)
class Frozen:
    h: object
    n: int = 0

    def step(self, v, w):
        return dataclasses.replace(self, h=self.h * w + v, n=self.n + 1) if v > 0 else self


def the_same_object_on_one_side(np, x, w):
    s = Frozen(w * 1)
    for v in x:
        s = s.step(v, w)
    return s.h + s.n


class Counted:
    def __init__(self, w):
        self.w, self.n = w, 0

    def __call__(self, v):
        self.n += 1
        return v * self.w


def an_object_that_is_called(np, x, w):
    c, s = Counted(w), 0
    for v in x:
        if v > 0:
            s = s + c(v)
    return s + c.n * w


class Scaled(Counted):
    def __init__(self, w, k):
        super().__init__(w)
        self.k, self._last = k, w

    @property
    def last(self):
        return self._last * self.k

    @last.setter
    def last(self, h):
        self._last = h
        self.n += 1

    def __call__(self, v):
        for _ in range(2):
            if v > 0:
                self.last = super().__call__(v)
        return self.last


def a_class_of_a_class(np, x, w):
    c = Scaled(w, 0.5)
    for v in x:
        y = c(v)
    return y + c.n * w


def a_number_that_is_returned_and_counted_on(np, x, w):
    i, s = 0, w * 0
    while True:
        if i >= len(x):
            break
        s = s + x[i] * w
        if s > 1:
            return s + i
        i += 1
    return i - s


# ----- numbers of Python's -----
def a_number_has_no_gradient(np, x, w):
    return (x.sum() * w).item() * w


def numbers_of_an_array(np, x, w):
    return sum([v * w for v in x.tolist()])


def as_often_as_a_value_says(np, x, w):
    s = w * 0
    for i in range((x > 0).sum().item()):
        s = s + x[i] * w
    return s


def powers_of_a_length(np, x, w):
    return w * pow(len(x), 2, 3) + pow(w, 2)


ORDINARY = [f for f in list(globals().values()) if getattr(f, "__code__", None) is not None]
