"""Transformation: on JAX, trace one example with symbolic sizes, then interpret each size twice.

`jax.export.symbolic_shape` lets a function be traced with a size that is a name. In the jaxpr a
ragged dim then reads "n0" wherever it appears: as a shape it means the padded size, as a number
(`dim_as_value`) the example's own length. Each equation is lowered to a row exactly as it is for
autodiff's tape, and the row's mask rule does the rest. (JAX once had this as `jax.mask`.)
"""

from autodiff_lab import source, trees, xp
from autodiff_lab.jax_front import body_of, opened, rebind, where_of
from autodiff_lab.jax_spellings import CALLS, lower

from . import rules
from .errors import MaskError
from .lane import Lane, Length


def run(f, args, kwargs, count):
    """Call `f` with lanes and shared arrays among its arguments; return lanes in its structure."""
    import jax
    import jax.export  # before JAX 0.8 it has to be asked for

    leaves, _, rebuild = trees.flatten((args, kwargs))
    dynamic = [isinstance(x, Lane) or xp.framework_of(x) == "jax" for x in leaves]
    chosen = [x for x, d in zip(leaves, dynamic, strict=True) if d]
    names = _Names(jax)
    output = {}

    def traced(*values):
        values = iter(values)
        new = rebuild([next(values) if d else x for x, d in zip(leaves, dynamic, strict=True)])
        found, _, output["rebuild"] = trees.flatten(f(*new[0], **new[1]))
        return [jax.numpy.asarray(x) for x in found]

    try:
        closed = jax.make_jaxpr(traced)(*(names.spec(x) for x in chosen))
    except Exception as e:
        raise _explained(e, names, jax) from None
    jaxpr, consts = opened(closed)
    results = Interpreter(names, count).run(jaxpr, consts, chosen)
    return output["rebuild"](results)


class _Names:
    """One name per ragged size: sizes whose lengths agree share it."""

    def __init__(self, jax):
        self.jax, self.scope = jax, jax.export.SymbolicScope()
        self.lengths = []

    def spec(self, x):
        """What `x` looks like to the tracer."""
        if not isinstance(x, Lane):
            return self.jax.ShapeDtypeStruct(x.shape, x.dtype)
        words = [str(n) if not isinstance(n, Length) else self.name(n) for n in x.shape]
        shape = self.jax.export.symbolic_shape(", ".join(words), scope=self.scope) if words else ()
        return self.jax.ShapeDtypeStruct(shape, x.dtype)

    def name(self, length):
        for i, known in enumerate(self.lengths):
            if known.same(length) and known.padded == length.padded:
                return f"n{i}"
        self.lengths.append(length)
        return f"n{len(self.lengths) - 1}"

    def length(self, dim):
        """The `Length` that a symbolic dim stands for."""
        known = {f"n{i}": n for i, n in enumerate(self.lengths)}
        if str(dim) not in known:
            raise MaskError(
                f"the size {self.told(str(dim))} is computed from a ragged size, which has no mask "
                "rule yet; keep ragged dims as they are, or reduce them first"
            )
        return known[str(dim)]

    def value(self, dim):
        """Each example's own value of a size that may be computed, such as 3*n0 - 1."""
        known = {f"n{i}": n.data for i, n in enumerate(self.lengths)}
        numpy = self.jax.numpy
        functions = {
            "floordiv": lambda a, b: a // b,
            "mod": lambda a, b: a % b,
            "max": numpy.maximum,
            "min": numpy.minimum,
        }
        return eval(str(dim), {"__builtins__": {}}, known | functions)  # JAX prints it as Python

    def told(self, text):
        """Symbolic names as the lengths they stand for."""
        for i, n in reversed(list(enumerate(self.lengths))):
            lengths = n.data.tolist() if hasattr(n.data, "tolist") else "..."
            text = text.replace(f"n{i}", f"<lengths {lengths}>")
        return text


class Interpreter:
    """Evaluate a jaxpr whose values may be lanes."""

    def __init__(self, names, count):
        self.names, self.count = names, count
        self.verbs = xp.verbs("jax")

    def run(self, jaxpr, consts, inputs, call=None):
        from jax.extend.core import Literal

        env = dict(zip(jaxpr.constvars, consts, strict=True))
        env.update(zip(jaxpr.invars, inputs, strict=True))

        def read(atom):
            return atom.val if isinstance(atom, Literal) else env[atom]

        for eqn in jaxpr.eqns:
            results = self.equation(eqn, [read(a) for a in eqn.invars], call)
            env.update(zip(eqn.outvars, results, strict=True))
        return [read(a) for a in jaxpr.outvars]

    def equation(self, eqn, values, call):
        name = eqn.primitive.name
        if name in CALLS:
            called = (str(eqn.params.get("name", "")), eqn, call)
            return self.run(*opened(body_of(eqn.params)), values, called)
        if name == "dim_as_value":
            own = self.names.value(eqn.params["dim"])
            return [Lane(self.verbs.astype(own, eqn.outvars[0].aval.dtype), ())]
        symbolic = any(not isinstance(n, int) for v in eqn.outvars for n in v.aval.shape)
        if not symbolic and not any(isinstance(v, Lane) for v in values):
            return rebind(eqn, values)

        def place():
            return source.words(where_of(eqn, call)[0])

        lowered = lower(eqn)
        if lowered is None or lowered[0].kind == "composite":
            raise MaskError(
                f"JAX's {name} at {place()} has no row, so nobody knows what a mask does to it; "
                "write it with operations that have one"
            )
        row, operands, params = lowered
        xs = [values[i] if type(i) is int else i.value for i in operands]
        params = {k: self.sizes(v) for k, v in params.items()}
        return [rules.apply(row, self.verbs, self.count, xs, params, place)]

    def sizes(self, param):
        """Parameters with each symbolic size replaced by its `Length`."""
        if type(param) is tuple:
            return tuple(map(self.sizes, param))
        return self.names.length(param) if hasattr(param, "scope") else param


def _explained(error, names, jax):
    """JAX's own complaints about symbolic sizes, in our words; other exceptions are the user's."""
    text = str(error)
    kind = type(error).__name__
    if isinstance(error, jax.errors.ConcretizationTypeError):
        return MaskError(
            "Python needed a concrete value inside f (an `if`, float() or int() on a traced "
            "value), and f is traced once for all examples; choose with jnp.where(condition, a, b)"
        )
    if "InconclusiveDimension" in kind or "symbolic" in text.lower() or "_DimExpr" in text:
        return MaskError(
            "f needs to know a ragged size while it is traced, and each example has its own: "
            f"{names.told(text.splitlines()[0])}; reduce the ragged dim or compute with x.shape[0]"
        )
    if isinstance(error, (TypeError, ValueError)) and "n0" in text:
        first = names.told(text.splitlines()[0])
        return MaskError(
            f"ragged dims inside f do not match: {first}; batch these examples together"
        )
    return error
