"""Functions that bring their own derivative: the user's rule is honoured in both directions.

    custom_jvp   pushed: the rule; pulled: the rule's tangents are recorded as a linear map
                 of the tangents that go in, and that map is transposed; in Taylor mode the rule
                 gives y' from x and x', is itself expanded, and y' is integrated
    custom_vjp   pulled: `fwd` and `bwd`; not pushed, in JAX neither

Transposing what a rule pushes is how JAX itself derives reverse mode (Radul et al. 2023, "You only
linearize once").
"""

import functools

from .. import xp
from ..errors import AutodiffError
from ..tape import Tape
from ..taylor import coefficient, expand
from . import bodies, front, own_rules
from .bodies import pick, split, spread
from .spellings import custom_name

CUSTOM_JVP = bodies.row("custom_jvp", r"y = f(x), \; dy = \text{the user's rule}")
CUSTOM_VJP = bodies.row("custom_vjp", r"y = f(x), \; \bar x = \text{the user's rule}")
SAME = bodies.row("same", r"y = x")


# ----- custom_jvp -----
def custom_jvp(site):
    body = own_rules.along_batch(site.eqn)
    if body is not None:
        return site.enter(body, site.pairs)
    if not any(site.active):
        return [(y, None) for y in front.rebind(site.eqn, site.values)]
    if site.tape.reverse:
        return _transposed_jvp(site)
    if site.tape.order is not None:
        return site.push(CUSTOM_JVP, front.rebind(site.eqn, site.values), _expanded_jvp(site))
    ys, dys = _users_jvp(site)(site.values, pick(site.active, site.tangents))
    return site.push(CUSTOM_JVP, ys, dys)


def _expanded_jvp(site):
    """For each output its coefficients from the first on."""
    run, order, there = _users_jvp(site), site.tape.order, []

    def rule(primals, tangents):
        dys = run(primals, tangents)[1]
        there[:] = [dy is not None for dy in dys]
        return [dy for dy in dys if dy is not None]

    moving = pick(site.active, site.tangents)
    rates = [[k * c for k, c in enumerate(cs, 1)] for cs in moving]
    values = iter(moving)
    arrays = [(next(values) if a else []) for a in site.active]
    primals = [site.verbs.lib.asarray(x) for x in site.values]
    tape = expand(rule, (primals, [r[0] for r in rates]), [*arrays, *[r[1:] for r in rates]],
                  order - 1)  # fmt: skip
    found = [coefficient(tape, k) for k in range(order)]
    return spread(there, zip(*[[y / k for y in ys] for k, ys in enumerate(found, 1)], strict=True))


def _users_jvp(site):
    """`(primals, tangents of the active ones) -> (outputs, tangents or None)`."""
    _, rule = _functions(site.eqn)
    symbolic, active = site.eqn.params["symbolic_zeros"], site.active

    def run(primals, tangents):
        slots = zip(spread(active, tangents), site.eqn.invars, strict=True)
        dxs = [_zero(v.aval, symbolic) if dx is None else dx for dx, v in slots]
        ys, dys = split(rule(*primals, *dxs), len(site.eqn.outvars))
        return ys, [None if _is_zero(dy) else dy for dy in dys]

    return run


def _transposed_jvp(site):
    """Record the tangents that the rule computes, as a function of those that go in."""
    import jax

    run, outs = _users_jvp(site), []

    def traced(primals, tangents):
        ys, dys = run(primals, tangents)
        outs.extend(dy is not None for dy in dys)
        return ys, [dy for dy in dys if dy is not None]

    values, active = site.values, site.active
    dxs = bodies.structs(site.eqn.invars, active)
    jaxpr, consts = front.opened(jax.make_jaxpr(traced)(values, dxs))
    tape = LinearTape(xp.verbs("jax"))
    pairs = [(x, None) for x in values] + [(dx, tape.input(dx, "")) for dx in dxs]
    ys, dys = split(front.interpret(tape, jaxpr, consts, pairs), len(outs))
    ends = [node for _, node in dys]

    def pull(gs):
        return spread(active, bodies.pull_back(tape, ends, pick(outs, gs)))

    return site.record(CUSTOM_JVP, [y for y, _ in ys], tuple(outs), pull)


class LinearTape(Tape):
    """A tape of a linear map: for its transpose the shapes of the tangents are enough."""

    dry = True

    def _keep(self, node, values, y, instead):
        super()._keep(node, values, y, instead)
        curved = node.row.kind in ("pointwise", "bilinear")
        if curved and any(_is_shape(x) for x in (*node.xs, node.y)):
            raise AutodiffError(
                f"a custom_jvp rule is not linear in its tangents ({node.op} of two of them), so "
                "it has no transpose; compute the tangents with operations that are"
            )
        if node.row.kind == "general":  # its pull may read them for inputs that nobody wants
            node.xs = list(map(front.solid, node.xs))
            node.y = tuple(map(front.solid, y)) if type(node.y) is tuple else front.solid(node.y)


def _is_shape(x):
    import jax

    return isinstance(x, jax.ShapeDtypeStruct)


# ----- custom_vjp -----
def custom_vjp(site):
    body = own_rules.along_batch(site.eqn)
    if body is not None:
        return site.enter(body, site.pairs)
    if any(site.active) and not site.tape.reverse:
        raise AutodiffError(
            f"forward mode came to {custom_name(site.eqn)} ({site.place}), which has a custom_vjp "
            "rule, and that says only how cotangents come back; use ad.grad or ad.vjp, or write "
            "the rule as a custom_jvp"
        )
    if not any(site.active):
        return [(y, None) for y in front.rebind(site.eqn, site.values)]
    values, n = site.values, len(site.eqn.outvars)
    fwd, bwd = _users_vjp(site.eqn)
    made = fwd(values, site.active)
    residuals, ys = split(made, len(made) - n)
    residuals = _with_forwarded(residuals, site.eqn.params["out_trees"], values)
    residuals = list(
        map(site.verbs.lib.asarray, residuals)
    )  # numpy's would not take a traced index

    def pull(gs):
        found = bwd(*residuals, *map(_cotangent, gs, site.eqn.outvars))
        return [None if _is_zero(c) else c for c in found]

    outs = tuple(_has_tangent(v) for v in site.eqn.outvars)
    return site.record(CUSTOM_VJP, ys, outs, pull)


def _users_vjp(eqn):
    """`fwd(values, active) -> residuals and outputs`, `bwd(residuals and gs) -> cotangents`."""
    if "fun_jaxpr" not in eqn.params:
        _, fwd, bwd = _functions(eqn)
        return lambda values, active: fwd(*_interleaved(values, active)), bwd
    n = eqn.params["num_consts"]  # custom_vjp_call_jaxpr, up to JAX 0.5

    def fwd(values, active):
        jaxpr, consts = eqn.params["fwd_jaxpr_thunk"](*active[n:])
        return bodies.call(jaxpr, *consts, *values[n:])

    bwd = getattr(eqn.params["bwd"], "call_wrapped", eqn.params["bwd"])
    return fwd, lambda *args: [None] * n + list(bwd(*args))


def _interleaved(values, active):
    return [x for pair in zip(values, active, strict=True) for x in pair]


def _with_forwarded(residuals, out_trees, values):
    """Residuals that are inputs of `fwd` itself are not among its results."""
    forwarded = list(out_trees()[2:])
    if not forwarded:
        return residuals
    rest = iter(residuals)
    return [next(rest) if i is None else values[i] for i in forwarded[0]]


# ----- what JAX keeps in such an equation -----
def _functions(eqn):
    """The functions of a custom_jvp (itself, its rule) or of a custom_vjp (itself, fwd, bwd)."""
    bound = eqn.primitive.get_bind_params(eqn.params)
    functions = bound[0] if isinstance(bound, tuple) else bound["subfuns"]
    return [f.call_wrapped for f in functions]


def _zero(aval, symbolic):
    """The tangent of an input that is not differentiated; integers have one of dtype float0."""
    import jax

    tangent = aval.to_tangent_aval()
    if symbolic:
        return jax.custom_derivatives.SymbolicZero(tangent)
    return _float0(aval) if tangent.dtype == jax.dtypes.float0 else front.zeros_like(aval)


def _float0(aval):
    import jax
    import numpy as np

    return np.zeros(aval.shape, jax.dtypes.float0)


def _is_zero(x):
    """A symbolic zero, or the float0 of an integer."""
    import jax

    return not hasattr(x, "dtype") or x.dtype == jax.dtypes.float0 or "Zero" in type(x).__name__


def _has_tangent(v):
    verbs = xp.verbs("jax")
    return verbs.is_float(v.aval.dtype) or verbs.is_complex(v.aval.dtype)


def _cotangent(g, v):
    return g if _has_tangent(v) else _float0(v.aval)


# ----- the identity in other clothes -----
def same(site):
    """Of a value only its place, its precision or its order of execution changes."""
    apply = functools.partial(front.rebind, site.eqn)
    ys = apply(site.values)
    if not site.tape.reverse:
        return site.push(SAME, ys, _same_tangents(site, apply))
    back = apply if site.eqn.primitive.name == "reduce_precision" else list
    return site.record(SAME, ys, site.active, back)


def _same_tangents(site, apply):
    """What is done to the values is done to the tangents, or to one order of them at a time."""
    order, active = site.tape.order, site.active
    pairs = zip(site.tangents, site.values, strict=True)
    dxs = [bodies.or_zeros(dx, x, order) for dx, x in pairs]
    if order is None:
        return spread(active, pick(active, apply(dxs)))
    by_order = [apply(list(of_order)) for of_order in zip(*dxs, strict=True)]
    return spread(active, pick(active, zip(*by_order, strict=True)))
