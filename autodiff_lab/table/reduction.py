"""Reductions. `identity` is what a masked entry is replaced with, so that it changes nothing."""

import math

from .row import constant, general, linear
from .scan import exclusive
from .shape import kept

CASES = (
    ([(2, 3)], {"axis": (0,), "keepdims": False}),
    ([(2, 3)], {"axis": (0, 1), "keepdims": True}),
    ([(2, 3, 4)], {"axis": (0, 2), "keepdims": False}),
)
EMPTY = (([(0, 3)], {"axis": (0,), "keepdims": False}),)


def _axes(ndims, *, axis, keepdims):
    (n,) = ndims
    if keepdims:
        return [tuple(None if i in axis else i for i in range(n))], n
    left = kept(n, axis)
    return [tuple(left.index(i) if i in left else None for i in range(n))], len(left)


def _batch(batched, *, axis, keepdims):
    return {"axis": tuple(a + 1 for a in axis), "keepdims": keepdims}


def spread(xp, g, x, axis, keepdims):
    """Give each entry of `x` the entry of `g` that it was reduced into."""
    ndim = len(x.shape)
    return xp.broadcast(g, tuple(x.shape), tuple(range(ndim)) if keepdims else kept(ndim, axis))


reduction = {"axes": _axes, "batch": _batch}

# ----- sum -----
linear("sum", lambda xp, x, *, axis, keepdims: xp.sum(x, axis, keepdims),
       lambda xp, g, x, *, axis, keepdims: (spread(xp, g, x, axis, keepdims),),
       identity=0.0, prims="reduce_sum", jax="sum", tex=r"y = \sum_i x_i",
       dtex=r"\text{the same } g \text{ for every entry that was summed}",
       cases=CASES + EMPTY,
       example="sum([[1., 2.], [3., 4.]], axis=(0,), keepdims=False) = [4., 6.]",
       **reduction)


# ----- max and min: entries that tie share the derivative evenly -----
def _share(xp, y, x, axis, keepdims):
    hit = x == spread(xp, y, x, axis, keepdims)
    count = xp.sum(hit, axis, keepdims)
    return xp.astype(hit, x.dtype), spread(xp, count, x, axis, keepdims)


def _jvp(xp, dx, y, x, *, axis, keepdims):
    hit, count = _share(xp, y, x, axis, keepdims)
    return xp.sum(hit * (dx / count), axis, keepdims)


def _vjp(xp, g, y, x, *, axis, keepdims):
    hit, count = _share(xp, y, x, axis, keepdims)
    return (hit * (spread(xp, g, x, axis, keepdims) / count),)  # 0 / 0 for a NaN: so do both


WINS = r"dy = dx \text{ of the entry that won}, \quad \bar x = g \text{ for it, else } 0"
TIES = "entries that tie share the derivative evenly, in both frameworks (torch: amax and amin)"
INDEX = "torch.max(x, dim) returns a pair and gives the whole derivative to one entry; use amax."

general("max", lambda xp, x, *, axis, keepdims: xp.max(x, axis, keepdims), _jvp, _vjp,
        identity="lowest", torch="amax torch.Tensor.max", jax="max amax", prims="reduce_max",
        tex=r"y = \max_i x_i", dtex=WINS, kinks=TIES, pitfalls=INDEX,
        cases=CASES, example="max([[1., 5.], [3., 4.]], axis=(0,), keepdims=False) = [3., 5.]",
        **reduction)
general("min", lambda xp, x, *, axis, keepdims: xp.min(x, axis, keepdims), _jvp, _vjp,
        identity="highest", torch="amin torch.Tensor.min", jax="min amin", prims="reduce_min",
        tex=r"y = \min_i x_i", dtex=WINS, kinks=TIES, pitfalls=INDEX,
        cases=CASES, example="min([[1., 5.], [3., 4.]], axis=(0,), keepdims=False) = [1., 4.]",
        **reduction)


# ----- product: each entry's partial is the product of the others, so that zeros do no harm -----
def _others(xp, x, axis):
    """The product of all other entries that are reduced together, without dividing by any."""
    ndim, left = len(x.shape), kept(len(x.shape), axis)
    order = (*left, *axis)
    shape = tuple(x.shape[i] for i in order)
    flat = xp.reshape(xp.permute(x, order), (*shape[: len(left)], math.prod(shape[len(left) :])))
    before, after = (exclusive(xp, flat, len(left), reverse) for reverse in (False, True))
    back = tuple(sorted(range(ndim), key=lambda i: order[i]))
    return xp.permute(xp.reshape(before * after, shape), back)


general("prod", lambda xp, x, *, axis, keepdims: xp.prod(x, axis, keepdims),
        lambda xp, dx, y, x, *, axis, keepdims: xp.sum(dx * _others(xp, x, axis), axis, keepdims),
        lambda xp, g, y, x, *, axis, keepdims:
            (spread(xp, g, x, axis, keepdims) * _others(xp, x, axis),),
        keeps="x", identity=1.0, prims="reduce_prod", tex=r"y = \prod_i x_i",
        dtex=r"dy = \sum_i dx_i \prod_{j \ne i} x_j, \quad \bar x_i = g \prod_{j \ne i} x_j",
        pitfalls="y / x would be NaN at a zero; the product of the others is not.",
        cases=CASES + EMPTY, example="prod([2., 3., 4.], axis=(0,), keepdims=False) = 24.",
        **reduction)


# ----- the logarithm of a sum of exponentials: its partials are the softmax -----
def _weights(xp, y, x, axis, keepdims):
    return xp.exp(x - spread(xp, y, x, axis, keepdims))


general("logsumexp", lambda xp, x, *, axis, keepdims: xp.logsumexp(x, axis, keepdims),
        lambda xp, dx, y, x, *, axis, keepdims:
            xp.sum(dx * _weights(xp, y, x, axis, keepdims), axis, keepdims),
        lambda xp, g, y, x, *, axis, keepdims:
            (spread(xp, g, x, axis, keepdims) * _weights(xp, y, x, axis, keepdims),),
        identity="lowest", torch="logsumexp torch.special.logsumexp",
        jax="jax.nn.logsumexp jax.scipy.special.logsumexp", prims="",
        tex=r"y = \log \sum_i e^{x_i}",
        dtex=r"dy = \sum_i e^{x_i - y} \, dx_i, \quad \bar x_i = e^{x_i - y} \, g",
        kinks="NaN for entries that are infinite, in both frameworks", cases=CASES,
        example="logsumexp([0., 0.], axis=(0,), keepdims=False) = 0.69314718", **reduction)

# ----- answers without a derivative -----
constant("any", lambda xp, x, *, axis, keepdims: xp.any(x, axis, keepdims), identity=0.0,
         prims="reduce_or", tex=r"y = \bigvee_i x_i", cases=CASES,
         example="any([0., 2.], axis=(0,), keepdims=False) = True", **reduction)
constant("all", lambda xp, x, *, axis, keepdims: xp.all(x, axis, keepdims), identity=1.0,
         prims="reduce_and", tex=r"y = \bigwedge_i x_i", cases=CASES,
         example="all([0., 2.], axis=(0,), keepdims=False) = False", **reduction)


def _one_axis(ndims, *, axis, **_):
    return [tuple(None if i == axis else i - (i > axis) for i in range(ndims[0]))], ndims[0] - 1


PLACE = {"axes": _one_axis, "moves": lambda *, axis: [axis],  # of entries that tie the first
         "batch": lambda batched, *, axis: {"axis": axis + 1},
         "cases": (([(2, 3)], {"axis": 1}), ([(3,)], {"axis": 0}))}
constant("argmax", lambda xp, x, *, axis: xp.argmax(x, axis), tex=r"y = \arg\max_i x_i",
         pitfalls="A whole number has no derivative; take_along at it has.",
         along=lambda m, x, *, axis: m.run("lowest"),
         example="argmax([1., 3., 2.], axis=0) = 1", **PLACE)
constant("argmin", lambda xp, x, *, axis: xp.argmin(x, axis), tex=r"y = \arg\min_i x_i",
         along=lambda m, x, *, axis: m.run("highest"),
         example="argmin([3., 1., 2.], axis=0) = 1", **PLACE)
