"""What a compiled loop hands from trip to trip: a tree of names' values, as a list of slots.

A slot is an array, or anything else that is the same in all trips. `settled` finds what a trip may
hand on: a number that becomes an array is one from the start, in the dtype that it will have.
"""

import copy

from autodiff_lab import xp

from ..errors import MaskError
from ..lane import Lane, Length, is_array, shared
from .blocks import Block, rebuilt
from .changes import changeable
from .items import Growing, Items, become
from .undefined import PartlyDefined, Undefined


class Unsettled(MaskError):
    """A loop cannot be compiled as one: what it hands on changes its kind from trip to trip."""


class Slots:
    """The leaves of a tree; `build(values)` makes the tree again, with copies of what can change.

    `form` is equal for trees of the same kind; `data` and `lengths` are the places of those of
    lanes. `lists` are the lists in it; of those numbered in `hidden`, which a loop fills, nothing
    is a slot, and `hiding` makes what takes their place.
    """

    def __init__(self, tree, hidden=()):
        self.values, self.form, self.lists, self.lengths = [], [], [], set()
        self.hidden, self.hiding = hidden, lambda x: Growing()
        self.data = []
        self._build = self._gather(tree)

    def build(self, values):
        return self._build(iter(values))

    def put(self, places, arrays):
        """The tree with arrays in some of the slots."""
        values = list(self.values)
        for i, x in zip(places, arrays, strict=True):
            values[i] = x
        return self.build(values)

    def _gather(self, x):
        opened = _opened(x)
        if opened is None:
            self.values.append(x)
            self.form.append(None)
            return next
        kind, children, build = opened
        self.form.append((kind, len(children)))
        if isinstance(x, Items):
            self.lists.append(x)
            if len(self.lists) - 1 in self.hidden:
                self.form[-1] = Growing
                return lambda new: self.hiding(x)
        if isinstance(x, Lane):
            at = len(self.values)
            self.data.append(at)
            self.lengths.update(range(at + 1, at + len(children)))
        parts = [self._gather(child) for child in children]
        return lambda new: build([part(new) for part in parts])


def _opened(x):
    """One level: `(kind, children, build)`, or None for a slot."""
    if isinstance(x, Lane):
        return _opened_lane(x)
    if isinstance(x, Block):
        return Block, (x.tree, x.size), lambda new: Block(*new)
    if isinstance(x, Items):
        n = len(x.pairs())
        children = [*[e for e, _ in x.pairs()], *x.here]
        return type(x), children, lambda new: type(x)(new[:n], new[n:])
    if isinstance(x, PartlyDefined):
        return (PartlyDefined, [x._value, x._defined],
                lambda new: PartlyDefined(x._name, *new))  # fmt: skip
    if changeable(x) and not isinstance(x, (list, dict)):
        names = list(vars(x))
        return (type(x), tuple(names)), list(vars(x).values()), lambda new: _with(x, names, new)
    if isinstance(x, dict):
        return (dict, tuple(x)), list(x.values()), lambda new: dict(zip(x, new, strict=True))
    if isinstance(x, (list, tuple)):
        return type(x), list(x), lambda new: rebuilt(x, new)
    return None


def _opened_lane(x):
    sizes = [n for n in x.sizes if n is not None]

    def build(new):
        data, *own = new
        if data is x.data and all(m is n for m, n in zip(own, sizes, strict=True)):
            return x
        own = iter(own)
        own = [None if n is None else next(own) for n in x.sizes]
        return x.having(data, own) if isinstance(x, Length) else Lane(data, own, weak=x.weak)

    kind = (
        (Length, *x.span) if isinstance(x, Length) else Lane,
        [n if n is None else n.ndim for n in x.sizes],
    )
    return kind, [x.data, *sizes], build


def _with(x, names, values):
    new = copy.copy(x)
    new.__dict__.update(zip(names, values, strict=True))
    return new


def same(a, b):
    """Is a slot left as it was?"""
    return a is b or (type(a) is type(b) and isinstance(a, (bool, int, float, str)) and a == b)


def as_in(old, new, count):
    """`old` in the kinds and dtypes of `new`: numbers and shared arrays as lanes."""
    if isinstance(new, Lane):
        return _as_lane(old, new, count)
    if isinstance(new, Growing):
        return old
    kinds = _opened(old), _opened(new)
    if kinds[0] is None or kinds[1] is None or kinds[0][0] != kinds[1][0]:
        if same(old, new) or (is_array(old) and is_array(new)):
            return old
        raise Unsettled(f"a name changes from {_told(old)} to {_told(new)} in a loop")
    (_, before, build), (_, after, _) = kinds
    if len(before) != len(after):
        raise Unsettled(f"a {type(old).__name__} changes its size in a loop")
    return build([as_in(a, b, count) for a, b in zip(before, after, strict=True)])


def _as_lane(old, new, count):
    if old is new or (isinstance(old, Length) and isinstance(new, Length)):
        return old
    if type(old) is Undefined:  # no value yet: NaN, where the dtype has it
        return Lane(_nothing(new), new.sizes, weak=new.weak)
    if isinstance(old, Length):
        old = Lane(old.data, (), weak=True)
    if isinstance(old, (bool, int, float, complex)) or is_array(old):
        old = shared(xp.of(new.data), count, old, new.data)
    if not isinstance(old, Lane) or tuple(old.data.shape) != tuple(new.data.shape):
        raise Unsettled(f"a name changes from {_told(old)} to {_told(new)} in a loop")
    if old.data.dtype == new.data.dtype and old.weak == new.weak:
        return old
    return Lane(old.data.astype(new.data.dtype), old.sizes, weak=new.weak)


def _nothing(x):
    from jax import numpy as jnp

    value = jnp.nan if jnp.issubdtype(x.dtype, jnp.inexact) else 0
    return jnp.full(x.data.shape, value, x.dtype)


def _told(x):
    return f"an array of shape {tuple(x.shape)}" if is_array(x) else repr(x)


def settled(trial, state, first, count):
    """`(slots, places)`: which slots a loop hands on, in the kinds that they keep.

    `trial(slots, places)` makes one trip and gives the tree after it. The lanes among the `first`
    slots are handed on; of all other slots, those that a trip changes.
    """
    slots = Slots(state)
    places = [i for i in slots.data if i < first]
    for _ in range(8):
        after = trial(slots, places)
        new = Slots(after, slots.hidden)
        grown = {k for k, (a, b) in enumerate(zip(slots.lists, new.lists, strict=False))
                 if k not in slots.hidden and len(a.pairs()) != len(b.pairs())}  # fmt: skip
        if grown:
            slots = Slots(state, {*slots.hidden, *grown})
            places = [i for i in places if i < len(slots.values)]
            continue
        state = as_in(state, after, count)
        old, slots = slots, Slots(state, slots.hidden)
        if slots.form != new.form:
            raise Unsettled("a loop hands on values whose kinds change from trip to trip")
        changed = [i for i, (a, b) in enumerate(zip(old.values, new.values, strict=True))
                   if i not in places and not same(a, b)]  # fmt: skip
        if any(not is_array(slots.values[i]) for i in changed):
            raise Unsettled("a loop hands on a number or an object that changes in each trip")
        if not changed and all(map(same, old.values, slots.values)):
            _check(slots, new, places)
            return slots, places
        places = sorted({*places, *changed})
    raise Unsettled("a loop hands on values whose kinds change from trip to trip")


def _check(old, new, places):
    looks = [[(x.shape, x.dtype) for x in (s.values[i] for i in places)] for s in (old, new)]
    if looks[0] != looks[1]:
        raise Unsettled("a loop hands on arrays whose shapes or dtypes change from trip to trip")


# ----- things that a trip may change in place -----
def lane(x, count, like):
    """What a loop hands on is an array from the start: a number would be frozen."""
    if isinstance(x, (bool, int, float, complex)) or is_array(x):
        return shared(xp.verbs("jax"), count, x, like)
    return x


def snapshots(carried):
    return [Slots(x).values if changeable(x) else None for x in carried]


def staying(carried, after, before):
    """The places of lists and objects that a trip hands on as the same ones, changed perhaps."""
    stay = []
    for i, (x, y) in enumerate(zip(carried, after, strict=True)):
        if changeable(x) and x is y:
            stay.append(i)
        elif changeable(x):
            now = Slots(x).values
            if len(now) != len(before[i]) or not all(map(same, now, before[i])):
                raise Unsettled("a loop changes a thing and puts another one in its place")
    return stay


def given_back(carried, given, after, given_after, stay):
    """What the names hold; things that were there before the loop are changed in place."""
    for x, y in [*zip(given, given_after, strict=True), *[(carried[i], after[i]) for i in stay]]:
        if changeable(x):
            become(x, y)
    return tuple(carried[i] if i in stay else y for i, y in enumerate(after))
