"""Transformation: on JAX, trace one example with symbolic sizes, then interpret each size twice.

`jax.export.symbolic_shape` lets a function be traced with a size that is a name. In the jaxpr a
ragged dim then reads "n0" wherever it appears: as a shape it means the padded size, as a number
(`dim_as_value`) the example's own length. Each equation is lowered to a row exactly as it is for
autodiff's tape, and the row's mask rule does the rest. (JAX once had this as `jax.mask`.)
"""

import operator
import re
import traceback
from typing import NamedTuple

from autodiff_lab import source, trees, xp
from autodiff_lab.on_jax.front import body_of, opened, rebind, where_of
from autodiff_lab.on_jax.layers import library_call
from autodiff_lab.on_jax.own_rules import named
from autodiff_lab.on_jax.spellings import CALLS, lower
from autodiff_lab.table.row import ROWS

from .. import rules
from ..errors import MaskError, NeedsValues
from ..lane import Lane, Length, agree, refill
from ..lifting.items import finished
from ..padding import cropped, padded_to
from . import control, per_entry, random
from .names import Names, is_given
from .per_entry import PerEntry


def run(f, args, kwargs, count, known=None, place=None):
    """Call `f` with lanes and shared arrays among its arguments; return lanes in its structure.

    `known` is a dict that keeps programs: for functions whose text reads nothing but its arguments.
    `place` tells the user's line, where the tracer does not know it.
    """
    import jax
    import jax.export  # before JAX 0.8 it has to be asked for

    leaves, paths, rebuild = trees.flatten((args, kwargs))
    leaves = _fitted(leaves)
    program = _program(jax, f, leaves, paths, rebuild, known)
    names = program.names.renewed(leaves)
    jaxpr, consts = opened(program.closed)
    arrays = [x for x in leaves if is_given(x)]
    results = iter(Interpreter(names, count, place).run(jaxpr, consts, arrays))
    found = [next(results) if x is ARRAY else names.own(x) for x in program.outputs]
    return program.rebuild(found)


def _fitted(leaves):
    """Lanes of the same lengths are padded alike: a size has one name."""
    ragged = [(i, axis) for i, x in enumerate(leaves) if type(x) is Lane
              for axis, n in enumerate(x.sizes) if n is not None and n.ndim == 1]  # fmt: skip
    if len({leaves[i].extent[axis] for i, axis in ragged}) < 2:
        return leaves
    fitted = list(leaves)
    for i, axis in ragged:
        alike = [leaves[j].extent[b] for j, b in ragged
                 if agree(leaves[i].sizes[axis], leaves[j].sizes[b])]  # fmt: skip
        fitted[i] = cropped(fitted[i], axis, min(alike))
    return fitted


class Program(NamedTuple):
    """A function that was traced; `outputs` has ARRAY for each array that it returns."""

    names: object
    closed: object
    outputs: list
    rebuild: object


ARRAY = object()


def _program(jax, f, leaves, paths, rebuild, known):
    sizes = [n for x in leaves if isinstance(x, Lane) for n in (x, *x.shape) if type(n) is Length]
    shortest = [_shortest(n) for n in sizes]
    may_be_empty = any(n is None or n == 0 for n in shortest)
    names = Names(jax, may_be_empty)
    given = [names.given(x) for x in leaves]
    key = None if known is None else (f, tuple(paths), may_be_empty, *map(_seen, given))
    if not _hashable(key) or key is None:
        return _trace(jax, f, leaves, rebuild, names, given, shortest)
    if key not in known:
        known[key] = _trace(jax, f, leaves, rebuild, names, given, shortest)
    return known[key]


def _seen(given):
    """What a trace depends on, of one argument."""
    if hasattr(given, "weak_type"):
        return tuple(map(str, given.shape)), given.dtype, given.weak_type
    return str(given) if hasattr(given, "scope") else (type(given), given)


def _hashable(key):
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _trace(jax, f, leaves, rebuild, names, given, shortest):
    """The program of `f`, traced with named sizes.

    JAX takes a named size for one or more. Where an example may be empty the size is written as
    a name minus one, so that no `if` is decided wrongly; under `jit`, where lengths are not known,
    an operation of JAX that asks for one entry at least (max, say) gets its way.
    """
    arrays, output = [is_given(x) for x in leaves], {}

    def traced(*values):
        values = iter(values)
        new = rebuild([next(values) if a else x for x, a in zip(given, arrays, strict=True)])
        output["leaves"], _, output["rebuild"] = trees.flatten(finished(f(*new[0], **new[1])))
        return [x for x in output["leaves"] if is_given(x)]

    try:
        closed = jax.make_jaxpr(traced)(*[x for x, a in zip(given, arrays, strict=True) if a])
    except Exception as error:
        unknown = names.less and None in shortest and 0 not in shortest
        if unknown and (_asked_by_jax(error) or _did_not_match(error)):
            names = Names(jax, False)
            given = [names.given(x) for x in leaves]
            return _trace(jax, f, leaves, rebuild, names, given, shortest)
        raise _explained(error, names, jax) from None
    outputs = [ARRAY if is_given(x) else x for x in output["leaves"]]
    return Program(names, closed, outputs, output["rebuild"])


def _shortest(length):
    lengths = length.data
    if length.ndim:  # where there is an outer entry
        lengths = refill(xp.of(lengths), Lane(lengths, length.sizes), length.padded).data
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


def _did_not_match(error):
    """Could JAX not tell that two computed sizes are the same?"""
    return isinstance(error, (TypeError, ValueError)) and re.search(r"\bn\d+\b", str(error))


class Interpreter:
    """Evaluate a jaxpr whose values may be lanes."""

    def __init__(self, names, count, place=None):
        self.names, self.count, self.place = names, count, place
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
        if name in CALLS and custom is None and not self.is_row(eqn, values):
            called = (str(eqn.params.get("name", "")), eqn, call)
            return self.run(*opened(body_of(eqn.params)), values, called)
        if name == "dim_as_value":
            return [self.number(eqn.params["dim"], eqn.outvars[0].aval.dtype)]
        if name in control.EQUATIONS:
            return control.EQUATIONS[name](self, eqn, values, (name, eqn, call))
        symbolic = any(not isinstance(n, int) for v in eqn.outvars for n in v.aval.shape)
        if not symbolic and not any(isinstance(v, Lane) for v in values):
            return rebind(eqn, values)

        def place():
            return self.place() if self.place else source.words(where_of(eqn, call)[0])

        if name in random.NAMES:
            params = {k: self.sizes(v) for k, v in eqn.params.items()}
            return [random.apply(eqn, values, params, self.count, place)]
        if custom is not None:
            return [rules.apply(custom.custom_row, self.verbs, self.count, values, {}, place)]
        if name == "tile":
            return [self.tiled(values[0], eqn.params["reps"], eqn.outvars[0].aval.shape, place)]
        lowered = _of_matrices(eqn) if name in CALLS else lower(eqn)
        if lowered is None or (lowered[0].kind == "composite" and lowered[0].along is None):
            raise MaskError(
                f"JAX's {name} at {place()} has no row, so nobody knows what a mask does to it; "
                "write it with operations that have one"
            )
        row, operands, params = lowered
        xs = [values[i] if type(i) is int else i.value for i in operands]
        params = {k: self.sizes(v) for k, v in params.items()}
        if any(isinstance(x, PerEntry) for x in xs):
            shape = self.sizes(tuple(eqn.outvars[0].aval.shape))
            return [per_entry.apply(row, self.verbs, self.count, xs, params, shape, place)]
        y = rules.apply(row, self.verbs, self.count, xs, params, place)
        ys = list(y) if row.outputs != 1 else [y]
        return [self.known(x, v.aval.shape) for x, v in zip(ys, eqn.outvars, strict=True)]

    def tiled(self, x, reps, shape, place):
        """Each axis gets a new one before it, and the two are merged."""
        old, shape = x.shape, self.sizes(tuple(shape))
        wide = tuple(n for pair in zip(reps, old, strict=True) for n in pair)
        places = tuple(range(1, len(wide), 2))
        y = self.apply("broadcast", [x], {"shape": wide, "dims": places}, place)
        return self.apply("reshape", [y], {"shape": shape, "old": wide}, place)

    def apply(self, name, xs, params, place):
        return rules.apply(ROWS[name], self.verbs, self.count, xs, params, place)

    def is_row(self, eqn, values):
        """A function of jax.numpy that is one row, of each example's own matrices."""
        if not any(isinstance(v, Lane) for v in values):
            return False
        found = _of_matrices(eqn)
        return found is not None and found[0].along is not None

    def known(self, x, shape):
        """A result with the sizes that its names stand for, the same for the same names."""
        sizes = list(x.sizes)
        for axis, n in enumerate(shape):
            if isinstance(n, int):
                sizes[axis], x = None, cropped(x, axis, n)
                continue
            n = self.names.length(n)
            if n.ndim:  # lined up with the array that had it first
                continue
            sizes[axis] = n.data
            if x.extent[axis] != n.padded:
                x = padded_to(self.verbs, x, axis, n.padded)
        if not all(map(operator.is_, sizes, x.sizes)):
            x = Lane(x.data, sizes, x.fill, x.weak)
        return x

    def number(self, dim, dtype):
        """A size as a value: each example's own; what bounds it bounds a loop's trips."""
        own = self.names.value(dim)
        own.data = self.verbs.astype(own.data, dtype)
        own.bound = self.names.ends(dim)[1]
        return own

    def led(self, taken):
        """The road inside a block that some examples take: the others have their leader's sizes."""
        return Interpreter(self.names.led(taken), self.count, self.place)

    def shape(self, aval):
        """The padded shape of what looks like `aval`, with the batch axis in front."""
        sizes = [self.names.length(n).padded if hasattr(n, "scope") else n for n in aval.shape]
        return (self.count, *sizes)

    def lane(self, data, aval):
        """Data with the batch axis in front, of a value that looks like `aval`."""
        sizes = [self.names.length(n).data if hasattr(n, "scope") else None for n in aval.shape]
        return Lane(data, sizes)

    def data(self, x, aval):
        """The data of a value, with the batch axis in front though all examples share it."""
        if isinstance(x, Lane):
            return self.verbs.astype(x.data, aval.dtype)
        shape = self.shape(aval)
        return self.verbs.broadcast(self.verbs.asarray(x, None), shape, tuple(range(1, len(shape))))

    def sizes(self, param):
        """Parameters with each symbolic size replaced by its `Length`."""
        if type(param) is tuple:
            return tuple(map(self.sizes, param))
        if hasattr(param, "index_batch"):  # lax's dimension numbers
            return param._replace(sizes=param.sizes and self.sizes(param.sizes))
        return self.names.length(param) if hasattr(param, "scope") else param


def _of_matrices(eqn):
    """The row of a jitted function of jax.numpy's linear algebra."""
    if eqn.params.get("name") == "det" and len(eqn.invars) == 1 and not eqn.outvars[0].aval.shape:
        return ROWS["det"], range(1), {}
    return library_call(eqn)


def _explained(error, names, jax):
    """JAX's own complaints about symbolic sizes, in our words; other exceptions are the user's."""
    frames = traceback.extract_tb(error.__traceback__)
    first = names.told(str(error).splitlines()[0]) if str(error) else ""
    if isinstance(error, jax.errors.ConcretizationTypeError):
        return NeedsValues(
            "Python needed a concrete value inside f (an `if`, float() or int() on a traced "
            "value), and f is traced once for all examples; choose with jnp.where(condition, a, b)"
        )
    if "InconclusiveDimension" in type(error).__name__ or "_DimExpr" in str(error):
        return NeedsValues(
            "f needs to know a ragged size while it is traced (len(), range() or an `if` on it), "
            f"and each example has its own: {first}; compute with x.shape[0], or reduce the ragged "
            "dim"
        )
    raised_by_jax = bool(frames) and source.is_library(frames[-1].filename)
    if raised_by_jax and isinstance(error, (TypeError, ValueError)) and "<lengths" in first:
        return MaskError(f"sizes inside f do not match: {first}; batch these examples together")
    if raised_by_jax and re.search("shape polymorphism|non-constant size", str(error)):
        return MaskError(f"JAX asks for a known size, and each example has its own: {first}; "
                         "say which axes are meant, or write it with other operations")  # fmt: skip
    return error
