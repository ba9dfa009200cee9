"""Composite rows: their only mathematics is a body over other rows.

Derivative, mask behaviour and card follow from the body. `xp.size(x, axis)` is the number of
entries that are reduced: an example's own length where the axis is padded.
"""

import functools
import math

from . import fused
from .reduction import reduction
from .row import composite, unchanged

AXES = (([(2, 3)], {"axis": (1,)}), ([(2, 3)], {"axis": (0,)}))
REDUCE = (
    ([(2, 3)], {"axis": (0,), "keepdims": False}),
    ([(2, 3)], {"axis": (0, 1), "keepdims": True}),
)


# ----- like the frameworks, bodies compute in float32 where the input has half of that -----
def in_float32(body):
    @functools.wraps(body)
    def wrapped(xp, x, *rest, **params):
        if not xp.is_half(x.dtype):
            return body(xp, x, *rest, **params)
        return xp.astype(body(xp, xp.astype(x, "float32"), *rest, **params), x.dtype)

    return wrapped


# ----- statistics -----
@in_float32
def mean(xp, x, *, axis, keepdims):
    return xp.sum(x, axis, keepdims) / xp.size(x, axis, keepdims)


@in_float32
def var(xp, x, *, axis, keepdims, correction=1):
    centred = x - mean(xp, x, axis=axis, keepdims=True)
    n = xp.size(x, axis, keepdims) - correction
    n = max(n, 0) if isinstance(n, (int, float)) else xp.relu(n)
    return xp.sum(_squared_magnitude(xp, centred), axis, keepdims) / n


def _squared_magnitude(xp, x):
    if not xp.is_complex(x.dtype):
        return xp.square(x)
    return xp.square(xp.real(x)) + xp.square(xp.imaginary(x))


composite("mean", mean, **reduction, fast=fused.mean, cases=REDUCE,
          tex=r"y = \frac{1}{n} \sum_i x_i",
          pitfalls="On padded data n is the example's own length: that is what `autobatch` gives.",
          example="mean([[1., 2.], [3., 4.]], axis=(0,), keepdims=False) = [2., 3.]")
composite("var", var, cases=REDUCE, tex=r"y = \frac{1}{n - c} \sum_i (x_i - \mu)^2",
          pitfalls="torch divides by n - 1 unless told otherwise, JAX by n.",
          example="var([1., 3.], axis=(0,), keepdims=False, correction=0) = 1.")


# ----- the square root of a sum of squares: `xp.root` has each framework's derivative at 0 -----
def std(xp, x, *, axis, keepdims, correction=1):
    return xp.root(var(xp, x, axis=axis, keepdims=keepdims, correction=correction))


@in_float32
def norm(xp, x, *, p, axis, keepdims):
    size = xp.abs(x)
    if p in (math.inf, -math.inf):
        return (xp.max if p > 0 else xp.min)(size, axis, keepdims)
    if p == 0:
        return xp.sum(xp.astype(x != 0, size.dtype), axis, keepdims)
    if p == 1:
        return xp.sum(size, axis, keepdims)
    if p == 2:
        return xp.root(xp.sum(size * size, axis, keepdims))
    zero = size == 0  # the power has no finite slope there
    total = xp.sum(xp.where(zero, 0.0, xp.where(zero, 1.0, size) ** p), axis, keepdims)
    return xp.where(total == 0, 0.0, xp.where(total == 0, 1.0, total) ** (1 / p))


SPREAD = tuple((shapes, params | {"correction": 1}) for shapes, params in REDUCE)
composite("std", std, cases=SPREAD,
          tex=r"y = \left(\frac{1}{n - c} \sum_i (x_i - \mu)^2\right)^{1/2}",
          kinks="where all entries agree: 0 in torch, NaN in JAX",
          example="std([1., 3.], axis=(0,), keepdims=False, correction=0) = 1.")
composite("norm", norm, torch="torch.linalg.vector_norm", jax="jax.numpy.linalg.vector_norm",
          cases=tuple((shapes, params | {"p": p}) for p in (2, 1, 3.0, 0.5, math.inf)
                      for shapes, params in REDUCE[:1]),
          tex=r"y = \left(\sum_i \operatorname{abs}(x_i)^p\right)^{1/p}",
          kinks="of a zero vector the derivative is 0 in torch and NaN in JAX",
          example="norm([3., 4.], p=2, axis=(0,), keepdims=False) = 5.")


# ----- softmax and its relatives: the largest entry is taken out, so that exp cannot overflow -----
def largest(xp, x, axis):
    empty = any([isinstance(n, int) and n == 0 for n in x.shape])
    return 0.0 if empty else xp.stop_gradient(xp.max(x, axis, True))


@in_float32
def softmax(xp, x, *, axis):
    e = xp.exp(x - largest(xp, x, axis))
    return e / xp.sum(e, axis, True)


@in_float32
def log_softmax(xp, x, *, axis):
    shifted = x - largest(xp, x, axis)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis, True))


along = {"calm": True, "axes": unchanged, "mixes": lambda *, axis: axis,
         "batch": lambda batched, *, axis: {"axis": tuple(a + 1 for a in axis)}}  # fmt: skip
composite("softmax", softmax, fast=fused.softmax, identity="lowest", **along,
          cases=AXES, torch="softmax torch.nn.functional.softmax",
          jax="jax.nn.softmax", tex=r"y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}",
          pitfalls="A padded entry must not take part: filling it with 0 gives it weight e^0.",
          example="softmax([0., 0.], axis=(0,)) = [0.5, 0.5]")
composite("log_softmax", log_softmax, fast=fused.log_softmax, identity="lowest", **along,
          cases=AXES,
          torch="log_softmax torch.nn.functional.log_softmax", jax="jax.nn.log_softmax",
          tex=r"y_i = x_i - \log \sum_j e^{x_j}",
          example="log_softmax([0., 0.], axis=(0,)) = [-0.69314718, -0.69314718]")


# ----- layers -----
def onto_first(ndims, **_):
    """The result has the first input's axes; the others are parameters that all entries share."""
    return [tuple(range(ndims[0])), *[(None,) * n for n in ndims[1:]]], ndims[0]


def only_first(batched, **params):
    """One more axis in front, if the parameters have none: the others are one further back."""
    if any(batched.inputs[1:]):
        return None
    return params | ({"axis": tuple(a + 1 for a in params["axis"])} if "axis" in params else {})


def _linear_axes(ndims, **_):
    """The last axis is summed away, and another one takes its place."""
    first, *rest = onto_first(ndims)[0]
    return [(*first[:-1], None), *rest], ndims[0]


def linear(xp, x, w, b=None):
    letters = "abcdefgh"[: len(x.shape) - 1]
    y = xp.contract(x, w, f"{letters}i,oi->{letters}o", None)
    return y if b is None else y + b


def add_product(xp, c, a, b):
    return c + xp.contract(a, b, "ij,jk->ik", None)


@in_float32
def layer_norm(xp, x, w=None, b=None, *, axis, eps):
    centred = x - mean(xp, x, axis=axis, keepdims=True)
    scale = xp.rsqrt(mean(xp, xp.square(centred), axis=axis, keepdims=True) + eps)
    y = centred * scale
    y = y if w is None else y * w
    return y if b is None else y + b


composite("silu", lambda xp, x: x * xp.sigmoid(x), fast=fused.silu, axes=unchanged, calm=True,
          torch="torch.nn.functional.silu", jax="jax.nn.silu jax.nn.swish",
          cases=(([(2, 3)], {}),), tex=r"y = x \, \sigma(x)",
          example="silu([0.]) = [0.]")
composite("linear", linear, arity=None, fast=fused.linear, torch="torch.nn.functional.linear",
          jax="-", axes=_linear_axes, batch=only_first, calm=True,
          cases=(([(2, 3), (4, 3)], {}), ([(3,), (4, 3), (4,)], {})), tex=r"y = x \, w^T + b",
          pitfalls="torch keeps w as (out, in); most JAX libraries keep (in, out).",
          example="linear([1., 2.], [[3., 4.]], [1.]) = [12.]")
composite("add_product", add_product, arity=3, fast=fused.add_product, torch="torch.addmm", jax="-",
          cases=(([(2, 4), (2, 3), (3, 4)], {}), ([(4,), (2, 3), (3, 4)], {})), tex=r"y = c + a b",
          pitfalls="torch takes the summand first: addmm(c, a, b).",
          example="add_product([1.], [[1., 2.]], [[3.], [4.]]) = [[12.]]")
composite("layer_norm", layer_norm, arity=None, fast=fused.layer_norm, axes=onto_first,
          batch=only_first, mixes=lambda *, axis, eps: axis, calm=True,
          torch="torch.nn.functional.layer_norm", jax="-",
          cases=(([(2, 3), (3,), (3,)], {"axis": (1,), "eps": 1e-5}),
                                   ([(2, 3)], {"axis": (0, 1), "eps": 1e-5})),
          tex=r"y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \, w + b",
          example="layer_norm([1., 3.], axis=(0,), eps=0.) = [-1., 1.]")
