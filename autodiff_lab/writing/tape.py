"""`to_source`: value and gradient of a tape as straight-line Python, to be read and to be run.

Google's Tangent (van Merrienboer, Moldovan and Wiltschko 2018) showed what a gradient looks like
when it is a program: one small line for each step, next to the line that it adjoins. Here the
forward lines are the rows' own functions and the backward lines their derivatives, run on names
instead of arrays. A composite row is opened: what is printed are the rows it is made of.
"""

import math
import re

from .. import trees
from ..calculus import pull
from ..errors import AutodiffError
from ..source import words
from ..table.row import ROWS
from ..tape import Tape
from . import verbs
from .expr import Expr
from .lines import Line, Names, alive, printed, shared
from .opened import hints, steps_of

# Why a row cannot be a line: it asks for numbers, or for more than text can answer.
CANNOT = (TypeError, AttributeError, NotImplementedError, ValueError, IndexError, RuntimeError)
LARGEST = 9  # entries of a constant that is written out


class Source(str):
    """Python text. `constants` are the arrays that it takes as keywords: too large to write.

    `places` has, for each line of the text, the `(file, line)` that it comes from, or None.
    """

    constants: dict
    places: list


def to_source(tape, name="value_and_grad"):
    """The Python of a tape's value and gradient: `ad.to_source(ad.record(f, x))`.

    The text defines one function. It takes the arrays that the tape was recorded on and returns
    the value and one gradient for each argument; where the value is no scalar it takes the value's
    cotangent too. Branches and loops are gone: it is the path that the recording took.

    >>> import torch, autodiff_lab as ad
    >>> def f(x, y):
    ...     z = x * y
    ...     return torch.sin(z) + y
    >>> print(ad.to_source(ad.record(f, torch.tensor(2.0), torch.tensor(3.0))))
    import torch
    <BLANKLINE>
    <BLANKLINE>
    def value_and_grad(x, y):
        # ----- value -----
        z = x * y
        t = torch.sin(z)  # return torch.sin(z) + y
        out = t + y
    <BLANKLINE>
        # ----- gradient -----
        bout = torch.ones_like(out)
        bt = bout               # out = t + y
        by = bout
        bz = bt * torch.cos(z)  # t = torch.sin(z)
        bx = bz * y             # z = x * y
        by = by + bz * x
        return out, (bx, by)
    """
    if not isinstance(tape, Tape):
        raise AutodiffError(
            f"to_source prints a tape, and was given {tape!r}; write "
            "to_source(ad.record(f, *args)), or ad.transform(f).source for the function's own text"
        )
    if not tape.keep_all:
        raise AutodiffError("this tape was made to be walked; make one with ad.record(f, *args)")
    return Printer(tape, name).source()


class Printer:
    """The text of one tape: `value` and `gradient` are its lines."""

    def __init__(self, tape, title):
        self.tape, self.title, self.xp = tape, title, verbs(tape.framework)
        self.names = Names({"torch", "jax", "jnp", title})
        self.arguments, self.value, self.gradient = [], [], []
        self.exprs, self.active, self.cotangents = {}, set(), {}
        self.constants, self.known, self.rows = {}, {}, set()
        self.owned, self.lent = set(), set()  # cotangents that `+=` may, and may not, write into

    def source(self):
        self._inputs()
        self.steps = list(steps_of(self.tape))
        for step, hint in zip(self.steps, hints(self.steps, self.tape), strict=True):
            self._forward(step, hint)
        parameters = [*self.parameters, *self._seeds()]
        for step in reversed(self.steps):
            self._backward(step)
        returned = self._returned()
        wanted = set(re.findall(r"\w+", returned))
        gradient = alive(self.gradient, wanted)
        value = alive(self.value, wanted.union(*(line.reads() for line in gradient)))
        unpacked = alive(self.arguments, set().union(*(n.reads() for n in [*value, *gradient])))
        head = ", ".join(parameters + ["*"] * bool(self.constants) + list(self.constants))
        body = ["    # ----- value -----", *printed([*unpacked, *value]), ""]
        body += ["    # ----- gradient -----", *printed(gradient), f"    return {returned}"]
        text = f"def {self.title}({head}):\n" + "\n".join(body)
        made = Source(header(text, self.rows) + "\n\n\n" + text)
        made.constants = self.constants
        places = [n.where for n in [*unpacked, *value]] + [None, None] + [n.where for n in gradient]
        made.places = [None] * (made.count("\n") - len(places)) + [*places, None]
        return made

    # ----- arguments -----
    def _inputs(self):
        self.parameters = []
        for node in self.tape.inputs:
            first, path = re.match(r"\W*(\w+)(.*)", node.name).groups()
            if not path or first not in self.parameters:
                self.parameters.append(self.names.new(first) if first.isidentifier() else first)
            if path:
                name = self.names.new(re.findall(r"\w+", first + path)[-1].lstrip("0123456789")
                                      or f"{first}{re.findall(r'[0-9]+', path)[-1]}")  # fmt: skip
                self.arguments.append(Line(name, self.xp.variable(first + path)))
            else:
                name = self.parameters[-1]
            self.exprs[node] = self.xp.leaf(name, node)
            if node.active:
                self.active.add(node)

    # ----- the value -----
    def _forward(self, step, hint):
        if ROWS.get(step.row.name) is not step.row:
            raise self._unprintable(step, "its derivative is a Python function of its own")
        step.operands = [self._operand(p) for p in step.xs]
        try:
            ys = step.row.fn(self.xp, *step.operands, **step.params)
            ys = _written(ys if isinstance(ys, tuple) else (ys,))
        except CANNOT:
            ys = self._by_name(step)
        flows = step.row.kind != "constant" and any(p in self.active for p in step.xs)
        self._name_shared(ys, self.value)
        for node, y in zip(step.nodes, ys, strict=True):
            name = self.names.new(hint or "t")
            line = Line(name, y)
            said = step.code if hint is None or line.text != step.code else ""
            first = not self.value or self.value[-1].where != step.where
            line.where, line.comment = step.where, said if first and said != line.text else ""
            self.value.append(line)
            self.exprs[node] = self.xp.leaf(name, node)
            node_flows = flows and self.tape.xp.is_inexact(node.dtype)
            if node_flows and (node.active or node.group is None):
                self.active.add(node)
        step.lines = self.value[-len(ys) :]

    def _operand(self, node):
        if node in self.exprs:
            return self.exprs[node]
        return self._constant(node.value)

    def _constant(self, value):
        """A value that no recorded operation gave: as it is written, or by a name."""
        if not hasattr(value, "shape"):
            return value
        if id(value) in self.known:
            return self.known[id(value)][0]
        written = self._written(value)
        if isinstance(written, (int, float, complex)):
            return written
        name = self.names.new("c")
        if written is None:
            self.constants[name] = value
        else:
            self.arguments.append(Line(name, written))
        self.known[id(value)] = self.xp.leaf(name, value), value
        return self.known[id(value)][0]

    def _written(self, value):
        """A small constant as it is written, or None."""
        if math.prod(value.shape) > LARGEST:
            return None
        numbers = (value if hasattr(value, "tolist") else value.__array__()).tolist()  # JAX 0.7
        made = self.xp.lib._module.asarray(numbers)
        kind = "" if made.dtype == value.dtype else f", dtype={self.xp.dtype_text(value.dtype)}"
        if value.shape == () and not kind:
            return numbers
        wrap = "torch.tensor" if self.xp.library == "torch" else "jnp.array"
        text = f"{wrap}({''.join(map(str, self.xp.say(numbers)))}{kind})"
        return self.xp.variable(text)

    # ----- the gradient -----
    def _seeds(self):
        """The cotangent of the value: ones for a scalar, else one more argument for each array."""
        found = {n: self.exprs[n].text() for n in self.tape.outputs if n in self.active}
        scalar = len(self.tape.outputs) == 1 and all(n.shape == () for n in found)
        for node, name in found.items():
            seed = self.names.new(f"b{name}")
            self.cotangents[node] = self.xp.leaf(seed, node)
            if scalar:
                self.gradient.append(Line(seed, self.xp.ones((), node.dtype, self.exprs[node])))
        return [] if scalar else [self.cotangents[n].text() for n in found]

    def _backward(self, step):
        gs = [self.cotangents.get(n) for n in step.nodes]
        if all(g is None for g in gs) or not any(p in self.active for p in step.xs):
            return
        y = [self.exprs[n] for n in step.nodes]
        gs = [self._zeros(n) if g is None else g for g, n in zip(gs, step.nodes, strict=True)]
        many = step.row.outputs != 1
        wanted = [p in self.active for p in step.xs]
        g, y = (tuple(gs), tuple(y)) if many else (gs[0], y[0])
        try:
            found = _written(pull(step.row, self.xp, g, y, step.operands, step.params, wanted))
        except CANNOT:
            found = self._pull_by_name(step, g, y, wanted)
        before = len(self.gradient)
        self._name_shared(found, self.gradient)
        comment = step.lines[0].text
        for parent, c in zip(step.xs, found, strict=True):
            if c is not None:
                self._arrive(parent, c, comment)
                comment = ""
        for line in self.gradient[before:]:
            line.where = step.where

    def _arrive(self, node, c, comment):
        """Add a cotangent to what has arrived; `+=` only where nobody else sees that memory."""
        root = bottom(c)
        aliases = self.xp.in_place and root.is_name
        if aliases:
            self.lent.add(root.text())
        before = self.cotangents.get(node)
        if before is None:
            name = self.names.new(f"b{self.exprs[node].text()}")
            self.cotangents[node] = self.xp.leaf(name, node)
            if not aliases:
                self.owned.add(name)
            self.gradient.append(Line(name, c, comment))
            return
        name = before.text()
        mine = not self.xp.in_place or (name in self.owned and name not in self.lent)
        self.gradient.append(Line(name, c if mine else before + c, comment, adds=mine))
        if not mine:
            self.owned.add(name)
            self.lent.discard(name)

    # ----- what is too long for a line is called by the row's name -----
    def _by_name(self, step):
        whole = self._called(step.row.name, step.operands, self._params(step))
        if step.row.outputs == 1:
            return (whole,)
        held = Line(self.names.new("s"), whole)
        self.value.append(held)
        return [self.xp.variable(f"{held.name}[{i}]") for i in range(len(step.nodes))]

    def _pull_by_name(self, step, g, y, wanted):
        params = self._params(step) | {"wanted": tuple(wanted)}
        whole = self._called(f"pull_{step.row.name}", [g, y, *step.operands], params)
        if sum(wanted) == 1:
            return [whole if w else None for w in wanted]
        held = Line(self.names.new("s"), whole)
        self.gradient.append(held)
        place = iter(range(sum(wanted)))
        return [
            Expr(self.xp, (f"{held.name}[{next(place)}]",)) if w else None for w in wanted
        ]  # fmt: skip

    def _called(self, function, args, params):
        self.rows.add(function)
        self.names.taken.add(function)
        pairs = [("", a) for a in args] + [(f"{k}=", v) for k, v in params.items()]
        return Expr(self.xp, (f"{function}(", *self.xp.listed(pairs), ")"))

    def _params(self, step):
        """A parameter that cannot be written is a constant of the text."""
        found = {}
        for key, value in step.params.items():
            try:
                self.xp.say(value)
            except NotImplementedError:
                name = self.names.new(key)
                self.constants[name] = value
                value = self.xp.variable(name)
            found[key] = value
        return found

    def _zeros(self, node):
        return self.xp.zeros(tuple(node.shape), node.dtype, self.exprs[node])

    def _name_shared(self, roots, lines):
        """Give what occurs twice a line of its own."""
        for x in shared([r for r in roots if r is not None]):
            x_line = Line(self.names.new("s"), Expr(x.writer, x.pieces, x.rank, x.known, x.base))
            x.alias = x_line.name
            lines.append(x_line)

    # ----- what is returned -----
    def _returned(self):
        leaves = trees.leaves(self.tape.output)
        said = [
            self.exprs[node] if node in self.exprs else self._constant(y)
            for node, y in zip(self.tape.outputs, leaves, strict=True)
        ]
        value = _built(self.tape.rebuild, [Text(y) if isinstance(y, Expr) else y for y in said])
        results = [Text(self._result(n)) for n in self.tape.inputs]
        gradients = _built(self.tape.in_arguments, results)
        gradients = tuple(g for g in gradients if trees.leaves(g))
        gradients = gradients[0] if len(gradients) == 1 else gradients
        return f"{value!r}, {gradients!r}"

    def _result(self, node):
        c = self.cotangents.get(node)
        if c is None:
            return self._zeros(node).text() if node.active else "None"
        conjugated = self.tape.framework == "torch" and node.dtype.is_complex
        return c.conj().text() if conjugated else c.text()

    def _unprintable(self, step, why):
        return AutodiffError(
            f"{step.row.name} at {words(step.where)} cannot be written as a line of "
            f"{self.tape.framework} ({why}); use ad.vjp, or record a function without it"
        )


def _written(found):
    """What a row gave, if all of it is text; a row may make arrays of its own."""
    if not all(x is None or isinstance(x, Expr) for x in found):
        raise NotImplementedError("an array that the row makes itself")
    return found


def _built(rebuild, texts):
    """The container with names in it; of one that takes arrays only (a MaskedBatch) its leaves."""
    try:
        found = rebuild(texts)
        repr(found)
        return found
    except (AttributeError, TypeError, ValueError):
        return tuple(texts)


class Text(str):
    """A name that shows itself without quotation marks."""

    def __repr__(self):
        return str(self)


def bottom(x):
    """What a view looks into in the end."""
    while x.base is not None and not x.alias:
        x = x.base
    return x


def header(text, rows=()):
    lines = {"torch.": "import torch", "jax.": "import jax", "jnp.": "import jax.numpy as jnp"}
    found = [line for use, line in lines.items() if re.search(rf"\b{re.escape(use)}", text)]
    found += [f"from autodiff_lab.writing.rows import {', '.join(sorted(rows))}"] if rows else []
    return "\n".join(found) if found else "# no import is needed"
