"""`jax.lax.scan` on a tape, as one node.

    pushed: a scan of the body's push
    pulled: the reversed scan of the body's pull

What the pull reads is handed on by the forward scan as stacked outputs, one entry per trip. What
does not change from trip to trip is computed once, before the loop, and not stacked.
"""

from typing import NamedTuple

from . import bodies, checkpoints, front
from .bodies import pick, split, spread, zeros_in
from .trips import scan_trips

SCAN = bodies.row("scan", r"(c_{t+1}, y_t) = f(c_t, x_t)")


class Loop(NamedTuple):
    consts: int
    carry: int
    length: int
    reverse: bool
    unroll: object

    def parts(self, operands):
        """The operands as consts, carry and stacked inputs."""
        first = self.consts + self.carry
        return operands[: self.consts], operands[self.consts : first], operands[first:]

    def run(self, trip, carry, xs, reverse=None):
        import jax

        reverse = self.reverse if reverse is None else reverse
        return jax.lax.scan(
            trip, carry, xs, length=self.length, reverse=reverse, unroll=self.unroll
        )


def loop_of(params):
    if "num_consts" in params:
        consts, carry = params["num_consts"], params["num_carry"]
    else:  # from JAX 0.12
        consts, carry = map(len, params["ft_in"].unpack()[:2])
    return Loop(consts, carry, params["length"], params["reverse"], params.get("unroll", 1))


def scan(site):
    loop, body = loop_of(site.eqn.params), site.eqn.params["jaxpr"]
    if site.tape.keep_all and site.concrete:
        return scan_trips(site, loop, body)
    if site.tape.policy is not None and site.tape.reverse:
        return checkpoints.scan(site, loop, body)
    if not site.tape.reverse:
        run, outs = _pushed(body, site.active, loop, site.tape.order)
        ys, dys = run(site.values, pick(site.active, site.tangents))
        return site.push(SCAN, ys, spread(outs, dys))
    forward, backward, outs = halved(body, site.active, loop)
    ys, residuals = forward(site.values)
    return site.record(SCAN, ys, outs, lambda gs: backward(residuals, pick(outs, gs)))


@bodies.kept
def _pushed(body, given, loop, order):
    """`(operands, tangents) -> (outputs, tangents)`, and which outputs have a tangent."""
    pushed, active = bodies.settle(bodies.push, body, given, loop.consts, loop.carry, order)
    _, moving, _ = loop.parts(active)

    def run(operands, tangents):
        (consts, carry, xs), (dconsts, dcarry, dxs) = map(
            loop.parts, (operands, spread(given, tangents))
        )

        def trip(state, entry):
            (carry, dcarry), (xs, dxs) = state, entry
            tangents = [*dconsts, *spread(moving, dcarry), *dxs]
            ys, dys = pushed([*consts, *carry, *xs], pick(active, tangents))
            carry, ys = split(ys, loop.carry)
            dcarry, dys = split(spread(pushed.outs, dys), loop.carry)
            return (carry, zeros_in(moving, dcarry, carry, order)), (ys, dys)

        state = list(carry), zeros_in(moving, dcarry, carry, order)
        (carry, dcarry), (ys, dys) = loop.run(trip, state, (list(xs), list(dxs)))
        return [*carry, *ys], [*dcarry, *(dy for dy in dys if dy is not None)]

    return bodies.compiled(run), moving + pushed.outs[loop.carry :]


@bodies.kept
def halved(body, given, loop):
    """`operands -> outputs, residuals`, `residuals, gs -> cotangents`, and the active outputs."""
    halves, active = bodies.settle(bodies.halve, body, given, loop.consts, loop.carry)
    forward, stacked = _forward_scan(halves, loop)
    backward = _backward_scan(halves, active, stacked, loop)
    _, carry, _ = loop.parts(active)
    reached_consts, _, reached_xs = loop.parts(halves.reached)

    def pull(residuals, gs):
        into_consts, into_carry, into_xs = backward(residuals, gs)
        return [
            *spread(reached_consts, into_consts),
            *spread(carry, into_carry),
            *spread(reached_xs, into_xs),
        ]

    return forward, pull, carry + halves.outs[loop.carry :]


def _forward_scan(halves, loop):
    """The scan that also gives the residuals; which of them have one entry per trip."""
    jaxpr, consts = front.opened(halves.forward)
    n = len(halves.outs)
    before, during, changing = _hoisted(jaxpr, loop)
    _, carry_vars, xs_vars = loop.parts(jaxpr.invars)
    ys_vars, residuals = jaxpr.outvars[loop.carry : n], jaxpr.outvars[n:]
    given = {*xs_vars, *filter(front.is_var, ys_vars)}
    varying = [front.is_var(v) and v in changing for v in residuals]
    stack = [v for v in dict.fromkeys(pick(varying, residuals)) if v not in given]

    def run(operands):
        first, carry, xs = loop.parts(operands)
        still = dict(zip(jaxpr.constvars, consts, strict=True))
        still.update(zip(jaxpr.invars, first, strict=False))
        bodies.evaluate(before, still)

        def trip(carry, entry):
            env = {**still, **dict(zip(carry_vars + xs_vars, [*carry, *entry], strict=True))}
            bodies.evaluate(during, env)
            carry, ys = split([front.read(env, a) for a in jaxpr.outvars[:n]], loop.carry)
            return carry, (ys, [env[v] for v in stack])

        carry, (ys, stacks) = loop.run(trip, list(carry), list(xs))
        pairs = zip(xs_vars + ys_vars + stack, [*xs, *ys, *stacks], strict=True)
        still.update((v, x) for v, x in pairs if front.is_var(v))
        return [*carry, *ys], [front.read(still, a) for a in residuals]

    return bodies.compiled(run), varying


def _hoisted(jaxpr, loop):
    """The equations to run before the loop and in it, and the variables that change by trip."""
    _, carry, xs = loop.parts(jaxpr.invars)
    before, during, changing = [], [], {*carry, *xs}
    for eqn in jaxpr.eqns:
        if eqn.effects or any(front.is_var(a) and a in changing for a in eqn.invars):
            during.append(eqn)
            changing.update(eqn.outvars)
        else:
            before.append(eqn)
    return before, during, changing


def _backward_scan(halves, active, stacked, loop):
    """The reversed scan; its carry holds the sums for the consts and the carry's cotangents."""
    _, moving, _ = loop.parts(active)
    reached_consts, reached_carry, _ = loop.parts(halves.reached)
    out_carry = halves.outs[: loop.carry]
    consts_vars, carry_vars, _ = loop.parts(front.opened(halves.forward)[0].invars)

    def run(residuals, gs):
        def trip(state, entry):
            (sums, into_carry), (g_ys, changing) = state, entry
            g_carry = pick(out_carry, spread(moving, into_carry))
            here = _merged(stacked, changing, residuals)
            found = bodies.pulled(halves, here, [*g_carry, *g_ys])
            found, into_xs = split(found, sum(reached_consts) + sum(reached_carry))
            into_consts, into_carry = split(found, sum(reached_consts))
            sums = [a + b for a, b in zip(sums, into_consts, strict=True)]
            into_carry = spread(reached_carry, into_carry)
            return (sums, _cotangents(moving, into_carry, carry_vars)), into_xs

        g_carry, g_ys = split(gs, sum(moving))
        sums = [front.zeros_like(v) for v in pick(reached_consts, consts_vars)]
        state, xs = (sums, g_carry), (g_ys, pick(stacked, residuals))
        (sums, into_carry), into_xs = loop.run(trip, state, xs, reverse=not loop.reverse)
        return sums, into_carry, into_xs

    return bodies.compiled(run)


def _merged(mask, changing, residuals):
    changing = iter(changing)
    return [next(changing) if m else r for m, r in zip(mask, residuals, strict=True)]


def _cotangents(mask, found, variables):
    slots = zip(found, variables, mask, strict=True)
    return [front.zeros_like(v) if g is None else g for g, v, m in slots if m]
