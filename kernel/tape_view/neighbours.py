"""Does what comes out for an example depend on who else is in its batch? It is run among twins.

A sum of valid entries that is divided by the longest length reads no padding, and no other padding
changes it: it is wrong all the same, since an example by itself would be divided by its own length.
So the recorded function is called again with every place of the batch taken by one and the same
example: padded arguments, masks and lengths, also those of closures and globals, in unchanged
shapes. Where an example has a row of its own, the row must come out as it did. Which values have
such rows, a third run tells, on the batch in reversed order: its rows come out reversed.

What this cannot see: a constant (a division by 512), which does the same to an example alone; and
what an example gets from those before it (a running sum over the batch), which has no row that
comes out reversed.
"""

import sys
from dataclasses import dataclass

from ..values import numpy_of
from .elsewhere import Elsewhere
from .longer import SAME, Spelled, _dtype, _first, _run, ragged

OF_ROWS = "batch norm means it so, and a model of single examples does not"
OF_ONE_NUMBER = "right for a mean over all entries, wrong for a mean over examples"


@dataclass(frozen=True)
class Neighbours:
    """Which nodes change among twins; or why nobody can tell."""

    nodes: frozenset = frozenset()  # indices
    row: int | None = None  # the last value with a row for each example, on the way to an output
    begins: int | None = None  # the first node on the way there that changes
    output: bool = False  # is `row` an output, or is something made of all its rows?
    unknown: str = ""

    def findings(self, names, lines):
        if self.row is None:
            return
        why = OF_ROWS if self.output else OF_ONE_NUMBER
        told = f"what comes out for an example in {names[self.row]} depends on the others"
        first = f"first at {names[self.begins]}, {lines[self.begins]}"
        yield f"Not alone: {told}; {why}; {first}.", self.begins


def neighbours(tape, masks, reached):
    """Run the recorded function among twins, and in reversed order."""
    counts = {m.shape[0] for m in masks.values()}
    if len(counts) != 1 or min(counts) < 2:
        return Neighbours(unknown="there is no batch of two or more examples")
    if tape.called is None:
        return Neighbours(unknown="it is not known which function this tape is of")
    lengths = next(iter(masks.values())).reshape(min(counts), -1).sum(1)
    try:
        back = _ordered(tape, masks, range(len(lengths))[::-1])
        twins = [(i, _ordered(tape, masks, [i] * len(lengths))) for i in _ends(lengths)]
    except Exception as error:  # the user's function, on an argument that it was not made for
        told = str(error).splitlines() or [type(error).__name__]
        return Neighbours(unknown=f"on other examples the function raises {told[0][:90]!r}")
    return _Beside(tape, reached, len(lengths), back, twins).told()


def _ends(lengths):
    """The shortest example and the longest: whatever they share is not theirs alone."""
    return {int(lengths.argmin()), int(lengths.argmax())}


# ----- the same call on a batch in another order -----
def _ordered(tape, masks, order):
    from autodiff_lab import trees, xp

    f, args, kwargs = tape.called
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    at = [k for k, x in enumerate(leaves) if is_batch(x) or xp.framework_of(x) is not None]
    other = Ordered(tape.xp, masks, list(order))
    for k, node in zip(at, tape.inputs, strict=True):
        leaves[k] = other.taken(leaves[k]) if node.index in masks else other(leaves[k])
    return _run(Elsewhere(other)(f), *rebuild(leaves))


def is_batch(x):
    masking = sys.modules.get("masking_lab")
    return masking is not None and isinstance(x, masking.MaskedBatch)


class Ordered(Spelled):
    """Takes the rows of masks and lengths in another order; leaves all else as it is."""

    def __init__(self, xp, masks, order):
        super().__init__(xp, masks, {i: ragged(m) for i, m in masks.items()})
        self.order, self.counts = order, [_counts(m, d) for m, dims in self.masks for d in dims]

    def __call__(self, x):
        from autodiff_lab import xp

        if xp.framework_of(x) != self.xp.name:
            return x
        array = numpy_of(x)
        mine = any(self._dims(array, m, dims) for m, dims in self.masks)
        return self.taken(x) if mine or self._is_count(array) else x

    def _is_count(self, array):
        flat = array.reshape([n for n in array.shape if n != 1])
        return any(c.shape == flat.shape and (c == flat).all() for c in self.counts)

    def taken(self, x):
        if is_batch(x):
            sizes = (None if s is None else self.taken(s) for s in x.sizes)
            return type(x)(self.taken(x.data), sizes, x.side)
        array = numpy_of(x)
        axis = next((d for d, n in enumerate(array.shape) if n != 1), 0)
        array = array.take(self.order, axis)
        return self.xp.astype(self.xp.asarray(array, x), x.dtype)


def _counts(mask, dim):
    """The lengths along a ragged dim."""
    rest = tuple(range(dim + 1, mask.ndim))
    return mask.any(rest).sum(dim) if rest else mask.sum(dim)


# ----- what has changed? -----
class _Beside:
    def __init__(self, tape, reached, count, back, twins):
        self.tape, self.reached, self.back, self.twins = tape, reached, back, twins
        self.room = max(SAME.get(_dtype(n), 1e-8) for n in tape.nodes)
        self.count = count

    def told(self):
        words = [(n.op, n.part) for n in self.tape.nodes]
        if all([(n.op, n.part) for n in t.nodes] == words for t in self._runs()):
            pairs = [(n, [t.nodes[n.index] for t in self._runs()]) for n in self.tape.nodes]
        else:  # another number of trips, say: only what comes out can be compared
            outputs = zip(self.tape.outputs, *(t.outputs for t in self._runs()), strict=True)
            pairs = [(n, others) for n, *others in outputs if n and all(others)]
        rows = {n.index for n, (back, *_) in pairs if self._has_rows(n, back)}
        changed = {n.index for n, (_, *twins) in pairs
                   if n.index in rows and self._differs(n, twins)}  # fmt: skip
        return self._up(rows, changed)

    def _runs(self):
        return [self.back, *(tape for _, tape in self.twins)]

    def _up(self, rows, changed):
        """From the outputs up to the last values in which each example has a row."""
        outputs = [n for n in self.tape.outputs if n is not None]
        todo, seen, found = list(outputs), set(), []
        while todo:
            node = todo.pop()
            if node.index in rows:
                found.append(node)
            elif node.index not in seen:
                seen.add(node.index)
                todo += [p for p in node.parents if p.index is not None]
        row = next((n for n in found if n.index in changed), None)
        if not found:
            return Neighbours(unknown="no value has a row for each example")
        if row is None:
            return Neighbours()
        begins = _first(row, changed)
        return Neighbours(frozenset(changed), row.index, begins, row in outputs)

    def _has_rows(self, node, back):
        a, b = numpy_of(node.value), numpy_of(back.value)
        if a is None or b is None or a.shape != b.shape or a.shape[:1] != (self.count,):
            return False
        return a.dtype.kind in "biufc" and self._same(node, a[::-1], b, slice(None, None, -1))

    def _differs(self, node, twins):
        a = numpy_of(node.value)
        for (i, _), twin in zip(self.twins, twins, strict=True):
            b = numpy_of(twin.value)
            if b.shape == a.shape and not self._same(node, a[i], b[i], i):
                return True
        return False

    def _same(self, node, a, b, rows):
        """But for rounding, and for entries that padding reaches."""
        import numpy as np

        same = a == b
        if a.dtype.kind in "fc":
            with np.errstate(all="ignore"):
                most = np.abs(a[np.isfinite(a)]).max(initial=0)
                same |= (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= self.room * most)
        reached = self.reached[node.index]
        return bool((same if reached is None else same | reached[rows]).all())
