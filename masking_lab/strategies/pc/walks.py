"""What a `for` loop goes through, when each example may be at another place of it.

Each of these is a tuple, so that it can be kept like any other value; `trips` is how many items it
has, and `at(i)` the i-th, where i may be each example's own number.
"""

from typing import Any, NamedTuple

import numpy as np

from autodiff_lab import xp

from ...lane import Lane, is_array
from ...lifting.batched import has_lanes
from ...lifting.items import Items
from ...lifting.sequences import Ragged, shared_entry
from ...lifting.writing import as_lane
from .log import Differ
from .things import Lists, host


class Range(NamedTuple):
    start: Any
    step: Any
    trips: Any

    def at(self, i):
        return self.start + i * self.step


class Entries(NamedTuple):
    """An array, from its first entry to its last."""

    over: Any

    @property
    def trips(self):
        return self.over.shape[0]

    def at(self, i):
        if isinstance(i, Lane):
            return (self.over if isinstance(self.over, Lane) else as_lane(self.over, i))[i]
        return shared_entry(self.over, i) if is_array(self.over) else self.over[i]


class Elements(NamedTuple):
    """A list; it may grow while it is gone through."""

    over: Any

    @property
    def trips(self):
        return self.over.size()

    def at(self, i):
        return self.over[i]


class Zipped(NamedTuple):
    walks: tuple

    @property
    def trips(self):
        found = self.walks[0].trips
        for walk in self.walks[1:]:
            found = smaller(found, walk.trips)
        return found

    def at(self, i):
        return tuple([walk.at(i) for walk in self.walks])


class Backwards(NamedTuple):
    walk: Any

    @property
    def trips(self):
        return self.walk.trips

    def at(self, i):
        return self.walk.at(self.walk.trips - 1 - i)


KINDS = (Range, Entries, Elements, Zipped, Backwards)


def entries(x):
    """A sequence that is asked for as a whole, not gone through by `for`: the list of its items."""
    if not isinstance(x, KINDS):
        return x
    trips = x.trips
    if isinstance(trips, Lane):
        every = host(trips.data)
        if len(set(every)) > 1:
            raise Differ(np.asarray(every))
        trips = int(every[0]) if len(every) else 0
    return [x.at(i) for i in range(trips)]


for _kind in KINDS:  # to the program they are sequences, whatever they are to us
    _kind.__getitem__ = lambda self, i: entries(self)[i]  # type: ignore[method-assign]
    _kind.__iter__ = lambda self: iter(entries(self))  # type: ignore[method-assign]


def walk(x, made):
    """Anything that `for` takes; `made` makes lists of those that hold each example's own."""
    if isinstance(x, KINDS):
        return x
    if isinstance(x, range):
        return Range(x.start, x.step, len(x))
    if isinstance(x, Lane) or is_array(x):
        if not x.ndim:
            raise TypeError("iteration over an array without dims")
        return Entries(x)
    if isinstance(x, Ragged):  # of a call that answered for itself
        x = [x.at(i) for i in range(x.last)] if not isinstance(x.trips, Lane) else x
    return Elements(x if isinstance(x, Lists) else made(x if isinstance(x, Items) else list(x)))


def range_(*args):
    start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    trips = -((start - stop) // step)
    return Range(start, step, larger(trips, 0))


def larger(a, n):
    return Lane(xp.of(a.data).where(a.data < n, n, a.data), (), weak=True)


def smaller(a, b):
    if not isinstance(a, Lane) and not isinstance(b, Lane):
        return min(a, b)
    a, b = (a, b) if isinstance(a, Lane) else (b, a)
    other = b.data if isinstance(b, Lane) else b
    return Lane(xp.of(a.data).where(a.data < other, a.data, other), (), weak=True)


def asks_each(args):
    """Is there something among the arguments that is each example's own?"""
    return any(isinstance(x, (Lists, tuple)) for x in args) or has_lanes(args)


def zipped(made, *xs, strict=False):
    return Zipped(tuple([walk(x, made) for x in xs]))


def counted(made, x, start=0):
    over = walk(x, made)
    return Zipped((Range(start, 1, over.trips), over))


# Python's functions that make sequences, for values that may be each example's own.
WALKS = {
    range: lambda made, *args: range_(*args),
    zip: zipped,
    enumerate: counted,
    reversed: lambda made, x: Backwards(walk(x, made)),
}
