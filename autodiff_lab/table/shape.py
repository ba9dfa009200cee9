"""Linear rows that move entries about. Forward is the row itself; `d` states the transpose.

`g` is the incoming cotangent; the inputs' shapes and dtypes are known, their values are not kept.
"""

import functools
import math

from .row import linear, right_aligned, unchanged


@functools.cache
def kept(ndim, axis):
    """The axes that a reduction over `axis` leaves, in order."""
    return tuple(i for i in range(ndim) if i not in axis)


# ----- choose -----
linear("where", lambda xp, c, a, b: xp.where(c, a, b),
       lambda xp, g, c, a, b: (None, xp.where(c, g, 0.0), xp.where(c, 0.0, g)),
       arity=3, linear_in=(1, 2), axes=right_aligned, prims="",
       dtex=r"g \text{ goes to the input that was chosen, zero to the other}",
       pitfalls="The input not chosen gets a zero cotangent, but 0 times inf is NaN behind it: "
                "choose harmless inputs before the risky operation, not after it.",
       cases=(([(2, 3), (2, 3), (3,)], {}), ([(2, 1), (), (2, 3)], {}), ([(0, 3), (3,), ()], {})),
       example="where([True, False], [1., 2.], [3., 4.]) = [1., 4.]")


# ----- dtype -----
linear("astype", lambda xp, x, *, dtype: xp.astype(x, dtype),
       lambda xp, g, x, *, dtype: (g,),  # which arrives in the input's own dtype
       axes=unchanged, torch="torch.Tensor.to torch.Tensor.type",
       jax="astype jax.lax.convert_element_type",
       prims="convert_element_type", tex="y = x", dtex=r"g \text{ in the dtype of } x",
       cases=(([(2, 3)], {"dtype": "float64"}), ([(2, 3)], {"dtype": "float32"})),
       example="astype([1, 2], dtype='float32') = [1., 2.]")


linear("copy", lambda xp, x: xp.copy(x), lambda xp, g, x: (g,), axes=unchanged,
       torch="clone", jax="copy", prims="copy copy_p", tex="y = x", dtex="g",
       cases=(([(2, 3)], {}),), example="copy([3.]) = [3.]")


# ----- broadcast: input axis i becomes output axis dims[i]; size-1 axes stretch -----
def _broadcast_transpose(xp, g, x, *, shape, dims):
    new = kept(len(shape), dims)
    return (xp.sum(g, axis=new) if new else g,)  # stretched axes are summed like every broadcast


linear("broadcast", lambda xp, x, *, shape, dims: xp.broadcast(x, shape, dims),
       _broadcast_transpose,
       axes=lambda ndims, *, shape, dims: ([tuple(dims)], len(shape)),
       batch=lambda batched, *, shape, dims: {
           "shape": (batched.size, *shape), "dims": (0, *(d + 1 for d in dims))},
       torch="broadcast_to torch.Tensor.expand unsqueeze",
       jax="broadcast_to expand_dims jax.lax.broadcast_in_dim", prims="broadcast_in_dim",
       tex=r"y_{ij\ldots} = x_{j\ldots}", dtex=r"\text{sum of } g \text{ over the new axes}",
       cases=(([(3,)], {"shape": (2, 3), "dims": (1,)}), ([()], {"shape": (2, 3), "dims": ()}),
              ([(2, 1)], {"shape": (2, 4, 3), "dims": (0, 2)}),
              ([(0,)], {"shape": (0, 2), "dims": (0,)})),
       example="broadcast([1., 2.], shape=(2, 2), dims=(1,)) = [[1., 2.], [1., 2.]]")


# ----- reshape: same entries, same order -----
def _reshape_axes(ndims, *, shape, old):
    """Where each axis goes: it stays itself if as many entries lie before it on both sides."""
    places = {(size, _before(shape, i)): i for i, size in enumerate(shape)}
    return [tuple(places.get((size, _before(old, i))) for i, size in enumerate(old))], len(shape)


def _before(shape, i):
    """The number of entries that the axes before axis i hold; ragged sizes are kept as they are."""
    known = [n for n in shape[:i] if isinstance(n, int)]
    return math.prod(known), tuple(sorted(n for n in shape[:i] if not isinstance(n, int)))


linear("reshape", lambda xp, x, *, shape, old: xp.reshape(x, shape),
       lambda xp, g, x, *, shape, old: (xp.reshape(g, old),),
       axes=_reshape_axes, along=lambda m, x, *, shape, old: m.reshape(x, shape),
       batch=lambda batched, *, shape, old: {
           "shape": (batched.size, *shape), "old": (batched.size, *old)},
       torch="reshape torch.Tensor.view flatten squeeze", jax="reshape ravel squeeze",
       prims="reshape squeeze expand_dims", tex=r"y = x \text{ in another shape}",
       dtex=r"g \text{ in the shape of } x",
       cases=(([(2, 3)], {"shape": (3, 2), "old": (2, 3)}), ([(1,)], {"shape": (), "old": (1,)}),
              ([(0, 3)], {"shape": (3, 0), "old": (0, 3)})),
       example="reshape([[1., 2.]], shape=(2, 1), old=(1, 2)) = [[1.], [2.]]")


# ----- permute: output axis i is input axis axes[i] -----
def _inverse(axes):
    return tuple(sorted(range(len(axes)), key=lambda i: axes[i]))


linear("permute", lambda xp, x, *, axes: xp.permute(x, axes),
       lambda xp, g, x, *, axes: (xp.permute(g, _inverse(axes)),),
       axes=lambda ndims, *, axes: ([_inverse(axes)], len(axes)),
       batch=lambda batched, *, axes: {"axes": (0, *(a + 1 for a in axes))},
       torch="permute transpose t swapaxes torch.Tensor.T torch.Tensor.mT",
       jax="transpose permute_dims swapaxes jax.lax.transpose", prims="transpose",
       tex=r"y_{\pi(i)} = x_i", dtex=r"\text{the inverse permutation of } g",
       cases=(([(2, 3, 4)], {"axes": (2, 0, 1)}), ([(2, 3)], {"axes": (1, 0)}),
              ([()], {"axes": ()})),
       example="permute([[1., 2.]], axes=(1, 0)) = [[1.], [2.]]")

linear("flip", lambda xp, x, *, axis: xp.flip(x, axis),
       lambda xp, g, x, *, axis: (xp.flip(g, axis),),
       axes=unchanged, moves=lambda *, axis: axis,
       along=lambda m, x, *, axis: m.read(x, {a: lambda i, n: n - 1 - i for a in axis}),
       batch=lambda batched, *, axis: {"axis": tuple(a + 1 for a in axis)},
       prims="rev", tex=r"y_i = x_{n-1-i}", dtex=r"\text{the same flip of } g",
       cases=(([(2, 3)], {"axis": (0, 1)}), ([(3,)], {"axis": (0,)})),
       example="flip([1., 2., 3.], axis=(0,)) = [3., 2., 1.]")


# ----- slice and pad: each is the other's transpose (`gaps` zeros go between neighbours) -----
def _pad_of_slice(x, start, stop, step):
    size = [max(0, -(-(e - s) // t)) for s, e, t in zip(start, stop, step, strict=True)]
    used = [s + (n - 1) * t + 1 if n else s for s, n, t in zip(start, size, step, strict=True)]
    high = tuple(n - u for n, u in zip(x.shape, used, strict=True))
    return {"low": tuple(start), "high": high, "gaps": tuple(t - 1 for t in step)}


def _slice_of_pad(x, low, high, gaps):
    stop = [lo + max(0, n + (n - 1) * k) for lo, n, k in zip(low, x.shape, gaps, strict=True)]
    return {"start": tuple(low), "stop": tuple(stop), "step": tuple(k + 1 for k in gaps)}


def _sliced(*, start, stop, step):
    """Axes that may not be taken whole: a ragged one stops at its own size or before."""
    return range(len(start))


def _cut(m, x, *, start, stop, step):
    for axis in _sliced(start=start, stop=stop, step=step):
        x = m.cut(x, axis, start[axis], stop[axis], step[axis])
    return x


def _pad_transpose(xp, g, x, value, **params):
    inside = xp.slice(g, **_slice_of_pad(x, **params))
    outside = xp.sum(g, tuple(range(len(g.shape)))) - xp.sum(inside, tuple(range(len(g.shape))))
    return inside, outside if hasattr(value, "shape") else None


def _padded(*, low, high, gaps):
    return [i for i, w in enumerate(zip(low, high, gaps, strict=True)) if any(w)]


linear("slice", lambda xp, x, *, start, stop, step: xp.slice(x, start, stop, step),
       lambda xp, g, x, **params: (xp.pad(g, 0.0, **_pad_of_slice(x, **params)),),
       axes=unchanged, moves=_sliced, along=_cut,
       batch=lambda batched, *, start, stop, step: {
           "start": (0, *start), "stop": (batched.size, *stop), "step": (1, *step)},
       torch="narrow select torch.Tensor.__getitem__", jax="jax.lax.slice jax.Array.__getitem__",
       prims="slice", tex=r"y_i = x_{s + t i}", dtex=r"g \text{ padded with zeros}",
       cases=(([(5, 3)], {"start": (1, 0), "stop": (4, 3), "step": (1, 2)}),
              ([(6,)], {"start": (1,), "stop": (6,), "step": (2,)}),
              ([(4,)], {"start": (2,), "stop": (2,), "step": (1,)})),
       example="slice([1., 2., 3., 4.], start=(1,), stop=(4,), step=(2,)) = [2., 4.]")

linear("pad", lambda xp, x, value, *, low, high, gaps: xp.pad(x, value, low, high, gaps),
       _pad_transpose, arity=2, linear_in=(0, 1),
       axes=lambda ndims, **_: ([tuple(range(ndims[0])), ()], ndims[0]), moves=_padded,
       along=lambda m, x, value, *, low, high, gaps: m.pad(x, value, low, high, gaps),
       batch=lambda batched, *, low, high, gaps: {
           "low": (0, *low), "high": (0, *high), "gaps": (0, *gaps)},
       torch="torch.nn.functional.pad", jax="pad jax.lax.pad", prims="pad",
       tex=r"y_{s + i} = x_i, \text{ and } v \text{ elsewhere}",
       dtex=r"\text{the slice of } g; \text{ the rest is summed for } v",
       cases=(([(2, 3), ()], {"low": (1, 0), "high": (0, 2), "gaps": (0, 1)}),
              ([(0,), ()], {"low": (1,), "high": (1,), "gaps": (0,)})),
       example="pad([1., 2.], 7., low=(1,), high=(0,), gaps=(1,)) = [7., 1., 7., 2.]")


# ----- join -----
def _split(xp, g, *xs, axis):
    at, parts = 0, []
    for x in xs:
        start, stop = [0] * len(g.shape), list(g.shape)
        start[axis], stop[axis] = at, at + x.shape[axis]
        parts.append(xp.slice(g, tuple(start), tuple(stop), (1,) * len(start)))
        at = stop[axis]
    return tuple(parts)


linear("concat", lambda xp, *xs, axis: xp.concat(xs, axis), _split,
       arity=None, linear_in="all",
       axes=lambda ndims, **_: ([tuple(range(n)) for n in ndims], ndims[0]),
       moves=lambda *, axis: [axis], along=lambda m, *xs, axis: m.join(xs, axis),
       batch=lambda batched, *, axis: {"axis": axis + 1},
       torch="torch.cat torch.concat torch.concatenate", jax="concatenate concat",
       prims="concatenate", tex=r"y = (x_1, x_2, \ldots)", dtex=r"\text{the slices of } g",
       cases=(([(2, 3), (1, 3)], {"axis": 0}), ([(2, 0), (2, 2), (2, 1)], {"axis": 1})),
       example="concat([1.], [2., 3.], axis=0) = [1., 2., 3.]")


# ----- split: the other direction; it has many outputs -----
def _cut_pieces(m, x, *, axis, sizes):
    at, parts = 0, []
    for size in sizes:
        parts.append(m.cut(x, axis, at, at + size))
        at = at + size
    return tuple(parts)


linear("split", lambda xp, x, *, axis, sizes: xp.split(x, axis, sizes),
       lambda xp, gs, x, *, axis, sizes: (xp.concat(gs, axis),), outputs="many",
       axes=unchanged, moves=lambda *, axis, sizes: [axis], along=_cut_pieces,
       batch=lambda batched, *, axis, sizes: {"axis": axis + 1, "sizes": sizes},
       torch="split chunk", jax="jax.lax.split", prims="split", tex=r"(y_1, y_2, \ldots) = x",
       dtex=r"\text{the } g \text{ joined}",
       cases=(([(2, 3)], {"axis": 1, "sizes": (1, 2)}), ([(4,)], {"axis": 0, "sizes": (0, 4)})),
       example="split([1., 2., 3.], axis=0, sizes=(1, 2))[1] = [2., 3.]")


# ----- stack: join along a new axis -----
def _others(x, axis):
    """The places of an input's axes, with room for the new one."""
    return tuple(i + (i >= axis) for i in range(len(x.shape)))


def _stack(xp, *xs, axis):
    shape = (*xs[0].shape[:axis], 1, *xs[0].shape[axis:])
    return xp.concat([xp.broadcast(x, shape, _others(x, axis)) for x in xs], axis)


def _unstack(xp, g, *xs, axis):
    parts = []
    for i, x in enumerate(xs):
        start, stop = [0] * len(g.shape), list(g.shape)
        start[axis], stop[axis] = i, i + 1
        part = xp.slice(g, tuple(start), tuple(stop), (1,) * len(start))
        parts.append(xp.reshape(part, tuple(x.shape)))
    return tuple(parts)


linear("stack", _stack, _unstack, arity=None, linear_in="all",
       axes=lambda ndims, *, axis: (
           [tuple(i + (i >= axis) for i in range(n)) for n in ndims], ndims[0] + 1),
       batch=lambda batched, *, axis: {"axis": axis + 1},
       torch="torch.stack", jax="stack", tex=r"y = (x_1, x_2, \ldots)",
       dtex=r"\text{the slices of } g",
       cases=(([(2, 3), (2, 3)], {"axis": 1}), ([(), ()], {"axis": 0}), ([(0, 2)], {"axis": 2})),
       example="stack([1., 2.], [3., 4.], axis=0) = [[1., 2.], [3., 4.]]")
