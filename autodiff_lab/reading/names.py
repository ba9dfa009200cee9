"""Which names does a piece of Python write, and which does it read?

Nested functions and comprehensions have scopes of their own: their names stay inside, what they
read from outside comes out, and so does what `:=` writes in a comprehension.
"""

import ast

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def bound(*nodes):
    """The names that these nodes may assign, in order of appearance.

    >>> bound(ast.parse("a, b[0] = f(x); c += 1; [d for d in y if (e := d)]"))
    ['a', 'c', 'e']
    """
    return list(dict.fromkeys(name for node in nodes for name in _bound(node)))


def used(*nodes):
    """The names that these nodes may read from outside themselves, in order of appearance.

    >>> used(ast.parse("a = f(x); b[0] = a; c += 1; g = lambda y: y + z; [d for d in w]"))
    ['f', 'x', 'a', 'b', 'c', 'z', 'w']
    """
    return list(dict.fromkeys(name for node in nodes for name in _used(node)))


def _bound(node):
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).split(".")[0]
    elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    if isinstance(node, _COMPREHENSIONS):
        yield from _walrus(node)
    elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        for outside in _evaluated_outside(node):
            yield from _bound(outside)
    else:
        for child in _in_order(node):
            yield from _bound(child)


def _walrus(node):
    for child in ast.walk(node):
        if isinstance(child, ast.NamedExpr):
            yield child.target.id


def _used(node):
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
        yield from _used(node.value)
    elif isinstance(node, _FUNCTIONS):
        for outside in _evaluated_outside(node):
            yield from _used(outside)
        body = node.body if isinstance(node.body, list) else [node.body]
        inside = {*_parameters(node.args), *bound(*body)} - _declared(body)
        yield from (name for name in used(*body) if name not in inside)
    elif isinstance(node, _COMPREHENSIONS):
        own = {name for g in node.generators for name in _bound(g.target)}
        found = [name for child in _in_order(node) for name in _used(child)]
        first = set(_used(node.generators[0].iter))  # evaluated outside
        yield from (name for name in found if name not in own or name in first)
    else:
        for child in _in_order(node):
            yield from _used(child)


def _declared(body):
    """What `nonlocal` and `global` say is not the function's own."""
    statements = [s for node in body for s in ast.walk(node)]
    return {n for s in statements if isinstance(s, (ast.Global, ast.Nonlocal)) for n in s.names}


def _parameters(args):
    every = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
    return {a.arg for a in every if a}


def _evaluated_outside(node):
    """Of a nested function or class: decorators, defaults, bases."""
    yield from getattr(node, "decorator_list", [])
    if isinstance(node, ast.ClassDef):
        yield from node.bases
        yield from node.keywords
    else:
        yield from node.args.defaults
        yield from (d for d in node.args.kw_defaults if d)


def _in_order(node):
    """The children as Python evaluates them: of an assignment the right side first."""
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [*([node.value] if node.value else []), *targets]
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return [node.iter, node.target, *node.body, *node.orelse]
    return list(ast.iter_child_nodes(node))
