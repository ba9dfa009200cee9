"""From the text of a function to a sea: statements move the control along, expressions add data.

Control is one node at a time, `self.block`; it is None where control never comes (behind a
`return`). Variables live in `ssa`. What the language of a sea lacks is refused at its place.
"""

import ast

from ..reading import names
from ..rewriting.owners import VIEWS
from . import verbs
from .expressions import Expressions
from .nodes import Graph, Op, now
from .ssa import Variables, before

REFUSED = {
    ast.Global: "global names cannot be written", ast.Nonlocal: "outer names cannot be written",
    ast.FunctionDef: "a function inside a function is not read; define it outside",
    ast.ClassDef: "a class inside a function is not read; define it outside",
    ast.Try: "exceptions cannot be caught in a sea", ast.With: "`with` is an effect",
    ast.Raise: "raising is an effect; return a value that says so",
    ast.Assert: "an assertion is an effect; leave it to the caller",
    ast.Import: "an import is an effect; import outside the function",
    ast.ImportFrom: "an import is an effect; import outside the function",
    ast.Delete: "a name cannot be deleted; leave it to be overwritten",
    ast.Match: "`match` is not read; write if and elif",
}  # fmt: skip


class Builder(Expressions):
    def __init__(self, sea, simplify):
        self.sea, self.text, text = sea, sea.text, sea.text
        self.graph = Graph(simplify if sea.optimize else None)
        self.graph.tree = text.tree
        self.variables = Variables(self.graph, self._absent)
        self.block, self.returns, self.loops = self.graph.start, [], []
        self.reads, self.augmented, self.callees, self.temporaries = [], [], [], 0
        self.local = {*text.parameters, *names.bound(*text.tree.body)}
        self.wary = any(map(_asks_for_a_type, ast.walk(text.tree)))
        self.parameters = self._parameters()

    def build(self):
        """The stop node; the graph stands behind it."""
        self.body(self.text.tree.body)
        if self.block is not None:
            self._return(self.graph.const(None), self.text.tree)
        if not self.returns:
            raise self.refuse(self.text.tree, "it never returns, so nothing is left of it")
        return self.graph.add("stop", control=self.returns)

    def refuse(self, tree, why):
        return self.text.refusal(tree, why)

    def _parameters(self):
        args = self.text.tree.args
        if args.vararg or args.kwarg:
            raise self.refuse(args.vararg or args.kwarg, "*args and **kwargs are not read; name "
                              "each parameter")  # fmt: skip
        found = []
        for name in self.text.parameters:
            if self.text.bound_to is not None and not found and name not in self.variables.values:
                node = self.graph.const(self.text.bound_to, name)
            else:
                node = self.graph.add("param", name=name, tree=_argument(args, name))
            found.append(node)
            self.variables.write(name, self.graph.start, node)
        return [node for node in found if node.kind == "param"]

    def _absent(self, name):
        return self.graph.add("undefined", name=name)

    # ----- statements -----
    def body(self, statements):
        for statement in statements:
            if self.block is None:  # dead code is not even read
                return
            self.statement(statement)

    def statement(self, tree):
        before, self.graph.tree = self.graph.tree, tree
        handler = getattr(self, f"_{type(tree).__name__}", None)
        if handler is None:
            what = REFUSED.get(type(tree), f"`{type(tree).__name__}` is not read by ad.sea")
            raise self.refuse(tree, what)
        handler(tree)
        self.graph.tree = before

    def _Pass(self, tree):
        pass

    def _Expr(self, tree):
        if not isinstance(tree.value, ast.Constant):
            why = "its value is not used, so it is there for an effect, and a sea has none; "
            raise self.refuse(tree, why + "bind the value to a name, or leave the line out")

    def _Assign(self, tree):
        value = self.value(tree.value)
        for target in tree.targets:
            self.assign(target, value)

    def _AnnAssign(self, tree):
        if tree.value is not None:
            self.assign(tree.target, self.value(tree.value))

    def _AugAssign(self, tree):
        if not isinstance(tree.target, ast.Name):
            raise self.refuse(tree.target, "writing into a container or an array is an effect; "
                              "bind a new value to a name")  # fmt: skip
        old = self.name(tree.target)
        self.augmented.append((old, tree))
        written = sources(self._start_of(old, tree.target.id))
        others = list(self._other_names(written, tree.target.id))
        if is_part(old) or others or any(map(_is_held, written)):
            old = self.add(FRESH, old)
        for name, value in others:  # who reads it would see the write: it is asked there too
            self.variables.write(name, self.block, self.add(FRESH, value))
        new = self.binary(tree.op, old, self.value(tree.value), tree)
        self.assign(tree.target, new)

    def _start_of(self, value, name):
        """What the phi of a loop starts from, while the loop is still being read."""
        while value.kind == "phi" and not value.data:
            block = value.control[0]
            value = self.variables.read(name, before(block, block.control[0]))
        return value

    def _other_names(self, written, name):
        """Variables that now hold what is written to, with their values."""
        made = [x for x in written if x.kind not in ("param", "const")]
        known = {v for (v, _), x in self.variables.values.items() if now(x) in made}
        for v in sorted(v for v in known if " " not in v and v != name):
            value = self.variables.read(v, self.block)
            if self._start_of(value, v) in made:
                yield v, value

    def assign(self, target, value):
        if isinstance(target, ast.Name):
            value = now(value)
            if value.kind in ("op", "call"):
                value.name = value.name or target.id
            self.variables.write(target.id, self.block, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = self.unpacked(value, target)
            for part, item in zip(target.elts, parts, strict=True):
                self.assign(part, item)
        else:
            raise self.refuse(target, "writing into a container, an array or an object is an "
                              "effect; bind a new value to a name")  # fmt: skip

    def _Return(self, tree):
        value = self.graph.const(None) if tree.value is None else self.value(tree.value)
        self._return(value, tree)

    def _return(self, value, tree):
        node = self.graph.add("return", data=[value], control=[self.block], tree=tree)
        self.returns.append(node)
        self.block = None

    # ----- branches -----
    def _If(self, tree):
        yes, no = self.fork(self.value(tree.test), tree.test)
        ends = [self.end_of(yes, tree.body), self.end_of(no, tree.orelse)]
        self.block = self.join(ends)

    def end_of(self, block, statements):
        self.block = block
        self.body(statements)
        return self.block

    def fork(self, test, tree):
        """The blocks behind an `if`; None for one where control never comes."""
        if test.kind == "const" and isinstance(test.value, (bool, int, float, str, type(None))):
            return (self.block, None) if test.value else (None, self.block)
        fork = self.graph.add("if", data=[test], control=[self.block], tree=tree)
        return self.graph.add("true", control=[fork]), self.graph.add("false", control=[fork])

    def join(self, blocks):
        blocks = [b for b in blocks if b is not None]
        if len(blocks) > 1:
            return self.graph.add("region", control=blocks)
        return blocks[0] if blocks else None

    # ----- loops -----
    def _While(self, tree):
        self._loop(tree, lambda: self.value(tree.test), lambda: None, lambda: None)

    def _For(self, tree):
        """A `while` over a counter, which has a name that no user can write."""
        (begin, test, step), item = self.items(tree.iter)
        self.temporaries += 1
        name = tree.target.id if isinstance(tree.target, ast.Name) else "k"
        counter = f"{name} {self.temporaries}"
        self.variables.write(counter, self.block, begin)

        def now_at():
            return self.variables.read(counter, self.block)

        def advance():
            self.variables.write(counter, self.block, step(now_at()))

        self._loop(tree, lambda: test(now_at()), lambda: self.assign(tree.target, item(now_at())),
                   advance)  # fmt: skip

    def _loop(self, tree, test, enter, advance):
        """`loop` is a region whose second control edge comes from the end of its own body."""
        loop = self.block = self.graph.add("loop", control=[self.block])
        self.variables.unsealed(loop)
        yes, no = self.fork(test(), tree.test if isinstance(tree, ast.While) else tree.iter)
        self.loops.append(([], []))
        self.block = yes
        if yes is not None:
            enter()
            self.body(tree.body)
        breaks, continues = self.loops.pop()
        self.block = self.join([*continues, self.block])
        if self.block is not None:
            advance()
            self._close(loop, self.block)
        self.variables.seal(loop)
        self.block = self.join([self.end_of(no, tree.orelse) if no else None, *breaks])

    def _close(self, loop, block):
        loop.control.append(block)
        block.users.append(loop)

    def _Break(self, tree):
        self.loops[-1][0].append(self.block)
        self.block = None

    def _Continue(self, tree):
        self.loops[-1][1].append(self.block)
        self.block = None

    # ----- what has to hold when all is read -----
    def check(self):
        """Refuse reads of names that may have no value; find the parameters `+=` writes into."""
        for tree, name, value in self.reads:
            if any(x.kind == "undefined" for x in sources(now(value))):
                raise self.refuse(tree, f"{name} may have no value here; give it one before the "
                                  "branch or the loop that sets it")  # fmt: skip
        written = {}
        for old, tree in self.augmented:
            for x in sources(now(old)):
                if is_part(x) and now(old).kind == "phi":
                    raise self.refuse(tree, f"{tree.target.id} may be a part of something that "
                                      "others hold, and this may write into it; write "
                                      f"{tree.target.id} = {tree.target.id} + ...")  # fmt: skip
                if x.kind == "param":
                    written.setdefault(x.name, self.refuse(
                        tree, f"{x.name} is a tensor or a list here, and this would write into the "
                        f"caller's; write {x.name} = {x.name} + ... instead"))  # fmt: skip
        return written


def _is_held(x):
    """Does a list hold it, or a view look into it, or may a function have returned it?"""
    holds = {"list", "tuple", "[]", "[:]", *VIEWS}
    users = [u for u in x.users if u.kind in ("op", "call")]
    return any(u.kind == "call" or u.op.name.lstrip(".") in holds for u in users)


def is_part(x):
    """May this be memory that somebody else holds? Arithmetic makes new values."""
    if x.kind == "const":
        return hasattr(x.value, "shape") or isinstance(x.value, list)
    return x.kind == "call" or (x.kind == "op" and x.op.row is None and x.op.type is None
                                and x.op.name not in ("^", "<<", ">>", "fresh"))  # fmt: skip


FRESH = Op("fresh", verbs.fresh, None, "xp.fresh(_0)")


def sources(value):
    """What a value can be: itself, or what its phis choose from."""
    found, todo = [], [value]
    while todo:
        node = todo.pop()
        if node not in found:
            found.append(node)
            todo += node.data if node.kind == "phi" else []
    return found


def _argument(args, name):
    every = (*args.posonlyargs, *args.args, *args.kwonlyargs)
    return next(a for a in every if a.arg == name)


def _asks_for_a_type(tree):
    """After `w is None` nothing may float: w + 1 must not be tried where w is None."""
    if isinstance(tree, ast.Compare):
        return any(isinstance(op, (ast.Is, ast.IsNot)) for op in tree.ops)
    return isinstance(tree, ast.Name) and tree.id in ("isinstance", "hasattr", "callable")
