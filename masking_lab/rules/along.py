"""What a row does along a ragged dim: the words of the table's column `along`.

Most rows do along a ragged dim what they do along any other, once dead entries hold something
harmless (`rules`). A row that moves entries, chooses them by place or changes sizes states in its
column `along` how: a function of `m` (this module's `Along`), its inputs and its parameters, over
few words:

    m.run(fill, grow)            itself on the padded data, after dead entries were filled
    m.read(x, {axis: place})     entry i of the result is entry place(i, n) of x, n its own length
    m.cut, m.join, m.pad         slices, concatenation and padding, where the example ends

`place` and the sizes are written for one example, over numbers; here they are each example's own.
"""

import math

from autodiff_lab import source, xp
from autodiff_lab.table.row import ROWS, positive

from ..batches.masked_batch import depends, valid
from ..errors import MaskError
from ..lane import Lane, Length, lined_up, refill, refuse_nested, settled, shared
from ..padding import cropped, extreme
from . import chosen, lax_places, matrices


def concerns(row, xs, params):
    """Does a call of the row do something along a ragged dim that only `along` tells?"""
    if row.along is None:
        return False
    ragged = [[a for a, n in enumerate(getattr(x, "sizes", ())) if n is not None] for x in xs]
    if row.axes is None or row.kind == "composite":
        return True
    moved = row.moves(**params) if row.moves else ()
    if any(a in moved for axes in ragged for a in axes):
        return True
    if row.identity is not None or not any(ragged):
        return False
    from . import comparable

    places, _ = row.axes([getattr(x, "ndim", 0) for x in xs], **comparable(params))
    return any(places[i][a] is None for i, axes in enumerate(ragged) for a in axes)


class Along:
    """One call of a row on lanes, seen from the row's column `along`."""

    def __init__(self, row, verbs, count, xs, params):
        self.row, self.verbs, self.count = row, verbs, count
        self.xs, self.params = xs, params

    # ----- the row itself -----
    def run(self, fill, grow=None):
        """The row's own `fn` on the padded data.

        Dead entries hold `fill`: a number, "lowest", "highest", or "last", which sorts behind all.
        `grow` maps an axis of the output to `(input, axis, size)`: its size is `size(n)` of that
        axis of that input, or None if it is no longer ragged.
        """
        from . import Batched, padded

        self.not_nested()

        row, xs = self.row, [self.filled(x, fill) for x in self.xs]
        sizes = self._sizes(grow or {})
        batched = Batched(self.count, tuple(isinstance(x, Lane) for x in xs))
        params = {k: padded(v) for k, v in self.params.items()}
        if row.arity is None:  # several inputs that are treated alike
            xs = [self.lane(x, self.like) for x in xs]
        arrays = [x.data if isinstance(x, Lane) else x for x in xs]
        y = row.fn(self.verbs, *arrays, **row.batch(batched, **params))
        return Lane(y, sizes) if row.outputs == 1 else tuple(Lane(part, sizes) for part in y)

    def _sizes(self, grow):
        """The sizes of the result: those of the axes that stay, and those that are computed."""
        from . import comparable

        ndims = [getattr(x, "ndim", 0) for x in self.xs]
        places, ndim = self.row.axes(ndims, **comparable(self.params))
        found = [None] * ndim
        for x, goes in zip(self.xs, places, strict=True):
            for axis, place in enumerate(goes if isinstance(x, Lane) else ()):
                if place is not None and place >= 0 and x.sizes[axis] is not None:
                    found[place] = x.sizes[axis]
        for place, how in grow.items():
            found[place] = None
            if how is not None:
                which, axis, size = how
                x = self.xs[which]
                own = x.sizes[axis] if isinstance(x, Lane) else None
                found[place] = None if own is None else size(own)
        return found

    def not_nested(self, *xs):
        """Only `read` and `cut` know sizes that depend on an outer dim."""
        refuse_nested(self.row.name if self.row else "this", xs or self.xs)

    def refuse(self, why):
        from . import Refused

        raise Refused(f"{why}, which has no mask rule yet; do that before batching")

    def filled(self, x, fill):
        if not isinstance(x, Lane):
            return x
        if isinstance(fill, str):
            fill = extreme(self.verbs, x.dtype, fill)
        return refill(self.verbs, x, fill)

    def apply(self, name, *xs, **params):
        """Another row of the table."""
        from .. import rules

        return rules.apply(ROWS[name], self.verbs, self.count, xs, params)

    # ----- numbers that may be each example's own -----
    def lane(self, x, like=None):
        return x if isinstance(x, Lane) else shared(self.verbs, self.count, x, like)

    def size(self, x, axis):
        own, padded = x.sizes[axis], x.data.shape[axis + 1]
        return padded if own is None else Length(own, padded, x.sizes)

    def spread(self, n, ndim):
        """A number of each example, to be used beside arrays of `ndim` axes and the batch's."""
        return lined_up(self.verbs, n.data, ndim + 1) if isinstance(n, Lane) else n

    def places(self, padded, axis, ndim):
        """0, 1, 2, ... along one axis of data with `ndim` axes and the batch's."""
        shape = tuple(padded if a == axis else 1 for a in range(-1, ndim))
        return self.verbs.arange(shape, axis + 1, self.verbs.index_dtype, self.like)

    @property
    def like(self):
        return next(x.data for x in self.xs if isinstance(x, Lane))

    # ----- entries by their place -----
    def read(self, x, place, size=None):
        """Entries of `x`: along each axis of `place`, the one at `place[axis](i, n)`.

        `size` maps an axis to its new size, a number or a Length; others keep theirs.
        """
        x = self.lane(x)
        for axis, where in place.items():
            new = (size or {}).get(axis, self.size(x, axis))
            index = where(*self._within(x, axis, new))
            x = self.at(x, axis, index, new)
        return x

    def _within(self, x, axis, new):
        padded = new.padded if isinstance(new, Length) else new
        index = self.places(padded, axis, x.ndim)
        return index, self.spread(self.size(x, axis), x.ndim)

    def at(self, x, axis, index, size):
        """The entries of `x` at an index along one axis; an index outside reads anything."""
        verbs, shape = self.verbs, tuple(x.data.shape)
        own, padded = (size.data, size.padded) if isinstance(size, Length) else (None, size)
        goal = (*shape[: axis + 1], padded, *shape[axis + 2 :])
        sizes = [self._moved(n, axis, index, padded) if depends(n, axis) else n for n in x.sizes]
        sizes[axis] = own
        if shape[axis + 1] == 0:  # nothing to read
            return Lane(verbs.zeros(goal, x.dtype, x.data), sizes)
        index = verbs.clip(index, 0, shape[axis + 1] - 1)
        index = verbs.broadcast(index, goal, tuple(range(len(goal))))
        return Lane(verbs.take_along(x.data, index, axis + 1), settled(verbs, sizes))

    def _moved(self, n, axis, index, padded):
        """The sizes that depend on an axis whose entries are read at an index."""
        if any(m != 1 for m in index.shape[n.ndim :]):
            raise MaskError(f"moving entries apart from each other at {source.here()} tears a "
                            "nested dim; go through the outer dim in a loop")  # fmt: skip
        goal = (*n.shape[: axis + 1], padded, *n.shape[axis + 2 :])
        index = self.verbs.reshape(index, tuple(index.shape[: n.ndim]))
        index = self.verbs.clip(index, 0, n.shape[axis + 1] - 1)
        index = self.verbs.broadcast(index, goal, tuple(range(len(goal))))
        return self.verbs.take_along(n, index, axis + 1)

    # ----- slices, joins, padding -----
    def cut(self, x, axis, start, stop, step=1):
        """`x[start:stop:step]`, the bounds inside the example; they may be Lengths."""
        x = self.lane(x)
        whole = isinstance(start, int) and (start, step) == (0, 1) and isinstance(stop, Length)
        if whole and stop.data is x.sizes[axis]:
            return x
        count = _map(lambda a, b: positive(-(-(b - a) // step)), start, stop)
        if isinstance(count, Length):
            padded = -(-((_padded(stop)) - (0 if isinstance(start, Length) else start)) // step)
            count = Length(count.data, max(padded, 0), count.sizes)
        if not isinstance(start, Length):  # the data's own slice will do
            n = count.padded if isinstance(count, Length) else count
            chosen = slice(start, start + max(n - 1, 0) * step + 1 if n else start, step)
            at = (slice(None),) * (axis + 1) + (chosen,)
            data = x.data[at]
            if data.shape[axis + 1] == n:
                sizes = [m[at] if depends(m, axis) else m for m in x.sizes]
                sizes[axis] = count.data if isinstance(count, Length) else None
                return Lane(data, sizes)
        first = self.spread(start, x.ndim)
        return self.read(x, {axis: lambda i, n: first + step * i}, {axis: count})

    def join(self, xs, axis):
        """One behind the other: each example's parts touch."""
        self.not_nested()
        lanes = [self.lane(x) for x in xs]
        dtype = self.verbs.common_dtype([x.dtype for x in lanes])
        lanes = self.fitted([self._cast(x, dtype) for x in lanes], axis)
        sizes = [self.size(x, axis) for x in lanes]
        data = self.verbs.concat([x.data for x in lanes], axis + 1)
        whole = Lane(data, [_first(x.sizes[a] for x in lanes) for a in range(lanes[0].ndim)])
        total = _map(lambda *n: sum(n), *sizes)
        if all(isinstance(n, int) for n in sizes[:-1]):  # only the last one may end early
            own = total.data if isinstance(total, Length) else None
            return Lane(data, (*whole.sizes[:axis], own, *whole.sizes[axis + 1 :]))
        return self.read(whole, {axis: lambda i, _: self._joined(i, sizes, whole.ndim)},
                         {axis: total})  # fmt: skip

    def _joined(self, i, sizes, ndim):
        """Where entry i of the joined example lies in the joined padded data."""
        place, own, padded = i, sizes[0], _padded(sizes[0])
        for n in sizes[1:]:
            begin = self.spread(own, ndim)
            place = self.verbs.where(i >= begin, i - begin + padded, place)
            own, padded = _map(lambda a, b: a + b, own, n), padded + _padded(n)
        return place

    def _cast(self, x, dtype):
        return x if x.dtype == dtype else Lane(self.verbs.astype(x.data, dtype), x.sizes)

    def fitted(self, lanes, but):
        """Lanes padded alike along all axes but one: what agrees may be padded differently."""
        for axis in range(lanes[0].ndim):
            n = min(x.data.shape[axis + 1] for x in lanes)
            if axis != but and any(x.sizes[axis] is not None for x in lanes):
                lanes = [cropped(x, axis, n) for x in lanes]
        return lanes

    def pad(self, x, value, low, high, gaps):
        """`value` in front of the entries, behind the last one, and `gaps` of them in between."""
        self.not_nested()
        verbs, x = self.verbs, refill(self.verbs, self.lane(x), 0.0)
        ends = (0, *(max(n, 0) for n in low)), (0, *(max(n, 0) for n in high)), (0, *gaps)
        y = verbs.pad(x.data, 0, *ends)
        mask = valid(verbs, x.sizes, tuple(x.data.shape), x.data)
        if mask is None:
            mask = verbs.ones(tuple(x.data.shape), verbs.bool_type, x.data)
        mask = verbs.broadcast(mask, tuple(x.data.shape), tuple(range(x.data.ndim)))
        inside = verbs.pad(verbs.astype(mask, verbs.dtype("int32")), 0, *ends) > 0
        value = self.spread(value, x.ndim)
        y = verbs.where(inside, y, value) if hasattr(value, "shape") or value != 0 else y
        y = Lane(y if y.dtype == x.dtype else verbs.astype(y, x.dtype),
                 [_map(lambda n, a=a: n + positive(n - 1) * gaps[a] + max(low[a], 0)
                       + max(high[a], 0), self.size(x, a)) for a in range(x.ndim)])  # fmt: skip
        y = Lane(y.data, [n.data if isinstance(n, Length) else None for n in y.sizes])
        for a in range(x.ndim):  # what is negative cuts
            if low[a] < 0 or high[a] < 0:
                begin = max(-low[a], 0)
                end = _map(lambda n, a=a: n + min(high[a], 0), self.size(y, a))
                y = self.cut(y, a, begin, end)
        return y

    # ----- the same entries in another shape -----
    def reshape(self, x, shape):
        """In the order of the example: entry k is entry k of it, whatever lies between."""
        self.not_nested()
        old = [self.size(x, a) for a in range(x.ndim)]
        sizes = [n.data if isinstance(n, Length) else None for n in shape]
        wide = (self.count, *map(_padded, shape))
        if _only_first(old) and _only_first(shape) and _volume(x.data.shape) == _volume(wide):
            return Lane(self.verbs.reshape(x.data, wide), sizes)
        flat = self.verbs.reshape(x.data, (self.count, _volume(x.data.shape[1:])))
        place = self._place(self._number(shape), old, x.data.shape[1:], len(shape))
        place = self.verbs.broadcast(place, wide, tuple(range(len(wide))))
        place = self.verbs.reshape(place, (self.count, _volume(wide[1:])))
        flat = self.at(Lane(flat, (None,)), 0, place, place.shape[1])
        return Lane(self.verbs.reshape(flat.data, wide), sizes)

    def _number(self, shape):
        """The number of each entry of an example of this shape."""
        number, behind = 0, 1
        for axis in reversed(range(len(shape))):
            i = self.places(_padded(shape[axis]), axis, len(shape))
            number = number + i * behind
            behind = behind * self.spread(shape[axis], len(shape))
        return number

    def _place(self, number, old, padded, ndim):
        """Where the entry of that number lies in the padded data."""
        place, behind = 0, 1
        for n, size in zip(reversed(old), reversed(padded), strict=True):
            n = self.spread(n, ndim)
            n = max(n, 1) if isinstance(n, int) else n.clip(1)
            place, number = place + (number % n) * behind, number // n
            behind = behind * size
        return place

    # ----- lax's own words for places (`lax_places`) -----
    def gather(self, x, *rest):
        self.not_nested(x)
        return lax_places.gather(self, x, *rest)

    def scatter(self, x, *rest, **how):
        self.not_nested(x)
        return lax_places.scatter(self, x, *rest, **how)

    def dynamic_slice(self, x, *rest, **how):
        self.not_nested(x)
        return lax_places.dynamic_slice(self, x, *rest, **how)

    def dynamic_update_slice(self, x, *rest, **how):
        self.not_nested(x)
        return lax_places.dynamic_update_slice(self, x, *rest, **how)

    # ----- entries chosen by arrays of whole numbers (`chosen`) -----
    def chosen(self, x, *index):
        self.not_nested(x)
        return chosen.read(self, x, *index)

    def written(self, x, b, *index, add):
        self.not_nested()
        return chosen.write(self, x, b, *index, add=add)

    def chosen_along(self, x, index, axis):
        self.not_nested()
        return chosen.read_along(self, x, index, axis)

    def written_along(self, x, b, index, axis, add):
        self.not_nested()
        return chosen.write_along(self, x, b, index, axis, add)

    # ----- ragged matrices (`matrices`) -----
    square, whole = matrices.square, matrices.whole


def _padded(n):
    return n.padded if isinstance(n, Length) else n


def _map(f, *sizes):
    """A formula of sizes: a number, or a Length where one of them is one."""
    if not any(isinstance(n, Length) for n in sizes):
        return f(*sizes)
    outer = max((n for n in sizes if isinstance(n, Length)), key=lambda n: n.ndim)
    verbs, rank = xp.of(outer.data), outer.data.ndim
    own = f(*(lined_up(verbs, n.data, rank) if isinstance(n, Length) else n for n in sizes))
    return Length(own, max(0, f(*map(_padded, sizes))), outer.sizes)


def _first(sizes):
    return next((n for n in sizes if n is not None), None)


def _only_first(shape):
    return all(isinstance(n, int) for n in shape[1:])


def _volume(shape):
    return math.prod(shape)
