"""Forward mode: a tangent travels along with each value (Wengert 1964).

The tape is walked while it is written, so nothing is kept: each node's tangent is pushed from its
parents' as soon as the node exists.
"""

from . import trees, xp
from .calculus import push
from .errors import AutodiffError
from .source import words
from .tape import Tape
from .trace import as_array_like, check_differentiable, trace


class ForwardTape(Tape):
    """A tape whose nodes carry tangents and are forgotten as soon as nobody points to them."""

    reverse = lean = False
    order = None  # Taylor mode's tape (`taylor`) carries so many coefficients instead of a tangent

    def __init__(self, verbs, tangents):
        super().__init__(verbs)
        self.tangents = iter(tangents)

    def input(self, value, name):
        node = super().input(value, name)
        node.tangent = checked(self.xp, next(self.tangents), value, name)
        node.active = node.tangent is not None
        return node

    def add(self, row, parents, values, params, y, scope=(), where=None, frozen=False):
        node = self._node(row, (), params, y, frozen)
        node.active = not frozen and any([p.active for p in parents])
        if node.active and self.xp.is_inexact(y.dtype):
            node.tangent = push(row, self.xp, y, values, [p.tangent for p in parents], params)
        node.active = node.tangent is not None
        return node

    def add_many(self, row, parents, values, params, ys, scope=(), where=None, frozen=False):
        nodes = [self._node(row, (), params, y, frozen) for y in ys]
        if not frozen and any([p.active for p in parents]):
            dxs = [p.tangent for p in parents]
            dys = push(row, self.xp, tuple(ys), values, dxs, params) or (None,) * len(nodes)
            for node, dy in zip(nodes, dys, strict=True):
                node.tangent = dy if self.xp.is_inexact(node.dtype) else None
                node.active = node.tangent is not None
        return nodes

    def give(self, node, y, tangent):
        node.tangent, node.active = tangent, tangent is not None
        return node

    def carried(self, node):
        """What a loop carries along for this node."""
        return node.tangent

    def _append(self, node):
        node.index = 0  # nobody walks back
        return node


def jvp(f, primals, tangents):
    """Return `(f(*primals), its derivative in the direction of tangents)`.

        jvp : (a -> b), a, T a  ->  (b, T b)

    `tangents` has the structure of `primals`; None in it stands for a zero.

    >>> import torch
    >>> y, dy = jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
    >>> float(y), float(dy)
    (0.0, 2.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise AutodiffError(
            f"jvp takes tuples of primals and of tangents, not a {type(primals).__name__} and a "
            f"{type(tangents).__name__}; write jvp(f, (x,), (dx,))"
        )
    primals, tangents = tuple(primals), tuple(tangents)
    pairs = matched(primals, tangents)
    tape = trace(lambda verbs: ForwardTape(verbs, pairs), f, primals)
    outputs = zip(tape.outputs, trees.leaves(tape.output), strict=True)
    return tape.output, tape.rebuild([_tangent(tape.xp, node, y) for node, y in outputs])


def forward(tape, tangents):
    """`Tape.forward`: push tangents along a tape that `record` made, and write each on its node."""
    given = matched(tuple(tape.in_arguments(tape.leaves)), tangents)
    given += [None] * (len(tape.inputs) - len(given))  # arguments by keyword have none
    for node, tangent in zip(tape.inputs, given, strict=True):
        node.tangent = checked(tape.xp, tangent, node.value, node.name)
    for node in tape.nodes:
        if node.row is not None and not node.part:
            _push_on(tape.xp, node)
    outputs = zip(tape.outputs, trees.leaves(tape.output), strict=True)
    return tape.rebuild([_tangent(tape.xp, node, y) for node, y in outputs])


def _push_on(verbs, node):
    """The tangents of a node and of those of its group."""
    group, row = node.group or [node], node.row
    if row.kind == "general" and row.d[0] is None:
        raise AutodiffError(
            f"the node of {row.name} at {words(node.where)} only knows its way back, and a tangent "
            "goes forward; use ad.jvp on the function itself"
        )
    ys, dxs = tuple([n.value for n in group]), [p.tangent for p in node.parents]
    y = ys if row.outputs != 1 else ys[0]
    dys = push(row, verbs, y, [p.value for p in node.parents], dxs, node.params)
    dys = dys if row.outputs != 1 else (dys,)
    for n, dy in zip(group, dys or (None,) * len(group), strict=True):
        n.tangent = dy if verbs.is_inexact(n.dtype) else None


def matched(primals, tangents):
    """The tangent of each array among the primals, in order."""
    if len(primals) != len(tangents):
        raise AutodiffError(
            f"jvp was given {len(primals)} primals and {len(tangents)} tangents; give one tangent "
            "per primal (None for a zero)"
        )
    found = []
    for primal, tangent in zip(primals, tangents, strict=True):
        leaves = trees.leaves(primal)
        below = [None] * len(leaves) if tangent is None else trees.flatten_like(primal, tangent)
        found += [t for x, t in zip(leaves, below, strict=True) if xp.framework_of(x)]
    return found


def checked(verbs, tangent, value, name):
    if tangent is None:
        return None
    check_differentiable(verbs, value, name)
    tangent = as_array_like(verbs, tangent, value)
    shape = tuple(getattr(tangent, "shape", ()))
    if shape != tuple(value.shape) or getattr(tangent, "dtype", value.dtype) != value.dtype:
        raise AutodiffError(
            f"the tangent of {name} has shape {shape} and dtype {getattr(tangent, 'dtype', '?')}, "
            f"but {name} has shape {tuple(value.shape)} and dtype {value.dtype}; they must agree"
        )
    return tangent


def _tangent(verbs, node, value):
    if node is not None and node.tangent is not None:
        return node.tangent
    if xp.framework_of(value) is None:
        return 0.0
    return verbs.zeros(tuple(value.shape), value.dtype, value)
