"""Normalisation layers: composite rows. They differ in the axes that share a mean and a variance.

batch_norm shares them over the examples and space, instance_norm over space, group_norm over space
and a group of channels, layer_norm over the last axes, rms_norm the same without a mean.
"""

from . import fused
from .composite import in_float32, mean
from .row import composite


def _channels(xp, v, x):
    """A vector with one entry per channel, in the shape that x broadcasts with."""
    return xp.reshape(v, (v.shape[0],) + (1,) * (len(x.shape) - 2))


def _scaled(xp, y, w, b):
    y = y if w is None else y * _channels(xp, w, y)
    return y if b is None else y + _channels(xp, b, y)


def _standard(xp, x, axis, eps):
    centred = x - mean(xp, x, axis=axis, keepdims=True)
    spread = mean(xp, xp.square(centred), axis=axis, keepdims=True)
    return centred * xp.rsqrt(spread + eps)


@in_float32
def batch_norm(xp, x, w=None, b=None, *, eps):
    axis = (0, *range(2, len(x.shape)))
    return _scaled(xp, _standard(xp, x, axis, eps), w, b)


@in_float32
def batch_norm_known(xp, x, m, v, w=None, b=None, *, eps):
    scale = xp.rsqrt(v + eps)
    return _scaled(xp, (x - _channels(xp, m, x)) * _channels(xp, scale, x), w, b)


@in_float32
def instance_norm(xp, x, w=None, b=None, *, eps):
    return _scaled(xp, _standard(xp, x, tuple(range(2, len(x.shape))), eps), w, b)


@in_float32
def group_norm(xp, x, w=None, b=None, *, groups, eps):
    n, c, *space = x.shape
    apart = xp.reshape(x, (n, groups, c // groups, *space))
    y = _standard(xp, apart, tuple(range(2, len(x.shape) + 1)), eps)
    return _scaled(xp, xp.reshape(y, (n, c, *space)), w, b)


@in_float32
def rms_norm(xp, x, w=None, *, axis, eps):
    y = x * xp.rsqrt(mean(xp, xp.square(x), axis=axis, keepdims=True) + eps)
    return y if w is None else y * w


@in_float32
def local_response_norm(xp, x, *, size, alpha, beta, k):
    """Each channel is divided by the squares of its neighbours (Krizhevsky 2012)."""
    n = len(x.shape)
    ones, none = (1,) * n, ((0, 0),) * (n - 2)
    window = {"window": (1, size) + (1,) * (n - 2), "stride": ones, "dilation": ones, "gaps": ones,
              "padding": ((0, 0), (size // 2, (size - 1) // 2), *none)}  # fmt: skip
    return x / (xp.window_sum(xp.square(x), **window) / size * alpha + k) ** beta


STANDARD = r"y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} \, w + b"
EPS = {"eps": 1e-5}

composite("batch_norm", batch_norm, arity=None, fast=fused.batch_norm,
          torch="torch.nn.functional.batch_norm", jax="-",
          cases=(([(4, 3)], EPS), ([(4, 3, 2), (3,), (3,)], EPS)),
          tex=STANDARD + r", \text{ statistics per channel}",
          pitfalls="Mixes examples. In training the running statistics are written on the side.",
          example="batch_norm([[1.], [3.]], eps=0.) = [[-1.], [1.]]")
composite("batch_norm_known", batch_norm_known, arity=None, torch="-", jax="-", domain=(0.1, 3.0),
          cases=(([(4, 3, 2), (3,), (3,), (3,), (3,)], EPS),), tex=STANDARD,
          pitfalls="What batch_norm is when it does not train: the statistics are given.",
          example="batch_norm_known([[1.], [3.]], [1.], [4.], eps=0.) = [[0.], [1.]]")
composite("instance_norm", instance_norm, arity=None, torch="torch.nn.functional.instance_norm",
          jax="-", cases=(([(2, 3, 4)], EPS), ([(2, 3, 2, 4), (3,), (3,)], EPS)),
          tex=STANDARD + r", \text{ statistics per example and channel}",
          example="instance_norm([[[1., 3.]]], eps=0.) = [[[-1., 1.]]]")
composite("group_norm", group_norm, arity=None, torch="torch.nn.functional.group_norm", jax="-",
          cases=(([(2, 4, 3)], {"groups": 2, **EPS}),
                 ([(2, 6, 2, 4), (6,), (6,)], {"groups": 3, **EPS})),
          tex=STANDARD + r", \text{ statistics per example and group}",
          example="group_norm([[1., 3.]], groups=1, eps=0.) = [[-1., 1.]]")
composite("rms_norm", rms_norm, arity=None, torch="torch.nn.functional.rms_norm", jax="-",
          cases=(([(2, 3)], {"axis": (1,), **EPS}), ([(2, 3), (3,)], {"axis": (1,), **EPS})),
          tex=r"y = \frac{x}{\sqrt{\overline{x^2} + \epsilon}} \, w",
          example="rms_norm([3., 3.], axis=(0,), eps=0.) = [1., 1.]")
composite("local_response_norm", local_response_norm, jax="-",
          torch="torch.nn.functional.local_response_norm",
          cases=(([(2, 5, 3)], {"size": 3, "alpha": 0.1, "beta": 0.75, "k": 1.0}),),
          tex=r"y_c = x_c \left(k + \frac{\alpha}{n} \sum_{c'} x_{c'}^2\right)^{-\beta}",
          example="local_response_norm([[2.]], size=1, alpha=1., beta=0.5, k=0.) = [[1.]]")
