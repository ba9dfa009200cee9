"""Spellings that only the dispatcher uses, rewritten as the PyTorch that a person would write.

The names are those of `aten` and of `prims`, PyTorch's two lower vocabularies. Each rewriting is
recorded call by call. Views come as reshapes: a box has no strides of its own, so what was a view
of the box may have to be a copy of its value.
"""

import math

import torch
import torch.nn.functional as F

from .. import xp
from ..errors import AutodiffError
from ..source import here


# ----- one tensor in another form -----
def _same(x, *_, **__):
    return x


def _reshape(x, size, *_):
    return torch.reshape(x, tuple(size))


def _to_copy(x, *, dtype=None, **_):
    return x.clone() if dtype is None or dtype == x.dtype else x.to(dtype)


def _convert(x, dtype):
    return x.to(dtype)


def _broadcast_in_dim(x, shape, dims):
    aligned = [1] * len(shape)
    for d, n in zip(dims, x.shape, strict=True):
        aligned[d] = n
    return x.reshape(aligned).expand(tuple(shape))


def as_strided(x, size, stride, offset=None):
    """Entry i of the result is entry `offset + i . stride` of the box, read in a row.

    Inside PyTorch's own functions the strides were worked out from the box's, and those are the
    strides of a contiguous tensor.
    """
    at = torch.full((1,) * len(size), offset or 0, device=x.device)
    for axis, (n, step) in enumerate(zip(size, stride, strict=True)):
        along = [1] * len(size)
        along[axis] = n
        at = at + torch.arange(n, device=x.device).reshape(along) * step
    return torch.index_select(x.reshape(-1), 0, at.reshape(-1)).reshape(tuple(size))


# ----- pieces -----
def _along(x, dim, index):
    return x[(slice(None),) * (dim % x.ndim) + (index,)]


def _slice(x, dim=0, start=None, end=None, step=1):
    return _along(x, dim, slice(start, end, step))


def _slice_of_prims(x, start, limit, strides=None):
    steps = strides or [1] * len(start)
    return x[tuple(slice(*s) for s in zip(start, limit, steps, strict=True))]


def _slice_in_dim(x, start, limit, stride=1, axis=0):
    return _along(x, axis, slice(start, limit, stride))


def _split_with_sizes(x, sizes, dim=0):
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [_slice(x, dim, a, a + n) for a, n in zip(starts, sizes, strict=True)]


def _split(x, size, dim=0):
    if not isinstance(size, int):
        return _split_with_sizes(x, size, dim)
    whole = x.shape[dim]
    return [_slice(x, dim, a, a + size) for a in range(0, max(whole, 1), max(size, 1))]


def _unbind(x, dim=0):
    return [_along(x, dim, i) for i in range(x.shape[dim])]


# ----- indices -----
def _index(x, indices):
    return x[tuple(slice(None) if i is None else i for i in indices)]


def _scattered(x, source, places):
    """`x` with the entries of `source` at `places`, counted in x read in a row."""
    if places.unique().numel() < places.numel():
        raise AutodiffError(f"scattering at {here()} writes one entry twice")
    flat = torch.index_put(x.reshape(-1), (places.reshape(-1),), source.reshape(-1))
    return flat.reshape(x.shape)


def _numbered(x):
    return torch.arange(x.numel(), device=x.device).reshape(x.shape)


def _diagonal_scatter(x, source, offset=0, dim1=0, dim2=1):
    return _scattered(x, source, torch.diagonal(_numbered(x), offset, dim1, dim2))


# ----- sums of products -----
def _addmm(x, a, b, *, beta=1, alpha=1):
    return _scaled(x, beta) + _scaled(a @ b, alpha)


def _addbmm(x, a, b, *, beta=1, alpha=1):
    return _scaled(x, beta) + _scaled((a @ b).sum(0), alpha)


def _scaled(x, factor):
    """PyTorch reads `beta=0` as: leave it out, whatever it holds."""
    return x if factor == 1 else torch.zeros_like(x) if factor == 0 else x * factor


def _convolution(x, w, b, stride, padding, dilation, transposed, output_padding, groups):
    n = w.ndim - 2
    if transposed:
        conv = getattr(F, f"conv_transpose{n}d")
        return conv(x, w, b, stride, padding, output_padding, groups, dilation)
    return getattr(F, f"conv{n}d")(x, w, b, stride, padding, dilation, groups)


def _constant_pad(x, pad, value=0):
    """A negative pad cuts off."""
    if isinstance(value, complex) and value.imag == 0:
        value = value.real
    for i in range(0, len(pad), 2):
        dim = x.ndim - 1 - i // 2
        a, b = max(0, -pad[i]), max(0, -pad[i + 1])
        if a or b:
            x = x.narrow(dim, a, x.shape[dim] - a - b)
    return F.pad(x, [max(0, p) for p in pad], value=value)


# ----- Fourier: `normalization` is 0 (none), 1 (by the root of the size) or 2 (by the size) -----
def _scale(sizes, normalization):
    return math.prod(sizes) ** (-normalization / 2)


def _fft(x, dim, normalization, forward):
    axis = tuple(d % x.ndim for d in dim)
    scale = _scale([x.shape[a] for a in axis], normalization)
    return xp.verbs("torch").fft(x, axis, not forward, scale)


def _rfft(x, dim, normalization, onesided):
    if not onesided:
        return _fft(x, dim, normalization, True)
    axis = tuple(d % x.ndim for d in dim)
    return xp.verbs("torch").rfft(x, axis, _scale([x.shape[a] for a in axis], normalization))


def _irfft(x, dim, normalization, size):
    axis = tuple(d % x.ndim for d in dim)
    sizes = [x.shape[a] for a in axis[:-1]] + [size]
    return xp.verbs("torch").irfft(x, axis, _scale(sizes, normalization), size)


# ----- beyond the edge: one index per place, dim by dim -----
def _pad_by_index(place):
    def pad(x, padding):
        for i in range(0, len(padding), 2):
            dim, (low, high) = x.ndim - 1 - i // 2, padding[i : i + 2]
            n = x.shape[dim]
            at = place(torch.arange(-low, n + high, device=x.device), n)
            x = torch.index_select(x, dim, at)
        return x

    return pad


_reflected = _pad_by_index(lambda i, n: n - 1 - (n - 1 - i.abs()).abs())
_repeated = _pad_by_index(lambda i, n: i.clamp(0, n - 1))
_circled = _pad_by_index(lambda i, n: i % n)


# ----- norms: where everything is 0, so is PyTorch's derivative -----
def _vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    x = x if dtype is None else x.to(dtype)
    dim = tuple(range(x.ndim)) if dim is None or dim == [] else tuple(dim)
    size = x.abs()
    if ord == math.inf:
        return size.amax(dim, keepdim)
    if ord == -math.inf:
        return size.amin(dim, keepdim)
    if ord == 0:
        return (x != 0).to(size.dtype).sum(dim, keepdim)
    if ord == 1:
        return size.sum(dim, keepdim)
    total = _without_zeros(size, lambda a: a**ord).sum(dim, keepdim)
    return _without_zeros(total, lambda s: s ** (1 / ord))


def _without_zeros(x, f):
    """`f` of what is not 0; elsewhere f(0), as a constant."""
    zero = x == 0
    at_zero = f(torch.zeros((), dtype=x.dtype, device=x.device))
    return torch.where(zero, at_zero, f(torch.where(zero, 1.0, x)))


def _distances(a, b, p, mode=None):
    return _vector_norm(a.unsqueeze(-2) - b.unsqueeze(-3), p, (-1,))


def _euclidean(a, b):
    return _distances(a, b, 2.0)


def _pair_distances(x, p=2.0):
    i, j = torch.triu_indices(x.shape[0], x.shape[0], 1, device=x.device)
    return _vector_norm(torch.index_select(x, 0, i) - torch.index_select(x, 0, j), p, (-1,))


def _rrelu(x, noise, lower=1 / 8, upper=1 / 3, training=False, generator=None):
    if training:
        raise AutodiffError(
            f"torch.rrelu with training=True at {here()} draws its slopes inside; draw them "
            "yourself and use torch.where"
        )
    return F.leaky_relu(x, (lower + upper) / 2)


def _safe_softmax(x, dim, dtype=None):
    """A softmax that is 0, not NaN, where every entry is -inf: such a row is taken out first."""
    x = x if dtype is None else x.to(dtype)
    dead = (x == -math.inf).all(dim, keepdim=True)
    return torch.where(dead, 0.0, torch.softmax(torch.where(dead, 0.0, x), dim))


# Names that mean something else in PyTorch's functions: these take other arguments there, or return
# no indices. They are met by their definitions.
OTHERWISE = frozenset(
    "adaptive_max_pool2d adaptive_max_pool3d embedding mse_loss smooth_l1_loss huber_loss "
    "binary_cross_entropy soft_margin_loss multi_margin_loss".split()
)
PRIMS = {
    "transpose": torch.permute, "slice": _slice_of_prims, "slice_in_dim": _slice_in_dim,
    "broadcast_in_dim": _broadcast_in_dim, "convert_element_type": _convert, "view_of": _same,
    "as_strided": as_strided,
}  # fmt: skip
REWRITES = {
    "alias": _same, "alias_copy": _same, "lift_fresh": _same, "lift": _same,
    "resolve_conj": _same, "resolve_neg": _same, "_neg_view": torch.neg, "_conj": torch.conj,
    "_conj_copy": torch.conj, "_conj_physical": torch.conj, "conj_physical": torch.conj,
    "view": _reshape, "_unsafe_view": _reshape, "_reshape_alias": _reshape,
    "_reshape_copy": _reshape,
    "view_copy": _reshape, "_to_copy": _to_copy, "as_strided": as_strided,
    "unfold": lambda x, dim, size, step: torch.Tensor.unfold(x, dim, size, step),
    "slice": _slice, "slice_copy": _slice,
    "split": _split, "split_with_sizes": _split_with_sizes, "unsafe_split": _split,
    "unsafe_split_with_sizes": _split_with_sizes, "split_copy": _split,
    "split_with_sizes_copy": _split_with_sizes, "unbind": _unbind, "unbind_copy": _unbind,
    "diagonal_scatter": _diagonal_scatter, "index": _index, "_unsafe_index": _index,
    "_safe_softmax": _safe_softmax,
    "addmm": _addmm, "addmv": _addmm, "baddbmm": _addmm, "addbmm": _addbmm,
    "_fft_c2c": _fft, "_fft_r2c": _rfft, "_fft_c2r": _irfft,
    "reflection_pad1d": _reflected, "reflection_pad2d": _reflected, "reflection_pad3d": _reflected,
    "replication_pad1d": _repeated, "replication_pad2d": _repeated, "replication_pad3d": _repeated,
    "_pad_circular": _circled, "linalg_vector_norm": _vector_norm, "_cdist_forward": _distances,
    "_euclidean_dist": _euclidean, "_pdist_forward": _pair_distances, "rrelu_with_noise": _rrelu,
    "convolution": _convolution, "constant_pad_nd": _constant_pad,
}  # fmt: skip
