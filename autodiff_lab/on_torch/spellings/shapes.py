"""Spellings that move entries about, copy them or cast them."""

import math

from ..dims import axes_of, one_axis


def flat_sizes(sizes):
    return tuple(sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)


def _resolve(sizes, old):
    """Fill in the -1 of a reshape. Sizes that are not ints (ragged ones) may be on both sides."""
    ints = [s for s in sizes if isinstance(s, int)]
    if -1 not in ints:
        return tuple(sizes)
    known = math.prod(s for s in ints if s != -1)
    total = math.prod(n for n in old if isinstance(n, int))
    ragged = [n for n in old if not isinstance(n, int)]
    for size in sizes:
        if not isinstance(size, int):
            ragged = _without(ragged, size)
    left = math.prod([total, *ragged]) // known if known else 0
    return tuple(left if isinstance(s, int) and s == -1 else s for s in sizes)


def _without(sizes, size):
    at = next((i for i, n in enumerate(sizes) if size.same(n)), None)
    return sizes if at is None else sizes[:at] + sizes[at + 1 :]


# ----- shapes -----
def _reshape(input, *shape, size=None):
    shape = flat_sizes(shape) if size is None else tuple(size)
    old = tuple(input.shape)
    return (input,), {"shape": _resolve(shape, old), "old": old}


def _flatten(input, start_dim=0, end_dim=-1):
    shape = tuple(input.shape) or (1,)
    a, b = one_axis(start_dim, len(shape)), one_axis(end_dim, len(shape))
    middle = math.prod(shape[a : b + 1])
    return (input,), {"shape": (*shape[:a], middle, *shape[b + 1 :]), "old": tuple(input.shape)}


def _squeeze(input, dim=None):
    gone = [a for a in axes_of(dim, input.ndim) if isinstance(input.shape[a], int)]
    gone = [a for a in gone if input.shape[a] == 1]
    shape = tuple(n for i, n in enumerate(input.shape) if i not in gone)
    return (input,), {"shape": shape, "old": tuple(input.shape)}


def _unsqueeze(input, dim):
    n = input.ndim + 1
    at = one_axis(dim, n)
    shape = (*input.shape[:at], 1, *input.shape[at:])
    return (input,), {"shape": shape, "dims": tuple(i for i in range(n) if i != at)}


def _expand(input, *sizes, size=None):
    sizes = flat_sizes(sizes) if size is None else tuple(size)
    new = len(sizes) - input.ndim
    shape = tuple(
        input.shape[i - new] if isinstance(s, int) and s == -1 else s for i, s in enumerate(sizes)
    )
    return (input,), {"shape": shape, "dims": tuple(range(new, len(sizes)))}


def _expand_as(input, other):
    return _expand(input, tuple(other.shape))


def _permute(input, *dims):
    dims = flat_sizes(dims)
    return (input,), {"axes": tuple(one_axis(d, input.ndim) for d in dims)}


def _transpose(input, dim0, dim1):
    if input.ndim == 0:
        return _permute(input)
    axes = list(range(input.ndim))
    i, j = one_axis(dim0, input.ndim), one_axis(dim1, input.ndim)
    axes[i], axes[j] = axes[j], axes[i]
    return (input,), {"axes": tuple(axes)}


def _t(input):
    return _transpose(input, 0, 1) if input.ndim == 2 else _permute(input, *range(input.ndim))


def _reverse_axes(input):
    return (input,), {"axes": tuple(reversed(range(input.ndim)))}


def _matrix_transpose(input):
    return _transpose(input, -2, -1)


def _flip(input, *several, dims=None):
    dims = flat_sizes(several) if dims is None else dims
    return (input,), {"axis": axes_of(dims, input.ndim) if dims != () else ()}  # () is no dim here


def _cat(tensors, dim=0, *, axis=None):
    dim = dim if axis is None else axis
    if len({t.ndim for t in tensors}) > 1:
        raise TypeError("tensors with different numbers of dims")
    return tuple(tensors), {"axis": one_axis(dim, tensors[0].ndim)}


def _stack(tensors, dim=0, *, axis=None):
    dim = dim if axis is None else axis
    return tuple(tensors), {"axis": one_axis(dim, tensors[0].ndim + 1)}


def _pad(input, pad, mode="constant", value=None):
    if mode != "constant" or any(p < 0 for p in pad):
        raise TypeError(f"pad with mode={mode!r} and pad={tuple(pad)}")
    low, high = [0] * input.ndim, [0] * input.ndim
    for i in range(len(pad) // 2):  # torch counts from the last axis
        low[-1 - i], high[-1 - i] = pad[2 * i], pad[2 * i + 1]
    params = {"low": tuple(low), "high": tuple(high), "gaps": (0,) * input.ndim}
    return (input, 0.0 if value is None else value), params


# ----- copies and casts -----
def one(*xs):
    return xs, {}


def _to(input, *args, dtype=None):
    kinds = [a for a in args if type(a).__name__ == "dtype"]
    if len(kinds) != len(args):
        raise TypeError("to(device): move the arguments before the call")
    return (input,), {"dtype": kinds[0] if kinds else dtype}


def _cast(name):
    def signature(input):
        import torch

        return (input,), {"dtype": getattr(torch, name)}

    return signature


# ----- pieces along one axis: one node with many outputs -----
def _split(tensor, split_size_or_sections, dim=0):
    axis = one_axis(dim, tensor.ndim)
    n, sizes = tensor.shape[axis], split_size_or_sections
    if isinstance(sizes, int):
        sizes = [min(sizes, n - k) for k in range(0, n, sizes)] if n else [0]
    if sum(sizes) != n:
        raise TypeError(f"pieces of {list(sizes)} from a dim of size {n}")
    return (tensor,), {"axis": axis, "sizes": tuple(sizes)}


def _chunk(input, chunks, dim=0):
    n = input.shape[one_axis(dim, input.ndim)]
    return _split(input, max(1, -(-n // chunks)), dim)


SIGNATURES = {
    "split": ("split", _split), "split_with_sizes": ("split", _split), "chunk": ("split", _chunk),
    "where": ("where", lambda condition, input, other: ((condition, input, other), {})),
    "reshape": ("reshape", _reshape), "view": ("reshape", _reshape),
    "flatten": ("reshape", _flatten), "squeeze": ("reshape", _squeeze),
    "unsqueeze": ("broadcast", _unsqueeze), "expand": ("broadcast", _expand),
    "broadcast_to": ("broadcast", _expand), "expand_as": ("broadcast", _expand_as),
    "permute": ("permute", _permute), "transpose": ("permute", _transpose),
    "swapaxes": ("permute", _transpose), "swapdims": ("permute", _transpose),
    "t": ("permute", _t), "T": ("permute", _reverse_axes), "mT": ("permute", _matrix_transpose),
    "flip": ("flip", _flip),
    "cat": ("concat", _cat), "concat": ("concat", _cat), "concatenate": ("concat", _cat),
    "stack": ("stack", _stack), "pad": ("pad", _pad),
    "detach": ("stop_gradient", one), "data": ("stop_gradient", one),
    "clone": ("copy", one), "contiguous": ("copy", one),
    "zeros_like": ("zeros_like", one), "ones_like": ("ones_like", one),
    "to": ("astype", _to), "type": ("astype", _to),
    "float": ("astype", _cast("float32")), "double": ("astype", _cast("float64")),
    "half": ("astype", _cast("float16")), "bfloat16": ("astype", _cast("bfloat16")),
}  # fmt: skip
