"""Pieces of a tape that ran inside of `ad.checkpoint`, and the schedule that a gradient follows.

The tape shows every operation once. What a gradient lets go of, holds as a snapshot and computes
again is asked of the schedule itself (`autodiff_lab.checkpointing.schedule`), step by step. A loop
with `until=` leaves no count: its steps are found as what repeats. Steps count as equally long.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

SAID = re.compile(r"checkpoint ?(\w*)(, until)?(?:, (\d+) steps)?(?:, (\d+) snapshots)?")


@dataclass(frozen=True)
class Segment:
    first: int
    stop: int
    policy: str
    bounds: tuple  # where each step begins, and the end of the last
    told: bool = True  # is the number of steps known beforehand?
    snapshots: int | None = None

    @cached_property
    def actions(self):
        """What the schedule does: `(action, the step up to which all is pulled back, or None)`."""
        from autodiff_lab.checkpointing import Policy, schedule

        last = len(self.bounds) - 1
        plan = Policy(self.policy, snapshots=self.snapshots)
        running = plan.schedule(last if self.told else None)
        found, answer, end = [], None, None
        while True:
            try:
                action = running.send(answer)
            except StopIteration:
                return tuple(found)
            answer = action.at < last if type(action) is schedule.Ask else None
            end = last if type(action) is schedule.Turn else end
            found.append((action, end))
            end = action.start if type(action) is schedule.Pull else end

    def _of(self, kind):
        return [(a, end) for a, end in self.actions if type(a).__name__ == kind]

    @cached_property
    def pieces(self):
        """What is let go of and computed again as one: `(first, stop)`."""
        return [(self.bounds[a.start], self.bounds[a.stop])
                for a, end in self._of("Record") if end is not None]  # fmt: skip

    @cached_property
    def again(self):
        """How many operations are run without being recorded: they will be run again."""
        return sum(self.bounds[a.stop] - self.bounds[a.start] for a, _ in self._of("Advance"))

    def held(self, n):
        """`(state, from, until)` for each snapshot but the first, in the steps of both passes."""
        since, now = {}, self.first
        for action, end in self.actions:
            kind = type(action).__name__
            if kind == "Advance" and end is None:
                now = self.bounds[action.stop]
            time = now if end is None else 2 * n - self.bounds[end]
            if kind == "Snapshot":
                since[action.at] = time
            elif kind == "Free" and action.at:
                yield action.at, since.pop(action.at), time

    @cached_property
    def kept(self):
        """The states of which a snapshot is held at some time."""
        return {a.at for a, _ in self._of("Snapshot") if a.at}

    def states(self, last):
        """For each step what was made in the segment before it and is read from there on."""
        found = {at: [] for at in range(len(self.bounds))}
        for i in range(self.first, self.stop):
            stop = bisect_right(self.bounds, last.get(i, i))
            for at in range(bisect_right(self.bounds, i), stop):
                found[at].append(i)
        return found


def segments(tape):
    """The segments of a tape, in order."""
    found = []
    for (mark, *_), group in groupby(tape.nodes, _checkpoint):
        if mark is not None:
            found.append(_segment(mark, list(group), tape.framework))
    return found


def _checkpoint(node):
    mark = next((name for name in node.scope or () if name.startswith("checkpoint")), None)
    return mark, getattr(mark, "where", None), getattr(mark, "serial", None)


def _segment(mark, nodes, framework):
    policy, until, steps, snapshots = SAID.match(mark).groups()
    first, count = nodes[0].index, len(nodes)
    if until:
        each = _period([(n.op, n.part, n.where) for n in nodes])
        bounds = [*range(0, count - count % each, each), count]
    else:
        steps = int(steps or count)
        bounds = [count * k // steps for k in range(steps + 1)]
    by_operation = not until and steps == count and "steps" not in mark
    told = not until and (framework == "jax" or not by_operation or policy in ("", "none", "all"))
    return Segment(first, first + count, policy or "none", tuple(first + k for k in bounds),
                   told and policy != "online", snapshots and int(snapshots))  # fmt: skip


def _period(keys):
    """The shortest length after which the keys repeat (Knuth, Morris and Pratt 1977)."""
    border = [0] * (len(keys) + 1)
    k = border[0] = -1
    for i, key in enumerate(keys):
        while k >= 0 and keys[k] != key:
            k = border[k]
        k += 1
        border[i + 1] = k
    return len(keys) - border[-1]
