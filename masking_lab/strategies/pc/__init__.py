"""Program counters (Radul, Patton, Maclaurin, Hoffman and Saurous 2020).

Each example runs the program for itself: it has a program counter, which tells the line that it is
at, and a stack of its own. At each turn the machine takes one straight piece of code (a block) and
runs it once, for all examples that are at it. So examples that have taken different ways, or are
differently deep in a recursion, still work together where their lines are the same.

    blocks      a function is cut into blocks; a graph says which follows which
    jumps       what a block is, and how it ends
    whiles      the trips of loops that may have no end
    own         names and things that are each example's own
    sites       which calls get a frame of their own
    graph       what each block reads and writes
    log         values, and where they are
    picked      some rows of an array
    whole       whole numbers, which the host knows
    things      lists, objects and functions, of which each example has its own
    walks       what `for` goes through
    frames      the stacks
    turn        one block for one group of examples
    machine     all turns
    profiling   what ran when, and for whom
"""

import numpy as np

from autodiff_lab import trees, xp
from autodiff_lab.collector import held_off

from ...batches.masked_batch import is_batch
from ...batches.randomness import watched
from ...lane import Lane
from ...lifting import effects
from ...lifting.items import finished
from .. import strategy
from ..masked import finished_lane, masked
from ..results import as_batches
from .log import Differ
from .machine import Machine
from .profiling import Profile, profile, watching
from .sites import users
from .turn import Turn
from .whole import known


def earliest(counters):
    """The block that comes first in the program (Radul et al.): what comes later fills up."""
    return counters.min()


def fullest(counters):
    """The block at which most examples are."""
    return np.bincount(counters).argmax()


def balanced(counters):
    """The first block at which there are a quarter as many examples as at the fullest."""
    sizes = np.bincount(counters)
    return (4 * sizes >= sizes.max()).argmax()


ORDERS = {f.__name__: f for f in (balanced, earliest, fullest)}


@strategy
def pc(f, args, kwargs, count, order="balanced"):
    """Each example has a program counter and a stack; those at the same line go on together."""
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    first = next(x for x in leaves if is_batch(x))
    own = users(f)
    if not count or own is None:  # nobody goes anywhere, or nothing is known of the way
        return masked(f, args, kwargs, count)
    lanes = rebuild([known(Lane(x.data, x.sizes)) if is_batch(x) else x for x in leaves])

    def run():
        with effects.watched(), held_off:  # what was computed stays: a search for cycles is in vain
            return _run(own, *lanes, count, first, ORDERS[order])

    return watched(f, run)


def _run(own, args, kwargs, count, first, choose):
    verbs = xp.of(first.data)
    machine = Machine(verbs, first.data, count, choose, watching())
    f, more, named = own
    machine.run(f, (*more, *args), {**named, **kwargs})
    try:
        turn = Turn(machine, None, np.arange(count), level=1)
        result = finished(turn.get(machine.results))
    except Differ:  # of different kinds: as the loop puts them together
        return as_batches([_alone(machine, i) for i in range(count)], first)
    like, side = first.data, first.side
    return trees.map(lambda y: finished_lane(verbs, y, count, like, side), result)


def _alone(machine, i):
    """One example's result, as the loop has it."""
    turn = Turn(machine, None, np.asarray([i]), level=1)
    return trees.map(_array, finished(turn.get(machine.results[[i]])))


def _array(x):
    if not isinstance(x, Lane):
        return x
    sizes = [slice(None) if n is None else slice(int(n[0])) for n in x.sizes]
    return x.data[(0, *sizes)]


__all__ = ["ORDERS", "Profile", "pc", "profile"]
