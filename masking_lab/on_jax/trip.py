"""The number of a trip through a loop whose trips are compiled once for all.

Python would count 0, 1, 2, ...; the compiled body has one number that stands for all of them. It
remembers how it was computed from the count, so that `x[t]`, `x[t - 1]` or an entry counted from
the end is laid out before the loop, one for each trip, and handed in. That is what `lax.scan` does
best, and what keeps the gradient of `x` cheap: one write for each trip, not a whole array.
"""

import functools

from autodiff_lab import source, xp

from ..batches.masked_batch import depends
from ..errors import MaskError
from ..lane import Lane


class Trip(Lane):
    """`step * number + first`, counted from `base`, each example's own number, if there is one."""

    weak, sizes, fill = True, (), None

    def __init__(self, table, number, step=1, first=0, base=None, led=None):
        self.look = self.parts = self.bound = None
        self.table, self.number = table, number
        self.step, self.first, self.base = step, first, base
        self.led = base if led is None else led  # inside a block the leader's, where not taken

    @functools.cached_property
    def data(self):
        verbs = xp.of(self.number)
        n = self.number * self.step + self.first
        n = n if self.base is None else n + verbs.astype(self.led, n.dtype)
        return verbs.broadcast(n, (self.table.count,), (0,) if n.ndim else ())

    @property
    def span(self):
        """The smallest and the largest number, if they are known."""
        if self.base is not None:
            return None, None
        ends = [
            n * self.step + self.first
            for n in self.table.numbers[:: len(self.table.numbers) - 1 or 1]
        ]
        return min(ends), max(ends)

    @property
    def dtype(self):
        return self.number.dtype

    def counted_from(self, start, step):
        """`start + step * self`, where `start` was there before the loop."""
        step, first = step * self.step, step * self.first
        if isinstance(start, Lane):
            return Trip(self.table, self.number, step, first, start.data)
        return Trip(self.table, self.number, step, first + start, self.base, self.led)

    def leads(self, taken):
        """All examples of a block make the same trip."""
        led = None if self.base is None else taken.row(self.led)
        return Trip(self.table, self.number, self.step, self.first, self.base, led)

    def reaches(self, x, axis):
        """Was `x` there before the loop, so that its entries along `axis` can be handed in?"""
        own = x.sizes[axis]
        nested = own is not None and own.ndim > 1
        if nested or any(depends(n, axis) for n in x.sizes):
            return False
        return self.table.root(x) is not None

    def of_shared(self, x):
        """The entry of an array that all examples share."""
        if self.base is None and id(x) in self.table.outside:
            return self.table.entries(x, None, self)
        return None

    def __add__(self, other):
        return self.counted_from(other, 1) if type(other) is int else super().__add__(other)

    __radd__ = __add__

    def __sub__(self, other):
        return self + -other if type(other) is int else super().__sub__(other)

    def __hash__(self):
        raise self._unknown()

    def __str__(self):
        raise self._unknown()

    def __format__(self, how):
        raise self._unknown()

    __repr__ = __str__

    def _unknown(self):
        return MaskError(f"the number of a trip at {source.here()} is not known while it is traced")


class Table:
    """The entries that the trips of one loop ask for, laid out before it, one for each trip.

    `outside` are the arrays that were there before the loop.
    """

    def __init__(self, count, trips, numbers, outside):
        self.count, self.trips, self.numbers = count, trips, numbers
        self.outside = {id(x): x for x in outside}
        self.asked, self.laid_out, self.handed = {}, [], []

    def root(self, x):
        """`x` as it was before the loop, or None."""
        while not self.has(x):
            if x.taken is None:
                return None
            x = x.base
        return x

    def has(self, x):
        """Was it there before the loop?"""
        data = x.data if x.taken is None else x._data  # led data may not be made yet
        return id(data) in self.outside

    def entries(self, x, axis, trip):
        """This trip's entries of an array from outside."""
        data = x if axis is None else x.data
        key = (id(data), axis, trip.step, trip.first, id(trip.base))
        if key not in self.asked:
            self.asked[key] = (len(self.asked), x, axis, trip.step, trip.first, trip.base)
        i = self.asked[key][0]
        if i < len(self.handed):
            return self.handed[i]
        # asked for the first time: any entry will do, this body is traced once more
        return data[0] if axis is None else data[(slice(None),) * (axis + 1) + (0,)]

    def columns(self):
        """What was asked for, the trips in front."""
        for _, *asked in list(self.asked.values())[len(self.laid_out) :]:
            self.laid_out.append(self._column(*asked))
        return self.laid_out

    def shared(self):
        """Which columns are entries of an array that all examples share?"""
        return [axis is None for _, _, axis, *_ in self.asked.values()][: len(self.laid_out)]

    def _column(self, x, axis, step, first, base):
        import jax.numpy as jnp

        if axis is None:
            place = jnp.asarray(self.numbers) * step + first
            place = jnp.where(place < 0, place + x.shape[0], place)
            return x[jnp.clip(place, 0, x.shape[0] - 1)]
        data, own = jnp.moveaxis(x.data, axis + 1, 1), x.sizes[axis]
        size = data.shape[1]
        plain = (step, first, base) == (1, 0, None) and self.numbers.stop <= size
        if plain and (own is None or own is self.trips):
            return jnp.moveaxis(data[:, self.numbers.start : self.numbers.stop], 1, 0)
        place = jnp.asarray(self.numbers)[None] * step + first
        place = place if base is None else place + base[:, None]
        own = size if own is None else own[:, None]
        place = jnp.where(place < 0, place + own, place)
        place = jnp.clip(jnp.where(place >= own, own - 1, place), 0)
        place = jnp.broadcast_to(place, (data.shape[0], len(self.numbers)))
        place = place.reshape(*place.shape, *(1,) * (data.ndim - 2))
        return jnp.moveaxis(jnp.take_along_axis(data, place, 1), 1, 0)
