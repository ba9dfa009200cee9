"""JAX's primitives of convolution, pooling and linear algebra, lowered to rows."""

import math

from ..table.row import ROWS


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
    if not all(isinstance(n, int) for n in sizes):  # a ragged dim
        return None
    ndim = len(eqn.invars[0].aval.shape)
    params = {
        "axis": tuple(range(ndim - len(sizes), ndim)),
        "scale": 1 / math.prod(sizes) if kind in ("IFFT", "IRFFT") else 1,
    }
    if kind in ("RFFT", "IRFFT"):
        return ROWS[kind.lower()], (0,), params | ({"size": sizes[-1]} if kind == "IRFFT" else {})
    return ROWS["fft"], (0,), params | {"inverse": kind == "IFFT"}


# ----- linear algebra -----
def _triangular_solve(eqn):
    p = eqn.params
    if p["conjugate_a"] and eqn.invars[0].aval.dtype.kind == "c":
        return None
    how = {"lower": p["lower"], "left": p["left_side"], "trans": p["transpose_a"],
           "unit": p["unit_diagonal"]}  # fmt: skip
    return ROWS["triangular_solve"], (0, 1), how


def _eigh(eqn):
    return (ROWS["eigh"], (0,), {}) if eqn.params.get("subset_by_index") is None else None


def _svd(eqn):
    p, (*_, m, n) = eqn.params, eqn.invars[0].aval.shape
    if not p["compute_uv"]:
        return ROWS["svdvals"], (0,), {}
    thin = p["subset_by_index"] is None and (m == n or not p["full_matrices"])
    return (ROWS["svd"], (0,), {}) if thin else None


def _qr(eqn):
    p, (*_, m, n) = eqn.params, eqn.invars[0].aval.shape
    thin = not p.get("pivoting") and (m == n or not p["full_matrices"])
    return (ROWS["qr"], (0,), {}) if thin else None


LIBRARY = {
    "inv": "inv", "solve": "solve", "expm": "matrix_exp", "slogdet": "slogdet", "_pinv": "pinv",
}  # fmt: skip


def library_call(eqn):
    """jax.numpy's own jitted functions that are one row: the row of `inv`, not what it calls."""
    name, place = _written(eqn)
    row = LIBRARY.get(name)
    if row is None or "/jax/_src/" not in place:
        return None
    shapes = [v.aval.shape for v in eqn.invars]
    if len(shapes) != (2 if name == "solve" else 1) or len(shapes[0]) < 2:
        return None
    if name == "solve" and (len(shapes[1]) < 2 or shapes[0][:-2] != shapes[1][:-2]):
        return None
    return ROWS[row], range(len(shapes)), {}


def _written(eqn):
    """The name of the function that an equation calls, and the file it is written in."""
    body = eqn.params.get("call_jaxpr", eqn.params.get("jaxpr"))
    info = getattr(getattr(body, "jaxpr", body), "debug_info", None)
    name, _, place = str(getattr(info, "func_src_info", "")).partition(" at ")
    return name, place.replace("\\", "/")


SIGNATURES = {
    "fft": _fft,
    "triangular_solve": _triangular_solve,
    "eigh": _eigh,
    "svd": _svd,
    "qr": _qr,
    "conv_general_dilated": _conv,
    "reduce_window_sum": _pool("window_sum"),
    "reduce_window_max": _pool("max_pool"),
    "reduce_window_min": _pool("min_pool"),
    "select_and_gather_add": _picked("pool_gather"),
    "select_and_scatter_add": _picked("pool_scatter"),
}
