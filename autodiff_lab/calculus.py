"""The two directions, derived once from a row's kind and its one statement.

    push: tangents of the inputs   -> tangent of the output        (forward, jvp)
    pull: cotangent of the output  -> cotangents of the inputs     (reverse, vjp)

None stands for a zero that nobody has to compute. Of a row with many outputs the tangents and the
cotangents are tuples. Complex cotangents are JAX's: the transpose, not the conjugate transpose, so
that a holomorphic function pulls with the same partial that it pushes with.
"""

from .table.fused import Product
from .table.row import NEG, ONE
from .tape import Node


def push(row, xp, y, xs, dxs, params):
    """The tangent of `y`, or None if it is zero."""
    if row.kind == "constant" or all([dx is None for dx in dxs]):
        return None
    dy = _PUSH[row.kind](row, xp, y, xs, dxs, params)
    if row.outputs == 1:
        return _like(xp, dy, y)
    return tuple([None if d is None else _like(xp, d, v) for d, v in zip(dy, y, strict=True)])


def pull(row, xp, g, y, xs, params, wanted, residuals=None):
    """One cotangent per input; None where it is zero or not `wanted`."""
    if row.kind == "constant":
        return (None,) * len(xs)
    if residuals is not None:
        cotangents = row.fast.backward(xp, g, y, xs, residuals, wanted, **params)
    else:
        cotangents = _PULL[row.kind](row, xp, g, y, xs, params, wanted)
    return [
        None if not w or c is None
        else c if type(c) is Product
        or (not callable(c) and c.shape == x.shape and c.dtype is x.dtype)
        else _arrive(xp, c, x)
        for c, x, w in zip(cotangents, xs, wanted, strict=True)
    ]  # fmt: skip


def pull_node(node, xp, g):
    """`pull` for a node of a tape: from what the node keeps."""
    y, wanted = node if node.y is None else node.y, [p.active for p in node.parents]
    return pull(node.row, xp, g, y, node.xs, node.params, wanted, node.residuals)


def pull_alike(node, xp, g, plain):
    """`pull_node` for a pointwise node whose inputs have its shape and dtype: nothing to undo.

    On a `plain` tensor PyTorch's fused kernel is used, where the row names one. Chains of small
    operations spend their time here: one and two inputs are spelt out.
    """
    row, xs, y = node.row, node.xs, node.y
    y = node if y is None else y
    if len(xs) == 1:
        if plain and row.kernel is not None and not g.is_complex():
            return (row.kernel(xp, g, y, xs[0]),)
        return (scale(xp, row.d[0], g, y, xs),)
    if len(xs) == 2:
        (d, e), (a, b) = row.d, node.parents
        c = (g if d is ONE else scale(xp, d, g, y, xs)) if a.active else None
        return c, (g if e is ONE else scale(xp, e, g, y, xs)) if b.active else None
    return [
        scale(xp, partial, g, y, xs) if parent.active else None
        for partial, parent in zip(row.d, node.parents)  # noqa: B905
    ]


def _arrive(xp, c, x):
    c = c() if callable(c) else c
    return None if c is None else unbroadcast(xp, c, x)


# ----- pointwise: one partial serves both directions -----
def scale(xp, partial, g, y, xs):
    if partial is ONE:
        return g
    if partial is NEG:
        return -g
    try:
        p = partial(xp, y, *xs)
    except ZeroDivisionError:  # of Python's numbers: for arrays 1 / 0 is inf
        p = partial(xp, y, *[_as_array(xp, x, g) for x in xs])
    dtype = getattr(p, "dtype", None)
    if dtype is y.dtype:  # mostly
        return g * p
    if dtype is None:
        return xp.times(g, p) if type(p) is float else g * p
    if dtype == y.dtype:
        return g * p
    if dtype == xp.bool_type:  # a comparison counts as 1 or 0, and 0 takes nothing, not even a NaN
        return xp.where(p, g, 0.0)
    return g * (p if xp.is_complex(dtype) else xp.astype(p, y.dtype))


def _as_array(xp, x, like):
    return xp.astype(xp.asarray(x, like), like.dtype) if isinstance(x, (int, float)) else x


def _in_dtype_of(xp, y, xs):
    """Inputs in the output's dtype: on torch 1 / b is float32 for an integer b, whatever y is."""
    if len(xs) == 1 or xp.name == "jax":  # where only a power's exponent has another dtype
        return xs
    wanted = (y.dtype, xp.bool_type)
    if all([getattr(x, "dtype", y.dtype) in wanted for x in xs]):
        return xs
    return [
        x if type(x) is Node or getattr(x, "dtype", y.dtype) in wanted else xp.astype(x, y.dtype)
        for x in xs
    ]


def _push_pointwise(row, xp, y, xs, dxs, params):
    total, xs = None, _in_dtype_of(xp, y, xs)
    for partial, dx in zip(row.d, dxs, strict=True):
        if dx is not None:
            term = scale(xp, partial, dx, y, xs)
            total = term if total is None else total + term
    return total


def _pull_pointwise(row, xp, g, y, xs, params, wanted):
    xs = _in_dtype_of(xp, y, xs)
    return [
        scale(xp, partial, g, y, xs) if w else None
        for partial, w in zip(row.d, wanted, strict=True)
    ]


# ----- linear: forward is the operation itself -----
def _push_linear(row, xp, y, xs, dxs, params):
    linear_in = range(len(xs)) if row.linear_in == "all" else row.linear_in
    args = [
        (_zeros(xp, x, y) if dx is None else dx) if i in linear_in else x
        for i, (x, dx) in enumerate(zip(xs, dxs, strict=True))
    ]
    return row.fn(xp, *args, **params)


def _pull_linear(row, xp, g, y, xs, params, wanted):
    return row.d(xp, g, *xs, **params)


# ----- bilinear: linear in each input while the other stands still -----
def _push_bilinear(row, xp, y, xs, dxs, params):
    (a, b), (da, db) = xs, dxs
    left = None if da is None else row.fn(xp, da, b, **params)
    right = None if db is None else row.fn(xp, a, db, **params)
    return right if left is None else left if right is None else left + right


def _pull_bilinear(row, xp, g, y, xs, params, wanted):
    """The transpose for one input reads the other; of its own it may ask shape and dtype."""
    return [row.d[i](xp, g, xs[1 - i], **params) if wanted[i] else None for i in (0, 1)]


# ----- general: both stated -----
def _push_general(row, xp, y, xs, dxs, params):
    dxs = [_zeros(xp, x, x) if dx is None else dx for x, dx in zip(xs, dxs, strict=True)]
    return row.d[0](xp, *dxs, y, *xs, **params)


def _pull_general(row, xp, g, y, xs, params, wanted):
    return row.d[1](xp, g, y, *xs, **params)


# ----- composite: the body is recorded and walked -----
def _push_composite(row, xp, y, xs, dxs, params):
    from .forward import jvp

    active = [i for i, dx in enumerate(dxs) if dx is not None]
    body = _body(row, xp, xs, params, active)
    return jvp(body, [xs[i] for i in active], [dxs[i] for i in active])[1]


def _pull_composite(row, xp, g, y, xs, params, wanted):
    from .reverse import transposed

    active = [i for i, w in enumerate(wanted) if w]
    found = transposed(_body(row, xp, xs, params, active), [xs[i] for i in active], g)
    found = dict(zip(active, found, strict=True))
    return [found.get(i) for i in range(len(xs))]


def _body(row, xp, xs, params, active):
    def body(*some):
        args = list(xs)
        for i, x in zip(active, some, strict=True):
            args[i] = x
        return row.fn(xp, *args, **params)

    return body


_PUSH = {
    "pointwise": _push_pointwise,
    "linear": _push_linear,
    "bilinear": _push_bilinear,
    "general": _push_general,
    "composite": _push_composite,
}
_PULL = {
    "pointwise": _pull_pointwise,
    "linear": _pull_linear,
    "bilinear": _pull_bilinear,
    "general": _pull_general,
    "composite": _pull_composite,
}


# ----- shapes and dtypes -----
def unbroadcast(xp, g, x):
    """Undo broadcasting and type promotion: a cotangent has the shape and dtype of its input."""
    extra = len(g.shape) - len(x.shape)
    if extra > 0:
        g = xp.sum(g, tuple(range(extra)))
    if g.shape != x.shape:
        stretched = tuple(i for i, n in enumerate(x.shape) if n == 1 and g.shape[i] != 1)
        g = xp.sum(g, stretched, True) if stretched else g
    return g if g.dtype == x.dtype else cast(xp, g, x.dtype)


def cast(xp, x, dtype):
    """Complex to real takes the real part: the other direction of embedding the reals."""
    if xp.is_complex(x.dtype) and not xp.is_complex(dtype):
        x = xp.real(x)
        return x if x.dtype == dtype else xp.astype(x, dtype)
    return xp.astype(x, dtype)


def _like(xp, dy, y):
    """A tangent has the shape and dtype of its output."""
    if dy.shape != y.shape:
        extra = len(y.shape) - len(dy.shape)
        dy = xp.broadcast(dy, tuple(y.shape), tuple(range(extra, len(y.shape))))
    return dy if dy.dtype == y.dtype else cast(xp, dy, y.dtype)


def _zeros(xp, x, like):
    return xp.zeros(tuple(x.shape), x.dtype, like) if hasattr(x, "shape") else 0.0
