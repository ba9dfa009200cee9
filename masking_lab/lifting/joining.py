"""What examples had when they left, put together again: each in its place."""

import numpy as np

from ..lane import Lane
from .leader import Led
from .log import Log, Part, whole
from .select import select
from .some import array_of


def joined(loop, groups, values):
    """One value for all examples, of those that each group has."""
    if any(type(x) is Part for x in values):
        log = next(x.log for x in values if type(x) is Part)
        if type(log) is Log and all(type(x) is Part and x.log is log for x in values):
            return whole(loop, log)
        values = [x.opened(g.some) if type(x) is Part else x
                  for g, x in zip(groups, values, strict=True)]  # fmt: skip
    if all(x is values[0] for x in values) and groups[-1].some is None:
        return values[0]
    roots = [_root(g.some, x) for g, x in zip(groups, values, strict=True)]
    if roots[0] is not None and all(x is roots[0] for x in roots):
        return roots[0]
    if loop.verbs.name == "torch" and all(type(x) in (Lane, Led) for x in values):
        looks = {(x.data.shape[1:], x.dtype, x.weak) for x in values}
        if len(looks) == 1 and not any(n is not None for x in values for n in x.sizes):
            return _rows(loop, groups, values)
    if len({type(x) for x in values}) == 1 and type(values[0]) in (bool, int, float):
        return _numbers(loop, groups, values)
    found = _all(groups[0].some, values[0])
    for g, x in zip(groups[1:], values[1:], strict=True):
        found = select(Lane(_mask(loop, g), ()), _all(g.some, x), found)
    return found


def _all(some, x):
    return x if some is None else some.unled(x)


def _root(some, x):
    """A value of all examples, where the group has its rows of it as it was; else None."""
    while some is not None and type(x) is Led:
        if x.taken is some.direct:
            return x.base
        if x.taken is not some:
            return None
        some, x = some.source, x.base
    return x if some is None and type(x) is Lane else None


def _who(group):
    """Which of all examples it holds."""
    if group.some is None:
        return group.places
    known, places = group.some.numbers, group.places
    if type(places) is range:
        return known[places.start : places.stop]
    return [known[i] for i in places]


def _mask(loop, group):
    mask = np.zeros(loop.count, bool)
    mask[_who(group)] = True
    return array_of(loop.verbs, mask, loop.like)


def _rows(loop, groups, values):
    """The rows of all groups in one array, in the examples' order."""
    parts, place, start = [], np.zeros(loop.count, int), 0
    for g, x in zip(groups, values, strict=True):
        own = g.places
        own = np.arange(own.start, own.stop) if type(own) is range else np.asarray(own)
        low, high = int(own.min()), int(own.max()) + 1
        parts.append(_between(x, low, high))
        place[_who(g)] = own - low + start
        start += high - low
    data = parts[0] if len(parts) == 1 else loop.verbs.concat(parts, 0)
    index = array_of(loop.verbs, place, loop.like)
    return Lane(data.index_select(0, index), values[0].sizes, weak=values[0].weak)


def _between(x, low, high):
    """Some of its rows. At the end stand those who leave; the others' rows are asked for, too."""
    if high < x.data.shape[0]:
        return x.data[low:high]
    return x.apart(low)[1] if low else x.data


def _numbers(loop, groups, values):
    """Python's numbers: each example's own, unless all are the same."""
    if all(x == values[0] for x in values):
        return values[0]
    own = np.zeros(loop.count, np.asarray(values[0]).dtype)
    for g, x in zip(groups, values, strict=True):
        own[_who(g)] = x
    return Lane(loop.verbs.asarray(own, loop.like), (), weak=True)
