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

from autodiff_lab import xp

from ..lane import Lane, Length, looked
from ..on_jax.trip import Trip
from ..setting import setting
from . import effects
from .blocks import Block, rebuilt
from .changes import Watched, changeable, refuse_lost
from .items import Items


class Run:
    """What a block returned, and what it found inside: copies of what it could change."""

    def __init__(self, inside, results):
        self.inside, self.results = inside, results

    @classmethod
    def of(cls, inside, results, places):
        """`places`: where a block got the list or object that it returned, or None."""
        pairs = zip(results, places, strict=True)
        return cls(inside, tuple(x if i is None else inside[i] for x, i in pairs))

    def hands_on(self, i):
        """Is the i-th result the list or object that the i-th name had?"""
        return i < len(self.inside) and changeable(x := self.results[i]) and x is self.inside[i]


def _place(x, inside):
    """Where a block got the list or object that it hands on, or None."""
    return next((i for i, y in enumerate(inside) if x is y and y is not None), None)


class Taken:
    """The examples for which `test` holds, a lane of booleans or a bool."""

    unsure = narrows = False

    def __init__(self, test, leader=None):
        self._forget()
        if not isinstance(test, Lane):
            self.none, self.all = not test, bool(test)
        else:
            effects.decided()
            self.mask = test.data
            self.verbs = xp.of(self.mask)
            self.none, self.all = known(self.mask) if leader is None else (False, False)
            if leader is not None:
                self._leader = leader

    def _forget(self):
        """Nothing is led yet. `reached` are things that only a function or an item leads to."""
        self.sizes, self.functions, self.copies, self.reached = {}, {}, {}, []

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

            _ = self.leader
            now = lambda: self._now(block, carried, given, first)  # noqa: E731
            return Run.of(*staged.run_if_any(self.mask, now, (carried, given)))
        return Run.of(*self._now(block, carried, given, first))

    def _now(self, block, carried, given, first):
        self._forget()
        inside = self.led((*carried, *given))
        more = () if first is None else (self.lent(first()),)
        with setting(effects.masked, effects.masked.get() or not self.all):
            results = block(*more, *inside)
        return self.found(inside, results)

    def found(self, inside, results):
        """What a block was given and what it returned, as the examples have it: for `Run.of`."""
        self.refuse_lost(inside)
        inside = [self.unled(x) if changeable(x) else None for x in inside]
        places = [_place(x, inside) for x in results]
        return inside, [self.unled(x) if i is None else None
                        for i, x in zip(places, results, strict=True)], places  # fmt: skip

    def lent(self, x):
        """`x` inside the block, where what is changed in it is not put together afterwards."""
        new = self.leads(x)
        if new is not x and not isinstance(new, Lane):
            self.reached.append((x, Watched((new,))))
        return new

    def refuse_lost(self, inside):
        """Nothing was changed that is not among the things that the block was given."""
        if any(copy.changed(tuple(inside)) for _, copy in self.reached):
            refuse_lost()

    def unled(self, x):
        """What a block hands on as it was given it: each example has its own again."""
        if self.all:
            return x
        if isinstance(x, (Led, Block)) and x.taken is self:
            return x.base
        if isinstance(x, Lane):
            return self._own_sizes(x)
        if inspect.isfunction(x):
            return next((f for f, new in self.functions.values() if new is x), x)
        if isinstance(x, tuple):
            return rebuilt(x, [self.unled(v) for v in x])
        if isinstance(x, Items):
            x.fill([(self.unled(e), self._own(m)) for e, m in x.pairs()])
        elif isinstance(x, list):
            x[:] = map(self.unled, x)
        elif isinstance(x, dict):
            dict.update(x, {k: self.unled(v) for k, v in x.items()})
        elif changeable(x):
            x.__dict__.update({k: self.unled(v) for k, v in vars(x).items()})
        return x

    def _own_sizes(self, x):
        sizes = [self._own(n) for n in x.sizes]
        if all(m is n for m, n in zip(sizes, x.sizes, strict=True)):
            return x
        if isinstance(x, Length):
            return x.having(x.data, sizes)
        return Lane(x.data, sizes, weak=x.weak)

    def _own(self, led):
        """The lengths or the mask that were led."""
        return next((n for n, row in self.sizes.values() if row is led), led)

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
            return x.having(self.lengths(x.data), outer)
        if isinstance(x, Lane) and not isinstance(x, Trip):
            return Led(self, x)
        if hasattr(type(x), "leads"):  # a trip's number; a name without a value
            return x.leads(self)
        if changeable(x):
            if id(x) not in self.copies:
                self.copies[id(x)] = x, self._copy(x)
            return self.copies[id(x)][1]
        if isinstance(x, tuple):
            return rebuilt(x, [self.leads(v) for v in x])
        if callable(x):
            return self.function(x)
        if self.unsure and xp.framework_of(x) and self.verbs.is_inexact(x.dtype):
            return self.verbs.where(self.mask.any(), x, self.verbs.stop_gradient(x))
        return x

    def _copy(self, x):
        """A list, a dict or an object inside; two names for one are given the same copy."""
        if isinstance(x, Items):
            here = [m if m is None else self.lengths(m) for m in x.here]
            return type(x)([self.leads(v) for v, _ in x.pairs()], here)
        if isinstance(x, list):
            return rebuilt(x, [self.leads(v) for v in x])
        new = copy.copy(x)  # a Counter stays one
        entries = new if isinstance(x, dict) else new.__dict__
        dict.update(entries, {k: self.leads(v) for k, v in entries.items()})
        return new

    def function(self, f):
        """A function that reads lanes from outside itself reads the leader's; a method too."""
        if isinstance(f, functools.partial):
            own = {k: self.lent(v) for k, v in f.keywords.items()}
            return functools.partial(self.leads(f.func), *map(self.lent, f.args), **own)
        if inspect.ismethod(f):
            return types.MethodType(f.__func__, self.lent(f.__self__))
        if not inspect.isfunction(f) or not reads_lanes(f, set()):
            return f
        if id(f) not in self.functions:  # it may read itself
            cells = tuple(types.CellType() for _ in f.__closure__ or ())
            new = types.FunctionType(f.__code__, f.__globals__, f.__name__, None, cells)
            self.functions[id(f)] = f, new
            new.__defaults__ = f.__defaults__ and self.lent(f.__defaults__)
            new.__kwdefaults__ = f.__kwdefaults__ and self.lent(f.__kwdefaults__)
            for cell, value in zip(cells, _contents(f), strict=True):
                if value is not _EMPTY:
                    cell.cell_contents = self.lent(value)
        return self.functions[id(f)][1]

    @property
    def leader(self):
        if not hasattr(self, "_leader"):
            self._leader = _first(self.verbs, self.mask)
        return self._leader

    def row(self, data):
        """The data with the leader's row for every follower; nothing flows back to the leader."""
        verbs = self.verbs
        mask = verbs.reshape(self.mask, (data.shape[0],) + (1,) * (data.ndim - 1))
        return verbs.where(mask, data, self.one(data))

    def rows_of(self, x):
        """The data of a lane, led."""
        return self.row(x.data)

    def keeps(self, x):
        """Is the leader's row of it kept aside?"""
        return False

    def one(self, data):
        """The leader's row, cut off from the gradient."""
        return row_of(self.verbs, data, self.leader)

    def lengths(self, n):
        """Led lengths, or a list's mask: the same object for the same lengths."""
        if id(n) not in self.sizes:
            self.sizes[id(n)] = n, self.row(n)
        return self.sizes[id(n)][1]


def row_of(verbs, data, i):
    """One example's row; nothing flows back to it."""
    if isinstance(i, int):
        return verbs.stop_gradient(data[i : i + 1])
    if verbs.name == "torch":  # under vmap
        return verbs.stop_gradient(data.index_select(0, i.reshape(1)))
    rest = [0] * (data.ndim - 1)
    return verbs.stop_gradient(verbs.dynamic_slice(data, i, *rest, size=(1, *data.shape[1:])))


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
            self._data = self.taken.rows_of(self.base)
        return self._data

    def entries(self, axis, i):
        """One place of a dim is led alone, which is less than the whole."""
        if isinstance(i, Trip) and i.table.has(self):
            return i.table.entries(self, axis, i)
        if self.taken.keeps(self.base):
            return super().entries(axis, i)
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
    defaults = *(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()
    for x in (*_contents(f), *defaults):
        if inspect.isfunction(x):
            if x not in seen and reads_lanes(x, seen):
                return True
        elif isinstance(x, (Lane, Items, list, tuple, dict)) or changeable(x):
            return True
    return False


def known(mask):
    """`(none, all)`: of `all` None where nobody knows before it runs."""
    looked()
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
