"""What ran when, and for whom: the schedule of a run, to be looked at."""

import functools
import string
from contextvars import ContextVar
from typing import NamedTuple

from ...setting import setting

_watcher: ContextVar = ContextVar("who sees the turns", default=None)
LETTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits


class Step(NamedTuple):
    """One turn: the block that ran, the examples that it ran for, how deep their stacks were."""

    function: str
    line: int
    text: str
    examples: tuple
    depths: tuple


class Profile:
    """The turns of one run, its `result`, and for how many examples (`count`) it was.

    `steps` are the turns in order. `refused` tells of each line that could not run for its group
    as a whole why, where the machine had to take fewer examples at once.
    """

    def __init__(self):
        self.steps, self.count, self.result, self.refused = [], 0, None, {}

    def saw(self, machine, block, group, depths):
        self.count = len(machine.pc)
        name = block.graph.code.name
        self.steps.append(Step(name, block.line, block.text, tuple(group.tolist()),
                               tuple(depths.tolist())))  # fmt: skip
        self.refused = {(b.graph.code.name, b.line): str(e) for b, e in machine.refused.items()}

    @property
    def turns(self):
        return len(self.steps)

    @property
    def lane_use(self):
        """Which share of the examples a turn has worked for, on average."""
        worked = sum(len(s.examples) for s in self.steps)
        return worked / (self.turns * self.count) if self.steps else 1.0

    @property
    def deepest(self):
        """How many calls the deepest stack has held."""
        return max((d for s in self.steps for d in s.depths), default=0)

    def places(self):
        """`(function, line, text) -> how many examples each of its turns was for`, in order."""
        found: dict = {}
        for s in self.steps:
            found.setdefault((s.function, s.line, s.text), []).append(len(s.examples))
        return dict(sorted(found.items(), key=lambda item: item[0][1]))

    def schedule(self, width=72):
        """A row for each example, a column for each turn: the letter of the line that ran."""
        letters = dict(zip(self.places(), LETTERS, strict=False))
        rows = [["."] * self.turns for _ in range(self.count)]
        for t, s in enumerate(self.steps):
            for i in s.examples:
                rows[i][t] = letters.get((s.function, s.line, s.text), "*")
        more = f" (the first {width} of {self.turns} turns)" if self.turns > width else ""
        body = [f"{i:>4} {''.join(row[:width])}" for i, row in enumerate(rows)]
        return "\n".join([f"example, and where it is at each turn{more}", *body])

    def __str__(self):
        head = (f"{self.turns} turns for {self.count} examples, which used {self.lane_use:.0%} of "
                f"the lanes; stacks up to {self.deepest} deep")  # fmt: skip
        rows = [head, f"{'':2}{'turns':>6} {'examples':>9} {'use':>5}  line"]
        letters = dict(zip(self.places(), LETTERS, strict=False))
        for place, sizes in self.places().items():
            function, line, text = place
            use = sum(sizes) / (len(sizes) * max(self.count, 1))
            rows.append(f"{letters.get(place, '*'):2}{len(sizes):>6} {sum(sizes):>9} {use:>5.0%}  "
                        f"{function}:{line}  {text}")  # fmt: skip
        rows += [f"fewer at once at {name}:{line}, since {why}"
                 for (name, line), why in self.refused.items()]  # fmt: skip
        return "\n".join(rows)

    __repr__ = __str__


def profile(f, order="balanced"):
    """`autobatch(f, "pc")`, which gives back a `Profile` with the `result` in it.

    >>> import torch, masking_lab as ml
    >>> def halved(x):
    ...     while x > 1:
    ...         x = x / 2
    ...     return x
    >>> seen = profile(halved)(ml.batch([torch.tensor(8.0), torch.tensor(3.0)]))
    >>> seen.result.unbatch()
    [tensor(1.), tensor(0.7500)]
    >>> print(seen)
    8 turns for 2 examples, which used 81% of the lanes; stacks up to 1 deep
       turns  examples   use  line
    a      4         7    88%  halved:2  while x > 1:
    """
    from ...autobatch import autobatch
    from . import pc

    batched = autobatch(f, functools.partial(pc, order=order))

    def run(*args, **kwargs):
        seen = Profile()
        with setting(_watcher, seen.saw):
            seen.result = batched(*args, **kwargs)
        return seen

    return run


def watching():
    """What sees each turn of the run that is about to begin."""
    return _watcher.get() or (lambda *turn: None)
