"""Checkpointed functions on PyTorch: one node of the tape, whose pull runs the steps again.

    chain    the steps are calls of a function, from state to state
    calls    the steps are the operations of a function
    chance   random numbers come out again as they came out first
    closure  recorded values in the closure of a function become arguments of it

Every step is run on a tape that is made for it, whether the tape is kept or thrown away: what is
computed again goes the same way through the same kernels, and has the same bits.
"""

import dataclasses
import functools

import torch

from ... import trees
from ...checkpointing import plain
from ...errors import AutodiffError
from ...table.row import Row
from ...tape import closed_tape
from .. import front
from ..box import Box
from .calls import Calls
from .chain import Chain
from .chance import Chance
from .closure import opened


def _pulled(xp, gs, ys, *xs, again):
    return again(gs, xs)


ROW = Row("checkpoint", "general", None, d=(None, _pulled), keeps="x", arity=None, tex="y = f(x)",
          outputs="many")  # fmt: skip


def run(plan, f, args, kwargs):
    """Call the function: as one node of a tape that is only walked back, elsewhere as it is."""
    if plan.loops and (kwargs or not args):
        raise AutodiffError(
            f"a checkpointed step takes its state first and parameters by position, as in "
            f"f(state, *params); it was given {len(args)} positional and {len(kwargs)} keyword "
            "argument(s)"
        )
    closed, with_closed = opened(f)
    tape = front._innermost([*trees.leaves((args, kwargs)), *closed], {})
    if tape is not None and tape.closed:
        raise closed_tape()
    if not _is_node(plan, tape):
        return plain(plan, f)(*args, **kwargs)
    chance = Chance(f, trees.leaves((args, kwargs)))
    if closed:
        plan, f, args, kwargs = _with_closed(plan, f, args, kwargs, closed, with_closed)
    state, params = (args[0], args[1:]) if plan.loops else ((args, kwargs), ())
    operations = not plan.loops and plan.name != "none"
    make = functools.partial(Calls if operations else Chain, plan, f, state, params)
    leaves = trees.leaves(state) + trees.leaves(params)
    return _node(tape, make, leaves, chance)


def _with_closed(plan, f, args, kwargs, closed, with_closed):
    """The same call, with the recorded values of the closure as one more argument."""
    if not plan.loops:
        call = lambda new, args, kwargs: with_closed(new)(*args, **kwargs)  # noqa: E731
        return plan, _named_like(f, call), (closed, args, kwargs), {}
    step = lambda state, new, *params: with_closed(new)(state, *params)  # noqa: E731
    if plan.until is not None:
        until = plan.until
        done = lambda state, new, *params: until(state, *params)  # noqa: E731
        plan = dataclasses.replace(plan, until=done)
    return plan, _named_like(f, step), (args[0], closed, *args[1:]), {}


def _named_like(f, call):
    call.__name__ = getattr(f, "__name__", type(f).__name__)
    return call


def _is_node(plan, tape):
    """Forward, and on a tape that keeps everything anyway, a function is entered as it is."""
    if tape is None or not tape.reverse or not tape.lean or tape.keep_all:
        return False
    stored = plan.name == "all" and plan.steps is None
    return not stored and plan.steps != 0 and torch.is_grad_enabled()


def _node(tape, make, leaves, chance):
    """Run the program up to the turn, and put a node for its results on the tape."""
    at = [i for i, x in enumerate(leaves)
          if type(x) is Box and x.tape is tape and x.node.active]  # fmt: skip
    parents = tuple([leaves[i].node for i in at])
    xs = [leaves[i].value for i in at]
    others = [None if i in at else front._unbox(tape, x) for i, x in enumerate(leaves)]
    origin = chance.now()

    def forward(xs):
        given = list(others)
        for i, x in zip(at, xs, strict=True):
            given[i] = x
        program = make(given, [i in at for i in range(len(given))], chance)
        return program, program.forward()

    program, (results, active, rebuild) = forward(xs)
    _refuse_closure(tape, results)
    outs = [i for i, a in enumerate(active) if a]
    waiting = [program]

    def again(gs, xs):
        """The way back. Whoever comes a second time has the way forward before him."""
        with chance.kept():
            if not waiting:
                chance.set(origin)
            program = waiting.pop() if waiting else forward(xs)[0]
            found = program.backward(dict(zip(outs, gs, strict=True)))
        return [found[i] for i in at]

    if outs:
        ys = [_another(results[i], xs) for i in outs]
        nodes = tape.add_many(ROW, parents, xs, {"again": again}, ys)
        for i, y, node in zip(outs, ys, nodes, strict=True):
            results[i] = Box.of(y, node, tape)
    return rebuild(results)


def _another(y, xs):
    """What returns its argument is still another value, and a write into one would show in both."""
    return y.view_as(y) if any([y is x for x in xs]) else y


def _refuse_closure(tape, results):
    if any([type(y) is Box and y.tape.level >= tape.level for y in results]):
        raise AutodiffError(
            "a checkpointed function uses a recorded value that is neither among its arguments nor "
            "in its closure, so no derivative could reach it when it is run again; pass it in"
        )
