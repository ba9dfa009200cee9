"""JAX's verbs. Read beside `torch_verbs`, which has the same verbs in the same order."""

import functools
import math
import sys

from . import ends
from .jax_linalg import JaxLinalg
from .jax_windows import JaxWindows


class JaxVerbs(JaxWindows, JaxLinalg):
    name, counts_writes = "jax", False

    def __init__(self):
        import jax

        self.lib, self.lax, self.bool_type = jax.numpy, jax.lax, jax.numpy.dtype(bool)

    def __getattr__(self, name):
        places = (self.lib, self.lax, sys.modules["jax"].nn, sys.modules["jax"].scipy.special)
        for place in places:
            if hasattr(place, name):
                setattr(self, name, getattr(place, name))
                return getattr(place, name)
        raise AttributeError(f"xp has no verb {name!r}: JAX has no function of that name")

    # ----- choose, cast, make -----
    def where(self, c, a, b):
        if isinstance(c, bool):
            return a if c else b
        return self.lib.where(c, a, b)

    def astype(self, x, dtype):
        return self.lax.convert_element_type(x, dtype)

    def dtype(self, name):
        return self.lib.dtype(name)

    def is_float(self, dtype):
        return self.lib.issubdtype(dtype, self.lib.floating)

    def is_inexact(self, dtype):
        return dtype.kind in "fc" or self.lib.issubdtype(dtype, self.lib.inexact)

    def common_dtype(self, dtypes):
        return functools.reduce(self.lib.promote_types, dtypes)

    def is_complex(self, dtype):
        return self.lib.issubdtype(dtype, self.lib.complexfloating)

    def is_half(self, dtype):
        return dtype in (self.lib.float16, self.lib.bfloat16)

    def limits(self, dtype):
        if dtype == self.bool_type:
            return False, True
        return (-math.inf, math.inf) if self.is_float(dtype) else ends(self.lib.iinfo(dtype))

    def asarray(self, x, like):
        return self.lib.asarray(x)

    def zeros(self, shape, dtype, like):
        return self.lib.zeros(shape, dtype)

    def ones(self, shape, dtype, like):
        return self.lib.ones(shape, dtype)

    def arange(self, shape, axis, dtype, like=None):
        return self.lax.broadcasted_iota(dtype or self.lib.int32, tuple(shape), axis)

    def copy(self, x):
        return self.lib.copy(x)

    def stop_gradient(self, x):
        return self.lax.stop_gradient(x)

    def fmod(self, a, b):
        return self.lax.rem(*self.lib.broadcast_arrays(a, b))

    def detached(self, x):
        return x  # JAX has no graph behind an array

    # ----- reduce -----
    def sum(self, x, axis, keepdims=False):
        return self.lib.sum(x, tuple(axis), keepdims=keepdims)

    def max(self, x, axis, keepdims=False):
        return self.lib.max(x, tuple(axis), keepdims=keepdims)

    def min(self, x, axis, keepdims=False):
        return self.lib.min(x, tuple(axis), keepdims=keepdims)

    def size(self, x, axis):
        return math.prod(x.shape[a] for a in axis)

    # ----- move entries about -----
    def broadcast(self, x, shape, dims):
        return self.lax.broadcast_in_dim(x, tuple(shape), tuple(dims))

    def reshape(self, x, shape):
        return self.lax.reshape(x, tuple(shape))

    def permute(self, x, axes):
        return self.lax.transpose(x, tuple(axes))

    def flip(self, x, axis):
        return self.lax.rev(x, tuple(axis))

    def slice(self, x, start, stop, step):
        return self.lax.slice(x, tuple(start), tuple(stop), tuple(step))

    def pad(self, x, value, low, high, gaps):
        fill = self.lib.asarray(value, x.dtype)
        return self.lax.pad(x, fill, list(zip(low, high, gaps, strict=True)))

    def concat(self, xs, axis):
        return self.lax.concatenate(list(xs), axis)

    # ----- conventions at kinks, each its framework's own -----
    def slope_of_abs(self, x):
        return self.lib.where(x >= 0, 1.0, -1.0)  # 1 at 0

    # ----- contract -----
    def contract(self, a, b, spec, precision=None, dtype=None):
        numbers, order = dot_general(spec)
        common = self.lib.result_type(a, b)
        if a.dtype != b.dtype:
            a, b = self.astype(a, common), self.astype(b, common)
        dtype = dtype or common
        y = self.lax.dot_general(a, b, numbers, precision=precision, preferred_element_type=dtype)
        return y if order == tuple(range(len(order))) else self.lax.transpose(y, order)


@functools.cache
def dot_general(spec):
    """Subscripts as lax's dimension numbers, and the order of the axes that it leaves."""
    inputs, out = spec.split("->")
    a, b = inputs.split(",")
    both = [i for i in a if i in b]
    batch, summed = [i for i in both if i in out], [i for i in both if i not in out]
    place = tuple(tuple(x.index(i) for i in summed) for x in (a, b))
    along = tuple(tuple(x.index(i) for i in batch) for x in (a, b))
    left = batch + [i for i in a if i not in both] + [i for i in b if i not in both]
    return (place, along), tuple(left.index(i) for i in out)
