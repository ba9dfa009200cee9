"""Transformation: on JAX, trace one example with symbolic sizes, then interpret each size twice.

`jax.export.symbolic_shape` lets a function be traced with a size that is a name. In the jaxpr a
ragged dim then reads "n0" wherever it appears: as a shape it means the padded size, as a number
(`dim_as_value`) the example's own length. Each equation is lowered to a row exactly as it is for
autodiff's tape, and the row's mask rule does the rest. (JAX once had this as `jax.mask`.)
"""

import re
import traceback

from autodiff_lab import source, trees, xp
from autodiff_lab.on_jax.front import body_of, opened, rebind, where_of
from autodiff_lab.on_jax.own_rules import named
from autodiff_lab.on_jax.spellings import CALLS, lower

from . import rules
from .errors import MaskError
from .lane import Lane, Length
from .masked_batch import told


def run(f, args, kwargs, count):
    """Call `f` with lanes and shared arrays among its arguments; return lanes in its structure."""
    import jax
    import jax.export  # before JAX 0.8 it has to be asked for

    leaves, _, rebuild = trees.flatten((args, kwargs))
    dynamic = [_is_array(x) for x in leaves]
    chosen = [x for x, d in zip(leaves, dynamic, strict=True) if d]
    output = {}

    def traced(*values):
        values = iter(values)
        new = rebuild([next(values) if d else x for x, d in zip(leaves, dynamic, strict=True)])
        output["leaves"], _, output["rebuild"] = trees.flatten(f(*new[0], **new[1]))
        return [x for x in output["leaves"] if _is_array(x)]

    names, closed = _trace(jax, traced, chosen)
    jaxpr, consts = opened(closed)
    results = iter(Interpreter(names, count).run(jaxpr, consts, chosen))
    return output["rebuild"]([next(results) if _is_array(x) else x for x in output["leaves"]])


def _trace(jax, f, args):
    """The jaxpr of `f` with named sizes.

    JAX takes a named size for one or more. Where an example may be empty the size is written as
    a name minus one, so that no `if` is decided wrongly; under `jit`, where lengths are not known,
    an operation of JAX that asks for one entry at least (max, say) gets its way.
    """
    lengths = [n for x in args if isinstance(x, Lane) for n in x.shape if isinstance(n, Length)]
    shortest = [_shortest(n.data) for n in lengths]
    may_be_empty = any(n is None or n == 0 for n in shortest)
    while True:
        names = _Names(jax, may_be_empty)
        try:
            return names, jax.make_jaxpr(f)(*(names.spec(x) for x in args))
        except Exception as error:
            if may_be_empty and None in shortest and 0 not in shortest and _asked_by_jax(error):
                may_be_empty = False
                continue
            raise _explained(error, names, jax) from None


def _shortest(lengths):
    try:
        return int(lengths.min()) if lengths.size else 1
    except Exception:  # under tracing nobody knows
        return None


def _asked_by_jax(error):
    """Did JAX itself, rather than the user's own `if`, compare a size that has no one answer?"""
    if "InconclusiveDimension" not in type(error).__name__:
        return False
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    users = [i for i, file in enumerate(files) if not source.is_library(file)]
    after = files[users[-1] + 1 :] if users else files
    return bool(after) and "shape_poly" not in after[0]


def _is_array(x):
    return isinstance(x, Lane) or xp.framework_of(x) == "jax"


class _Names:
    """One name per ragged size: sizes whose lengths agree share it."""

    def __init__(self, jax, may_be_empty):
        self.jax, self.scope = jax, jax.export.SymbolicScope()
        self.lengths = []
        self.less = 1 if may_be_empty else 0  # a dim reads "n0 - 1", and n0 is the length plus one

    def spec(self, x):
        """What `x` looks like to the tracer."""
        if not isinstance(x, Lane):
            weak = bool(getattr(x, "weak_type", False))
            return self.jax.ShapeDtypeStruct(x.shape, x.dtype, weak_type=weak)
        words = [str(n) if not isinstance(n, Length) else self.name(n) for n in x.shape]
        shape = self.jax.export.symbolic_shape(", ".join(words), scope=self.scope) if words else ()
        return self.jax.ShapeDtypeStruct(shape, x.dtype)

    def word(self, i):
        return f"n{i} - 1" if self.less else f"n{i}"

    def name(self, length):
        for i, known in enumerate(self.lengths):
            if known.same(length) and known.padded == length.padded:
                return self.word(i)
        self.lengths.append(length)
        return self.word(len(self.lengths) - 1)

    def length(self, dim):
        """The `Length` that a symbolic dim stands for."""
        known = {self.word(i): n for i, n in enumerate(self.lengths)}
        if str(dim) not in known:
            raise MaskError(
                f"the size {self.told(str(dim))} is computed from a ragged size, which has no mask "
                "rule yet; keep ragged dims as they are, or reduce them first"
            )
        return known[str(dim)]

    def value(self, dim):
        """Each example's own value of a size that may be computed, such as 3*n0 - 1."""
        known = {f"n{i}": n.data + self.less for i, n in enumerate(self.lengths)}
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
            text = re.sub(rf"\b{self.word(i)}\b", f"<lengths {told(n.data)}>", text)
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
        custom = named(eqn)
        if name in CALLS and custom is None:
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

        if custom is not None:
            return [rules.apply(custom.custom_row, self.verbs, self.count, values, {}, place)]
        lowered = lower(eqn)
        if lowered is None or lowered[0].kind == "composite":
            raise MaskError(
                f"JAX's {name} at {place()} has no row, so nobody knows what a mask does to it; "
                "write it with operations that have one"
            )
        row, operands, params = lowered
        xs = [values[i] if type(i) is int else i.value for i in operands]
        params = {k: self.sizes(v) for k, v in params.items()}
        y = rules.apply(row, self.verbs, self.count, xs, params, place)
        return list(y) if row.outputs != 1 else [y]

    def sizes(self, param):
        """Parameters with each symbolic size replaced by its `Length`."""
        if type(param) is tuple:
            return tuple(map(self.sizes, param))
        return self.names.length(param) if hasattr(param, "scope") else param


def _explained(error, names, jax):
    """JAX's own complaints about symbolic sizes, in our words; other exceptions are the user's."""
    frames = traceback.extract_tb(error.__traceback__)
    first = names.told(str(error).splitlines()[0]) if str(error) else ""
    if isinstance(error, jax.errors.ConcretizationTypeError):
        return MaskError(
            "Python needed a concrete value inside f (an `if`, float() or int() on a traced "
            "value), and f is traced once for all examples; choose with jnp.where(condition, a, b)"
        )
    if "InconclusiveDimension" in type(error).__name__ or "_DimExpr" in str(error):
        return MaskError(
            "f needs to know a ragged size while it is traced (len(), range() or an `if` on it), "
            f"and each example has its own: {first}; compute with x.shape[0], or reduce the ragged "
            "dim"
        )
    raised_by_jax = bool(frames) and source.is_library(frames[-1].filename)
    if raised_by_jax and isinstance(error, (TypeError, ValueError)) and "<lengths" in first:
        return MaskError(f"sizes inside f do not match: {first}; batch these examples together")
    return error
