"""Loops and branches of lax in a traced function: each example's own trips, its own branch.

    scan     over a ragged dim: an example that is done keeps its carry
    while    until nobody goes on; counting up to a size (`fori_loop`) is a scan, which JAX
             differentiates backwards
    cond     a branch for each example: all that anybody takes are run, and each keeps its own
    remat    stays: what is inside is computed again on the way back

An example that is done, or takes another branch, runs along. So that nothing happens to it that
does not happen in the loop over the examples, it is given values that do occur: in a scan those of
its first step, elsewhere those of an example that goes on (its leader, see `lifting.leader`).
"""

from autodiff_lab.on_jax.front import body_of, is_var, opened
from autodiff_lab.on_jax.scan import loop_of

from ..lane import Lane, Length
from ..lifting import limits
from ..lifting.leader import Taken
from ..lifting.undefined import or_nan


class Body:
    """A jaxpr inside an equation, to be run on values, on the road or on one that is led."""

    def __init__(self, road, jaxpr, call):
        self.road, self.call = road, call
        self.jaxpr, self.consts = opened(jaxpr)
        self.looks = [v.aval for v in self.jaxpr.invars]
        self.results = [v.aval for v in self.jaxpr.outvars]
        road.names.prepare(sizes_in(self.jaxpr))

    def __call__(self, values, road=None):
        return (road or self.road).run(self.jaxpr, self.consts, values, self.call)

    def lanes(self, lanes):
        """Which results are lanes, if these inputs are."""
        found = {v for v, lane in zip(self.jaxpr.invars, lanes, strict=True) if lane}
        for eqn in self.jaxpr.eqns:
            sized = any(True for p in eqn.params.values() for _ in _sizes_of(p))
            if sized or any(v in found for v in eqn.invars if is_var(v)):
                found.update(eqn.outvars)
        return [is_var(v) and (v in found or _has_sizes(v)) for v in self.jaxpr.outvars]


def sizes_in(jaxpr):
    """Every symbolic size that a jaxpr mentions, also in what it holds."""
    for v in (*jaxpr.constvars, *jaxpr.invars, *(v for e in jaxpr.eqns for v in e.outvars)):
        yield from (n for n in getattr(v.aval, "shape", ()) if hasattr(n, "scope"))
    for eqn in jaxpr.eqns:
        for param in eqn.params.values():
            yield from _sizes_of(param)


def _sizes_of(param):
    if hasattr(param, "scope"):
        yield param
    elif isinstance(param, (tuple, list)):
        for p in param:
            yield from _sizes_of(p)
    elif hasattr(getattr(param, "jaxpr", param), "eqns"):
        yield from sizes_in(opened(param)[0])


def _has_sizes(v):
    return any(hasattr(n, "scope") for n in v.aval.shape)


def _settled(body, consts, carry, rest=()):
    """Which carried values are lanes, from the start or after some trips."""
    while True:
        after = body.lanes([*consts, *carry, *rest])[: len(carry)]
        new = [a or b for a, b in zip(carry, after, strict=True)]
        if new == carry:
            return carry
        carry = new


def _is_lane(x):
    return isinstance(x, Lane)


# ----- scan -----
def scan(road, eqn, values, call):
    loop, body = loop_of(eqn.params), Body(road, body_of(eqn.params), call)
    trips = road.names.length(loop.length) if hasattr(loop.length, "scope") else loop.length
    parts = loop.parts(values)
    carry, ys = _scan(road, body, *parts, trips, loop.reverse)
    outputs = zip(ys, eqn.outvars[loop.carry :], strict=True)
    return [*carry, *(road.lane(y, v.aval) for y, v in outputs)]


def _scan(road, body, consts, carry, xs, trips, reverse=False):
    """All examples together; of `trips` (each example's own, or a number) those that it has.

    A random key that all share stays shared; afterwards each example has that of its last trip.
    """
    import jax

    own, last = (trips.data, trips.padded) if isinstance(trips, Length) else (None, trips)
    inside, lead = _led_if_empty(road, own)
    x_lanes = list(map(_is_lane, xs))
    lanes = [_is_lane(c) or (own is not None and not _is_key(c)) for c in carry]
    lanes = _settled(body, list(map(_is_lane, consts)), lanes, x_lanes)
    n, k = len(consts), len(consts) + len(carry)
    looks = body.looks[:n], body.looks[n:k], body.looks[k:]
    consts = _values(inside, _each(lead, consts), looks[0], map(_is_lane, consts))
    state = _arrays(road, carry, looks[1], lanes)
    xs = [jax.numpy.moveaxis(x.data, 1, 0) if _is_lane(x) else x for x in xs]
    first = [_first(x, own, reverse, lead) if lane else x
             for x, lane in zip(xs, x_lanes, strict=True)]  # fmt: skip
    start = [lead(c) if lane else c for c, lane in zip(state, lanes, strict=True)]

    def trip(state, given):
        i, xs = given
        alive = None if own is None else i < own
        now = _chosen(alive, state, jax.lax.stop_gradient(start), lanes)
        xs = _chosen(alive, xs, jax.lax.stop_gradient(first), x_lanes)
        now, xs = _values(inside, now, looks[1], lanes), _values(inside, xs, looks[2], x_lanes)
        results = body([*consts, *now, *xs], inside)
        new, ys = results[: len(state)], results[len(state) :]
        new = _chosen(alive, _arrays(road, new, looks[1], lanes), state, lanes)
        keys = [c for c, lane in zip(new, lanes, strict=True) if not lane]
        return new, (keys, _arrays(road, ys, body.results[len(state) :]))

    places = jax.numpy.arange(last)
    end, (keys, ys) = jax.lax.scan(trip, state, (places, xs), reverse=reverse)
    ys = [jax.numpy.moveaxis(y, 0, 1) for y in ys]
    if own is not None:
        keys = iter(keys)
        end = [c if lane else _own_key(next(keys), own, key)
               for c, key, lane in zip(end, state, lanes, strict=True)]  # fmt: skip
        lanes = [True] * len(lanes)
    return _values(road, end, looks[1], lanes), ys


def _own_key(keys, own, start):
    """The key after each example's own last trip."""
    import jax.numpy as np

    return np.concatenate([start[None], keys])[own]


def _led_if_empty(road, own):
    """An example without trips runs along with the values of one that has some."""
    taken = own is not None and Taken(Lane(own > 0, ()))
    if not taken or taken.all or taken.none:
        return road, lambda data: data
    return road.led(taken), taken.row


def _first(x, own, reverse, lead):
    """What comes in on each example's own first trip; ones, the tamest number, if there is none."""
    import jax.numpy as np

    if own is None or not x.shape[0]:
        return np.ones(x.shape[1:], x.dtype)
    first = x[np.maximum(own - 1, 0), np.arange(x.shape[1])] if reverse else x[0]
    if np.issubdtype(x.dtype, np.inexact):
        first = np.where(_over(own > 0, first), first, 1)
    return lead(first)


def _is_key(x):
    import jax

    return not _is_lane(x) and jax.dtypes.issubdtype(getattr(x, "dtype", int), jax.dtypes.extended)


# ----- data of lanes -----
def _each(f, values):
    return [f(x.data) if _is_lane(x) else x for x in values]


def _arrays(road, values, looks, lanes=None):
    lanes = [True] * len(values) if lanes is None else lanes
    import jax.numpy as np

    return [road.data(x, look) if lane else x if _is_key(x) else np.asarray(x, look.dtype)
            for x, look, lane in zip(values, looks, lanes, strict=True)]  # fmt: skip


def _values(road, arrays, looks, lanes):
    return [road.lane(a, look) if lane else a
            for a, look, lane in zip(arrays, looks, lanes, strict=True)]  # fmt: skip


def _over(mask, x):
    return mask.reshape(mask.shape + (1,) * (x.ndim - 1))


def _chosen(mask, xs, others, lanes):
    """Each of `xs` on the examples of the mask, else its other; what all share stays."""
    import jax.numpy as np

    if mask is None:
        return xs
    return [np.where(_over(mask, x), x, y) if lane else x
            for x, y, lane in zip(xs, others, lanes, strict=True)]  # fmt: skip


# ----- while -----
def while_loop(road, eqn, values, call):
    p = eqn.params
    n = p["cond_nconsts"]
    k = n + p["body_nconsts"]
    test, body = Body(road, p["cond_jaxpr"], call), Body(road, p["body_jaxpr"], call)
    test_consts, consts, carry = values[:n], values[n:k], values[k:]
    trips = _counted(test, body, consts, carry)
    if trips is not None:
        return _scan(road, body, consts, carry, [], trips)[0]
    lanes = _settled(body, list(map(_is_lane, consts)), list(map(_is_lane, carry)))
    own_test = test.lanes([*map(_is_lane, test_consts), *lanes])[0]
    if own_test:
        lanes = [True] * len(carry)
    looks = body.looks[len(consts) :]
    state = _arrays(road, carry, looks, lanes)

    def asked(state):
        return test([*test_consts, *_values(road, state, looks, lanes)])[0]

    def turn(road, consts, state):
        new = body([*consts, *_values(road, state, looks, lanes)], road)
        return _arrays(road, new, looks, lanes)

    if own_test:
        state = _until_done(road, asked, turn, consts, body.looks, state)
    else:
        state = _lax().while_loop(asked, lambda state: turn(road, consts, state), state)
    return _values(road, state, looks, lanes)


def _lax():
    import jax

    return jax.lax


def _until_done(road, asked, turn, consts, looks, state):
    """Trips until nobody goes on; the others keep what they have, and run along with a leader."""

    def trip(going_state):
        going, state = going_state
        taken = Taken(Lane(going, ())).certain()
        led = road.led(taken)
        own = _values(led, _each(taken.row, consts), looks[: len(consts)], map(_is_lane, consts))
        new = turn(led, own, [taken.row(s) for s in state])
        new = _chosen(going, new, state, [True] * len(state))
        return going & asked(new).data, new

    start = asked(state).data, state
    limit = limits.max_trips()
    if limit is None:
        return _lax().while_loop(lambda s: s[0].any(), trip, start)[1]

    def bounded(state, _):
        return _lax().cond(state[0].any(), trip, lambda s: s, state), None

    going, state = _lax().scan(bounded, start, None, length=limit)[0]
    return [or_nan(Lane(s, (None,) * (s.ndim - 1)), ~going).data for s in state]


def _counted(test, body, consts, carry):
    """The trips of a `fori_loop` up to a size: `i < end`, where i counts and end stays."""
    eqns = test.jaxpr.eqns
    i, end = (*test.jaxpr.invars, None, None)[:2]
    if [e.primitive.name for e in eqns] != ["lt"] or list(eqns[0].invars) != [i, end]:
        return None
    if len(test.jaxpr.invars) != len(carry) or getattr(carry[1], "bound", None) is None:
        return None
    counter, kept = body.jaxpr.invars[len(consts) :][:2]
    by_one = [e for e in body.jaxpr.eqns if e.outvars[0] is body.jaxpr.outvars[0]]
    if body.jaxpr.outvars[1] is not kept or len(by_one) != 1:
        return None
    (add,) = by_one
    one = add.primitive.name == "add" and add.invars[0] is counter and not is_var(add.invars[1])
    if not one or add.invars[1].val != 1 or _is_lane(carry[0]) or not _is_number(carry[0]):
        return None
    own, first = carry[1].data, int(carry[0])
    return Length(own - first, max(carry[1].bound - first, 0))


def _is_number(x):
    try:
        return int(x) >= 0
    except Exception:  # a traced start: nobody knows how many trips
        return False


# ----- cond -----
def cond(road, eqn, values, call):
    index, *operands = values
    branches = [Body(road, b, call) for b in eqn.params["branches"]]
    looks, results = branches[0].looks, [v.aval for v in eqn.outvars]
    lanes = list(map(_is_lane, operands))
    if not _is_lane(index):
        arrays = _arrays(road, operands, looks, lanes)
        ways = [_way(road, b, looks, lanes, results) for b in branches]
        found = _lax().switch(index, ways, arrays)
        return _values(road, found, results, [True] * len(results))
    found = None
    for number, branch in enumerate(branches):
        new = _taken(road, Taken(Lane(index.data == number, ())), branch, operands, results)
        if new is not None:
            mask = index.data == number
            found = new if found is None else _chosen(mask, new, found, [True] * len(new))
    return _values(road, found, results, [True] * len(results))


def _way(road, branch, looks, lanes, results):
    """A body as a function of arrays."""
    return lambda arrays: _arrays(road, branch(_values(road, arrays, looks, lanes), road), results)


def _taken(road, taken, branch, operands, results):
    """What a branch gives to those that take it, and anything to others; None if nobody does."""
    import jax.numpy as np

    if taken.none:
        return None
    lanes = list(map(_is_lane, operands))
    arrays = _arrays(road, operands, branch.looks, lanes)
    if taken.all:
        return _way(road, branch, branch.looks, lanes, results)(arrays)
    led = road.led(taken)
    way = _way(led, branch, branch.looks, lanes, results)
    arrays = [taken.row(a) if lane else a for a, lane in zip(arrays, lanes, strict=True)]
    if taken.all is not None:
        return way(arrays)
    nothing = [np.zeros(road.shape(v), v.dtype) for v in results]
    return _lax().cond(taken.mask.any(), way, lambda _: nothing, arrays)


# ----- remat -----
def remat(road, eqn, values, call):
    import jax

    body = Body(road, body_of(eqn.params), call)
    lanes = list(map(_is_lane, values))
    arrays = _arrays(road, values, body.looks, lanes)
    way = _way(road, body, body.looks, lanes, body.results)
    p = eqn.params
    again = jax.checkpoint(way, prevent_cse=p["prevent_cse"], policy=p["policy"])
    return _values(road, again(arrays), body.results, [True] * len(body.results))


EQUATIONS = {
    "scan": scan, "while": while_loop, "cond": cond,
    **dict.fromkeys(("checkpoint", "remat", "remat2"), remat),
}  # fmt: skip
