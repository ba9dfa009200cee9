"""The short way for pointwise rows on PyTorch: as `torch_front.record`, with less to find out.

A chain of operations on small tensors is all overhead. Where a tape is only to be walked backwards
and both inputs are on it or are numbers, everything but the value and the node is known beforehand.
"""

from torch import Tensor, is_grad_enabled

from .table.row import CACHES
from .tape import NUMBER, Node
from .torch_box import QUICK, STRIDED, WRAP, Box

CACHES.append(QUICK)
NO_PARAMS: dict = {}


def learn(func, row):
    """From now on `func`, which means the pointwise `row`, goes the short way if it can."""
    if row.kind == "pointwise" and row.arity in (1, 2):
        QUICK[func] = (_unary if row.arity == 1 else _binary)(func, row)


def _unary(func, row):
    keep_y, (keep_x,) = row.keep((True,))

    def quick(x, *more):
        tape = x.tape
        if more or not tape.quick or not is_grad_enabled():
            return Box.slowly(func, (), (x, *more), {})
        value, parent = x.value, x.node
        y = func(value)
        node = Node(row, (parent,), NO_PARAMS, y.shape, y.dtype, True)
        node.xs = (value,) if keep_x else (parent,)
        node.y = y if keep_y else None
        if keep_x:
            node.kept, node.writes = (value, y) if keep_y else node.xs, value._version
        elif keep_y:
            node.kept, node.writes = (y,), 0  # what has just been made is unwritten
        node.alike = node.dtype is parent.dtype
        return append(tape, node, y)

    return quick


def _binary(func, row):
    plans = {active: row.keep(active) for active in ((True, True), (True, False), (False, True))}

    def quick(a, b, *more):
        first, second = type(a) is Box, type(b) is Box
        tape = a.tape if first else b.tape
        if (
            more
            or not tape.quick
            or not is_grad_enabled()
            or not (type(b) in _NUMBERS if not second else not first or b.tape is tape)
            or not (first or type(a) in _NUMBERS)
        ):
            return Box.slowly(func, (type(a), type(b)), (a, b, *more), {})
        u, m = (a.value, a.node) if first else (a, NUMBER)
        v, n = (b.value, b.node) if second else (b, NUMBER)
        y = func(u, v)
        keep_y, (keep_a, keep_b) = plans[first, second]
        shape, dtype = y.shape, y.dtype
        node = Node(row, (m, n), NO_PARAMS, shape, dtype, True)
        node.xs = (u if keep_a or not first else m, v if keep_b or not second else n)
        node.y = y if keep_y else None
        if keep_y or (first and keep_a) or (second and keep_b):
            _keep(node, u if first and keep_a else None, v if second and keep_b else None, node.y)
        node.alike = (not first or (m.dtype is dtype and m.shape == shape)) and (
            not second or (n.dtype is dtype and n.shape == shape)
        )
        return append(tape, node, y)

    return quick


_NUMBERS = (float, int)


def _keep(node, *values):
    node.kept = [x for x in values if x is not None]
    node.writes = sum([x._version for x in node.kept])


def append(tape, node, y):
    """The node goes to the end of the tape, the value on its way in a box."""
    nodes = tape.nodes
    node.index = len(nodes)
    nodes.append(node)
    if type(y) is not Tensor:
        return Box.of(y, node, tape)
    box = WRAP(Box, node.shape, None, None, None, node.dtype, STRIDED, y.device)
    box.value, box.node, box.tape, box.base = y, node, tape, None
    return box
