"""The short way through the PyTorch front end: as `torch_front.record`, with less to find out.

A chain of operations on small tensors is all overhead. Once a function of PyTorch has been met, its
row is known; and where a tape is only to be walked backwards, and all inputs are on it or constant,
nothing else has to be asked. Whatever is not so simple takes the long way.
"""

from torch import Tensor, is_autocast_enabled, is_grad_enabled

from .table.row import CACHES
from .tape import NUMBER, Node
from .torch_box import QUICK, STRIDED, WRAP, Box
from .torch_spellings import MEANINGS, PLAIN, meant

CACHES.append(QUICK)
NO_PARAMS: dict = {}


def learn(func):
    """From now on `func` goes the short way whenever it can."""
    _, row, signature = MEANINGS.get(func, (None, None, None))
    if row is None or row.kind == "constant" or (row.kind == "composite" and not row.fast):
        return
    if func in PLAIN and row.kind == "pointwise" and row.arity in (1, 2):
        QUICK[func] = (_unary if row.arity == 1 else _binary)(func, row)
    else:
        QUICK[func] = _general(func, row, signature)


def _unary(func, row):
    keep_y, (keep_x,) = row.keep((True,))

    def quick(x, *more, **named):
        tape, parent = x.tape, x.node
        if more or named or not tape.quick or not parent.active or not is_grad_enabled():
            return Box.slowly(func, (), (x, *more), named)
        value = x.value
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

    def quick(a, b=None, *more, **named):
        first, second = type(a) is Box, type(b) is Box
        tape = a.tape if first else b.tape if second else None
        if (
            tape is None
            or not tape.quick
            or more
            or named
            or not is_grad_enabled()
            or not (b.tape is a.tape if first and second else type(b if first else a) in _NUMBERS)
        ):
            return Box.slowly(func, (type(a), type(b)), (a, b, *more), named)
        u, m = (a.value, a.node) if first else (a, NUMBER)
        v, n = (b.value, b.node) if second else (b, NUMBER)
        if m.active is not first or n.active is not second:  # an in-place write stopped the flow
            return Box.slowly(func, (), (a, b), named)
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
