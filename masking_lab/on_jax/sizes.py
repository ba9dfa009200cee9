"""Symbolic sizes on JAX that no comparison can freeze.

While `f` is traced a ragged size is a name. JAX refuses most questions about it, but answers two
of them once for all examples: `n == 3` is False wherever it is not certain, and `if n:` is taken.
JAX's own code asks so all the time, and reads "not certain"; in the user's code the answer would
be a silent mistake. So the sizes handed to the tracer look who asks.
"""

import functools
import sys

from autodiff_lab import source

from ..errors import NeedsValues

ARITHMETIC = (
    "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __floordiv__ __rfloordiv__ __mod__ "
    "__rmod__ __neg__ __pow__"
).split()


def watched(dim):
    """A symbolic size of JAX's that refuses the user's `==` and `if`; a number stays as it is."""
    if hasattr(dim, "scope") and not hasattr(dim, "refuse"):
        dim.__class__ = _watched_class(type(dim))
    return dim


@functools.cache
def _watched_class(base):
    def equal(self, other):
        return compared(self, other, sys._getframe(1))

    def unequal(self, other):
        return not compared(self, other, sys._getframe(1))

    def compared(self, other, asking):
        same = base.__eq__(self, other)
        if not same and _users(asking) and _may_be_equal(base, self, other):
            raise self.refuse(f"`==` compares it with {other}")
        return same

    def truth(self):
        if _users(sys._getframe(1)) and _may_be_equal(base, self, 0):
            raise self.refuse("Python asks whether it is zero")
        return True

    def refuse(self, what):
        return NeedsValues(
            f"f needs to know a ragged size at {source.here()}, and each example has its own: "
            f"{what}; choose per example with where(condition, a, b)"
        )

    members = {
        "__slots__": (), "__hash__": base.__hash__, "__eq__": equal, "__ne__": unequal,
        "__bool__": truth, "refuse": refuse, "dtype": property(lambda self: _aval().dtype),
        "aval": property(lambda self: _aval()),
        **{name: _kept(base, name) for name in ARITHMETIC},
    }  # fmt: skip
    return type(base.__name__, (base,), members)


def _aval():
    """What JAX takes a size for, where it knows the type of its own sizes only: an int."""
    import jax

    dtype = jax.numpy.result_type(int)
    return jax.core.ShapedArray((), dtype, weak_type=True)


def _kept(base, name):
    """Arithmetic whose result is watched too."""

    def operation(self, *others):
        return watched(getattr(base, name)(self, *others))

    return operation


def _may_be_equal(base, a, b):
    """Is there a choice of lengths for which both are the same?"""
    try:
        difference = base.__sub__(a, b)
    except (TypeError, ValueError):  # not a size at all
        return False
    if not hasattr(difference, "scope"):
        return difference == 0
    for test in (base.__gt__, base.__lt__):
        try:
            if test(difference, 0):
                return False
        except Exception:  # JAX: inconclusive
            continue
    return True


def _users(frame):
    return not source.is_library(frame.f_code.co_filename)
