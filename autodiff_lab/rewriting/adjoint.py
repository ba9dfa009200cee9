"""The adjoint of one small step, read off the table.

Where an operation is a row whose derivative fits a line, the line is that derivative, run on names:
`bx += by * (1 - y * y)` for tanh. What needs to know shapes (sums, products of matrices, whatever
is composite) becomes one call, `pull_sum(by, x)`; a function of the user's own gives its pullback.
"""

import ast
import operator
from dataclasses import dataclass

from ..calculus import _PULL
from ..reading import MISSING
from ..table.row import ROWS
from ..writing.expr import Expr, Unknown
from . import meaning
from .inline import Inline
from .steps import Add, Place, Step, words_in

RESULT = "RESULT"  # stands for the target's new value while an adjoint is being written


@dataclass
class Operand:
    """`place` is where its cotangent goes, None where no derivative flows."""

    text: str
    place: Place | None
    shape: frozenset
    value: object = None  # a number that is written out

    def expr(self, xp):
        if self.value is not None:
            return self.value
        simple = self.text.replace("_", "a").replace(".", "a").isalnum() or self.text[-1:] == "]"
        whole = xp.variable(self.text)
        if simple or self.text.endswith(")"):
            return whole
        return Expr(xp, (f"({self.text})",))


class Adjoints(Inline):
    def __init__(self, small):
        self.small, self.program = small, small.program
        self.xp = self.program.verbs

    # ----- one assignment -----
    def assign(self, name, value):
        """Append the step `name = value`; its operands are made first."""
        kind = type(value).__name__
        handler = getattr(self, f"_{kind}", None)
        if handler is None:
            what = kind.lower()
            raise self.refusal(value, f"a derivative cannot be followed through {what} here")
        handler(name, value)

    def refusal(self, node, why):
        return self.small.text.refusal(node, why)

    def _Name(self, name, value):
        self._copy(name, self.small.operand(value))
        self.small.copied |= {name, value.id}

    def _Subscript(self, name, value):
        if not isinstance(value.value, ast.Name):
            inner = self.small.temporary(value.value)
            value = ast.copy_location(
                ast.Subscript(ast.copy_location(ast.Name(inner, ast.Load()), value), value.slice,
                              ast.Load()), value)  # fmt: skip
        operand = self.small.operand(value)
        self._copy(name, operand)
        words = words_in(operand.text) & self.small.local
        self.small.steps[-1].again = all(self.small.counts.get(w, 0) <= 1 for w in words)
        if name not in self.small.temporaries:  # which are read before anything is written
            self.small.views.setdefault(operand.place.name, set()).add(name)

    def _copy(self, name, operand):
        self._emit(name, operand.text, [operand], lambda g, y: [g], operand.shape)

    def _BinOp(self, name, value):
        row = meaning.OPERATORS.get(type(value.op))
        if row in ("add", "multiply") and self._is_list(value):
            return self._joined(name, value)
        a, b = self.small.operand(value.left), self.small.operand(value.right)
        text = f"{_side(value.left, a)} {_SIGNS[type(value.op)]} {_side(value.right, b)}"
        if row is None:
            function = getattr(operator, _FUNCTIONS.get(type(value.op), ""), None)
            if function is None:
                raise self.refusal(value, f"the operator {_SIGNS[type(value.op)]} has no row")
            return self._pulled(name, text, f"operator.{function.__name__}", [a, b])
        self._row(name, text, ROWS[row], [a, b], value)

    def _is_list(self, value):
        if isinstance(value, ast.BinOp):
            return self._is_list(value.left) or self._is_list(value.right)
        shown = isinstance(value, (ast.List, ast.ListComp, ast.Tuple))
        return shown or getattr(value, "id", None) in self.small.containers

    def _joined(self, name, value):
        """`xs + ys` of lists, whose cotangent is taken apart again."""
        if isinstance(value.op, ast.Mult):
            raise self.refusal(value, "a list that is repeated; append to one in a loop")
        a, b = self.argument(value.left), self.argument(value.right)
        self.several(name, f"{a.text} + {b.text}", f"pull_join({{g}}, {a.text}, {b.text})", [a, b])
        self.small.whole.add(name)

    def _UnaryOp(self, name, value):
        x = self.small.operand(value.operand)
        if isinstance(value.op, ast.UAdd):
            return self._copy(name, x)
        if not isinstance(value.op, ast.USub):
            raise self.refusal(value, "~ has no derivative")
        self._row(name, f"-{_side(value.operand, x)}", ROWS["negative"], [x], value)

    def _Tuple(self, name, value):
        parts = [self.small.operand(v) for v in value.elts]
        inside = ", ".join(p.text for p in parts) + "," * (len(parts) == 1)
        text = f"({inside})" if isinstance(value, ast.Tuple) else f"[{inside}]"
        g = f"b{name}"
        adds = [
            Add(p.place, f"{g}[{i}]", alias=True)
            for i, p in enumerate(parts)
            if p.place is not None
        ]
        self.small.whole.add(name)
        self._step(name, text, adds, False)

    _List = _Tuple

    def _IfExp(self, name, value):
        arms = [value.body, value.orelse]
        self.small.counts[name] = self.small.counts.get(name, 0) + 1
        made = []
        for arm in arms:
            copy = ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], arm), value)
            made.append(copy)
        self.small._If(ast.copy_location(ast.If(value.test, [made[0]], [made[1]]), value))

    def _Attribute(self, name, value):
        x = self.small.operand(value.value)
        self._pulled(name, f"{x.text}.{value.attr}", repr(f".{value.attr}"), [x])

    # ----- calls -----
    def _Call(self, name, value):
        if self._is_at(value):
            return self._at(name, value)
        small = self.small
        function = meaning.resolved(small.text, value.func, small.local)
        if meaning.is_users(function):
            value = self._in_position(value, function)
        for k in value.keywords:
            if k.arg is None or small.carries(k.value):
                raise self.refusal(
                    k.value, "a derivative through a keyword argument; pass it by position"
                )
        if function is MISSING:
            return self._method(name, value)
        if meaning.is_users(function):
            return self._users(name, value, function)
        if not callable(function):
            raise self.refusal(value.func, f"{ast.unparse(value.func)} is not a function")
        if function is sum:
            return self._sum(name, value)
        if function in (max, min) and len(value.args) > 1:
            sign = ast.Gt() if function is max else ast.Lt()
            return self._extreme(name, value, sign)
        meaning.check_no_iterator(small.text, value, small.local)
        if function in (max, min, pow, round, divmod):
            self._builtin(value, function)
        operands = [self.argument(a) for a in value.args]
        text = f"{ast.unparse(value.func)}({_inside(operands, value.keywords)})"
        row = meaning.row_of(function)
        if row is not None and not value.keywords and row.arity == len(operands):
            return self._row(name, text, row, operands, value)
        said = "operator.abs" if function is abs else ast.unparse(value.func)
        shape = frozenset() if _sums_all(function, value) else None
        self._pulled(name, text, said, operands, _words(value.keywords), shape)

    def _builtin(self, value, function):
        raise self.refusal(
            value,
            f"Python's {function.__name__} of what is differentiated; write it with operators, "
            "or with a function of torch or jax.numpy",
        )

    def argument(self, node):
        """A list of operands is one argument: it gets a variable."""
        if isinstance(node, (ast.List, ast.Tuple)) and self.small.carries(node):
            return self.small.name(self.small.temporary(node))
        if isinstance(node, ast.Starred):
            raise self.refusal(node, "a star; write the arguments out")
        return self.small.operand(node)

    def _method(self, name, value):
        if not isinstance(value.func, ast.Attribute):
            raise self.refusal(
                value.func,
                f"{ast.unparse(value.func)} is not known before the function runs; call a function "
                "that is defined outside",
            )
        method = value.func.attr
        if method.endswith("_") and not method.endswith("__"):
            raise self.refusal(value.func, f"{method} writes into its tensor; use {method[:-1]}")
        x = self.small.operand(value.func.value)
        operands = [self.argument(a) for a in value.args]
        text = f"{_side(value.func.value, x)}.{method}({_inside(operands, value.keywords)})"
        shape = frozenset() if method in ("sum", "mean", "prod") and not (
            operands or value.keywords) else None  # fmt: skip
        row = self._row_of_method(method)
        if row is not None and not value.keywords and row.arity == 1 + len(operands):
            return self._row(name, text, row, [x, *operands], value)
        self._pulled(name, text, repr(f".{method}"), [x, *operands], _words(value.keywords), shape)

    def _row_of_method(self, method):
        if self.program.framework != "torch":
            return None
        import torch

        found = getattr(torch.Tensor, method, None)
        return meaning.row_of(found) if callable(found) else None

    def _is_at(self, value):
        """JAX's way to write: `x.at[i].set(v)`."""
        f = value.func
        return (
            isinstance(f, ast.Attribute) and f.attr in ("set", "add")
            and isinstance(f.value, ast.Subscript) and isinstance(f.value.value, ast.Attribute)
            and f.value.value.attr == "at" and len(value.args) == 1
        )  # fmt: skip

    def _at(self, name, value):
        place, verb = value.func.value, value.func.attr
        x = self.small.operand(place.value.value)
        v = self.small.operand(value.args[0])
        index = self.small.index_text(place.slice)
        text = f"{x.text}.at[{index}].{verb}({v.text})"
        if verb == "set":
            function = f"pull_put({{g}}, at[{index}], {x.text}, {v.text})"
            return self.several(name, text, function, [x, v])
        adds = [Add(x.place, f"b{name}", alias=True)] if x.place else []
        if v.place:
            adds.append(Add(v.place, f"unbroadcast(b{name}[{index}], {v.text})"))
            self.program.helpers.add("unbroadcast")
        self._step(name, text, adds, False)

    def _users(self, name, value, function):
        """A function of the user's own: it is transformed too, and gives its pullback along."""
        operands = [self.argument(a) for a in value.args]
        wrt = tuple(i for i, x in enumerate(operands) if x.place is not None)
        if not wrt:
            raise self.refusal(
                value, "a derivative through a keyword argument; pass it by position"
            )
        made = self.program.pullback_of(function, wrt, value, self.small.text)
        back = self.small.fresh(f"back_{name}")
        text = f"{made}({_inside(operands, value.keywords)})"
        self.several(name, text, f"{back}({{g}})", operands, back)
        self.small.whole.add(name)

    # ----- steps -----
    def _row(self, name, text, row, operands, node):
        """A row that acts on each entry: its partials, in a line each."""
        wanted = [x.place is not None for x in operands]

        def shares(g, y):
            xs = [x.expr(self.xp) for x in operands]
            return _PULL[row.kind](row, self.xp, g, y, xs, {}, wanted)

        shape = frozenset().union(*(x.shape for x in operands))
        try:
            self._emit(name, text, operands, shares, shape)
        except (Unknown, AttributeError, TypeError, NotImplementedError):
            self._pulled(name, text, self._function_of(row, node), operands)

    def _function_of(self, row, node):
        if isinstance(node, ast.Call):
            found = meaning.resolved(self.small.text, node.func, self.small.local)
            return repr(f".{node.func.attr}") if found is MISSING else ast.unparse(node.func)
        return f"operator.{_OF_ROW[row.name]}"

    def _emit(self, name, text, operands, shares, shape):
        """Write the shares of the operands; ask again if old and new value of one name meet."""
        g, y = self.xp.variable(f"b{name}"), self.xp.variable(RESULT)
        found = shares(g, y)
        said = [
            self._said(x, c, shape) for x, c in zip(operands, found, strict=True)
            if x.place is not None and c is not None
        ]  # fmt: skip
        reads = any(RESULT in words_in(add.text) for add in said)
        mine = any(name in words_in(x.text) for x in operands)
        entries = any(x.place and x.place.name == name and x.place.index for x in operands)
        if (reads and mine) or entries:
            held = self.small.fresh("t")
            self.small.active.add(held)
            self._emit(held, text, operands, shares, shape)
            return self._copy(name, self.small.name(held))
        for add in said:
            add.text = add.text.replace(RESULT, name)
        if self.small.counts.get(name, 0) <= 1:
            self.small.shapes[name] = shape
        self._step(name, text, said, reads)

    def _said(self, x, c, shape):
        """One share as text, summed to the operand's shape where that may be smaller."""
        alias = isinstance(c, Expr) and (c.is_name or c.base is not None)
        text = c.text() if isinstance(c, Expr) else repr(c)
        if x.shape != shape:
            self.program.helpers.add("unbroadcast")
            text = f"unbroadcast({text}, {x.text})"
        return Add(x.place, text, alias)

    def _step(self, name, text, adds, reads_result):
        self.small.steps.append(Step(name, text, adds, reads_result=reads_result))

    def _pulled(self, name, text, function, operands, words="", shape=None):
        """One call gives the shares: the operation is too big for a line, or reads shapes."""
        wrt = tuple(i for i, x in enumerate(operands) if x.place is not None)
        pull = self.program.pull(function, wrt)
        inside = ", ".join([x.text for x in operands] + [words] * bool(words))
        if shape is not None and self.small.counts.get(name, 0) <= 1:
            self.small.shapes[name] = shape
        self.several(name, text, f"{pull}({{g}}, {inside})", operands)

    def several(self, name, text, together, operands, also=None):
        """A step whose shares come out of one call."""
        places = [x.place for x in operands if x.place is not None]
        if any(p.name == name and p.index for p in places):
            held = self.small.fresh("t")
            self.small.active.add(held)
            self.several(held, text, together, operands, also)
            return self._copy(name, self.small.name(held))
        for helper in words_in(f"{text} {together}") & set(HELPERS):
            self.program.helpers.add(helper)
        if together.startswith(("pull_put(", "pull_append(", "pull_join(")) and len(places) == 1:
            together += f"[{[x.place is not None for x in operands].index(True)}]"
        step = Step(name, text, [Add(p, "", alias=True) for p in places], also=also)
        step.together = together.replace("{g}", f"b{name}")
        self.small.steps.append(step)


HELPERS = ("put", "pull_put", "append", "pull_append", "pull_join", "own", "at", "unbroadcast")
_SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Mod: "%",
    ast.MatMult: "@", ast.FloorDiv: "//", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_FUNCTIONS = {ast.MatMult: "matmul", ast.FloorDiv: "floordiv"}
_OF_ROW = {
    "power": "pow", "remainder": "mod", "negative": "neg", "add": "add", "subtract": "sub",
    "multiply": "mul", "divide": "truediv",
}  # fmt: skip


def _sums_all(function, call):
    """`torch.sum(x)`, `jnp.mean(x)`: the answer is one number."""
    name = getattr(function, "__name__", "")
    return name in ("sum", "mean", "prod") and len(call.args) == 1 and not call.keywords


def _side(node, operand):
    """An operand beside an operator: text that is more than a name keeps its brackets."""
    compound = isinstance(node, (ast.BinOp, ast.UnaryOp, ast.IfExp)) and operand.place is None
    return f"({operand.text})" if compound else operand.text


def _inside(operands, keywords):
    return ", ".join([x.text for x in operands] + [_words([k]) for k in keywords])


def _words(keywords):
    return ", ".join(f"{k.arg}={ast.unparse(k.value)}" for k in keywords)
