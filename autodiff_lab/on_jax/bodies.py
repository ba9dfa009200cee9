"""The jaxpr inside a scan, a cond or a while: traced once for each direction, and kept.

    halve(body, active)  forward:  operands -> outputs, residuals
                         backward: residuals, cotangents of outputs -> cotangents of operands
    push(body, active)   operands, tangents -> outputs, tangents

In Taylor mode (`order`) a tuple of that many coefficients stands in the place of each tangent.

`active` says which operands are differentiated. To halve a body it is recorded on a tape of its own
while JAX traces it; its pull, traced in turn inside that trace, closes over exactly the values of
the tape that it reads. These are the residuals: found by closure conversion (Pearlmutter and
Siskind 2008), so that nothing else is kept and nothing is computed twice.
"""

import weakref
from typing import NamedTuple

from .. import xp
from ..forward import ForwardTape
from ..reverse import walk
from ..table.row import Row
from ..tape import Tape
from ..taylor import TaylorTape
from . import front


def row(name, tex):
    """The row of a node whose statement is its body: the front end hands over the pull."""
    return Row(name, "general", None, d=(None, _pulled), keeps="", arity=None, tex=tex,
               outputs="many")  # fmt: skip


def _pulled(xp, gs, *_, pull):
    return pull(gs)


class Halves(NamedTuple):
    forward: object  # operands -> outputs, then the residuals that depend on the operands
    backward: object  # its constvars are the residuals, its invars the cotangents
    fixed: tuple  # for each residual its value, or None where `forward` computes it
    outs: tuple  # which outputs are active
    reached: tuple  # which operands get a cotangent

    @property
    def residuals(self):
        """The constvars of `backward` that `forward` computes."""
        return [v for v, x in zip(self.backward.constvars, self.fixed, strict=True) if x is None]

    @property
    def constants(self):
        """The others, with their values."""
        pairs = zip(self.backward.constvars, self.fixed, strict=True)
        return {v: x for v, x in pairs if x is not None}


class Pushed(NamedTuple):
    forward: object  # operands, tangents of the active ones -> outputs, tangents of the active ones
    outs: tuple
    order: int | None

    def __call__(self, operands, tangents):
        """The outputs, and the tangents of those in `outs`."""
        import jax

        outputs = call(self.forward, *operands, *jax.tree.leaves(tangents))
        ys, dys = split(outputs, len(self.outs))
        return ys, dys if self.order is None else _grouped(dys, self.order)


def _grouped(values, n):
    return [tuple(values[i : i + n]) for i in range(0, len(values), max(n, 1))]


_KEPT: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def kept(make):
    """Remember what was made of a body for as long as JAX itself remembers the body."""

    def asked(body, *key):
        of_body = _KEPT.setdefault(body, {})
        if (make, key) not in of_body:
            of_body[make, key] = make(body, *key)
        return of_body[make, key]

    return asked


@kept
def halve(body, active):
    import jax

    jaxpr, consts = front.opened(body)
    found = {}

    def forward(*operands):
        tape = Tape(xp.verbs("jax"))
        outputs = record(tape, jaxpr, consts, operands, active)
        ends = [node for _, node in outputs]
        found["outs"] = tuple(node is not None and node.active for node in ends)

        def pull(*gs):
            cotangents = pull_back(tape, pick(found["outs"], ends), gs)
            found["reached"] = spread(active, [c is not None for c in cotangents], False)
            return [c for c in cotangents if c is not None]

        made = jax.make_jaxpr(pull)(*structs(jaxpr.outvars, found["outs"]))
        found["backward"], residuals = front.opened(made)
        found["fixed"] = tuple(None if front.is_traced(r) else r for r in residuals)
        return [y for y, _ in outputs], [r for r in residuals if front.is_traced(r)]

    closed = jax.make_jaxpr(forward)(*structs(jaxpr.invars))
    return Halves(closed, **found)


@kept
def push(body, active, order=None):
    import jax

    jaxpr, consts = front.opened(body)
    found = {}

    def pushed(operands, tangents):
        tape = forward_tape(xp.verbs("jax"), tangents, order)
        outputs = record(tape, jaxpr, consts, operands, active)
        tangents = [None if node is None else tape.carried(node) for _, node in outputs]
        found["outs"] = tuple(dy is not None for dy in tangents)
        return [y for y, _ in outputs], [dy for dy in tangents if dy is not None]

    tangents = [like_a_tangent(x, order) for x in structs(jaxpr.invars, active)]
    closed = jax.make_jaxpr(pushed)(structs(jaxpr.invars), tangents)
    return Pushed(closed, found["outs"], order)


def forward_tape(verbs, tangents, order):
    return ForwardTape(verbs, tangents) if order is None else TaylorTape(verbs, order, tangents)


def like_a_tangent(x, order):
    """`x`, or as many of it as there are coefficients."""
    return x if order is None else (x,) * order


def settle(make, body, active, first, count, *order):
    """Halve or push a loop's body until no more of its carry becomes active.

    The carry is the first `count` outputs, and as many operands from `first` on.
    """
    while True:
        made = make(body, active, *order)
        carried = active[first : first + count]
        grown = tuple(a or out for a, out in zip(carried, made.outs[:count], strict=True))
        if grown == carried:
            return made, active
        active = active[:first] + grown + active[first + count :]


def record(tape, jaxpr, consts, operands, active):
    """Interpret the jaxpr on a tape of its own. Returns pairs of value and node."""
    nodes = [tape.input(x, "") if a else None for x, a in zip(operands, active, strict=True)]
    return front.interpret(tape, jaxpr, consts, list(zip(operands, nodes, strict=True)))


def pull_back(tape, ends, gs):
    """The cotangents of the tape's inputs, given those of its outputs (None: no node there)."""
    cotangents = [None] * len(tape.nodes)
    for node, g in zip(ends, gs, strict=True):
        if node is not None and node.active:
            before = cotangents[node.index]
            cotangents[node.index] = g if before is None else before + g
    walk(tape, cotangents)
    return [cotangents[node.index] for node in tape.inputs]


# ----- small tools -----
def structs(variables, chosen=None):
    """What `jax.make_jaxpr` takes for these variables, or for those that are `chosen`."""
    import jax

    chosen = chosen or (True,) * len(variables)
    avals = [v.aval for v, c in zip(variables, chosen, strict=True) if c]
    return [jax.ShapeDtypeStruct(a.shape, a.dtype, weak_type=a.weak_type) for a in avals]


def spread(mask, values, other=None):
    """One value in each place of the mask that is true, and `other` in the rest."""
    values = iter(values)
    return tuple(next(values) if m else other for m in mask)


def pick(mask, values):
    return [x for m, x in zip(mask, values, strict=True) if m]


def evaluate(eqns, env):
    """Run equations as they are; `env` maps variables to values and is filled in."""
    for eqn in eqns:
        values = front.rebind(eqn, [front.read(env, a) for a in eqn.invars])
        env.update(zip(eqn.outvars, values, strict=True))
    return env


def enter(closed, operands):
    """A closed jaxpr opened, and the values of all its variables."""
    jaxpr, consts = front.opened(closed)
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *operands], strict=True))
    return jaxpr, evaluate(jaxpr.eqns, env)


def call(closed, *operands):
    """The outputs of a closed jaxpr."""
    jaxpr, env = enter(closed, operands)
    return [front.read(env, a) for a in jaxpr.outvars]


def pulled(halves, residuals, gs):
    """Run the backward half: one cotangent for each operand that is reached."""
    env = {**halves.constants, **dict(zip(halves.residuals, residuals, strict=True))}
    env.update(zip(halves.backward.invars, gs, strict=True))
    evaluate(halves.backward.eqns, env)
    return [front.read(env, a) for a in halves.backward.outvars]


def split(values, n):
    return list(values[:n]), list(values[n:])


def compiled(run):
    """Traced once per shape, and inlined where it is called under a trace."""
    import jax

    return jax.jit(run, inline=True)


def zeros_in(mask, tangents, xs, order=None):
    """The tangents where the mask is true, with zeros for those that are missing."""
    return [or_zeros(dx, x, order) for dx, x, m in zip(tangents, xs, mask, strict=True) if m]


def or_zeros(tangent, x, order=None):
    import jax.numpy as jnp

    if tangent is not None:
        return tangent
    return like_a_tangent(jnp.zeros_like(x), order)  # of a branch that returns 3.0 too
