"""Steps that are the operations of a function.

While the function runs for the first time, each call of PyTorch is written down: what it takes from
elsewhere as it is, and slots for what earlier calls have made. Nobody knows then how many will come
nor what will still be needed: a snapshot takes what Python has not let go of, and is thinned out
when more is known. Afterwards the calls are made again, without the function: the branches and the
random numbers are those of the first time.
"""

import contextlib
import weakref
from typing import NamedTuple

import torch

from ... import trees, xp
from ...checkpointing import measure, reversal, schedule
from ...tape import Node, Tape
from .. import front
from ..box import Box
from ..inplace import memory
from .chance import Ambient


class Slot(NamedTuple):
    """What stands in a call for the value that another call has made."""

    name: int


class Call(NamedTuple):
    """One step: `func(*args, **kwargs)`. `ys` are the slots of its results; None: no derivative."""

    func: object
    args: tuple
    kwargs: dict
    reads: list
    ys: list
    ambient: object

    def made(self, env):
        """The results, from the values in the slots."""
        fill = lambda x: env[x.name] if type(x) is Slot else x  # noqa: E731
        with self.ambient.again() if self.ambient else contextlib.nullcontext():
            y = self.func(*_map(fill, self.args), **_map(fill, self.kwargs))
        return y


class FirstRun(Tape):
    """The tape of the first run. Its nodes are slots, and none of them keeps anything."""

    lean = False

    def __init__(self, verbs, program):
        super().__init__(verbs)
        self.program = program

    def met(self, row, func, args, kwargs):
        """A call on boxes of this tape, from `front`."""
        if not torch.is_grad_enabled():  # no derivative flows through it: its value stands fast
            return func(*front._unbox(self, args), **front._unbox(self, kwargs))
        boxes = []
        args, kwargs = _map(lambda x: self._slot(x, boxes), (args, kwargs))
        reads = list(dict.fromkeys(b.node.index for b in boxes))
        call = Call(func, args, kwargs, reads, [], self.program.ambient_now())
        kind, values, active = self.program.once(call, {b.node.index: b.value for b in boxes})
        for box in boxes:
            if values[0] is box.value:
                return box  # x.contiguous() may be x
        if any(active):
            self.program.before_step()
            values = [self._noted(call, row, y) if a else self._unnoted(call, y)
                      for y, a in zip(values, active, strict=True)]  # fmt: skip
            self.program.calls.append(call)
        return kind(values)

    def held(self, x):
        """How many tensors in the memory of x are there for a snapshot alone?"""
        there, living = memory(x), [id(v) for v in self.program.living().values()]
        snapshots = self.program.reversal.snapshots.values()
        held = {id(v): v for kept in snapshots for v in kept.values() if id(v) not in living}
        return [memory(_plain(v)) for v in held.values()].count(there)

    def _slot(self, x, boxes):
        if type(x) is not Box or x.tape is not self:
            return x
        if not x.node.active:
            return x.value
        boxes.append(x)
        return Slot(x.node.index)

    def _noted(self, call, row, y):
        node = self._append(Node(row, (), {}, y.shape, y.dtype, True))
        call.ys.append(node.index)
        return self.program.alive(Box.of(y, node, self))

    def _unnoted(self, call, y):
        call.ys.append(None)
        return y


class Calls:
    """A program for `reversal`. Slots are the names of values; a state is what is in them."""

    def __init__(self, plan, f, state, params, leaves, active, chance):
        self.f, self.rebuild = f, trees.flatten((state, params))[2]
        self.leaves, self.active = leaves, active
        self.calls, self.last_read, self.counted = [], {}, 0
        self.boxes, self.latest = [], None
        self.running, self.ambient = True, Ambient()
        self.reversal = reversal.Reversal(self, plan.schedule(), None)

    def forward(self):
        def call(given):
            (args, kwargs), _ = self.rebuild(given)
            return self.f(*args, **kwargs)

        tape = FirstRun(xp.verbs("torch"), self)
        front.run(tape, call, self.leaves, [""] * len(self.leaves), self.active)
        self.inputs = {n.index: x for n, x in zip(tape.inputs, tape.leaves, strict=True)}
        self.results = [node and node.index for node in tape.outputs]
        self.running = False
        self.reversal.until(schedule.Turn)
        self._count_reads()
        self.boxes, self.latest = [], None
        for at, kept in self.reversal.snapshots.items():
            self._thin(at, kept, ())
        results = trees.leaves(tape.output)
        return results, [i is not None for i in self.results], tape.rebuild

    def backward(self, gs):
        """From the cotangents of the results, by their place, to those of the leaves."""
        cotangents = {}
        for i, g in gs.items():
            if g is not None:
                before = cotangents.get(self.results[i])
                cotangents[self.results[i]] = g if before is None else before + g
        found = self.reversal.backward(cotangents)
        inputs = iter(self.inputs)
        return [found.get(next(inputs)) if a else None for a in self.active]

    # ----- the first run -----
    def ambient_now(self):
        ambient = Ambient()
        return ambient if ambient.was != self.ambient.was else None

    def once(self, call, env):
        """The results of one call, on a tape that is thrown away; which have a derivative."""
        kinds = []

        def run(given):
            y = call.made(dict(zip(env, given, strict=True)))
            kinds.append(type(y))
            return list(y) if isinstance(y, (tuple, list)) else [y]

        tape = self._tape_of(run, env)
        kind = (lambda ys: ys[0]) if not issubclass(kinds[0], (tuple, list)) else kinds[0]
        return kind, tape.output, [n is not None and n.active for n in tape.outputs]

    def _tape_of(self, run, env):
        tape = Tape(xp.verbs("torch"))
        with self.ambient.again():
            front.run(tape, run, list(env.values()), [""] * len(env), [True] * len(env))
        return tape

    def before_step(self):
        """What the schedule wants to be done before the next call."""
        action = self.reversal.until(schedule.Advance)
        measure.seen(action, self.reversal)

    def alive(self, box):
        self.boxes.append(weakref.ref(box))
        return box

    def living(self):
        self.boxes = [ref for ref in self.boxes if ref() is not None]
        found = [ref() for ref in self.boxes]
        return {b.node.index: b.value for b in found if b is not None and b.node.active}

    def _thin(self, at, kept, living):
        """Drop from the snapshot at `at` what is not read any more."""
        for slot in [s for s in kept if self.last_read.get(s, -1) < at and s not in living]:
            del kept[slot]

    def _count_reads(self):
        for at in range(self.counted, len(self.calls)):
            self.last_read.update(dict.fromkeys(self.calls[at].reads, at))
        self.counted = len(self.calls)

    # ----- what `reversal` asks -----
    def more(self, state, at):
        return self.running

    def keep(self, state, at):
        if not self.running:
            return dict(state)
        living = self.living()
        self._count_reads()
        if self.latest:
            self._thin(*self.latest, living)
        self.latest = at, living
        return living

    def restore(self, kept):
        return dict(kept)

    def advance(self, state, start, stop):
        state = dict(state)
        for at in range(start, stop):
            call = self.calls[at]
            ys = self.once(call, self._read(state, call.reads))[1]
            state.update((i, y) for i, y in zip(call.ys, ys, strict=True) if i is not None)
            self._forget(state, at + 1)
        return state

    def record(self, state, start, stop):
        calls = self.calls[start:stop]
        made = {i for call in calls for i in call.ys}
        env = self._read(state, [i for call in calls for i in call.reads if i not in made])
        wanted = self._read_later(made, stop)
        kept = {*wanted, *env}

        def run(given):
            inside = dict(zip(env, given, strict=True))
            for at, call in enumerate(calls, start):
                y = call.made(inside)
                ys = y if isinstance(y, (tuple, list)) else [y]
                inside.update((i, y) for i, y in zip(call.ys, ys, strict=True) if i is not None)
                for i in [i for i in call.reads if self.last_read[i] == at and i not in kept]:
                    del inside[i]
            return [inside[i] for i in wanted]

        tape = self._tape_of(run, env)
        state = {**state, **dict(zip(wanted, tape.output, strict=True))}
        self._forget(state, stop)
        inputs = list(zip(env, tape.inputs, strict=True))
        outputs = list(zip(wanted, tape.outputs, strict=True))
        tape.output = tape.leaves = None
        return reversal.Piece(tape, inputs, outputs), state

    def pull(self, piece, cotangents, sums):
        reversal.pull(piece, cotangents, sums)

    def _read_later(self, made, stop):
        """Of the slots that are filled before `stop`, those that somebody reads after it."""
        return sorted(i for i in made - {None}
                      if self.last_read.get(i, -1) >= stop or i in self.results)  # fmt: skip

    def _read(self, state, slots):
        return {i: self.inputs[i] if i in self.inputs else state[i] for i in slots}

    def _forget(self, state, at):
        for i in [i for i in state if self.last_read.get(i, -1) < at]:
            del state[i]


def _plain(x):
    return x.plain() if type(x) is Box else x


def _map(f, x):
    kind = type(x)
    if kind is list or kind is tuple:
        return kind([_map(f, item) for item in x])
    return {k: _map(f, v) for k, v in x.items()} if kind is dict else f(x)
