"""Running a block for some of the examples.

An example that does not take the block is given, inside it, the values of one that does: its
leader. So nothing happens in the block that would not happen in the loop over the examples: no
division by zero, no loop without end. The gradient to a leader's values is cut off for followers,
and what followers compute is thrown away, so they add exactly zero to every gradient.
"""

import copy
import functools
import inspect
import types
from types import SimpleNamespace

from autodiff_lab import source, xp

from ..lane import Lane, Length
from . import effects
from .items import Items


class Run:
    """What a block returned, and what it found inside: copies of what it could change."""

    def __init__(self, inside, results):
        self.inside, self.results = inside, results


class Taken:
    """The examples for which `test` holds, a lane of booleans or a bool."""

    def __init__(self, test, leader=None):
        self.sizes, self.unsure = {}, False
        if not isinstance(test, Lane):
            self.none, self.all = not test, bool(test)
        else:
            self.mask = test.data
            self.verbs = xp.of(self.mask)
            self.none, self.all = known(self.mask) if leader is None else (False, False)
            if leader is not None:
                self._leader = leader

    def certain(self):
        """Somebody takes the block, though nobody knows who."""
        if self.all is None:
            self.all = False
        return self

    def run(self, block, carried, given, first=None):
        """The block's `Run`, or None if nobody takes it. `first` makes its first argument."""
        if self.none:
            return None
        if self.all is None and self.verbs.name == "torch":  # under vmap: perhaps nobody takes it
            self.all, self.unsure = False, True
        if self.all is None:
            from . import staged

            _ = self.leader, staged.spread((carried, given))  # what is led is made here, once
            return Run(
                *staged.run_if_any(self.mask, lambda: self._now(block, carried, given, first))
            )
        return Run(*self._now(block, carried, given, first))

    def _now(self, block, carried, given, first):
        self.sizes, self.functions = {}, {}
        inside = self.led((*carried, *given))
        more = () if first is None else (self.leads(first()),)
        before = effects.masked.set(effects.masked.get() or not self.all)
        try:
            results = block(*more, *inside)
        finally:
            effects.masked.reset(before)
        return [x if changeable(x) else None for x in inside], results

    def others(self, carried, given):
        """The same for the examples that do not take the block: everything stays."""
        return None if self.all is True else Run((*carried, *given), carried)

    def led(self, values):
        return tuple(self.leads(v) for v in values)

    def leads(self, x):
        """`x`, with the leader's values where the block is not taken."""
        if self.all:
            return x
        if isinstance(x, Length):
            outer = [None if n is None else self.lengths(n) for n in x.sizes]
            return Length(self.lengths(x.data), x.padded, outer)
        if isinstance(x, Lane):
            return Led(self, x)
        if hasattr(type(x), "leads"):  # a name that has no value, or on some examples only
            return x.leads(self)
        if isinstance(x, Items):
            here = [m if m is None else self.row(m) for m in x.here]
            return Items([self.leads(v) for v in x], here)
        if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
            return type(x)([self.leads(v) for v in x])
        if isinstance(x, dict):
            return {k: self.leads(v) for k, v in x.items()}
        if changeable(x):
            new = copy.copy(x)
            new.__dict__.update({k: self.leads(v) for k, v in vars(x).items()})
            return new
        if callable(x):
            return self.function(x)
        if self.unsure and hasattr(x, "dtype") and self.verbs.is_inexact(x.dtype):
            return self.verbs.where(self.mask.any(), x, self.verbs.stop_gradient(x))
        return x

    def function(self, f):
        """A function that reads lanes from outside itself reads the leader's; a method too."""
        if isinstance(f, functools.partial):
            own = {k: self.leads(v) for k, v in f.keywords.items()}
            return functools.partial(self.leads(f.func), *map(self.leads, f.args), **own)
        if inspect.ismethod(f):
            return types.MethodType(f.__func__, self.leads(f.__self__))
        if not inspect.isfunction(f) or not reads_lanes(f, set()):
            return f
        if id(f) not in self.functions:  # it may read itself
            cells = tuple(types.CellType() for _ in f.__closure__)
            new = types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, cells)
            new.__kwdefaults__ = f.__kwdefaults__
            self.functions[id(f)] = new
            for cell, value in zip(cells, _contents(f), strict=True):
                if value is not _EMPTY:
                    cell.cell_contents = self.leads(value)
        return self.functions[id(f)]

    @property
    def leader(self):
        if not hasattr(self, "_leader"):
            self._leader = _first(self.verbs, self.mask)
        return self._leader

    def row(self, data):
        """The data with the leader's row for every follower; nothing flows back to the leader."""
        verbs, i = self.verbs, self.leader
        if isinstance(i, int):
            one = data[i : i + 1]
        elif verbs.name == "torch":
            one = data.index_select(0, i.reshape(1))
        else:
            rest = [0] * (data.ndim - 1)
            one = verbs.dynamic_slice(data, i, *rest, size=(1, *data.shape[1:]))
        mask = verbs.reshape(self.mask, (data.shape[0],) + (1,) * (data.ndim - 1))
        return verbs.where(mask, data, verbs.stop_gradient(one))

    def lengths(self, n):
        """The led lengths: the same object for the same lengths."""
        if id(n) not in self.sizes:
            self.sizes[id(n)] = n, self.row(n)
        return self.sizes[id(n)][1]


class Led(Lane):
    """A lane inside a block: its data are led only when somebody reads them whole."""

    def __init__(self, taken, base):
        sizes = [None if n is None else taken.lengths(n) for n in base.sizes]
        self.taken, self.base, self.sizes, self.fill = taken, base, tuple(sizes), None
        self.weak, self.look, self.parts, self.bound = base.weak, None, None, None
        self._data = None

    @property
    def data(self):
        if self._data is None:
            self._data = self.taken.row(self.base.data)
        return self._data

    def entries(self, axis, i):
        return self.taken.row(self.base.entries(axis, i))

    @property
    def dtype(self):
        return self.base.dtype


_EMPTY = object()


def _contents(f):
    """The values of the variables that a function reads from the functions around it."""
    for cell in f.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            yield _EMPTY


def reads_lanes(f, seen):
    """Does a function read a lane, or something with lanes in it, from outside itself?"""
    seen.add(f)
    for x in _contents(f):
        if inspect.isfunction(x):
            if x not in seen and reads_lanes(x, seen):
                return True
        elif isinstance(x, (Lane, Items, list, tuple, dict)) or changeable(x):
            return True
    return False


def changeable(x):
    """Lists, dicts and the user's own objects; arrays are values here, modules stay as they are."""
    if isinstance(x, (list, dict)):
        return True
    kind = type(x)
    return hasattr(x, "__dict__") and not isinstance(x, type) and _is_users(kind)


@functools.cache
def _is_users(kind):
    """Is it a class of the user's own, that stands on no library's?"""
    modules = {base.__module__.split(".")[0] for base in kind.__mro__ if base is not object}
    return kind is SimpleNamespace or modules.isdisjoint(
        (*source.LIBRARY, "builtins", "types", "functools")
    )


def known(mask):
    """`(none, all)`: of `all` None where nobody knows before it runs."""
    if mask.shape[0] == 0:
        return True, True
    try:
        count = int(mask.sum())
    except Exception:
        return False, None
    return count == 0, count == mask.shape[0]


def _first(verbs, mask):
    """The number of the first example that takes the block: an int, where it is known."""
    if mask.shape[0] == 1:
        return 0
    first = verbs.argmax(verbs.astype(mask, verbs.dtype("int32")), 0)
    try:
        return int(first)
    except Exception:  # under tracing nobody knows
        return first
