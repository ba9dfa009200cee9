"""A `for` loop with each example's own number of trips, where these numbers are known.

Nobody comes back who has left such a loop. So what an example has when it leaves is put aside, and
its place is taken by a copy of an example that goes on (its leader, see `leader`). The copy goes
through the rest of the loop like everybody else: a trip on which nobody leaves needs no mask.
"""

from autodiff_lab import xp

from ..batches.masked_batch import live
from ..lane import Lane
from ..once import once
from ..setting import setting
from . import effects
from .changes import Watched
from .leader import Run, Taken
from .select import select
from .undefined import Undefined


def each(items, body, carried, given, flags):
    """`(carried, trips)`: the loop, as far as it can be run this way."""
    ends = None if flags or not isinstance(items.trips, Lane) else _ends(items.trips.data)
    if not ends or not all(map(_is_plain, carried)):
        return carried, 0
    with setting(effects.masked, effects.masked.get()):
        return _each(items, ends, body, carried, given)


def _each(items, ends, body, carried, given):
    trips, leader = items.trips.data, int(items.trips.data.argmax())
    followed = _followed(items, trips, leader) if len(ends) > 1 else items
    aside, here, inside, written = [], Taken(True), given, Watched(())
    for i in range(ends[-1]):
        if i in ends:
            aside.append(carried)
            effects.masked.set(True)
            here = Taken(Lane(trips > i, ()), leader)
            carried, inside = here.led(carried), here.led(given)
            written = Watched(inside)
        item = followed.at(i) if followed else here.leads(items.at(i))
        carried = body(item, *carried, *inside)
        here.refuse_lost(inside)
        if not all(map(_is_plain, carried)) or written.changed():
            if aside:
                left = _put_together(trips, ends, aside)
                carried = _joined(Lane(trips > i, ()), here, carried, inside, left, given)
            return carried, i + 1
    return _put_together(trips, ends, [*aside, carried]), items.last


def _put_together(trips, ends, aside):
    """For each example what it had when it left; `aside` are the carried at each of the ends."""
    return tuple([_own(trips, ends, column) for column in zip(*aside, strict=True)])


def _own(trips, ends, column):
    looks = {(x.data.shape, x.dtype) if type(x) is Lane else None for x in column}
    if len(column) == 1 or None in looks or len(looks) > 1:
        found = column[0]
        for end, x in zip(ends[1:], column[1:], strict=False):
            found = select(Lane(trips < end, ()), found, x)
        return found
    verbs, count = xp.of(trips), trips.shape[0]
    when = sum([trips >= end for end in ends[1 : len(column)]])  # the number of the end
    rows = when * count + verbs.arange((count,), 0, verbs.index_dtype, trips)
    data = verbs.concat([x.data for x in column], 0)
    return Lane(data[rows], column[0].sizes, weak=all([x.weak for x in column]))


def _followed(items, trips, leader):
    """The items; an example that has no more is given the leader's. None where they cannot be."""
    fits = [items.through is not None]

    def beyond(x):
        verbs, shape = xp.of(x.data), x.data.shape
        fits.append(not any([n is not None for n in x.sizes[1:]]))
        mask = live([trips, *[None] * (x.ndim - 1)], shape)
        one = verbs.stop_gradient(x.data[leader : leader + 1])
        return Lane(verbs.where(mask, x.data, one), (None,) * x.ndim)

    found = items.through(beyond) if items.through else None
    return found if all(fits) else None


def _joined(going, here, carried, inside, left, given):
    """All examples again, those who have left among them."""
    from .batched import merged

    new = Run.of(*here.found((*[None] * len(left), *inside), carried))
    return merged(going, new, Run((*left, *given), left), left, given)


@once
def _ends(trips):
    """The trips before which examples leave, in order; None where they are not known."""
    if xp.of(trips).name != "torch" or trips.is_floating_point():
        return None
    try:
        return sorted({max(0, n) for n in trips.tolist()})
    except RuntimeError:  # inside vmap nobody knows
        return None


def _is_plain(x):
    """A value that is the same before and after: not a list that the next trip writes into."""
    if isinstance(x, Lane):
        return not any([n is not None for n in x.sizes])
    if type(x) is tuple:
        return all(map(_is_plain, x))
    return isinstance(x, (bool, int, float, complex, Undefined)) or xp.framework_of(x) is not None
