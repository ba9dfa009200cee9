"""Lists and sequences whose length is each example's own.

A list that grows in a loop or a branch has elements that only some examples have: `Items` keeps a
mask beside each. A sequence to go through, `Ragged`, has each example's own number of trips.
"""

from autodiff_lab import trees, xp

from ..errors import MaskError
from ..indexing import entry
from ..lane import Lane, Length, shared
from ..masked_batch import aligned, shortened, trimmed, valid


class Items(list):
    """A list of lifted code; `here` has one entry per element: None if all examples have it."""

    def __init__(self, elements=(), here=None):
        super().__init__(elements)
        self.here = list(here) if here is not None else [None] * len(self)

    @property
    def ragged(self):
        return any(m is not None for m in self.here)

    def append(self, x):
        self.add(x, None)

    def add(self, x, here):
        """An element that the examples of a mask have."""
        super().append(x)
        self.here.append(here)

    def extend(self, xs):
        for x in xs:
            self.append(x)

    def pop(self, i=-1):
        self._only_whole("pop")
        self.here.pop(i)
        return super().pop(i)

    def insert(self, i, x):
        self._only_whole("insert")
        super().insert(i, x)
        self.here.insert(i, None)

    def reverse(self):
        super().reverse()
        self.here.reverse()

    def copy(self):
        return Items(self, self.here)

    def __add__(self, other):
        here = other.here if isinstance(other, Items) else [None] * len(other)
        return Items([*self, *other], [*self.here, *here])

    def __radd__(self, other):
        return Items(other) + self

    def __getitem__(self, i):
        if isinstance(i, slice) and i == slice(None, None, -1):
            return Items(list(self)[i], self.here[i])
        if self.ragged or isinstance(i, Lane):
            return self.stacked()[i]
        found = super().__getitem__(i)
        return Items(found) if isinstance(i, slice) else found

    def _only_whole(self, what):
        if self.ragged:
            raise MaskError(f"{what} on a list that has a length of its own in each example; "
                            "build the list in order, with append")  # fmt: skip

    # ----- as arrays -----
    @property
    def masks(self):
        """The masks as one array: for each example, which of the elements it has."""
        like = next(m for m in self.here if m is not None)
        verbs = xp.of(like)
        every = [verbs.ones_like(like) if m is None else m for m in self.here]
        return verbs, verbs.concat([verbs.reshape(m, (m.shape[0], 1)) for m in every], 1)

    def count(self, *value):
        """`len` of a ragged list."""
        if value:
            return super().count(*value)
        verbs, masks = self.masks
        return Length(verbs.sum(verbs.astype(masks, verbs.dtype("int32")), (1,)), len(self))

    def stacked(self):
        """All elements of an example as one array with a ragged dim in front; a tuple of them
        for elements that are tuples."""
        elements = _opened(list(self))
        leaves, _, rebuild = trees.flatten(elements[0])
        columns = [trees.flatten(x)[0] for x in elements]
        return rebuild([self._stacked([c[k] for c in columns]) for k in range(len(leaves))])

    def _stacked(self, column):
        first = next((x for x in column if isinstance(x, Lane)), None)
        like = first.data if first is not None else next(m for m in self.here if m is not None)
        verbs, count = xp.of(like), like.shape[0]
        column = [x if isinstance(x, Lane) else shared(verbs, count, x, like) for x in column]
        dtype = verbs.common_dtype([x.dtype for x in column])
        data = _side_by_side(verbs, [verbs.astype(x.data, dtype) for x in column])
        if not self.ragged:
            return Lane(data, (None, *self._inner(verbs, column, None)))
        trips = self.count().data
        live = valid(verbs, [trips], (count, len(column)), data)
        sizes = (trips, *self._inner(verbs, column, live))
        return Lane(*trimmed(self._in_front(verbs, data), sizes))

    def _inner(self, verbs, column, live):
        """The sizes of elements that are ragged themselves: they may depend on the element."""
        sizes = []
        for axis in range(column[0].ndim):
            if all(x.sizes[axis] is None for x in column):
                sizes.append(None)
                continue
            n = _side_by_side(verbs, _lengths(verbs, column, axis))
            if live is not None:
                n = self._in_front(verbs, n)
                n = verbs.where(verbs.reshape(live, (*live.shape, *(1,) * (n.ndim - 2))), n, 0)
            sizes.append(_common(verbs, n, live))
        return sizes

    def _in_front(self, verbs, data):
        """Each example's own elements first, in their order."""
        _, masks = self.masks
        return _ordered(
            verbs, data, verbs.stable_order(verbs.astype(~masks, verbs.dtype("int32")), 1)
        )


def _side_by_side(verbs, parts):
    """Arrays as one, along a new axis after the batch axis, padded to the largest."""
    ranks = sorted({p.ndim for p in parts})
    if len(ranks) > 1:
        raise MaskError(f"a list holds arrays of {ranks[0] - 1} and of {ranks[1] - 1} dims; make "
                        "its elements agree")  # fmt: skip
    largest, grown = [max(n) for n in zip(*(p.shape for p in parts), strict=True)], []
    for p in parts:
        zeros = (0,) * len(largest)
        high = tuple(n - m for n, m in zip(largest, p.shape, strict=True))
        p = verbs.pad(p, 0, zeros, high, zeros) if any(high) else p
        grown.append(verbs.reshape(p, (p.shape[0], 1, *p.shape[1:])))
    return verbs.concat(grown, 1)


def _opened(elements):
    """Lists in a list as arrays; an empty one is like the others."""
    found = [x.stacked() if isinstance(x, Items) and len(x) else x for x in elements]
    model = next((x for x in found if isinstance(x, Lane)), None)
    empty = [isinstance(x, Items) and model is not None for x in found]
    return [model[0:0] if e else x for e, x in zip(empty, found, strict=True)]


def _lengths(verbs, column, axis):
    """The sizes along one axis, with an axis for each outer dim that one of them depends on."""
    like = next(x.sizes[axis] for x in column if x.sizes[axis] is not None)
    rank = max(x.sizes[axis].ndim for x in column if x.sizes[axis] is not None)
    found = []
    for x in column:
        n = x.sizes[axis]
        if n is None:
            n = verbs.zeros((x.data.shape[0],), like.dtype, like) + x.data.shape[axis + 1]
        found.append(aligned(verbs, n, x.data.shape[:rank]))
    return found


def _common(verbs, n, live):
    """Sizes that are the same for all elements of an example, without an axis for the elements."""
    try:
        most = verbs.max(n, (1,), True)
        same = (n == most) if live is None else (n == most) | ~live
        return shortened(verbs, most) if n.ndim == 2 and bool(same.all()) else n
    except Exception:  # under tracing nobody knows
        return n


STACKS, CONCATENATES = {"stack"}, {"cat", "concat", "concatenate"}


def joins(f, args):
    """Is it a stack or a concat of a ragged list?"""
    name = getattr(f, "__name__", "")
    ragged = bool(args) and isinstance(args[0], Items) and args[0].ragged
    return ragged and (name in STACKS or name in CONCATENATES)


def joined(f, items, axis=0, dim=0):
    """`stack` or `concat` of a ragged list."""
    if axis != 0 or dim != 0:
        raise MaskError(f"{f.__name__} of a list with a length of its own in each example goes "
                        f"along axis 0, not {axis or dim}; move the axis afterwards")  # fmt: skip
    x = items.stacked()
    if f.__name__ not in STACKS:
        return _concatenated(x)
    if any(n is not None and n.ndim > 1 for n in x.sizes):
        raise MaskError(f"{f.__name__} of a list of arrays of different sizes; make their sizes "
                        "agree, or return the list")  # fmt: skip
    return x


def _concatenated(x):
    """The first two dims as one: of each example its own entries, in their order."""
    verbs, (count, k, each) = xp.of(x.data), x.data.shape[:3]
    data = verbs.reshape(x.data, (count, k * each, *x.data.shape[3:]))
    if x.sizes[1] is None:
        return Lane(data, (x.sizes[0] * each, *x.sizes[2:]))
    if any(n is not None and n.ndim > 1 for n in x.sizes[2:]):
        raise MaskError("a concat of arrays that are nested themselves has no rule yet; "
                        "concatenate the inner ones first")  # fmt: skip
    mask = verbs.reshape(valid(verbs, x.sizes[:2], (count, k, each), data), (count, k * each))
    dead = verbs.astype(~mask, verbs.dtype("int32"))
    own = verbs.sum(1 - dead, (1,))
    return Lane(_ordered(verbs, data, verbs.stable_order(dead, 1)), (own, *x.sizes[2:]))


def _ordered(verbs, data, order):
    """The entries along the first dim in an order of each example's own."""
    index = verbs.reshape(order, (*order.shape, *(1,) * (data.ndim - 2)))
    index = verbs.broadcast(index, tuple(data.shape), tuple(range(data.ndim)))
    return verbs.take_along(data, index, 1)


def finished(result):
    """Ragged lists in a result, as arrays of each example's own elements; nothing undefined."""
    if isinstance(result, Items):
        return result.stacked() if result.ragged else [finished(x) for x in result]
    if isinstance(result, (list, tuple)):
        parts = [finished(x) for x in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if type(result) is dict:
        return {k: finished(v) for k, v in result.items()}
    if hasattr(type(result), "leads"):
        result.read()
    return result


class Ragged:
    """A sequence to go through: `trips` are each example's own, `at(i)` is the i-th item.

    `last` is the largest number of trips, of all examples. `through(f)` is the same sequence over
    `f(x)` for each array x that is gone through from its first entry to its last.
    """

    def __init__(self, trips, at, last, through=None):
        self.trips, self.at, self.last, self.through = trips, at, last, through

    @staticmethod
    def of(x):
        """A sequence as `for` takes it."""
        if isinstance(x, Ragged):
            return x
        if isinstance(x, Items) and x.ragged:
            x = x.stacked()
        if isinstance(x, Lane):
            if x.ndim == 0:
                raise TypeError("iteration over an array without dims")
            own, last = x.sizes[0], x.data.shape[1]
            trips = last if own is None else Length(own, last)
            return Ragged(trips, lambda i: entry(x, 0, i), last, lambda f: Ragged.of(f(x)))
        x = x if hasattr(x, "__getitem__") else list(x)
        return Ragged(len(x), lambda i: x[i], len(x), lambda f: Ragged.of(x))


def range_(*args):
    if not any(isinstance(a, Lane) for a in args):
        return range(*args)
    if any(isinstance(a, Lane) and a.ndim for a in args):
        raise TypeError("range() of an array; take one entry of it, or go through the outer dim")
    start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    if type(start) is type(step) is int and (start, step) == (0, 1):
        return _counting(stop, _largest(stop))
    trips = -((start - stop) // step)
    return Ragged(trips, lambda i: start + i * step, _largest(trips))


def _counting(trips, last):
    return Ragged(trips, lambda i: i, last, lambda f: _counting(trips, last))


def _largest(trips):
    if trips.data.shape[0] == 0:
        return 0
    try:
        return max(0, int(trips.data.max()))
    except Exception:  # under tracing nobody knows
        if isinstance(trips, Length):
            return trips.padded
        raise MaskError(
            "a `for` loop has a number of trips that is not known while it is traced; write it "
            "with `while`"
        ) from None


def zip_(*sequences, strict=False):
    if not any(is_ragged(s) for s in sequences):
        return zip(*sequences, strict=strict)
    found = [Ragged.of(s) for s in sequences]
    trips = found[0].trips
    for other in found[1:]:
        trips = _smaller(trips, other.trips)
    return _together(trips, found)


def _together(trips, found):
    every = all([s.through for s in found])
    return Ragged(
        trips,
        lambda i: tuple([s.at(i) for s in found]),
        min(s.last for s in found),
        (lambda f: _together(trips, [s.through(f) for s in found])) if every else None,
    )


def enumerate_(x, start=0):
    if not is_ragged(x):
        return enumerate(x, start)
    return _numbered(Ragged.of(x), start)


def _numbered(found, start):
    return Ragged(
        found.trips,
        lambda i: (start + i, found.at(i)),
        found.last,
        found.through and (lambda f: _numbered(found.through(f), start)),
    )


def reversed_(x):
    if not is_ragged(x):
        return reversed(x)
    found = Ragged.of(x)
    return Ragged(found.trips, lambda i: found.at(found.trips - 1 - i), found.last)


def is_ragged(x):
    return isinstance(x, (Lane, Ragged)) or (isinstance(x, Items) and x.ragged)


def _smaller(a, b):
    if not isinstance(a, Lane) and not isinstance(b, Lane):
        return min(a, b)
    verbs = xp.of((a if isinstance(a, Lane) else b).data)
    padded = [x.padded if isinstance(x, Length) else x for x in (a, b) if type(x) is not Lane]
    a, b = (x.data if isinstance(x, Lane) else x for x in (a, b))
    return Length(verbs.where(a < b, a, b), min(padded))
