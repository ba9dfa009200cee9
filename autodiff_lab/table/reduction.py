"""Reductions. `identity` is what a masked entry is replaced with, so that it changes nothing."""

from .row import general, linear
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
    return hit, spread(xp, count, x, axis, keepdims)


def _jvp(xp, dx, y, x, *, axis, keepdims):
    hit, count = _share(xp, y, x, axis, keepdims)
    return xp.sum(xp.where(hit, dx / count, 0.0), axis, keepdims)


def _vjp(xp, g, y, x, *, axis, keepdims):
    hit, count = _share(xp, y, x, axis, keepdims)
    return (xp.where(hit, spread(xp, g, x, axis, keepdims) / count, 0.0),)


TIES = "entries that tie share the derivative evenly, in both frameworks (torch: amax and amin)"
INDEX = "torch.max(x, dim) returns a pair and gives the whole derivative to one entry; use amax."

general("max", lambda xp, x, *, axis, keepdims: xp.max(x, axis, keepdims), _jvp, _vjp,
        identity="lowest", torch="amax torch.Tensor.max", jax="max amax", prims="reduce_max",
        tex=r"y = \max_i x_i", dtex=r"g \text{ for the entry that won}", kinks=TIES, pitfalls=INDEX,
        cases=CASES, example="max([[1., 5.], [3., 4.]], axis=(0,), keepdims=False) = [3., 5.]",
        **reduction)
general("min", lambda xp, x, *, axis, keepdims: xp.min(x, axis, keepdims), _jvp, _vjp,
        identity="highest", torch="amin torch.Tensor.min", jax="min amin", prims="reduce_min",
        tex=r"y = \min_i x_i", dtex=r"g \text{ for the entry that won}", kinks=TIES, pitfalls=INDEX,
        cases=CASES, example="min([[1., 5.], [3., 4.]], axis=(0,), keepdims=False) = [1., 4.]",
        **reduction)
