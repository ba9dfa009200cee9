"""The verbs that rows are written with: one thin namespace per framework, in the same order.

Read the two classes side by side: they are a translation table. Operators (+, *, >, ...) are the
frameworks' own and are not repeated here. A verb that a class does not define is the framework's
function of the same name. `axis` is a tuple, and never negative.

PyTorch's own functions are seen by a boxed value through `__torch_function__`. The verbs that have
no single PyTorch function are wrapped by `@verb`, which asks the same protocol.
"""

import functools
import math
import sys

from .errors import AutodiffError


def of(*values):
    """The verbs for these values: `of(x).tanh(x)`. Looks at types; imports nothing new."""
    name = framework(values)
    return verbs(name) if name else None


@functools.cache
def verbs(name):
    """The verbs of one framework by its name, "torch" or "jax"."""
    try:
        return {"torch": TorchVerbs, "jax": JaxVerbs}[name]()
    except ImportError as e:
        raise AutodiffError(
            f"{name} could not be imported ({e}); install it with pip install "
            f"'tapestry-labs[{name}]', or use the other framework"
        ) from None


def framework(values):
    """ "torch", "jax" or None; both at once is an error."""
    found = {}
    for v in values:
        name = framework_of(v)
        if name:
            found.setdefault(name, v)
    if len(found) > 1:
        raise AutodiffError(
            f"one call mixes a torch.Tensor of shape {tuple(found['torch'].shape)} with a JAX "
            f"array of shape {tuple(found['jax'].shape)}; convert one of them first, such as with "
            "jnp.asarray(t.numpy()) or torch.from_numpy(np.asarray(a))"
        )
    return next(iter(found), None)


def framework_of(value):
    kind = type(value)
    if kind not in _KINDS:
        name = _ask(value)
        if name is None:  # its framework may be imported later: do not remember
            return None
        _KINDS[kind] = name
    return _KINDS[kind]


_KINDS: dict = {}


def _ask(value):
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if hasattr(torch, "Tensor") and isinstance(value, torch.Tensor):
        return "torch"
    if hasattr(jax, "Array") and isinstance(value, (jax.Array, jax.core.Tracer)):
        return "jax"
    return getattr(type(value), "framework", None)


def verb(f):
    """Let a boxed value answer for this function, as PyTorch does for its own."""

    @functools.wraps(f)
    def asked(self, *xs, **params):
        from torch.overrides import handle_torch_function, has_torch_function

        flat = xs[0] if isinstance(xs[0], (tuple, list)) else xs
        if has_torch_function(flat):
            return handle_torch_function(bound(self), flat, *xs, **params)
        return f(self, *xs, **params)

    @functools.cache
    def bound(self):
        g = functools.partial(asked, self)
        g.__name__, g.is_verb = f.__name__, True
        return g

    return asked


class TorchVerbs:
    name, counts_writes = "torch", True

    def __init__(self):
        import torch

        self.lib, self.bool_type = torch, torch.bool
        self.kernels_for = torch.Tensor  # what PyTorch's fused kernels may be called on

    def __getattr__(self, name):
        found = getattr(self.lib, name, None)
        if found is None and name.endswith("_backward"):  # a fused kernel
            found = getattr(self.lib.ops.aten, name).default
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
        return (-math.inf, math.inf) if dtype.is_floating_point else _ends(self.lib.iinfo(dtype))

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


class JaxVerbs:
    name, counts_writes, kernels_for = "jax", False, None

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
        return (-math.inf, math.inf) if self.is_float(dtype) else _ends(self.lib.iinfo(dtype))

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


def _ends(info):
    return info.min, info.max


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
