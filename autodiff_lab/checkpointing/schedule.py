"""When to keep a state and when to compute it again: schedules for reversing a chain of steps.

A chain of l steps leads from state 0 to state l. To pull a cotangent back through it, every step is
recorded once, the last one first, and a step can be recorded only where its first state is at hand.
A schedule is a generator of actions; who carries them out (`reversal`) knows the arrays, and a
schedule knows none. All schedules give the same gradient; they trade memory for steps.

    keep nothing, every sqrt(l)   Chen, Xu, Zhang, Guestrin 2016
    revolve                       Griewank and Walther, ACM TOMS 26(1), 2000 (Algorithm 799)
    online                        Wang, Moin, Iaccarino, SIAM J. Sci. Comput. 31(4), 2009
"""

from math import comb, isqrt
from typing import NamedTuple


class Advance(NamedTuple):
    """Run steps start..stop-1, and keep nothing of them."""

    start: int
    stop: int


class Record(NamedTuple):
    """Run steps start..stop-1 on a tape."""

    start: int
    stop: int


class Pull(NamedTuple):
    """Pull the cotangent of state `stop` back along that tape, and drop the tape."""

    start: int
    stop: int


class Snapshot(NamedTuple):
    """Keep the current state, which is state `at`."""

    at: int


class Restore(NamedTuple):
    """Go on from the snapshot of state `at`; it stays."""

    at: int


class Free(NamedTuple):
    """Drop the snapshot of state `at`."""

    at: int


class Ask(NamedTuple):
    """Is there another step from state `at`? The answer is sent into the generator."""

    at: int


class Turn(NamedTuple):
    """The last state is there. From here on cotangents come back."""


# ----- the number of steps is known: one or more -----
def everything(steps):
    """Store all: one tape of all the steps, and nothing is computed twice."""
    yield Record(0, steps)
    yield Turn()
    yield Pull(0, steps)


def nothing(steps):
    """Keep the first state only: all the steps are computed twice."""
    yield Snapshot(0)
    yield Advance(0, steps)
    yield Turn()
    yield from _segments([0], steps)


def every_root(steps):
    """A snapshot every sqrt(l) steps; each segment between two of them is one tape."""
    length = isqrt(steps - 1) + 1
    taken = list(range(0, steps, length))
    for at in taken:
        yield Snapshot(at)
        if at != taken[-1]:
            yield Advance(at, at + length)
    yield from _segments(taken, steps, before=Turn())


def revolve(steps, snapshots):
    """With `snapshots` states at most, the first one included, advance as few steps as possible.

    The number of steps that are advanced is `extra_steps(steps, snapshots)`.
    """
    yield Snapshot(0)
    yield from _revolved([0], steps, snapshots, before=Turn())


def extra_steps(steps, snapshots):
    """t(l, s) = r l - C(s + r, r - 1), where r is the smallest number with C(s + r, s) >= l.

    >>> extra_steps(10, 3), extra_steps(56, 5), extra_steps(100, 4)
    (15, 140, 374)
    """
    r = _repeats(steps, snapshots)
    return r * steps - comb(snapshots + r, r - 1) if r else 0


def _repeats(steps, snapshots):
    """How often a step is advanced at most."""
    r = 0
    while comb(snapshots + r, snapshots) < steps:
        r += 1
    return r


def _split(steps, snapshots):
    """After how many of the steps the next snapshot is due (the latest that is optimal)."""
    r = _repeats(steps, snapshots)
    left, right = comb(snapshots + r - 1, snapshots), comb(snapshots + r - 2, snapshots - 1)
    return max(1, min(left, steps - right))


# ----- the number of steps is known when the last one has been made -----
def nothing_online():
    at = 0
    while (yield Ask(at)):
        if not at:
            yield Snapshot(0)
        yield Advance(at, at + 1)
        at += 1
    yield Turn()
    yield from _segments([0] if at else [], at)


def every_root_online():
    """Snapshots at equal distances; when they become too many, every other one is dropped.

    When l is known, there are between sqrt(l) / 2 and sqrt(l) snapshots.
    """
    at, length, taken = 0, 1, []
    while (yield Ask(at)):
        if at % length == 0:
            if len(taken) == length:
                length, taken, spared = 2 * length, taken[::2], taken[1::2]
                yield from map(Free, spared)
            if at % length == 0:
                yield Snapshot(at)
                taken.append(at)
        yield Advance(at, at + 1)
        at += 1
    yield Turn()
    yield from _segments(taken, at)


def online(snapshots):
    """At any time at most `snapshots` states, and as few repeats as their number allows.

    Each snapshot has a level. One with a higher level behind it can be spared; if there is none,
    the latest moves on and rises by one level. So they come to lie as `revolve` would place them.
    """
    at, levels = 0, {}  # of each snapshot
    while (yield Ask(at)):
        if not levels:
            level = 1 << 62  # the first state can never be computed again
        elif len(levels) < snapshots:
            level = 0
        else:
            spare = _spare(levels)
            level = 0 if spare is not None else levels[max(levels)] + 1
            spare = max(levels) if spare is None else spare
            if spare == 0:  # a single snapshot: it stays where it is
                level = None
            else:
                yield Free(spare)
                del levels[spare]
        if level is not None:
            yield Snapshot(at)
            levels[at] = level
        yield Advance(at, at + 1)
        at += 1
    yield Turn()
    if levels:
        taken = sorted(levels)
        yield Restore(taken[-1])
        yield from _revolved(taken, at, snapshots)


def _spare(levels):
    """The latest snapshot, but for the first, that has one of a higher level behind it."""
    highest = -1
    for at in sorted(levels, reverse=True):
        if at and levels[at] < highest:
            return at
        highest = max(highest, levels[at])
    return None


# ----- the way back -----
def _segments(taken, end, before=None):
    """From each snapshot to the next, one tape. The current state is the last snapshot's state,
    if an action is given that comes `before` the first pull."""
    for at in reversed(taken):
        if before is None:
            yield Restore(at)
        yield Record(at, end)
        if before is not None:
            yield before
            before = None
        yield Free(at)
        yield Pull(at, end)
        end = at


def _revolved(taken, end, snapshots, before=None):
    """One step after the other, the last one first; snapshots that are free are used again.

    The current state is that of the last snapshot.
    """
    while end:
        here = taken[-1]
        while end - here > 1 and len(taken) < snapshots:
            there = here + _split(end - here, snapshots - len(taken) + 1)
            if there == end - 1:  # where it is recorded at once
                break
            yield Advance(here, there)
            yield Snapshot(there)
            taken.append(there)
            here = there
        if end - here > 1:
            yield Advance(here, end - 1)
        yield Record(end - 1, end)
        end -= 1
        if before is not None:
            yield before
            before = None
        if taken[-1] == end:
            yield Free(taken.pop())
        yield Pull(end, end + 1)
        if taken:
            yield Restore(taken[-1])
