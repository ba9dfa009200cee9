"""The JAX front end: trace the function, then interpret its jaxpr and write down what happens.

JAX shows a function's operations only while tracing it, so the jaxpr is read equation by equation
with the same rows. The values may be concrete arrays or the tracers of an outer transformation:
everything built this way is itself traceable, so `jax.jit(ad.grad(f))` works.

Only public parts of JAX are used; where they moved between 0.5.3 and 0.12, both ways are written.
"""

import functools
from typing import NamedTuple

from .. import source, trees, xp
from ..checkpointing.measure import look
from ..errors import AutodiffError
from . import dispatch
from .layers import library_call
from .own_rules import named
from .spellings import CALLS, lower, no_row


def run(tape, call, leaves, names, boxed):
    """Fill `tape` with what `call` does to the leaves that are `boxed`."""
    import jax

    chosen = [leaf for leaf, b in zip(leaves, boxed, strict=True) if b]
    nodes = [tape.input(x, n) for x, n, b in zip(leaves, names, boxed, strict=True) if b]
    output = {}

    def traced(*values):
        values = iter(values)
        result = call([next(values) if b else x for x, b in zip(leaves, boxed, strict=True)])
        found, _, output["rebuild"] = trees.flatten(result)
        output["leaves"] = found
        output["arrays"] = [xp.framework_of(x) == "jax" for x in found]
        return [x for x, is_array in zip(found, output["arrays"], strict=True) if is_array]

    jaxpr, consts = opened(_make_jaxpr(jax, traced)(*chosen))
    values = [(x, node) for x, node in zip(chosen, nodes, strict=True)]
    results = iter((jax.numpy.asarray(y), n) for y, n in interpret(tape, jaxpr, consts, values))
    pairs = [
        next(results) if is_array else (x, None)
        for x, is_array in zip(output["leaves"], output["arrays"], strict=True)
    ]
    tape.closed = True
    return tape.finish([y for y, _ in pairs], output["rebuild"], [node for _, node in pairs])


def _make_jaxpr(jax, f):
    """`jax.make_jaxpr`, with one kind word about Python control flow."""
    traced = jax.make_jaxpr(f)

    def make(*args):
        try:
            return traced(*args)
        except jax.errors.ConcretizationTypeError as e:
            raise AutodiffError(
                "Python needed the concrete value of a traced JAX array (an `if`, `while`, float() "
                "or int() on it), and tracing has only its shape; write jnp.where, jax.lax.cond or "
                f"jax.lax.while_loop instead. JAX said: {str(e).splitlines()[0]}"
            ) from None

    return make


class Site(NamedTuple):
    """An equation as it is met: on which tape, with which operands, and from where."""

    tape: object
    eqn: object
    pairs: list  # (value, node) of each operand; no node where nothing is recorded
    scope: tuple = ()
    call: tuple | None = None

    @property
    def verbs(self):
        return self.tape.xp

    @property
    def values(self):
        return [solid(x) for x, _ in self.pairs]

    @property
    def concrete(self):
        return not any(is_traced(x) for x, _ in self.pairs)

    @property
    def tangents(self):
        """One per operand; of a Taylor tape a tuple of coefficients each."""
        inexact = self.verbs.is_inexact
        nodes = [n if n is not None and inexact(n.dtype) else None for _, n in self.pairs]
        return [None if n is None else self.tape.carried(n) for n in nodes]

    @property
    def active(self):
        """Which operands are differentiated: forward those with a tangent."""
        if not self.tape.reverse:
            return tuple(dx is not None for dx in self.tangents)
        return tuple(node is not None and node.active for _, node in self.pairs)

    @property
    def place(self):
        return source.words(where_of(self.eqn, self.call)[0])

    def enter(self, body, pairs, name=""):
        scope = (*self.scope, name) if name else self.scope
        return interpret(self.tape, *opened(body), pairs, scope, (name, self.eqn, self.call))

    def apply(self, row, pairs, **params):
        """A node of the table's own, such as the slice that a trip of a scan reads."""
        xs = [solid(x) for x, _ in pairs]
        y = row.fn(self.verbs, *xs, **params)
        return y, self.tape.add(row, self._parents(pairs), xs, params, y, self.scope)

    def push(self, row, ys, dys):
        """One node for all of `ys`, with the tangents that were computed along with them."""
        nodes = self.tape.add_many(row, (), self.values, {}, ys)
        for node, y, dy in zip(nodes, ys, dys, strict=True):
            self.tape.give(node, y, dy)
        return list(zip(ys, nodes, strict=True))

    def record(self, row, ys, outs, pull):
        """One node for all of `ys`; those that are not in `outs` have no derivative."""
        keep = self.tape.keep_all
        where, functions = where_of(self.eqn, self.call) if keep else (None, ())
        scope = functions + tuple(name for name in self.scope if name not in functions)
        params = {"pull": _with_zeros(pull, self.eqn.outvars)}
        parents = self._parents(self.pairs)
        nodes = self.tape.add_many(row, parents, self.values, params, ys, scope, where)
        found = zip(ys, nodes, outs, strict=True)
        return [(y, node if out or keep else None) for y, node, out in found]

    def _parents(self, pairs):
        return tuple(self.tape.constant(x) if node is None else node for x, node in pairs)


def _with_zeros(pull, variables):
    """A pull that gets zeros where no cotangent arrived."""

    def filled(gs):
        return pull([zeros_like(v) if g is None else g for g, v in zip(gs, variables, strict=True)])

    return filled


# The identity, and what rounds a tangent as it rounds the value.
SAME = (
    "optimization_barrier", "device_put", "sharding_constraint", "reshard", "layout_constraint",
    "reduce_precision", "name",
)  # fmt: skip


def interpret(tape, jaxpr, consts, inputs, scope=(), call=None):
    """Evaluate a jaxpr on `(value, node)` pairs, adding a node per equation. Returns such pairs.

    `call` is the jitted call that this jaxpr is the body of: its name, equation and own call.
    """
    env = dict(zip(jaxpr.constvars, [(c, None) for c in consts], strict=True))
    env.update(zip(jaxpr.invars, inputs, strict=True))

    def pair(atom):
        return env[atom] if is_var(atom) else (atom.val, None)

    eqns = jaxpr.eqns if tape.keep_all else live(jaxpr)
    for eqn, read in zip(eqns, last_reads(jaxpr, eqns), strict=True):
        results = equation(Site(tape, eqn, [pair(a) for a in eqn.invars], scope, call))
        env.update(zip(eqn.outvars, results, strict=True))
        for v in read:
            del env[v]
        look()
    return [pair(a) for a in jaxpr.outvars]


def live(jaxpr):
    """The equations that the outputs depend on. A custom_vjp that nobody uses is not refused."""
    needed, found = {id(a) for a in jaxpr.outvars}, []
    for eqn in reversed(jaxpr.eqns):
        if eqn.effects or not needed.isdisjoint(map(id, eqn.outvars)):
            needed.update(map(id, eqn.invars))
            found.append(eqn)
    return found[::-1]


def last_reads(jaxpr, eqns):
    """For each equation the variables that nobody reads after it: their values may go."""
    later, found = set(filter(is_var, jaxpr.outvars)), []
    for eqn in reversed(eqns):
        gone = {v for v in (*eqn.invars, *eqn.outvars) if is_var(v) and v not in later}
        later |= gone
        found.append(gone)
    return found[::-1]


def equation(site):
    """`(value, node)` of each result."""
    tape, eqn, pairs, scope, call = site
    if all(node is None for _, node in pairs):  # nothing recorded goes in
        return [(y, None) for y in tape.made or rebind(eqn, [x for x, _ in pairs])]
    name = eqn.primitive.name
    custom = named(eqn)
    if custom is not None:
        return [_custom(site, custom)]
    known = library_call(eqn)
    if known is not None:
        return _add(site, *known)
    if name in CALLS:
        title = str(eqn.params.get("name", ""))
        inside = scope if title.startswith("_") or not title else (*scope, title)
        return interpret(tape, *opened(body_of(eqn.params)), pairs, inside, (title, eqn, call))
    lowered = lower(eqn)
    if lowered is None:
        handler = structures().get(name)
        return handler(site) if handler else _discrete(site)
    return _add(site, *lowered)


def is_plain_call(eqn):
    """A jitted call that is entered, for it has no meaning of its own."""
    if eqn.primitive.name not in CALLS or library_call(eqn) is not None:
        return False
    return named(eqn) is None


def _add(site, row, operands, params):
    """The node, or the nodes, of an equation that has a row."""
    tape, eqn, pairs, scope, call = site
    ys = outcome(site)
    picked = [pairs[i] if type(i) is int else (i.value, None) for i in operands]
    parents = tuple([tape.constant(x) if node is None else node for x, node in picked])
    values = [x for x, _ in picked]
    where, functions = where_of(eqn, call) if tape.keep_all else (None, ())
    scope = functions + tuple(name for name in scope if name not in functions)
    if row.outputs == 1:
        nodes = [tape.add(row, parents, values, params, ys[0], scope, where)]
    else:
        nodes = tape.add_many(row, parents, values, params, ys, scope, where)
    if tape.keep_all:
        for node in nodes:
            node.equation = eqn
    return list(zip(ys, nodes, strict=True))


def _custom(site, custom):
    """A function with a rule of the user's own (`ad.custom_rule`) is one node."""
    tape, eqn, pairs, scope, call = site
    values = list(map(tape.xp.lib.asarray, site.values))  # the literals of a jaxpr are NumPy's
    y = custom(*values)
    parents = tuple([tape.constant(x) if node is None else node for x, node in pairs])
    where = where_of(eqn, call)[0] if tape.keep_all else None
    return y, tape.add(custom.custom_row, parents, values, {}, y, scope, where)


def _discrete(site):
    """No row: answers of integers or booleans have no derivative; anything else is refused."""
    tape, eqn = site.tape, site.eqn
    flows = any(n is not None and n.active for _, n in site.pairs)
    discrete = not any(tape.xp.is_float(v.aval.dtype) or tape.xp.is_complex(v.aval.dtype)
                       for v in eqn.outvars)  # fmt: skip
    if flows and not discrete:
        raise AutodiffError(no_row(eqn, site.place))
    return [(y, None) for y in rebind(eqn, site.values)]


@functools.cache
def structures():
    """The equations that hold functions, by name."""
    from . import checkpoints, control, custom_rules, rewrites, scan, solve

    return {
        "scan": scan.scan,
        "cond": control.cond,
        "while": control.while_loop,
        "custom_jvp_call": custom_rules.custom_jvp,
        "custom_vjp_call": custom_rules.custom_vjp,
        "custom_vjp_call_jaxpr": custom_rules.custom_vjp,
        "select_n": rewrites.select,
        "tile": rewrites.tile,
        "pad": rewrites.pad,
        **dict.fromkeys(SAME, custom_rules.same),
        "custom_linear_solve": solve.linear_solve,
        **dict.fromkeys(("checkpoint", "remat", "remat2"), checkpoints.checkpoint),
    }


# ----- jaxprs, from JAX 0.5.3 to 0.12 -----
def opened(jaxpr):
    """A ClosedJaxpr (up to 0.10), a bare Jaxpr, or the merged class (from 0.11)."""
    return getattr(jaxpr, "jaxpr", jaxpr), list(getattr(jaxpr, "consts", ()))


def body_of(params):
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if key in params:
            return params[key]
    raise KeyError(f"no inner jaxpr among {sorted(params)}")


def rebind(eqn, values):
    """Run the equation's own primitive, which keeps custom_jvp and custom_vjp rules alive."""
    bound = eqn.primitive.get_bind_params(eqn.params)
    if isinstance(bound, tuple):
        y = eqn.primitive.bind(*bound[0], *values, **bound[1])
    else:
        y = eqn.primitive.bind(*values, **bound)
    return list(y) if eqn.primitive.multiple_results else [y]


# ----- values -----
def is_traced(x):
    from jax.core import Tracer

    return isinstance(x, Tracer)


def is_var(atom):
    """A variable of a jaxpr, and not a literal."""
    from jax.extend.core import Literal

    return not isinstance(atom, Literal)


def read(env, atom):
    return env[atom] if is_var(atom) else atom.val


def zeros_like(variable):
    """Zeros of the shape of a variable, or of its abstract value."""
    import jax.numpy as jnp

    aval = getattr(variable, "aval", variable)
    return jnp.zeros(aval.shape, aval.dtype)


def solid(x):
    """Zeros for a tangent of which only the shape is known."""
    import jax

    return jax.numpy.zeros(x.shape, x.dtype) if isinstance(x, jax.ShapeDtypeStruct) else x


def outcome(site):
    """The values of an equation; of a linear map's (see custom_rules) the shapes are enough."""
    if site.tape.made:
        return site.tape.made
    if not site.tape.dry:
        values = [x for x, _ in site.pairs]
        found = dispatch.run(site.eqn, values)
        return rebind(site.eqn, values) if found is None else found
    from .bodies import structs

    return structs(site.eqn.outvars)


# ----- where the user wrote it -----
def where_of(eqn, call):
    """`((file, line), scope)` of the user's innermost frame.

    JAX caches the body of a library's own jitted function with the traceback of the first call ever
    made; such a body counts as the line that called it now. The user's own body of a scan, a cond
    or a checkpoint keeps its lines.
    """
    frames = list(_frames(eqn))
    if call is not None and call[0] not in [name for name, _ in frames]:
        where, scope = where_of(*call[1:])
        return _line_in_body(eqn) or where, scope
    return source.path(frames)


def _frames(eqn):
    """Pairs for `source.path`, inside out, up to the frame that runs the recording."""
    for frame in _traceback(eqn):
        if frame.file_name == __file__ and frame.function_name.endswith("traced"):
            return
        name = frame.function_name.rsplit(".", 1)[-1]
        level = source.level_of(frame.file_name, name)
        if level == source.USER:
            yield name, (frame.file_name, frame.line_num)
        elif level is not None and level != source.CHECKPOINT:  # that one is an equation
            yield level, 0


def _line_in_body(eqn):
    """The user's line between this equation and the control flow of JAX that it is a body of."""
    for frame in _traceback(eqn):
        if any(part in frame.file_name for part in BODIES):
            return None
        if not source.is_library(frame.file_name):
            return frame.file_name, frame.line_num
    return None


BODIES = ("jax/_src/lax/control_flow", "jax/_src/ad_checkpoint")


def _traceback(eqn):
    traceback = getattr(eqn.source_info, "traceback", None)
    return getattr(traceback, "frames", None) or []
