"""The straight line on JAX: the equations of value and gradient, written as Python.

JAX traces the recording's own walk, so its jaxpr is the straight line already; here it is shortened
and spelled. A spelling such as `lax.tanh(v0)` is used only if tracing it gives the very same
equation again; any other equation is called by its primitive, parameters and rules included. The
function is then jitted: its lines, dispatched one by one, took 2.6 times as long for an MLP.
"""

import functools
import keyword
import linecache
import re
import weakref

import jax

from .. import reverse, trees, xp
from ..on_jax.front import body_of, opened, rebind, where_of
from ..on_jax.spellings import custom_name
from ..tape import Tape
from ..trace import _names
from . import guards
from .jax_text import literal, spelled
from .wrap import words, wrapped

ENTERED = frozenset("jit pjit closed_call core_call".split())


def record(f, args, kwargs, argnums, has_aux, name):
    """`(result, variant)`, as on PyTorch."""
    leaves, paths, rebuild = trees.flatten((args, kwargs))
    chosen = [xp.framework_of(x) == "jax" for x in leaves]
    arrays = [x for x, c in zip(leaves, chosen, strict=True) if c]
    output = {}

    def traced(*given):
        given = iter(given)
        new_args, new_kwargs = rebuild(
            [next(given) if c else x for x, c in zip(leaves, chosen, strict=True)]
        )
        result = reverse.both(WatchedTape, f, new_args, new_kwargs, argnums, has_aux)
        output["leaves"], _, output["rebuild"] = trees.flatten(result)
        return [y for y in output["leaves"] if xp.framework_of(y) == "jax"]

    before = guards.drawn_by_python()
    closed = jax.make_jaxpr(traced)(*arrays)
    guards.check_drawn(f, before)
    names = [n for n, c in zip(_names(f, args, paths), chosen, strict=True) if c]
    places = _places(f, args, kwargs, leaves, chosen, rebuild)
    variant = Variant(f, closed, names, places, output, name)
    return variant._result(variant._call(arrays)), variant


class Variant:
    def __init__(self, f, closed, names, places, output, filename):
        jaxpr, consts = opened(closed)
        writer = Writer(jaxpr, consts, guards.names_of(f, consts), names, places)
        self.source, self.closures = writer.source(f), consts
        linecache.cache[filename] = len(self.source), None, self.source.splitlines(True), filename
        weakref.finalize(self, linecache.cache.pop, filename, None)
        space = {"__name__": filename, **writer.objects}
        exec(compile(self.source, filename, "exec"), space)
        self.straight, self.jitted = space["straight"], jax.jit(space["straight"])
        is_array = [xp.framework_of(y) == "jax" for y in output["leaves"]]
        self.places = [i for i, array in enumerate(is_array) if array]
        self.statics = [None if a else y for a, y in zip(is_array, output["leaves"], strict=True)]
        self.rebuild = output["rebuild"]

    def run(self, leaves, around):
        from . import MISSED

        if not guards.unchanged(self.around, around):
            return MISSED
        return self._result(self._call([x for x in leaves if xp.framework_of(x) == "jax"]))

    def _call(self, arrays):
        return self.jitted(*arrays, *self.closures)

    def unjitted(self, arrays):
        """The same, line by line: to be stepped through."""
        return self._result(self.straight(*arrays, *self.closures))

    def _result(self, found):
        outputs = list(self.statics)
        for i, y in zip(self.places, found, strict=True):
            outputs[i] = y
        return self.rebuild(outputs)


# ----- which walk, and which line -----
class WatchedTape(Tape):
    """Its reverse walk is traced under a name, by which its equations are known."""

    def __init__(self, verbs):
        super().__init__(verbs)
        self.nodes = WatchedNodes()


class WatchedNodes(list):
    def __reversed__(self):
        for node in super().__reversed__():
            with jax.named_scope(f"backward of {node.op}"):
                yield node


def _places(f, args, kwargs, leaves, chosen, rebuild):
    """`(primitive, where)` of the function's own equations, in order."""

    def alone(*given):
        given = iter(given)
        new_args, new_kwargs = rebuild(
            [next(given) if c else x for x, c in zip(leaves, chosen, strict=True)]
        )
        found = trees.leaves(f(*new_args, **new_kwargs))
        return [y for y in found if xp.framework_of(y) == "jax"]

    arrays = [x for x, c in zip(leaves, chosen, strict=True) if c]
    return list(_flat_places(opened(jax.make_jaxpr(alone)(*arrays))[0], None))


def _flat_places(jaxpr, outer):
    for eqn in jaxpr.eqns:
        where = outer or where_of(eqn, None)[0]
        if eqn.primitive.name in ENTERED:
            yield from _flat_places(opened(body_of(eqn.params))[0], where)
        else:
            yield eqn.primitive.name, where


# ----- the text -----
class Writer:
    def __init__(self, jaxpr, consts, known, names, places):
        self.jaxpr, self.places = jaxpr, places
        self.objects, self.known, self.taken, self.count = {}, {}, set(), 0
        self.arguments = [self._name(n) for n in names]
        self.closures = [self._name(known.get(i, f"c{i}")) for i in range(len(consts))]
        self.env = dict(zip(jaxpr.invars, self.arguments, strict=True))
        self.env.update(zip(jaxpr.constvars, self.closures, strict=True))
        self.body, self.part, self.where = [], None, None

    def source(self, f):
        self._write(self.jaxpr, self.env)
        results = ", ".join(self._say(a, self.env) for a in self.jaxpr.outvars)
        code = getattr(f, "__code__", None)
        place = f", line {code.co_firstlineno} of {code.co_filename}" if code else ""
        lines = [f"# value and gradient of {getattr(f, '__name__', 'f')}{place}"]
        inputs = zip(self.arguments + self.closures,
                     [*self.jaxpr.invars, *self.jaxpr.constvars], strict=True)  # fmt: skip
        lines += [f"# {name}: {v.aval.str_short()}" for name, v in inputs]
        lines += [f"# {name}: {_described(x)}" for name, x in self.objects.items()]
        lines += ["import jax", "import jax.numpy as jnp", "from jax import lax", "", ""]
        lines.append(f"def straight({', '.join(self.arguments + self.closures)}):")
        return "\n".join([*lines, *self.body, wrapped(f"return ({results},)")]) + "\n"

    def _write(self, jaxpr, env):
        needed = _needed(jaxpr)
        for eqn in jaxpr.eqns:
            self._turn(eqn)
            if eqn.primitive.name in ENTERED:
                self._enter(eqn, env)
                continue
            where = self._place(eqn)
            if id(eqn) in needed:
                self._line(eqn, env, where)

    def _enter(self, eqn, env):
        inner, consts = opened(body_of(eqn.params))
        new = {v: self._say(a, env) for v, a in zip(inner.invars, eqn.invars, strict=True)}
        new.update({v: self._object(c, "c") for v, c in zip(inner.constvars, consts, strict=True)})
        self._write(inner, new)
        for out, a in zip(eqn.outvars, inner.outvars, strict=True):
            env[out] = self._say(a, new)

    def _turn(self, eqn):
        walk = "backward" if "backward" in str(eqn.source_info.name_stack) else "forward"
        if walk != self.part and self.part != "backward":
            self.part = walk
            self.body.append(f"    # ----- {walk} -----")

    def _place(self, eqn):
        """The line of the next equation of the function with this primitive."""
        if self.part != "forward":
            return None
        for i, (name, where) in enumerate(self.places):
            if name == eqn.primitive.name:
                del self.places[: i + 1]
                return where
        return None

    def _line(self, eqn, env, where):
        operands = [self._say(a, env) for a in eqn.invars]
        text = spelled(eqn, operands) or self._bound(eqn, operands)
        if text in self.known and not eqn.effects:  # the same operation on the same values
            env[eqn.outvars[0]] = self.known[text]
            return
        outs = [self._new(v, env) for v in eqn.outvars]
        line = f"{', '.join(outs)} = {text}"
        if where is not None and where != self.where:
            self.where = where
            line = f"{line:40}  # line {where[1]}: {words(linecache.getline(*where))}"
        self.body.append(wrapped(line))
        if len(outs) == 1:
            self.known[text] = outs[0]

    def _bound(self, eqn, operands):
        custom = eqn.primitive.name.startswith("custom_")
        title = custom_name(eqn).split(" ")[0] if custom else eqn.primitive.name
        name = self._object(functools.partial(_bind, eqn), re.sub(r"\W+", "_", title) or "call")
        return f"{name}({', '.join(operands)})"

    # ----- names -----
    def _object(self, x, kind):
        name = self._name(kind)
        self.objects[name] = x
        return name

    def _name(self, wanted):
        name = re.sub(r"\W+", "_", wanted).strip("_") or "x"
        if keyword.iskeyword(name) or re.fullmatch(r"v\d+|jax|jnp|lax", name):
            name += "_"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _new(self, v, env):
        if type(v).__name__ == "DropVar":
            return "_"
        env[v] = f"v{self.count}"
        self.count += 1
        return env[v]

    def _say(self, atom, env):
        if not hasattr(atom, "val"):
            return env[atom]
        if atom.aval.shape != () or not hasattr(atom.aval.dtype, "kind"):
            return self._object(atom.val, "c")
        return literal(atom)


def _described(x):
    """What stands behind a name: an equation, or an array."""
    if not isinstance(x, functools.partial):
        return f"an array of shape {jax.numpy.shape(x)}"
    params = {k: v for k, v in x.args[0].params.items() if v is not None}
    return words(f"{x.args[0].primitive.name} {params}", 90)


def _bind(eqn, *values):
    found = rebind(eqn, list(values))
    return found if len(eqn.outvars) != 1 else found[0]


def _needed(jaxpr):
    """The equations that the outputs depend on, by their identity."""
    read, found = {a for a in jaxpr.outvars if not hasattr(a, "val")}, set()
    for eqn in reversed(jaxpr.eqns):
        if eqn.effects or any(v in read for v in eqn.outvars):
            found.add(id(eqn))
            read.update(a for a in eqn.invars if not hasattr(a, "val"))
    return found
