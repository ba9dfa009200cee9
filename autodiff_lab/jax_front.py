"""The JAX front end: trace the function, then interpret its jaxpr and write down what happens.

JAX shows a function's operations only while tracing it, so the jaxpr is read equation by equation
with the same rows. The values may be concrete arrays or the tracers of an outer transformation:
everything built this way is itself traceable, so `jax.jit(ad.grad(f))` works.

Only public parts of JAX are used; where they moved between 0.5.3 and 0.12, both ways are written.
"""

from . import source, trees, xp
from .custom import named
from .errors import AutodiffError
from .jax_spellings import CALLS, lower, no_row


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


def interpret(tape, jaxpr, consts, inputs, scope=(), call=None):
    """Evaluate a jaxpr on `(value, node)` pairs, adding a node per equation. Returns such pairs.

    `call` is the jitted call that this jaxpr is the body of: its name, equation and own call.
    """
    from jax.extend.core import Literal

    env = dict(zip(jaxpr.constvars, [(c, None) for c in consts], strict=True))
    env.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom):
        return (atom.val, None) if isinstance(atom, Literal) else env[atom]

    for eqn in jaxpr.eqns:
        results = _equation(tape, eqn, [read(a) for a in eqn.invars], scope, call)
        env.update(zip(eqn.outvars, results, strict=True))
    return [read(a) for a in jaxpr.outvars]


def _equation(tape, eqn, pairs, scope, call):
    values, nodes = [v for v, _ in pairs], [n for _, n in pairs]
    if all(node is None for node in nodes):  # nothing recorded goes in
        return [(y, None) for y in rebind(eqn, values)]
    custom = named(eqn.params.get("name"), len(eqn.invars))
    if custom is not None:
        return [_custom(tape, custom, eqn, values, nodes, scope, call)]
    if eqn.primitive.name in CALLS:
        name = str(eqn.params.get("name", ""))
        inside = scope if name.startswith("_") or not name else (*scope, name)
        return interpret(tape, *opened(body_of(eqn.params)), pairs, inside, (name, eqn, call))
    lowered = lower(eqn)
    if lowered is None:
        return _discrete(tape, eqn, values, nodes, call)
    row, operands, params = lowered
    (y,) = rebind(eqn, values)
    picked = [pairs[i] if type(i) is int else (i.value, None) for i in operands]
    parents = tuple(tape.constant(x) if node is None else node for x, node in picked)
    where, functions = where_of(eqn, call) if tape.keep_all else (None, ())
    scope = functions + tuple(name for name in scope if name not in functions)
    return [(y, tape.add(row, parents, [x for x, _ in picked], params, y, scope, where))]


def _custom(tape, custom, eqn, values, nodes, scope, call):
    """A function with a rule of the user's own (`ad.custom_rule`) is one node."""
    y = custom(*values)
    pairs = zip(nodes, values, strict=True)
    parents = tuple(tape.constant(x) if node is None else node for node, x in pairs)
    where = where_of(eqn, call)[0] if tape.keep_all else None
    return y, tape.add(custom.custom_row, parents, values, {}, y, scope, where)


def _discrete(tape, eqn, values, nodes, call):
    """No row: answers of integers or booleans have no derivative; anything else is refused."""
    flows = any(n is not None and n.active for n in nodes)
    discrete = not any(tape.xp.is_float(v.aval.dtype) or tape.xp.is_complex(v.aval.dtype)
                       for v in eqn.outvars)  # fmt: skip
    if flows and not discrete:
        raise AutodiffError(no_row(eqn, source.words(where_of(eqn, call)[0])))
    return [(y, None) for y in rebind(eqn, values)]


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


# ----- where the user wrote it -----
def where_of(eqn, call):
    """`((file, line), scope)` of the user's innermost frame.

    JAX caches the body of a library's own jitted function with the traceback of the first call ever
    made; such a body counts as the line that called it now.
    """
    mine = list(_user_frames(eqn))
    if call is not None and call[0] not in [name for _, _, name in mine]:
        return where_of(*call[1:])
    if not mine:
        return None, ()
    return mine[0][:2], tuple(name for _, _, name in reversed(mine[:-1]))


def _user_frames(eqn):
    """`(file, line, function)` from the inside out, up to the frame that runs the recording."""
    traceback = getattr(eqn.source_info, "traceback", None)
    for frame in getattr(traceback, "frames", None) or []:
        if frame.file_name == __file__ and frame.function_name.endswith("traced"):
            return
        if not source.is_library(frame.file_name):
            yield frame.file_name, frame.line_num, frame.function_name.rsplit(".", 1)[-1]
