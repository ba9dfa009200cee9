"""Sizes computed from ragged sizes, such as `2*n0 - 1`: each example's own number, and a bound.

JAX prints a symbolic size as Python (but for `^`, its power). Put each example's lengths in the
place of the names and it is their own size. The ends of what it can be for any example lie in a
corner, where each name has its smallest or its largest value; with a remainder in it the size goes
up and down, and intervals bound it (Moore, "Interval Analysis", 1966).
"""

import functools
import itertools
import re

import numpy as np


class Interval:
    """Whole numbers from `low` to `high`, both included."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    def __add__(self, other):
        other = _interval(other)
        return Interval(self.low + other.low, self.high + other.high)

    def __neg__(self):
        return Interval(-self.high, -self.low)

    def __sub__(self, other):
        return self + -_interval(other)

    def __rsub__(self, other):
        return _interval(other) - self

    def __mul__(self, other):
        return _hull(lambda a, b: a * b, self, other)

    def __floordiv__(self, other):
        other = _interval(other)  # a size divides by sizes, and these are positive
        return _hull(lambda a, b: a // b, self, Interval(max(other.low, 1), max(other.high, 1)))

    def __mod__(self, other):
        return Interval(0, max(_interval(other).high - 1, 0))

    def __pow__(self, power):
        return Interval(min(self.low, 0) ** power if power % 2 else 0, self.high**power)

    __radd__, __rmul__ = __add__, __mul__


def _interval(x):
    return x if isinstance(x, Interval) else Interval(x, x)


def _hull(f, a, b):
    a, b = _interval(a), _interval(b)
    found = [f(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return Interval(min(found), max(found))


def _larger(a, b):
    a, b = _interval(a), _interval(b)
    return Interval(max(a.low, b.low), max(a.high, b.high))


def _smaller(a, b):
    a, b = _interval(a), _interval(b)
    return Interval(min(a.low, b.low), min(a.high, b.high))


def own(dim, lengths, verbs):
    """Each example's own value of a symbolic size; `lengths` holds those of the names."""
    functions = {
        "floordiv": lambda a, b: a // b,
        "mod": lambda a, b: a % b,
        "max": verbs.maximum,
        "min": verbs.minimum,
    }
    return _evaluated(dim, lengths, functions)


@functools.lru_cache(4096)
def _ends(text, names):
    """The `(smallest, largest)` that a size can be, where its names have those of `names`."""
    names = dict(names)
    if len(names) == 1:  # such as 5 - n0 or mod(n0, 3): all there are
        (name, (low, high)), *_ = names.items()
        functions = {
            "floordiv": lambda a, b: a // np.maximum(b, 1),  # a size divides by positive ones
            "mod": lambda a, b: a % np.maximum(b, 1),
            "max": np.maximum,
            "min": np.minimum,
        }
        values = _evaluated(text, {name: np.arange(low, max(low, high) + 1)}, functions)
        return int(values.min()), int(values.max())
    if "mod" in text:
        functions = {
            "floordiv": lambda a, b: _interval(a) // b,
            "mod": lambda a, b: _interval(a) % b,
            "max": _larger,
            "min": _smaller,
        }
        intervals = {name: Interval(*ends) for name, ends in names.items()}
        found = _interval(_evaluated(text, intervals, functions))
        return found.low, found.high
    functions = {"floordiv": lambda a, b: a // max(b, 1), "max": max, "min": min}
    corners = itertools.product(*names.values())
    values = [_evaluated(text, dict(zip(names, c, strict=True)), functions) for c in corners]
    return min(values), max(values)


def ends(dim, names):
    """What no example's own value is below, and what none exceeds; `names` has that of names."""
    words = re.findall(r"n\d+", str(dim))
    return _ends(str(dim), tuple((n, span) for n, span in names.items() if n in words))


def _evaluated(dim, names, functions):
    return eval(str(dim).replace("^", "**"), {"__builtins__": {}}, names | functions)
