"""PyTorch's verbs. Read beside `jax_verbs`, which has the same verbs in the same order."""

import cmath
import functools
import math

from ..errors import AutodiffError
from . import ends, no_derivative, verb
from .torch_fourier import TorchFourier
from .torch_kinks import TorchKinks
from .torch_linalg import TorchLinalg
from .torch_stencils import TorchStencils
from .torch_windows import TorchWindows

_TRACKED = (
    "a tensor that torch.func is differentiating was handed to autodiff_lab, and its derivative "
    "would be lost; nest ad.grad, ad.jvp or ad.vjp instead of torch.func's"
)


def _defined(section, name):
    """A verb with the definition that stands in a section of the table."""

    def run(self, *xs, **params):
        from .. import table

        return getattr(getattr(table, section), name)(self, *xs, **params)

    run.__name__ = name
    return verb(run)


class TorchVerbs(TorchKinks, TorchWindows, TorchStencils, TorchLinalg, TorchFourier):
    name, counts_writes, index_dtype = "torch", True, "int64"  # what it indexes with

    def __init__(self):
        import torch

        self.lib, self.bool_type, self.asking = torch, torch.bool, torch.overrides
        self._numbers = {torch.float32: {}, torch.float64: {}}
        self.kernels_for = torch.Tensor  # what PyTorch's fused kernels may be called on
        self.plain_kinds = (torch.Tensor, torch.nn.Parameter)

    def __getattr__(self, name):
        for place in (self.lib, self.lib.special, self.lib.nn.functional):
            if hasattr(place, name):
                setattr(self, name, getattr(place, name))
                return getattr(place, name)
        if name in _KERNELS or name.endswith("_backward"):  # fused, for a row that names it
            kernel = getattr(self.lib.ops.aten, _KERNELS.get(name, name)).default
            setattr(self, name, getattr(kernel, "_op", kernel))  # without a detour in Python
            return getattr(self, name)
        raise AttributeError(f"xp has no verb {name!r}: PyTorch has no function of that name")

    # ----- choose, cast, make -----
    def where(self, c, a, b):
        if isinstance(c, bool):  # both Python: torch.where wants a tensor
            return a if c else b
        return self.lib.where(c, a, b)

    def astype(self, x, dtype):
        return x.to(self.dtype(dtype))

    @verb
    def bitcast(self, x, dtype):
        return x.view(self.dtype(dtype))

    def known(self, dtype):
        return dtype

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
        return self._made(self.lib.zeros, shape, dtype, like)

    def ones(self, shape, dtype, like):
        return self._made(self.lib.ones, shape, dtype, like)

    def _made(self, make, shape, dtype, like):
        if self.asking.has_torch_function(shape):  # PyTorch before 2.7 does not ask sizes
            return self.asking.handle_torch_function(make, shape, shape, dtype=dtype)
        return make(shape, dtype=dtype, device=getattr(like, "device", None))

    @verb
    def arange(self, shape, axis, dtype, like=None):
        dtype, device = self.dtype(dtype) if dtype else None, getattr(like, "device", None)
        i = self.lib.arange(shape[axis], dtype=dtype, device=device)
        return i.reshape([-1 if k == axis else 1 for k in range(len(shape))]).expand(shape)

    def copy(self, x):
        return x.clone()

    def log(self, x):
        if isinstance(x, (int, float)):
            return math.log(x) if x > 0 else math.nan
        return cmath.log(x) if isinstance(x, complex) else self.lib.log(x)

    def add_to(self, total, x):
        """`total + x`, where nobody else holds `total`: it may be overwritten."""
        if type(total) is type(x) is self.kernels_for and total.dtype is x.dtype:
            try:
                return total.add_(x)
            except RuntimeError:  # under vmap, where the total is not batched and x is
                return total + x
        return total + x

    def add_product_to(self, total, a, b):
        """`total + a @ b`, likewise."""
        plain = type(total) is self.kernels_for and total.dtype is a.dtype
        if plain and self.lib._C._functorch.peek_interpreter_stack() is None:  # no vmap
            return total.addmm_(a, b)
        return total + a @ b

    def times(self, x, number):
        return x * self.at_hand(number, x)

    def at_hand(self, number, x):
        """A Python number that is about to meet the tensor x, as a tensor without dims.

        PyTorch wraps it into one each time anew, and takes longer for that than for arithmetic.
        """
        if type(number) is not float or type(x) is not self.kernels_for:
            return number
        known = self._numbers.get(x.dtype)
        if known is None:  # half types would round it
            return number
        found = known.get(number)
        return self._met(number, x.dtype, known) if found is None else found

    def _met(self, number, dtype, known):
        if not 1e-30 < abs(number) < 1e30:  # -0.0 == 0.0, and every NaN is another key
            return number
        if len(known) > 1000:
            known.clear()
        known[number] = self.lib.tensor(number, dtype=dtype, device="cpu")
        return known[number]

    def trunc_divide(self, a, b):
        whole, dtype = self.lib.trunc(a / b), getattr(a, "dtype", None)
        return whole if dtype is None or self.is_inexact(dtype) else self.astype(whole, dtype)

    def stop_gradient(self, x):
        return x.detach()

    def detached(self, x):
        """Out of torch's own graph; a boxed value is no Tensor and is left alone."""
        if type(x) is self.kernels_for and not x.requires_grad:  # mostly
            return x
        if not isinstance(x, self.lib.Tensor) or hasattr(x, "tape") or not x.requires_grad:
            return x
        if self.lib._C._functorch.is_gradtrackingtensor(x):
            raise AutodiffError(_TRACKED)
        return x.detach()

    def while_loop(self, going, step, state):
        while going(state):
            state = step(state)
        return state

    def fori_loop(self, trips, step, state):
        for k in range(trips):
            state = step(k, state)
        return state

    # ----- reduce -----
    def sum(self, x, axis, keepdims=False):
        return self._reduce(self.lib.sum, x, axis, keepdims)

    def max(self, x, axis, keepdims=False):
        return self._reduce(self.lib.amax, x, axis, keepdims)

    def min(self, x, axis, keepdims=False):
        return self._reduce(self.lib.amin, x, axis, keepdims)

    def prod(self, x, axis, keepdims=False):
        for a in sorted(axis, reverse=True):
            x = self.lib.prod(x, a, keepdims)
        return x

    def logsumexp(self, x, axis, keepdims=False):
        return self.lib.logsumexp(x, tuple(axis), keepdims) if axis else x

    def any(self, x, axis, keepdims=False):
        return self._reduce(self.lib.any, x != 0, axis, keepdims)

    def all(self, x, axis, keepdims=False):
        return self._reduce(self.lib.all, x != 0, axis, keepdims)

    @verb
    def cumsum(self, x, axis, reverse=False):
        if reverse:
            return self.lib.flip(self.lib.cumsum(self.lib.flip(x, (axis,)), axis), (axis,))
        return self.lib.cumsum(x, axis)

    def _reduce(self, f, x, axis, keepdims):
        return f(x, tuple(axis), keepdims) if axis else x  # for torch () means every axis

    @verb
    def size(self, x, axis, keepdims=False):
        return math.prod(x.shape[a] for a in axis)

    # ----- move entries about -----
    @verb
    def broadcast(self, x, shape, dims):
        if not dims:
            return x.expand(tuple(shape))
        aligned = [1] * len(shape)
        for d, n in zip(dims, x.shape, strict=True):
            aligned[d] = n
        x = x.reshape(aligned)
        return x if aligned == list(shape) else x.expand(tuple(shape))

    def reshape(self, x, shape):
        return x.reshape(tuple(shape))  # torch.reshape does not ask sizes, see `_made`

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
        y = x.new_zeros(shape) + value  # under vmap a batch, as x is
        y = y if y.dtype == x.dtype else y.to(x.dtype)
        y[tuple(slice(lo, lo + n, k + 1) for lo, n, k in zip(low, sizes, gaps, strict=True))] = x
        return y

    def concat(self, xs, axis):
        return self.lib.cat(list(xs), axis)

    def split(self, x, axis, sizes):
        return self.lib.split_with_sizes(x, sizes, axis)

    @verb
    def binary_cross_entropy(self, x, t):
        return self.lib.nn.functional.binary_cross_entropy(x, t, reduction="none")

    # ----- composite rows that a spelling ends in: one node each -----
    cross_entropy = _defined("loss", "cross_entropy")
    batch_norm = _defined("normalisation", "batch_norm")
    attention = _defined("attention", "attention")
    gru_cell = _defined("attention", "gru_cell")
    lstm_cell = _defined("attention", "lstm_cell")
    add_product = _defined("composite", "add_product")

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

    # ----- special functions -----
    def cbrt(self, x):
        return self.lib.sign(x) * self.lib.abs(x) ** (1 / 3)

    def polygamma(self, n, x):
        return self.lib.polygamma(int(n), x)

    def igamma(self, a, x):
        return self.lib.igamma(self.lib.as_tensor(a, dtype=x.dtype, device=x.device), x)

    def igammac(self, a, x):
        return self.lib.igammac(self.lib.as_tensor(a, dtype=x.dtype, device=x.device), x)

    def igamma_grad_a(self, a, x):
        return self.no_derivative("igamma", "its first input a on PyTorch")

    def unless_tiny(self, x, f, otherwise):
        """`f(x)`, but `otherwise` where x is so near to 0 that `f` would divide by it."""
        eps = self.lib.finfo(x.dtype).eps
        large = self.lib.abs(x) > eps
        return self.where(large, f(self.where(large, x, eps)), otherwise)

    def no_derivative(self, name, what):
        raise no_derivative(name, what)

    # ----- complex numbers -----
    def imaginary(self, x):
        return self.lib.imag(x) if self.is_complex(x.dtype) else self.lib.zeros_like(x)

    def as_complex(self, x, dtype):
        return self.lib.complex(x, self.lib.zeros_like(x)) if self.is_complex(dtype) else x

    def slope_of_angle(self, x):
        if not self.is_complex(x.dtype):
            return self.lib.zeros_like(x)
        return self.where(x == 0, 0.0, -1j / x)

    # ----- indexing -----
    @verb
    def take_at(self, x, *index):
        return x[index]

    @verb
    def add_at(self, x, b, *index):
        return x.index_put(index, b, accumulate=True)

    @verb
    def put_at(self, x, b, *index):
        return x.index_put(index, b)

    @verb
    def take_along(self, x, index, axis):
        return self.lib.gather(x, axis, index)

    @verb
    def add_along(self, x, b, index, axis):
        return self.lib.scatter_add(x, axis, index, b)

    @verb
    def put_along(self, x, b, index, axis):
        return self.lib.scatter(x, axis, index, b)

    def stable_order(self, x, axis):
        return self.lib.argsort(x, dim=axis, stable=True)

    def top_k(self, x, k, axis):
        return tuple(self.lib.topk(x, k, axis))

    @verb
    def argmax(self, x, axis):
        return self.lib.argmax(x, axis)

    @verb
    def argmin(self, x, axis):
        return self.lib.argmin(x, axis)

    @verb
    def dynamic_slice(self, x, *start, size):
        return x[self._block(x, start, size)]

    @verb
    def dynamic_update_slice(self, x, b, *start):
        y = x.clone()
        y[self._block(x, start, b.shape)] = b
        return y

    def _block(self, x, start, size):
        corner = [min(max(int(s), 0), n - k) for s, n, k in zip(start, x.shape, size, strict=True)]
        return tuple(slice(s, s + k) for s, k in zip(corner, size, strict=True))


# Kernels that PyTorch has no function of its own for.
_KERNELS = {"elu_kernel": "elu", "nll_loss_forward": "nll_loss_forward"}

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
