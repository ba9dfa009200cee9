"""Under `jax.jit` nobody knows which examples take a branch: the compiled program decides.

A branch becomes a `lax.cond` on whether anybody takes it, a `while` loop a `lax.while_loop` until
nobody goes on. JAX does not differentiate a `while_loop` backwards; with `max_trips` the loop has
a bound and becomes a `lax.scan`, which it does. A `for` loop is one too: see `scan`.
"""

from ..lane import is_array
from . import limits
from .state import Slots, Unsettled, given_back, lane, settled, snapshots, staying
from .undefined import or_nan


def run_if_any(mask, run, given):
    """`run()`, if any example takes the block; otherwise zeros in its place, which nobody keeps.

    What comes out as it was `given` stays the same object.
    """
    import jax
    from jax.extend.core import jaxpr_as_fun

    outside = {id(x): x for x in Slots(given).values}
    kept = {}

    def taking():
        kept["slots"] = slots = Slots(run())
        kept["new"] = [is_array(x) and id(x) not in outside for x in slots.values]
        return [x for x, new in zip(slots.values, kept["new"], strict=True) if new]

    closed = jax.make_jaxpr(taking)()
    zeros = [jax.numpy.zeros(x.shape, x.dtype) for x in closed.out_avals]
    found = iter(jax.lax.cond(mask.any(), jaxpr_as_fun(closed), lambda: zeros))
    slots = kept["slots"]
    pairs = zip(slots.values, kept["new"], strict=True)
    return slots.build([next(found) if new else x for x, new in pairs])


def scanned(items, start, step, carried, given, flags):
    """A `for` loop as one scan, or None where it is none."""
    from .batched import going_on
    from .scan import Scan, always

    count = items.trips.data.shape[0] if hasattr(items.trips, "data") else None
    on = (lambda carried: going_on(carried, flags)) if flags else always
    try:
        return Scan(items, start, step, on, count).run(carried, given)
    except Exception:  # unrolled it either works, or says what is wrong
        return None


def repeat(going, step, carried, given, max_trips):
    """`while`: `step(going, carried, given)` gives the first two again, until nobody goes on."""
    import jax

    count = going.data.shape[0]
    before = going, tuple(lane(x, count, going.data) for x in carried), tuple(given)

    def trip(state):
        going, carried, given = state
        old = snapshots(carried)
        after = step(going, carried, given)
        stay[:] = staying(carried, after[1], old)
        return *after, given

    def trial(slots, places):
        kept = []

        def traced(*arrays):
            kept.append(trip(slots.put(places, arrays)))
            return [x for x in Slots(kept[0]).values if is_array(x)]

        jax.make_jaxpr(traced)(*[slots.values[i] for i in places])
        return kept[0]

    stay: list = []
    slots, places = settled(trial, before, len(Slots(before[:2]).values), count)

    def body(arrays):
        new = Slots(trip(slots.put(places, arrays))).values
        return [new[i] for i in places]

    arrays = _turned(body, [slots.values[i] for i in places], max_trips)
    going, after, given_after = slots.put(places, arrays)
    if max_trips is not None:
        after = tuple(or_nan(x, ~going.data) for x in after)
    return given_back(carried, given, after, given_after, stay)


def _turned(body, arrays, max_trips):
    """`body(arrays)` again and again, while the first array says that anybody goes on."""
    import jax

    if max_trips is None and limits.must_end():
        raise Unsettled("a loop without a bound is not differentiated backwards")
    if max_trips is None:
        return jax.lax.while_loop(lambda arrays: arrays[0].any(), body, arrays)

    def once(arrays, _):
        return jax.lax.cond(arrays[0].any(), body, list, arrays), None

    return jax.lax.scan(once, arrays, None, length=max_trips)[0]
