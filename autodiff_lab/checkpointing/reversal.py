"""Carry out a schedule: the forward run up to the turn, later the way back.

What is reversed is a program: steps that lead from state to state, on either framework.

    advance(state, start, stop)   -> the state at `stop`
    record(state, start, stop)    -> a piece of tape, the state at `stop`
    more(state, at)               -> is there another step? (where the schedule asks)
    keep(state, at), restore(it)  a snapshot, and the state again
    pull(piece, cotangents, sums) from the cotangents of the state at `stop` to those at `start`

Cotangents stand in a dict, under names that the program gives to its values. What a step reads from
outside (parameters) has one name throughout, and its cotangent is a running sum that each piece's
walk goes on with. So the terms are added one by one in the order in which a single tape of all the
steps would add them, and the gradient does not depend on the schedule, to the last bit.
"""

from typing import NamedTuple

from ..reverse import walk
from . import schedule
from .measure import seen


class Reversal:
    """One run of a program under a schedule."""

    def __init__(self, program, actions, state):
        self.program, self.actions, self.state = program, actions, state
        self.snapshots, self.piece, self.cotangents = {}, None, None
        self.sent = None  # the answer to the action that came last
        self._do = {
            schedule.Advance: self._advance,
            schedule.Record: self._record,
            schedule.Pull: self._pull,
            schedule.Snapshot: self._snapshot,
            schedule.Restore: self._restore,
            schedule.Free: self._free,
            schedule.Ask: lambda at: self.program.more(self.state, at),
        }

    def forward(self):
        """Up to the turn. Returns the last state."""
        self.until(schedule.Turn)
        state, self.state = self.state, None
        return state

    def backward(self, cotangents):
        """From the turn to the end: `cotangents` of the last state become those of the first."""
        self.cotangents, self.sums = cotangents, set()
        self.until(None)
        return cotangents

    def until(self, kind):
        """Carry out what comes before an action of this kind, and return that."""
        while True:
            try:
                action = self.actions.send(self.sent)
            except StopIteration:
                return None
            if type(action) is kind:
                self.sent = None
                return action
            self.sent = self._do[type(action)](*action)
            seen(action, self)

    def _advance(self, start, stop):
        self.state = self.program.advance(self.state, start, stop)

    def _record(self, start, stop):
        self.piece, self.state = self.program.record(self.state, start, stop)

    def _pull(self, start, stop):
        piece, self.piece, self.state = self.piece, None, None
        self.program.pull(piece, self.cotangents, self.sums)

    def _snapshot(self, at):
        self.snapshots[at] = self.program.keep(self.state, at)

    def _restore(self, at):
        self.state = self.program.restore(self.snapshots[at])

    def _free(self, at):
        del self.snapshots[at]


class Piece(NamedTuple):
    """A tape of some steps, with the names of what goes in and of what comes out."""

    tape: object
    inputs: list  # (name, node)
    outputs: list


def pull(piece, cotangents, sums):
    """Walk the piece back; `cotangents` is changed in place.

    `sums` are the names whose sums a walk has made: the next one adds to them in the same way, with
    the same bits, as if there had been one walk.
    """
    tape = piece.tape
    found = [None] * len(tape.nodes)
    for name, node in piece.inputs:
        found[node.index] = cotangents.get(name)
    for name, node in piece.outputs:
        g = cotangents.pop(name, None)
        if g is not None:
            before = found[node.index]
            found[node.index] = g if before is None else before + g
    ours = {node.index for name, node in piece.inputs if name in sums}
    walk(tape, found, once=True, sums=ours)
    for name, node in piece.inputs:
        cotangents[name] = found[node.index]
        if node.index in ours:
            sums.add(name)
