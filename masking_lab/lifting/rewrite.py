"""Branches and loops become calls: their blocks functions, what they hand on arguments and results.

    for t in range(len(x)):            def body(t, h, x, w):
        h = torch.tanh(x[t] + w * h)       h = torch.tanh(flow.item(x, t) + w * h)
                                           return (h,)
                                       (h,) = flow.for_(range(len(x)), body, (h,), (x, w))

Written like this a block can be run for all examples, for some of them, or not at all, and nothing
that it does gets out except by its results (Matchbox rewrote in place; AutoGraph, Moldovan et al.
2019, goes this way). What the calls mean is in `flow`: on plain values they are plain Python.
"""

import ast
import inspect
from collections import deque

from autodiff_lab import source
from autodiff_lab.reading import MISSING, names

from ..batches.randomness import drawing
from ..on_torch.asking import asks_sizes
from .canonical import REFUSED, Fresh, as_index, assign, flow_call
from .changes import is_users_class
from .closures import refuse_stale
from .effects import MUTATORS
from .liveness import assigned
from .meeting import is_flows, meaning, sharing_of
from .pieces import definition, growing, lambda_of, loaded, only_shown, taken, tuple_of
from .pointing import innermost

# Classes of Python that ask for numbers.
CLASSES = (int, float, bool, range, zip, enumerate, reversed, list, tuple, map, filter, str, type)
# Functions of PyTorch that take sizes or lists, and want whole numbers and lists of numbers.
MAKERS = frozenset("zeros ones empty full arange linspace eye tensor as_tensor asarray".split())

STARRED = "a comprehension gives its items names, or tuples of names; write a loop that appends"


def rewrite(text):
    """The lifted tree of a function that was read."""
    return Rewriter(text, text.tree, ()).tree


class Rewriter:
    """One function; nested ones get a rewriter of their own, which knows the outer names."""

    def __init__(self, text, tree, outer):
        self.text, self.fresh = text, Fresh(tree)
        sharing = sharing_of(text, tree, outer)
        tree, self.locals = sharing.tree, sharing.points.calls.local
        refuse_stale(text, tree)
        self.expression = Expressions(self)
        watch_writes(sharing)
        tree.written = sharing.written()
        doubtful = set()
        assigned(tree.body, sharing.points.parameters, doubtful)
        self.doubtful = doubtful
        tree.body = self.undefined(tree.body, (), tree.body[0]) + self.block(tree.body)
        self.tree = ast.fix_missing_locations(tree)

    def block(self, statements):
        return [new for s in statements for new in self.statement(s)]

    def statement(self, s):
        if isinstance(s, ast.If):
            return self.branch(s)
        if isinstance(s, ast.For):
            return self.for_loop(s)
        if isinstance(s, ast.While):
            return self.while_loop(s)
        if isinstance(s, ast.With):
            s.items = [self.expression.visit(item) for item in s.items]
            s.body = self.block(s.body)
            return [s]
        if isinstance(s, ast.FunctionDef):
            return [Rewriter(self.text, s, self.locals).tree]
        if isinstance(s, (ast.Assert, ast.Raise)):
            only_shown(s)
        if isinstance(s, ast.Assert):
            message = [lambda_of([], s.msg)] if s.msg else []
            call = flow_call("assert_", s.test, *message, at=s)
            s = ast.copy_location(ast.Expr(call), s)
        if isinstance(s, ast.Assign):
            s.value = growing(s.value)
        if self._changes_around(s):
            s.value.func.attr = "around"
        return [self.expression.visit(s)]

    def _changes_around(self, s):
        """Is what it changes the function's around it, and not from outside of all?"""
        call = s.value if isinstance(s, ast.Expr) else None
        is_outside = isinstance(call, ast.Call) and ast.unparse(call.func) == "flow.outside"
        return is_outside and call.args[0].value in self.locals

    def undefined(self, body, known, at):
        """Names that are handed on before they have a value, but for those that are `known`."""
        missing = [n for n in names.bound(*body) if n in self.doubtful and n not in known]
        return [assign(n, flow_call("Undefined", ast.Constant(n), at=at), at) for n in missing]

    # ----- what goes in and out -----
    def define(self, name, parameters, body, results, at):
        """A block as a function; a name that it only uses inside has no value at its start."""
        body = self.block(body)
        return definition(
            name, parameters, self.undefined(body, parameters, at) + body, results, at
        )

    def handed(self, s, wanted):
        """`(carried, given)`: the names that blocks write for others, and those they only read."""
        inside = [*s.body, *s.orelse]
        carried = [n for n in names.bound(*inside) if n in wanted]
        asked = [s.test] if isinstance(s, ast.While) else []
        given = [n for n in names.used(*asked, *inside) if n in self.locals and n in s.into]
        return carried, [n for n in given if n not in carried]

    def branch(self, s):
        carried, given = self.handed(s, s.after)
        then, otherwise = self.fresh("then"), self.fresh("otherwise")
        blocks = [self.define(then, carried + given, s.body, carried, s)]
        other = ast.Constant(None)
        if s.orelse:
            at = s.orelse[0]
            blocks.append(self.define(otherwise, carried + given, s.orelse, carried, at))
            other = ast.Name(otherwise, ast.Load())
        test = self.expression.visit(s.test)
        call = flow_call("if_", test, loaded(then), other, tuple_of(carried), tuple_of(given), at=s)
        return [*blocks, taken(carried, call, s)]

    def for_loop(self, s):
        carried, given = self.handed(s, s.head)
        simple = isinstance(s.target, ast.Name) and s.target.id not in carried + list(s.after)
        item = s.target.id if simple else self.fresh("item")
        first = [] if simple else [ast.copy_location(ast.Assign([s.target], loaded(item)), s)]
        if not simple:
            late = [n for n in names.bound(s.target) if n in s.after and n not in carried]
            carried = carried + late
        body = self.define(self.fresh("body"), [item, *carried, *given], first + s.body, carried, s)
        call = flow_call("for_", self.expression.visit(s.iter), loaded(body.name),
                         tuple_of(carried), tuple_of(given), *_stops(s, carried), at=s)  # fmt: skip
        return [body, taken(carried, call, s)]

    def while_loop(self, s):
        carried, given = self.handed(s, s.head)
        test = definition(self.fresh("test"), carried + given, [], None, s)
        value = self.expression.visit(s.test)
        test.body = [ast.copy_location(ast.Return(value), s)]
        body = self.define(self.fresh("body"), carried + given, s.body, carried, s)
        call = flow_call("while_", loaded(test.name), loaded(body.name), tuple_of(carried),
                         tuple_of(given), *_stops(s, carried), at=s)  # fmt: skip
        return [test, body, taken(carried, call, s)]


def watch_writes(sharing):
    """Marks the writes and the loans of a function."""
    for s, name, held in sharing.writes():
        watch(s.value, name, held)
    for call, loans in sharing.lent():
        call.loans = loans


def watch(value, name, held):
    """`flow.put(x, i, v, name)`, and `flow.unshared(x, name) + 1` for `x += 1`, or `x.a += 1`."""
    call = innermost(value)
    if call is None:
        if name:
            value.left = flow_call("unshared", value.left, ast.Constant(name), at=value.left)
        return
    added = call.args[2]
    if hasattr(added, "in_place"):
        left = added.left
        added.left = flow_call("unshared", left, ast.Constant(held), call.args[0], at=left)
    if name and ast.unparse(call.func) == "flow.put":
        call.args.append(ast.copy_location(ast.Constant(name), call))


def _stops(s, carried):
    """The flags that end the loop; one that is never raised stands behind another exit."""
    found = [ast.Constant(n) for n in s.stops if n in carried]
    return [ast.Tuple(found, ast.Load())] if found else []


class Expressions(ast.NodeTransformer):
    """What Python decides with one truth value, one int or one length is asked of `flow`."""

    def __init__(self, rewriter):
        self.rewriter = rewriter

    def _lazy(self, *nodes):
        """The nodes as functions of the local names they read, and those names."""
        given = [n for n in names.used(*nodes) if n in self.rewriter.locals]
        return [lambda_of(given, self.visit(node)) for node in nodes], tuple_of(given)

    def visit_BoolOp(self, node):
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        value = self.visit(node.values[0])
        for right in node.values[1:]:
            (lazy,), given = self._lazy(right)
            value = flow_call(name, value, lazy, given, at=node)
        return value

    def visit_UnaryOp(self, node):
        node = self.generic_visit(node)
        return flow_call("not_", node.operand, at=node) if isinstance(node.op, ast.Not) else node

    def visit_IfExp(self, node):
        lazy, given = self._lazy(node.body, node.orelse)
        return flow_call("choose", self.visit(node.test), *lazy, given, at=node)

    def visit_Compare(self, node):
        """`a < b < c` is `a < b and b < c`, with b evaluated once; `in` asks each element."""
        if len(node.ops) == 1:
            node = self.generic_visit(node)
            if not isinstance(node.ops[0], (ast.In, ast.NotIn)):
                return node
            found = flow_call("in_", node.left, *node.comparators, at=node)
            return found if isinstance(node.ops[0], ast.In) else flow_call("not_", found, at=node)
        left, *rest = [self.visit(n) for n in (node.left, *node.comparators)]
        pairs = []
        for op, right in zip(node.ops, rest, strict=True):
            test = ast.Compare(loaded("a"), [op], [loaded("b")])
            pairs += [lambda_of(["a", "b"], ast.copy_location(test, node)), lambda_of([], right)]
        return flow_call("chain", left, *pairs, at=node)

    def visit_Call(self, node):
        if isinstance(node.func, ast.Name) and node.func.id == "print":
            only_shown(node)
        node = self.generic_visit(node)
        if not self._may_meet_lanes(node.func):
            return node
        outside = self._changed_outside(node.func)
        name = ("outside", ast.Constant(outside)) if outside else ("call",)
        if self._keeps(node.func):
            node.args = [growing(x) for x in node.args]
            for k in node.keywords:
                k.value = growing(k.value)
        call = flow_call(*name, node.func, *node.args, at=node)
        call.keywords, call.loans = node.keywords, getattr(node, "loans", {})
        return call

    def _changed_outside(self, func):
        """The name of a list, say, from outside that a method like `append` changes."""
        owner = getattr(func, "value", None)
        is_change = isinstance(func, ast.Attribute) and func.attr in MUTATORS
        if not is_change or not isinstance(owner, ast.Name) or owner.id in self.rewriter.locals:
            return None
        found = self.rewriter.text.value(owner.id)
        return owner.id if isinstance(found, (list, dict, set, deque)) else None

    def _may_meet_lanes(self, func):
        """Not the functions of PyTorch, which dispatch, and not the classes of libraries."""
        found = self._meaning(func)
        if found is MISSING:
            return not is_flows(func)
        if hasattr(found, "forward") or inspect.ismethod(found):  # a module, or MyFunction.apply
            return True
        module = (getattr(found, "__module__", None) or "").split(".")[0]
        plain_class = inspect.isclass(found) and not (found in CLASSES or is_users_class(found))
        if module == "torch" and inspect.isroutine(found):
            if found.__name__ in MAKERS or not asks_sizes():
                return True
        draws = drawing(found, (None, 1.0, True)) is not None
        return draws or (not plain_class and module not in ("torch", "_operator"))

    def _keeps(self, func):
        """May a list that it is given grow there? What is the user's, and what changes lists."""
        found = self._meaning(func)
        if found is MISSING:
            return getattr(func, "attr", None) in MUTATORS
        if inspect.isfunction(found):
            return not source.is_library(found.__code__.co_filename)
        return found is dict or (inspect.isclass(found) and is_users_class(found))

    def _meaning(self, func):
        return meaning(func, self.rewriter.text, self.rewriter.locals)

    def visit_BinOp(self, node):
        """`[x] * n`, where each example may have an n of its own."""
        node = self.generic_visit(node)
        if isinstance(node.op, ast.Mult):
            if isinstance(node.right, ast.List):  # n * [x]: the list should be asked
                node.left, node.right = node.right, node.left
            node.left = growing(node.left)
        return node

    def visit_Attribute(self, node):
        """`x.data` of PyTorch, which is something else of a lane."""
        node = self.generic_visit(node)
        is_data = node.attr == "data" and isinstance(node.ctx, ast.Load)
        return flow_call("data", node.value, at=node) if is_data else node

    def visit_Subscript(self, node):
        node = self.generic_visit(node)
        if isinstance(node.ctx, ast.Store) or not names.used(node.slice):
            return node
        return flow_call("item", node.value, as_index(node.slice), at=node)

    def visit_ListComp(self, node):
        first, *more = node.generators
        if first.is_async:
            raise self.rewriter.text.refusal(node, REFUSED[ast.AsyncFor])
        element = ast.copy_location(ast.ListComp(node.elt, more), node) if more else node.elt
        own = set(names.bound(first.target))
        used = names.used(element, *first.ifs)
        given = [n for n in used if n in self.rewriter.locals and n not in own]
        parts = (element, *([_both(first.ifs)] if first.ifs else []))
        parts = [self._of_item(first.target, self._knowing(own, part), given) for part in parts]
        name = "nested" if more else "listed"
        return flow_call(name, self.visit(first.iter), tuple_of(given), *parts, at=node)

    visit_GeneratorExp = visit_ListComp

    def visit_DictComp(self, node):
        pair = ast.copy_location(ast.Tuple([node.key, node.value], ast.Load()), node.value)
        pairs = ast.copy_location(ast.ListComp(pair, node.generators), node)
        return flow_call("call", loaded("dict"), self.visit(pairs), at=node)

    def _of_item(self, target, body, given):
        """A function of an item: `lambda item: (lambda a, b: body)(*item)` for `a, b`."""
        name = target.id if isinstance(target, ast.Name) else self.rewriter.fresh("item")
        return lambda_of([name, *given], self._opened(target, name, body))

    def _opened(self, target, name, body):
        if isinstance(target, ast.Name):
            return body
        if not isinstance(target, (ast.Tuple, ast.List)) or any(
            isinstance(x, ast.Starred) for x in target.elts
        ):
            raise self.rewriter.text.refusal(target, STARRED)
        parts = [x.id if isinstance(x, ast.Name) else self.rewriter.fresh("item")
                 for x in target.elts]  # fmt: skip
        for part, own in zip(target.elts, parts, strict=True):
            body = self._opened(part, own, body)
        item = ast.Starred(loaded(name), ast.Load())
        return ast.copy_location(ast.Call(lambda_of(parts, body), [item], []), body)

    def visit_JoinedStr(self, node):
        """A text that goes on being used would hold one value for all examples."""
        node = self.generic_visit(node)
        for part in node.values:
            if isinstance(part, ast.FormattedValue) and not hasattr(node, "shown"):
                part.value = flow_call("told", part.value, at=part)
        return node

    def visit_Lambda(self, node):
        inner = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        node.body = self._knowing(inner, node.body)
        return node

    def _knowing(self, own, node):
        """The node inside a scope that has names of its own."""
        before = self.rewriter.locals
        self.rewriter.locals = before | own
        node = self.visit(node)
        self.rewriter.locals = before
        return node


def _both(tests):
    return tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)
