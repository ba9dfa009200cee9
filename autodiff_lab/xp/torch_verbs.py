"""PyTorch's verbs. Read beside `jax_verbs`, which has the same verbs in the same order."""

import functools
import math

from . import ends, verb
from .torch_linalg import TorchLinalg
from .torch_windows import TorchWindows


class TorchVerbs(TorchWindows, TorchLinalg):
    name, counts_writes = "torch", True

    def __init__(self):
        import torch

        self.lib, self.bool_type = torch, torch.bool

    def __getattr__(self, name):
        found = getattr(self.lib, name, None)
        if found is None:
            raise AttributeError(f"xp has no verb {name!r}: PyTorch has no function of that name")
        setattr(self, name, found)
        return found

    # ----- choose, cast, make -----
    def where(self, c, a, b):
        if isinstance(c, bool):  # both Python: torch.where wants a tensor
            return a if c else b
        return self.lib.where(c, a, b)

    def astype(self, x, dtype):
        return x.to(self.dtype(dtype))

    def dtype(self, name):
        return getattr(self.lib, name) if isinstance(name, str) else name

    def is_float(self, dtype):
        return dtype.is_floating_point

    def is_inexact(self, dtype):
        return dtype.is_floating_point or dtype.is_complex

    def common_dtype(self, dtypes):
        return functools.reduce(self.lib.promote_types, dtypes)

    def is_complex(self, dtype):
        return dtype.is_complex

    def is_half(self, dtype):
        return dtype in (self.lib.float16, self.lib.bfloat16)

    def limits(self, dtype):
        if dtype == self.bool_type:
            return False, True
        return (-math.inf, math.inf) if dtype.is_floating_point else ends(self.lib.iinfo(dtype))

    def asarray(self, x, like):
        return self.lib.as_tensor(x, device=like.device)

    def zeros(self, shape, dtype, like):
        return self.lib.zeros(shape, dtype=dtype, device=getattr(like, "device", None))

    def ones(self, shape, dtype, like):
        return self.lib.ones(shape, dtype=dtype, device=getattr(like, "device", None))

    @verb
    def arange(self, shape, axis, dtype, like=None):
        i = self.lib.arange(
            shape[axis],
            dtype=self.dtype(dtype) if dtype else None,
            device=getattr(like, "device", None),
        )
        return i.reshape([-1 if k == axis else 1 for k in range(len(shape))]).expand(shape)

    def copy(self, x):
        return x.clone()

    def log(self, x):
        if isinstance(x, (int, float)):
            return math.log(x) if x > 0 else math.nan
        return self.lib.log(x)

    def stop_gradient(self, x):
        return x.detach()

    def detached(self, x):
        """Out of torch's own graph; a boxed value is no Tensor and is left alone."""
        if not isinstance(x, self.lib.Tensor) or hasattr(x, "tape") or not x.requires_grad:
            return x
        return x.detach()

    # ----- reduce -----
    def sum(self, x, axis, keepdims=False):
        return self._reduce(self.lib.sum, x, axis, keepdims)

    def max(self, x, axis, keepdims=False):
        return self._reduce(self.lib.amax, x, axis, keepdims)

    def min(self, x, axis, keepdims=False):
        return self._reduce(self.lib.amin, x, axis, keepdims)

    def _reduce(self, f, x, axis, keepdims):
        return f(x, tuple(axis), keepdims) if axis else x  # for torch () means every axis

    @verb
    def size(self, x, axis):
        return math.prod(x.shape[a] for a in axis)

    # ----- move entries about -----
    @verb
    def broadcast(self, x, shape, dims):
        aligned = [1] * len(shape)
        for d, n in zip(dims, x.shape, strict=True):
            aligned[d] = n
        return x.reshape(aligned).expand(tuple(shape))

    def reshape(self, x, shape):
        return self.lib.reshape(x, tuple(shape))

    def permute(self, x, axes):
        return self.lib.permute(x, tuple(axes))

    def flip(self, x, axis):
        return self.lib.flip(x, tuple(axis))

    @verb
    def slice(self, x, start, stop, step):
        return x[tuple(slice(*s) for s in zip(start, stop, step, strict=True))]

    @verb
    def pad(self, x, value, low, high, gaps):
        sizes = [n + max(0, n - 1) * k for n, k in zip(x.shape, gaps, strict=True)]
        shape = [lo + n + hi for lo, n, hi in zip(low, sizes, high, strict=True)]
        y = self.lib.zeros(shape, dtype=x.dtype, device=x.device) + value
        y = y if y.dtype == x.dtype else y.to(x.dtype)
        y[tuple(slice(lo, lo + n, k + 1) for lo, n, k in zip(low, sizes, gaps, strict=True))] = x
        return y

    def concat(self, xs, axis):
        return self.lib.cat(list(xs), axis)

    # ----- conventions at kinks, each its framework's own -----
    def slope_of_abs(self, x):
        return self.lib.sign(x)  # 0 at 0

    # ----- contract -----
    @verb
    def contract(self, a, b, spec, precision=None, dtype=None):
        if a.dtype != b.dtype:
            dtype = self.lib.promote_types(a.dtype, b.dtype)
            a, b = a.to(dtype), b.to(dtype)
        plain = _PLAIN.get(_canonical(spec))
        if plain:
            return plain(a, b)
        return self.lib.einsum(spec, a, b)


# Matrix products skip einsum's bookkeeping. Letters are renamed in the order they appear.
_PLAIN = {
    "ab,bc->ac": lambda a, b: a @ b,
    "ab,cb->ac": lambda a, b: a @ b.mT,
    "ab,ac->bc": lambda a, b: a.mT @ b,
    "ab,b->a": lambda a, b: a @ b,
    "a,ab->b": lambda a, b: a @ b,
    "a,a->": lambda a, b: a @ b,
    "abc,acd->abd": lambda a, b: a @ b,
    "abc,cd->abd": lambda a, b: a @ b,
    "abc,dc->abd": lambda a, b: a @ b.mT,
}


@functools.cache
def _canonical(spec):
    letters = dict.fromkeys(c for c in spec if c.isalpha())
    names = dict(zip(letters, "abcdefghijklmnopqrstuvwxyz", strict=False))
    return "".join(names.get(c, c) for c in spec)
