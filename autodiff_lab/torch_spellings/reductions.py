"""Spellings that reduce dims, and those of the composite rows."""

from ..torch_dims import axes_of
from .shapes import one


def _reduction(input, dim=None, keepdim=False, *, axis=None, keepdims=False):
    dim = axis if dim is None else dim
    return (input,), {"axis": axes_of(dim, input.ndim), "keepdims": keepdim or keepdims}


def _variance(input, dim=None, unbiased=None, keepdim=False, *, correction=1, axis=None):
    if isinstance(dim, bool):  # var(x, unbiased)
        dim, unbiased = None, dim
    correction = 1 if correction is None else correction
    correction = correction if unbiased is None else unbiased + 0  # prims says a number there
    xs, params = _reduction(input, dim, keepdim, axis=axis)
    return xs, params | {"correction": correction}


def _softmax(input, dim=None, *, axis=None):
    dim = axis if dim is None else dim
    if dim is None:
        raise TypeError("softmax without dim")
    return (input,), {"axis": axes_of(dim, input.ndim)}


def _linear(input, weight, bias=None):
    return (input, weight) if bias is None else (input, weight, bias), {}


def _layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    if weight is None and bias is not None:
        raise TypeError("layer_norm with a bias but no weight")
    n = len(normalized_shape) if not isinstance(normalized_shape, int) else 1
    xs = tuple(x for x in (input, weight, bias) if x is not None)
    return xs, {"axis": tuple(range(input.ndim - n, input.ndim)), "eps": eps}


SIGNATURES = {
    "sum": ("sum", _reduction), "amax": ("max", _reduction), "amin": ("min", _reduction),
    "mean": ("mean", _reduction), "var": ("var", _variance),
    "softmax": ("softmax", _softmax), "log_softmax": ("log_softmax", _softmax),
    "silu": ("silu", one), "linear": ("linear", _linear),
    "layer_norm": ("layer_norm", _layer_norm),
}  # fmt: skip
