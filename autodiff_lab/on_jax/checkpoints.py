"""Checkpointed functions on JAX: JAX's own `checkpoint` equation, with our policy on it.

Whoever reads the equation may do so by the policy: `jax.grad` keeps the inputs, and our reverse
walk reverses what is inside as a program (`checkpointing.reversal`):

    equations   the steps are the equations of the function; calls are entered
    loops       the steps are the trips of a scan or a while, on concrete values or on traced ones

Under `jax.jit` everything is unrolled by the schedule into one XLA program. What is computed again
stands behind an `optimization_barrier`, or XLA would find that it is there already, and keep it.
On CPUs XLA drops the barriers before it plans its memory, ours as those of `jax.checkpoint`: there
only loops under "sqrt", which are loops within loops, need less memory when they are compiled.
"""

import functools

from .. import source, trees, xp
from ..checkpointing import SERIAL, Policy, plain
from ..errors import AutodiffError
from . import bodies, equations, front

CHECKPOINT = bodies.row("checkpoint", r"y = f(x)")


# ----- from the user's call to the equation -----
def run(plan, f, args, kwargs):
    """Call the function, as one equation where it is traced."""
    import jax

    leaves, _, rebuild = trees.flatten((args, kwargs))
    if not any(front.is_traced(x) for x in leaves):
        return plain(plan, f)(*args, **kwargs)
    if plan.loops and (kwargs or not args):
        raise AutodiffError(
            f"a checkpointed step takes its state first and parameters by position, as in "
            f"f(state, *params); it was given {len(args)} positional and {len(kwargs)} keyword "
            "argument(s)"
        )
    at = [i for i, x in enumerate(leaves) if xp.framework_of(x) == "jax"]
    looped, output = _as_jax_loop(plan, f) if plan.loops else f, {}

    def of_arrays(*arrays):
        given = list(leaves)
        for i, x in zip(at, arrays, strict=True):
            given[i] = x
        args, kwargs = rebuild(given)
        found, _, output["rebuild"] = trees.flatten(looped(*args, **kwargs))
        output["others"] = [None if xp.framework_of(x) else (x,) for x in found]
        return [x for x in found if xp.framework_of(x)]

    ys = iter(jax.checkpoint(of_arrays, policy=plan)(*(leaves[i] for i in at)))
    return output["rebuild"]([next(ys) if x is None else x[0] for x in output["others"]])


def _as_jax_loop(plan, f):
    import jax

    def looped(state, *params):
        step = lambda state: f(state, *params)  # noqa: E731
        try:
            if plan.until is None:
                return jax.lax.scan(lambda c, _: (step(c), None), state, None, plan.steps)[0]
            more = lambda state: jax.numpy.logical_not(plan.is_done(state, params))  # noqa: E731
            return jax.lax.while_loop(more, step, state)
        except TypeError as e:
            if "carry" not in str(e) and "body_fun" not in str(e):
                raise  # the step's own
            raise AutodiffError(
                "a checkpointed step returns the next state, built like the one it was given, "
                f"with its shapes and dtypes; JAX said: {str(e).splitlines()[0]}"
            ) from None

    return looped


# ----- from the equation to the tape -----
def checkpoint(site):
    """Forward, and on a tape that keeps everything, it is entered like any call."""
    body, plan = site.eqn.params["jaxpr"], site.eqn.params["policy"]
    if site.tape.keep_all or site.tape.dry or not site.tape.reverse:
        return site.enter(body, site.pairs, _said(site, plan) if site.tape.keep_all else "")
    if type(plan) is Policy and (plan.loops or plan.name == "all"):
        before, site.tape.policy = site.tape.policy, plan
        try:
            return site.enter(body, site.pairs)
        finally:
            site.tape.policy = before
    return _node(site, functools.partial(equations.Equations, site, plan))


def _said(site, plan):
    """The scope of what is inside, for those who look."""
    word = source.checkpoint(plan) if type(plan) is Policy else source.CHECKPOINT
    return source.called(word, front.where_of(site.eqn, site.call)[0], next(SERIAL))


def _node(site, make):
    """One node for the results of a program; whoever pulls twice runs it forward again."""
    program = make()
    ys, outs = program.forward()
    waiting = [program]
    del program

    def pull(gs):
        if waiting:
            program = waiting.pop()
        else:
            program = make()
            program.forward()
        return program.backward(gs)

    return site.record(CHECKPOINT, ys, tuple(outs), pull)


def scan(site, loop, body):
    from .loops import ScannedTrips, Trips, nested

    plan = site.tape.policy
    if not site.concrete and plan.name in ("all", "none", "sqrt"):
        site.tape.policy = None
        try:
            return site.enter(nested(site, plan, loop, body), site.pairs)
        finally:
            site.tape.policy = plan
    kind = Trips if site.concrete else ScannedTrips
    return _node(site, functools.partial(kind, site, plan, loop, body))


def while_loop(site):
    from .loops import UntilDone

    return _node(site, functools.partial(UntilDone, site, site.tape.policy))
