"""Spellings of elementwise rows that take more than the row's inputs."""

import math

from .shapes import one


def _clamp(input, min=None, max=None):
    return (input, -math.inf if min is None else min, math.inf if max is None else max), {}


def _order_first(a, b):
    """torch.polygamma(n, x), and the method x.polygamma(n)."""
    return ((a, b) if isinstance(a, int) else (b, a)), {}


# ----- activations: PyTorch's words for the table's parameters -----
def _elu(input, alpha=1.0, inplace=False):
    return (input,), {"alpha": alpha}


def _leaky_relu(input, negative_slope=0.01, inplace=False):
    return (input,), {"slope": negative_slope}


def _hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    return (input,), {"low": min_val, "high": max_val}


def _softplus(input, beta=1, threshold=20):
    return (input,), {"beta": beta, "threshold": threshold}


def _gelu(input, approximate="none"):
    return (input,), {"approximate": approximate}


def _shrink(input, lambd=0.5):
    return (input,), {"bound": lambd}


def _threshold(input, threshold, value, inplace=False):
    return (input,), {"bound": threshold, "value": value}


def _plain_activation(input, inplace=False):
    return (input,), {}


# ----- three inputs -----
def _lerp(input, end, weight):
    return (input, end, weight), {}


def _with_value(input, a, b, value=1):
    return (input, a, b), {"value": value}


def _nan_to_num(input, nan=None, posinf=None, neginf=None):
    import torch

    ends = torch.finfo(input.dtype)
    params = {"nan": 0.0 if nan is None else nan, "posinf": ends.max if posinf is None else posinf,
              "neginf": ends.min if neginf is None else neginf}  # fmt: skip
    return (input,), params


SIGNATURES = {
    "elu": ("elu", _elu), "celu": ("celu", _elu), "selu": ("selu", _plain_activation),
    "leaky_relu": ("leaky_relu", _leaky_relu), "hardtanh": ("hardtanh", _hardtanh),
    "relu6": ("relu6", _plain_activation), "hardsigmoid": ("hardsigmoid", _plain_activation),
    "hardswish": ("hardswish", _plain_activation), "softplus": ("softplus", _softplus),
    "softsign": ("softsign", one), "mish": ("mish", _plain_activation), "gelu": ("gelu", _gelu),
    "tanhshrink": ("tanhshrink", one), "softshrink": ("softshrink", _shrink),
    "hardshrink": ("hardshrink", _shrink), "threshold": ("threshold", _threshold),
    "lerp": ("lerp", _lerp), "addcmul": ("addcmul", _with_value),
    "addcdiv": ("addcdiv", _with_value), "nan_to_num": ("nan_to_num", _nan_to_num),
    "real": ("real", one), "imag": ("imag", one), "conj": ("conj", one),
    "conj_physical": ("conj", one), "_conj": ("conj", one), "resolve_conj": ("copy", one),
    "complex": ("complex", lambda real, imag: ((real, imag), {})),
    "clamp": ("clamp", _clamp), "clip": ("clamp", _clamp),
    "clamp_min": ("clamp", lambda input, min: _clamp(input, min=min)),
    "clamp_max": ("clamp", lambda input, max: _clamp(input, max=max)),
    "polygamma": ("polygamma", _order_first),
}  # fmt: skip


# ----- spellings that mean several rows: plain PyTorch on the recorded value -----
def _sgn(x):
    import torch

    if not x.dtype.is_complex:
        return torch.sign(x)
    zero = x == 0
    return torch.where(zero, 0.0, x / torch.abs(torch.where(zero, 1.0, x)))


def _view_as_real(x):
    import torch

    return torch.stack([torch.real(x), torch.imag(x)], -1)


def _view_as_complex(x):
    import torch

    return torch.complex(x[..., 0], x[..., 1])


def _polar(abs, angle):
    import torch

    return torch.complex(abs * torch.cos(angle), abs * torch.sin(angle))


def _adjoint(x):
    return x.mT.conj() if x.dtype.is_complex else x.mT


def _glu(input, dim=-1):
    import torch

    half = input.shape[dim] // 2
    gate = torch.narrow(input, dim, half, half)
    return torch.narrow(input, dim, 0, half) * torch.sigmoid(gate)


def _prelu(input, weight):
    import torch

    if input.ndim > 1 and weight.numel() > 1:
        weight = weight.reshape(-1, *[1] * (input.ndim - 2))
    elif weight.numel() == 1:
        weight = weight.reshape(())
    return torch.where(input > 0, input, weight * input)


def _ldexp(input, other):
    import torch

    return input * torch.pow(2.0, other)


REWRITES = {
    "sgn": _sgn, "view_as_real": _view_as_real, "view_as_complex": _view_as_complex,
    "polar": _polar, "adjoint": _adjoint, "mH": _adjoint, "H": _adjoint, "glu": _glu,
    "prelu": _prelu, "_prelu_kernel": _prelu, "ldexp": _ldexp,
    "frac": lambda x: x - x.trunc(),
}  # fmt: skip
