"""JAX's verbs. Read beside `torch_verbs`, which has the same verbs in the same order."""

import functools
import math
import sys

from . import ends, no_derivative
from .jax_fourier import JaxFourier
from .jax_kinks import JaxKinks
from .jax_linalg import JaxLinalg
from .jax_stencils import JaxStencils
from .jax_windows import JaxWindows


class JaxVerbs(JaxKinks, JaxWindows, JaxStencils, JaxLinalg, JaxFourier):
    name, counts_writes, index_dtype, kernels_for = "jax", False, "int32", None

    def __init__(self):
        import jax

        self.lib, self.lax, self.bool_type = jax.numpy, jax.lax, jax.numpy.dtype(bool)
        self._array = type(jax.numpy.zeros(()))
        at_once = functools.partial(jax.jit, inline=True)
        self._dot = at_once(jax.lax.dot_general, static_argnums=(2, 3, 4))
        self._broadcast = at_once(jax.lax.broadcast_in_dim, static_argnums=(1, 2))
        self._zeros = at_once(jax.numpy.zeros, static_argnums=(0, 1))
        self._ones = at_once(jax.numpy.ones, static_argnums=(0, 1))

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

    def bitcast(self, x, dtype):
        return self.lax.bitcast_convert_type(x, dtype)

    def known(self, dtype):
        """The dtype that JAX has for this one: 64 bits may be switched off."""
        return sys.modules["jax"].dtypes.canonicalize_dtype(dtype, allow_extended_dtype=True)

    def dtype(self, name):
        return self.lib.dtype(name)

    def is_float(self, dtype):
        return self.lib.issubdtype(dtype, self.lib.floating)

    def is_inexact(self, dtype):
        kind = getattr(dtype, "kind", "key")  # a random key has a dtype without one
        return kind in ("f", "c") or self.lib.issubdtype(dtype, self.lib.inexact)

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
        there = type(like) is self._array
        return self._zeros(tuple(shape), dtype) if there else self.lib.zeros(shape, dtype)

    def ones(self, shape, dtype, like):
        there = type(like) is self._array
        return self._ones(tuple(shape), dtype) if there else self.lib.ones(shape, dtype)

    def arange(self, shape, axis, dtype, like=None):
        return self.lax.broadcasted_iota(dtype or self.lib.int32, tuple(shape), axis)

    def copy(self, x):
        return self.lib.copy(x)

    def add_to(self, total, x):
        return total + x

    def times(self, x, number):
        return x * number

    def trunc_divide(self, a, b):
        if self.is_inexact(self.lib.result_type(a, b)):
            return self.lib.trunc(a / b)
        return self.lib.sign(a) * self.lib.sign(b) * (abs(a) // abs(b))

    def stop_gradient(self, x):
        return self.lax.stop_gradient(x)

    def fmod(self, a, b):
        return self.lax.rem(*self.lib.broadcast_arrays(a, b))

    def detached(self, x):
        return x  # JAX has no graph behind an array

    def while_loop(self, going, step, state):
        return self.lax.while_loop(going, step, state)

    def fori_loop(self, trips, step, state):
        return self.lax.fori_loop(0, trips, step, state)

    # ----- reduce -----
    def sum(self, x, axis, keepdims=False):
        return self.lib.sum(x, tuple(axis), keepdims=keepdims)

    def max(self, x, axis, keepdims=False):
        return self.lib.max(x, tuple(axis), keepdims=keepdims)

    def min(self, x, axis, keepdims=False):
        return self.lib.min(x, tuple(axis), keepdims=keepdims)

    def prod(self, x, axis, keepdims=False):
        return self.lib.prod(x, tuple(axis), keepdims=keepdims)

    def logsumexp(self, x, axis, keepdims=False):
        return sys.modules["jax"].nn.logsumexp(x, tuple(axis), keepdims=keepdims)

    def any(self, x, axis, keepdims=False):
        return self.lib.any(x != 0, tuple(axis), keepdims=keepdims)

    def all(self, x, axis, keepdims=False):
        return self.lib.all(x != 0, tuple(axis), keepdims=keepdims)

    def cumsum(self, x, axis, reverse=False):
        return self.lax.cumsum(x, axis, reverse=reverse)

    def size(self, x, axis, keepdims=False):
        return math.prod(x.shape[a] for a in axis)

    # ----- move entries about -----
    def broadcast(self, x, shape, dims):
        there = type(x) is self._array  # then JAX's C++ finds the kernel by itself
        return (self._broadcast if there else self.lax.broadcast_in_dim)(
            x, tuple(shape), tuple(dims)
        )

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

    def split(self, x, axis, sizes):
        return tuple(self.lax.split(x, sizes, axis))

    # ----- contract -----
    def contract(self, a, b, spec, precision=None, dtype=None):
        numbers, order = dot_general(spec)
        common = a.dtype if a.dtype == b.dtype else self.lib.result_type(a, b)
        if a.dtype != b.dtype:
            a, b = self.astype(a, common), self.astype(b, common)
        there = type(a) is type(b) is self._array
        y = (self._dot if there else self.lax.dot_general)(
            a, b, numbers, precision, dtype or common
        )
        return y if order == tuple(range(len(order))) else self.lax.transpose(y, order)

    # ----- special functions -----
    def erfinv(self, x):
        return self.lax.erf_inv(x)

    def polygamma(self, n, x):
        return self.lax.polygamma(*self._alike(n, x))

    def zeta(self, a, x):
        return self.lax.zeta(*self._alike(a, x))

    def _alike(self, a, x):
        """Of one shape and dtype, as lax wants them. Either may be a number: JAX 0.5's literals."""
        dtype = self.lib.result_type(a, x)
        return self.lib.broadcast_arrays(*(self.lib.asarray(v, dtype) for v in (a, x)))

    def ndtri(self, x):
        return math.sqrt(2) * self.lax.erf_inv(2 * x - 1)

    def i0(self, x):
        return self.lib.exp(self.lib.abs(x)) * self.lax.bessel_i0e(x)

    def igamma(self, a, x):
        return self.lax.igamma(*self._alike(a, x))

    def igammac(self, a, x):
        return self.lax.igammac(*self._alike(a, x))

    def igamma_grad_a(self, a, x):
        return self.lax.igamma_grad_a(*self._alike(a, x))

    def unless_tiny(self, x, f, otherwise):
        eps = self.lib.finfo(x.dtype).eps
        large = self.lib.abs(x) > eps
        return self.where(large, f(self.where(large, x, eps)), otherwise)

    def no_derivative(self, name, what):
        raise no_derivative(name, what)

    def logsigmoid(self, x):
        return -self.lib.logaddexp(-x, 0.0)

    def frac(self, x):
        return x - self.lib.trunc(x)

    def sinc(self, x):
        """`jnp.sinc` has a custom rule for each order; the row has one partial."""
        u = math.pi * self.where(x == 0, 1.0, x)
        return self.where(x == 0, 1.0, self.lib.sin(u) / u)

    def clamp(self, x, low, high):
        shape = self.lib.broadcast_shapes(*(self.lib.shape(v) for v in (x, low, high)))
        low, x, high = (
            self.lib.broadcast_to(self.lib.asarray(v, x.dtype), shape) for v in (low, x, high)
        )
        return self.lax.clamp(low, x, high)

    # ----- complex numbers -----
    def complex(self, a, b):
        return self.lax.complex(*self.lib.broadcast_arrays(a, b))

    def imaginary(self, x):
        return self.lax.imag(x) if self.is_complex(x.dtype) else self.lib.zeros_like(x)

    def as_complex(self, x, dtype):
        return self.lax.complex(x, self.lib.zeros_like(x)) if self.is_complex(dtype) else x

    def slope_of_angle(self, x):
        if not self.is_complex(x.dtype):
            return self.lib.zeros_like(x)
        return self.where(x == 0, 0.0, -1j / x)

    # ----- indexing -----
    def take_at(self, x, *index):
        return x[index]

    def add_at(self, x, b, *index):
        return x.at[index].add(b)

    def put_at(self, x, b, *index):
        return x.at[index].set(b)

    def take_along(self, x, index, axis):
        return x[self._along(index, axis)]

    def add_along(self, x, b, index, axis):
        return x.at[self._along(index, axis)].add(b)

    def put_along(self, x, b, index, axis):
        return x.at[self._along(index, axis)].set(b)

    def _along(self, index, axis):
        places = [self.lax.broadcasted_iota(index.dtype, index.shape, k) for k in range(index.ndim)]
        return (*places[:axis], index, *places[axis + 1 :])

    def stable_order(self, x, axis):
        return self.lib.argsort(x, axis, stable=True)

    def top_k(self, x, k, axis):
        """lax's own learnt `axis` after 0.7: to the end and back goes on every version."""
        largest = self.lax.top_k(self.lib.moveaxis(x, axis, -1), k)
        return tuple(self.lib.moveaxis(y, -1, axis) for y in largest)

    def dynamic_slice(self, x, *start, size):
        return self.lax.dynamic_slice(x, start, size)

    def dynamic_update_slice(self, x, b, *start):
        return self.lax.dynamic_update_slice(x, b, start)

    def lax_gather(self, x, index, how):
        return self.lax.gather(x, index, **how.of_lax(self.lax))

    def lax_add(self, x, index, b, how):
        return self.lax.scatter_add(x, index, b, **how.of_lax(self.lax))

    def lax_put(self, x, index, b, how):
        return self.lax.scatter(x, index, b, **how.of_lax(self.lax))

    def lax_last(self, x, index, b, how):
        """Which entries of `b` are still there after all were written?"""
        number = self.lax.iota(self.lib.int32, math.prod(b.shape)).reshape(b.shape) + 1
        written = self.lax_put(self.lib.zeros(x.shape, number.dtype), index, number, how)
        return self.lax_gather(written, index, how.of_gather(x, b)) == number


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
