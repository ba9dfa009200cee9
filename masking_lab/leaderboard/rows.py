"""A row for each strategy: does it apply, is it right, and what does it take?"""

import functools

from ..strategies import STRATEGIES
from ..strategies.asked import reason
from . import advice, clock
from .compiled import Compilations, Compiled, CompiledLoop
from .contenders import Contender
from .gate import difference, score
from .work import Counter

# What a row holds; None is "not measured" or "does not apply", never zero.
FIELDS = (
    "strategy", "what",     # its name, and a line on what it does
    "why_not", "differs",   # why it does not apply; where it is not the loop's
    "equal",                # True, False; None if it was not run
    "no_gradient",          # why there is only a call to be timed
    "forward", "training",  # seconds: [lower quartile, median, upper quartile]
    "speedup",              # how many times as fast as the loop, in training if that is timed
    "compiled",             # JAX: is the step one program?
    "first", "compiles",    # JAX: seconds of the first step, and the programs it compiled
    "recompiles",           # JAX: programs compiled for a batch of other lengths
    "peak_bytes",           # that were alive at once in a step
    "calls", "useful",      # calls in a batched call; the share of its work that examples need
    "pareto",               # no other one is both faster and smaller
)  # fmt: skip


def compared(case, names, rounds, seconds):
    """`(rows, fewest calls)`; the loop comes first, since all others are held against it."""
    names = ["loop", *[name for name in names if name != "loop"]]
    loop = Contender(case, "loop")
    want = _outcome(loop, case.floats, trains(case, loop))
    entries = [_Entry(case, name, want) for name in names]
    _timed(entries, rounds, seconds)
    counter = Counter(case)
    rows = [entry.row(counter) for entry in entries]
    advice.mark(rows)
    return rows, counter.fewest


def trains(case, loop):
    """Is there anything to differentiate?"""
    return bool(case.floats) and score(loop.forward(case.floats)) is not None


def _outcome(contender, floats, training):
    result = contender.forward(floats)
    return result, contender.training(floats) if training else None


class _Entry:
    """A strategy on its way through the gate: `steps` are the contenders that may be timed."""

    def __init__(self, case, name, want):
        self.case, self.name, self.want = case, name, want
        self.found = dict.fromkeys(FIELDS)
        self.found.update(strategy=name, what=(STRATEGIES[name].__doc__ or "").partition("\n")[0])
        self.steps: dict = {}  # "forward", "training" -> contender
        self._enter("forward")
        if self.steps and want[1] is not None:
            self._enter("training")
        if self.steps:
            self._judge()

    def _enter(self, what):
        error = None
        for contender in self._ways():
            try:
                with Compilations() as compilations:
                    first = clock.once(self._step(contender, what))
            except Exception as e:
                error = e
                continue
            self.steps[what] = contender
            if self.case.verbs.name == "jax":
                self.found.update(first=first, compiles=compilations.count,
                                  compiled=contender.compiled)  # fmt: skip
            return
        loop = lambda: self.case.run(self.case.floats, "loop")  # noqa: E731
        told = reason(self.name, error, loop)
        self.found["why_not" if what == "forward" else "no_gradient"] = told

    def _step(self, contender, what):
        return functools.partial(getattr(contender, what), self.case.floats)

    def step(self, what):
        """What is timed."""
        return self._step(self.steps[what], what)

    def _ways(self):
        """On JAX compiled, if that can be."""
        if self.case.verbs.name == "jax":
            yield CompiledLoop(self.case) if self.name == "loop" else Compiled(self.case, self.name)
        yield Contender(self.case, self.name)

    def _judge(self):
        """Is it the loop, whatever the padding holds?"""
        if self.name == "loop":
            self.found["equal"] = True
            return
        floats, training = self.case.poisoned(), self.steps.get("training")
        gradients = training.training(floats) if training else None
        want = self.want[0], self.want[1] if training else None
        words = difference((self.steps["forward"].forward(floats), gradients), want)
        self.found.update(equal=words is None, differs=words)
        if words is not None:
            self.steps = {}

    def row(self, counter):
        """What was found, after all have been timed."""
        step = self.steps.get("training") or self.steps.get("forward")
        if step is not None:
            self.found["peak_bytes"] = step.peak_bytes("training" in self.steps)
            self.found["recompiles"] = self._recompiles(step)
            self.found["calls"], self.found["useful"] = counter.of(self.name)
        return self.found

    def _recompiles(self, step):
        if self.case.verbs.name != "jax" or self.name == "loop":  # it has seen all these examples
            return None
        leaves = self.case.with_other_lengths()
        run = step.training if "training" in self.steps else step.forward
        with Compilations() as compilations:
            run(self.case.with_leaves(leaves), leaves)
        return compilations.count


def _timed(entries, rounds, seconds):
    for what in ("forward", "training"):
        calls = {entry.name: entry.step(what) for entry in entries if what in entry.steps}
        times = clock.interleaved(calls, rounds, seconds)
        for entry in entries:
            entry.found[what] = times.get(entry.name)
