"""Steps that are calls of a function, from state to state; a function called once is one step."""

from typing import NamedTuple

import torch

from ... import trees, xp
from ...checkpointing import reversal
from ...errors import AutodiffError
from ...tape import Tape
from .. import front
from .chance import Ambient


class State(NamedTuple):
    """The leaves of a state, and to which of them a derivative flows."""

    leaves: list
    active: list
    rebuild: object


class Chain:
    """A program for `reversal`. A parameter is named `i`, a leaf of the state at a step `(at, i)`.

    `leaves` are those of the first state and of the parameters, `active` which are differentiated.
    """

    def __init__(self, plan, f, state, params, leaves, active, chance):
        first, self.paths, rebuild = trees.flatten(state)
        n = len(first)
        self.plan, self.f, self.chance, self.ambient = plan, f, chance, Ambient()
        self.rebuild_params = trees.flatten(params)[2]
        self.params, self.params_active = leaves[n:], active[n:]
        self.first = State(leaves[:n], active[:n], rebuild)
        self.steps = plan.steps if plan.loops else 1
        self.reached, self.sums, self.doubts = 0, {}, []
        actions = plan.schedule(None if plan.until else self.steps)
        self.reversal = reversal.Reversal(self, actions, self.first)

    def forward(self):
        last = self.reversal.forward()
        self.end = self.reached
        return list(last.leaves), last.active, last.rebuild

    def backward(self, gs):
        """From the cotangents of the results, by their place, to those of the first leaves."""
        found = self.reversal.backward({(self.end, i): g for i, g in gs.items()})
        if any([bool(doubt) for doubt in self.doubts]):
            raise AutodiffError(_differs(self.f))
        first = [found.get((0, i)) for i in range(len(self.first.leaves))]
        return first + [found.get(i) for i in range(len(self.params))]

    # ----- what `reversal` asks -----
    def more(self, state, at):
        if self.plan.until is None:
            return at < self.steps
        params = self.rebuild_params(self.params)
        return not self.plan.is_done(state.rebuild(state.leaves), params)

    def advance(self, state, start, stop):
        for at in range(start, stop):
            state = self._recorded(state, at, at + 1)[1]
        self._check(state, stop)
        return state

    def record(self, state, start, stop):
        piece, after = self._recorded(state, start, stop)
        self._check(after, stop)
        return piece, after

    def _recorded(self, state, start, stop):
        n = len(state.leaves)

        def call(given):
            params, now = self.rebuild_params(given[n:]), state.rebuild(given[:n])
            for _ in range(start, stop):
                now = self._step(now, params)
            return now

        leaves, active = state.leaves + self.params, state.active + self.params_active
        tape = Tape(xp.verbs("torch"))
        with self.ambient.again():
            front.run(tape, call, leaves, [""] * len(leaves), active)
        flows = [node is not None and node.active for node in tape.outputs]
        after = State(trees.leaves(tape.output), flows, tape.rebuild)
        names = [(start, i) for i in range(n)] + list(range(len(self.params)))
        inputs = [name for name, a in zip(names, active, strict=True) if a]
        outputs = [((stop, i), node) for i, node in enumerate(tape.outputs) if flows[i]]
        self.reached = stop
        pairs = list(zip(inputs, tape.inputs, strict=True))
        tape.output = tape.leaves = None
        return reversal.Piece(tape, pairs, outputs), after

    def pull(self, piece, cotangents, sums):
        reversal.pull(piece, cotangents, sums)

    def keep(self, state, at):
        return state, self.chance.now()

    def restore(self, kept):
        state, drawn = kept
        self.chance.set(drawn)
        return state

    # ----- one step -----
    def _step(self, state, params):
        if not self.plan.loops:
            args, kwargs = state
            return self.f(*args, **kwargs)
        after = self.f(state, *params)
        paths = trees.flatten(after)[1]
        if paths != self.paths:
            raise AutodiffError(
                f"a checkpointed step returns the next state, built like the one it was given "
                f"({_words(self.paths)}); {_name(self.f)} returned {_words(paths)}"
            )
        return after

    def _check(self, state, at):
        """The same steps twice give the same bits, or chance is at work that nobody rewinds.

        A piece ends where the one after it began: if these agree, they are pieces of one chain.
        """
        if self.plan.name == "all":
            return
        found = [checksum(x) for x in state.leaves]
        for once, twice in zip(self.sums.setdefault(at, found), found, strict=True):
            if once is not None and once is not twice:
                self.doubts.append(once != twice)


def checksum(x):
    """The sum of a tensor's bits as integers, which no rounding touches; on the CPU only."""
    x = x.plain() if hasattr(x, "plain") else x
    if type(x) is not torch.Tensor or x.device.type != "cpu" or x.layout != torch.strided:
        return None
    if torch._C._functorch.is_functorch_wrapped_tensor(x):
        return None
    x = torch.view_as_real(x.resolve_conj()) if x.is_complex() else x.resolve_neg()
    whole = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()]
    return x.detach().view(whole).sum()


def _differs(f):
    return (
        f"{_name(f)} gave other numbers when it was run again for its gradient, so the gradient "
        "would be wrong; draw random numbers from torch's own generator, from a torch.Generator "
        "among the arguments, or draw them before and pass them in"
    )


def _words(paths):
    return ", ".join(p or "one array" for p in paths) or "nothing"


def _name(f):
    return getattr(f, "__name__", type(f).__name__)
