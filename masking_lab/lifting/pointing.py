"""Which arrays may a name stand for, and what may a list or an object hold?

One walk forwards over a function in canonical form (points-to analysis: Andersen 1994, but in the
order of the statements). The objects are those of `objects`; what calls do is asked of `meeting`.
"""

import ast

from autodiff_lab.reading import names

from .objects import ANY, LISTS, NONE, State, is_list, made, node_of

# Methods and functions of PyTorch whose result is their first argument, or a view of it.
VIEWS = frozenset(
    "adjoint alpha_dropout as_strided as_tensor asarray atleast_1d atleast_2d atleast_3d bfloat16 "
    "bool broadcast_tensors broadcast_to chunk conj conj_physical contiguous cpu cuda data "
    "dequantize detach diagonal double dropout dropout1d dropout2d dropout3d einsum expand "
    "expand_as feature_alpha_dropout feature_dropout flatten float from_dlpack half hsplit imag "
    "index int long moveaxis movedim narrow permute positive ravel real reshape reshape_as "
    "resize_as resolve_conj resolve_neg select short slice_inverse split squeeze swapaxes "
    "swapdims t tensor_split to to_dense transpose type type_as unbind unflatten unfold "
    "unsafe_chunk unsafe_split unsqueeze view view_as view_as_complex view_as_real vsplit".split()
)
_TURNED = frozenset("T mT H mH real imag data".split())
_ABOUT = frozenset("shape size ndim dtype device".split())  # nobody can write into these


def innermost(value):
    """The call that changes a part: of `x.a[i] = v`, flow.put(x.a, i, v) inside a flow.set."""
    call = None
    while _is(value, "flow.put") or _is(value, "flow.set"):
        call, value = value, value.args[2]
    return call


def _is(value, name):
    return isinstance(value, ast.Call) and ast.unparse(value.func) == name


class Points:
    """`at[s]` is the state before a statement, `end` that behind the last one."""

    def __init__(self, tree, calls):
        self.calls, self.at = calls, {}
        self.parameters = [a.arg for a in ast.walk(tree.args) if isinstance(a, ast.arg)]
        self.locals = {*self.parameters, *names.bound(*tree.body)}
        inner = [s for s in ast.walk(tree) if isinstance(s, ast.FunctionDef) and s is not tree]
        self.functions = {s.name: s for s in inner}
        self.end = self._block(tree.body, State({p: made(p) for p in self.parameters}))

    # ----- statements: each works on a copy -----
    def _block(self, block, state):
        for s in block:
            state = state.aged({n for e in _own(s) for n in ast.walk(e)})
            self.at[s], state = state, state.copy()
            for e in [s.test] if isinstance(s, (ast.If, ast.While)) else []:
                self.of(e, state)
            if isinstance(s, (ast.For, ast.While)):
                state = self._loop(s, state)
            elif isinstance(s, ast.If):
                state = self._block(s.body, state).either(self._block(s.orelse, state))
            elif isinstance(s, ast.With):
                state = self._block(s.body, state)
            elif isinstance(s, ast.Assign):
                self._assign(s, state)
            elif isinstance(s, ast.Expr):
                self.of(s.value, state)
        return state

    def _loop(self, s, state):
        while True:
            own = state.copy()
            if isinstance(s, ast.For):
                self._unpack(s.target, self._item(s.iter, own), own)
            after = state.either(self._block(s.body, own))
            if after == state:
                return state
            state = after

    def _assign(self, s, state):
        call = innermost(s.value)
        if call is not None:
            owner, key, value = call.args
            self._store(self.of(owner, state), _key(key), self.of(value, state), state)
        elif hasattr(s, "augmented"):  # written into; or new, for a number; or a list that grows
            name, added = s.targets[0], self.of(s.value.right, state)
            state.names[name.id] = self.of(name, state) | self.of(s.value, state)
            if is_list(added):
                self._store(state.names[name.id], ANY, state.part(added, ANY), state)
        else:
            for target in s.targets:
                self._give(target, s.value, state)

    def _give(self, target, value, state):
        """`a, b = c, d` gives c to a and d to b, at once."""
        own, parts = getattr(target, "elts", None), getattr(value, "elts", None)
        starred = any(isinstance(x, ast.Starred) for x in (*(own or ()), *(parts or ())))
        if own is None or parts is None or starred or len(own) != len(parts):
            self._unpack(target, self.of(value, state), state)
            return
        found = [self.of(x, state) for x in parts]
        for one, objects in zip(own, found, strict=True):
            self._unpack(one, objects, state)

    def _unpack(self, target, objects, state):
        if isinstance(target, ast.Name):
            state.names[target.id] = objects
        starred = any(isinstance(x, ast.Starred) for x in getattr(target, "elts", ()))
        for k, x in enumerate(getattr(target, "elts", ())):
            x = x.value if isinstance(x, ast.Starred) else x
            self._unpack(x, state.part(objects, ANY if starred else k), state)

    # ----- expressions: the objects that they may be -----
    def of(self, e, state):
        own = getattr(self, f"_{type(e).__name__.lower()}", None)
        if own:
            return own(e, state)
        for x in ast.iter_child_nodes(e):  # what its parts do is done
            if isinstance(x, ast.expr):
                self.of(x, state)
        return made(e)

    def _name(self, e, state):
        if e.id in state.names:
            return state.names[e.id]
        outside = e.id not in self.locals and self.calls.is_outside(e.id)
        return made(f"outside {e.id}") if outside else NONE

    def _constant(self, e, state):
        return NONE

    def _lambda(self, e, state):
        return made(e)

    def _starred(self, e, state):
        return state.part(self.of(e.value, state), ANY)

    def _subscript(self, e, state):
        self.of(e.slice, state)
        return state.part(self.of(e.value, state), _key(e.slice))

    def _attribute(self, e, state):
        if e.attr in _ABOUT:
            return NONE
        return state.part(self.of(e.value, state), ANY if e.attr in _TURNED else e.attr)

    def _ifexp(self, e, state):
        self.of(e.test, state)
        return self.of(e.body, state) | self.of(e.orelse, state)

    def _boolop(self, e, state):
        return NONE.union(*[self.of(x, state) for x in e.values])

    def _unaryop(self, e, state):
        found = self.of(e.operand, state)  # PyTorch's `+x` is x
        return found if isinstance(e.op, ast.UAdd) else made(e)

    def _binop(self, e, state):
        found = [self.of(x, state) for x in (e.left, e.right)]
        if not any(found):  # numbers
            return NONE
        if any(map(is_list, found)):  # lists that are joined
            state.hold(made(e), ANY, NONE.union(*[state.part(x, ANY) for x in found]))
        return made(e)

    def _list(self, e, state):
        spread = any(isinstance(x, ast.Starred) for x in e.elts)
        for k, x in enumerate(e.elts):
            state.hold(made(e), ANY if spread else k, self.of(x, state))
        return made(e)

    _tuple = _set = _list

    def _dict(self, e, state):
        for key, x in zip(e.keys, e.values, strict=True):
            found = self.of(x, state)
            state.hold(made(e), _key(key), found if key else state.part(found, ANY))
        return made(e)

    def _listcomp(self, e, state):
        own = state.copy()
        for g in e.generators:
            self._unpack(g.target, self._item(g.iter, own), own)
        found = self.of(e.value if isinstance(e, ast.DictComp) else e.elt, own)
        state.inside = own.inside
        state.hold(made(e), ANY, found)
        return made(e)

    _generatorexp = _dictcomp = _listcomp

    # ----- calls -----
    def _call(self, e, state):
        given = {k: self.of(x, state) for k, x in arguments(e).items()}
        new = made(e)
        if self.calls.makes_number(e) or getattr(e.func, "attr", None) in _ABOUT:
            return NONE
        if isinstance(e.func, ast.Attribute) and e.func.attr in VIEWS:
            return new | state.part(given[None] or given.get(e.func.attr == "einsum", NONE), ANY)
        call = self.calls.of(e, given.get(None, NONE), self.functions)
        for owner, key in call.stores:
            self._store(given.get(owner, new), ANY, given.get(key, NONE), state)
        for k in [None] if is_list(given.get(None, NONE)) else call.parts:
            state.hold(made(e), ANY, given.get(k, NONE))
            new |= state.part(given.get(k, NONE), ANY)
        return new.union(*[given.get(k, NONE) for k in call.whole],
                         *[state.names.get(n, NONE) for n in call.reads])  # fmt: skip

    def _item(self, e, state):
        """What a loop over an expression hands out."""
        name = ast.unparse(e.func) if isinstance(e, ast.Call) else None
        if name not in ("zip", "enumerate", "reversed", "iter", "list", "tuple"):
            return state.part(self.of(e, state), ANY)
        found = [state.part(self.of(x, state), ANY) for x in e.args]
        if name not in ("zip", "enumerate"):
            return NONE.union(*found)
        for k, x in enumerate(found):
            state.hold(made(e), k + (name == "enumerate"), x)
        return made(e)

    def _store(self, owners, key, objects, state):
        """Into a list, or something that may be one; an array takes a copy."""
        may = [x for x in owners if x in state.inside or self._may_hold(node_of(x[0]))]
        state.hold(may, key, objects)

    def _may_hold(self, root):
        if isinstance(root, ast.Call):
            return not self.calls.makes_array(root)
        return isinstance(root, (str, *LISTS))


def arguments(call):
    """What a call is given: by place, by name, and by None what stands before its dot."""
    given = dict(enumerate(call.args)) | {k.arg or "**": k.value for k in call.keywords}
    if isinstance(call.func, ast.Attribute):
        given[None] = call.func.value
    return given


def _key(e):
    return e.value if isinstance(e, ast.Constant) and not isinstance(e.value, float) else ANY


def _own(s):
    """The expressions of a statement itself, without those of its blocks."""
    return [x for x in ast.iter_child_nodes(s) if isinstance(x, ast.expr)]
