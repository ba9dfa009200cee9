"""Lists and sequences whose length is each example's own.

A list that grows in a loop or a branch has elements that only some examples have: `Items` keeps a
mask beside each. A sequence to go through, `Ragged`, has each example's own number of trips.
"""

from autodiff_lab import source, trees, xp

from ..errors import MaskError
from ..indexing import entry
from ..lane import Lane, Length, shared
from ..trip import Trip


class Items(list):
    """A list of lifted code; `here` has one entry per element: None if all examples have it."""

    def __init__(self, elements=(), here=None):
        super().__init__(elements)
        self.here = list(here) if here is not None else [None] * list.__len__(self)

    @property
    def ragged(self):
        return any(m is not None for m in self.here)

    def pairs(self):
        """The elements as they are kept, each with its mask; a `Block` stands for many."""
        return list(zip(list.__iter__(self), self.here, strict=True))

    def fill(self, pairs):
        """Be a list of these pairs."""
        list.__setitem__(self, slice(None), [e for e, _ in pairs])
        self.here[:] = [m for _, m in pairs]

    @property
    def blocks(self):
        return any(isinstance(e, Block) for e in list.__iter__(self))

    def spread(self):
        """Each element by itself, where blocks are kept."""
        if self.blocks:
            self.fill([p for e, m in self.pairs() for p in _one_by_one(e, m)])

    def __iter__(self):
        for e, m in self.pairs():
            yield from (one for one, _ in _one_by_one(e, m))

    def __len__(self):
        return sum(e.count if isinstance(e, Block) else 1 for e in list.__iter__(self))

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

    def __setitem__(self, i, x):
        self.spread()
        super().__setitem__(i, x)

    def insert(self, i, x):
        self._only_whole("insert")
        super().insert(i, x)
        self.here.insert(i, None)

    def reverse(self):
        self.spread()
        super().reverse()
        self.here.reverse()

    def copy(self):
        return self + []

    def __add__(self, other):
        new, other = type(self)(), other if isinstance(other, Items) else Items(other)
        new.fill(self.pairs() + other.pairs())
        return new

    def __radd__(self, other):
        return Items(other) + self

    def __getitem__(self, i):
        if isinstance(i, slice) and i == slice(None, None, -1):
            self.spread()
            return Items(list(self)[i], self.here[i])
        if self.ragged or isinstance(i, Lane):
            return trees.map(lambda x: x[i], self.stacked())
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
        verbs, like = xp.of(like), like if like.ndim == 1 else like[:, 0]
        every = [verbs.ones_like(like) if m is None else m for m in self.here]
        every = [verbs.reshape(m, (m.shape[0], 1)) if m.ndim == 1 else m for m in every]
        return verbs, verbs.concat(every, 1)

    def count(self, *value):
        """`len` of a ragged list."""
        if value:
            return super().count(*value)
        if self._size is not None:
            return Length(self._size, len(self))
        verbs, masks = self.masks
        return Length(verbs.sum(verbs.astype(masks, verbs.dtype("int32")), (1,)), len(self))

    @property
    def _size(self):
        """Each example's own number of elements, where all are one block in order."""
        first = next(list.__iter__(self), None)
        return first.size if isinstance(first, Block) and list.__len__(self) == 1 else None

    def stacked(self):
        """All elements of an example as one array with a ragged dim in front; a tuple of them
        for elements that are tuples."""
        if not self.ragged or self._size is not None:
            return trees.map(lambda x: Lane(x.data, (self._size, *x.sizes[1:])), self.block())
        return trees.map(self._in_front, self.block())

    def block(self):
        """All elements in one array, those that an example does not have too."""
        pieces = [e.tree if isinstance(e, Block) else e for e, _ in self.pairs()]
        many = [isinstance(e, Block) for e, _ in self.pairs()]
        _, _, rebuild = trees.flatten(pieces[0])
        columns = zip(*[trees.flatten(x)[0] for x in pieces], strict=True)
        return rebuild([self._joined(column, many) for column in columns])

    def _joined(self, column, many):
        first = next((x for x in column if isinstance(x, Lane)), None)
        like = first.data if first is not None else next(m for m in self.here if m is not None)
        verbs, count = xp.of(like), like.shape[0]
        column = [x if isinstance(x, Lane) else shared(verbs, count, x, like) for x in column]
        if any(n is not None for x in column for n in x.sizes):
            raise MaskError("a ragged list of arrays that are ragged themselves has no rule yet; "
                            "reduce each of them before it is appended")  # fmt: skip
        dtype = verbs.common_dtype([x.dtype for x in column])
        parts = [verbs.astype(x.data, dtype) for x in column]
        parts = [p if block else verbs.reshape(p, (count, 1, *p.shape[1:]))
                 for p, block in zip(parts, many, strict=True)]  # fmt: skip
        data = verbs.concat(parts, 1)
        return Lane(data, (None,) * (data.ndim - 1))

    def _in_front(self, x):
        """Each example's own elements first, in their order."""
        verbs, masks = self.masks
        order = verbs.stable_order(verbs.astype(~masks, verbs.dtype("int32")), 1)
        index = verbs.reshape(order, (*order.shape, *(1,) * (x.data.ndim - 2)))
        index = verbs.broadcast(index, tuple(x.data.shape), tuple(range(x.data.ndim)))
        data = verbs.take_along(x.data, index, 1)
        return Lane(data, (self.count().data, *x.sizes[1:]))


class Growing(Items):
    """A list inside a loop that fills it and is compiled: it takes elements and shows none."""

    def _hidden(self, *_):
        raise MaskError(
            f"a list is read at {source.here()} in the loop that fills it, and that loop is "
            "compiled once for all trips"
        )

    __len__ = __iter__ = __getitem__ = __setitem__ = __contains__ = __bool__ = _hidden
    ragged = property(_hidden)
    pop = insert = reverse = count = stacked = _hidden


class Block:
    """Many elements of a list, as a compiled loop made them: arrays with the elements in front.

    `size` are the examples' own numbers of elements, if each has its own first; else None.
    """

    def __init__(self, tree, size):
        self.tree, self.size = tree, size
        self.taken = self.base = None

    @property
    def count(self):
        return trees.leaves(self.tree)[0].data.shape[1]

    def leads(self, taken):
        size = None if self.size is None else taken.lengths(self.size)
        new = Block(trees.map(taken.leads, self.tree), size)
        new.taken, new.base = taken, self
        return new


def among(element, here, side):
    """An element of a list and its mask, for some of the examples only."""
    if not isinstance(element, Block):
        return element, side if here is None else here & side
    verbs, size = xp.of(side), element.size
    size = None if size is None else verbs.where(side, size, 0)
    return Block(element.tree, size), here & verbs.reshape(side, (side.shape[0], 1))


def _one_by_one(element, here):
    if not isinstance(element, Block):
        yield element, here
        return
    for i in range(element.count):
        yield trees.map(lambda x, i=i: entry(x, 0, i), element.tree), here[:, i]


def rebuilt(like, elements):
    return type(like)(*elements) if hasattr(like, "_fields") else type(like)(elements)


def become(original, new):
    """Change a list, a dict or an object in place."""
    if isinstance(original, Items):
        original.fill(new.pairs())
    elif isinstance(original, list):
        original[:] = new
    elif isinstance(original, dict):
        original.clear()
        original.update(new)
    else:
        original.__dict__.update(new.__dict__)


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

    `last` is the largest number of trips, of all examples; `over` are the arrays gone through.
    """

    def __init__(self, trips, at, last, over=()):
        self.trips, self.at, self.last, self.over = trips, at, last, tuple(over)

    @staticmethod
    def of(x):
        """A sequence as `for` takes it."""
        if isinstance(x, Ragged):
            return x
        if isinstance(x, Items) and x.ragged:
            count, last, x = x.count(), len(x), x.stacked()
            over = trees.leaves(x)
            return Ragged(count, lambda i: trees.map(lambda y: entry(y, 0, i), x), last, over)
        if isinstance(x, Lane):
            if x.ndim == 0:
                raise TypeError("iteration over an array without dims")
            own, last = x.sizes[0], x.data.shape[1]
            trips = last if own is None else Length(own, last)
            return Ragged(trips, lambda i: entry(x, 0, i), last, [x])
        x = x if hasattr(x, "__getitem__") else list(x)
        return Ragged(len(x), lambda i: shared_entry(x, i), len(x), [x] if is_array(x) else [])


def range_(*args):
    if not any(isinstance(a, Lane) for a in args):
        return range(*args)
    start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    if type(start) is type(step) is int and (start, step) == (0, 1):
        return Ragged(stop, lambda i: i, _largest(stop, 0, stop, 1))
    trips = -((start - stop) // step)
    return Ragged(trips, lambda i: nth(start, step, i), _largest(trips, start, stop, step))


def _largest(trips, start, stop, step):
    if trips.data.shape[0] == 0:
        return 0
    try:
        return max(0, int(trips.data.max()))
    except Exception:  # under tracing nobody knows
        first, last = (start, stop) if type(step) is not int or step > 0 else (stop, start)
        span = getattr(first, "span", (first, first)), getattr(last, "span", (last, last))
        if all(type(n) is int for n in (span[0][0], span[1][1], step)):
            return max(0, -((span[0][0] - span[1][1]) // abs(step)))
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
    over = [x for s in found for x in s.over]
    last = min(s.last for s in found)
    return Ragged(trips, lambda i: tuple(s.at(i) for s in found), last, over)


def enumerate_(x, start=0):
    if not _is_ragged(x):
        return enumerate(x, start)
    found = Ragged.of(x)
    return Ragged(found.trips, lambda i: (nth(start, 1, i), found.at(i)), found.last, found.over)


def reversed_(x):
    if not _is_ragged(x):
        return reversed(x)
    found = Ragged.of(x)
    end = found.trips - 1
    return Ragged(found.trips, lambda i: found.at(nth(end, -1, i)), found.last, found.over)


def nth(start, step, i):
    """The i-th number of a range."""
    return i.counted_from(start, step) if isinstance(i, Trip) else start + i * step


def shared_entry(x, i):
    """The i-th of what all examples share."""
    if not isinstance(i, Trip):
        return x[i]
    found = i.of_shared(x)
    return shared(xp.of(i.number), i.table.count, x)[i] if found is None else found


def is_array(x):
    return xp.framework_of(x) is not None and not isinstance(x, Lane)


def _is_ragged(x):
    return isinstance(x, (Lane, Ragged)) or (isinstance(x, Items) and x.ragged)


def _smaller(a, b):
    if not isinstance(a, Lane) and not isinstance(b, Lane):
        return min(a, b)
    if a is b or (type(a) is type(b) is Length and a.data is b.data and a.padded == b.padded):
        return a
    verbs = xp.of((a if isinstance(a, Lane) else b).data)
    padded = [x.padded if isinstance(x, Length) else x for x in (a, b) if type(x) is not Lane]
    a, b = (x.data if isinstance(x, Lane) else x for x in (a, b))
    return Length(verbs.where(a < b, a, b), min(padded))
