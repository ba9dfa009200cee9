"""From a function's tree to small steps: one operation each, on variables and entries of them.

What carries no derivative is copied as it stands. What does is taken apart (A-normal form) and gets
its adjoint from the table at once (`adjoint`). Whatever is not understood is refused here, before a
line is written.
"""

import ast
from types import SimpleNamespace

from ..reading import MISSING
from . import meaning
from .adjoint import Adjoints, Operand
from .exits import settled
from .fence import check
from .loops import Control
from .owners import Owners
from .scan import (
    aliases,
    always_returns,
    assignments,
    bases,
    bindings,
    containers,
    is_append,
    is_number,
    is_store,
    lists,
    loaded,
    number_of,
    only_result,
    rename_comprehensions,
    rename_cotangents,
)
from .steps import Place, Step, words_in


class Small(Control):
    """One function in small steps: `block`, the names of its parameters and of its result."""

    def __init__(self, text, active, program, names, called=False):
        self.text, self.program, self.names = text, program, names
        check(text)
        rename_comprehensions(text.tree)
        rename_cotangents(text.tree)
        own = SimpleNamespace(done=names.new("done"), result=names.new("out"))
        self.local = {*text.parameters[text.bound_to is not None :], own.done, own.result}
        self.local |= {n.id for n in ast.walk(text.tree) if is_store(n)}
        body = settled(text.tree, own)
        self.lent = Owners(text, body, called).lent
        self.result = only_result(body) or own.result
        self.active = self._activity(body, set(active))
        self.counts, self.scalars = assignments(body, text.parameters), set()
        self.shapes, self.step = {}, 0
        self.adjoints = Adjoints(self)
        self.temporaries = set()  # names of our own, read once in the statement they stand in
        self.whole = set()  # names that hold a tuple, or what a user's function returned
        self.copied, self.views = aliases(body)
        self.lists, self.containers = lists(body), containers(body)
        self.block = self._block(body)
        self._check_returns(body)

    # ----- which names carry a derivative -----
    def _activity(self, body, active):
        while True:
            before = len(active)
            self.active = active
            for node in (n for s in body for n in ast.walk(s)):
                for target, value in bindings(node, self.result):
                    if self.carries(value):
                        active |= set(bases(target))
            if len(active) == before:
                return active

    def carries(self, node):
        """Does a derivative flow through this expression?"""
        if isinstance(node, ast.Name):
            return node.id in self.active
        if isinstance(node, (ast.Compare, ast.BoolOp, ast.Constant, ast.JoinedStr)):
            return False
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return False
        if isinstance(node, ast.Attribute):
            return node.attr not in meaning.FLAT_ATTRIBUTES and self.carries(node.value)
        if isinstance(node, ast.Subscript):
            return self.carries(node.value)
        if isinstance(node, ast.IfExp):
            return self.carries(node.body) or self.carries(node.orelse)
        if isinstance(node, ast.Call):
            return self._call_carries(node)
        return any(self.carries(child) for child in ast.iter_child_nodes(node))

    def _call_carries(self, node):
        function = meaning.resolved(self.text, node.func, self.local)
        if meaning.is_flat(function):
            return False
        inside = [*node.args, *[k.value for k in node.keywords]]
        if isinstance(node.func, ast.Attribute) and function is MISSING:
            if node.func.attr in meaning.FLAT_METHODS and not any(map(self.carries, inside)):
                return False
            inside.append(node.func.value)
        return any(self.carries(x) for x in inside)

    # ----- statements -----
    def _block(self, body):
        outer, self.steps = getattr(self, "steps", None), []
        for node in body:
            self.step += 1
            getattr(self, f"_{type(node).__name__}")(node)
        made, self.steps = self.steps, outer
        return made

    def _plain(self, target, text):
        self.program.helpers |= words_in(text) & {"put", "append", "at", "own", "own_entry"}
        self.steps.append(Step(target, text))

    def _Pass(self, node):
        pass

    def _Break(self, node):
        self._plain(None, "break")

    def _Expr(self, node):
        value = node.value
        if isinstance(value, ast.Constant):
            return  # a docstring
        if is_append(value):
            return self._append(value)
        if self.carries(value):
            raise self.text.refusal(
                node, "its result is thrown away, so it can only write somewhere; assign the result"
            )
        self._plain(None, ast.unparse(value))

    def _Assert(self, node):
        self._plain(None, ast.unparse(node))

    _Raise = _Assert

    def _Return(self, node):
        if node.value is None:
            raise self.text.refusal(node, "a value to differentiate is needed; return one")
        if not (isinstance(node.value, ast.Name) and node.value.id == self.result):
            self.bind(self.result, node.value)

    def _Assign(self, node):
        if len(node.targets) > 1:
            first = self._held(node.value)
            for target in node.targets:
                self._assign(target, first)
        else:
            self._assign(node.targets[0], node.value)

    def _AnnAssign(self, node):
        if node.value is not None:
            self._assign(node.target, node.value)

    def _AugAssign(self, node):
        old = loaded(node.target)
        value = ast.copy_location(ast.BinOp(old, node.op, node.value), node)
        if self.carries(value) and self.program.framework != "jax":
            self._check_alone(node)
        self._assign(node.target, value)

    def _check_alone(self, node):
        """PyTorch's `x += ...` writes into the tensor, which another name may hold too."""
        name, line = ast.unparse(node.target), repr(ast.unparse(node))
        if isinstance(node.target, ast.Subscript):
            if node in self.lent:
                base, index = ast.unparse(node.target.value), self.key_text(node.target.slice)
                self._plain(None, f"own_entry({base}, {index}, {line})")
        elif not self._is_shared(name):
            if node in self.lent:
                self._plain(None, f"own({name}, {line})")
        elif self.program.framework == "torch":
            raise self.text.refusal(
                node,
                f"it writes into a tensor that another name may hold; write {name} = {name} ...",
            )
        else:
            self._plain(None, f"own({name}, {line})")

    def _is_shared(self, name):
        return name in self.copied or any(name in names for names in self.views.values())

    def _held(self, value):
        """A value that several targets get: evaluated once."""
        if isinstance(value, (ast.Name, ast.Constant)):
            return value
        name = self.temporary(value)
        return ast.copy_location(ast.Name(name, ast.Load()), value)

    def _assign(self, target, value):
        if isinstance(target, ast.Name):
            self.bind(target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value)
        else:
            self._write(target, value)

    def _unpack(self, targets, value):
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(targets):
            values = [self._safe(v, targets[:i]) for i, v in enumerate(value.elts)]
        elif not self.carries(value) and all(isinstance(t, ast.Name) for t in targets):
            return self._plain(", ".join(t.id for t in targets), ast.unparse(value))
        else:
            held = self._held(value)
            values = [
                ast.copy_location(ast.Subscript(held, ast.Constant(i), ast.Load()), value)
                for i in range(len(targets))
            ]
        for target, v in zip(targets, values, strict=True):
            self._assign(target, v)

    def _safe(self, value, earlier):
        """A right side of `a, b = b, a` that an earlier target must not change."""
        written = {n.id for t in earlier for n in ast.walk(t) if isinstance(n, ast.Name)}
        if isinstance(value, ast.Constant) or not written & words_in(ast.unparse(value)):
            return value
        name = self.temporary(value)
        if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
            self.views.setdefault(value.value.id, set()).add(name)
        return ast.copy_location(ast.Name(name, ast.Load()), value)

    def _write(self, target, value):
        """`x[i] = v` becomes `x = put(x, i, v)`: values that are kept must not change."""
        if isinstance(target.value, ast.Subscript):
            return self._write_inside(target, value)
        base = target.value.id
        index = self.key_text(target.slice)
        x, v = self.operand(target.value), self.operand(value)
        views = () if base in self.lists else sorted(self.views.get(base, ()))
        more = f", views={tuple(views)}" if views else ""
        text = f"put({base}, {index}, {v.text}{more})"
        if base in self.active:
            self.adjoints.several(base, text, f"pull_put({{g}}, {index}, {x.text}, {v.text})",
                                  [x, v])  # fmt: skip
        else:
            self._plain(base, text)

    def _write_inside(self, target, value):
        """`x[i][j] = v`: `t = x[i]`, `t[j] = v`, `x[i] = t`."""
        value = self._held(value)
        part = ast.copy_location(ast.Name(self.temporary(target.value), ast.Load()), target)
        self.counts[part.id] += 1
        self._write(
            ast.copy_location(ast.Subscript(part, target.slice, ast.Store()), target), value
        )
        self._write(target.value, part)

    def _append(self, call):
        base = call.func.value.id
        value = self.operand(call.args[0])
        text = f"append({base}, {value.text})"
        if base in self.active:
            self.adjoints.several(base, text, "pull_append({g})", [self.name(base), value])
        else:
            self._plain(base, text)

    # ----- expressions -----
    def bind(self, name, value):
        """`name = value`, in one step or, where a derivative flows, in several."""
        if self.carries(value):
            self.adjoints.assign(name, value)
        else:
            if is_number(value) and self.counts.get(name) == 1:
                self.scalars.add(name)
            self._plain(name, ast.unparse(value))

    def temporary(self, value):
        value = self._inner_first(value)
        name = self.fresh("t")
        self.temporaries.add(name)
        if self.carries(value):
            self.active.add(name)
        self.bind(name, value)
        return name

    def _inner_first(self, value):
        """Names for the compound parts, so that temporaries are numbered as they are computed."""
        if isinstance(value, (ast.BinOp, ast.UnaryOp, ast.Call, ast.Tuple, ast.List)):
            for field, part in ast.iter_fields(value):
                if isinstance(part, list):
                    setattr(value, field, [self._held_part(p) for p in part])
                else:
                    setattr(value, field, self._held_part(part))
            if isinstance(getattr(value, "func", None), ast.Attribute):
                value.func.value = self._held_part(value.func.value)
        return value

    def _held_part(self, part):
        if not isinstance(part, (ast.BinOp, ast.UnaryOp, ast.Call)) or not self.carries(part):
            return part
        return ast.copy_location(ast.Name(self.temporary(part), ast.Load()), part)

    def fresh(self, wanted):
        """A new variable, whose cotangent's name is free too."""
        name = self.names.new(wanted)
        while f"b{name}" in self.names.taken:
            name = self.names.new(wanted)
        self.local.add(name)
        self.counts[name] = 1
        return name

    def operand(self, node):
        """A variable, an entry of one, or text without a derivative."""
        if not self.carries(node):
            if not meaning.answers_again(self.text, node, self.local):
                return self.name(self.temporary(node))
            value = number_of(node)
            shape = frozenset() if value is not None else self.text_shape(ast.unparse(node))
            return Operand(ast.unparse(node), None, shape, value)
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            index = self.index_text(node.slice)
            place = Place(node.value.id, index)
            return Operand(place.text, place, self.text_shape(place.text))
        name = self.temporary(node)
        return self.name(name)

    def name(self, name):
        return Operand(name, Place(name) if name in self.active else None, self.shape(name))

    def key_text(self, node):
        """An index as an argument: `at[1:, 0]`."""
        text = self.index_text(node)
        return f"at[{text}]" if "," in text or ":" in text else text

    def index_text(self, node):
        if self.carries(node):
            raise self.text.refusal(node, "an index has no derivative; use int(...) or .detach()")
        if not meaning.answers_again(self.text, node, self.local):
            return self.temporary(node)
        text = ast.unparse(node)
        return text[1:-1] if isinstance(node, ast.Tuple) and text.startswith("(") else text

    def shape(self, name):
        if name in self.scalars or self.program.scalars:
            return frozenset()
        if self.counts.get(name, 0) > 1:
            return frozenset([f"{name}@{self.step}"])
        return self.shapes.get(name, frozenset([name]))

    def text_shape(self, text):
        """Text is as good as a name while nothing in it is assigned again."""
        if self.program.scalars:
            return frozenset()
        found = words_in(text) & self.local
        if found and all(n in self.scalars for n in found) and "[" not in text and "(" not in text:
            return frozenset()
        fixed = all(self.counts.get(n, 0) <= 1 for n in found)
        return frozenset([text if fixed else f"{text}@{self.step}"])

    # ----- returns -----
    def _check_returns(self, body):
        if not always_returns(body):
            last = body[-1] if body else self.text.tree
            raise self.text.refusal(last, "the function may end without returning a value")
