"""Lists and sequences whose length is each example's own.

A list that grows in a loop or a branch has elements that only some examples have: `Items` keeps a
mask beside each. A sequence to go through, `Ragged`, has each example's own number of trips.
"""

from autodiff_lab import trees, xp

from ..errors import MaskError
from ..indexing import entry
from ..lane import Lane, Length, shared


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
        leaves, _, rebuild = trees.flatten(self[0] if not self.ragged else list(self)[0])
        columns = [trees.flatten(x)[0] for x in list(self)]
        return rebuild([self._stacked([c[k] for c in columns]) for k in range(len(leaves))])

    def _stacked(self, column):
        first = next((x for x in column if isinstance(x, Lane)), None)
        like = first.data if first is not None else next(m for m in self.here if m is not None)
        verbs, count = xp.of(like), like.shape[0]
        column = [x if isinstance(x, Lane) else shared(verbs, count, x, like) for x in column]
        if any(n is not None for x in column for n in x.sizes):
            raise MaskError("a ragged list of arrays that are ragged themselves has no rule yet; "
                            "reduce each of them before it is appended")  # fmt: skip
        dtype = verbs.common_dtype([x.dtype for x in column])
        parts = [verbs.astype(x.data, dtype) for x in column]
        parts = [verbs.reshape(p, (count, 1, *p.shape[1:])) for p in parts]
        data = verbs.concat(parts, 1)
        if not self.ragged:
            return Lane(data, (None,) * (data.ndim - 1))
        return Lane(self._in_front(verbs, data), (self.count().data, *(None,) * (data.ndim - 2)))

    def _in_front(self, verbs, data):
        """Each example's own elements first, in their order."""
        _, masks = self.masks
        order = verbs.stable_order(verbs.astype(~masks, verbs.dtype("int32")), 1)
        index = verbs.reshape(order, (*order.shape, *(1,) * (data.ndim - 2)))
        index = verbs.broadcast(index, tuple(data.shape), tuple(range(data.ndim)))
        return verbs.take_along(data, index, 1)


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
    if f.__name__ in STACKS:
        return x
    verbs, (count, k, each) = xp.of(x.data), x.data.shape[:3]
    data = verbs.reshape(x.data, (count, k * each, *x.data.shape[3:]))
    return Lane(data, (x.sizes[0] * each, *x.sizes[2:]))


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
    if not any(_is_ragged(s) for s in sequences):
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
    if not _is_ragged(x):
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
    if not _is_ragged(x):
        return reversed(x)
    found = Ragged.of(x)
    return Ragged(found.trips, lambda i: found.at(found.trips - 1 - i), found.last)


def _is_ragged(x):
    return isinstance(x, (Lane, Ragged)) or (isinstance(x, Items) and x.ragged)


def _smaller(a, b):
    if not isinstance(a, Lane) and not isinstance(b, Lane):
        return min(a, b)
    verbs = xp.of((a if isinstance(a, Lane) else b).data)
    padded = [x.padded if isinstance(x, Length) else x for x in (a, b) if type(x) is not Lane]
    a, b = (x.data if isinstance(x, Lane) else x for x in (a, b))
    return Length(verbs.where(a < b, a, b), min(padded))
