"""One look at every value and adjoint of a tape: how large it is, and whether it is sound.

Of a long tape only a few nodes are drawn, and the one where something goes wrong should be among
them; so this is what is computed for all nodes, and it is kept cheap. Zero, too small to be seen,
NaN and Inf each have their own answer: a size is a root mean square, `nan`, or `inf`.
"""

from dataclasses import dataclass
from math import inf, isfinite, isnan, nan

from ..values import number, numpy_of

VANISHED, EXPLODED = 1e-4, 1e4  # ratios to adjoints nearer the output that are told
SHORTEST, STRETCHES = 3, 60  # nodes of a stretch; stretches of a long tape


@dataclass(frozen=True)
class Scan:
    """Sizes by node: None where there is no value, no adjoint or nothing to measure."""

    values: list
    adjoints: list


def scan(tape):
    return Scan([size(n.value) for n in tape.nodes], [size(n.adjoint) for n in tape.nodes])


def size(value):
    """The root mean square of the entries; nan if one is NaN, else inf if one is infinite."""
    import numpy as np

    array = None if value is None else numpy_of(value)
    if array is None or array.dtype.kind not in "fc" or not array.size:
        return None
    flat = array.ravel()
    total = np.vdot(flat, flat).real.item()
    if isfinite(total) and total > 1e-30:
        return (total / flat.size) ** 0.5
    if np.isnan(flat).any():
        return nan
    return _carefully(np, flat)


def _carefully(np, flat):
    """Squares overflow or vanish before their entries do."""
    largest = np.abs(flat).max().item()
    if largest == 0 or largest == inf:
        return largest
    return largest * (np.abs(flat / largest) ** 2).mean().item() ** 0.5


# ----- where does it begin? -----
def first_bad(tape, sizes):
    """The index of the first node with a NaN (else with an Inf that nobody put there) or None."""
    for is_bad in (isnan, lambda s: s == inf):
        for node in tape.nodes:
            s = sizes.values[node.index]
            if s is not None and is_bad(s) and (isnan(s) or not _was_given_inf(node, sizes)):
                return node.index
    return None


def _was_given_inf(node, sizes):
    """A mask of -inf is put into scores on purpose, and goes on from there."""
    return any(_unsound(p, sizes) for p in node.parents)


def first_bad_adjoint(tape, sizes):
    """The first node that the reverse walk gives a NaN or Inf, which no adjoint before it had."""
    for node in reversed(tape.nodes):
        s = sizes.adjoints[node.index]
        if s is not None and not isfinite(s):
            return node.index
    return None


# ----- in sentences -----
def findings(tape, sizes, names):
    """What a reader should look at first, each as `(sentence, node index)`."""
    bad, back = first_bad(tape, sizes), first_bad_adjoint(tape, sizes)
    if bad is not None:
        yield _bad_value(tape, sizes, names, bad), bad
    if back is not None and (bad is None or not isnan(sizes.values[bad])):
        yield _bad_adjoint(tape, sizes, names, back, bad is None), back
    if bad is back is None:
        yield from _range(tape, sizes, names)
    yield from _all_zero(tape, sizes, names)


def _bad_value(tape, sizes, names, bad):
    node = tape.nodes[bad]
    what = "NaN" if isnan(sizes.values[bad]) else "Inf"
    if node.row is None:
        return f"First {what}: the input {names[bad]} holds it already."
    before = [p for p in node.parents if _unsound(p, sizes)]
    inputs = _where_from(before, sizes, names) if before else "what it reads is finite"
    return f"First {what}: {names[bad]} = {node.op}, {_line(node)}; {inputs}."


def _where_from(before, sizes, names):
    """The Inf that became a NaN is mostly the one to look at."""
    at = before[0]
    while above := [p for p in at.parents if _unsound(p, sizes)]:
        at = above[0]
    if at.index is None or at.row is None:
        return "what it reads holds Inf already"
    return f"what it reads holds Inf, made by {names[at.index]} = {at.op}, {_line(at)}"


def _unsound(node, sizes):
    s = sizes.values[node.index] if node.index is not None else node.value
    s = size(s) if hasattr(s, "shape") else s
    return isinstance(s, float) and not isfinite(s)


def _bad_adjoint(tape, sizes, names, back, sound):
    node = tape.nodes[back]
    what = "NaN" if isnan(sizes.adjoints[back]) else "Inf"
    readers = [n for n in tape.nodes if n.adjoint is not None and node in n.parents]
    through = f" through {names[readers[-1].index]} = {readers[-1].op}" if readers else ""
    line = _line(readers[-1] if readers else node)
    told = f"first {what} on the way back is the adjoint of {names[back]},{through}, {line}."
    return f"All values are finite; the {told}" if sound else f"The {told}"


def _range(tape, sizes, names):
    """Vanishing and exploding: whole stretches of the way back, against those nearer the output.

    One small adjoint says little (a gate that is shut), so the largest of a stretch counts.
    """
    stretches = _stretches(tape, sizes)
    if not stretches:
        return
    start = nearest = stretches[0]
    for s in stretches[1:]:
        if 0 < s[0] < VANISHED * nearest[0]:
            yield _told("vanish", nearest, s, names, tape), s[1]
            return
        if s[0] > EXPLODED * start[0]:
            yield _told("explode", start, s, names, tape), s[1]
            return
        nearest = max(nearest, s)


def _stretches(tape, sizes):
    """`(size, index)` of the largest adjoint of each stretch, from the output back."""
    made = [n.index for n in reversed(tape.nodes) if n.row is not None]
    known = [(sizes.adjoints[i], i) for i in made if sizes.adjoints[i] is not None]
    each = max(SHORTEST, len(known) // STRETCHES)
    return [max(known[i : i + each]) for i in range(0, len(known), each)]


def _told(verb, start, at, names, tape):
    return (
        f"Adjoints {verb}: {number(start[0])} at {names[start[1]]}, but {number(at[0])} at "
        f"{names[at[1]]} and what is near it, {_line(tape.nodes[at[1]])}."
    )


def _all_zero(tape, sizes, names):
    """A learner's dead unit: the adjoint of an input is all zero; and what it ended at."""
    dead = [n for n in tape.inputs if sizes.adjoints[n.index] == 0 and n.active]
    if dead:
        shown = ", ".join(names[n.index] for n in dead[:4])
        told = f"The adjoint of {shown}{' and others' * (len(dead) > 4)} is all zero"
        stop = _stop(tape, sizes, dead[0])
        end = f"; it ends at {names[stop.index]} = {stop.op}, {_line(stop)}" if stop else ""
        yield f"{told}{end}.", dead[0].index if stop is None else stop.index


def _stop(tape, sizes, dead):
    """Down from the input, along adjoints of zero, to the first node that has another."""
    zero = {dead.index}
    for node in tape.nodes[dead.index + 1 :]:
        adjoint = sizes.adjoints[node.index]
        if adjoint is not None and any(p.index in zero for p in node.parents):
            if adjoint:
                return node
            zero.add(node.index)
    return None


def _line(node):
    return "no line known" if node.where is None else f"line {node.line}: {node.code}"
