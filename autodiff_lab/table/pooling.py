"""Pooling: reductions over a window that moves. Parameters have one entry per axis, as in lax.

`window_sum` is its own kind of transpose. For `max_pool` two linear rows are each other's
transpose: `pool_gather` reads the entry that won in each window, `pool_scatter` adds to it.
"""

import math

from . import fused
from .row import composite, general, linear, positive, unchanged


def _plan(window, **rest):
    ones = (1,) * len(window)
    plan = {"window": window, "stride": ones, "padding": ((0, 0),) * len(window),
            "dilation": ones, "gaps": ones}  # fmt: skip
    return plan | rest


PLANS = (
    ((2, 6), _plan((1, 2), stride=(1, 2))),
    ((5, 4), _plan((3, 2), stride=(2, 1), padding=((1, 1), (0, 1)))),
    ((1, 2, 5, 4), _plan((1, 1, 3, 2), stride=(1, 1, 2, 2), padding=((0, 0),) * 2 + ((1, 1),) * 2)),
)
CASES = tuple(([x], p) for x, p in PLANS)
DILATED = ([(2, 7)], _plan((1, 3), stride=(1, 2), dilation=(1, 2), padding=((0, 0), (1, 1))))


def size(n, k, s, padding, d, gap):
    """The number of windows along one axis of n entries."""
    low, high = padding
    padded = low + n + positive(n - 1) * (gap - 1) + high
    return positive((padded - (k - 1) * d - 1) // s + 1)


def out_shape(x, *, window, stride, padding, dilation, gaps):
    return tuple(map(size, x, window, stride, padding, dilation, gaps))


TWO = tuple(([out_shape(x, **p), x], p) for x, p in PLANS)  # (one entry per window, x)
SAME = tuple(([x, x], p) for x, p in PLANS)


# ----- under a mask: the window must not move along the ragged dim -----
def _moves(*, window, stride, padding, dilation, gaps):
    plans = enumerate(zip(window, stride, padding, gaps, strict=True))
    return [i for i, plan in plans if plan != (1, 1, (0, 0), 1)]


def _batch(batched, *, padding, **rest):
    return {k: (1, *v) for k, v in rest.items()} | {"padding": ((0, 0), *padding)}


def _along(identity):
    """Dead entries change nothing in a window, and an example has as many windows as it has."""
    def along(m, x, **p):
        plans = list(zip(*(p[k] for k in ("window", "stride", "padding", "dilation", "gaps")),
                         strict=True))  # fmt: skip
        return m.run(identity, {a: (0, a, lambda n, a=a: size(n, *plans[a])) for a in _moves(**p)})

    return {"identity": identity, "along": along}


windowed = {"axes": unchanged, "moves": _moves, "batch": _batch}


# ----- sum: the cotangent is dilated by the stride, and summed over the same window -----
def _spread(xp, g, x, *, window, stride, padding, dilation, gaps):
    low, high, inner = [], [], []
    for n, m, k, s, (lo, _), d, gap in zip(x.shape, g.shape, window, stride, padding, dilation,
                                           gaps, strict=True):  # fmt: skip
        reach, long = (k - 1) * d, (n - 1) * gap + 1
        low.append(reach - lo)
        high.append(long + reach - ((m - 1) * s + 1) - low[-1])
        inner.append(s - 1)
    ones = (1,) * len(window)
    g = xp.pad(g, 0.0, tuple(max(0, i) for i in low), tuple(max(0, i) for i in high), tuple(inner))
    crop = [(max(0, -a), n - max(0, -b)) for a, b, n in zip(low, high, g.shape, strict=True)]
    start, stop = zip(*crop, strict=True) if crop else ((), ())
    g = xp.slice(g, start, stop, ones) if min(low + high, default=0) < 0 else g
    return (xp.window_sum(g, window=window, stride=gaps, padding=((0, 0),) * len(window),
                          dilation=dilation, gaps=ones),)  # fmt: skip


linear("window_sum", lambda xp, x, **p: xp.window_sum(x, **p), _spread,
       torch="-", jax="-", prims="reduce_window_sum", **_along(0.0), **windowed,
       tex=r"y_i = \sum_k x_{s i + d k - p}",
       dtex=r"\bar x_j = \sum g_i \text{ over the windows } i \text{ that } j \text{ lies in}",
       pitfalls="avg_pool divides by the window's size; whether padding counts is torch's "
                "count_include_pad.",
       cases=(*CASES, DILATED, ([(2, 3)], _plan((1, 2), gaps=(1, 2), padding=((0, 0), (1, 0))))),
       example="window_sum([1., 2., 4.], window=(2,), stride=(1,), padding=((0, 0),), "
               "dilation=(1,), gaps=(1,)) = [3., 6.]")


# ----- max and min: the first of the entries that tie wins -----
TIES = "the first of the entries that tie gets the whole derivative, in both frameworks"
WINS = (r"dy_i = dx \text{ of the entry that won in window } i, \quad "
        r"\bar x = g_i \text{ for the entry that won in window } i")
SMALL = "window=(2,), stride=(1,), padding=((0, 0),), dilation=(1,), gaps=(1,)"

general("max_pool", lambda xp, x, **p: xp.max_pool(x, **p),
        lambda xp, dx, y, x, **p: xp.pool_gather(dx, x, low=False, **p),
        lambda xp, g, y, x, **p: (xp.pool_scatter(g, x, low=False, **p),),
        keeps="x", fast=fused.max_pool, **_along("lowest"), **windowed,
        prims="reduce_window_max", jax="-",
        torch="torch.nn.functional.max_pool1d torch.nn.functional.max_pool2d "
              "torch.nn.functional.max_pool3d",
        tex=r"y_i = \max_k x_{s i + d k - p}", kinks=TIES, cases=CASES,
        dtex=WINS,
        example=f"max_pool([1., 3., 2.], {SMALL}) = [3., 3.]")

general("min_pool", lambda xp, x, **p: xp.min_pool(x, **p),
        lambda xp, dx, y, x, **p: xp.pool_gather(dx, x, low=True, **p),
        lambda xp, g, y, x, **p: (xp.pool_scatter(g, x, low=True, **p),),
        keeps="x", **_along("highest"), **windowed, prims="reduce_window_min", jax="-", torch="-",
        tex=r"y_i = \min_k x_{s i + d k - p}", kinks=TIES, cases=CASES,
        dtex=WINS,
        example=f"min_pool([1., 3., 2.], {SMALL}) = [1., 2.]")

linear("pool_gather", lambda xp, t, x, *, low=False, **p: xp.pool_gather(t, x, low=low, **p),
       lambda xp, g, t, x, *, low=False, **p: (xp.pool_scatter(g, x, low=low, **p), None),
       arity=2, torch="-", jax="-", prims="select_and_gather_add", cases=SAME,
       tex=r"y_i = t_{w(i)}, \quad w(i) = \text{where } x \text{ is largest in window } i",
       dtex=r"\bar t = \text{pool\_scatter}(g, x)",
       example=f"pool_gather([5., 6., 7.], [1., 3., 2.], {SMALL}) = [6., 6.]")

linear("pool_scatter", lambda xp, g, x, *, low=False, **p: xp.pool_scatter(g, x, low=low, **p),
       lambda xp, t, g, x, *, low=False, **p: (xp.pool_gather(t, x, low=low, **p), None),
       arity=2, torch="-", jax="-", prims="select_and_scatter_add", cases=TWO,
       tex=r"y_j = \sum g_i \text{ over the windows } i \text{ that } j \text{ won}",
       dtex=r"\bar g = \text{pool\_gather}(t, x)",
       example=f"pool_scatter([5., 6.], [1., 3., 2.], {SMALL}) = [0., 11., 0.]")


# ----- mean -----
def _avg_pool(xp, x, *, count, overhang, **p):
    """`count`: a number, or which entries count: "valid" ones, or "padded" ones too."""
    return xp.window_sum(x, **p) / (_counts(xp, x, count, overhang, p))


def _counts(xp, x, count, overhang, p):
    if not isinstance(count, str):
        return count
    if count == "padded" and not any(overhang):
        return math.prod(p["window"])
    padding = p["padding"]
    if count == "valid":
        return xp.window_sum(xp.ones(tuple(x.shape), x.dtype, x), **p)
    wide = [n + low + high - more
            for n, (low, high), more in zip(x.shape, padding, overhang, strict=True)]  # fmt: skip
    return xp.window_sum(xp.ones(tuple(wide), x.dtype, x),
                         **p | {"padding": tuple((0, more) for more in overhang)})  # fmt: skip


composite("avg_pool", _avg_pool, jax="-",
          torch="torch.nn.functional.avg_pool1d torch.nn.functional.avg_pool2d "
                "torch.nn.functional.avg_pool3d",
          tex=r"y_i = \frac{1}{n} \sum_k x_{s i + d k - p}",
          pitfalls="Whether padding counts as entries is torch's count_include_pad.",
          cases=(([(2, 6)], _plan((1, 2), stride=(1, 2), count="valid", overhang=(0, 0))),
                 ([(2, 5)], _plan((1, 3), stride=(1, 2), padding=((0, 0), (1, 1)), count="valid",
                                  overhang=(0, 0))),
                 ([(2, 6)], _plan((1, 3), stride=(1, 2), padding=((0, 0), (0, 1)), count="padded",
                                  overhang=(0, 1)))),
          example=f"avg_pool([1., 3., 2.], count='padded', overhang=(0,), {SMALL}) = [2., 2.5]")
