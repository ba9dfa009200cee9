"""Lists, dicts, objects and functions of Python's: each example has its own.

A thing holds the numbers of its parts (see `log`), and variables hold the thing: so two names for
one list see each other's changes, as in Python. A block is shown all of its examples' things as
one: `Lists` for lists, which may differ in length; a dict or an object with each example's parts.
"""

import copy

import numpy as np

from autodiff_lab import xp

from ...errors import MaskError
from ...lane import Lane
from ...lifting.items import Items
from .log import Differ
from .whole import Whole


class Listed:
    """One example's list."""

    def __init__(self, numbers):
        self.numbers = numbers


class Record:
    """One example's dict or object: the numbers of its entries or attributes."""

    def __init__(self, like, numbers):
        self.like, self.numbers = like, numbers


class Closure:
    """One example's function, which was defined in a frame of it."""

    def __init__(self, code, graph, frame, defaults):
        self.code, self.graph, self.frame, self.defaults = code, graph, frame, defaults


class Lists:
    """One list of each example, side by side."""

    def __init__(self, turn, things):
        self.turn, self.things = turn, things

    # ----- sizes -----
    def lengths(self):
        return [len(t.numbers) for t in self.things]

    def size(self):
        """`len`: a number, or each example's own."""
        lengths = self.lengths()
        if len(set(lengths)) == 1:
            return lengths[0]
        return Whole(np.asarray(lengths), self.turn.log.like, weak=True)

    def __len__(self):
        if len(set(self.lengths())) > 1:
            raise MaskError("a list has another length in each example")
        return self.lengths()[0]

    def __bool__(self):
        if len({n > 0 for n in self.lengths()}) > 1:
            raise MaskError("a list is empty in some examples only")
        return self.lengths()[0] > 0

    # ----- elements -----
    def _places(self, i):
        if isinstance(i, Lane):
            return i.host.tolist() if type(i) is Whole else host(i.data)
        return [i] * len(self.things)

    def __getitem__(self, i):
        if isinstance(i, slice):
            ends = zip(*[self._places(v) for v in (i.start, i.stop, i.step)], strict=True)
            pairs = zip(self.things, ends, strict=True)
            return Lists(self.turn, [Listed(t.numbers[slice(*own)]) for t, own in pairs])
        places = zip(self.things, self._places(i), strict=True)
        return self.turn.get([t.numbers[own] for t, own in places])

    def __setitem__(self, i, x):
        for t, own, new in zip(self._changed(), self._places(i), self.turn.put(x), strict=True):
            t.numbers[own] = new

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    def append(self, x):
        for t, new in zip(self._changed(), self.turn.put(x), strict=True):
            t.numbers.append(new)

    def extend(self, xs):
        if isinstance(xs, Lists):
            for t, other in zip(self._changed(), xs.things, strict=True):
                t.numbers += other.numbers
        else:
            for x in xs:
                self.append(x)

    def insert(self, i, x):
        for t, own, new in zip(self._changed(), self._places(i), self.turn.put(x), strict=True):
            t.numbers.insert(own, new)

    def pop(self, i=-1):
        places = self._places(i)
        return self.turn.get([t.numbers.pop(own)
                              for t, own in zip(self._changed(), places, strict=True)])  # fmt: skip

    def reverse(self):
        for t in self._changed():
            t.numbers.reverse()

    def clear(self):
        for t in self._changed():
            t.numbers.clear()

    def copy(self):
        return self[:]

    def __add__(self, other):
        new = self.copy()
        new.extend(other)
        return new

    def _changed(self):
        """The lists, which are about to change: a turn that fails takes it back."""
        for t in self.things:
            self.turn.before.setdefault(t, list(t.numbers))
        return self.things

    # ----- as lifted code has lists -----
    def items(self):
        """All elements; those that some examples do not have, with a mask."""
        lengths, found = np.asarray(self.lengths()), Items()
        verbs, like = self.turn.log.verbs, self.turn.log.like
        for i in range(max(lengths)):
            have = lengths > i
            spare = self.things[int(have.argmax())].numbers[i]
            element = self.turn.get([t.numbers[i] if len(t.numbers) > i else spare
                                     for t in self.things])  # fmt: skip
            found.add(element, None if have.all() else verbs.asarray(have, like))
        return found


class Views:
    """What a block is shown of its examples' things, and what it has changed."""

    def __init__(self, turn):
        self.turn, self.shown, self.known, self.owner = turn, {}, {}, {}

    def of(self, things):
        """One view of one thing for each example; the same things are shown as the same."""
        key = tuple(map(id, things))
        if key in self.shown:
            return self.shown[key][0]
        if set(map(type, things)) != {Listed}:
            kinds = [_kind(t) for t in things]
            if any([k != kinds[0] for k in kinds]):
                different = list(dict.fromkeys(kinds))
                raise Differ(np.asarray([different.index(k) for k in kinds]))
        if isinstance(things[0], (Record, Listed)):
            if any([self.owner.get(t, key) != key for t in things]):  # two names for some only
                raise Differ(np.arange(len(things)))
            self.owner.update(dict.fromkeys(things, key))
        self.shown[key] = view, _ = self._made(things)
        self.known[id(view)] = things
        return view

    def _made(self, things):
        """`(view, the parts that it has)`."""
        if isinstance(things[0], Closure):
            return self.turn.function_of(things), None
        if isinstance(things[0], Listed):
            found = Lists(self.turn, things)
            if not self.turn.whole:
                return found, None
            if self.turn.strict and len(set(found.lengths())) > 1:
                raise Differ(np.asarray(found.lengths()))
            items = found.items()
            return items, items.pairs()
        parts = {k: self.turn.get([t.numbers[k] for t in things]) for k in things[0].numbers}
        if isinstance(things[0].like, dict):
            view = copy.copy(things[0].like)
            view.clear()
            view.update(parts)
            return view, parts
        view = copy.copy(things[0].like)
        view.__dict__.clear()
        view.__dict__.update(parts)
        return view, parts

    def changes(self):
        """What a block has written into lists, dicts and objects: `(things, new numbers)`."""
        for view, parts in list(self.shown.values()):
            if isinstance(view, Items) and not _same_pairs(view.pairs(), parts):
                yield self.known[id(view)], self.turn.listed(view)
            elif parts is not None and not isinstance(view, Items):
                now = view if isinstance(view, dict) else vars(view)
                if list(now) != list(parts) or any(now[k] is not parts[k] for k in now):
                    things = self.known[id(view)]
                    yield things, self._numbers(things, now, parts)

    def _numbers(self, things, now, parts):
        columns = {k: [t.numbers[k] for t in things] if k in parts and x is parts[k]
                   else self.turn.put(x) for k, x in now.items()}  # fmt: skip
        return [{k: column[i] for k, column in columns.items()} for i in range(len(things))]


def _same_pairs(a, b):
    return len(a) == len(b) and all(x is y and m is n for (x, m), (y, n) in zip(a, b, strict=True))


def _kind(thing):
    if isinstance(thing, Record):
        return type(thing.like), tuple(thing.numbers)
    return (Closure, id(thing.code), id(thing.graph)) if isinstance(thing, Closure) else Listed


def host(data):
    """An array of each example's own numbers as Python's."""
    try:
        return data.tolist()
    except Exception:  # inside a gradient an array is more than its numbers
        kind = bool if data.dtype == xp.of(data).bool_type else int
        return [kind(data[i]) for i in range(data.shape[0])]
