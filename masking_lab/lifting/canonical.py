"""Early exits become data: `return`, `break` and `continue` as flags, with one `return` at the end.

Examples of one batch leave a block at different places, so leaving must be something that can be
masked: a value. What follows an exit moves into the other branch where that is possible,

    if c:                    if c:
        return a      ->         result = a
    b                        else:
                                 b ...

and is guarded by a flag where it is not. A loop has the names of the flags that end it in
`node.stops`. Writing into a part, `x[i] = v`, becomes an assignment to the whole. What cannot be
lifted is refused here, before anything else is done.
"""

import ast

from autodiff_lab.reading import names

from .sugar import Unsugared, explicit_super

REFUSED = {
    ast.Try: "`try` cannot be run for a whole batch; check the condition with `if` instead",
    ast.Yield: "a generator cannot be batched; collect the values in a list and return it",
    ast.YieldFrom: "a generator cannot be batched; collect the values in a list and return it",
    ast.Await: "`await` cannot be batched",
    ast.AsyncFor: "`async for` cannot be batched",
    ast.AsyncWith: "`async with` cannot be batched",
    ast.AsyncFunctionDef: "an async function cannot be batched",
    ast.Global: "a global that is written would be shared by all examples; return the value",
    ast.Nonlocal: "an outer variable that is written would be shared by all examples; return it",
    ast.Delete: "`del` cannot be masked; leave the name alone",
    ast.ClassDef: "a class cannot be defined for each example; define it outside",
    ast.NamedExpr: "`:=` is lifted only where it is evaluated first; assign on a line of its own",
    ast.SetComp: "a set comprehension is not lifted; build a list",
}
if hasattr(ast, "TryStar"):
    REFUSED[ast.TryStar] = REFUSED[ast.Try]


def canonical(text, tree):
    """The same function without exits from the middle, and without writes into parts."""
    fresh = Fresh(tree)
    understood(text, tree, fresh)
    returns = Exits(fresh)
    body = list(tree.body)
    if not _always_leaves(body):
        body.append(ast.copy_location(ast.Return(None), body[-1]))
    body = returns.block(Parts(tree, fresh).whole(body))
    end = ast.copy_location(ast.Return(ast.Name(returns.result, ast.Load())), tree.body[-1])
    if returns.returned in returns.asked:
        tree.body = [assign(returns.returned, False, tree.body[0]), *body, end]
    else:
        tree.body = [*_without(body, returns.returned), end]
    return ast.fix_missing_locations(tree)


def understood(text, tree, fresh):
    """Without sugar; what cannot be lifted is refused."""
    Unsugared(text, fresh).generic_visit(tree)
    explicit_super(tree)
    for node in ast.walk(tree):
        why = REFUSED.get(type(node))
        if why:
            raise text.refusal(node, why)
        if isinstance(node, ast.With) and _exits(*node.body):
            raise text.refusal(node, "a `with` that is left early is not lifted; return after it")


class Fresh:
    """Names that the function does not use."""

    def __init__(self, tree):
        self.taken = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        self.taken |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}

    def __call__(self, wish):
        name, number = wish, 1
        while name in self.taken:
            number += 1
            name = f"{wish}_{number}"
        self.taken.add(name)
        return name


def assign(name, value, at):
    value = ast.Constant(value) if isinstance(value, bool) else value
    return ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), at)


def _always_leaves(block):
    """Does control never reach the end of the block?"""
    last = block[-1] if block else None
    if isinstance(last, ast.If):
        return _always_leaves(last.body) and _always_leaves(last.orelse)
    return isinstance(last, (ast.Return, ast.Break, ast.Continue, ast.Raise))


class Exits:
    """Rewrites blocks. `loop` is the innermost loop's pair of flag names, or None."""

    def __init__(self, fresh):
        self.fresh, self.loop = fresh, None
        self.result = fresh("result")
        self.returned = fresh("returned")
        self.asked = set()  # flags that somebody reads; the others are left out in the end

    def block(self, statements):
        done = []
        for i, s in enumerate(statements):
            rest = statements[i + 1 :]
            if isinstance(s, (ast.Return, ast.Break, ast.Continue)):
                return done + self.leave(s)
            if isinstance(s, ast.If):
                return done + self.branch(s, rest)
            if isinstance(s, (ast.While, ast.For)):
                return done + self.repeat(s, rest)
            if isinstance(s, ast.With):
                s.body = self.block(s.body)
            done.append(s)
        return done

    def leave(self, s):
        if isinstance(s, ast.Return):
            value = s.value or ast.Constant(None)
            result = assign(self.result, value, s)
            result.final = True  # nothing is written after it
            return [result, assign(self.returned, True, s)]
        return [assign(self.loop["break" if isinstance(s, ast.Break) else "continue"], True, s)]

    def branch(self, s, rest):
        body, other = _always_leaves(s.body), _always_leaves(s.orelse)
        exits = _exits(s)
        if body or other:  # what follows belongs to the branch that goes on
            then = s.body if body else s.body + rest
            otherwise = s.orelse if other else s.orelse + rest
            return [self._if(s, self.block(then), self.block(otherwise))]
        new = self._if(s, self.block(s.body), self.block(s.orelse))
        return [new, *self._guarded(exits, rest, s)]

    def _if(self, s, then, otherwise):
        then = then or [ast.copy_location(ast.Pass(), s)]
        return ast.copy_location(ast.If(s.test, then, otherwise), s)

    def repeat(self, s, rest):
        outer, exits = self.loop, _exits(*s.body)
        self.loop = {"break": self.fresh("broke"), "continue": self.fresh("skipped")}
        flags = self.loop
        s.body = self.block(s.body)
        s.stops = [flags["break"]] if "break" in exits else []
        before = [assign(flags["break"], False, s)] if "break" in exits else []
        if flags["continue"] in self.asked:
            s.body.insert(0, assign(flags["continue"], False, s))
        else:
            s.body = _without(s.body, flags["continue"]) or [ast.copy_location(ast.Pass(), s)]
        self.loop = outer
        if "return" in exits:
            s.stops.append(self.returned)
            self.asked.add(self.returned)
        otherwise, s.orelse = s.orelse, []
        exits = {"return"} & exits | _exits(*otherwise)
        # Python's `else` of a loop runs unless the loop was left.
        return [*before, s, *_unless(s.stops, self.block(otherwise), s),
                *self._guarded(exits, rest, s)]  # fmt: skip

    def _guarded(self, exits, rest, at):
        """The statements after one that may have left: run where it has not."""
        if not rest:
            return []
        flags = [self.returned if e == "return" else self.loop[e] for e in sorted(exits)]
        self.asked.update(flags)
        return _unless(flags, self.block(rest), at)


def _unless(flags, statements, at):
    if not flags or not statements:
        return statements
    tests = [ast.UnaryOp(ast.Not(), ast.Name(f, ast.Load())) for f in flags]
    test = tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)
    return [ast.copy_location(ast.If(test, statements, []), at)]


def _exits(*statements):
    """The kinds of exit that the statements may take, out of themselves."""
    found = set()
    for s in statements:
        if isinstance(s, (ast.Return, ast.Break, ast.Continue)):
            found.add(type(s).__name__.lower())
        elif isinstance(s, (ast.For, ast.While)):
            found |= _exits(*s.body) & {"return"} | _exits(*s.orelse)
        elif isinstance(s, (ast.If, ast.With)):
            found |= _exits(*s.body, *getattr(s, "orelse", []))
    return found


def _without(block, flag):
    """The block without the assignments of a flag that nobody reads."""
    kept = []
    for s in block:
        if isinstance(s, ast.Assign) and names.bound(s) == [flag]:
            continue
        if isinstance(s, (ast.If, ast.For, ast.While)):
            s.body = _without(s.body, flag) or [ast.copy_location(ast.Pass(), s)]
            s.orelse = _without(s.orelse, flag)
        kept.append(s)
    return kept


class Parts(ast.NodeTransformer):
    """`x[i] = v` and `x.a = v` as assignments of the whole: `x = flow.put(x, i, v)`.

    So the rest of the pass knows one kind of assignment, to names. A name from outside stays what
    it is, and `flow` looks at what happens to it.
    """

    def __init__(self, tree, fresh):
        self.fresh = fresh
        self.own = {a.arg for a in ast.walk(tree.args) if isinstance(a, ast.arg)}
        self.own |= set(names.bound(*tree.body))

    def whole(self, body):
        return self.visit(ast.Module(body, [])).body

    def visit_FunctionDef(self, node):
        return node  # a nested function is lifted on its own

    def visit_AugAssign(self, node):
        target, load = node.target, _as_load(node.target)
        value = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
        value.in_place = True  # on PyTorch it writes into what is there
        new = ast.copy_location(ast.Assign([target], value), node)
        if isinstance(target, ast.Name):
            new.augmented = True  # on PyTorch `x += 1` writes into x
        return self.visit(new)

    def visit_AnnAssign(self, node):
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return self.visit(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Assign(self, node):
        target, *more = node.targets
        if not any(map(_writes_part, node.targets)):
            return node
        if more:
            return self._one_by_one(node.targets, node)
        if isinstance(target, (ast.Subscript, ast.Attribute)):
            return self._put(target, node.value, node)
        return self._unpacked(target, node)

    def _one_by_one(self, targets, node):
        """`a = x[i] = v`, from left to right."""
        name = self.fresh("value")
        return self._each([name] * len(targets), targets, assign(name, node.value, node))

    def _unpacked(self, target, node):
        """`x[i], x[j] = x[j], x[i]`: the right side first, then one place after the other."""
        names, new = [], []
        for part in target.elts:
            names.append(self.fresh("right_side"))
            own = ast.Name(names[-1], ast.Store())
            new.append(ast.Starred(own, ast.Store()) if isinstance(part, ast.Starred) else own)
        first = ast.copy_location(ast.Assign([ast.Tuple(new, ast.Store())], node.value), node)
        parts = [p.value if isinstance(p, ast.Starred) else p for p in target.elts]
        return self._each(names, parts, first)

    def _each(self, names, targets, first):
        done = [first]
        for name, target in zip(names, targets, strict=True):
            one = ast.Assign([target], ast.Name(name, ast.Load()))
            found = self.visit(ast.copy_location(one, first))
            done += found if isinstance(found, list) else [found]
        return [ast.fix_missing_locations(s) for s in done]

    def _put(self, target, value, at):
        """From the inside out: `x.a[i] = v` is x = set(x, "a", put(x.a, i, v))."""
        while isinstance(target, (ast.Subscript, ast.Attribute)):
            owner, name = _as_load(target.value), "put"
            part = as_index(target.slice) if isinstance(target, ast.Subscript) else None
            if part is None:
                name, part = "set", ast.Constant(target.attr)
            value = flow_call(name, owner, part, value, at=at)
            target = target.value
        if isinstance(target, ast.Name) and target.id not in self.own:
            name = ast.Constant(target.id)
            call = flow_call("outside", name, value.func, *value.args, at=at)
            return ast.copy_location(ast.Expr(call), at)
        if not isinstance(target, ast.Name):  # the result of a call: nobody else can see it
            return ast.copy_location(ast.Expr(value), at)
        return assign(target.id, value, at)


def _writes_part(target):
    """Does it write into a part of something, perhaps among others?"""
    return any(isinstance(n, (ast.Subscript, ast.Attribute)) and isinstance(n.ctx, ast.Store)
               for n in ast.walk(target))  # fmt: skip


def flow_call(name, *args, at):
    func = ast.Attribute(ast.Name("flow", ast.Load()), name, ast.Load())
    call = ast.fix_missing_locations(ast.copy_location(ast.Call(func, list(args), []), at))
    for node in ast.walk(func):  # Python reports a call at the end of its function's name
        node.end_lineno, node.end_col_offset = at.lineno, at.col_offset
    return call


def _as_load(node):
    new = type(node)(**{k: v for k, v in ast.iter_fields(node) if k != "ctx"}, ctx=ast.Load())
    return ast.copy_location(new, node)


def as_index(node):
    """A slice outside of brackets is a call of `slice`."""
    if isinstance(node, ast.Slice):
        parts = [p or ast.Constant(None) for p in (node.lower, node.upper, node.step)]
        return ast.copy_location(ast.Call(ast.Name("slice", ast.Load()), parts, []), node)
    if isinstance(node, ast.Tuple):
        elements = [as_index(e) for e in node.elts]
        return ast.copy_location(ast.Tuple(elements, ast.Load()), node)
    return node
