"""Dispatch on JAX: each call with lanes among its arguments is traced on its own.

JAX's functions do not ask their arguments what to do, so lifted code does: it hands over each call
(`lifting.calls`), and operators and methods come here by themselves. A call is a small program of
symbolic sizes (`road`); it is traced once and kept.
"""

import operator

from autodiff_lab import source

from ..lane import Lane, Length, lanes_in
from .road import run

COMPARISONS = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
_programs: dict = {}


def call(f, args, kwargs):
    count = next(lanes_in((*args, *kwargs.values()))).examples
    if f in COMPARISONS:  # symbolic sizes would be compared once for all examples
        args = [Lane(x.data, ()) if isinstance(x, Length) else x for x in args]
    args = [list(x) if isinstance(x, list) else x for x in args]  # lifted code has its own kind
    if len(_programs) > 4096:
        _programs.clear()
    return run(f, args, kwargs, count, _programs, source.here)


def attribute(x, name, call=call):
    """A method of a JAX array, or a property: what `call` makes of it."""
    import jax

    if name in ("item", "tolist"):
        from ..lifting.builtins import number

        return lambda: number(x)
    if not hasattr(jax.Array, name):
        raise AttributeError(f"a JAX array has no attribute {name!r}")
    if name == "at":
        return _At(x, call)
    if isinstance(getattr(jax.Array, name), property):
        return call(_property, (x, name), {})
    return lambda *args, **kwargs: call(_method, (x, name, *args), kwargs)


class _At:
    """`x.at[i].set(v)`: one operation, though JAX spells it in three steps."""

    takes_lanes = True  # as an index

    def __init__(self, x, call):
        self.x, self.call = x, call

    def __getitem__(self, index):
        every = index if type(index) is tuple else (index,)
        own = tuple(Lane(i.data, i.sizes) if isinstance(i, Length) else i for i in every)
        return _Place(self, own if type(index) is tuple else own[0])


class _Place:
    def __init__(self, at, index):
        self.at, self.index = at, index

    def __getattr__(self, name):
        at, index = self.at, self.index
        return lambda *args, **kwargs: at.call(_update, (at.x, index, name, *args), kwargs)


def _update(x, index, name, *args, **kwargs):
    return getattr(x.at[index], name)(*args, **kwargs)


def _property(x, name):
    return getattr(x, name)


def _method(x, name, *args, **kwargs):
    return getattr(x, name)(*args, **kwargs)
