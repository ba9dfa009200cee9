"""Lists whose length is each example's own.

A list that grows in a loop or a branch has elements that only some examples have: `Items` keeps a
mask beside each.
"""

from autodiff_lab import source, trees, xp

from ..batches.batching import one_dtype
from ..batches.masked_batch import trimmed, valid
from ..errors import MaskError
from ..lane import Lane, Length, is_array, shared
from .blocks import Block, one_by_one, rebuilt
from .changes import containers
from .stacking import common, lengths, ordered, side_by_side


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
        list.__setitem__(self, slice(None), [e if m is None else asked(e, m) for e, m in pairs])
        self.here[:] = [m for _, m in pairs]

    @property
    def blocks(self):
        return any(isinstance(e, Block) for e in list.__iter__(self))

    def spread(self):
        """Each element by itself, where blocks are kept."""
        if self.blocks:
            self.fill([p for e, m in self.pairs() for p in one_by_one(e, m)])

    def __iter__(self):
        if self.ragged:  # who unpacks it, or a function that goes through it, knows no masks
            raise MaskError(
                f"something at {source.here()} goes through a list that has a length of its own in "
                "each example, as if all had one; use a `for` loop or a comprehension, or take "
                "entries: ys[0], ys[-1]"
            )
        return self.each()

    def each(self):
        """All elements, also those that only some examples have."""
        for e, m in self.pairs():
            yield from (one for one, _ in one_by_one(e, m))

    def __len__(self):
        return sum(e.count if isinstance(e, Block) else 1 for e in list.__iter__(self))

    def append(self, x):
        self.add(x, None)

    def add(self, x, here):
        """An element that the examples of a mask have."""
        super().append(x if here is None else asked(x, here))
        self.here.append(here)

    def extend(self, xs):
        if isinstance(xs, Items):
            self.fill(self.pairs() + xs.pairs())
            return
        for x in xs:
            self.append(x)

    def __iadd__(self, xs):
        self.extend(xs)
        return self

    def clear(self):
        self.fill([])

    def __setitem__(self, i, x):
        self.spread()
        if isinstance(i, slice):
            self._changed("writing into a slice", list.__setitem__, i, x)
        elif self.ragged and not self._whole_up_to(i):
            from .writing import put_element

            put_element(self, i, x)
        else:
            super().__setitem__(i, x)

    def _whole_up_to(self, i):
        """Do all examples have the first elements, up to the i-th?"""
        return type(i) is int and 0 <= i < len(self.here) and self.here[: i + 1] == [None] * (i + 1)

    def _changed(self, what, change, *args, **kwargs):
        """A change by Python's own list, which knows no masks."""
        self._only_whole(what)
        found = change(self, *args, **kwargs)
        self.here[:] = [None] * len(self)
        return found

    def reverse(self):
        self.spread()
        super().reverse()
        self.here.reverse()

    def copy(self):
        return self + []

    __copy__ = copy

    def __add__(self, other):
        new, other = type(self)(), other if isinstance(other, Items) else Items(other)
        new.fill(self.pairs() + other.pairs())
        return new

    def __mul__(self, n):
        self._only_whole("*")
        if any(True for _ in containers(tuple(list.__iter__(self)))):
            raise MaskError(f"the same list or object stands several times in a list at "
                            f"{source.here()}; make one for each, in a comprehension")  # fmt: skip
        return self._repeated(n) if isinstance(n, Lane) else Items(list(self) * n)

    __rmul__ = __mul__

    def __radd__(self, other):
        return Items(other) + self

    def _repeated(self, n):
        """As often as each example says."""
        from .leader import known
        from .sequences import range_

        new, found = Items(), range_(n)
        for k in range(found.last):
            here = found.trips.data > k
            here = None if known(here)[1] else here
            new.fill([*new.pairs(), *[(e, here) for e in self]])
        return new

    def __getitem__(self, i):
        if isinstance(i, slice) and i == slice(None, None, -1):
            self.spread()
            return Items(list(self.each())[i], self.here[i])
        if self.ragged or isinstance(i, Lane):
            place = self._place(i)
            return self.gathered(i) if place is None else super().__getitem__(place)
        found = super().__getitem__(i)
        return Items(found) if isinstance(i, slice) else found

    def gathered(self, i, like=None):
        """Each example's own element, or elements, as an array; of lists, as a list again."""
        lists = isinstance(i, slice) or any(isinstance(e, list) for e in list.__iter__(self))
        found = trees.map(lambda x: x[i], self.stacked(like))
        return _as_list(found) if lists else found

    def _place(self, i):
        """Where the i-th element is kept, if that is one place for all examples."""
        if type(i) is not int or i < 0 or self.blocks:
            return None
        if self._whole_up_to(i):
            return i
        from .writing import columns, hits

        found = columns(hits(self, i))
        return found[0] if len(found) == 1 else None

    def _only_whole(self, what):
        if self.ragged:
            raise MaskError(f"{what} on a list that has a length of its own in each example; "
                            "build the list in order, with append")  # fmt: skip

    def __contains__(self, x):
        self._only_whole("in")
        return super().__contains__(x)

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

    def stacked(self, like=None):
        """All elements of an example as one array with a ragged dim in front; a tuple of them
        for elements that are tuples. What all examples share becomes arrays like `like`."""
        if self.blocks and not self._nested:
            return trees.map(self._ordered, self.block())
        like = next((m for m in self.here if m is not None), like)
        elements = _opened(list(self.each()), like)
        leaves, _, rebuild = trees.flatten(elements[0])
        columns = [trees.flatten(x)[0] for x in elements]
        return rebuild([self._stacked([c[k] for c in columns], like) for k in range(len(leaves))])

    def _stacked(self, column, like):
        verbs, column, parts = self._lanes(column, like)
        data, weak = side_by_side(verbs, parts), all(x.weak for x in column)
        if not self.ragged:
            return Lane(data, (None, *self._inner(verbs, column, None)), weak=weak)
        trips = self.count().data
        live = valid(verbs, [trips], data.shape[:2], data)
        sizes = (trips, *self._inner(verbs, column, live))
        return Lane(*trimmed(self._in_front(verbs, data), sizes), weak=weak)

    def _lanes(self, column, like):
        """`(verbs, lanes, arrays)`: what examples share is a lane too; the arrays in one dtype."""
        like = next((x.data for x in column if isinstance(x, Lane)), like)
        verbs, count = xp.of(like), like.shape[0]
        column = [x if isinstance(x, Lane) else _shared(verbs, count, x, like) for x in column]
        arrays, numbers = ([x.dtype for x in column if x.weak is own] for own in (False, True))
        dtype = one_dtype(verbs, arrays, numbers)
        return verbs, column, [verbs.astype(x.data, dtype) for x in column]

    def _inner(self, verbs, column, live):
        """The sizes of elements that are ragged themselves: they may depend on the element."""
        sizes = []
        for axis in range(column[0].ndim):
            if all(x.sizes[axis] is None for x in column):
                sizes.append(None)
                continue
            n = side_by_side(verbs, lengths(verbs, column, axis))
            if live is not None:
                n = self._in_front(verbs, n)
                n = verbs.where(verbs.reshape(live, (*live.shape, *(1,) * (n.ndim - 2))), n, 0)
            sizes.append(common(verbs, n, live))
        return sizes

    def _in_front(self, verbs, data):
        """Each example's own elements first, in their order."""
        dead = verbs.astype(~self.masks[1], verbs.dtype("int32"))
        return ordered(verbs, data, verbs.stable_order(dead, 1))

    # ----- elements made by a compiled loop -----
    @property
    def _nested(self):
        """Are there ragged arrays or lists among the elements?"""
        single = [e for e in list.__iter__(self) if not isinstance(e, Block)]
        lanes = [x for x in trees.leaves(single) if isinstance(x, Lane)]
        return any(isinstance(e, Items) for e in single) or any(
            n is not None for x in lanes for n in x.sizes
        )

    def block(self):
        """All elements in one array, those that an example does not have too."""
        if self._nested:
            raise MaskError("a list that a compiled loop fills with ragged arrays has no rule yet; "
                            "reduce each of them before it is appended")  # fmt: skip
        pieces = [e.tree if isinstance(e, Block) else e for e, _ in self.pairs()]
        if len(pieces) == 1 and self.blocks:
            return pieces[0]
        many = [isinstance(e, Block) for e, _ in self.pairs()]
        _, _, rebuild = trees.flatten(pieces[0])
        columns = zip(*[trees.flatten(x)[0] for x in pieces], strict=True)
        return rebuild([self._joined(column, many) for column in columns])

    def _joined(self, column, many):
        verbs, _, parts = self._lanes(column, next((m for m in self.here if m is not None), None))
        parts = [p if block else verbs.reshape(p, (p.shape[0], 1, *p.shape[1:]))
                 for p, block in zip(parts, many, strict=True)]  # fmt: skip
        data = verbs.concat(parts, 1)
        return Lane(data, (None,) * (data.ndim - 1))

    def _ordered(self, x):
        """Each example's own elements of a block first."""
        if x.sizes[0] is not None:
            return x
        if self._size is not None:
            return Lane(x.data, (self._size, *x.sizes[1:]))
        return Lane(self._in_front(xp.of(x.data), x.data), (self.count().data, *x.sizes[1:]))


def _as_list(columns):
    """Arrays with the elements in front as a list again."""
    from .flow import listed
    from .sequences import Ragged

    parts = columns if isinstance(columns, Lane) else Ragged.of_parts(columns)
    return listed(parts, (), lambda x: x)


def gathered(x, i, like):
    """`x[i]` of a list, where each example has an i of its own."""
    verbs, (count, *_) = xp.of(like.data), like.data.shape

    if isinstance(x, Items):
        x.spread()

    def lane(e):
        return e if isinstance(e, (Lane, Items)) else _shared(verbs, count, e, like.data)

    elements = [trees.map(lane, e) for e in each_of(x)]
    return Items(elements, getattr(x, "here", None)).gathered(i, like.data)


def each_of(x):
    """The elements of a list, also those that only some examples have."""
    return x.each() if isinstance(x, Items) else x


def _shared(verbs, count, x, like):
    if not isinstance(x, (bool, int, float, complex)) and not is_array(x):
        raise MaskError(f"a list is asked for an entry of each example's own at {source.here()}, "
                        f"and holds {x!r}; such a list can hold numbers and arrays")  # fmt: skip
    return shared(verbs, count, x, like)


def _opened(elements, like):
    """Lists in a list as arrays; an empty one is like the others."""
    found = [x.stacked(like) if isinstance(x, Items) and len(x) else x for x in elements]
    model = next((x for x in found if isinstance(x, Lane)), None)
    empty = [isinstance(x, Items) and model is not None for x in found]
    return [model[0:0] if e else x for e, x in zip(empty, found, strict=True)]


def _whole_only(name):
    def method(self, *args, **kwargs):
        return self._changed(name.strip("_"), getattr(list, name), *args, **kwargs)

    return method


for _name in ("pop", "insert", "remove", "sort", "__delitem__", "__imul__"):
    setattr(Items, _name, _whole_only(_name))


def asked(x, here):
    """PyTorch asks the elements of a list what `torch.stack` of it means, not the list: so a tensor
    that only the examples of a mask have is no plain one, though it is the same for all of them."""
    if xp.framework_of(x) != "torch" or isinstance(x, Lane):
        return x
    return shared(xp.of(here), here.shape[0], x)


class Growing(Items):
    """A list inside a loop that fills it and is compiled: it takes elements and shows none."""

    def _hidden(self, *_):
        raise MaskError(
            f"a list is read at {source.here()} in the loop that fills it, and that loop is "
            "compiled once for all trips"
        )

    __len__ = __iter__ = each = __getitem__ = __setitem__ = __contains__ = __bool__ = _hidden
    ragged = property(_hidden)
    pop = insert = reverse = count = stacked = __delitem__ = _hidden


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


def finished(result):
    """Ragged lists in a result, as arrays of each example's own elements; nothing undefined."""
    if isinstance(result, Items):
        return result.stacked() if result.ragged else [finished(x) for x in result]
    if isinstance(result, (list, tuple)):
        return rebuilt(result, [finished(x) for x in result])
    if type(result) is dict:
        return {k: finished(v) for k, v in result.items()}
    if hasattr(type(result), "leads"):
        result.read()
    return result
