"""A program whose steps are the equations of a function, for `checkpointing.reversal`.

A policy of JAX's own says which results are kept: their equations are not run a second time.
"""

from typing import NamedTuple

from .. import xp
from ..checkpointing import Policy, reversal, schedule
from ..tape import Tape
from . import front


class Given(NamedTuple):
    """An operand that stands in the program itself."""

    value: object


class Step(NamedTuple):
    """One equation. `reads` has a name or a Given for each operand, `writes` a name per result."""

    eqn: object
    reads: list
    writes: list
    call: object

    @property
    def names(self):
        return [name for name in self.reads if type(name) is int]


def steps_of(jaxpr, consts, arguments):
    """The equations, with those of the calls among them in their places; and the results."""
    steps, names = [], iter(range(arguments, 1 << 62))
    return steps, _enter(steps, names, jaxpr, consts, list(range(arguments)), None)


def _enter(steps, names, jaxpr, consts, arguments, call):
    named = dict(zip(jaxpr.constvars, map(Given, consts), strict=True))
    named.update(zip(jaxpr.invars, arguments, strict=True))

    def name(atom):
        return named[atom] if front.is_var(atom) else Given(atom.val)

    for eqn in front.live(jaxpr):
        reads = [name(a) for a in eqn.invars]
        if front.is_plain_call(eqn):
            inner = front.opened(front.body_of(eqn.params))
            inside = (str(eqn.params.get("name", "")), eqn, call)
            writes = _enter(steps, names, *inner, reads, inside)
        else:
            writes = [next(names) for _ in eqn.outvars]
            steps.append(Step(eqn, reads, writes, call))
        named.update(zip(eqn.outvars, writes, strict=True))
    return [name(a) for a in jaxpr.outvars]


class Equations:
    """States are dicts: the name of a value -> (the value, does a derivative flow to it)."""

    policy = None

    def __init__(self, site, plan):
        jaxpr, consts = front.opened(site.eqn.params["jaxpr"])
        self.steps, self.results = steps_of(jaxpr, consts, len(site.pairs))
        self.inputs = dict(enumerate(zip(site.values, site.active, strict=True)))
        self.apart = site.eqn.params["prevent_cse"]
        ours = type(plan) is Policy
        if ours:  # it holds for the loops inside as well, but computes nothing three times
            self.policy = plan if plan.name != "none" else Policy("all")
        self.saves = None if ours else plan
        self.saved, self.wanted = {}, {n for n in self.results if type(n) is int}
        self.last_read = {n: at for at, s in enumerate(self.steps) for n in s.names}
        whole = not ours or plan.name == "none"
        n = len(self.steps)
        actions = schedule.nothing(n) if whole else plan.schedule(n)
        self.reversal = reversal.Reversal(self, actions, {})

    def forward(self):
        """The results, and to which of them a derivative flows."""
        last = self.reversal.forward()
        pairs = [(n.value, False) if type(n) is Given else self._value(last, n)
                 for n in self.results]  # fmt: skip
        return [y for y, _ in pairs], [a for _, a in pairs]

    def backward(self, gs):
        self.cotangents = {}
        for name, g in zip(self.results, gs, strict=True):
            if type(name) is int:
                before = self.cotangents.get(name)
                self.cotangents[name] = g if before is None else before + g
        found = self.reversal.backward(self.cotangents)
        return [found.get(i) for i in self.inputs]

    def _value(self, state, name):
        return self.inputs[name] if name in self.inputs else state[name]

    # ----- what `reversal` asks -----
    def more(self, state, at):
        return at < len(self.steps)

    def keep(self, state, at):
        return {n: pair for n, pair in state.items() if self.last_read.get(n, -1) >= at}

    def restore(self, kept):
        """What is computed from here on is computed again: XLA is not to see that it is the same.

        The cotangents go through the barrier as well, so that it is not done before they are there.
        """
        if not self.apart:
            return dict(kept)
        kept, self.inputs = set_apart((kept, self.inputs), self.cotangents)
        return kept

    def advance(self, state, start, stop):
        for at in range(start, stop):
            state = self.record(state, at, at + 1)[1]
        return state

    def record(self, state, start, stop):
        tape = Tape(xp.verbs("jax"))
        tape.policy = self.policy
        steps = self.steps[start:stop]
        made = {n for s in steps for n in s.writes}
        inputs, env = [], {}
        for name in dict.fromkeys(n for s in steps for n in s.names if n not in made):
            x, active = self._value(state, name)
            env[name] = (x, tape.input(x, "") if active else None)
            if active:
                inputs.append((name, env[name][1]))
        for at, step in enumerate(steps, start):
            self._run(tape, at, step, env)
            for name in {n for n in (*step.names, *step.writes) if self._is_last(n, at)}:
                del env[name]
        state, outputs = dict(state), []
        for name in made & set(env):
            y, node = env[name]
            state[name] = (y, node is not None)
            if node is not None:
                outputs.append((name, node))
        return reversal.Piece(tape, inputs, outputs), self._needed(state, stop)

    def pull(self, piece, cotangents, sums):
        reversal.pull(piece, cotangents, sums)

    def _run(self, tape, at, step, env):
        """One equation on the tape; a value that was saved the first time is not made again."""
        pairs = [(n.value, None) if type(n) is Given else env[n] for n in step.reads]
        tape.made = self.saved.get(at)
        results = front.equation(front.Site(tape, step.eqn, pairs, (), step.call))
        tape.made = None
        if self.saves is not None and at not in self.saved and _is_saved(self.saves, step.eqn):
            self.saved[at] = [y for y, _ in results]
        for name, (y, node) in zip(step.writes, results, strict=True):
            env[name] = y, node if node is not None and node.active else None

    def _is_last(self, name, at):
        """Does nobody read this value after step `at`?"""
        return name not in self.wanted and self.last_read.get(name, -1) <= at

    def _needed(self, state, at):
        return {n: pair for n, pair in state.items() if not self._is_last(n, at - 1)}


def _is_saved(policy, eqn):
    """JAX's policies answer with a boolean, or with what to do: save, offload or recompute."""
    answer = policy(eqn.primitive, *(v.aval for v in eqn.invars), **eqn.params)
    return answer is True or type(answer).__name__ in ("_Saveable", "SaveableType", "Offloadable")


def set_apart(held, cotangents):
    """The held `(value, active)` pairs behind a barrier, if they are traced."""
    import jax

    values, tree = jax.tree_util.tree_flatten((held, cotangents))
    traced = [i for i, x in enumerate(values) if front.is_traced(x)]
    if traced:
        for i, x in zip(traced, jax.lax.optimization_barrier([values[i] for i in traced]),
                        strict=True):  # fmt: skip
            values[i] = x
    held, after = jax.tree_util.tree_unflatten(tree, values)
    cotangents.update(after)
    return held
