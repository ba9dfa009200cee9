"""The log of a run: everything that was computed, in order. Nothing in it is ever written over.

A block runs once for a group of examples, and what comes of it is one entry: arrays with a row for
each of them. An example's value is then a whole number, that of its row, and a variable holds such
numbers, one per example. So a stack is a table of whole numbers, pushing and popping copy none of
the user's arrays, and gradients flow through gathers alone.
"""

import numpy as np

from autodiff_lab import trees, xp

from ...lane import Lane, Length, shared
from ...lifting.blocks import rebuilt
from .picked import Picked, rows_of
from .whole import Whole, joined

NUMBERS = (bool, int, float, complex)


class Each:
    """A thing of Python's for each example: a list, an object, a function."""

    def __init__(self, things):
        self.things = things


class Differ(Exception):
    """The examples hold different kinds of values; `labels` tells which of them are alike."""

    def __init__(self, labels):
        self.labels = labels


KEPT = 32  # gathered values that are kept, in case that they are asked for again
ROW = 24  # a value's number: that of its entry in the log, and in the last bits that of its row


class Log:
    def __init__(self, verbs, like):
        self.verbs, self.like, self.trees = verbs, like, []
        self.shared = {}  # what all examples share -> its number
        self.kinds, self.indices, self.read = {}, {}, {}

    # ----- writing -----
    def put(self, tree, count):
        """The numbers of a value: of `count` rows, or of the one that all share."""
        if not has_own(tree):
            return np.full(count, self._shared(tree))
        return self._entry(tree) + np.arange(count)

    def _shared(self, x):
        key = (type(x), x) if type(x) in (bool, int, str, type(None)) else id(x)
        if key not in self.shared:
            self.shared[key] = self._entry(x)
        return self.shared[key]

    def _entry(self, tree):
        self.trees.append(tree)
        return (len(self.trees) - 1) << ROW

    # ----- reading -----
    def get(self, numbers, view, strict=False):
        """One value for the examples whose numbers these are. `view` shows things of Python's."""
        key = numbers.tobytes()
        if key in self.read and not strict:  # the same examples ask again
            return self.read[key]
        entries, rows = (numbers >> ROW).tolist(), numbers & ((1 << ROW) - 1)
        places = {k: i for i, k in enumerate(dict.fromkeys(entries))}
        if len(places) == 1:
            found = self._join([self.trees[entries[0]]], None, rows, view)
        else:
            which = np.asarray([places[k] for k in entries])
            self._same_kind(list(places), which, strict)
            found = self._join([self.trees[k] for k in places], which, rows, view)
        if isinstance(found, Lane):
            if len(self.read) >= KEPT:
                self.read.clear()
            self.read[key] = found
        return found

    def _same_kind(self, entries, which, strict):
        """Values that stand for one variable have to be of one kind."""
        for k in entries:
            if (k, strict) not in self.kinds:
                self.kinds[k, strict] = kind(self.trees[k], strict)
        kinds = [self.kinds[k, strict] for k in entries]
        if any(k != kinds[0] for k in kinds):
            different = list(dict.fromkeys(kinds))
            raise Differ(np.asarray([different.index(k) for k in kinds])[which])

    def _join(self, found, which, rows, view):
        """The rows of some entries; `which` tells for each example in which of them its row is."""
        first = found[0]
        if isinstance(first, Lane) or (len(found) > 1 and is_value(first)):
            if all([x is first or same_number(x, first) for x in found[1:]]):
                return self.rows(first, rows) if isinstance(first, Lane) else first
            return self._lanes(found, which, rows)
        if type(first) is Each:
            which = np.zeros(len(rows), int) if which is None else which
            return view([found[k].things[r] for k, r in zip(which.tolist(), rows.tolist(),
                                                            strict=True)])  # fmt: skip
        parts = opened(first)
        if parts is None or not any(map(has_own, found)) and len(found) == 1:
            return first
        columns = zip(*[opened(x)[1] for x in found], strict=True)
        return parts[2]([self._join(list(c), which, rows, view) for c in columns])

    def rows(self, x, rows):
        """Some rows of a lane; all of them are the lane itself."""
        if len(rows) == count_of(x) and (rows == np.arange(len(rows))).all():
            return x
        if type(x) is Whole:
            return x.rows(rows)
        index = self.index(rows)
        if isinstance(x, Length):
            return x.having(rows_of(x.data, index))
        if x.ndim < 2 and not any(n is not None for n in x.sizes):  # nothing much to be saved
            return Lane(rows_of(x.data, index), x.sizes, x.fill, x.weak)
        return Picked(x, rows, index)

    def index(self, rows):
        """Row numbers for the framework; many variables ask for the same."""
        key = rows.tobytes()
        if key not in self.indices:
            if len(self.indices) > 64:
                self.indices.clear()
            start, n = int(rows[0]), len(rows)
            if (rows == np.arange(start, start + n)).all():
                self.indices[key] = slice(start, start + n)
            else:
                self.indices[key] = self.verbs.asarray(rows, self.like)
        return self.indices[key]

    def _lanes(self, found, which, rows):
        """Rows of several lanes and numbers in one lane."""
        has_rows = np.asarray([isinstance(x, Lane) for x in found])
        rows = np.where(has_rows[which], rows, 0)  # what is shared in an entry is there once
        if (whole := joined(found, self.like)) is not None:
            starts = np.cumsum([0, *[x.examples if type(x) is Whole else 1 for x in found[:-1]]])
            return whole.rows(starts[which] + rows)
        found = [x if isinstance(x, Lane) else shared(self.verbs, 1, x, self.like) for x in found]
        counts = [count_of(x) for x in found]
        if any(n is not None and n.ndim > 1 for x in found for n in x.sizes):
            raise Differ(which)
        if sum(counts) <= 4 * len(rows) or all(x.ndim < 2 for x in found):
            starts = np.cumsum([0, *counts[:-1]])
            return self.rows(concatenated(self.verbs, found), starts[which] + rows)
        order = np.argsort(which, kind="stable")  # it is less work to take only what is asked for
        ends = np.cumsum(np.bincount(which))[:-1]
        parts = [self.rows(x, own) for x, own in zip(found, np.split(rows[order], ends),
                                                     strict=True)]  # fmt: skip
        return self.rows(concatenated(self.verbs, parts), np.argsort(order))


def count_of(x):
    return x.count if isinstance(x, Picked) else x.examples


def concatenated(verbs, parts):
    """Lanes of different examples as one lane, padded to the largest."""
    looks = {(x.data.shape[1:], x.dtype, type(x) is Length) for x in parts}
    whole = all([n is None for x in parts for n in x.sizes])
    if len(looks) == 1 and whole and not isinstance(parts[0], Length):
        data = verbs.lib.concatenate([x.data for x in parts], 0)
        return Lane(data, parts[0].sizes, weak=parts[0].weak)
    if all(isinstance(x, Length) for x in parts):
        lengths = verbs.concat([x.data for x in parts], 0)
        return Length(lengths, max(x.padded for x in parts), (), min(x.lowest for x in parts))
    shape = [max(n) for n in zip(*[x.data.shape[1:] for x in parts], strict=True)]
    dtype = verbs.common_dtype([x.dtype for x in parts])
    data = verbs.concat([padded(verbs, verbs.astype(x.data, dtype), shape) for x in parts], 0)
    sizes = [_sizes(verbs, parts, axis) for axis in range(len(shape))]
    return Lane(data, sizes, weak=parts[0].weak)


def padded(verbs, data, shape):
    high = tuple(n - m for n, m in zip((data.shape[0], *shape), data.shape, strict=True))
    zeros = (0,) * len(high)
    return verbs.pad(data, 0, zeros, high, zeros) if any(high) else data


def _sizes(verbs, parts, axis):
    """Each example's own size of a dim, or None where all have the same."""
    own = [x.sizes[axis] for x in parts]
    if all(n is None for n in own) and len({x.data.shape[axis + 1] for x in parts}) == 1:
        return None
    like = next((n for n in own if n is not None), parts[0].data)
    wide = like.dtype if like is not parts[0].data else verbs.dtype(verbs.index_dtype)
    every = [verbs.zeros((x.data.shape[0],), wide, like) + x.data.shape[axis + 1]
             if n is None else n for x, n in zip(parts, own, strict=True)]  # fmt: skip
    return verbs.concat(every, 0)


# ----- what is in a value? -----
def is_value(x):
    """An array or a number."""
    return isinstance(x, Lane) or type(x) in NUMBERS or xp.framework_of(x) is not None


def has_own(x):
    """Is there something in it that is each example's own?"""
    if isinstance(x, Lane) or type(x) is Each:
        return True
    parts = opened(x)
    return parts is not None and any(map(has_own, parts[1]))


def opened(x):
    """One level of a structure that cannot change: `(kind, parts, build)`; None of a leaf."""
    if x is None or type(x) in NUMBERS or isinstance(x, (str, Lane, Each, list, dict)):
        return None
    if isinstance(x, tuple):
        return type(x), fields(x), lambda new: rebuilt(x, new)
    if callable(x) or xp.framework_of(x):
        return None
    leaves, paths, build = trees.flatten(x)
    return None if paths == [""] else ((type(x), *paths), leaves, build)


def fields(x):
    """The elements of a tuple, also of one that goes through something else (see `walks`)."""
    return tuple.__getitem__(x, slice(None))


def same_number(x, y):
    return type(x) is type(y) and type(x) in NUMBERS and x == y


def kind(x, strict=False):
    if isinstance(x, Lane):
        if x.weak and x.ndim == 0 and not strict:
            return "number", _number(x.dtype)
        return "array", x.ndim, str(x.dtype), x.weak
    if type(x) in NUMBERS:
        return ("number", type(x).__name__, x) if strict else ("number", type(x).__name__)
    if type(x) is Each:
        return "each"
    if isinstance(x, str) or x is None:
        return x
    if xp.framework_of(x):
        return "array", x.ndim, str(x.dtype), False
    parts = opened(x)
    return id(x) if parts is None else (parts[0], tuple([kind(p, strict) for p in parts[1]]))


def _number(dtype):
    name = str(dtype).rpartition(".")[2]
    return next((k for k in ("bool", "int", "float", "complex") if name.startswith(k)), name)
