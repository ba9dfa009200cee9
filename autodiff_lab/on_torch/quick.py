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
            node = Node(row, (parent,), NO_PARAMS, y.shape, dtype, True, (value,), value._version)
            node.kept = (value, y) if keep_y else node.xs
        else:  # what has just been made is unwritten
            node = Node(row, (parent,), NO_PARAMS, y.shape, dtype, True, (parent,), writes)
            node.kept = (y,) if keep_y else None
        node.y = y if keep_y else None
        node.alike = dtype is parent.dtype
        return append(tape, node, y)

    return quick


def _binary(func, row, params_of=None):
    """Two inputs: boxes of one tape, or one of them and a number or a tensor from elsewhere."""
    plans = {active: row.keep(active) for active in ((True, True), (True, False), (False, True))}
    plain = row.name in ("add", "subtract", "multiply")  # for them a number is a tensor
    plain = plain and not hasattr(func, "_schema")  # the dispatcher's mul.Scalar wants a number
    pointwise = params_of is None

    def quick(a, b=None, *more, **named):
        first, second = type(a) is Box, type(b) is Box
        tape = a.tape if first else b.tape if second else None
        if tape is None or more or named or not tape.quick or not is_grad_enabled():
            return Box.slowly(func, (type(a), type(b)), (a, b, *more), named)
        u, m = (a.value, a.node) if first else _from_elsewhere(a)
        v, n = (b.value, b.node) if second else _from_elsewhere(b)
        if (
            m.active is not first  # not ours to take, or an in-place write stopped the flow
            or n.active is not second
            or (first and second and a.tape is not b.tape)
        ):
            return Box.slowly(func, (type(a), type(b)), (a, b), named)
        if plain and (m is NUMBER or n is NUMBER):
            met = tape.xp.at_hand
            y = func(u, met(v, u)) if first else func(met(u, v), v)
        else:
            y = func(u, v)
        keep_y, (keep_a, keep_b) = plans[first, second]
        shape, dtype = y.shape, y.dtype
        params = NO_PARAMS if pointwise else params_of(u, v)
        node = Node(row, (m, n), params, shape, dtype, True)
        node.xs = (u if keep_a or m is NUMBER else m, v if keep_b or n is NUMBER else n)
        node.y = y if keep_y else None
        if keep_y or keep_a or keep_b:
            _keep(node, u if keep_a and m is not NUMBER else None,
                  v if keep_b and n is not NUMBER else None, node.y)  # fmt: skip
        node.alike = pointwise and (
            (m is NUMBER or (m.dtype is dtype and m.shape == shape))
            and (n is NUMBER or (n.dtype is dtype and n.shape == shape))
        )
        return append(tape, node, y)

    return quick


def _from_elsewhere(x):
    """A value that is not on the tape and its node; what needs a second look is said to be."""
    kind = type(x)
    if kind in _NUMBERS:
        return x, NUMBER
    if kind is Tensor and not x.requires_grad:
        return x, Node(None, (), NO_PARAMS, x.shape, x.dtype, False)
    return x, _UNKNOWN


_UNKNOWN = Node(None, (), NO_PARAMS, (), float, True)
_NUMBERS = (float, int)


def _general(func, row, signature):
    def quick(*args, **named):
        tape = _tape(args)
        if tape is None or not tape.quick or not is_grad_enabled():
            return _slowly(func, args, named)
        xs, params = _understood(signature, args, named)
        values, parents = [], []
        for x in xs or ():
            kind = type(x)
            if kind is Box and x.tape is tape and x.node.active:
                values.append(x.value)
                parents.append(x.node)
            elif kind is Tensor and not x.requires_grad:
                values.append(x)
                parents.append(tape.constant(x))
            elif kind in _NUMBERS:
                values.append(x)
                parents.append(NUMBER)
            else:
                xs = None
                break
        if not xs:
            return _slowly(func, args, named)
        if row.fast:
            node, y = fast(tape, row, parents, values, params)
            if node is not None:
                return Box.of(y, node, tape)
            if row.kind == "composite":
                return _slowly(func, args, named)
        y = func(*[_value(x) for x in args], **{k: _value(x) for k, x in named.items()})
        if type(y) is Tensor:
            for x, v in zip(xs, values):  # noqa: B905
                if y is v:  # x.contiguous() may be x
                    return x
            node = tape.add(row, tuple(parents), values, params, y)
            return Box.of(y, node, tape) if node.active else y
        if row.outputs == 1:
            return Box.of(y, tape.add(row, tuple(parents), values, params, y), tape)
        nodes = tape.add_many(row, tuple(parents), values, params, y)
        pairs = zip(y, nodes)  # noqa: B905
        return type(y)([Box.of(v, n, tape) if n.active else v for v, n in pairs])

    return quick


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


def _tape(args):
    """The tape of the first box, where boxes stand among the arguments or in the first of them."""
    for x in args if type(args[0]) not in (list, tuple) else args[0]:
        if type(x) is Box:
            return x.tape
    return None


def _understood(signature, args, named):
    """The row's inputs and parameters, or nothing where the long way has more to say."""
    if named:
        if named.get("out") is not None or named.get("inplace"):
            return None, None
        named = meant(named)
    try:
        return signature(*args, **named)
    except TypeError:
        return None, None


def _value(x):
    kind = type(x)
    if kind is Box:
        return x.value
    return kind([_value(item) for item in x]) if kind is list or kind is tuple else x


def _keep(node, *values):
    node.kept = kept = [x for x in values if x is not None]
    node.writes = written(kept)


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
