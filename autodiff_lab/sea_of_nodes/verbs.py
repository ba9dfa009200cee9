"""What a sea computes with beside the user's own functions: `xp` in the scheduled source.

`xp.cos(x)` is the framework's, or for a Python number the `math` module's: the rows' derivatives
are written with such verbs, and a sea runs on torch tensors, JAX arrays and numbers alike.
"""

import functools
import math
import operator
import sys
import types

from .. import trees, xp
from ..calculus import unbroadcast
from ..errors import AutodiffError
from ..reverse import vjp


# ----- containers -----
def is_written_by_adding(x):
    """`x += 1` makes a new number or JAX array, but writes into a list or a tensor."""
    return type(x) is list or (hasattr(x, "shape") and hasattr(x, "add_"))


def fresh(x):
    """A value that has a second name, or is part of something: it must not be written into."""
    if is_written_by_adding(x):
        raise AutodiffError("`+=` would write into a tensor or a list that is known by another "
                            "name too; write x = x + ... instead")  # fmt: skip
    return x


def unpack(values, count):
    found = tuple(values)
    if len(found) != count:
        raise ValueError(f"{len(found)} values to unpack into {count} names")
    return found


def is_traced(x):
    """A value that JAX will only know when the compiled program runs."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(x, jax.core.Tracer)


def index(n):
    """What `range` accepts."""
    whole = is_traced(n) and n.shape == () and n.dtype.kind in "iu"
    return n if whole else operator.index(n)


def negation(x):
    return x == 0 if is_traced(x) else not x


def sequence(values):
    """What a `for` may run over by index."""
    if hasattr(values, "shape") or isinstance(values, (list, tuple, range, str)):
        return values
    raise TypeError(f"a sea's `for` runs over arrays, lists, tuples and ranges, not over a "
                    f"{type(values).__name__}")  # fmt: skip


# ----- verbs on numbers -----
def _sign(x):
    return x if x == 0 else math.copysign(1.0, x)


def _slope_of_power(a, b):
    return 0.0 if b == 0 else b * a ** (b - 1)


def _slope_of_exponent(y, a, b):
    return 0.0 if a == 0 and b >= 0 else y * math.log(a)


_ON_NUMBERS = {name: getattr(math, name) for name in (
    "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp expm1 log log2 log10 "
    "log1p sqrt hypot floor ceil trunc fmod copysign erf erfc lgamma").split()}  # fmt: skip
_ON_NUMBERS |= {
    "abs": abs, "sign": _sign, "slope_of_abs": _sign,
    "square": lambda x: x * x, "rsqrt": lambda x: 1 / math.sqrt(x),
    "exp2": lambda x: 2.0**x, "cbrt": lambda x: math.copysign(abs(x) ** (1 / 3), x),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "where": lambda c, a, b: a if c else b, "exceeds": lambda a, b: a > b,
    "maximum": max, "minimum": min, "zeros_like": lambda x: 0.0,
    "slope_of_power": _slope_of_power, "slope_of_exponent": _slope_of_exponent,
    "inverse_square": lambda a, b: 1 / (a * a + b * b),
    "slope_of_copysign": lambda y, a: 0.0 if a == 0 else y / a,
}  # fmt: skip
KNOWN = frozenset(_ON_NUMBERS)


# ----- cotangents -----
class Nothing:
    """The cotangent where nothing arrived: not a zero, so that 0 * inf never happens."""

    def __add__(self, c):
        return c

    __radd__ = __add__

    def __mul__(self, c):
        return self

    __rmul__ = __mul__

    def __neg__(self):
        return self

    def __repr__(self):
        return "nothing"


NOTHING = Nothing()


def fit(c, x):
    """A cotangent in the shape and dtype of the value it belongs to."""
    if c is NOTHING:
        return c
    verbs = xp.of(x)
    if verbs is None:
        number = xp.of(c)
        wide = number is not None and len(c.shape)
        return number.sum(c, tuple(range(len(c.shape)))) if wide else c
    if xp.of(c) is None:
        return verbs.zeros(tuple(x.shape), x.dtype, x) + c
    return unbroadcast(verbs, c, x)


def gate(g, open):
    """A slope of 1 or 0, given as a boolean: 0 takes nothing, not even a NaN."""
    if g is NOTHING:
        return g
    verbs = xp.of(g, open)
    return (g if open else 0.0) if verbs is None else verbs.where(open, g, 0.0)


def seed(y):
    """The cotangent of the answer: one."""
    verbs = xp.of(y)
    if verbs is None and isinstance(y, (int, float)):
        return 1.0
    if verbs is None or tuple(y.shape) != () or not verbs.is_float(y.dtype):
        what = f"shape {tuple(y.shape)} and dtype {y.dtype}" if verbs else type(y).__name__
        raise AutodiffError(f"a gradient needs a real scalar, but the function returned {what}; "
                            "reduce it, for example with .sum()")  # fmt: skip
    return verbs.ones((), y.dtype, y)


def gradient(c, x):
    """What is given out for a parameter: zeros where nothing arrived."""
    verbs = xp.of(x)
    if c is not NOTHING:
        return c if verbs is None else fit(c, x)
    if verbs is not None:
        return verbs.zeros(tuple(x.shape), x.dtype, x)
    if isinstance(x, (int, float)):
        return 0.0
    leaves, _, rebuild = trees.flatten(x)
    return rebuild([gradient(c, leaf) if xp.of(leaf) or isinstance(leaf, float) else None
                    for leaf in leaves])  # fmt: skip


def plus(a, b):
    """Add the cotangents of containers entry by entry."""
    if a is NOTHING or a is None:
        return b
    if b is NOTHING or b is None:
        return a
    if isinstance(a, (tuple, list)):
        return type(a)([plus(x, y) for x, y in zip(a, b, strict=True)])
    if isinstance(a, dict):
        return {k: plus(x, b[k]) for k, x in a.items()}
    return a + b


def part(g, i):
    """The cotangent of one entry of a container."""
    if g is NOTHING or g is None or g[i] is None:
        return NOTHING
    return g[i]


def pull(f, g, *xs):
    """The cotangents of `xs` for the cotangent `g` of f(*xs): the rows are asked as it runs."""
    if g is NOTHING:
        return g if len(xs) == 1 else (g,) * len(xs)
    if not any(xp.of(leaf) for leaf in trees.leaves(xs)):
        raise AutodiffError("this derivative is not known for Python numbers; pass a torch.tensor "
                            "or a jnp.asarray")  # fmt: skip
    y, back = vjp(f, *xs)
    found = back(like(g, y))
    found = tuple(NOTHING if c is None else c for c in found)
    return found[0] if len(xs) == 1 else found


def like(g, y):
    """A cotangent in the structure of an answer: what is missing is zero, which None says."""
    if isinstance(g, (tuple, list)):
        return type(y)([like(c, v) for c, v in zip(g, y, strict=True)])
    return None if g is NOTHING else g


def back(callee, wanted, words, g, xs):
    """The cotangents of some arguments of a call: the called function's own reverse sea is run."""
    if g is NOTHING:
        return g if len(wanted) == 1 else (g,) * len(wanted)
    plain, names = len(xs) - len(words), [p.name for p in callee.parameters]
    at = tuple(i if i < plain else names.index(words[i - plain]) for i in wanted)
    more = dict(zip(words, xs[plain:], strict=True))
    found = callee.transposed(at, xs[:plain], more, g)
    return found[0] if len(wanted) == 1 else found


def call_back(f, wanted, g, *args, **words):
    """`back` as the scheduled source says it."""
    return back(_sea_of(f), wanted, tuple(words), g, (*args, *words.values()))


@functools.lru_cache(maxsize=64)
def _sea_of(f):
    from . import sea

    return sea(f)


# ----- the namespace -----
@functools.cache
def neutral(name):
    """A verb that asks its values whose it is."""

    def verb(*xs):
        verbs = xp.of(*xs)
        return _ON_NUMBERS[name](*xs) if verbs is None else getattr(verbs, name)(*xs)

    return verb


XP = types.SimpleNamespace(
    **{name: neutral(name) for name in KNOWN},
    **dict(nothing=NOTHING, fresh=fresh, index=index, unpack=unpack, sequence=sequence),
    **dict(fit=fit, gate=gate, seed=seed, gradient=gradient, plus=plus, part=part),
    **dict(pull=pull, back=call_back),
)
