"""What one node sends back to its inputs: its row's own statement, run on nodes.

The `d` of a pointwise row is a function of the output and the inputs; called with `Symbol`s it does
not compute but adds nodes. Any other operation becomes a `pull`, which asks the same rows when it
runs.
"""

import operator
import re

from ..table.row import NEG, ONE, ROWS
from . import meanings, verbs
from .expressions import ITEM, TUPLE, display
from .nodes import Op
from .verbs import XP

FIT = meanings.verb("fit", verbs.fit, "xp.fit(_0, _1)")
SEED = meanings.verb("seed", verbs.seed, "xp.seed(_0)", False)
GRADIENT = meanings.verb("gradient", verbs.gradient, "xp.gradient(_0, _1)")
SUM = meanings.verb("sum up", operator.add, "_0 + _1")
PLUS = meanings.verb("sum up", verbs.plus, "xp.plus(_0, _1)")
GATE = meanings.verb("gate", verbs.gate, "xp.gate(_0, _1)")
PART = meanings.verb("part", verbs.part, "xp.part(_0, _1)")
SLOPES = ("exceeds", "<", "<=", ">", ">=", "==", "!=", "~")
EQUAL = meanings.verb("==", operator.eq, "_0 == _1", type=bool)


class Unknown(Exception):
    """A row's derivative uses a verb that Python numbers lack: the row is asked when it runs."""


class Adjoints:
    """The half of the reverse sea that knows derivatives: `contributions(node, g, values)`."""

    def contributions(self, node, g, values):
        """Pairs of an active input and the cotangent that it gets."""
        xs = [values.get(x, self.new[x]) for x in node.data]
        y = values.get(node, self.new[node])
        wanted = [i for i, x in enumerate(node.data) if x in self.active]
        if node.kind == "op" and node.op.name in ("tuple", "list"):
            return [(node.data[i], self._op(PART, g, self.graph.const(i))) for i in wanted]
        if node.kind == "op" and node.op.name == "+" and len(node.data) == 1:
            return [(node.data[0], g)]
        if node.kind == "op" and node.op.plain and node.op.row.kind == "pointwise":
            self._check_lists(node)
            try:
                return [(node.data[i], self._scaled(node, i, g, y, xs)) for i in wanted]
            except Unknown:
                pass
        return self._pulled(node, wanted, g, xs)

    def _check_lists(self, node):
        if node.op.name in ("+", "*") and any(map(_is_list, node.data)):
            raise self.sea.refusal(
                node, "lists are joined or repeated here, which has no row; write out the new list"
            )

    def _scaled(self, node, i, g, y, xs):
        d = node.op.row.d[i]
        c = g if d is ONE else self._op(meanings.unary_minus(), g) if d is NEG else None
        if c is None:
            c = self._times(g, d(Verbs(self), Symbol(self, y), *[Symbol(self, x) for x in xs]))
        if self.shapes[node] == self.shapes[node.data[i]]:
            return c
        return self._op(FIT, c, xs[i])

    def _times(self, g, slope):
        if not isinstance(slope, Symbol):
            return self._op(meanings.named("*"), g, self.graph.const(slope))
        if slope.node.kind == "op" and slope.node.op.name in SLOPES:  # it counts as 1 or 0
            return self._op(GATE, g, slope.node)
        return self._op(meanings.named("*"), g, slope.node)

    def _pulled(self, node, wanted, g, xs):
        inputs = [xs[i] for i in wanted] + [x for i, x in enumerate(xs) if i not in wanted]
        if node.kind == "call":
            op, inputs = back_op(node.op, tuple(wanted)), xs
        else:
            op = pull_op(node, tuple(wanted))
        found = self.graph.make("op", op, [g, *inputs], (self.block,), tree=node.tree)
        if len(wanted) == 1:
            return [(node.data[wanted[0]], found)]
        parts = [self._op(ITEM, found, self.graph.const(k)) for k in range(len(wanted))]
        return [(node.data[i], part) for i, part in zip(wanted, parts, strict=True)]

    def sum(self, x, a, b):
        """Cotangents of one value are added; those of a container entry by entry."""
        number = any(n.kind == "op" and n.op.plain for n in (x, *x.users))
        return self._op(SUM if number else PLUS, a, b)

    def _op(self, op, *data):
        return self.graph.op(op, *data, block=self.block)

    def _is_equal(self, a, number):
        return self._op(EQUAL, a, self.graph.const(number))

    def _gradients(self):
        found = [
            self._op(GRADIENT, self.variables.read(self.adjoint(p), self.block)
                     if p in self.active else self.nothing, self.new[p])
            for p in self.chosen
        ]  # fmt: skip
        return found[0] if self.single else self._op(display(TUPLE, len(found)), *found)

    def _pair(self, a, b):
        return self._op(display(TUPLE, 2), a, b)


def _is_list(node, seen=()):
    """Is the value a list or a tuple that the program writes out, on some way?"""
    if node.kind == "op" and node.op.name in ("tuple", "list"):
        return True
    passes = node.kind == "phi" or node.kind == "op" and node.op.name in ("+", "*", "fresh")
    return passes and node not in seen and any(_is_list(x, (*seen, node)) for x in node.data)


_PULLS: dict = {}


def pull_op(node, wanted):
    """The op `pull(f, g, *wanted inputs, *other inputs)` of an operation or a call."""
    key = (node.op.key, wanted)
    if key not in _PULLS:
        n = len(node.data)
        order = [*wanted, *(i for i in range(n) if i not in wanted)]
        names = [f"a{k}" for k in range(len(wanted))]
        place = {f"_{i}": (names[k] if k < len(wanted) else f"_{k + 1}")
                 for k, i in enumerate(order)}  # fmt: skip
        body = _renamed(node.op.form, place)
        given = ", ".join(f"_{k + 1}" for k in range(len(wanted)))
        form = f"xp.pull(lambda {', '.join(names)}: {body}, _0, {given})"
        _PULLS[key] = Op("pull", _pulling(node.op.fn, order, len(wanted)), None, form)
    return _PULLS[key]


def _renamed(form, place):
    return re.sub(r"\b_\d+\b", lambda found: place[found[0]], form)


def _pulling(fn, order, count):
    def run(g, *given):
        rest = given[count:]

        def of_wanted(*some):
            values = dict(zip(order, (*some, *rest), strict=True))
            return fn(*[values[i] for i in range(len(order))])

        return verbs.pull(of_wanted, g, *given[:count])

    return run


def back_op(op, wanted):
    """The op that asks a called function's own reverse sea."""
    key = (op.key, wanted, "call")
    if key not in _PULLS:
        callee, words = op.callee, op.words

        def run(g, *xs):
            return verbs.back(callee, wanted, words, g, xs)

        name, _, arguments = op.form.partition("(")
        shifted = _renamed(arguments, {f"_{i}": f"_{i + 1}" for i in range(op.count)})
        form = f"xp.back({name}, {wanted}, _0, {shifted}"
        _PULLS[key] = Op("back", run, None, form)
    return _PULLS[key]


class Symbol:
    """A node under Python's operators."""

    def __init__(self, maker, node):
        self.maker, self.node = maker, node

    def _with(self, sign, *others):
        nodes = [x.node if isinstance(x, Symbol) else self.maker.graph.const(x) for x in others]
        return Symbol(self.maker, self.maker._op(meanings.named(sign), *nodes))

    def __neg__(self):
        return Symbol(self.maker, self.maker._op(meanings.unary_minus(), self.node))

    def __invert__(self):
        return Symbol(self.maker, self.maker._op(meanings.named("~"), self.node))

    __hash__ = object.__hash__


def _operator(sign, flipped):
    def operate(self, other):
        return self._with(sign, *((other, self) if flipped else (self, other)))

    return operate


for _name, _sign in dict(
    add="+", sub="-", mul="*", truediv="/", floordiv="//", mod="%", pow="**"
).items():
    setattr(Symbol, f"__{_name}__", _operator(_sign, False))
    setattr(Symbol, f"__r{_name}__", _operator(_sign, True))
for _name, _sign in dict(lt="<", le="<=", gt=">", ge=">=", eq="==", ne="!=", and_="&",
                         or_="|").items():  # fmt: skip
    setattr(Symbol, f"__{_name.rstrip('_')}__", _operator(_sign, False))


class Verbs:
    """The `xp` that rows see: each verb adds a node."""

    name = "sea"

    def __init__(self, maker):
        self.maker = maker

    def __getattr__(self, name):
        if name not in verbs.KNOWN:
            raise Unknown(name)

        def add(*xs):
            nodes = [x.node if isinstance(x, Symbol) else x if hasattr(x, "kind")
                     else self.maker.graph.const(x) for x in xs]  # fmt: skip
            places = ", ".join(f"_{i}" for i in range(len(xs)))
            op = meanings.verb(name, getattr(XP, name), f"xp.{name}({places})", row=ROWS.get(name))
            return Symbol(self.maker, self.maker._op(op, *nodes))

        return add
