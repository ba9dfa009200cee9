"""Spellings that reduce dims, and those of the composite rows."""

import math

from ... import xp
from ..dims import axes_of, one_axis
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


def _std(input, dim=None, unbiased=None, keepdim=False, *, correction=1, axis=None):
    return _variance(input, dim, unbiased, keepdim, correction=correction, axis=axis)


def _vector_norm(x, ord=2, dim=None, keepdim=False):
    if ord < 0 and ord != -math.inf:
        raise TypeError(f"a norm of order {ord}")
    return (x,), {"p": ord, "axis": axes_of(dim, x.ndim), "keepdims": keepdim}


def _norm(input, p=2, dim=None, keepdim=False):
    if p == "nuc":
        raise TypeError("the nuclear norm")
    return _vector_norm(input, 2 if p in (None, "fro") else p, dim, keepdim)


def _running(input, dim):
    return (input,), {"axis": one_axis(dim, input.ndim) if input.ndim else 0, "reverse": False}


def _softmax(input, dim=None, *, axis=None, _stacklevel=3):
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
    "prod": ("prod", _reduction), "logsumexp": ("logsumexp", _reduction),
    "any": ("any", _reduction), "all": ("all", _reduction), "std": ("std", _std),
    "linalg_vector_norm": ("norm", _vector_norm), "norm": ("norm", _norm),
    "cumsum": ("cumsum", _running), "cumprod": ("cumprod", _running),
    "logcumsumexp": ("cumlogsumexp", _running),
    "softmax": ("softmax", _softmax), "log_softmax": ("log_softmax", _softmax),
    "silu": ("silu", one), "linear": ("linear", _linear),
    "layer_norm": ("layer_norm", _layer_norm),
}  # fmt: skip


# ----- spellings that mean several rows -----
def _with_mean(name):
    def rewritten(input, dim=None, unbiased=None, keepdim=False, *, correction=1):
        import torch

        words = {} if unbiased is None else {"unbiased": unbiased}
        words = words or {"correction": correction}
        spread = getattr(torch, name)(input, dim, keepdim=keepdim, **words)
        return spread, torch.mean(input, dim, keepdim)

    return rewritten


def _nansum(input, dim=None, keepdim=False):
    import torch

    return torch.sum(torch.where(torch.isnan(input), 0.0, input), dim, keepdim)


def _nanmean(input, dim=None, keepdim=False):
    import torch

    count = torch.sum(~torch.isnan(input.detach()), dim, keepdim)
    return _nansum(input, dim, keepdim) / count


def _arg(name):
    def rewritten(input, dim=None, keepdim=False):
        import torch

        verb = getattr(xp.verbs("torch"), name)
        if dim is None:
            place = verb(torch.reshape(input, (-1,)), 0)
            return place.reshape([1] * input.ndim) if keepdim else place
        place = verb(input, one_axis(dim, input.ndim)) if input.ndim else verb(input[None], 0)
        return place.unsqueeze(dim) if keepdim else place

    return rewritten


REWRITES = {
    "argmax": _arg("argmax"), "argmin": _arg("argmin"),
    "var_mean": _with_mean("var"), "std_mean": _with_mean("std"),
    "nansum": _nansum, "nanmean": _nanmean,
    "count_nonzero": lambda input, dim=None: (input != 0).sum(dim),
    "aminmax": lambda input, *, dim=None, keepdim=False: (
        input.amin(dim, keepdim) if dim is not None else input.amin(),
        input.amax(dim, keepdim) if dim is not None else input.amax()),
    "logical_xor": lambda a, b: (a != 0) != (b != 0),
}  # fmt: skip
