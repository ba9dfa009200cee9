"""What a sea computes with beside the user's own functions: `xp` in the scheduled source.

`xp.cos(x)` is the framework's, or for a Python number the `math` module's: the rows' derivatives
are written with such verbs, and a sea runs on torch tensors, JAX arrays and numbers alike.
"""

import functools
import math

from .. import trees, xp
from ..calculus import unbroadcast
from ..errors import AutodiffError


# ----- containers -----
def unpack(values, count):
    found = tuple(values)
    if len(found) != count:
        raise ValueError(f"{len(found)} values to unpack into {count} names")
    return found


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


class Neutral:
    """The verbs of whichever framework the values belong to, or of numbers."""

    unpack, sequence = staticmethod(unpack), staticmethod(sequence)
    index = staticmethod(__import__("operator").index)

    @functools.cache
    def __getattr__(self, name):
        def neutral(*xs):
            verbs = xp.of(*xs)
            if verbs is not None:
                return getattr(verbs, name)(*xs)
            return _ON_NUMBERS[name](*xs)

        if name not in KNOWN:
            raise AttributeError(name)
        neutral.__name__ = name
        return neutral


XP = Neutral()
__all__ = ["AutodiffError", "KNOWN", "XP", "sequence", "trees", "unbroadcast", "unpack"]
