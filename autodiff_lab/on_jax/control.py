"""cond and while on a tape of JAX.

With concrete values a `cond` is the branch that is taken and a `while` the trips that are taken.
With traced ones each is one node:

    cond    pushed: a cond of pushes;           pulled: a cond of pulls
    while   pushed: a while of the body's push; not pulled: nobody knows how much to keep
"""

from ..errors import AutodiffError
from . import bodies, checkpoints, front
from .bodies import pick, split, spread, zeros_in
from .trips import while_trips

COND = bodies.row("cond", r"y = f_i(x)")
WHILE = bodies.row("while", r"c_{t+1} = f(c_t) \text{ while } p(c_t)")


# ----- cond and switch: operand 0 is the number of the branch -----
def cond(site):
    branches = site.eqn.params["branches"]
    if not front.is_traced(site.values[0]):
        return site.enter(branches[int(site.values[0])], site.pairs[1:])
    if not site.tape.reverse:
        return _pushed_cond(site, branches, site.active[1:])
    return _halved_cond(site, branches, site.active[1:])


def _pushed_cond(site, branches, active):
    import jax

    order = site.tape.order
    made = [bodies.push(branch, active, order) for branch in branches]
    outs = _any([m.outs for m in made])

    def taken(pushed):
        def run(operands, tangents):
            ys, dys = pushed(operands, tangents)
            return ys, zeros_in(outs, spread(pushed.outs, dys), ys, order)

        return run

    index, *operands = site.values
    tangents = pick(active, site.tangents[1:])
    ys, dys = jax.lax.switch(index, [taken(m) for m in made], operands, tangents)
    return site.push(COND, ys, spread(outs, dys))


def _halved_cond(site, branches, active):
    """Every branch leaves its own residuals; those of the branches not taken are zeros."""
    import jax

    made = [bodies.halve(branch, active) for branch in branches]
    outs, reached = _any([m.outs for m in made]), _any([m.reached for m in made])
    index, *operands = site.values
    forward = [_leaving(made, i) for i in range(len(made))]
    ys, left = jax.lax.switch(index, forward, operands)

    def pull(gs):
        backward = [_reading(m, i, outs, reached) for i, m in enumerate(made)]
        found = jax.lax.switch(index, backward, operands, left, pick(outs, gs))
        return [None, *spread(reached, found)]

    return site.record(COND, ys, outs, pull)


def _leaving(made, i):
    """Branch i, forward: its outputs, and the residuals of every branch."""

    def run(operands):
        jaxpr, env = bodies.enter(made[i].forward, operands)
        ys = [front.read(env, a) for a in jaxpr.outvars[: len(made[i].outs)]]
        mine = [env[v] for v in _left(made[i])]
        others = [[front.zeros_like(v) for v in _left(m)] for m in made]
        return ys, [mine if i == j else zeros for j, zeros in enumerate(others)]

    return run


def _left(halves):
    """The residuals that are not operands themselves: those are at hand anyway."""
    jaxpr, _ = front.opened(halves.forward)
    residuals = dict.fromkeys(filter(front.is_var, jaxpr.outvars[len(halves.outs) :]))
    return [v for v in residuals if v not in jaxpr.invars]


def _reading(halves, i, outs, reached):
    """Branch i, backward: cotangents of all operands that any branch reaches."""
    jaxpr, _ = front.opened(halves.forward)

    def run(operands, left, gs):
        env = dict(zip([*jaxpr.invars, *_left(halves)], [*operands, *left[i]], strict=True))
        residuals = [front.read(env, a) for a in jaxpr.outvars[len(halves.outs) :]]
        found = bodies.pulled(halves, residuals, pick(halves.outs, spread(outs, gs)))
        slots = zip(spread(halves.reached, found), jaxpr.invars, reached, strict=True)
        return [front.zeros_like(v) if c is None else c for c, v, wanted in slots if wanted]

    return run


def _any(masks):
    return tuple(map(any, zip(*masks, strict=True)))


# ----- while -----
def while_loop(site):
    p = site.eqn.params
    active = site.active[p["cond_nconsts"] :]
    if not site.tape.reverse:
        order, n = site.tape.order, p["body_nconsts"]
        run, outs = _pushed_while(p["body_jaxpr"], p["cond_jaxpr"], active, n, order)
        ys, dys = run(site.values, pick(active, site.tangents[p["cond_nconsts"] :]))
        return site.push(WHILE, ys, spread(outs, dys))
    if site.tape.policy is not None and site.tape.policy.name != "all" and site.concrete:
        return checkpoints.while_loop(site)
    return while_trips(site) or _unknown_trips(site, p, active)


@bodies.kept
def _pushed_while(body, test, given, n, order):
    """`(operands, tangents) -> (outputs, tangents)`, and which outputs have a tangent."""
    import jax

    pushed, active = bodies.settle(bodies.push, body, given, n, len(given) - n, order)
    moving = active[n:]

    def run(operands, tangents):
        tests, operands = split(operands, len(operands) - len(given))
        (consts, state), (dconsts, dstate) = split(operands, n), split(spread(given, tangents), n)

        def trip(pair):
            state, dstate = pair
            tangents = pick(active, [*dconsts, *spread(moving, dstate)])
            ys, dys = pushed([*consts, *state], tangents)
            return ys, zeros_in(moving, spread(pushed.outs, dys), ys, order)

        start = state, zeros_in(moving, dstate, state, order)
        return jax.lax.while_loop(lambda p: bodies.call(test, *tests, *p[0])[0], trip, start)

    return bodies.compiled(run), moving


def _unknown_trips(site, p, active):
    """The values are there, and so is a node that says why nothing comes back through it."""
    n, place = p["body_nconsts"], site.place

    def refuse(gs):
        raise AutodiffError(
            f"reverse mode came to a while loop ({place}) whose number of trips is traced, so "
            "nobody knows how many values to keep; write jax.lax.scan or fori_loop with static "
            "bounds, or use ad.jvp"
        )

    _, active = bodies.settle(bodies.push, p["body_jaxpr"], active, n, len(active) - n)
    return site.record(WHILE, front.rebind(site.eqn, site.values), active[n:], refuse)
