"""Names without a value: not assigned yet, or on some examples only.

Whatever is done with such a name says so, as Python would.
"""

import math

from autodiff_lab import xp

from ..lane import Lane, shared


class Undefined:
    """A name that has no value yet."""

    def __init__(self, name):
        self._name = name

    def leads(self, taken):
        return self

    def read(self, *args, **kwargs):
        raise UnboundLocalError(
            f"cannot access local variable {self._name!r}: it has no value{self._where()}"
        )

    def _where(self):
        return ""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        self.read()

    def __torch_function__(self, *args, **kwargs):
        self.read()


def _asked(self, *args, **kwargs):
    self.read()


_NAMES = """bool call iter len getitem index float int add sub mul matmul truediv floordiv mod pow
and or xor radd rsub rmul rmatmul rtruediv rfloordiv rmod rpow rand ror rxor neg pos abs invert
eq ne lt le gt ge contains jax_array"""
for _name in _NAMES.split():
    setattr(Undefined, f"__{_name}__", _asked)
Undefined.__hash__ = object.__hash__  # type: ignore[method-assign]


class PartlyDefined(Undefined):
    """A name that has a value on the examples of a mask."""

    def __init__(self, name, value, defined):
        super().__init__(name)
        self._value, self._defined = value, defined

    def leads(self, taken):
        """Inside a block: whole, if all examples that take the block have it."""
        value, defined = taken.leads(self._value), taken.row(self._defined)
        return PartlyDefined(self._name, value, defined).settled()

    def settled(self):
        from .leader import known

        _, everybody = known(self._defined)
        if everybody is None:  # under tracing nobody can tell: an example without a value has NaN
            return or_nan(self._value, self._defined)
        return self._value if everybody else self

    def _where(self):
        from .batched import told_where

        return f" on examples {told_where(Lane(~self._defined, ()))}"


def or_nan(value, defined):
    """The value, with NaN where there is none; what cannot hold a NaN stays."""
    if isinstance(value, (tuple, list)):
        return type(value)([or_nan(v, defined) for v in value])
    verbs = xp.of(defined)
    dtype = getattr(value, "dtype", None)
    if not isinstance(value, float) and (dtype is None or not verbs.is_inexact(dtype)):
        return value
    lane = value if isinstance(value, Lane) else shared(verbs, defined.shape[0], value, defined)
    mask = verbs.reshape(defined, (defined.shape[0],) + (1,) * lane.ndim)
    return Lane(verbs.where(mask, lane.data, math.nan), lane.sizes, weak=lane.weak)
