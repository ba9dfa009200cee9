"""JAX's verbs, writing: each is the computing verb, run on expressions.

Read beside `torch_text`, which overrides the same verbs in the same order.
"""

import jax
import jax.numpy as jnp
import numpy as np

from ..xp.jax_verbs import JaxVerbs
from .expr import ATOM, Expr, Library, Writer, flat, known, shortest


class JaxText(Writer, JaxVerbs):
    library, array = "jnp", jax.Array
    properties = frozenset(("mT", "T", "real", "imag"))
    views: frozenset = frozenset()
    submodules = frozenset(("linalg", "fft", "nn", "special"))
    some_float = np.dtype("float32")
    in_place = False

    def __init__(self):
        JaxVerbs.__init__(self)
        self.lib, self.lax = Library(self, jnp, "jnp"), Library(self, jax.lax, "jax.lax")
        self.places = (
            self.lib, self.lax, Library(self, jax.nn, "jax.nn"),
            Library(self, jax.scipy.special, "jax.scipy.special"),
        )  # fmt: skip

    def __getattr__(self, name):
        for place in self.places:
            if hasattr(place, name):
                return getattr(place, name)
        raise AttributeError(f"xp has no verb {name!r}: JAX has no function of that name")

    def abstract(self, compute, args):
        """Shape and dtype of a result: traced, and nothing is computed."""
        leaves = [a for a in flat(tuple(args)) if isinstance(a, Expr)]
        if any(a.known is None for a in leaves):
            return None

        def of_leaves(*values):
            given = dict(zip(map(id, leaves), values, strict=True))
            return compute(*[_filled(a, given) for a in args])

        return jax.eval_shape(of_leaves, *[known(a) for a in leaves])

    def leaf(self, text, value):
        """A variable that holds a value like this one."""
        return self.variable(text, jax.ShapeDtypeStruct(value.shape, value.dtype))

    def dtype_text(self, x):
        kind = isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic))
        return f"jnp.{np.dtype(x).name}".replace("jnp.bool", "jnp.bool_") if kind else None

    # ----- choose, cast, make -----
    def astype(self, x, dtype):
        if not isinstance(x, Expr):
            return x
        dtype = np.dtype(dtype)
        return x if x.known is not None and x.dtype == dtype else x.astype(dtype)

    def asarray(self, x, like):
        return x

    def zeros(self, shape, dtype, like):
        if like.known is not None and tuple(shape) == like.shape and dtype == like.dtype:
            return self.call("jnp.zeros_like", jnp.zeros_like, (like,))
        made = jax.ShapeDtypeStruct(tuple(shape), dtype)
        more = [] if made.dtype == jnp.zeros(()).dtype else [("", made.dtype)]
        return Expr(self, ("jnp.zeros(", *self.listed([("", tuple(shape)), *more]), ")"),
                    known=made)  # fmt: skip

    def ones(self, shape, dtype, like):
        return self.call("jnp.ones_like", jnp.ones_like, (like,))

    def arange(self, shape, axis, dtype, like=None):
        made = jax.ShapeDtypeStruct((shape[axis],), dtype or jnp.int32)
        more = [] if made.dtype == jnp.arange(0).dtype else [("dtype=", made.dtype)]
        text = ("jnp.arange(", *self.listed([("", shape[axis]), *more]), ")")
        return self.broadcast(Expr(self, text, known=made), shape, (axis,))

    def fmod(self, a, b):
        return self.lib.fmod(a, b)

    # ----- reduce -----
    def sum(self, x, axis, keepdims=False):
        return self._reduced("sum", x, axis, keepdims)

    def max(self, x, axis, keepdims=False):
        return self._reduced("max", x, axis, keepdims)

    def min(self, x, axis, keepdims=False):
        return self._reduced("min", x, axis, keepdims)

    def any(self, x, axis, keepdims=False):
        return self._reduced("any", x, axis, keepdims)

    def all(self, x, axis, keepdims=False):
        return self._reduced("all", x, axis, keepdims)

    def prod(self, x, axis, keepdims=False):
        return self._reduced("prod", x, axis, keepdims)

    def _reduced(self, name, x, axis, keepdims):
        if not axis:
            return x
        some = len(axis) < x.ndim or keepdims
        pairs = [("", axis[0] if len(axis) == 1 else tuple(axis))] * some
        pairs += [("keepdims=", True)] * bool(keepdims)
        pieces = [(x, ATOM), f".{name}(", *self.listed(pairs), ")"]
        reduction = getattr(jnp, name)
        return self.expr(pieces, ATOM, lambda v: reduction(v, axis, keepdims=keepdims), (x,))

    # ----- move entries about -----
    def broadcast(self, x, shape, dims):
        aligned = [1] * len(shape)
        for d, n in zip(dims, x.shape, strict=True):
            aligned[d] = n
        at_the_end = list(dims) == list(range(len(shape) - len(dims), len(shape)))
        x = x if at_the_end else x.reshape(*aligned)
        if x.shape == tuple(shape):
            return x
        return self.call("jnp.broadcast_to", jnp.broadcast_to, (x, tuple(shape)))

    def reshape(self, x, shape):
        return x.reshape(*shape) if len(shape) else x.reshape(())

    def permute(self, x, axes):
        n = len(axes)
        if tuple(axes) == tuple(range(n)):
            return x
        last_two = (*range(n - 2), n - 1, n - 2)
        return x.mT if n >= 2 and tuple(axes) == last_two else x.transpose(*axes)

    def flip(self, x, axis):
        return self.call("jnp.flip", jnp.flip, (x, tuple(axis)))

    def slice(self, x, start, stop, step):
        index = shortest(x.shape, start, stop, step)
        return x[index] if index else x

    def pad(self, x, value, low, high, gaps):
        if any(gaps) or min(low + high, default=0) < 0 or isinstance(value, Expr):
            value = self.astype(value, x.dtype) if isinstance(value, Expr) else value
            margins = list(zip(low, high, gaps, strict=True))
            return self.call("jax.lax.pad", jax.lax.pad, (x, value, margins))
        margins = tuple(zip(low, high, strict=True))
        more = {"constant_values": value} if value else {}
        return self.call("jnp.pad", jnp.pad, (x, margins), more)

    def concat(self, xs, axis):
        return self.lib.concatenate(list(xs), axis)

    # ----- contract -----
    def contract(self, a, b, spec, precision=None, dtype=None):
        plain = _PLAIN.get(canonical(spec))
        if plain and precision is None:
            return plain(a, b)
        more = {} if precision is None else {"precision": str(precision).lower()}
        return self.call("jnp.einsum", jnp.einsum, (spec, a, b), more)


def _filled(a, given):
    if type(a) in (tuple, list):
        return type(a)(_filled(v, given) for v in a)
    return given[id(a)] if isinstance(a, Expr) else a


_PLAIN = {
    "ab,bc->ac": lambda a, b: a @ b,
    "ab,cb->ac": lambda a, b: a @ b.T,
    "ab,ac->bc": lambda a, b: a.T @ b,
    "ab,b->a": lambda a, b: a @ b,
    "a,ab->b": lambda a, b: a @ b,
    "a,a->": lambda a, b: a @ b,
    "abc,acd->abd": lambda a, b: a @ b,
    "abc,cd->abd": lambda a, b: a @ b,
}


def canonical(spec):
    """The same subscripts with letters in the order they appear."""
    letters = dict.fromkeys(c for c in spec if c.isalpha())
    names = dict(zip(letters, "abcdefghijklmnopqrstuvwxyz", strict=False))
    return "".join(names.get(c, c) for c in spec)
