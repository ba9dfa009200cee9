"""Sequences that a loop goes through, with each example's own number of trips."""

from autodiff_lab import source, trees, xp

from ..batches.masked_batch import depends
from ..errors import MaskError
from ..indexing import entry
from ..lane import Lane, Length, is_array, shared
from ..on_jax.trip import Trip
from .items import Items, each_of


class Ragged:
    """A sequence to go through: `trips` are each example's own, `at(i)` is the i-th item.

    `last` is the largest number of trips, of all examples; `over` are the arrays gone through.
    `through(f)` is the same sequence over `f(x)` for each of them, where each is gone through from
    its first entry to its last.
    """

    def __init__(self, trips, at, last, over=(), through=None):
        self.trips, self.at, self.last = trips, at, last
        self.over, self.through = tuple(over), through
        self.taken = self.base = None

    def leads(self, taken):
        """Inside a block; where that holds some of the examples only, theirs."""
        if not taken.narrows:
            return self
        new = Ragged(taken.leads(self.trips), lambda i: taken.leads(self.at(i)), self.last)
        new.taken, new.base = taken, self
        return new

    def __getitem__(self, i):
        from .flow import listed

        return listed(self, (), lambda x: x)[i]

    def __iter__(self):
        raise MaskError(
            f"something at {source.here()} goes through a sequence as if it had one length in all "
            "examples; use a `for` loop or a comprehension, which are lifted"
        )

    @staticmethod
    def of(x):
        """A sequence as `for` takes it."""
        if isinstance(x, Ragged):
            return x
        if isinstance(x, Items) and x.ragged:
            x = x.stacked()
            if not isinstance(x, Lane):
                return Ragged.of_parts(x)
        if isinstance(x, Lane):
            if x.ndim == 0:
                raise TypeError("iteration over an array without dims")
            own, last = x.sizes[0], x.extent[0]
            trips = last if own is None else Length(own, last)
            return Ragged(trips, lambda i: entry(x, 0, i), last, [x], lambda f: Ragged.of(f(x)))
        x = x if hasattr(x, "__getitem__") else list(x)
        over = [x] if is_array(x) else []
        return Ragged(len(x), lambda i: shared_entry(x, i), len(x), over, lambda f: Ragged.of(x))

    @staticmethod
    def of_parts(tree):
        """A sequence of tuples: its arrays, side by side."""
        over = trees.leaves(tree)
        found = Ragged.of(over[0])
        at = lambda i: trees.map(lambda x: entry(x, 0, i), tree)  # noqa: E731
        return Ragged(found.trips, at, found.last, over)


def range_(*args):
    if not any(isinstance(a, Lane) for a in args):
        return range(*args)
    if any(isinstance(a, Lane) and a.ndim for a in args):
        raise TypeError("range() of an array; take one entry of it, or go through the outer dim")
    start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    if type(start) is type(step) is int and (start, step) == (0, 1):
        return _counting(stop, _largest(stop, 0, stop, 1))
    trips = -((start - stop) // step)
    return Ragged(trips, lambda i: nth(start, step, i), _largest(trips, start, stop, step))


def _counting(trips, last):
    return Ragged(trips, lambda i: i, last, through=lambda f: _counting(trips, last))


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
        [x for s in found for x in s.over],
        (lambda f: _together(trips, [s.through(f) for s in found])) if every else None,
    )


def enumerate_(x, start=0):
    if not is_ragged(x):
        return enumerate(x, start)
    return _numbered(Ragged.of(x), start)


def _numbered(found, start):
    return Ragged(
        found.trips,
        lambda i: (nth(start, 1, i), found.at(i)),
        found.last,
        found.over,
        found.through and (lambda f: _numbered(found.through(f), start)),
    )


def reversed_(x):
    if not is_ragged(x):
        return reversed(x)
    found = Ragged.of(x)
    end = found.trips - 1
    at = lambda i: found.at(nth(end, -1, i))  # noqa: E731
    whole = isinstance(x, Lane) and found.through is not None
    through = (lambda f: Ragged.of(f(_turned(x)))) if whole else None
    return Ragged(found.trips, at, found.last, found.over, through)


def _turned(x):
    """PyTorch has no slice that goes backwards; only where lengths differ it is we who read."""
    if x.sizes[0] is not None or any(depends(n, 0) for n in x.sizes):
        return x[::-1]
    return Lane(xp.of(x.data).flip(x.data, (1,)), x.sizes, x.fill)


def nth(start, step, i):
    """The i-th number of a range."""
    return i.counted_from(start, step) if isinstance(i, Trip) else start + i * step


def shared_entry(x, i):
    """The i-th of what all examples share."""
    if not isinstance(i, Trip):
        return x[i]
    found = i.of_shared(x)
    return shared(xp.of(i.number), i.table.count, x)[i] if found is None else found


def is_ragged(x):
    return isinstance(x, (Lane, Ragged)) or (isinstance(x, Items) and x.ragged)


def of_numbers(x, like):
    """A list of numbers, or of such lists, as an array; a number as it is."""
    if isinstance(x, Items):
        x.spread()
    if isinstance(x, (list, tuple)):
        own = [of_numbers(e, like) if isinstance(e, (list, tuple)) else e for e in each_of(x)]
        return Items(own, getattr(x, "here", None)).stacked(like)
    return x


def _smaller(a, b):
    if not isinstance(a, Lane) and not isinstance(b, Lane):
        return min(a, b)
    if a is b or (type(a) is type(b) is Length and a.data is b.data and a.padded == b.padded):
        return a
    verbs = xp.of((a if isinstance(a, Lane) else b).data)
    padded = [x.padded if isinstance(x, Length) else x for x in (a, b) if type(x) is not Lane]
    a, b = (x.data if isinstance(x, Lane) else x for x in (a, b))
    return Length(verbs.where(a < b, a, b), min(padded))
