"""Several lines that PyTorch has one kernel for.

Kernels for the slope of one function (`tanh_backward`) are the table's and arrive as lines; here
are those that join several. They are arithmetic, not torch's autograd. Each fusion replaces
the last line of its pattern; the others go when nobody reads them any more. Values in written
storages do not take part.
"""

import torch

from .line import Line, Value, mapped
from .passes import makers, users

aten = torch.ops.aten


def each(program, name, rewrite):
    """Offer each line of this name to `rewrite`, which gives a better line or None."""
    made = makers(program)
    for i, line in enumerate(program.lines):
        if line.name == name and not any(v.storage in program.written for v in line.reads()):
            program.lines[i] = better = rewrite(line, made) or line
            made[better.out] = better


def made_by(made, x, name):
    """The line that made x, if it is of this name."""
    line = made.get(x) if isinstance(x, Value) else None
    return line if line is not None and line.name == name else None


def pairs(line):
    a, b = line.args[:2]
    return ((a, b), (b, a))


# ----- products -----
def product_and_sum(program):
    """c + a @ b in one kernel"""
    count = users(program)

    def rewrite(line, made):
        if line.kwargs.get("alpha", 1) != 1:
            return None
        for c, p in pairs(line):
            product = made_by(made, p, "mm")
            if product and isinstance(c, Value) and count[p] == 1 and _fits(c, p, line.out):
                return line.derived(aten.addmm.default, (c, *product.args))
        return None

    each(program, "add", rewrite)


def _fits(c, p, y):
    same = c.look.dtype == p.look.dtype == y.look.dtype
    return same and c.look.ndim in (1, 2) and p.look.shape == y.look.shape


# ----- sums of many terms: a tree of additions, rewritten at its last line -----
class Tree:
    """The terms of a sum whose partial sums nobody else reads, in the order they are added."""

    def __init__(self, root, made, count):
        self.root, self.made, self.count, self.added = root, made, count, []
        self.terms = self._leaves(root)

    def _leaves(self, line):
        found, todo = [], [line]
        while todo:
            here = todo.pop()
            if isinstance(here, Value):
                found.append(here)
            else:
                todo += [self._opened(x) for x in reversed(here.args[:2])]
        return found

    def _opened(self, x):
        inner = made_by(self.made, x, "add")
        alone = inner is not None and self.count[x] == 1 and _plain_sum(inner)
        return inner if alone and x.look.shape == self.root.out.look.shape else x

    def of(self, name):
        """The lines of this name that make a term, each read by nobody else."""
        lines = [made_by(self.made, t, name) for t in self.terms]
        shape = self.root.out.look.shape
        return [
            ln for ln, t in zip(lines, self.terms, strict=True)
            if ln is not None and self.count[t] == 1 and t.look.shape == shape
        ]  # fmt: skip

    def new(self, func, args):
        """Another line in front of the root."""
        y = Value(func(*mapped(_meta, args)), "result")
        y.look = y.look._replace(device=self.root.out.look.device)
        self.added.append(Line(func, args, {}, [y], self.root.where, self.root.part))
        return y

    def instead(self, lines, func, args):
        """One line in the place of these terms; the rest is added as before."""
        gone = {line.out for line in lines}
        rest = [t for t in self.terms if t not in gone]
        if not rest:
            return [*self.added, self.root.derived(func, args)]
        total = self.new(func, args)
        for term in rest[:-1]:
            total = self.new(aten.add.Tensor, (total, term))
        return [*self.added, self.root.derived(aten.add.Tensor, (total, rest[-1]))]


def _meta(v):
    """A tensor without data, to ask an operation what its result would look like."""
    return torch.empty_strided(v.look.shape, v.look.stride, dtype=v.look.dtype, device="meta")


def _plain_sum(line):
    return line.kwargs.get("alpha", 1) == 1 and all(isinstance(x, Value) for x in line.args)


def _each_tree(program, rewrite):
    """Offer each tree of additions; `rewrite` gives the lines in the place of its root, or None."""
    made, count, lines = makers(program), users(program), []
    inner = {v for ln in program.lines if ln.name == "add" for v in ln.reads() if count[v] == 1}
    for line in program.lines:
        root = line.name == "add" and line.out not in inner and _plain_sum(line)
        if root and not any(v.storage in program.written for v in line.reads()):
            lines += rewrite(Tree(line, made, count)) or [line]
        else:
            lines.append(line)
    program.lines = lines


# ----- a sum of pieces that do not overlap is a concatenation -----
def sum_of_pads(program):
    """The cotangents of the slices of one tensor, laid side by side instead of padded and added"""

    def rewrite(tree):
        pads = tree.of("constant_pad_nd")
        found = _side_by_side(pads, tree.root.out.look.shape) if len(pads) > 1 else None
        return found and tree.instead(pads, aten.cat.default, found)

    _each_tree(program, rewrite)


def _side_by_side(pads, shape):
    """`(parts, dim)` if the padded pieces fill one dim from end to end, in some order."""
    widths = [_low_high(p, len(shape)) for p in pads]
    padded = {d for low_high in widths for d, w in enumerate(low_high) if w != (0, 0)}
    if len(padded) != 1 or any(p.args[2:] not in ((), (0,), (0.0,)) for p in pads):
        return None
    (dim,), parts, at = padded, [], 0
    for low, i in sorted([(w[dim][0], i) for i, w in enumerate(widths)]):
        part = pads[i].args[0]
        if low != at:
            return None
        parts.append(part)
        at += part.look.shape[dim]
    return (parts, dim) if at == shape[dim] else None


def _low_high(pad, ndim):
    sizes = list(pad.args[1]) + [0] * (2 * ndim - len(pad.args[1]))
    return [tuple(sizes[2 * (ndim - 1 - d) :][:2]) for d in range(ndim)]


# ----- the gradient of a weight that is used at every step: one product instead of many -----
FEW = 4


def sum_of_products(program):
    """sum_t a_t @ b_t is (a_1 a_2 ...) @ (b_1 b_2 ...): the sum over t joins the inner one"""

    def rewrite(tree):
        products = tree.of("mm")
        if len(products) < FEW:
            return None
        left = _joined([p.args[0] for p in products], 1, tree)
        right = _joined([p.args[1] for p in products], 0, tree)
        return tree.instead(products, aten.mm.default, (left, right))

    _each_tree(program, rewrite)


def sum_of_sums(program):
    """sum_t sum(g_t, 0) is the sum over the joined g_t: the gradient of a bias"""

    def rewrite(tree):
        sums = [s for s in tree.of("sum") if s.args[1:] in (([0],), ([0], False)) and not s.kwargs]
        if len(sums) < FEW or len({s.args[0].look.shape[1:] for s in sums}) != 1:
            return None
        joined = _joined([s.args[0] for s in sums], 0, tree)
        return tree.instead(sums, aten.sum.dim_IntList, (joined, [0]))

    _each_tree(program, rewrite)


def _joined(values, dim, tree):
    """One tensor of all the values; transposed ones are joined as they lie and transposed once."""
    turned = [_turned(tree.made, v) for v in values]
    if all(turned):
        y = tree.new(aten.cat.default, ([t.args[0] for t in turned], 1 - dim))
        return tree.new(aten.t.default, (y,))
    return tree.new(aten.cat.default, (list(values), dim))


def _turned(made, v):
    line = made.get(v)
    if line is None or v.look.ndim != 2 or line.name not in ("transpose", "t"):
        return None
    return line


ALL = (sum_of_pads, sum_of_products, sum_of_sums, product_and_sum)
