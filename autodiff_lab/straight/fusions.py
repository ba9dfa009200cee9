"""Several lines that PyTorch has one kernel for.

These are kernels of arithmetic, not torch's autograd. Each fusion replaces the last line of its
pattern; the others go when nobody reads them any more. Values in written storages do not take part.
"""

import torch

from .line import Line, Value
from .passes import makers, users

aten = torch.ops.aten


def _each(program, name, rewrite):
    """Offer each line of this name to `rewrite`, which gives a better line or None."""
    made = makers(program)
    for i, line in enumerate(program.lines):
        if line.name == name and not any(v.storage in program.written for v in line.reads()):
            program.lines[i] = better = rewrite(line, made) or line
            made[better.out] = better


def _made_by(made, x, name):
    """The line that made x, if it is of this name."""
    line = made.get(x) if isinstance(x, Value) else None
    return line if line is not None and line.name == name else None


def _same_kind(*values):
    return len({(v.tensor.shape, v.tensor.dtype) for v in values}) == 1


def _pairs(line):
    a, b = line.args[:2]
    return ((a, b), (b, a))


# ----- slopes -----
def slope_of_tanh(program):
    """g * (1 - y * y)"""

    def rewrite(line, made):
        for g, p in _pairs(line):
            rest = _made_by(made, p, "rsub")
            square = rest and rest.args[1:] == (1,) and _made_by(made, rest.args[0], "mul")
            if square and square.args[0] is square.args[1] and isinstance(g, Value):
                y = square.args[0]
                if _same_kind(g, y, line.out):
                    return line.derived(aten.tanh_backward.default, (g, y))
        return None

    _each(program, "mul", rewrite)


def slope_of_sigmoid(program):
    """g * (y * (1 - y))"""

    def rewrite(line, made):
        for g, p in _pairs(line):
            product = _made_by(made, p, "mul")
            rest = product and _made_by(made, product.args[1], "rsub")
            if rest and rest.args == (product.args[0], 1) and isinstance(g, Value):
                y = product.args[0]
                if _same_kind(g, y, line.out):
                    return line.derived(aten.sigmoid_backward.default, (g, y))
        return None

    _each(program, "mul", rewrite)


def slope_of_relu(program):
    """where(y > 0, g, 0) of y = relu(x); behind a NaN the gradient flows on, as in PyTorch"""

    def rewrite(line, made):
        if len(line.args) != 3 or not isinstance(line.args[1], Value) or not _is_zero(line.args[2]):
            return None
        test = _made_by(made, line.args[0], "gt")
        if test is None or test.args[1] != 0 or not _made_by(made, test.args[0], "relu"):
            return None
        y, g = test.args[0], line.args[1]
        same = _same_kind(g, y, line.out)
        return line.derived(aten.threshold_backward.default, (g, y, 0)) if same else None

    _each(program, "where", rewrite)


def _is_zero(x):
    if isinstance(x, Value):
        return x.kind == "constant" and x.tensor.dim() == 0 and bool(x.tensor == 0)
    return x == 0


# ----- products -----
def product_and_sum(program):
    """c + a @ b in one kernel"""
    count = users(program)

    def rewrite(line, made):
        if line.kwargs.get("alpha", 1) != 1:
            return None
        for c, p in _pairs(line):
            product = _made_by(made, p, "mm")
            if product and isinstance(c, Value) and count[p] == 1 and _fits(c, p, line.out):
                return line.derived(aten.addmm.default, (c, *product.args))
        return None

    _each(program, "add", rewrite)


def _fits(c, p, y):
    same = c.tensor.dtype == p.tensor.dtype == y.tensor.dtype
    return same and c.tensor.dim() in (1, 2) and p.tensor.shape == y.tensor.shape


# ----- a sum of pieces that do not overlap is a concatenation -----
def sum_of_pads(program):
    """The cotangents of the slices of one tensor, laid side by side instead of padded and added"""
    count = users(program)

    def rewrite(line, made):
        terms = _terms(line, made, count, "constant_pad_nd")
        if terms is None or len(terms) < 2:
            return None
        return _side_by_side(line, [made[t] for t in terms])

    _each_root(program, rewrite)


def _terms(line, made, count, kind):
    """The leaves of a tree of additions, if each is a `kind` that only this tree reads."""
    found, todo = [], [line]
    while todo:
        here = todo.pop()
        if here.kwargs.get("alpha", 1) != 1:
            return None
        for x in reversed(here.args[:2]):
            inner = made.get(x) if isinstance(x, Value) else None
            if inner is None or count[x] != 1 or x.tensor.shape != line.out.tensor.shape:
                return None
            if inner.name == "add":
                todo.append(inner)
            elif inner.name == kind:
                found.append(x)
            else:
                return None
    return found


def _side_by_side(line, pads):
    ndim = line.out.tensor.dim()
    widths = [_low_high(p, ndim) for p in pads]
    padded = {d for lows_highs in widths for d, w in enumerate(lows_highs) if w != (0, 0)}
    if len(padded) != 1 or any(p.args[2:] not in ((), (0,), (0.0,)) for p in pads):
        return None
    (dim,) = padded
    ordered = sorted(zip([w[dim][0] for w in widths], range(len(pads)), strict=True))
    parts, at = [], 0
    for low, i in ordered:
        part = pads[i].args[0]
        if low != at:
            return None
        parts.append(part)
        at += part.tensor.shape[dim]
    if at != line.out.tensor.shape[dim]:
        return None
    return line.derived(aten.cat.default, (parts, dim))


def _low_high(pad, ndim):
    sizes = list(pad.args[1]) + [0] * (2 * ndim - len(pad.args[1]))
    return [(sizes[2 * (ndim - 1 - d)], sizes[2 * (ndim - 1 - d) + 1]) for d in range(ndim)]


def _each_root(program, rewrite):
    """Offer each tree of additions once, at its last line."""
    inner = {v for ln in program.lines if ln.name == "add" for v in ln.reads()}
    made = makers(program)
    others = {v for ln in program.lines if ln.name != "add" for v in ln.reads()}
    for i, line in enumerate(program.lines):
        root = line.name == "add" and (line.out not in inner or line.out in others)
        if root and not any(v.storage in program.written for v in line.reads()):
            program.lines[i] = better = rewrite(line, made) or line
            made[better.out] = better


# ----- the gradient of a weight that is used at every step: one product instead of many -----
FEW = 4


def sum_of_products(program):
    """sum_t a_t @ b_t is (a_1 a_2 ...) @ (b_1 b_2 ...): the sum over t joins the inner one"""
    count = users(program)
    added = []

    def rewrite(line, made):
        terms = _terms(line, made, count, "mm")
        if terms is None or len(terms) < FEW:
            return None
        left = _joined([made[t].args[0] for t in terms], 1, line, made, added)
        right = _joined([made[t].args[1] for t in terms], 0, line, made, added)
        return line.derived(aten.mm.default, (left, right))

    _each_root(program, rewrite)
    _insert(program, added)


def sum_of_sums(program):
    """sum_t sum(g_t, 0) is the sum over the joined g_t: the gradient of a bias"""
    count = users(program)
    added = []

    def rewrite(line, made):
        terms = _terms(line, made, count, "sum")
        if terms is None or len(terms) < FEW:
            return None
        sums = [made[t] for t in terms]
        shapes = {s.args[0].tensor.shape[1:] for s in sums}
        if any(s.args[1:] not in (([0],), ([0], False)) or s.kwargs for s in sums):
            return None
        if len(shapes) != 1:
            return None
        joined = _joined([s.args[0] for s in sums], 0, line, made, added)
        return line.derived(aten.sum.dim_IntList, (joined, [0]))

    _each_root(program, rewrite)
    _insert(program, added)


def _joined(values, dim, line, made, added):
    """One tensor of all the values; transposed ones are joined as they lie and transposed once."""
    turned = [_turned(made, v) for v in values]
    if all(turned):
        y = _new_line(aten.cat.default, ([t.args[0] for t in turned], 1 - dim), line, added)
        return _new_line(aten.t.default, (y,), line, added)
    return _new_line(aten.cat.default, (list(values), dim), line, added)


def _turned(made, v):
    line = made.get(v)
    if line is None or v.tensor.dim() != 2 or line.name not in ("transpose", "t"):
        return None
    return line


def _new_line(func, args, before, added):
    tensors = [[v.tensor for v in a] if isinstance(a, list) else getattr(a, "tensor", a)
               for a in args]  # fmt: skip
    y = Value(func(*tensors), "result")
    added.append((before.out, Line(func, args, {}, [y], before.where, before.part)))
    return y


def _insert(program, added):
    """Put each added line in front of the line that makes its value."""
    before = {}
    for out, line in added:
        before.setdefault(out, []).append(line)
    lines = []
    for line in program.lines:
        lines += before.get(line.outs[0], []) if line.outs else []
        lines.append(line)
    program.lines = lines


ALL = (
    slope_of_tanh,
    slope_of_sigmoid,
    slope_of_relu,
    sum_of_pads,
    sum_of_products,
    sum_of_sums,
    product_and_sum,
)
