"""Does the length of the padding get into the result? The function is run again on longer padding.

A hand-masked mean that divides by the padded length reads no padding, so no other padding changes
it; but one more place does. The recorded function is called again with the padded arguments one
place longer, and so is every argument, closure or global array that spells the same mask another
way (0 and 1, 0 and -inf). What changes then, in entries that no padding reaches, has counted it.

What this cannot see: a number that is wrong whatever the padding (the longest of the lengths, which
`neighbours` finds; 512, which nobody does), a mask that hides what counts, and a mask that the
function makes from no array it can be given.
"""

import contextlib
import io
from dataclasses import dataclass

from ..values import numpy_of
from .elsewhere import Elsewhere

# Sums of other lengths round in another way, in the narrowest dtype of a tape; else by 1e-8.
SAME = {"float16": 1e-2, "bfloat16": 1e-1, "float32": 1e-4, "complex64": 1e-4}


@dataclass(frozen=True)
class Longer:
    """Which nodes change; or why nobody can tell."""

    nodes: frozenset = frozenset()  # indices; empty where the two tapes do not match
    output: int | None = None  # the output that changes
    begins: int | None = None  # the first node on the way there that does
    sizes: str = ""  # in words: what was made longer
    unknown: str = ""


def longer(tape, masks, reached):
    """Run the recorded function on longer padding; `masks` are those of inputs, by index."""
    places = {i: ragged(mask) for i, mask in masks.items()}
    if not any(places.values()):
        return Longer(unknown="no padding stands at the end or the beginning of a dim")
    if tape.called is None:
        return Longer(unknown="it is not known which function this tape is of")
    try:
        again = _run(*tape.called)
        if Beside(reached).outputs(tape, again):
            return Longer(unknown="the function gives other numbers each time")
        found = _run(*_stretched(tape, masks, places))
    except Exception as error:  # the user's function, on an argument that it was not made for
        told = str(error).splitlines() or [type(error).__name__]
        return Longer(unknown=f"on longer padding the function raises {told[0][:90]!r}")
    return _told(tape, found, reached, places, masks)


def _run(f, args, kwargs):
    """Record once more; what the function prints was printed already."""
    from autodiff_lab import record

    with contextlib.redirect_stdout(io.StringIO()):
        return record(f, *args, **kwargs)


# ----- where is there padding? -----
def ragged(mask):
    """`{dim: True if the padding stands at its end, False if at its beginning}`.

    Along such a dim each line is valid entries and then padding, or the other way round. The first
    dim is that of the examples, unless there is no other.
    """
    found = {}
    for dim in range(mask.ndim):
        lines = mask.swapaxes(0, dim)
        if mask.shape[dim] < 2 or (lines[1:] == lines[:-1]).all():
            continue
        if (lines[1:] <= lines[:-1]).all():
            found[dim] = True
        elif (lines[1:] >= lines[:-1]).all():
            found[dim] = False
    return {d: end for d, end in found.items() if d} or found


def _stretched(tape, masks, places):
    """The recorded call, with one place more along each ragged dim."""
    from autodiff_lab import trees, xp

    f, args, kwargs = tape.called
    leaves, _, rebuild = trees.flatten((args, kwargs))
    at = [k for k, x in enumerate(leaves) if xp.framework_of(x) is not None]
    spelled = Spelled(tape.xp, masks, places)
    for k, node in zip(at, tape.inputs, strict=True):
        mine = places.get(node.index)
        leaves[k] = spelled(leaves[k]) if mine is None else _padded(tape.xp, leaves[k], mine, 0)
    return (Elsewhere(spelled)(f), *rebuild(leaves))


def _padded(xp, x, dims, fill):
    import numpy as np

    array = numpy_of(x)
    widths = [(int(not dims[d]), int(dims[d])) if d in dims else (0, 0) for d in range(array.ndim)]
    array = np.pad(array, widths, constant_values=fill)
    return xp.astype(xp.asarray(array, x), x.dtype)


class Spelled:
    """Makes arrays longer that say the same as one of the masks; leaves all else as it is."""

    def __init__(self, xp, masks, places):
        self.xp = xp
        pairs = {i: _core(masks[i], places[i]) for i in masks if places[i]}
        self.masks = list(pairs.values())

    def __call__(self, x):
        from autodiff_lab import xp

        if xp.framework_of(x) != self.xp.name:
            return x
        for mask, dims in self.masks:
            found = self._dims(numpy_of(x), mask, dims)
            if found is not None:
                return _padded(self.xp, x, *found)
        return x

    @staticmethod
    def _dims(array, mask, dims):
        """The dims of an array that is one constant on the padding and another elsewhere."""
        if array is None or array.dtype.kind not in "biuf":
            return None
        long = [d for d in range(array.ndim) if array.shape[d] != 1]
        flat = array.reshape([array.shape[d] for d in long])
        if flat.shape[: mask.ndim] != mask.shape:
            return None
        on, off = flat[mask].ravel(), flat[~mask].ravel()
        if not on.size or not off.size or on[0] == off[0]:
            return None
        if (on != on[0]).any() or (off != off[0]).any():
            return None
        return {long[d]: end for d, end in dims.items()}, off[0]


def _core(mask, dims):
    """A mask and its ragged dims, without dims of one entry and those at the end that repeat it."""
    last = max(dims)
    index = (slice(None),) * (last + 1) + (0,) * (mask.ndim - last - 1)
    core = mask[index]
    kept = [d for d in range(core.ndim) if core.shape[d] != 1]
    return core.reshape([core.shape[d] for d in kept]), {kept.index(d): e for d, e in dims.items()}


# ----- what has changed? -----
def _told(tape, other, reached, places, masks):
    grown = [(i, d) for i, dims in places.items() for d in dims]
    sizes = "; ".join(f"{masks[i].shape[d] + 1} places in place of {masks[i].shape[d]} along dim "
                      f"{d} of {tape.nodes[i].name}" for i, d in grown)  # fmt: skip
    beside = Beside(reached, {masks[i].shape[d] for i, d in grown}, places)
    try:
        outputs = beside.outputs(tape, other)
    except ValueError as error:
        return Longer(unknown=str(error))
    changed = beside.nodes(tape, other)
    begins = _first(tape.nodes[outputs[0]], changed) if outputs else None
    return Longer(frozenset(changed), outputs[0] if outputs else None, begins, sizes)


class Beside:
    """Compares two tapes in the entries that both have, and that no padding reaches."""

    def __init__(self, reached, sizes=frozenset(), places=None):
        self.reached, self.sizes = reached, sizes  # those that are one larger on the other tape
        self.room = 1e-8
        self.at_end = all(end for dims in (places or {}).values() for end in dims.values())

    def outputs(self, tape, other):
        """The outputs that differ; a ValueError if there is one that nobody can compare."""
        self.room, found = max(SAME.get(_dtype(n), 1e-8) for n in tape.nodes), []
        for n, m in zip(tape.outputs, other.outputs, strict=False):
            if n and m and self._cut(n.value, m.value) is None:
                raise ValueError(
                    f"the output has shape {tuple(n.shape)}, and {tuple(m.shape)} on longer padding"
                )
            if n and m and self._differs(n, m):
                found.append(n.index)
        return found

    def nodes(self, tape, other):
        """The nodes that differ; none where the tapes do not have the same operations."""
        if [(n.op, n.part) for n in tape.nodes] != [(n.op, n.part) for n in other.nodes]:
            return set()
        pairs = zip(tape.nodes, other.nodes, strict=True)
        return {n.index for n, m in pairs if self._differs(n, m)}

    def _cut(self, a, b):
        """Both as arrays, without the places that were added; None if they do not fit."""
        a, b = numpy_of(a), numpy_of(b)
        if a is None or b is None or a.ndim != b.ndim or a.dtype.kind not in "biufc":
            return None
        index = []
        for n, m in zip(a.shape, b.shape, strict=True):
            if m != n and (n not in self.sizes or m != n + 1):
                return None
            index.append(slice(None, n) if self.at_end else slice(m - n, None))
        return a, b[tuple(index)]

    def _differs(self, node, other):
        import numpy as np

        both = self._cut(node.value, other.value)
        if both is None:
            return False
        a, b = both
        apart = a != b
        if a.dtype.kind in "fc":
            with np.errstate(all="ignore"):
                most = np.abs(a[np.isfinite(a)]).max(initial=0)
                same = (a == b) | (np.isnan(a) & np.isnan(b))
                apart = ~(same | (np.abs(a - b) <= self.room * most))
        reached = self.reached[node.index]
        return bool((apart if reached is None else apart & ~reached).any())


def _dtype(node):
    return str(getattr(node.value, "dtype", "")).removeprefix("torch.")


def _first(node, changed):
    """Up from an output along what changes, to where it begins."""
    while True:
        above = [p for p in node.parents if p.index in changed]
        if not above:
            return node.index
        node = above[0]
