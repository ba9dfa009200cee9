"""A tape that can be walked many times, in both directions.

At a point a differentiable function is two linear maps, each the other's transpose: tangents are
pushed forward, cotangents are pulled back. One run of the function gives the tape of both.
"""

from . import trees, xp
from .calculus import push
from .reverse import _or_zeros, _pull_back
from .tape import Tape, changed, written


class LinearTape(Tape):
    """A tape that keeps what either direction reads: every input and output of every node."""

    lean = False

    def _to_keep(self, row, active):
        return True, (True,) * len(active)


def pushed(tape, tangents):
    """The tangents of the outputs for one tangent per input (None: zero); zeros filled in."""
    dxs = [None] * len(tape.nodes)
    for node, dx in zip(tape.inputs, tangents, strict=True):
        dxs[node.index] = dx
    for node in tape.nodes:
        if node.xs is not None:
            _push_node(tape, node, dxs)
    outputs = zip(tape.outputs, trees.leaves(tape.output), strict=True)
    return [_or_zero(tape.xp, node and dxs[node.index], y) for node, y in outputs]


def pulled(tape, cotangents):
    """The cotangents of the inputs for one cotangent per output (None: zero); zeros filled in."""
    return _or_zeros(tape, _pull_back(tape, cotangents))


def _or_zero(verbs, dy, y):
    if dy is not None or xp.framework_of(y) is None:
        return dy
    return verbs.zeros(tuple(y.shape), y.dtype, y)


def _push_node(tape, node, dxs):
    if node.writes is not None and node.writes != written(node.kept):
        raise changed(node)
    incoming = [None if p.index is None else dxs[p.index] for p in node.parents]
    dy = push(node.row, tape.xp, node.y, node.xs, incoming, node.params)
    if node.group is None:
        dxs[node.index] = dy
    elif dy is not None:
        for one, part in zip(node.group, dy, strict=True):
            dxs[one.index] = part
