"""Where the local Jacobian of a node has entries, read off its row; no derivative is evaluated.

    pointwise, where, clamp   entry y[k] depends on the entries that broadcasting lines up with it
    linear                    the matrix itself: the row is run on codes, each another number; where
                              all outputs are codes (or all of the transpose's are) they say where
                              they are from; a row that adds codes is run on the standard basis
    bilinear                  the same, with positive numbers for the other input; where `axes`
                              names every axis (contract) the entries that meet are listed
    reductions, linalg        what `axes` keeps apart is apart; the rest depends on everything
    composite                 its body is recorded, and the entries are followed through it
    anything else             everything depends on everything

So an entry is left out only if it is zero for all values of the differentiated arguments, on the
branches and at the whole-number indices of this run. What is not differentiated stands still, so
the zeros of a constant matrix in a product count as zeros.
"""

import contextlib
import math

import numpy as np

from .. import xp as frameworks
from ..table.row import CACHES, NEG, ONE
from ..tape import Node
from .blocks import MOST, Block, TooLarge


class Local:
    """The entries of d y / d x and, if they do not depend on any derivative, their values.

    `constant`: the numbers themselves. `source`: the place in the other input of a bilinear row
    that each entry is read from.
    """

    def __init__(self, block, constant=None, source=None):
        self.block, self.constant, self.source = block, constant, source


def local(tape, node, i):
    """The local Jacobian's entries of `node` with respect to its parent number i."""
    row, m, n = node.row, size(node), size(node.parents[i])
    if row.elementwise:
        return _elementwise(row, node, i, m, n)
    if row.fn is None or _is_complex(tape.xp, node):  # a loop of JAX's; entries of two numbers each
        return _everything(m, n)
    try:
        found = _KINDS.get(row.kind, _general)(tape, node, i, m, n)
    except _Unknown:
        found = None
    return found or _everything(m, n)


def size(node):
    return math.prod(node.shape)


def head(node):
    """The node that holds what is kept: of a group the first."""
    return node if node.group is None else node.group[0]


class _Unknown(Exception):
    """A value that decides is not known yet: we are being traced."""


def _is_complex(xp, node):
    return any(hasattr(p.dtype, "itemsize") and xp.is_complex(p.dtype)
               for p in (node, *node.parents))  # fmt: skip


def _everything(m, n):
    return Local(Block(m, n))


# ----- pointwise -----
def _elementwise(row, node, i, m, n):
    shape = node.parents[i].shape
    cols = np.broadcast_to(np.arange(n).reshape(shape), tuple(node.shape)).reshape(-1)
    sign = {ONE: 1.0, NEG: -1.0}.get(row.d[i]) if row.is_pointwise else None
    at = np.arange(m) * n + cols
    if sign is None:
        return Local(Block(m, n, at))
    return Local(Block(m, n, at, np.ones(m, bool)), np.full(m, sign))


# ----- linear: run on codes -----
def _linear(tape, node, i, m, n):
    row = node.row
    linear_in = range(len(node.parents)) if row.linear_in == "all" else row.linear_in
    if len(linear_in) == len(node.parents):  # the same for all nodes that look like this one
        return _once(node, i, lambda: _run_on_codes(tape, node, i, linear_in, m, n))
    return _run_on_codes(tape, node, i, linear_in, m, n)


KEPT = 2**18  # entries: what is remembered of one row and these shapes
_SEEN: dict = {}
CACHES.append(_SEEN)


def _once(node, i, find):
    key = (node.row, i, node.part, *[tuple(p.shape) for p in node.parents], repr(node.params))
    if key not in _SEEN:
        found = find()
        if found.block.count > KEPT:
            return found
        if len(_SEEN) >= 200:
            _SEEN.clear()
        _SEEN[key] = found
    return _SEEN[key]


def _run_on_codes(tape, node, i, linear_in, m, n):
    xp, row = tape.xp, node.row
    if i not in linear_in:
        return _everything(m, n)
    others = [
        _host(_concrete(x)) if k not in linear_in else None for k, x in enumerate(head(node).xs)
    ]
    with _at_once(xp):

        def run(x):
            given = [
                x if k == i else _zeros(xp, p) if k in linear_in else others[k]
                for k, p in enumerate(node.parents)
            ]
            y = row.fn(xp, *given, **node.params)
            return y if node.part is None else y[node.part]

        return _moved(xp, run, node.parents[i].shape, m, n) or (
            _summed(tape, node, i, others, m, n) or _matrix(xp, run, node.parents[i].shape, m, n)
        )


def _moved(xp, run, shape, m, n):
    """Every output is one of the inputs, or nothing."""
    found = _read(lambda code: run(_array(xp, code, shape)), n)
    if found is None:
        return None
    rows = np.flatnonzero(found >= 0)
    return _selection(m, n, rows * n + found[rows])


def _summed(tape, node, i, others, m, n):
    """Every input goes into one output, or nowhere: the transpose moves entries."""
    from ..calculus import pull

    xp, row = tape.xp, node.row
    if row.outputs != 1:
        return None
    like = [o if o is not None else _zeros(xp, p)
            for o, p in zip(others, node.parents, strict=True)]  # fmt: skip
    wanted = [k == i for k in range(len(like))]

    def back(code):
        g = _array(xp, code, node.shape)
        return pull(row, xp, g, g, like, node.params, wanted)[i]

    found = _read(back, m)
    if found is None:
        return None
    cols = np.flatnonzero(found >= 0)
    return _selection(m, n, np.sort(found[cols] * n + cols))


def _read(run, count):
    """From which of `count` codes each result comes (-1: from none), or None if they are mixed.

    The codes lie between count and 2 count, so no sum of them is a code; a second run with the
    codes in another order excludes what is left to chance.
    """
    orders = [np.arange(count), np.random.default_rng(0).permutation(count)]
    found = []
    for order in orders:
        y = run(count + 1.0 + order)
        back = np.empty(count + 1, int)
        back[order], back[count] = np.arange(count), -1
        y = np.zeros(0) if y is None else _numpy(y).reshape(-1).astype(float)
        code = np.where(y == 0, count, y - count - 1)
        if not ((code == np.floor(code)) & (code >= 0) & (code <= count)).all():
            return None
        found.append(back[code.astype(int)])
    return found[0] if (found[0] == found[1]).all() else None


def _selection(m, n, at):
    return Local(Block(m, n, at, np.ones(len(at), bool)), np.ones(len(at)))


def _matrix(xp, run, shape, m, n):
    """The columns one by one: run on the standard basis."""
    if m * n > MOST:
        raise TooLarge(f"{m} x {n} entries")
    if m * n == 0:
        return Local(Block(m, n))
    columns = []
    for j in range(n):
        unit = np.zeros(n)
        unit[j] = 1.0
        columns.append(_numpy(run(_array(xp, unit, shape))).reshape(-1))
    matrix = np.stack(columns, 1).reshape(-1)
    at = np.flatnonzero(matrix)
    return Local(Block(m, n, at, abs(matrix[at]) == 1.0), matrix[at])


# ----- bilinear -----
def _bilinear(tape, node, i, m, n):
    other = node.parents[1 - i]
    fixed = None if other.active else _constant(node.xs[1 - i])
    labels = _labels(node)
    if labels is not None:
        return _without_zeros(_once(node, i, lambda: _by_name(labels, node, i, m, n)), fixed)
    xp, row = tape.xp, node.row
    with _at_once(xp):
        b = _array(xp, np.abs(_numpy(fixed)) if fixed is not None else np.ones(other.shape),
                   other.shape)  # fmt: skip

        def run(x):
            return row.fn(xp, *((x, b) if i == 0 else (b, x)), **node.params)

        found = _matrix(xp, run, node.parents[i].shape, m, n)
    return Local(Block(m, n, found.block.at))


def _constant(x):
    """A value that nobody differentiates, here or further out; None if that is not sure."""
    if hasattr(x, "plain"):  # a box of an outer tape: where it is zero now, its derivative is not
        return None
    if frameworks.framework_of(x) == "torch":
        import torch

        if torch._C._functorch.is_functorch_wrapped_tensor(x):
            return None
    return _maybe_concrete(x)


def _without_zeros(found, fixed):
    """Leave out the entries that are a zero of a constant."""
    if fixed is None or (there := _numpy(fixed).reshape(-1)[found.source] != 0).all():
        return found
    block = found.block
    return Local(Block(block.m, block.n, block.places[there]), source=found.source[there])


def _labels(node):
    """The names of the axes of both inputs, if they tell everything: else None."""
    if node.row.axes is None:
        return None
    ndims = [len(p.shape) for p in node.parents]
    inputs, out = node.row.axes(ndims, **node.params)
    named = [
        (k, n) for axes, p in zip(inputs, node.parents, strict=True)
        for k, n in zip(axes, p.shape, strict=True)
    ]  # fmt: skip
    names = {k for k, _ in named}
    whole = None not in names and set(range(out)) <= names and len(set(named)) == len(names)
    return inputs if whole else None


def _by_name(labels, node, i, m, n):
    """y[k] is a sum of products a * b, and every axis has a name: list those that meet."""
    sizes = dict(zip(labels[0], node.parents[0].shape, strict=True))
    sizes |= dict(zip(labels[1], node.parents[1].shape, strict=True))
    names = sorted(sizes, reverse=True)
    shape = tuple(sizes[k] for k in names)
    if math.prod(shape) > MOST:
        raise TooLarge(f"{math.prod(shape)} products of entries")
    grid = np.indices(shape, sparse=True)
    place = {k: g for k, g in zip(names, grid, strict=True)}

    def flat(axes, sizes):
        total = np.zeros((1,) * len(shape), int)
        for k, length in zip(axes, sizes, strict=True):
            total = total * length + place[k]
        return np.broadcast_to(total, shape).reshape(-1)

    rows = flat(range(len(node.shape)), node.shape)
    cols = flat(labels[i], node.parents[i].shape)
    source = flat(labels[1 - i], node.parents[1 - i].shape)
    order = np.argsort(rows * n + cols, kind="stable")
    return Local(Block(m, n, (rows * n + cols)[order]), source=source[order])


# ----- general: what `axes` keeps apart -----
def _general(tape, node, i, m, n):
    row = node.row
    if row.axes is None or row.outputs != 1:
        return None
    axes = row.axes([len(p.shape) for p in node.parents], **node.params)[0][i]
    kept = [(k, a) for k, a in enumerate(axes) if a is not None and a >= 0]
    if len(node.shape) > 0 and any(node.shape[a] != node.parents[i].shape[k] for k, a in kept):
        return None
    mine = _key(node.parents[i].shape, [k for k, _ in kept])
    its = _key(node.shape, [a for _, a in kept])
    return Local(_same_key(its, mine, m, n))


def _key(shape, axes):
    """A number for each entry: its position along these axes."""
    key = np.zeros(tuple(shape), int)
    for k in axes:
        where = np.arange(shape[k]).reshape([-1 if j == k else 1 for j in range(len(shape))])
        key = key * shape[k] + where
    return key.reshape(-1)


def _same_key(rows, cols, m, n):
    order = np.argsort(cols, kind="stable")
    first = np.searchsorted(cols[order], rows, "left")
    count = np.searchsorted(cols[order], rows, "right") - first
    if count.sum() > MOST:
        raise TooLarge(f"{count.sum()} entries")
    r = np.repeat(np.arange(m), count)
    step = np.arange(len(r)) - np.repeat(np.cumsum(count) - count, count)
    return Block(m, n, np.sort(r * n + order[np.repeat(first, count) + step]))


# ----- composite: through its body -----
def _composite(tape, node, i, m, n):
    from ..calculus import _body
    from ..linearize import LinearTape
    from ..trace import trace
    from .graph import patterns

    with _at_once(tape.xp):
        xs = [_concrete(x) for x in head(node).xs]
        body = trace(LinearTape, _body(node.row, tape.xp, xs, node.params, [i]), [xs[i]])
        found = patterns(body)[node.part or 0]
    return Local(Block(m, n, None if found is None or found.full else found.at))


# ----- values that are known, also while JAX traces -----
def _at_once(xp):
    if xp.name != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.ensure_compile_time_eval()


def _concrete(x):
    found = _maybe_concrete(x)
    if found is None:
        raise _Unknown
    return found


def _maybe_concrete(x):
    """The value inside all boxes; None for a tracer of JAX's, and for what is not kept."""
    if type(x) is Node or x is None:
        return None
    if hasattr(x, "plain"):
        return x.plain()
    if frameworks.framework_of(x) == "jax":
        from ..on_jax.front import is_traced

        return None if is_traced(x) else x
    return x


def _numpy(x):
    return x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)


def _host(x):
    return x.cpu() if hasattr(x, "cpu") else x


def _array(xp, numbers, shape):
    numbers = np.asarray(numbers, float).reshape(tuple(shape))
    return xp.lib.from_numpy(numbers) if xp.name == "torch" else xp.lib.asarray(numbers)


def _zeros(xp, node):
    return _array(xp, np.zeros(tuple(node.shape)), node.shape)


_KINDS = {
    "linear": _linear,
    "bilinear": _bilinear,
    "composite": _composite,
}
