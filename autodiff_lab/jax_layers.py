"""JAX's primitives of convolution, pooling and linear algebra, lowered to rows."""

import math

from .table.row import ROWS


def _pairs(padding):
    return tuple((int(low), int(high)) for low, high in padding)


def _conv(eqn):
    x, w = (v.aval.shape for v in eqn.invars)
    p = eqn.params
    numbers, plain = tuple(p["dimension_numbers"]), tuple(range(len(x)))
    params = {
        "shapes": (x, w), "stride": p["window_strides"], "padding": _pairs(p["padding"]),
        "dilation": p["rhs_dilation"], "gaps": p["lhs_dilation"],
        "groups": p["feature_group_count"], "batch_groups": p["batch_group_count"],
        "precision": p["precision"], "dtype": p["preferred_element_type"],
        "layout": None if numbers == (plain,) * 3 else numbers,
    }  # fmt: skip
    return ROWS["conv"], (0, 1), params


def _window(eqn):
    p = eqn.params
    ones = (1,) * len(p["window_dimensions"])
    return {
        "window": p["window_dimensions"], "stride": p["window_strides"],
        "padding": _pairs(p["padding"]), "dilation": p.get("window_dilation", ones),
        "gaps": p.get("base_dilation", ones),
    }  # fmt: skip


def _pool(row):
    return lambda eqn: (ROWS[row], (0,), _window(eqn))


def _picked(row):
    def signature(eqn):
        low = eqn.params["select_prim"].name == "le"
        return ROWS[row], (0, 1), _window(eqn) | {"low": low}

    return signature


def _fft(eqn):
    """lax transforms the last axes, and divides by their size on the way back."""
    kind, sizes = eqn.params["fft_type"].name, eqn.params["fft_lengths"]
    ndim = len(eqn.invars[0].aval.shape)
    params = {
        "axis": tuple(range(ndim - len(sizes), ndim)),
        "scale": 1 / math.prod(sizes) if kind in ("IFFT", "IRFFT") else 1,
    }
    if kind in ("RFFT", "IRFFT"):
        return ROWS[kind.lower()], (0,), params | ({"size": sizes[-1]} if kind == "IRFFT" else {})
    return ROWS["fft"], (0,), params | {"inverse": kind == "IFFT"}


SIGNATURES = {
    "fft": _fft,
    "conv_general_dilated": _conv,
    "reduce_window_sum": _pool("window_sum"),
    "reduce_window_max": _pool("max_pool"),
    "reduce_window_min": _pool("min_pool"),
    "select_and_gather_add": _picked("pool_gather"),
    "select_and_scatter_add": _picked("pool_scatter"),
}
