"""PyTorch's spellings, lowered to rows: what `torch.sum(x, dim=-1)` means in the table's words.

Functions, methods and operators that mean the same have the same name after `_name`, and one
signature here serves them all. A spelling that means several rows is *rewritten*: plain PyTorch on
the boxed value, recorded call by call.
"""

import functools
import inspect
import math
from typing import NamedTuple

from . import source
from .add_row import ADDED
from .errors import AutodiffError
from .table.row import CACHES, ROWS
from .torch_dims import axes_of, one_axis
from .torch_rewrites import REWRITES


class Lowered(NamedTuple):
    row: object = None
    xs: tuple = ()
    params: dict = {}
    rewritten: object = None  # a thunk


# Answered on the value: Python numbers, not tensors.
QUERIES = frozenset(
    "size dim numel nelement len item tolist stride storage_offset is_floating_point is_complex "
    "is_contiguous get_device element_size data_ptr __len__ len __bool__ __float__ __int__ "
    "is_cuda is_cpu is_mps is_meta is_leaf is_sparse is_quantized is_nested layout itemsize nbytes "
    "names grad grad_fn is_inference is_conj is_neg is_same_size sym_size sym_numel "
    "sym_stride sym_storage_offset".split()
)
# Keyword arguments that change nothing when they have this value.
NEUTRAL = {
    "out": None, "dtype": None, "inplace": False, "alpha": 1, "rounding_mode": None,
    "_stacklevel": 3, "memory_format": None, "non_blocking": False, "copy": False,
}  # fmt: skip


def lower(func, args, kwargs):
    """The row this call means, with its inputs and parameters; None if the table has none."""
    if hasattr(func, "custom_row"):  # ad.custom_rule
        return Lowered(func.custom_row, args, kwargs)
    name = _name(func)
    if hasattr(func, "is_verb"):
        return _verb(ROWS[name], args, kwargs)
    kwargs = {k: v for k, v in kwargs.items() if k not in NEUTRAL or v is not NEUTRAL[k]}
    if name == "where" and hasattr(func, "__objclass__"):  # the method: x.where(condition, other)
        args = (args[1], args[0], *args[2:])
    try:
        if name in REWRITES:
            inspect.signature(REWRITES[name]).bind(*args, **kwargs)
            return Lowered(rewritten=functools.partial(REWRITES[name], *args, **kwargs))
        if name in SIGNATURES:
            row, signature = SIGNATURES[name]
            xs, params = signature(*args, **kwargs)
            return Lowered(ROWS[row], tuple(xs), params)
        row = _pointwise_row(func, name)
        if row is None and name in ADDED:
            return _verb(ADDED[name], args, kwargs)
        return None if row is None else Lowered(row, _plain(row, *args, **kwargs), {})
    except TypeError as e:
        raise AutodiffError(
            f"torch.{name} was called in a way that has no row yet ({source.here()}): "
            f"{str(e).split('() ')[-1]}; leave that argument out, or write it in simpler operations"
        ) from None


def spoken(func):
    """What a function of PyTorch, a property or an operation of the dispatcher is called."""
    name = func.__name__
    return func.__self__.__name__ if name in ("__get__", "__set__") else name.split(".")[0]


def _name(func):
    name = spoken(func)
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
    return ALIASES.get(name, name)


ALIASES = {
    "truediv": "div", "floordiv": "floor_divide", "mod": "remainder", "and_": "bitwise_and",
    "or_": "bitwise_or", "and": "bitwise_and", "or": "bitwise_or", "invert": "bitwise_not",
    "radd": "add", "rmul": "mul",
}  # fmt: skip


# Functions that take a pointwise row's inputs and nothing else, and the names of such rows.
PLAIN: dict = {}
_NAMES: dict = {}
CACHES.extend([PLAIN, _NAMES])


def _pointwise_row(func, name):
    if not _NAMES:
        rows = [row for row in ROWS.values() if row.elementwise and row.kind != "linear"]
        _NAMES.update((s.rsplit(".", 1)[-1], row) for row in rows for s in row.torch)
    row = _NAMES.get(name)
    if row is not None:
        PLAIN[func] = row
    return row


def _plain(row, *xs, input=None, other=None, exponent=None):
    """Pointwise rows take their inputs in order; that is their whole signature."""
    xs += tuple(x for x in (input, other, exponent) if x is not None)
    if len(xs) != row.arity:
        raise TypeError(f"{len(xs)} inputs instead of {row.arity}")
    return xs


# ----- helpers -----
def flat_sizes(sizes):
    return tuple(sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)


def _resolve(sizes, old):
    """Fill in the -1 of a reshape. Sizes that are not ints (ragged ones) are on both sides."""
    ints = [s for s in sizes if isinstance(s, int)]
    if -1 not in ints:
        return tuple(sizes)
    known = math.prod(s for s in ints if s != -1)
    left = math.prod(n for n in old if isinstance(n, int)) // known if known else 0
    return tuple(left if isinstance(s, int) and s == -1 else s for s in sizes)


# ----- reductions and composites -----
def _reduction(input, dim=None, keepdim=False, *, axis=None, keepdims=False):
    dim = axis if dim is None else dim
    return (input,), {"axis": axes_of(dim, input.ndim), "keepdims": keepdim or keepdims}


def _variance(input, dim=None, unbiased=None, keepdim=False, *, correction=1, axis=None):
    if isinstance(dim, bool):  # var(x, unbiased)
        dim, unbiased = None, dim
    correction = 1 if correction is None else correction
    correction = correction if unbiased is None else int(unbiased)
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


# ----- contractions -----
def matmul_spec(m, n):
    """Subscripts of `a @ b` for ranks m and n; batch axes line up from the right."""
    batch = "abcdefgh"[: max(m, n, 2) - 2]
    a = batch[len(batch) - (m - 2) :] + "ij" if m > 1 else "j"
    b = batch[len(batch) - (n - 2) :] + "jk" if n > 1 else "j"
    return f"{a},{b}->{batch}{'i' if m > 1 else ''}{'k' if n > 1 else ''}"


def _matmul(input, other, *, mat2=None, tensor=None):
    return (input, other), {"spec": matmul_spec(input.ndim, other.ndim)}


def _einsum(spec, *operands):
    spec = spec.replace(" ", "")
    operands = flat_sizes(operands) if len(operands) == 1 else operands
    inputs, _, out = spec.partition("->")
    letters = inputs.split(",")
    if "->" not in spec or "." in spec or len(operands) != 2:
        raise TypeError(f"einsum {spec!r} with {len(operands)} operand(s): write out two and '->'")
    a, b = letters
    alone = (set(a) - set(b) | set(b) - set(a)) - set(out)
    if alone or len(set(a)) < len(a) or len(set(b)) < len(b) or not set(out) <= set(a + b):
        raise TypeError(f"einsum {spec!r}: sum single indices and take diagonals first")
    x, y = operands
    sizes = dict(zip(a, x.shape, strict=True))
    if any(isinstance(n, int) and sizes.get(i, n) != n for i, n in zip(b, y.shape, strict=True)):
        raise TypeError(f"einsum {spec!r} with shapes {tuple(x.shape)} and {tuple(y.shape)}")
    return operands, {"spec": f"{a},{b}->{out}"}


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


def _flip(input, *dims):
    return (input,), {"axis": axes_of(flat_sizes(dims), input.ndim)}


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


# ----- verbs of `xp` speak the table's words already: only parameter names are added -----
def _verb(row, args, kwargs):
    names = [
        p.name for p in inspect.signature(row.fn).parameters.values() if p.kind == p.KEYWORD_ONLY
    ]
    xs = args[: row.arity]
    return Lowered(row, xs, dict(zip(names, args[row.arity :], strict=False)) | kwargs)


# ----- copies and casts -----
def _one(*xs):
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


SIGNATURES = {
    "sum": ("sum", _reduction), "amax": ("max", _reduction), "amin": ("min", _reduction),
    "mean": ("mean", _reduction),
    "var": ("var", _variance), "softmax": ("softmax", _softmax),
    "log_softmax": ("log_softmax", _softmax), "silu": ("silu", _one),
    "linear": ("linear", _linear), "layer_norm": ("layer_norm", _layer_norm),
    "where": ("where", lambda condition, input, other: ((condition, input, other), {})),
    "matmul": ("contract", _matmul), "mm": ("contract", _matmul), "bmm": ("contract", _matmul),
    "mv": ("contract", _matmul), "dot": ("contract", _matmul), "einsum": ("contract", _einsum),
    "reshape": ("reshape", _reshape), "view": ("reshape", _reshape),
    "flatten": ("reshape", _flatten), "squeeze": ("reshape", _squeeze),
    "unsqueeze": ("broadcast", _unsqueeze), "expand": ("broadcast", _expand),
    "broadcast_to": ("broadcast", _expand), "expand_as": ("broadcast", _expand_as),
    "permute": ("permute", _permute), "transpose": ("permute", _transpose),
    "swapaxes": ("permute", _transpose), "swapdims": ("permute", _transpose),
    "t": ("permute", _t), "T": ("permute", _reverse_axes), "mT": ("permute", _matrix_transpose),
    "adjoint": ("permute", _matrix_transpose),
    "flip": ("flip", _flip), "cat": ("concat", _cat), "stack": ("stack", _stack),
    "concat": ("concat", _cat),
    "concatenate": ("concat", _cat), "pad": ("pad", _pad), "detach": ("stop_gradient", _one),
    "clone": ("copy", _one), "contiguous": ("copy", _one), "zeros_like": ("zeros_like", _one),
    "ones_like": ("ones_like", _one), "data": ("stop_gradient", _one), "to": ("astype", _to),
    "type": ("astype", _to),
    "float": ("astype", _cast("float32")), "double": ("astype", _cast("float64")),
    "half": ("astype", _cast("float16")), "bfloat16": ("astype", _cast("bfloat16")),
}  # fmt: skip
