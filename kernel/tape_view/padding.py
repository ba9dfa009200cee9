"""Mask coverage: which entries of each value depend on padding?

Nobody has to be believed. The tape is run again with other things in the padding, NaN and 1e30; the
entries that change are those that padding reaches. In a value that is padded itself that does no
harm; where an operation lets it into entries that count it spreads, and at the output it is a leak.
A mean that divides by the padded length reads no padding: `longer` looks for those, and
`neighbours` for one that divides by the longest length.
"""

from dataclasses import dataclass, replace

from ..values import number, numpy_of
from .again import replay as run_again
from .longer import Longer, longer
from .neighbours import Neighbours, is_batch, neighbours
from .overlays import NONE, Overlay

ASK = "show(tape, padding=True) runs the function again on longer padding"


@dataclass(frozen=True)
class Coverage:
    """The share of the entries of each node that padding reaches; None where nobody can tell."""

    shares: tuple
    leak: int | None  # the output that padding reaches
    spreads: int | None  # the first operation on the way there where the share grows
    lines: dict  # index -> source line, in words
    longer: Longer  # what changes with the length of the padding
    unsound: bool = False  # is it only by NaN that padding gets there? (0 times NaN is NaN)
    others: Neighbours = Neighbours()  # what changes with the other examples of the batch

    def findings(self, names):
        if self.leak is not None:
            share, at = number(100 * self.shares[self.leak]), self.spreads
            what = "NaN in the padding" if self.unsound else "padding"
            told = f"{what} reaches {share} % of the output {names[self.leak]}; it spreads"
            yield f"Mask leak: {told} at {names[at]}, {self.lines[at]}.", at
        if self.longer.output is not None:
            at, output = self.longer.begins, names[self.longer.output]
            told = f"the output {output} counts the padding; with {self.longer.sizes} it changes"
            yield f"Mask leak: {told}, first at {names[at]}, {self.lines[at]}.", at
        yield from self.others.findings(names, self.lines)

    def overlay(self, boxes):
        marks = [self._mark(b.last) for b in boxes]
        shares = [self.shares[b.last] for b in boxes]
        words = tuple(map(_free, shares, marks))
        levels = "".join("5" if m else NONE if s is None else str(round(5 * s))
                         for s, m in zip(shares, marks, strict=True))  # fmt: skip
        note = "share of the entries that no padding reaches: the tape was run on other padding"
        return Overlay("padding", f"{note}; {self._about_length()}", words, levels)

    def _mark(self, index):
        counts = "counts it" if index in self.longer.nodes else ""
        return counts or ("depends on the others" if index in self.others.nodes else "")

    def _about_length(self):
        told = self.longer
        if told.unknown:
            return f"whether its length is counted nobody can tell: {told.unknown}"
        if not told.sizes:
            return ASK
        others = f"; whether the other examples take part: {self.others.unknown}"
        return (
            f"what counts its length changed with {told.sizes}{others * bool(self.others.unknown)}"
        )


def _free(share, mark):
    free = "cannot tell" if share is None else f"{number(100 * (1 - share))} % free"
    return f"{free}, {mark}" if mark else free


def coverage(tape, padding=None):
    """For the padded arguments of a tape, or for `{name: mask}` (True = valid); else None.

    With True, or with masks, the recorded function is run again as well: on longer padding, and, if
    nothing was found so far, among other examples.
    """
    given = _given(tape, padding) if isinstance(padding, dict) else _of_batches(tape)
    if not given:
        return _nothing(padding)
    plain = run_again(tape, {})
    reached = _reached(tape, plain, given, 1e30)
    further = longer(tape, given, reached) if padding else Longer()
    by_nan = _reached(tape, plain, given, float("nan"))
    either = [_or(a, b) for a, b in zip(reached, by_nan, strict=True)]
    found = _told(tape, either, reached, further)
    if not padding or further.output is not None or (found.leak is not None and not found.unsound):
        return found
    return replace(found, others=neighbours(tape, given, reached))


def _reached(tape, plain, given, fill):
    """For each node the entries that another filling of the padding changes."""
    new = run_again(tape, {i: _filled(tape, i, mask, fill) for i, mask in given.items()})
    return [_changed(a, b) if a is not None and b is not None else None
            for a, b in zip(plain, new, strict=True)]  # fmt: skip


def _nothing(padding):
    if padding:
        raise ValueError(
            f"show(padding={padding!r:.40}) knows no padded argument of this tape: none is a "
            "MaskedBatch; give the masks by name, padding={'x': mask} with True = valid"
        )


def _changed(a, b):
    import numpy as np

    a, b = numpy_of(a), numpy_of(b)
    if a is None or b is None or a.shape != b.shape or a.dtype.kind not in "biufc":
        return None
    same = a == b
    return ~(same | (np.isnan(a) & np.isnan(b))) if a.dtype.kind in "fc" else ~same


def _or(a, b):
    return None if a is None or b is None else a | b


def _told(tape, reached, by_numbers, further):
    shares = tuple(None if r is None else float(r.mean()) if r.size else 0.0 for r in reached)
    leak, valid = next(((n.index, valid) for n, valid in _outputs(tape)
                        if _leaks(reached[n.index], valid)), (None, None))  # fmt: skip
    spreads = None if leak is None else _spreads(tape, shares, leak)
    lines = {n.index: f"line {n.line}: {n.code}" if n.where else n.op for n in tape.nodes}
    unsound = leak is not None and not _leaks(by_numbers[leak], valid)
    return Coverage(shares, leak, spreads, lines, further, unsound)


def _leaks(reached, valid):
    if reached is None:
        return False
    return bool((reached & valid).any() if valid is not None else reached.any())


def _spreads(tape, shares, leak):
    """Up from the leak, along what padding reaches, to the first place where its share grows."""
    at, found = tape.nodes[leak], leak
    while True:
        touched = [p for p in at.parents if p.index is not None and shares[p.index]]
        if not touched:
            return found
        most = max(touched, key=lambda p: shares[p.index])
        if shares[at.index] > shares[most.index]:
            found = at.index
        at = most


# ----- what is padding? -----
def _given(tape, padding):
    names = {n.name: n for n in tape.inputs}
    for name in padding:
        if name not in names:
            raise ValueError(f"padding= names {name!r}, and the tape has {', '.join(names)}")
    return {names[name].index: _fitted(mask, names[name]) for name, mask in padding.items()}


def _fitted(mask, node):
    """The mask in the shape of the input: it may lack dims at the end."""
    import numpy as np

    mask, shape = numpy_of(mask).astype(bool), tuple(node.shape)
    if mask.shape == shape[: mask.ndim]:
        mask = mask.reshape(mask.shape + (1,) * (len(shape) - mask.ndim))
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(
            f"padding= gives {node.name} a mask of shape {mask.shape}, and {node.name} has shape "
            f"{shape}; the mask has its first dims, or can be broadcast to it"
        ) from None


def _of_batches(tape):
    """The data of each MaskedBatch among the arguments, with its mask."""
    found = {}
    for batch in _batches(tape.in_arguments(tape.leaves)):
        for node, leaf in zip(tape.inputs, tape.leaves, strict=True):
            if leaf is batch.data:
                found[node.index] = _full(batch)
    return found


def _outputs(tape):
    """The output nodes; of a MaskedBatch with the mask of what counts."""
    batches = {id(b.data): b for b in _batches(tape.output)}
    from autodiff_lab import trees

    for node, leaf in zip(tape.outputs, trees.leaves(tape.output), strict=True):
        if node is not None:
            batch = batches.get(id(leaf))
            yield node, _full(batch) if batch is not None else None


def _batches(tree):
    from autodiff_lab import trees

    return [x for x in trees.flatten(tree, is_leaf=is_batch)[0] if is_batch(x)]


def _full(batch):
    """The mask in the shape of the data."""
    return numpy_of(batch.mask_of_all_dims()).astype(bool)


def _filled(tape, index, mask, fill):
    """The input with other padding; whole numbers get another small one."""
    import numpy as np

    value = tape.nodes[index].value
    array = numpy_of(value)
    other = fill if array.dtype.kind in "fc" else (array == 0)
    filled = np.where(mask, array, other).astype(array.dtype)
    return tape.xp.astype(tape.xp.asarray(filled, value), value.dtype)
