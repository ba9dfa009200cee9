"""Who else looks at an array that is written into?

On PyTorch `x[i] = v` and `x += v` write into x: whoever holds x, or a view of it, sees that. Lifted
code writes into a copy, which takes the name's place (`x = flow.put(x, i, v)`). That is the same
for the name itself. It is not for another name of the array, for a loop over it, or for the caller
of a function that writes into its parameter; such writes are found here, and refused.

    writes      which writes would be seen under another name
    written     into which of its parameters a function writes
    lent        at a call: which arguments somebody looks at afterwards

Names are taken for the same array as soon as they may be (Andersen 1994, without the order).
"""

import ast
from typing import NamedTuple

from autodiff_lab.reading import names

VIEWS = frozenset(
    "view reshape transpose permute squeeze unsqueeze expand flatten detach select narrow chunk "
    "split unbind contiguous view_as expand_as swapaxes movedim diagonal unfold".split()
)


class Loan(NamedTuple):
    """Who looks at an argument after the call: under its own name, and under another."""

    own: str | None
    other: str | None


class Sharing:
    """Of one function in canonical form whose names are known to be `live`.

    `kept(call)` are the arguments of a call that its result may be, or be a part of.
    """

    def __init__(self, tree, kept):
        self.tree, self.kept = tree, kept
        self.same, self.held = {}, {}
        self._find_aliases()
        own = [a.arg for a in ast.walk(tree.args) if isinstance(a, ast.arg)]
        self.locals = {*own, *names.bound(*tree.body)}
        self.last = self._trace(tree.body, {p: {p: True} for p in own})

    # ----- writes -----
    def writes(self, block=None, loops=()):
        """`(statement, name, held)` for each write that another name would see.

        `held` is a name that may stand for something that was put into what is written.
        """
        for s in self.tree.body if block is None else block:
            written = _written(s)
            if written is not None:
                same, held = ([repr(y) for y in a.get(written, ()) if y in s.after]
                              for a in (self.same, self.held))  # fmt: skip
                same += ["the loop over it"] * (written in loops)
                if same or held:
                    yield s, same[0] if same else None, (same + held)[0]
            inside = (*loops, *_gone_through(s)) if isinstance(s, ast.For) else loops
            for part in _blocks(s):
                yield from self.writes(part, inside)

    def written(self):
        """{parameter: how} for the parameters whose arrays are written into: "whole" are those that
        are arrays themselves, "stored" what is stored in them again, "part" a part by its name."""
        found = {}
        for s in _statements(self.tree.body):
            name = _written(s)
            call = innermost(s.value) if name else None
            again = call is not None and hasattr(call.args[2], "in_place")
            for p, exact in s.given.get(name, {}).items():
                how = ("stored" if again else "whole") if exact else "part"
                found[p] = max(found.get(p, ""), how, key=["", "whole", "stored", "part"].index)
        return found

    def returned(self):
        """The parameters that the result may be, or be a part of."""
        found = [self._may_be(s.value, self.last) for s in self.tree.body
                 if isinstance(s, ast.Return) and s.value]  # fmt: skip
        return {p for params in found for p in params}

    # ----- calls -----
    def lent(self):
        """`(call, loans)` for each call; the loans are those of the arguments, by place or by name,
        and of what a method belongs to, by None."""
        for s in _statements(self.tree.body):
            own = [x for x in ast.iter_child_nodes(s) if isinstance(x, (ast.expr, ast.withitem))]
            read = [n for e in own for n in _loaded(e)]
            for e in own:
                yield from self._lent(e, s, read, False)

    def _lent(self, e, s, read, again):
        """`again`: the expression may run again, with the same names."""
        again = again or isinstance(e, (ast.Lambda, *_COMPREHENSIONS))
        if isinstance(e, ast.Call):
            given = dict(enumerate(e.args)) | {k.arg: k.value for k in e.keywords}
            if isinstance(e.func, ast.Attribute):
                given[None] = e.func.value
            yield e, {k: self._loan(x, s, read, again) for k, x in given.items()}
        for child in ast.iter_child_nodes(e):
            yield from self._lent(child, s, read, again)

    def _loan(self, x, s, read, again):
        after = s.after | getattr(s, "into", set()) | getattr(s, "head", set())
        after -= set() if _blocks(s) else set(names.bound(s))
        inside = _loaded(x)
        looked = after | {n for n in read if read.count(n) > inside.count(n)}
        roots = list(dict.fromkeys(_roots(x, self.kept)))
        own = next((f"{r!r}" for r in roots if again or r in looked or r not in self.locals), None)
        if own is None and any(s.given.get(r) for r in roots):
            own = "what its own caller has"
        aliases = [y for r in roots for a in (self.same, self.held) for y in a.get(r, ())]
        return Loan(own, next((f"{y!r}" for y in aliases if y in looked), None))

    # ----- which names may be the same -----
    def _find_aliases(self):
        for s in ast.walk(self.tree):
            if not _gives(s):
                continue
            call = innermost(s.value)
            if call is not None:
                _be_aliases(self.held, s.targets[0].id, _roots(call.args[2], self.kept))
                continue
            for name, value in _named(s):
                _be_aliases(self.same, name, _roots(value, self.kept))

    def _trace(self, block, given):
        """Sets `s.given`: {name: {parameter: is it the parameter itself, or a part?}} before it."""
        for s in block:
            s.given = given
            if isinstance(s, (ast.For, ast.While)):
                given = self._trace_loop(s, given)
            elif isinstance(s, ast.If):
                given = _either(self._trace(s.body, given), self._trace(s.orelse, given))
            elif isinstance(s, ast.With):
                given = self._trace(s.body, given)
            elif _gives(s) and innermost(s.value) is None:
                found = [(name, self._may_be(value, given)) for name, value in _named(s)]
                given = {**given, **dict(found)}
        return given

    def _trace_loop(self, s, given):
        while True:
            own = {}
            if isinstance(s, ast.For):
                own = {n: _parts(self._may_be(s.iter, given)) for n in names.bound(s.target)}
            after = _either(given, self._trace(s.body, {**given, **own}))
            if after == given:
                return given
            given = after

    def _may_be(self, value, given):
        if isinstance(value, ast.Name):
            return given.get(value.id, {})
        found = {}
        for root in _roots(value, self.kept):
            found |= _parts(given.get(root, {}))
        return found


def _parts(given):
    return dict.fromkeys(given, False)


def _either(a, b):
    """What a name may be after one of two ways."""
    found = {}
    for name in (*a, *b):
        one, other = a.get(name, {}), b.get(name, {})
        found[name] = {p: one.get(p, True) and other.get(p, True) for p in (*one, *other)}
    return found


# ----- reading statements -----
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _blocks(s):
    """The blocks of a branch, a loop or a `with`; what a `def` holds runs later."""
    if isinstance(s, ast.FunctionDef):
        return []
    return [part for part in (getattr(s, "body", []), getattr(s, "orelse", [])) if part]


def _statements(block):
    for s in block:
        yield s
        for part in _blocks(s):
            yield from _statements(part)


def _loaded(e):
    return [n.id for n in ast.walk(e) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]


def _gives(s):
    """Does it give names to values, without writing into them?"""
    return isinstance(s, ast.Assign) and not (hasattr(s, "augmented") or hasattr(s, "final"))


def _named(s):
    """`(name, value)` of an assignment."""
    for target, value in _pairs(s.targets, s.value):
        for name in names.bound(target):
            yield name, value


def _written(s):
    """The name x of `x = flow.put(x, ...)`, of `x += ...`, or of `x.a += ...`."""
    if not isinstance(s, ast.Assign):
        return None
    if hasattr(s, "augmented"):
        return s.targets[0].id
    call = innermost(s.value)
    if call is not None and (_is(call, "flow.put") or hasattr(call.args[2], "in_place")):
        return s.targets[0].id
    return None


def innermost(value):
    """The call that changes a part: of `x.a[i] = v`, flow.put(x.a, i, v) inside a flow.set."""
    call = None
    while _is(value, "flow.put") or _is(value, "flow.set"):
        call, value = value, value.args[2]
    return call


def _is(value, name):
    return isinstance(value, ast.Call) and ast.unparse(value.func) == name


def _be_aliases(found, name, roots):
    for root in set(roots) - {name}:
        found.setdefault(root, []).append(name)
        found.setdefault(name, []).append(root)


def _pairs(targets, value):
    """`a, b = c, d` binds a to c and b to d."""
    for target in targets:
        parts = [getattr(x, "elts", None) for x in (target, value)]
        starred = any(isinstance(x, ast.Starred) for part in parts for x in part or ())
        if None in parts or starred or len(parts[0]) != len(parts[1]):
            yield target, value
            continue
        for one, own in zip(*parts, strict=True):
            yield from _pairs([one], own)


def _roots(value, kept):
    """The names that a value may be, or be a part of: `x`, `x[i]`, `x.T`, `x if c else y`."""
    if isinstance(value, ast.Name):
        yield value.id
        return
    if isinstance(value, (ast.Subscript, ast.Attribute)):
        parts = [value.value]
    elif isinstance(value, ast.IfExp):
        parts = [value.body, value.orelse]
    elif isinstance(value, ast.BoolOp):
        parts = value.values
    elif isinstance(value, (ast.Tuple, ast.List)):
        parts = value.elts
    elif isinstance(value, ast.Dict):
        parts = value.values
    elif isinstance(value, ast.Call):
        is_view = isinstance(value.func, ast.Attribute) and value.func.attr in VIEWS
        parts = [value.func.value] if is_view else kept(value)
    else:
        parts = []
    for part in parts:
        yield from _roots(part, kept)


def _gone_through(s):
    """The names whose entries a `for` hands out: not those it only asks for their length."""
    parts = [s.iter]
    if isinstance(s.iter, ast.Call):
        name = ast.unparse(s.iter.func)
        parts = s.iter.args if name in ("enumerate", "zip", "reversed") else []
    return [name for part in parts for name in _roots(part, lambda call: [])]
