"""Some examples' rows of an array, which are copied only when somebody reads them whole."""

from autodiff_lab import xp

from ...indexing import check
from ...lane import Lane, Length


class Picked(Lane):
    """Some rows of a lane. `index` are their numbers, or a slice."""

    def __init__(self, base, index, count):
        self.base, self.index, self.count = base, index, count
        self.sizes = tuple([None if n is None else rows_of(n, index) for n in base.sizes])
        self.fill, self.weak, self._data = base.fill, base.weak, None
        self.look, self.parts, self.bound = None, None, None

    @property
    def data(self):
        if self._data is None:
            self._data = rows_of(self.base.data, self.index)
        return self._data

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
        return self.ndim > 0 and not any(n is not None and n.ndim > 1 for n in self.sizes)

    def _entry(self, i):
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


def rows_of(data, index):
    if not isinstance(index, slice) and xp.of(data).name == "torch":
        return data.index_select(0, index)  # its gradient is added faster than that of data[index]
    return data[index]
