"""Branches and loops that run for some of the examples: the strategy `shrink`.

A branch is run on the rows of those that take it. A loop keeps to the rows of those that go on:
when somebody leaves, what the loop had then is put aside, and the trips that follow are made by the
others alone. In the end each example is given what it had when it left. A loop over a ragged dim
knows beforehand who leaves when: it has the longest in front, and its items are laid out trip after
trip, without padding, as PyTorch's PackedSequence does.
"""

import contextlib
from typing import NamedTuple

from autodiff_lab import xp

from ..lane import NUMBERS, Lane
from ..setting import setting
from . import calls, effects, limits
from .changes import Watched, changeable, containers, refuse_lost
from .items import Items, become, each_of
from .joining import joined
from .laid_out import laid_out
from .leader import reads_lanes
from .log import Log, Part
from .some import Some, array_of


def branch(test, then, otherwise, carried, given):
    loop = Loop(test.data, carried, given)
    taking = loop.where(test)
    sides = [(taking, then), (loop.others(taking), otherwise)]
    groups = [loop.side(places, block) for places, block in sides if places]
    return loop.merged(groups) if groups else carried


def repeat(going, test, body, carried, given, flags, done):
    """`while`: those that are done leave."""
    from .batched import going_on, truth

    loop, trips = Loop(going.data, carried, given, logs=True), done
    with loop.running():
        loop.keep(loop.where(going))
        while loop.size:
            limits.check(trips, NUMBERS.get() or loop.numbers)
            trips += 1
            loop.trip(body)
            loop.keep(loop.where(going_on(loop.carried, flags)))
            if loop.size:
                loop.keep(loop.where(truth(loop.asked(test))))
    return loop.merged()


def each(items, body, carried, given, flags):
    """`for`: the i-th items of those that have one, as long as anybody has."""
    from .batched import going_on

    trips = items.trips.data if isinstance(items.trips, Lane) else None
    if not items.last:
        return carried
    like = trips if trips is not None else _like((*carried, *given, items.at(0)))
    loop = Loop(like, carried, given, logs=True)
    counts = [items.last] * loop.size if trips is None else trips.tolist()
    order = sorted([k for k in loop.numbers if counts[k] > 0], key=lambda k: -counts[k])
    parts = laid_out(items, order, counts)
    with loop.running():
        loop.keep(order)
        for i in range(items.last):
            if flags and i:
                loop.keep(loop.where(going_on(loop.carried, flags)))
            loop.keep_front(counts, i)
            if not loop.size:
                break
            loop.trip(body, parts.at(i, loop) if parts else loop.leads(items.at(i)))
    return loop.merged()


def rest(items, body, carried, given, flags):
    """Items one after the other, each with the mask of those that have it (None: all)."""
    from .batched import _both, going_on

    for mask, item in items:
        going = going_on(carried, flags)
        own = going if mask is None else _both(going, Lane(mask, ()))
        if own is False:
            continue
        if own is True:
            carried = body(item, *carried, *given)
            continue
        n = len(carried)
        run = lambda *now, n=n: body(now[-1], *now[:-1])  # noqa: E731
        carried = branch(own, run, None, carried, (*given, item))
    return carried


def _like(values):
    """An array with a row for each of the examples that are here."""
    for x in values:
        if isinstance(x, Lane):
            return x.data
        if isinstance(x, (list, tuple)) and (found := _like(each_of(x))) is not None:
            return found
    return None


class Group(NamedTuple):
    """What some examples have when they leave.

    They stood at `places` among `some` (None: among all). `copies` and `inside` are what they have
    of the lists and objects that were carried and given.
    """

    some: object
    places: object
    carried: tuple
    copies: tuple
    inside: tuple


class Loop:
    """The examples that are still in a loop, and what they have."""

    def __init__(self, like, carried, given, logs=False):
        self.verbs, self.like, self.count = xp.of(like), like, like.shape[0]
        self.before = carried, given
        self.logs = {id(x): Log(x, self) for x in (*carried, *given) if logs and type(x) is Items}
        self.carried, self.inside = [tuple([self.logs.get(id(x), x) for x in xs])
                                     for xs in self.before]  # fmt: skip
        self.copies = self.carried
        self.some, self.size, self.numbers = None, self.count, list(range(self.count))
        self.groups, self.outer, self.readers = [], NUMBERS.get(), {}
        self.reached = []

    # ----- who goes on -----
    def where(self, test):
        """The places of those of us for which it holds."""
        if not isinstance(test, Lane):
            return list(range(self.size)) if test else []
        holds = test.data.tolist()
        return [i for i in range(self.size) if holds[i]]

    def others(self, places):
        chosen = set(places)
        return [i for i in range(self.size) if i not in chosen]

    def keep(self, places):
        """Those at these places go on, in this order; the others leave with what they have."""
        if places == list(range(self.size)):
            return
        leaving = self.others(places)
        if leaving:
            self.groups.append(self.group(leaving))
        self._narrow(places)

    def keep_front(self, counts, i):
        """The longest stand in front; those that make no more trips leave."""
        size = self.size
        while size and counts[self.numbers[size - 1]] <= i:
            size -= 1
        if size < self.size:
            self.groups.append(self.group(range(size, self.size)))
            self._narrow(range(size))

    def _narrow(self, places):
        self.size, self.numbers = len(places), []
        if places:
            self.some = Some(self.like, self.count, places, self.some)
            self.reached.append(self.some.direct)
            self.numbers = self.some.numbers
            self.carried, self.copies, self.inside = self.taken(self.some)
            NUMBERS.set(self.some.among(self.outer))
            effects.masked.set(True)

    @contextlib.contextmanager
    def running(self):
        """Inside, errors name examples by their numbers among all."""
        with (setting(NUMBERS, self.outer), setting(effects.masked, effects.masked.get()),
              calls.straight(self.like)):  # fmt: skip
            yield

    def group(self, places):
        parts = {id(x): Part(x) for x in self.logs.values() if type(x) is Log}
        held = self.carried, self.copies, self.inside
        if parts:
            held = [tuple([parts.get(id(x), x) for x in xs]) for xs in held]
        return Group(self.some, places, *held)

    def lengths_like(self, counts):
        """These numbers of each example as an array: that of the trips, if they are the same."""
        own = self.like
        if own.dtype != self.verbs.bool_type and own.ndim == 1 and own.tolist() == counts.tolist():
            return own
        return array_of(self.verbs, counts, own)

    def taken(self, some):
        """`(carried, copies, inside)` for some of us; one list stays one."""
        known = {}

        def moved(x):
            if type(x) is Log and x.loop is self:
                return x
            if id(x) not in known:
                known[id(x)] = x, some.leads(x)
            return known[id(x)][1]

        carried, given = self.before
        inside = [moved(now) if changeable(x) else some.direct.leads(x)
                  for x, now in zip(given, self.inside, strict=True)]  # fmt: skip
        copies = [moved(now) if changeable(x) else None
                  for x, now in zip(carried, self.copies, strict=True)]  # fmt: skip
        return tuple(map(moved, self.carried)), tuple(copies), tuple(inside)

    # ----- what they do -----
    def leads(self, x):
        return x if self.some is None else self.some.direct.leads(x)

    def asked(self, f, *item):
        """`f` of what they have; a function that reads lanes from outside itself reads theirs."""
        if self.some is None:
            return f(*item, *self.carried, *self.inside)
        f = self.some.direct.function(f) if self.reads(f) else f
        found = f(*item, *self.carried, *self.inside)
        self.some.direct.refuse_lost((*self.copies, *self.inside))
        return found

    def reads(self, f):
        if f not in self.readers:
            self.readers[f] = reads_lanes(f, set())
        return self.readers[f]

    def trip(self, body, *item):
        self.carried = tuple(self.asked(body, *item))

    def side(self, places, block):
        """The group of one side of a branch, after its block."""
        if len(places) == self.count and block is None:
            return self.group(places)
        side = Loop(self.like, *self.before)
        with side.running():
            side.keep(places)
            side.carried = tuple(side.asked(block)) if block else side.carried
        return side.group(range(side.size))

    # ----- together again -----
    def merged(self, groups=None):
        """What the names hold afterwards; lists and objects that were changed are changed too."""
        if groups is None:
            self.keep([])
            groups = self.groups
        carried, given = self.before
        if not groups:  # there is nobody
            return self.carried
        if all(g.some is None for g in groups) and not self.logs:  # all left at once
            return groups[-1].carried
        results = tuple([self._result(groups, i) for i in range(len(groups[0].carried))])
        changed = [
            (x, joined(self, groups, [held[i] for held in column]))
            for column, xs in (([g.copies for g in groups], carried),
                               ([g.inside for g in groups], given))
            for i, x in enumerate(xs) if changeable(x)
        ]  # fmt: skip
        for x, new in changed:
            if new is not x:
                self.refuse_stale(x, new)
                become(x, new)
        return results

    def refuse_stale(self, x, new):
        """What changed was not read by a function that has it from outside: it read a copy."""
        lent = [thing for some in self.reached for thing, _ in some.reached]
        if any(x is y for y in containers(tuple(lent))) and Watched((x,)).changed_to((new,)):
            refuse_lost()

    def _result(self, groups, i):
        handed = [g.carried[i] for g in groups]
        carried, given = self.before
        both = ((carried, [g.copies for g in groups]), (given, [g.inside for g in groups]))
        for xs, column in both:
            for k, x in enumerate(xs):
                if changeable(x) and all(h is c[k] for h, c in zip(handed, column, strict=True)):
                    return x
        return joined(self, groups, handed)
