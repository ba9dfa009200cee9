"""A `for` loop with each example's own number of trips, where these numbers are known.

Nobody comes back who has left such a loop. So what an example has when it leaves is put aside, and
its place is taken by a copy of an example that goes on (its leader, see `leader`). The copy goes
through the rest of the loop like everybody else: a trip on which nobody leaves needs no mask.
"""

from autodiff_lab import xp

from ..lane import Lane
from ..masked_batch import valid
from ..once import once
from .leader import Run, Taken, changeable
from .select import select
from .undefined import Undefined


def each(items, body, carried, given, flags):
    """`(carried, trips)`: the loop, as far as it can be run this way."""
    ends = None if flags or not isinstance(items.trips, Lane) else _ends(items.trips.data)
    if not ends or not all(map(_is_plain, carried)):
        return carried, 0
    trips, leader = items.trips.data, int(items.trips.data.argmax())
    followed = _followed(items, trips, leader) if len(ends) > 1 else items
    aside, here, inside, written = None, Taken(True), given, []
    for i in range(ends[-1]):
        if i in ends:
            aside = carried if aside is None else select(Lane(trips < i, ()), aside, carried)
            here = Taken(Lane(trips > i, ()), leader)
            carried, inside = here.led(carried), here.led(given)
            written = [x for x in inside if changeable(x)]
            before = list(_leaves(written))
        item = followed.at(i) if followed else here.leads(items.at(i))
        carried = body(item, *carried, *inside)
        if (written and not _same(before, written)) or not all(map(_is_plain, carried)):
            if aside is not None:
                carried = _together(Lane(trips > i, ()), carried, inside, aside, given)
            return carried, i + 1
    if aside is not None:
        carried = select(Lane(trips < ends[-1], ()), aside, carried)
    return carried, items.last


def _followed(items, trips, leader):
    """The items; an example that has no more is given the leader's. None where they cannot be."""
    fits = [items.through is not None]

    def beyond(x):
        verbs, shape = xp.of(x.data), x.data.shape
        fits.append(not any([n is not None for n in x.sizes[1:]]))
        mask = valid(verbs, [trips, *[None] * (x.ndim - 1)], shape, x.data)
        one = verbs.stop_gradient(x.data[leader : leader + 1])
        return Lane(verbs.where(mask, x.data, one), (None,) * x.ndim)

    found = items.through(beyond) if items.through else None
    return found if all(fits) else None


def _together(going, carried, inside, aside, given):
    """All examples again, those who have left among them."""
    from .batched import merged

    left = (*aside, *given)
    new = Run([None] * len(aside) + list(inside), carried)
    return merged(going, new, Run(left, aside), aside, given)


def _leaves(x):
    """What a container holds, and how much of it."""
    if isinstance(x, Lane) or xp.framework_of(x):
        yield x
    elif isinstance(x, (list, tuple)):
        yield len(x)
        for y in x:
            yield from _leaves(y)
    elif isinstance(x, dict):
        yield from _leaves([*x.keys(), *x.values()])
    elif changeable(x):
        yield from _leaves(vars(x))
    else:
        yield x


def _same(before, written):
    after = list(_leaves(written))
    return len(before) == len(after) and all([a is b or (type(a) is int and a == b)
                                             for a, b in zip(before, after, strict=True)])


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
