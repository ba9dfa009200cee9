"""Whole numbers that the host knows: counters, lengths, words, the children of a node.

Programs decide by them, and the program counters are the host's. So what is computed from them is
worked out by NumPy, which takes a microsecond, and only what goes into the user's arrays becomes
an array of the framework. Whatever NumPy would not do just as the framework does is left to it.
"""

import operator

import numpy as np

from autodiff_lab import xp

from ...lane import WATCHING, Lane, Length


class Whole(Lane):
    """A lane of whole numbers or booleans. `host` holds them, `own` the sizes of ragged dims."""

    __slots__ = ("host", "own", "_like", "_data", "_sizes")

    def __init__(self, host, like, weak=False, own=None, data=None):
        self.host, self._like, self._data, self._sizes = host, like, data, None
        self.own = (None,) * (host.ndim - 1) if own is None else own
        self.weak, self.fill, self.look, self.parts, self.bound = weak, None, None, None, None

    # ----- as every lane has it -----
    @property
    def data(self):
        if self._data is None:
            self._data = xp.of(self._like).asarray(self.host, self._like)
        return self._data

    @property
    def sizes(self):
        if self._sizes is None:
            verbs = xp.of(self._like)
            self._sizes = tuple([None if n is None else verbs.asarray(n, self._like)
                                 for n in self.own])  # fmt: skip
        return self._sizes

    @property
    def like(self):
        return self._like

    @property
    def extent(self):
        return self.host.shape[1:]

    @property
    def examples(self):
        return len(self.host)

    @property
    def ndim(self):
        return len(self.own)

    # ----- what NumPy does as well -----
    def rows(self, rows):
        own = [None if n is None else n[rows] for n in self.own]
        return Whole(self.host[rows], self._like, self.weak, tuple(own))

    def __getitem__(self, index):
        places = index if type(index) is tuple else (index,)
        found = None if WATCHING or len(places) > self.ndim else self._inside(places)
        if found is None:
            return super().__getitem__(index)
        return Whole(self.host[found], self._like, self.weak, self.own[len(places) :])

    def _inside(self, places):
        """An index of NumPy's; None where an example has no such entry."""
        found = [np.arange(len(self.host))]
        for place, own, padded in zip(places, self.own, self.extent, strict=False):
            i, size = numbers(place), padded if own is None else own
            if i is None:
                return None
            i = np.where(np.asarray(i) < 0, i + size, i)
            if ((i < 0) | (i >= size)).any():
                return None
            found.append(i)
        return tuple(found)

    def __neg__(self):
        if WATCHING or self.host.dtype.kind != "i":
            return super().__neg__()
        return Whole(-self.host, self._like, self.weak, self.own)


def numbers(x):
    """NumPy's numbers of a lane or an int; None if the host does not know them."""
    if type(x) is int:
        return x
    if type(x) is Whole:
        return x.host if x.host.dtype.kind == "i" and not x.ndim else None
    return on_host(x.data) if type(x) is Length and not x.ndim else None


def on_host(data):
    """An array of the framework as NumPy's; None under a tracer, which has no numbers."""
    try:
        found = np.asarray(data)
    except Exception:
        return None
    return found if found.dtype.kind in "ib" else None


def known(x):
    """A lane, which is `Whole` if it can be."""
    if type(x) is not Lane or any([n is not None and n.ndim > 1 for n in x.sizes]):
        return x
    verbs = xp.of(x.data)
    is_plain = type(x.data) in verbs.plain_kinds if verbs.name == "torch" else True
    if not is_plain or verbs.is_inexact(x.dtype):
        return x
    host, own = on_host(x.data), [n if n is None else on_host(n) for n in x.sizes]
    if host is None or any([n is None for n, m in zip(own, x.sizes, strict=True) if m is not None]):
        return x
    return Whole(host, x.data, x.weak, tuple(own), x.data)


def joined(parts, like):
    """Lanes of whole numbers, and numbers of Python's, one after the other; None of others."""
    if not all([type(x) in (int, bool) or type(x) is Whole for x in parts]):
        return None
    rows = [x.host if type(x) is Whole else np.asarray([x]) for x in parts]
    looks = {(x.dtype, x.shape[1:]) for x in rows}
    if len(looks) > 1 or any([n is not None for x in parts if type(x) is Whole for n in x.own]):
        return None
    weak = all([type(x) is not Whole or x.weak for x in parts])
    return Whole(np.concatenate(rows), like, weak)


def _by_numpy(name, allowed):
    """An operation of two numbers of which `allowed(other)` holds."""
    plain, general = getattr(operator, name.strip("_")), getattr(Lane, f"__{name}__")

    def operate(self, other):
        b = None if WATCHING or self.ndim or self.host.dtype.kind != "i" else numbers(other)
        if b is None or not allowed(b):
            return general(self, other)
        is_alone = type(b) is int
        if not is_alone and b.dtype != self.host.dtype:
            return general(self, other)
        try:
            found = plain(self.host, b)
        except OverflowError:  # a number of Python's that the dtype does not hold
            return general(self, other)
        is_weak = self.weak and (is_alone or other.weak) or found.dtype == bool
        return Whole(found, self._like, found.dtype != bool and is_weak)

    return operate


def _flipped(name):
    plain, general = getattr(operator, name), getattr(Lane, f"__r{name}__")

    def operate(self, other):
        if WATCHING or self.ndim or type(other) is not int or self.host.dtype.kind != "i":
            return general(self, other)
        try:
            return Whole(plain(other, self.host), self._like, self.weak)
        except OverflowError:
            return general(self, other)

    return operate


def _any(b):
    return True


def _is_positive(b):
    return type(b) is int and b > 0


for _name in ("add", "sub", "mul", "lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Whole, f"__{_name}__", _by_numpy(_name, _any))
for _name in ("floordiv", "mod"):
    setattr(Whole, f"__{_name}__", _by_numpy(_name, _is_positive))
for _name in ("add", "sub", "mul"):
    setattr(Whole, f"__r{_name}__", _flipped(_name))
