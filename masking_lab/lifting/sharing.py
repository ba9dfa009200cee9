"""Who else looks at an array that is written into?

On PyTorch `x[i] = v` and `x += v` write into x: whoever holds x, or a view of it, sees that. Lifted
code writes into a copy, which takes the name's place (`x = flow.put(x, i, v)`). That is the same
for the name itself. It is not for another name of the array, for a list that holds it, or for the
caller of a function that writes into its parameter. Such writes are found here, and refused.

    writes      which writes would be seen under another name
    written     into which of its parameters a function writes
    lent        at a call: who looks at which argument afterwards
"""

import ast
from typing import NamedTuple

from autodiff_lab.reading import names

from .liveness import blocks, statements
from .objects import may_be_same
from .pointing import Points, arguments, innermost


class Loan(NamedTuple):
    """Who looks at an argument after the call: under its own name, under another, and at what it
    holds."""

    own: str | None
    other: str | None
    inside: str | None


class Write(NamedTuple):
    """How a parameter is written into: "whole" is one that is an array itself, of "stored" what is
    stored in it again, of "part" a part by its name. `paths` lead to what is written."""

    how: str
    paths: frozenset


class Sharing:
    """Of one function in canonical form whose names are known to be `live`."""

    def __init__(self, tree, calls):
        self.tree, self.points = tree, Points(tree, calls)
        self.parameters = {*self.points.parameters}

    # ----- writes -----
    def writes(self):
        """`(statement, name, held)` for each write that another name would see: a name of the whole
        array, and one of what is stored in it again."""
        for s in statements(self.tree.body):
            name = _written(s)
            if name is None:
                continue
            here, again = self.points.at[s], _again(s)
            others = [n for n in here.names if n != name and n in s.after]
            objects = here.names.get(name, frozenset())
            same = self._first(others, here, objects) or _outside(objects)
            apart = [n for n in others if not here.names[n] <= objects]
            held = self._first(apart, here, self._stored(s)) if again else None
            if same or held:
                yield s, same, held or same

    def _first(self, others, here, objects):
        """The first of the names under which one of these objects is seen."""
        seen = (n for n in others if may_be_same(here.reached(here.names[n]), objects))
        return next(map(repr, seen), None)

    def _stored(self, s):
        """What is written into by `x.a[i] += v`: the part itself."""
        left = innermost(s.value).args[2].left
        return self.points.of(left, self.points.at[s].copy())

    def written(self):
        """{parameter: its `Write`} for the parameters whose arrays are written into."""
        found = {}
        for s in statements(self.tree.body):
            name = _written(s)
            objects = self.points.at[s].names.get(name, ()) if name else ()
            if name and _again(s):
                for root, path in self._stored(s):
                    _note(found, root, "stored" if (root, ()) in objects else "part", path)
            for root, path in objects if name and not _again(s) else ():
                _note(found, root, "part" if path else "whole", path)
        return {p: write for p, write in found.items() if p in self.parameters}

    def returned(self):
        """`(whole, parts)`: the parameters that the result may be, and those it has parts of."""
        end = self.points.end.copy()
        values = [s.value for s in self.tree.body if isinstance(s, ast.Return) and s.value]
        found = frozenset().union(*[self.points.of(x, end) for x in values])
        whole = {root for root, path in found if not path} & self.parameters
        held = end.reached([x for x in found if x[0] not in whole])
        return whole, {root for root, _ in held} & self.parameters - whole

    def stored(self):
        """`(owner, kept)`: the parameters that may hold another one after the call."""
        for p in self.parameters:
            inside = self.points.end.reached([(p, ())])
            yield from ((p, q) for q in {root for root, _ in inside} & self.parameters - {p})

    # ----- calls -----
    def lent(self):
        """`(call, loans)` for each call; the loans are those of `arguments`."""
        for s in statements(self.tree.body):
            own = [x for x in ast.iter_child_nodes(s) if isinstance(x, (ast.expr, ast.withitem))]
            read = [n for e in own for n in _read(e)]
            for e in own:
                yield from self._lent(e, s, read, False)

    def _lent(self, e, s, read, again):
        """`again`: the expression may run again, with the same names."""
        again = again or isinstance(e, (ast.Lambda, ast.ListComp, ast.DictComp, ast.GeneratorExp))
        if isinstance(e, ast.Call):
            given = arguments(e)
            given.setdefault(None, e.func)  # an object that is called is its own first argument
            yield e, {k: self._loan(x, s, read, again) for k, x in given.items()}
        for child in ast.iter_child_nodes(e):
            yield from self._lent(child, s, read, again)

    def _loan(self, x, s, read, again):
        here, inside = self.points.at[s].copy(), _read(x)
        if again:
            own = next(map(repr, inside), None)
            return Loan(own, own, own)
        after = s.after | getattr(s, "into", set()) | getattr(s, "head", set())
        after -= set() if blocks(s) else set(names.bound(s))
        looked = [n for n in here.names if n in after or read.count(n) > inside.count(n)]
        others = [n for n in looked if n not in inside]
        objects = self.points.of(x, here)
        held = here.reached(objects)
        own = self._first([n for n in looked if n in inside], here, objects)
        apart = [n for n in others if not here.names[n] <= objects]  # not the list itself
        return Loan(own or self._around(objects), self._first(others, here, objects),
                    self._first(apart, here, held) or self._around(held - objects))  # fmt: skip

    def _around(self, objects):
        """Are there some that the caller of the function has, or that are from outside?"""
        if {root for root, _ in objects} & self.parameters:
            return "what its own caller has"
        return _outside(objects)


def _outside(objects):
    return next((root for root, _ in objects if type(root) is str and " " in root), None)


def _note(found, root, how, path):
    kinds = ["", "whole", "stored", "part"]
    before = found.get(root, Write("", frozenset()))
    found[root] = Write(max(before.how, how, key=kinds.index), before.paths | {path})


# ----- reading statements -----
def _read(e):
    return [n.id for n in ast.walk(e) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]


def _written(s):
    """The name x of `x = flow.put(x, ...)`, of `x += ...`, or of `x.a += ...`."""
    if not isinstance(s, ast.Assign):
        return None
    if hasattr(s, "augmented"):
        return s.targets[0].id
    call = innermost(s.value)
    is_put = call is not None and (call.func.attr == "put" or hasattr(call.args[2], "in_place"))
    return s.targets[0].id if is_put else None


def _again(s):
    """Is a part changed and stored in its place, as in `x.a += v`?"""
    call = innermost(s.value)
    return call is not None and hasattr(call.args[2], "in_place")
