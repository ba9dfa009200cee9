"""Branches and loops that jax.jit decides only when it runs: lax.cond and lax.while_loop.

The walk goes on into both ways of a branch, each with a copy of what is known, up to the region
where they meet; what the phis there would take is what `cond` chooses from. Of a loop the phis are
the state. A loop that is left in the middle has no such form and is refused.
"""

from . import interpret
from .schedule import Schedule


def decide(sea, fork, test, values, until):
    """Do what the walk would have done at `fork`.

    Gives `(None, block)`, to go on from a block whose phis have their values, or `(answer, None)`.
    """
    home, s = fork.control[0], sea.schedule
    yes, no = sea.plan.branches[fork]
    if home.kind == "loop" and (yes in s.loops[home]) is not (no in s.loops[home]):
        stay, leave = (yes, no) if yes in s.loops[home] else (no, yes)
        return None, _loop(sea, fork, stay, leave, values)
    regions = [b for b in s.blocks if b.kind == "region" and s.dominator[b] is home]
    meet = regions[0] if regions else until
    found = _cond(sea, fork, test, values, meet)
    if meet is until:
        return found, None
    interpret.take(sea.plan, meet, found, values)
    return None, meet


def _cond(sea, fork, test, values, meet):
    import jax

    ways = [
        lambda branch=branch: interpret.walk(sea, dict(values), branch, meet)
        for branch in sea.plan.branches[fork]
    ]
    return _asked(sea, fork, lambda: jax.lax.cond(test, *ways))


def _loop(sea, fork, stay, leave, values):
    """Run the loop whose head ends in `fork`; gives the block behind it."""
    import jax

    loop, plan = fork.control[0], sea.plan

    def known(state):
        copy = dict(values)
        interpret.take(plan, loop, state, copy)
        return copy

    def test(state):
        return interpret.value_of(fork.data[0], known(state), plan)

    def trip(state):
        return interpret.walk(sea, known(state), stay, loop)

    def run():
        begin = [values[phi] for phi in plan.phis[loop]]
        after = jax.eval_shape(trip, begin)  # y = 0 may become an array of floats in a trip
        begin = jax.tree.map(lambda x, y: jax.numpy.asarray(x, y.dtype), begin, after)
        return jax.lax.while_loop(test, trip, begin)

    interpret.take(plan, loop, _asked(sea, fork, run), values)
    return leave


def _asked(sea, fork, lax):
    try:
        return lax()
    except (TypeError, ValueError) as e:
        raise sea.refusal(
            fork,
            "jax.jit has to decide this when it runs, and then both ways must give arrays of the "
            f"same shapes and dtypes; JAX said: {str(e).strip().splitlines()[0]}",
        ) from e
