"""Sugar, and what lifting knows instead: `:=` is an assignment before the statement that it stands
in, `match` is `if` and `elif`, and what ends in `return` inside a `with` is returned after it.

    while (y := f(x)) > 0:       while True:
        ...                          y = f(x)
                                     if not y > 0: break
                                     ...
"""

import ast

PARTS = "a `case` that looks into its subject is not lifted; write it with if and elif"
# What is evaluated first of all in a statement, or in an expression.
_FIRST = {
    ast.Assign: "value", ast.Expr: "value", ast.Return: "value", ast.If: "test", ast.For: "iter",
    ast.While: "test", ast.Assert: "test", ast.BoolOp: "values", ast.Compare: "left",
    ast.BinOp: "left", ast.UnaryOp: "operand", ast.IfExp: "test", ast.Subscript: "value",
    ast.Attribute: "value", ast.Tuple: "elts", ast.List: "elts", ast.Starred: "value",
    ast.Call: "args",
}  # fmt: skip


class Unsugared(ast.NodeTransformer):
    """The blocks of a function, and of those inside it; `fresh` gives names that nobody uses."""

    def __init__(self, text, fresh):
        self.text, self.fresh = text, fresh

    def visit(self, node):
        if not isinstance(node, ast.stmt):  # a `case` has a block, no expression has one
            return self.generic_visit(node) if isinstance(node, ast.match_case) else node
        node = super().visit(node)
        return node if isinstance(node, list) else _hoisted(node)

    def visit_With(self, node):
        self.generic_visit(node)
        last = node.body[-1]
        if not isinstance(last, ast.Return) or last.value is None:
            return node
        name = self.fresh("result")
        node.body[-1] = _at(ast.Assign([ast.Name(name, ast.Store())], last.value), last)
        return [node, _at(ast.Return(ast.Name(name, ast.Load())), last)]

    def visit_Match(self, node):
        self.generic_visit(node)
        name = self.fresh("subject")
        subject = _at(ast.Assign([ast.Name(name, ast.Store())], node.subject), node)
        return [*_hoisted(subject), *self.cases(name, node.cases)]

    def cases(self, name, cases):
        """The first case that fits; the others are its `else`."""
        if not cases:
            return []
        case, *others = cases
        test, captured = self.pattern(case.pattern, name)
        before = []
        if captured:
            value = ast.Name(name, ast.Load())
            before = [_at(ast.Assign([ast.Name(captured, ast.Store())], value), case.pattern)]
        tests = [t for t in (test, case.guard) if t]
        if not tests:  # it fits always
            return [*before, *case.body]
        test = tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)
        chosen = ast.If(test, case.body, self.cases(name, others))
        return [*before, *_hoisted(_at(chosen, case.pattern))]

    def pattern(self, p, name):
        """`(test, name)`: when the subject fits (None: always), and the name that it gets."""
        subject = ast.Name(name, ast.Load())
        if isinstance(p, ast.MatchValue):
            return _at(ast.Compare(subject, [ast.Eq()], [p.value]), p), None
        if isinstance(p, ast.MatchSingleton):
            return _at(ast.Compare(subject, [ast.Is()], [ast.Constant(p.value)]), p), None
        if isinstance(p, ast.MatchAs) and p.pattern is None:
            return None, p.name
        if isinstance(p, ast.MatchOr):
            tests = [self.pattern(part, name)[0] for part in p.patterns]
            if all(tests):
                return _at(ast.BoolOp(ast.Or(), tests), p), None
        raise self.text.refusal(p, PARTS)


def explicit_super(tree):
    """`super()` looks at the first argument of the function that it stands in; a block has another
    one."""
    first = [a.arg for a in (*tree.args.posonlyargs, *tree.args.args)][:1]
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if is_call and node.func.id == "super" and not node.args and first:
            node.args = [ast.Name(n, ast.Load()) for n in ("__class__", *first)]
            _at(node, node)


def _hoisted(s):
    """The statement, after what `:=` assigns in it first of all."""
    before = []
    if isinstance(s, ast.While) and s.orelse:  # which a `break` does not run
        return [s]
    _take(s, before)
    if not before or not isinstance(s, ast.While):
        return [*before, s]
    leave = ast.If(ast.UnaryOp(ast.Not(), s.test), [ast.Break()], [])
    s.body = [*before, _at(leave, s.test), *s.body]
    s.test = _at(ast.Constant(True), s.test)
    return [s]


def _take(node, taken):
    """The node without a `:=` that is evaluated before all else in it."""
    if isinstance(node, ast.NamedExpr):
        value, name = _take(node.value, taken), node.target.id
        taken.append(_at(ast.Assign([ast.Name(name, ast.Store())], value), node))
        return _at(ast.Name(name, ast.Load()), node)
    field = _FIRST.get(type(node))
    child = getattr(node, field) if field and _is_plain(getattr(node, "func", None)) else None
    if isinstance(child, list) and child:
        child[0] = _take(child[0], taken)
    elif isinstance(child, ast.expr):
        setattr(node, field, _take(child, taken))
    return node


def _is_plain(func):
    """`torch.tanh`: a name is looked up before the arguments are evaluated, but nothing is run."""
    while isinstance(func, ast.Attribute):
        func = func.value
    return func is None or isinstance(func, ast.Name)


def _at(node, place):
    """A new node, and what is new in it, at a place of the text."""
    for n in ast.walk(node):
        if "lineno" in n._attributes and not hasattr(n, "lineno"):
            ast.copy_location(n, place)
    return node
