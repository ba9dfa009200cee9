"""Some examples' rows of an array, which are copied only when somebody reads them whole."""

import numpy as np

from autodiff_lab import xp

from ...indexing import check
from ...lane import Lane, Length
from ...once import once
from .whole import numbers, on_host


class Picked(Lane):
    """Some rows of a lane. `rows` are their numbers on the host, `index` the framework's, or a
    slice."""

    def __init__(self, base, rows, index):
        self.base, self.rows, self.index, self.count = base, rows, index, len(rows)
        self.fill, self.weak, self._data, self._sizes = base.fill, base.weak, None, None
        self.look, self.parts, self.bound = None, None, None

    @property
    def data(self):
        if self._data is None:
            self._data = rows_of(self.base.data, self.index)
        return self._data

    @property
    def sizes(self):
        if self._sizes is None:
            self._sizes = self._sizes_from(0)
        return self._sizes

    def _sizes_from(self, axis):
        own = self.base.sizes[axis:]
        return tuple([None if n is None else rows_of(n, self.index) for n in own])

    @property
    def ndim(self):
        return len(self.base.sizes)

    @property
    def dtype(self):
        return self.base.dtype

    @property
    def shape(self):
        sizes = zip(self.base.data.shape[1:], self.sizes, strict=True)
        return tuple([n if own is None else Length(own, n, self.sizes) for n, own in sizes])

    def __getitem__(self, index):
        """`x[i]` reads the entries at their places, and no row whole."""
        first, *rest = index if type(index) is tuple and index else (index,)
        simple = type(first) is int or (isinstance(first, Lane) and first.ndim == 0)
        plain = all([type(i) in (int, slice) for i in rest])
        if self._data is not None or not simple or not plain or not self._is_flat():
            return super().__getitem__(index)
        found = self._entry(first)
        return found[tuple(rest)] if rest else found

    def _is_flat(self):
        return self.ndim > 0 and not any(n is not None and n.ndim > 1 for n in self.base.sizes)

    def _entry(self, i):
        place = self._known_place(i)
        if place is not None:
            base, rows = self.base.data, self.index
            verbs = xp.of(base)
            rows = verbs.asarray(self.rows, base) if isinstance(rows, slice) else rows
            found = verbs.take_at(base, rows, verbs.asarray(place, base))
            return Lane(found, self._sizes_from(1))
        base, own, padded = self.base.data, self.sizes[0], self.base.data.shape[1]
        verbs, size = xp.of(base), padded if own is None else own
        if type(i) is int and (own is None or (i >= 0 and verbs.name == "torch")):
            check(self, 0, i, own, padded)
            entries = self.base.entries(0, i % padded if own is None else i)
            return Lane(rows_of(entries, self.index), self.sizes[1:])
        i = i.data if isinstance(i, Lane) else own * 0 + i
        place = verbs.where(i < 0, i + size, i)
        if verbs.name == "jax":  # which takes the nearest entry
            place = verbs.where(place < 0, 0, verbs.where(place >= size, size - 1, place))
        else:
            check(self, 0, place, own, padded)
        rows = self.index
        if isinstance(rows, slice):
            rows = verbs.arange((self.count,), 0, verbs.index_dtype, place) + rows.start
        place = verbs.clip(place, 0, max(padded - 1, 0))
        return Lane(verbs.take_at(base, rows, place), self.sizes[1:])

    def _known_place(self, i):
        """Where the host knows that every example has such an entry, its place; else None."""
        i, own = numbers(i) if isinstance(i, Lane) else None, self.base.sizes[0]
        size = self.base.data.shape[1] if own is None else lengths(own)
        if i is None or size is None:
            return None
        size = size if own is None else size[self.rows]
        place = np.where(i < 0, i + size, i)
        return place if ((place >= 0) & (place < size)).all() else None


lengths = once(on_host)  # of a batch's examples, of which many turns ask


def rows_of(data, index):
    if not isinstance(index, slice) and xp.of(data).name == "torch":
        return data.index_select(0, index)  # its gradient is added faster than that of data[index]
    return data[index]
