"""Expressions: each becomes data nodes, and where Python would skip a part, a branch."""

import ast
import inspect
import operator
import types

from .. import source
from ..reading import MISSING
from . import meanings, verbs
from .nodes import Op, now

TUPLE, LIST = "({}{})", "[{}{}]"


class Expressions:
    """The half of the builder that gives values: `value(tree)` is a data node."""

    def value(self, tree):
        handler = getattr(self, f"_value_{type(tree).__name__}", None)
        if handler is None:
            raise self.refuse(tree, f"`{type(tree).__name__}` is not read by ad.sea; write it in "
                              "simpler statements")  # fmt: skip
        before, self.graph.tree = self.graph.tree, tree
        node = handler(tree)
        self.graph.tree = before
        return node

    def add(self, op, *data):
        """What may fail is pinned here, and where types are asked for, everything."""
        if self.wary and op.total:
            return self.graph.make("op", op, data, (self.block,))
        return self.graph.op(op, *data, block=self.block)

    # ----- names and constants -----
    def _value_Constant(self, tree):
        return self.graph.const(tree.value)

    def _value_Name(self, tree):
        found = self.static(tree)
        return self.name(tree) if found is MISSING else self.graph.const(found, tree.id)

    def name(self, tree):
        value = self.variables.read(tree.id, self.block)
        if tree.id not in self.local:
            raise self.refuse(tree, f"the name {tree.id} is not defined")
        if value.kind == "undefined":
            raise self.refuse(tree, f"{tree.id} has no value here; give it one first")
        self.reads.append((tree, tree.id, value))
        return value

    def static(self, tree):
        """The object that a dotted name means, if no statement can change it; else MISSING."""
        if isinstance(tree, ast.Name) and tree.id not in self.local:
            found = self.text.value(tree.id)
            if found is MISSING:
                raise self.refuse(tree, f"the name {tree.id} is not defined")
            return found
        if isinstance(tree, ast.Attribute):
            owner = self.static(tree.value)
            if owner is MISSING and self._is_self(tree.value):
                found = getattr(self.text.bound_to, tree.attr, MISSING)
                return found if inspect.ismethod(found) else MISSING
            if isinstance(owner, types.ModuleType):
                if not hasattr(owner, tree.attr):
                    raise self.refuse(tree, f"{owner.__name__} has no {tree.attr}")
                return getattr(owner, tree.attr)
        return MISSING

    def _is_self(self, tree):
        first = self.text.tree.args.args[:1]
        bound = self.text.bound_to is not None and isinstance(tree, ast.Name)
        return bound and tree.id == first[0].arg

    def _value_NamedExpr(self, tree):
        value = self.value(tree.value)
        self.assign(tree.target, value)
        return value

    # ----- operators -----
    def _value_BinOp(self, tree):
        return self.binary(tree.op, self.value(tree.left), self.value(tree.right), tree)

    def binary(self, kind, a, b, tree):
        return self.add(meanings.binary(type(kind)), a, b)

    def _value_UnaryOp(self, tree):
        return self.add(meanings.unary(type(tree.op)), self.value(tree.operand))

    def _value_Compare(self, tree):
        """a < b < c is (a < b) and (b < c), with b computed once."""
        return self._chain(self.value(tree.left), tree.ops, tree.comparators)

    def _chain(self, left, ops, rest):
        right = self.value(rest[0])
        first = self.add(meanings.comparison(type(ops[0])), left, right)
        if len(ops) == 1:
            return first
        return self.choose(first, lambda: self._chain(right, ops[1:], rest[1:]), lambda: first)

    def _value_BoolOp(self, tree):
        return self._logic(isinstance(tree.op, ast.And), tree.values)

    def _logic(self, is_and, values):
        first = self.value(values[0])
        if len(values) == 1:
            return first

        def rest():
            return self._logic(is_and, values[1:])

        return self.choose(first, *((rest, lambda: first) if is_and else (lambda: first, rest)))

    def _value_IfExp(self, tree):
        test = self.value(tree.test)
        return self.choose(test, lambda: self.value(tree.body), lambda: self.value(tree.orelse))

    def choose(self, test, yes, no):
        """The value of one of two expressions: a branch, and a phi behind it."""
        self.temporaries += 1
        name, ends = f"t {self.temporaries}", []
        for block, make in zip(self.fork(test, self.graph.tree), (yes, no), strict=True):
            if block is not None:
                self.block = block
                value = make()
                self.variables.write(name, self.block, value)
                ends.append(self.block)
        self.block = self.join(ends)
        return self.variables.read(name, self.block)

    # ----- containers -----
    def _value_Tuple(self, tree):
        return self.add(display(TUPLE, len(tree.elts)), *self._plain(tree.elts))

    def _value_List(self, tree):
        return self.add(display(LIST, len(tree.elts)), *self._plain(tree.elts))

    def _plain(self, trees):
        for tree in trees:
            if isinstance(tree, ast.Starred):
                raise self.refuse(tree, "a star is not read by ad.sea; write the parts out")
        return [self.value(tree) for tree in trees]

    def unpacked(self, value, target):
        count = len(target.elts)
        for part in target.elts:
            if isinstance(part, ast.Starred):
                raise self.refuse(part, "a star is not read by ad.sea; take the parts by index")
        value = now(value)
        if value.kind == "op" and value.op is display(TUPLE, count):
            return list(value.data)
        parts = self.add(UNPACK, value, self.graph.const(count))
        return [self.item(parts, i) for i in range(count)]

    def item(self, value, i):
        index = i if hasattr(i, "kind") else self.graph.const(i)
        return self.add(ITEM, value, index)

    def _value_Subscript(self, tree):
        data = [self.value(tree.value)]
        inside = self._index(tree.slice, data)
        return self.add(subscript(inside, len(data)), *data)

    def _index(self, tree, data):
        """The text of an index, with places for its values, which are added to `data`."""
        if isinstance(tree, ast.Tuple):
            inside = ", ".join(self._index(part, data) for part in tree.elts)
            return inside + "," * (len(tree.elts) == 1)
        if isinstance(tree, ast.Slice):
            parts = [self._index(x, data) if x else "" for x in (tree.lower, tree.upper, tree.step)]
            return ":".join(parts[: 3 if tree.step else 2])
        data.append(self.value(tree))
        return f"_{len(data) - 1}"

    def _value_Attribute(self, tree):
        found = self.static(tree)
        if found is not MISSING:
            return self.graph.const(found, ast.unparse(tree))
        if not meanings.is_plain_attribute(tree.attr):
            raise self.refuse(tree, f"the attribute {tree.attr} is private")
        return self.add(meanings.attribute(tree.attr), self.value(tree.value))

    # ----- calls -----
    def _value_Call(self, tree):
        if any(k.arg is None for k in tree.keywords):
            raise self.refuse(tree, "** is not read by ad.sea; write the arguments out")
        func = self.static(tree.func)
        if func in (min, max) and len(tree.args) > 1 and not tree.keywords:
            return self._extreme(func, self._plain(tree.args))
        words = tuple(k.arg for k in tree.keywords)
        spelled = ast.unparse(tree.func)
        if func is MISSING and isinstance(tree.func, ast.Attribute):
            if not meanings.is_pure_method(tree.func.attr):
                raise self.refuse(tree, f"the method {tree.func.attr} is not known to be without "
                                  "effect, so it cannot be in a sea")  # fmt: skip
            data = [self.value(tree.func.value), *self._arguments(tree)]
            return self.add(meanings.method(tree.func.attr, len(data) - 1, words), *data)
        data = self._arguments(tree)
        if func is MISSING:
            raise self.refuse(tree, f"nobody can know what {spelled} will be, so it cannot be in a "
                              "sea; call a function by its own name")  # fmt: skip
        if meanings.is_pure(func):
            return self.add(meanings.function(func, spelled, len(data), words), *data)
        if is_users(func):
            return self._call(func, spelled, data, words)
        raise self.refuse(tree, f"{spelled} is not known to be without effect (it may print, write "
                          "or draw random numbers), so it cannot be in a sea")  # fmt: skip

    def _arguments(self, tree):
        return self._plain([*tree.args, *(k.value for k in tree.keywords)])

    def _call(self, func, spelled, data, words):
        self.callees.append((func, self.graph.tree))
        op = calling(self.sea, func, spelled, len(data), words)
        return self.graph.make("call", op, data, (self.block,))

    def _extreme(self, func, values):
        """Python's max(a, b) is `b if b > a else a`."""
        compare = meanings.comparison(ast.Gt if func is max else ast.Lt)
        best = values[0]
        for x in values[1:]:
            test = self.add(compare, x, best)
            best = self.choose(test, lambda x=x: x, lambda best=best: best)
        return best

    # ----- what a `for` runs over: ((first, test, step) of a counter, the item at a counter) -----
    def items(self, tree):
        func = self.static(tree.func) if isinstance(tree, ast.Call) else None
        if func is range and not tree.keywords and 1 <= len(tree.args) <= 3:
            return self._range(tree, [self.value(a) for a in tree.args])
        length, item = self._sequence(tree, func)
        zero, one = self.graph.const(0), self.graph.const(1)

        def test(k):
            return self.add(meanings.comparison(ast.Lt), k, length)

        return (zero, test, lambda k: self.add(meanings.binary(ast.Add), k, one)), item

    def _range(self, tree, parts):
        parts = [self.add(INDEX, x) for x in parts]
        zero, one = self.graph.const(0), self.graph.const(1)
        begin, end, by = ([zero, *parts, one] if len(parts) == 1 else [*parts, one])[:3]
        if len(parts) == 3:
            by = self.graph.const(_number(tree.args[2]))
        if type(by.value) is not int or by.value == 0:
            raise self.refuse(tree.args[2], "the step of a range must be a number written out, and "
                              "not 0")  # fmt: skip
        compare = meanings.comparison(ast.Lt if by.value > 0 else ast.Gt)
        step = meanings.binary(ast.Add)
        return (begin, lambda k: self.add(compare, k, end), lambda k: self.add(step, k, by)), (
            lambda k: k
        )

    def _sequence(self, tree, func):
        if func is enumerate and len(tree.args) == 1 and not tree.keywords:
            length, item = self._sequence(tree.args[0], self._func(tree.args[0]))
            return length, lambda k: self.add(display(TUPLE, 2), k, item(k))
        if func is zip and tree.args and not tree.keywords:
            parts = [self._sequence(a, self._func(a)) for a in tree.args]
            length = self._extreme(min, [n for n, _ in parts])
            pair = display(TUPLE, len(parts))
            return length, lambda k: self.add(pair, *[item(k) for _, item in parts])
        values = self.add(SEQUENCE, self.value(tree))
        return self.add(LENGTH, values), lambda k: self.item(values, k)

    def _func(self, tree):
        return self.static(tree.func) if isinstance(tree, ast.Call) else None


def calling(sea, func, spelled, count, words):
    """The op of a call: the called function is a sea too, and known before it is finished."""
    from . import sea_of

    callee = sea_of(func, sea.optimize, sea.known)

    def call(*xs):
        plain = len(xs) - len(words)
        return callee(*xs[:plain], **dict(zip(words, xs[plain:], strict=True)))

    op = Op(spelled, call, None, meanings.called_as(spelled, count, words))
    op.key = (op.name, op.form, id(callee))
    op.callee, op.words, op.count = callee, words, count
    return op


def _number(tree):
    """A number that is written out, or None."""
    try:
        return ast.literal_eval(tree)
    except ValueError:
        return None


def is_users(func):
    """A function of the user's, whose text can become a sea of its own."""
    code = getattr(getattr(func, "__func__", func), "__code__", None)
    return code is not None and not source.is_library(code.co_filename)


_DISPLAYS: dict = {}


def display(brackets, count):
    """The op that makes a tuple or a list."""
    if (brackets, count) not in _DISPLAYS:
        places = ", ".join(f"_{i}" for i in range(count))
        text = brackets.format(places, "," * (count == 1 and brackets is TUPLE))
        make = (lambda *xs: xs) if brackets is TUPLE else (lambda *xs: list(xs))
        name = "tuple" if brackets is TUPLE else "list"
        _DISPLAYS[brackets, count] = Op(name, make, None, text, True)
    return _DISPLAYS[brackets, count]


_SUBSCRIPTS: dict = {}


def subscript(inside, count):
    """The op `x[...]` for an index of this form."""
    if inside == "_1":
        return ITEM
    if inside not in _SUBSCRIPTS:
        places = ", ".join(f"_{i}" for i in range(count))
        fn = eval(f"lambda {places}: _0[{inside}]")  # only places, colons and commas
        _SUBSCRIPTS[inside] = Op("[:]", fn, None, f"_0[{inside}]")
    return _SUBSCRIPTS[inside]


ITEM = Op("[]", operator.getitem, None, "_0[_1]")
UNPACK = Op("unpack", verbs.unpack, None, "xp.unpack(_0, _1)")
INDEX = Op("index", verbs.index, None, "xp.index(_0)", type=int)
SEQUENCE = Op("sequence", verbs.sequence, None, "xp.sequence(_0)")
LENGTH = Op("len", len, None, "len(_0)", type=int)
