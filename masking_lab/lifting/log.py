"""A list that a loop appends to, while examples leave the loop.

Narrowed at every leaving, a list of T elements would be copied up to T times. But what has been
appended stays as it is, and whoever leaves has the elements so far. So there is one list for all
trips, which remembers for whom each element was appended; in the end it is one array (`Block`).
Whoever reads it in the loop is given an ordinary list of the examples that are there (`open`).
"""

import numpy as np

from autodiff_lab import trees

from ..lane import Lane
from ..packed_lane import Packed
from ..rules.packed import is_packing, segments
from .blocks import Block
from .changes import containers
from .items import Items
from .some import array_of, rows


class Log(Items):
    """`base` is the list before the loop; `got` are the elements since, each with its examples."""

    def __init__(self, base, loop):
        self.base, self.loop, self.got = base, loop, []

    def append(self, x):
        if type(self) is not Log:  # what is appended has opened us
            return Items.append(self, x)
        self.got.append((x, self.loop.some))

    def extend(self, xs):
        if isinstance(xs, Items) and xs.ragged:
            self.open()
            return self.extend(xs)
        for x in xs:
            self.append(x)

    def open(self):
        """Be an ordinary list of the examples that are still in the loop."""
        self.__class__, self.here = Items, []
        self.fill(_pairs(self, len(self.got), self.loop.some))


def _opening(name, called=True):
    def method(self, *args):
        if type(self) is Log:  # if not: an argument of the call has opened us
            self.open()
        found = getattr(self, name)
        return found(*args) if called else found

    return method


for _name in """pairs fill spread __iter__ __len__ add pop __setitem__ insert reverse copy __add__
    __radd__ __iadd__ __getitem__ __contains__ __eq__ __repr__ remove index sort clear count stacked
    block __delitem__ __mul__ __reversed__""".split():
    setattr(Log, _name, _opening(_name))
for _name in ("ragged", "blocks", "masks", "here"):
    setattr(Log, _name, property(_opening(_name, called=False)))
Log.__hash__ = None  # type: ignore[assignment]


class Part:
    """What a log held when some left the loop."""

    def __init__(self, log):
        self.log, self.count = log, len(log.got)

    def opened(self, some):
        return _list(_pairs(self.log, self.count, some))


def _list(pairs):
    new = Items()
    new.fill(pairs)
    return new


def _pairs(log, count, some):
    """The elements as the examples `some` have them."""
    before = log.base if some is None else some.direct.leads(log.base)
    return [*before.pairs(), *[(_moved(x, now, some), None) for x, now in log.got[:count]]]


def _moved(x, before, some):
    """What examples had, for those of them that are left."""
    if some is before:
        return x
    return some.leads(_moved(x, before, some.source))


def whole(loop, log):
    """The list that all examples have in the end: each as far as it came."""
    if not log.got:
        return _list(log.base.pairs())
    block = _block(loop, log.got)
    if block is None:
        return _list([*log.base.pairs(), *[_alone(x, some) for x, some in log.got]])
    return _list([*log.base.pairs(), block])


def _alone(x, some):
    if some is None:
        return x, None
    return some.unled(x), None if some.present == some.count else some.mask


def _block(loop, got):
    """`(Block, mask)`; None where the elements are not arrays that look alike."""
    columns, rebuild = _columns([x for x, _ in got])
    if columns is None:
        return None
    places, here = _places(loop, [some for _, some in got], [len(x.data) for x in columns[0]])
    lengths = loop.lengths_like(here.sum(1))
    made = [_column(loop, column, places, here, lengths) for column in columns]
    return Block(rebuild(made), lengths), array_of(loop.verbs, here, loop.like)


def _columns(elements):
    """The arrays of the elements, side by side; what can change stays what it is."""
    if any(True for _ in containers(tuple(elements))):
        return None, None
    flat = [trees.flatten(x) for x in elements]
    columns = list(zip(*[f[0] for f in flat], strict=False))
    if any(f[1] != flat[0][1] for f in flat) or not columns:
        return None, None
    for column in columns:
        if not all(isinstance(x, Lane) and not any(n is not None for n in x.sizes) for x in column):
            return None, None
        if len({(tuple(x.data.shape[1:]), x.dtype, x.weak) for x in column}) > 1:
            return None, None
    return columns, flat[0][2]


def _places(loop, somes, counts):
    """For each example and element its row in all of them, and whether it has it."""
    places, here = np.zeros((2, loop.count, len(somes)), int)
    start = 0
    for t, (some, n) in enumerate(zip(somes, counts, strict=True)):
        who = np.arange(loop.count) if some is None else np.asarray(some.numbers)
        places[who, t], here[who, t] = start + np.arange(len(who)), 1
        start += n
    return places, here.astype(bool)


def _column(loop, column, places, here, lengths):
    data = loop.verbs.concat([x.data for x in column], 0)
    ndim = column[0].ndim + 1
    if is_packing():
        index = array_of(loop.verbs, places[here], loop.like)
        return Packed(0, segments(lengths), ndim, rows(data, index), weak=column[0].weak)
    wide = rows(data, array_of(loop.verbs, places.reshape(-1), loop.like))
    wide = loop.verbs.reshape(wide, (*places.shape, *data.shape[1:]))
    return Lane(wide, (lengths, *[None] * (ndim - 1)), weak=column[0].weak)
