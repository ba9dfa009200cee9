"""Work, counted on the tape of a run: calls, multiplications, and how few calls there could be.

A call is an operation that makes new numbers; a reshape or a slice only looks at old ones. The work
in a call is one multiplication for each number that it makes, for a contraction or a convolution
one for each product. Both are counted on the table's rows, so they are the same on both frameworks,
and so is the *useful* work: what the examples take one by one.

No strategy that runs the operations of `f` as they are can make fewer calls than the longest chain
of dependent calls in one example; what each call costs by itself is then the floor.
"""

from math import prod
from types import SimpleNamespace
from typing import NamedTuple

import autodiff_lab as ad
from autodiff_lab import trees
from autodiff_lab.table.contraction import split
from autodiff_lab.writing.opened import steps_of

from ..batches.masked_batch import is_batch

LOOKS = {"reshape", "permute", "slice", "broadcast", "split", "stop_gradient"}


class Work(NamedTuple):
    """`longest` is the number of calls in the longest chain."""

    calls: int
    work: int
    longest: int


class Counter:
    """Counts the work of a case. What is in a composite operation is looked up once."""

    def __init__(self, case):
        self.case, self.opened = case, {}
        alone = [self._alone(i) for i in range(case.count)]
        known = all(one is not None for one in alone)
        self.loop = Work(*map(sum, zip(*alone, strict=True))) if known else None
        self.fewest = max(one.longest for one in alone) if known else None

    def _alone(self, i):
        floats, leaves = self.case.example(i)
        return self._recorded(lambda new: self.case.alone(new, leaves), floats)

    def of(self, strategy):
        """`(calls, useful share of the work)` of a batched call; None for what nobody knows."""
        if strategy == "loop":
            found = self.loop
        else:
            found = self._recorded(lambda new: self.case.run(new, strategy), self.case.floats)
        if found is None:
            return None, None
        known = self.loop is not None and found.work
        return found.calls, self.loop.work / found.work if known else None

    def _recorded(self, run, floats):
        try:
            tape = ad.record(lambda floats: _arrays(run(floats)), floats)
        except Exception:  # it runs, but not on a tape: Python asks a value that nobody has, say
            return None
        calls = [node for node in tape.nodes if _is_call(node)]
        return Work(len(calls), sum(self._work_of(tape, node) for node in calls), _longest(tape))

    def _work_of(self, tape, node):
        if node.row.kind != "composite":
            return _opened(tape, node)
        key = node.row.name, tuple(tuple(p.shape) for p in node.parents), repr(node.params)
        if key not in self.opened:
            self.opened[key] = _opened(tape, node)
        return self.opened[key]


def calls_of(run, args):
    """How many calls `run(*args)` makes; None where it cannot be recorded."""
    try:
        return sum(map(_is_call, ad.record(run, *args).nodes))
    except Exception:
        return None


def _opened(tape, node):
    one = SimpleNamespace(xp=tape.xp, nodes=node.group or [node])
    return sum(map(_multiplications, steps_of(one)))


def _arrays(result):
    return [y.data if is_batch(y) else y for y in trees.flatten(result, is_leaf=is_batch)[0]]


def _is_call(node):
    return node.row is not None and node.row.name not in LOOKS and not node.part


def _longest(tape):
    depth: dict = {}
    for node in tape.nodes:
        before = max([depth.get(p.index, 0) for p in node.parents], default=0)
        first = node.group[0] if node.group else node
        depth[node.index] = before + _is_call(first)
    return max(depth.values(), default=0)


def _multiplications(step):
    made = sum(prod(node.shape) for node in step.nodes)
    name = step.row.name
    if name in LOOKS:
        return 0
    if name == "contract":
        *inputs, _ = split(step.params["spec"])
        pairs = zip(inputs, step.xs, strict=True)
        return prod(
            {k: n for spec, x in pairs for k, n in zip(spec, x.shape, strict=True)}.values()
        )
    if name == "conv":
        kernel = step.xs[1].shape
        return made * prod(kernel[1:])
    return made
