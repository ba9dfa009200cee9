"""The short way through the PyTorch front end: as `front.record`, with less to find out.

A chain of operations on small tensors is all overhead. Once a function of PyTorch has been met, its
row is known; and where a tape is only to be walked backwards, and all inputs are on it or constant,
nothing else has to be asked. Whatever is not so simple takes the long way.
"""

import operator

from torch import Tensor, is_autocast_enabled, is_grad_enabled, matmul, mm

from ..table.row import CACHES, ROWS
from ..tape import NUMBER, Node, written
from .box import QUICK, STRIDED, WRAP, Box
from .plans import look, remember, understand
from .spellings import DIRECTLY, MEANINGS, PLAIN, meant
from .spellings.contractions import product_params

CACHES.append(QUICK)
NO_PARAMS: dict = {}
PRODUCTS = (operator.matmul, Tensor.matmul, Tensor.__matmul__, matmul, mm, Tensor.mm)


def learn(func):
    """From now on `func` goes the short way whenever it can."""
    name, row, signature = MEANINGS.get(func, (None, None, None))
    if row is None and name in DIRECTLY:
        row, signature = ROWS[DIRECTLY[name][0]], DIRECTLY[name][1]
    if row is None or row.kind == "constant" or (row.kind == "composite" and not row.fast):
        return
    if func in PLAIN and row.kind == "pointwise" and row.arity in (1, 2):
        QUICK[func] = (_unary if row.arity == 1 else _binary)(func, row)
    elif func in PRODUCTS:
        QUICK[func] = _binary(func, row, product_params)
    else:
        QUICK[func] = _general(func, row, signature)


def _unary(func, row):
    keep_y, (keep_x,) = row.keep((True,))
    writes = 0 if keep_y else None

    def quick(x, *more, **named):
        tape, parent = x.tape, x.node
        if more or named or not tape.quick or not parent.active or not is_grad_enabled():
            return Box.slowly(func, (), (x, *more), named)
        value = x.value
        y = func(value)
        dtype = y.dtype
        if keep_x:
            xs = (value,)
            node = Node(row, (parent,), NO_PARAMS, parent.shape, dtype, True, xs, value._version)
            node.kept = (value, y) if keep_y else xs
        else:  # what has just been made is unwritten
            node = Node(row, (parent,), NO_PARAMS, parent.shape, dtype, True, (parent,), writes)
            node.kept = (y,) if keep_y else None
        node.y = y if keep_y else None
        node.alike = dtype is parent.dtype
        return append(tape, node, y)

    return quick


def _binary(func, row, params_of=None):
    """Two inputs: boxes of one tape, or one of them and a number or a tensor from elsewhere."""
    plans = {active: row.keep(active) for active in ((True, True), (True, False), (False, True))}
    pointwise = params_of is None
    with_number = _with_number(func, row, plans) if pointwise else None

    def quick(a, b=None, *more, **named):
        first, second = type(a) is Box, type(b) is Box
        tape = a.tape if first else b.tape if second else None
        if tape is None or more or named or not tape.quick or not is_grad_enabled():
            return Box.slowly(func, (type(a), type(b)), (a, b, *more), named)
        if pointwise and (type(b) in _NUMBERS or type(a) in _NUMBERS):
            return with_number(a, b) if first else with_number(b, a, False)
        u, m = (a.value, a.node) if first else _from_elsewhere(a)
        v, n = (b.value, b.node) if second else _from_elsewhere(b)
        if (
            m.active is not first  # not ours to take, or an in-place write stopped the flow
            or n.active is not second
            or (first and second and a.tape is not b.tape)
        ):
            return Box.slowly(func, (type(a), type(b)), (a, b), named)
        y = func(u, v)
        keep_y, (keep_a, keep_b) = plans[first, second]
        shape, dtype = y.shape, y.dtype
        node = Node(row, (m, n), NO_PARAMS, shape, dtype, True)
        node.xs = xs = (u if keep_a else m, v if keep_b else n)
        node.y = y if keep_y else None
        if keep_y or not keep_a or not keep_b:
            _keep(node, [x for x, k in zip((u, v, y), (keep_a, keep_b, keep_y)) if k])  # noqa: B905
        else:
            node.kept, node.writes = xs, written(xs)
        if pointwise:
            node.alike = (m.dtype is dtype and m.shape == shape
                          and n.dtype is dtype and n.shape == shape)  # fmt: skip
        else:
            node.params = params_of(u, v)
            if u.ndim == v.ndim == 2 and type(u) is type(v) and dtype is u.dtype:
                node.residuals = ()  # two dims and no autocast: the fast way back
        return append(tape, node, y)

    return quick


def _with_number(func, row, plans):
    """A box and a number, which stands first or second."""
    at_hand = row.name in ("add", "subtract", "multiply")  # for them a number is a tensor
    at_hand = at_hand and not hasattr(func, "_schema")  # the dispatcher's mul.Scalar wants a number

    def quick(x, number, first=True):
        tape, parent, value = x.tape, x.node, x.value
        if not parent.active:
            return Box.slowly(func, (), (x, number) if first else (number, x), {})
        number = tape.xp.at_hand(number, value) if at_hand else number
        y = func(value, number) if first else func(number, value)
        keep_y, keep = plans[first, not first]
        dtype, seen = y.dtype, value if keep[not first] else parent
        parents, xs = ((parent, NUMBER), (seen, number)) if first else ((NUMBER, parent),
                                                                        (number, seen))  # fmt: skip
        node = Node(row, parents, NO_PARAMS, parent.shape, dtype, True, xs)
        node.y = y if keep_y else None
        if keep_y or seen is value:
            _keep(node, [x for x in (seen, node.y) if x is not None and x is not parent])
        node.alike = dtype is parent.dtype
        return append(tape, node, y)

    return quick


def _from_elsewhere(x):
    """A value that is not on the tape and its node; what needs a second look is said to be."""
    if type(x) is Tensor and not x.requires_grad:
        return x, Node(None, (), NO_PARAMS, x.shape, x.dtype, False)
    return x, _UNKNOWN


_UNKNOWN = Node(None, (), NO_PARAMS, (), float, True)
_NUMBERS = (float, int)


def _general(func, row, signature):
    plans = {}

    def quick(*args, **named):
        call = look(args, named)
        if call is None or not call[0].quick or not is_grad_enabled():
            return _slowly(func, args, named)
        tape, key, tensors, values, parents, opened, words = call
        plan = plans.get(key)
        if plan is None:
            plan = understand(row, signature, args, meant(named), tensors, values, parents)
            if plan is None:
                return _slowly(func, args, named)
            remember(plans, key, plan, parents)
        params = plan.params
        if plan.numbers:
            values, parents = values + plan.numbers, parents + [NUMBER] * len(plan.numbers)
        if plan.order is not None:
            values, parents = [values[i] for i in plan.order], [parents[i] for i in plan.order]
        if plan.keep_fast is not None and not is_autocast_enabled(values[0].device.type):
            found = row.fast.forward(tape.xp, *values, **params)
            if found is not None:
                y, residuals = found
                node = _node(row, parents, params, y, values, plan.keep_fast)
                node.residuals = residuals
                return append(tape, node, y)
        if row.kind == "composite":
            return _slowly(func, args, named)
        y = func(*opened, **words) if words else func(*opened)
        if row.outputs != 1:
            return _several(tape, row, parents, values, params, y, plan.keep)
        for x, v in zip(tensors, values):  # noqa: B905
            if y is v:  # x.contiguous() may be x
                return x
        if not (y.dtype.is_floating_point or y.dtype.is_complex):
            return y
        return append(tape, _node(row, parents, params, y, values, plan.keep), y)

    return quick


def _node(row, parents, params, y, values, keep):
    parents = tuple(parents)
    node = Node(row, parents, params, y.shape, y.dtype, True, parents)
    keep_y, keep_x = keep
    if keep_y or True in keep_x or NUMBER in parents:
        _keep_inputs(node, values, keep_x, [y] if keep_y else [])
    node.y = y if keep_y else None
    return node


def _keep_inputs(node, values, keep_x, kept):
    node.xs = xs = []
    for x, p, k in zip(values, node.parents, keep_x):  # noqa: B905
        xs.append(x if k or p is NUMBER else p)
        if k and p is not NUMBER:
            kept.append(x)
    if kept:
        node.kept, node.writes = kept, written(kept)


def _several(tape, row, parents, values, params, ys, keep):
    """One node per output: a group (`Tape.add_many`)."""
    if not ys:
        return ys
    parents, group, found = tuple(parents), [], []
    for y in ys:
        dtype = y.dtype
        active = dtype.is_floating_point or dtype.is_complex
        node = Node(row, parents, params, y.shape, dtype, active)
        node.group, node.part = group, len(group)
        group.append(node)
        found.append(append(tape, node, y) if active else _off(tape, node, y))
    first, (keep_y, keep_x) = group[0], keep
    _keep_inputs(first, values, keep_x, list(ys) if keep_y else [])
    first.y = tuple(ys) if keep_y else tuple(group)
    return type(ys)(found)


def fast(tape, row, parents, values, params):
    """The node and the value by PyTorch's fused kernels, or nothing where they do not reach."""
    active = [p.active for p in parents]
    plain = all([type(v) is Tensor for v in values])
    if plain and row.fast.reaches(active) and not is_autocast_enabled(values[0].device.type):
        found = row.fast.forward(tape.xp, *values, **params) if any(active) else None
        if found is not None:
            y, residuals = found
            return tape.add_fast(row, tuple(parents), values, params, y, residuals), y
    return None, None


def _slowly(func, args, named):
    return Box.slowly(func, [type(x) for x in args], args, named)


def _keep(node, kept):
    if kept:
        node.kept, node.writes = kept, written(kept)


def _off(tape, node, y):
    """An output without a derivative, such as an index."""
    node.index = len(tape.nodes)
    tape.nodes.append(node)
    return y


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
