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
from .exits import can_break, settled
from .fence import check
from .steps import Branch, Loop, Place, Step, words_in


class Small:
    """One function in small steps: `block`, the names of its parameters and of its result."""

    def __init__(self, text, active, program, names):
        self.text, self.program, self.names = text, program, names
        check(text)
        _rename_cotangents(text.tree)
        own = SimpleNamespace(done=names.new("done"), result=names.new("out"))
        self.local = set(text.parameters) | {own.done, own.result}
        self.local |= {n.id for n in ast.walk(text.tree) if _is_store(n)}
        body = settled(text.tree, own)
        self.result = _only_result(body) or own.result
        self.active = self._activity(body, set(active))
        self.counts, self.scalars = _assignments(body, text.parameters), set()
        self.shapes, self.step = {}, 0
        self.adjoints = Adjoints(self)
        self.whole = set()  # names that hold a tuple, or what a user's function returned
        self.copied, self.views = _aliases(body)
        self.lists = _lists(body)
        self.block = self._block(body)
        self._check_returns(body)

    # ----- which names carry a derivative -----
    def _activity(self, body, active):
        while True:
            before = len(active)
            self.active = active
            for node in (n for s in body for n in ast.walk(s)):
                for target, value in _bindings(node, self.result):
                    if self.carries(value):
                        active |= set(_bases(target))
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
            if node.func.attr in meaning.FLAT_METHODS:
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
        self.steps.append(Step(target, text))

    def _Pass(self, node):
        pass

    def _Break(self, node):
        self._plain(None, "break")

    def _Expr(self, node):
        value = node.value
        if isinstance(value, ast.Constant):
            return  # a docstring
        if _is_append(value):
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
        old = _loaded(node.target)
        value = ast.copy_location(ast.BinOp(old, node.op, node.value), node)
        if isinstance(node.target, ast.Name) and self.carries(value):
            self._check_alone(node, node.target.id)
        self._assign(node.target, value)

    def _check_alone(self, node, name):
        """PyTorch's `x += ...` writes into the tensor, which another name may hold too."""
        shared = name in self.copied or any(name in names for names in self.views.values())
        if not shared or self.program.framework == "jax":
            return
        if self.program.framework == "torch":
            raise self.text.refusal(
                node, f"it writes into a tensor that another name may hold; write {name} = {name} ..."
            )
        self.program.helpers.add("own")
        self._plain(None, f"own({name}, {ast.unparse(node)!r})")

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
        return ast.copy_location(ast.Name(name, ast.Load()), value)

    def _write(self, target, value):
        """`x[i] = v` becomes `x = put(x, i, v)`: values that are kept must not change."""
        base = target.value.id
        index = self.index_text(target.slice)
        x, v = self.operand(target.value), self.operand(value)
        views = () if base in self.lists else sorted(self.views.get(base, ()))
        more = f", views={tuple(views)}" if views else ""
        text = f"put({base}, {index}, {v.text}{more})"
        if base in self.active:
            self.adjoints.several(base, text, f"pull_put({{g}}, {index}, {x.text}, {v.text})",
                                  [x, v])  # fmt: skip
        else:
            self._plain(base, text)

    def _append(self, call):
        base = call.func.value.id
        value = self.operand(call.args[0])
        text = f"append({base}, {value.text})"
        if base in self.active:
            self.adjoints.several(base, text, "pull_append({g})", [self.name(base), value])
        else:
            self._plain(base, text)

    # ----- control -----
    def _If(self, node):
        test = self.test(node.test)
        self.steps.append(Branch(test, self._block(node.body), self._block(node.orelse)))

    def test(self, node):
        """The condition, or a variable that keeps its answer for the way back."""
        text = ast.unparse(node)
        fixed = all(self.counts.get(n, 0) <= 1 for n in words_in(text) & self.local)
        if fixed and not any(isinstance(n, (ast.Call, ast.Subscript)) for n in ast.walk(node)):
            return text
        name = self.fresh("yes")
        self._plain(name, text)
        return name

    def _While(self, node):
        trips = self.fresh("trips")
        body = self._block(node.body)
        head = f"while {ast.unparse(node.test)}:"
        self.steps.append(Loop(head, f"_ in range({trips})", [], body, trips))

    def _For(self, node):
        head, targets, first = self._steps_of(node)
        trips = self.fresh("trips") if can_break(node.body) else None
        for name in targets:
            self.local.add(name)
        outer, self.steps = self.steps, []
        for target, value in first:
            self._assign(target, value)
        start, self.steps = self.steps, outer
        body = [*start, *self._block(node.body)]
        left, over = head
        back = f"{left} in reversed({over})" if not trips else f"{left} in reversed({over}[:{trips}])"
        self.steps.append(Loop(f"for {left} in {over}:", back, targets, body, trips))

    def _steps_of(self, node):
        """`(target text, iterable text), loop names, first assignments of the body`."""
        target, over = node.target, node.iter
        if _is_call(over, "range"):
            return self._counted(target, over)
        if self.carries(over) or self._parts_carry(over):
            return self._over_entries(target, over)
        text = ast.unparse(over)
        if not (isinstance(over, ast.Name) and self.counts.get(over.id, 0) <= 1):
            items = self.fresh("items")
            self._plain(items, f"list({text})")
            text = items
        names = [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]
        if any(self.counts.get(n, 0) > 1 for n in names):
            hidden = self.fresh("item")
            value = _quoted(hidden, node)
            return (hidden, text), [hidden], [(target, value)]
        return (ast.unparse(target).strip("()"), text), names, []

    def _counted(self, target, over):
        text = ast.unparse(over)
        if any(self.counts.get(n, 0) > 1 for n in words_in(text) & self.local):
            items = self.fresh("items")
            self._plain(items, text)
            text = items
        if self.counts.get(target.id, 0) > 1:
            hidden = self.fresh(target.id)
            self.scalars.add(hidden)
            return (hidden, text), [hidden], [(target, _quoted(hidden, target))]
        self.scalars.add(target.id)
        return (target.id, text), [target.id], []

    def _parts_carry(self, over):
        return isinstance(over, ast.Call) and any(self.carries(a) for a in over.args)

    def _over_entries(self, target, over):
        """A loop over arrays or lists that carry a derivative counts their entries."""
        if _is_call(over, "enumerate") and len(over.args) == 1:
            counter, target = target.elts
            over, hidden = over.args[0], counter.id
            if self.counts.get(hidden, 0) > 1:
                raise self.text.refusal(counter, "a loop's counter is assigned again; rename one")
        else:
            hidden = self.fresh("k")
        zipped = _is_call(over, "zip")
        parts = over.args if zipped else [over]
        if _is_call(over, "reversed"):
            raise self.text.refusal(over, "reversed() of what is differentiated; loop over range")
        held = [self._held(p) for p in parts]
        lengths = [f"len({ast.unparse(h)})" for h in held]
        length = lengths[0] if len(lengths) == 1 else f"min({', '.join(lengths)})"
        values = [_entry(h, hidden) for h in held]
        value = ast.Tuple(values, ast.Load()) if zipped else values[0]
        ast.copy_location(value, over)
        self.scalars.add(hidden)
        return (hidden, f"range({length})"), [hidden], [(target, value)]

    # ----- expressions -----
    def bind(self, name, value):
        """`name = value`, in one step or, where a derivative flows, in several."""
        if self.carries(value):
            self.adjoints.assign(name, value)
        else:
            if _is_number(value) and self.counts.get(name) == 1:
                self.scalars.add(name)
            self._plain(name, ast.unparse(value))

    def temporary(self, value):
        value = self._inner_first(value)
        name = self.fresh("t")
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
            value = _number(node)
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

    def index_text(self, node):
        if self.carries(node):
            raise self.text.refusal(node, "an index has no derivative; use int(...) or .detach()")
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
        if not _always_returns(body):
            last = body[-1] if body else self.text.tree
            raise self.text.refusal(last, "the function may end without returning a value")


def _always_returns(body):
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.If):
        return _always_returns(last.body) and _always_returns(last.orelse)
    return isinstance(last, (ast.Return, ast.Raise))


def _only_result(body):
    """The variable that the function returns, if it returns one and in one place."""
    returns = [n for s in body for n in ast.walk(s) if isinstance(n, ast.Return)]
    if len(returns) == 1 and returns[0] is body[-1] and isinstance(returns[0].value, ast.Name):
        return returns[0].value.id
    return None


def _bindings(node, result=None):
    """`(target, value)` pairs: what flows where, as far as activity goes."""
    if isinstance(node, ast.Return) and node.value and result:
        yield ast.Name(result, ast.Store()), node.value
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _paired(target, node.value)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.NamedExpr)) and node.value:
        yield node.target, node.value
    elif isinstance(node, ast.For):
        yield from _of_loop(node.target, node.iter)
    elif _is_append(node):
        yield node.func.value, node.args[0]


def _of_loop(target, over):
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Name):
        pair = isinstance(target, ast.Tuple)
        if over.func.id == "enumerate" and pair and len(target.elts) == 2:
            yield from _of_loop(target.elts[1], over.args[0])
            return
        if over.func.id == "zip" and pair and len(target.elts) == len(over.args):
            for part, values in zip(target.elts, over.args, strict=True):
                yield from _of_loop(part, values)
            return
    yield target, over


def _paired(target, value):
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        if len(target.elts) == len(value.elts):
            for t, v in zip(target.elts, value.elts, strict=True):
                yield from _paired(t, v)
            return
    yield target, value


def _aliases(body):
    """Names that may be one tensor with another, and which names look into which."""
    copied, views = set(), {}
    nodes = [n for s in body for n in ast.walk(s) if not isinstance(n, ast.AugAssign)]
    for target, value in (b for n in nodes for b in _bindings(n)):
        if isinstance(target, ast.Name) and isinstance(value, ast.Name):
            copied |= {target.id, value.id}
        while isinstance(value, ast.Subscript):
            value = value.value
            if isinstance(target, ast.Name) and isinstance(value, ast.Name):
                views.setdefault(value.id, set()).add(target.id)
    return copied, views


def _rename_cotangents(tree):
    """`bx` will be the cotangent of x: a variable that is called so already gets another name."""
    stored = {n.id for n in ast.walk(tree) if _is_store(n)}
    names = stored | {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)} | {"out"}
    for name in sorted(stored):
        if name[0] == "b" and name[1:] in names:
            new = f"{name}_"
            while new in names:
                new += "_"
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and node.id == name:
                    node.id = new


def _lists(body):
    """Names that are only ever assigned a list that is written out."""
    found = {}
    for target, value in (b for s in body for n in ast.walk(s) for b in _bindings(n)):
        if isinstance(target, ast.Name):
            found.setdefault(target.id, []).append(isinstance(value, ast.List))
    return {name for name, kinds in found.items() if all(kinds)}


def _assignments(body, parameters):
    """How often each name is assigned, as a parameter or in the text."""
    counts = dict.fromkeys(parameters, 1)
    for node in (n for s in body for n in ast.walk(s)):
        if _is_store(node):
            counts[node.id] = counts.get(node.id, 0) + 1
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name):
                counts[node.value.id] = counts.get(node.value.id, 0) + 1
        elif _is_append(node):
            counts[node.func.value.id] = counts.get(node.func.value.id, 0) + 1
    return counts


def _is_store(node):
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _bases(target):
    """The names that an assignment changes: `x`, and the x of `x[i]`."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, (ast.Tuple, ast.List)):
        for part in target.elts:
            yield from _bases(part)
    elif isinstance(target, ast.Subscript):
        yield from _bases(target.value)


def _is_append(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "append"
        and isinstance(node.func.value, ast.Name)
        and len(node.args) == 1
    )


def _is_call(node, name):
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        and not node.keywords
    )  # fmt: skip


def _loaded(target):
    if isinstance(target, ast.Name):
        made = ast.Name(target.id, ast.Load())
    else:
        made = ast.Subscript(target.value, target.slice, ast.Load())
    return ast.copy_location(made, target)


def _entry(node, index):
    made = ast.Subscript(node, ast.Name(index, ast.Load()), ast.Load())
    return ast.fix_missing_locations(ast.copy_location(made, node))


def _quoted(text, node):
    """Text as an expression that stands where `node` stood."""
    made = ast.parse(text, mode="eval").body
    for part in ast.walk(made):
        ast.copy_location(part, node)
    return made


def _number(node):
    """The number that a literal stands for, or None."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return None
    return value if type(value) in (int, float) else None


def _is_number(node):
    return _number(node) is not None
