"""Who holds what is written to?

`x[i] = v` becomes `x = put(x, i, v)`, a write into a copy. That means the same only where x is the
one holder of its list or array: a second name, or a list that x was put into, would have seen the
write. One walk over the statements keeps, for each name, whether it owns what it holds and whether
that owns its parts in turn; a write into what may be somebody else's is refused. What a write can
reach otherwise (`pop`, `next`, a called function that writes into its argument) cannot be undone on
the way back, and is refused too. (A points-to analysis, Andersen 1994, of two bits a name.)
"""

import ast
from typing import NamedTuple

from ..errors import AutodiffError
from ..reading import MISSING, read
from . import meaning
from .scan import is_append, lists, paired


class Held(NamedTuple):
    """`own`: by this name alone; `parts`: and nobody else holds one of its parts; else `why`."""

    own: bool = True
    parts: bool = True
    why: str = ""


NEW = Held()
WRITERS = frozenset(
    "append pop popitem popleft appendleft extend extendleft insert remove discard clear sort "
    "reverse rotate update setdefault".split()
)
# Calls whose result may be their argument, or look into it.
VIEWS = frozenset(
    "T mT H mH real imag as_strided asarray as_tensor broadcast_to chunk contiguous detach "
    "diagonal expand expand_as flatten from_numpy get items movedim narrow numpy permute ravel "
    "reshape reversed select split squeeze swapaxes swapdims t to transpose unbind unflatten "
    "unfold unsqueeze values view view_as vsplit hsplit enumerate zip iter filter map".split()
)
COPIES = ("list", "tuple", "dict", "sorted", "set")


class Owners:
    """`as_it_is`: the function is not taken apart but called, so that its own lists may change."""

    def __init__(self, text, body, called=False, as_it_is=False, seen=()):
        self.text, self.as_it_is, self.seen = text, as_it_is, (*seen, text.original)
        self.lists, self.lent = lists(body), []  # `x += v` of what others may hold
        own = Held(False, False, "its caller") if called else NEW
        self.names = dict.fromkeys(text.parameters[text.bound_to is not None :], own)
        self.local = {n.id for n in ast.walk(text.tree) if _is_store(n)} | {*self.names}
        self._block(body)

    # ----- statements -----
    def _block(self, body):
        for node in body:
            for part in [] if isinstance(node, (ast.If, ast.For, ast.While)) else ast.walk(node):
                self._call(part, node)
            getattr(self, f"_{type(node).__name__}", self._other)(node)

    def _other(self, node):
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self._of(part, node)
            elif isinstance(part, (ast.stmt, ast.ExceptHandler)):
                self._block([part])

    def _If(self, node):
        self._heads(node, node.test)
        before = dict(self.names)
        self._block(node.body)
        after, self.names = self.names, before
        self._block(node.orelse)
        self._join(after)

    def _While(self, node):
        self._heads(node, node.test)
        self._loop(node)

    def _For(self, node):
        """The items are handed out; `zip` and the like are forgotten afterwards."""
        for part in ast.walk(node.iter):
            self._call(part, node)
        over = node.iter.args if isinstance(node.iter, ast.Call) else [node.iter]
        for part in over:
            if isinstance(part, ast.Name):
                self._lend(part.id, _line(node), parts_only=True)
            else:
                self._of(part, node)
        self._loop(node)

    def _loop(self, node):
        for _ in range(3):  # own, then parts, may be lost in a round
            before = dict(self.names)
            if isinstance(node, ast.For):
                self._bind(node.target, Held(False, False, ast.unparse(node.iter)), node)
            self._block(node.body)
            self._join(before)
        self._block(node.orelse)

    def _heads(self, node, head):
        for part in ast.walk(head):
            self._call(part, node)
        self._of(head, node)

    def _join(self, other):
        for name, held in other.items():
            mine = self.names.get(name, held)
            both = mine.own and held.own, mine.parts and held.parts
            self.names[name] = Held(*both, mine.why or held.why)

    def _Assign(self, node):
        if _is_exchange(node):
            was = [self.names.get(v.id, NEW) for v in node.value.elts]
            for target, held in zip(node.targets[0].elts, was, strict=True):
                self.names[target.id] = held
            return
        pairs = [p for t in node.targets for p in paired(t, node.value)]
        found = [(t, self._of(v, node)) for t, v in pairs]
        for target, held in found:
            shared = len(node.targets) > 1 and not isinstance(node.value, ast.Constant)
            self._bind(target, Held(False, False, _line(node)) if shared else held, node)

    def _AnnAssign(self, node):
        if node.value is not None:
            self._bind(node.target, self._of(node.value, node), node)

    def _AugAssign(self, node):
        held = self._of(node.value, node)
        base = getattr(node.target, "value", node.target)
        if not self.names.get(getattr(base, "id", ""), NEW).parts:
            self.lent.append(node)
        if not isinstance(node.target, ast.Name):
            self._bind(node.target, held, node)
        elif isinstance(node.value, (ast.List, ast.ListComp)) or node.target.id in self.lists:
            self._write(node.target, node)

    def _bind(self, target, held, node):
        if isinstance(target, ast.Name):
            self.names[target.id] = held
        elif isinstance(target, (ast.Subscript, ast.Attribute)):
            base = self._write(target.value, node)
            if base in self.names and isinstance(target.value, ast.Name) and not held.own:
                self._lend(base, _line(node), parts_only=True)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                self._bind(part, Held(False, False, _line(node)), node)

    def _write(self, place, node):
        """Refuse a write that others would see; `place` is a name, or an entry of one."""
        inner = isinstance(place, (ast.Subscript, ast.Attribute))
        name = place.value if inner else place
        if not isinstance(name, ast.Name):
            return None
        held = self.names.get(name.id, Held(False, False, "another function"))
        if held.own and (held.parts or not inner):
            return name.id
        what = f"an entry of {name.id}" if inner else name.id
        raise self.text.refusal(
            node,
            f"{what} may be held by {_said(held.why)} too, which would see this write; write into "
            "a copy of it, or build a new one",
        )

    # ----- expressions: what they hold -----
    def _of(self, value, node):
        kind = type(value)
        if kind is ast.Name:
            self._lend(value.id, _line(node))
            return Held(False, False, _line(node))
        if kind is ast.Subscript:
            return self._entry(value, node)
        if kind in (ast.List, ast.Tuple, ast.Set, ast.Dict):
            parts = value.values if kind is ast.Dict else value.elts
            found = [self._of(v, node) for v in parts]
            return Held(True, all(h.own for h in found), _line(node))
        if kind is ast.Starred:
            return self._of(value.value, node)
        if kind in (ast.ListComp, ast.GeneratorExp):
            return self._comprehension(value, node)
        if kind in (ast.IfExp, ast.BoolOp):
            arms = value.values if kind is ast.BoolOp else [value.body, value.orelse]
            found = [self._of(v, node) for v in arms]
            return next((h for h in found if not h.own), found[0])
        if kind is ast.BinOp:
            return self._arithmetic(value, node)
        if kind is ast.Call:
            return self._result(value, node)
        if kind is ast.Attribute and value.attr not in meaning.FLAT_ATTRIBUTES:
            return self._of(value.value, node)
        return NEW

    def _entry(self, value, node):
        base = value.value
        copied = isinstance(value.slice, ast.Slice) and getattr(base, "id", "") in self.lists
        if isinstance(base, ast.Name):
            self._lend(base.id, _line(node), parts_only=True)
        return Held(copied, False, ast.unparse(base))

    def _comprehension(self, value, node):
        was = dict(self.names)
        for generator in value.generators:
            self._bind(generator.target, Held(False, False, ast.unparse(generator.iter)), node)
        held = self._of(value.elt, node)
        self.names = {n: h for n, h in self.names.items() if n in was}
        return Held(True, held.own, _line(node))

    def _arithmetic(self, value, node):
        """Nobody's; but a list that is repeated or joined has its parts twice."""
        sides = [value.left, value.right]
        for side in sides:
            if not isinstance(side, (ast.Name, ast.Subscript)):
                self._of(side, node)
        flat = all(isinstance(e, ast.Constant) for s in sides for e in getattr(s, "elts", ()))
        known = any(isinstance(s, (ast.List, ast.ListComp)) for s in sides)
        joined = isinstance(value.op, ast.Add) and self.lists.intersection(
            getattr(s, "id", "") for s in sides
        )
        return Held(True, not joined and (flat or not known), _line(node))

    def _result(self, value, node):
        name = getattr(value.func, "attr", getattr(value.func, "id", ""))
        function = meaning.resolved(self.text, value.func, self.local)
        users = meaning.is_users(function)
        args = [*value.args, *[k.value for k in value.keywords]]
        keeps = lends(function) if users else name in VIEWS
        if isinstance(value.func, ast.Attribute) and function is MISSING:
            args.append(value.func.value)
        found = [self._of(v, node) for v in args] if keeps else []
        if name in COPIES and function is not MISSING:
            return Held(True, False, _line(node))
        return next((h for h in found if not h.own), NEW)

    def _lend(self, name, why, parts_only=False):
        held = self.names.get(name)
        if held is not None:
            self.names[name] = Held(held.own and parts_only, False, why if held.own else held.why)

    # ----- calls that change something -----
    def _call(self, call, node):
        if not isinstance(call, ast.Call):
            return
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        function = meaning.resolved(self.text, call.func, self.local)
        if is_append(call) and isinstance(node, ast.Expr):
            return self._bind_append(call, node)
        thrown = isinstance(node, ast.Expr) and node.value is call
        takes = isinstance(call.func, ast.Attribute) and name in WRITERS and function is MISSING
        if takes and (thrown or name in ("pop", "popitem", "popleft", "setdefault")):
            if self.as_it_is:
                self._write(call.func.value, node)
            else:
                raise self.text.refusal(
                    call.func, f"{name} changes its list or dict; build a new one, or use append"
                )
        elif function is next:
            raise self.text.refusal(call, "next() uses up its iterator; loop over it, or index")
        elif meaning.is_users(function):
            self._callee(function, call)

    def _bind_append(self, call, node):
        held = self._of(call.args[0], node)
        name = self._write(call.func.value, node)
        if name in self.names and not held.own:
            self._lend(name, _line(node), parts_only=True)

    def _callee(self, function, call):
        """What a called function writes into must be its own."""
        if getattr(function, "__func__", function) in self.seen:
            return
        try:
            text = read(function)
        except AutodiffError:
            return
        Owners(text, text.tree.body, called=True, as_it_is=True, seen=self.seen)


def lends(function):
    """May a function of the user's return, or keep, one of its arguments?"""
    try:
        text = read(function)
    except AutodiffError:
        return True
    parameters = {*text.parameters}
    for node in ast.walk(text.tree):
        if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.Compare, ast.expr_context)):
            continue
        if isinstance(node, ast.Subscript) or meaning.is_flat(_called(text, node)):
            continue
        names = [n.id for n in ast.iter_child_nodes(node) if isinstance(n, ast.Name)]
        if parameters.intersection(names):
            return True
    return False


def _called(text, node):
    func = getattr(node, "func", None)
    return meaning.resolved(text, func, {*text.parameters}) if func is not None else MISSING


def _is_store(node):
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _is_exchange(node):
    """`a, b = b, a`: each has again one holder."""
    target, value = node.targets[0], node.value
    if len(node.targets) > 1 or not all(isinstance(t, ast.Tuple) for t in (target, value)):
        return False
    if not all(isinstance(e, ast.Name) for e in [*target.elts, *value.elts]):
        return False
    return sorted(t.id for t in target.elts) == sorted({v.id for v in value.elts})


def _line(node):
    return ast.unparse(node).split("\n")[0]


def _said(why):
    return f"`{why}`" if why != "its caller" else why
