"""Programs of one example that loop over its own length, for JAX: x is (n, 3), w is (3, 3).

The names tell what a compiled loop has to hand from trip to trip.
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp


def a_state(x, w):
    h = jnp.zeros(3)
    for t in range(len(x)):
        h = jnp.tanh(x[t] @ w + h @ w)
    return h


def nothing_at_first(x, w):
    h = None
    for v in x:
        h = v @ w if h is None else jnp.tanh(h @ w + v)
    return h


def a_number_that_becomes_an_array(x, w):
    s = 0
    for v in x:
        s = s + v @ w
    return s


def numbers_that_become_floats(x, w):
    s = n = 0
    for v in x:
        n += 1
        s = s + (v @ w).sum() / n
    return s + (n if n > 2 else 0)


def a_list_of_states(x, w):
    out, h = [], jnp.zeros(3)
    for v in x:
        h = jnp.tanh(v @ w + h)
        out.append(h)
    return jnp.stack(out) * x


def a_list_that_has_some_already(x, w):
    out = [jnp.ones(3) @ w]
    for v in x:
        out.append(v @ w)
        out.append(v * 2)
    return jnp.stack(out)


def a_list_of_pairs(x, w):
    out = []
    for v in x:
        out = out + [(v @ w, v.sum())]
    s = 0.0
    for a, b in out:
        s = s + a.sum() * b
    return s


def a_list_of_some(x, w):
    kept = []
    for i, v in enumerate(x):
        if v[0] < 0:
            continue
        kept.append(v * i)
    if len(kept) == 0:
        return w[0]
    return jnp.stack(kept).sum(0) + len(kept)


def a_list_of_all_pairs(x, w):
    out = []
    for a in x:
        for b in x:
            out.append((a @ w) @ b)
    return jnp.stack(out)


def lists_inside(x, w):
    rows = []
    for a in x:
        row = [(a @ w) @ b for b in x]
        rows.append(sum(row) + max(row))
    return jnp.stack(rows)


def the_entry_before(x, w):
    s = jnp.zeros(3)
    for t in range(1, len(x)):
        s = s + x[t] * (x[t - 1] @ w)
    return s


def entries_from_the_end(x, w):
    s = jnp.zeros(3)
    for t in range(len(x)):
        s = jnp.tanh(s @ w + x[len(x) - 1 - t] + x[-1 - t])
    for v in reversed(x):
        s = jnp.tanh(s @ w + v)
    return s


def a_triangle(x, w):
    s = 0.0 * w[0, 0]
    for i in range(len(x)):
        for j in range(i):
            s = s + (x[i] @ w) @ x[j]
    return s


def fewer_trips_the_longer(x, w):
    s = jnp.zeros(3)
    for t in range(7 - len(x)):
        s = s + x[0] @ w * t
    return s


def attention(x, w):
    out = []
    for q in x:
        out.append(jax.nn.softmax((x @ w) @ q) @ x)
    return jnp.stack(out)


def sums_of_the_first(x, w):
    return jnp.stack([x[: t + 1].sum(0) @ w for t in range(len(x))])


def out_of_the_domain_elsewhere(x, w):
    s = jnp.ones(())
    for v in x:
        s = s * jnp.sqrt(9 - (v**2).sum() / 10) / (v[0] * v[0]) + jnp.log(jnp.abs(v[1])) * w[0, 0]
    return s


def out_of_the_domain_after_the_end(x, w):
    s = jnp.ones(())
    for v in x:
        s = jnp.sqrt(2.0 - s) * abs(w[0, 0]) + v[0] * v[0] * 0.1
        if s > 1.1:
            break
    return s


def the_last_trips_values(x, w):
    for t in range(len(x)):
        y = x[t] @ w
    return y * t


def an_object(x, w):
    o = SimpleNamespace(h=jnp.zeros(3), n=0, w=w)
    for v in x:
        o.h = jnp.tanh(o.h @ o.w + v)
        o.n += 1
    return o.h * o.n


def two_layers_in_a_list(x, w):
    hs = [jnp.zeros(3), jnp.zeros(3)]
    for v in x:
        for k in range(2):
            v = jnp.tanh(v @ w + hs[k])
            hs[k] = v
    return hs[0] + hs[1]


def a_dict_and_a_tuple(x, w):
    d, s = {"h": jnp.zeros(3), "c": 0.0}, (jnp.zeros(3), 0)
    for v in x:
        d = {"h": jnp.tanh(v @ w + d["h"]), "c": d["c"] + 1}
        s = (s[0] + d["h"], s[1] + 1)
    return d["h"] * d["c"] + s[0] * s[1]


def a_ragged_state(x, w):
    y = x * 0.0
    for v in x:
        y = y + x * v
    return y @ w


def weights_of_their_own(x, w):
    ws, s = jnp.stack([w * k for k in range(9)]), jnp.zeros(3)
    for t in range(len(x)):
        s = jnp.tanh(s + x[t] @ ws[t])
    for v, u in zip(x, ws):  # noqa: B905
        s = jnp.tanh(s + v @ u)
    return s


def branches_on_the_number(x, w):
    s = jnp.zeros(3)
    for i, v in enumerate(x):
        if i == 0:
            s = v
        elif i % 2 == 0:
            s = s * v
        else:
            s = s + v @ w
    return s


def while_inside(x, w):
    s = 0.0 * w[0, 0]
    for v in x:
        k = 0
        while k < v[0] * 3:
            k += 1
            s = s + jnp.exp(-(v[1] ** 2)) * w[0, 0]
    return s


def returns_from_inside(x, w):
    for i, v in enumerate(x):
        if v.sum() > 1.5:
            return v @ w * i
    return w[0]


SCANNED = [
    a_state, nothing_at_first, a_number_that_becomes_an_array, numbers_that_become_floats,
    a_list_of_states, a_list_that_has_some_already, a_list_of_pairs, a_list_of_some,
    a_list_of_all_pairs, lists_inside, the_entry_before, entries_from_the_end, a_triangle,
    fewer_trips_the_longer, attention, sums_of_the_first, out_of_the_domain_elsewhere,
    out_of_the_domain_after_the_end, the_last_trips_values, an_object, two_layers_in_a_list,
    a_dict_and_a_tuple, a_ragged_state, weights_of_their_own, branches_on_the_number,
    while_inside, returns_from_inside,
]  # fmt: skip


# ----- a scan cannot hold these: the trips are written out -----
def a_list_read_as_it_grows(x, w):
    out = [jnp.ones(3)]
    for v in x:
        out.append(jnp.tanh(out[-1] @ w + v))
    return jnp.stack(out)


def a_list_of_pythons(x, w):
    ws, s = [w * k for k in range(9)], jnp.zeros(3)
    for t in range(len(x)):
        s = jnp.tanh(s + x[t] @ ws[t])
    return s


def a_dict_asked_by_number(x, w):
    known, s = {0: 2.0, 1: 3.0, "t2": 4.0}, jnp.zeros(3)
    for t in range(len(x)):
        s = s + x[t] * known.get(t, 1.0) * known.get(f"t{t}", 1.0)
    return s @ w


UNROLLED = [a_list_read_as_it_grows, a_list_of_pythons, a_dict_asked_by_number]
