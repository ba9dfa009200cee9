"""Branches and loops that jax.jit decides only when it runs: lax.cond and lax.while_loop.

The walk goes on into both ways of a branch, each with a copy of what is known, up to the region
where they meet; what the phis there would take is what `cond` chooses from. Of a loop the phis are
the state. A loop that is left in the middle has no such form and is refused.
"""

from . import interpret
from .verbs import NOTHING


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

    def run():
        yes, no = (_Way(sea, values, b, meet) for b in sea.plan.branches[fork])
        return jax.lax.cond(_as_boolean(test), lambda: yes.like(no), lambda: no.like(yes))

    return _asked(sea, fork, run)


class _Way:
    """One way of a branch, walked once and kept as a jaxpr."""

    def __init__(self, sea, values, branch, meet):
        import jax

        def walk():
            found = interpret.walk(sea, dict(values), branch, meet)
            parts = found if meet is not None else [found]
            self.nothings = {i for i, x in enumerate(parts) if x is NOTHING}
            return [0.0 if x is NOTHING else x for x in parts]

        self.alone = meet is None
        self.closed, self.shapes = jax.make_jaxpr(walk, return_shape=True)()

    def like(self, other):
        """Its values, in the dtypes that both ways can have; no cotangent counts as zeros."""
        import jax

        flat = jax.core.eval_jaxpr(self.closed.jaxpr, self.closed.consts)
        parts = jax.tree.unflatten(jax.tree.structure(self.shapes), flat)
        empty = self.nothings - other.nothings
        parts = [
            jax.tree.map(lambda y: jax.numpy.zeros(y.shape, y.dtype), y) if i in empty
            else jax.tree.map(_of_common_dtype, x, y)
            for i, (x, y) in enumerate(zip(parts, other.shapes, strict=True))
        ]  # fmt: skip
        return parts[0] if self.alone else parts


def _of_common_dtype(x, y):
    import jax.numpy as jnp

    return jnp.asarray(x, jnp.result_type(x, y))


def _as_boolean(test):
    return test if test.dtype == bool else test != 0


def _loop(sea, fork, stay, leave, values):
    """Run the loop whose head ends in `fork`; gives the block behind it."""
    import jax

    loop, plan = fork.control[0], sea.plan

    def known(state):
        copy = dict(values)
        interpret.take(plan, loop, state, copy)
        return copy

    def test(state):
        return _as_boolean(interpret.value_of(fork.data[0], known(state), plan))

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
    except RecursionError:
        why = "it depends on a value that jax.jit has not computed yet whether this call ends"
        raise sea.refusal(fork, f"{why}; write it as a loop, or call the sea outside jit") from None
    except (TypeError, ValueError) as e:
        raise sea.refusal(
            fork,
            "jax.jit has to decide this when it runs, and then both ways must give arrays of the "
            f"same shapes and dtypes; JAX said: {str(e).strip().splitlines()[0]}",
        ) from e
