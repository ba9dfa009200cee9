"""Stencils: weighted sums of what lies at fixed offsets. `ad.stencil` writes these rows.

`taps` holds, for each input, pairs of an offset and a weight. The last axes are the stencil's, as
many as an offset has numbers; those in front are a batch. With `back`, the size of its inputs, the
row is its own transpose: so any order of derivative is a stencil again, and always a gather.
"""

from .row import linear


def _axes(rank, ndims, out=None):
    """The axes in front stay; along the others entries meet their neighbours."""
    ndim = max(ndims)
    places = [
        tuple(ndim - n + i if i < n - rank else None for i in range(n)) for n in ndims
    ]
    return places, ndim


def _transpose(xp, g, *xs, taps, boundary, stride, back=None):
    """Each input's cotangent reads g at the reflected offsets."""

    def one(x, table):
        size = tuple(x.shape[-len(stride) :]) if back is None else None
        return lambda: xp.stencil(g, taps=(table,), boundary=boundary, stride=stride, back=size)

    return tuple(one(x, table) for x, table in zip(xs, taps, strict=True))


BLUR = (((0,), 0.5), ((-1,), 0.25), ((1,), 0.25))
SLOPE = (((0, 1), 1.0), ((0, -1), -1.0), ((-1, 0), 0.5))


def _case(shapes, *taps, boundary="zero", stride=None, **rest):
    rank = len(taps[0][0][0])
    return shapes, {"taps": taps, "boundary": boundary, "stride": stride or (1,) * rank, **rest}


linear("stencil", lambda xp, *xs, **p: xp.stencil(*xs, **p), _transpose,
       arity=None, linear_in="all",
       axes=lambda ndims, *, stride, **_: _axes(len(stride), ndims),
       batch=lambda batched, **p: p, torch="-", jax="-", prims="",
       tex=r"y_i = \sum_{o} w_o \, x_{s i + o}",
       dtex=r"\bar x_j = \sum_{o} w_o \, g_{(j - o) / s}",
       cases=(_case([(5,)], BLUR), _case([(2, 3, 4)], SLOPE), _case([(4,), (4,)], BLUR, BLUR[:1]),
              _case([(6,)], BLUR, stride=(2,)), _case([(5, 4)], SLOPE, stride=(2, 3)),
              _case([(3,)], BLUR, stride=(2,), back=(6,)),
              _case([(0, 2)], SLOPE), _case([(2,)], (((3,), 1.0), ((-2,), 2.0))),
              _case([(3, 5)], SLOPE, boundary="wrap"), _case([(3, 5)], SLOPE, boundary="edge"),
              _case([(5,)], BLUR, boundary="symmetric", stride=(2,)),
              _case([(3, 4)], SLOPE, boundary="reflect", stride=(1, 2))),
       example="stencil([1., 2., 4.], taps=((((0,), 1.), ((1,), -1.)),), boundary='zero', "
               "stride=(1,)) = [-1., -2., 4.]")


# ----- the same without the sum: one output per offset, for other functions of them -----
def _gather(xp, gs, x, *, offsets, boundary, stride):
    there = [(g, ((o, 1.0),)) for g, o in zip(gs, offsets, strict=True) if g is not None]
    size = tuple(x.shape[-len(stride) :])
    gs, taps = zip(*there, strict=True)
    return (xp.stencil(*gs, taps=taps, boundary=boundary, stride=stride, back=size),)


TAPS = {"offsets": ((0, 1), (-1, 0), (0, 0)), "boundary": "zero", "stride": (1, 1)}
linear("taps", lambda xp, x, **p: xp.taps(x, **p), _gather, outputs="many",
       axes=lambda ndims, *, stride, **_: _axes(len(stride), ndims),
       batch=lambda batched, **p: p, torch="-", jax="-", prims="",
       tex=r"(y_o)_i = x_{s i + o}", dtex=r"\bar x_j = \sum_{o} (g_o)_{(j - o) / s}",
       cases=(([(3, 4)], TAPS), ([(2, 3, 4)], TAPS | {"boundary": "edge", "stride": (1, 2)}),
              ([(4, 3)], TAPS | {"boundary": "wrap", "offsets": ((0, 5), (2, 0))})),
       example="taps([1., 2., 4.], offsets=((1,), (-1,)), boundary='zero', stride=(1,))[0] "
               "= [2., 4., 0.]")
