"""Small pieces of tree, for the text that lifting writes."""

import ast

from .canonical import flow_call
from .pointing import innermost


def only_shown(node):
    """The texts in it are for somebody to read."""
    for n in ast.walk(node):
        if isinstance(n, ast.JoinedStr):
            n.shown = True


def growing(value):
    """A list that gets a name, or becomes a part of something, may grow for some examples only."""
    call = innermost(value)
    if call is not None:
        call.args[2] = growing(call.args[2])
    elif isinstance(value, (ast.List, ast.Tuple)):
        value.elts = [growing(x) for x in value.elts]
    elif isinstance(value, ast.Dict):
        value.values = [growing(x) for x in value.values]
    elif isinstance(value, ast.IfExp):
        value.body, value.orelse = growing(value.body), growing(value.orelse)
    return flow_call("list_", value, at=value) if _makes_list(value) else value


def _makes_list(value):
    """Certainly: `[a]`, `[a] * n`, `[a] + b`, `b.copy()` of one, `[a][:1]`."""
    if isinstance(value, ast.BinOp):
        return _makes_list(value.left) or _makes_list(value.right)
    if isinstance(value, ast.Subscript):
        return isinstance(value.slice, ast.Slice) and _makes_list(value.value)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr == "copy" and _makes_list(value.func.value)
    return isinstance(value, ast.List)


def loaded(n):
    return ast.Name(n, ast.Load())


def tuple_of(found):
    return ast.Tuple([loaded(n) for n in found], ast.Load())


def parameters_of(parameters):
    return ast.arguments([], [ast.arg(p) for p in parameters], None, [], [], None, [])


def definition(name, parameters, body, results, at):
    end = [] if results is None else [ast.Return(tuple_of(results))]
    new = ast.parse("def f(): pass").body[0]
    new.name, new.args, new.body = name, parameters_of(parameters), body + end
    for node in (new, *ast.walk(new.args), *end):
        ast.copy_location(node, at)
    return new


def lambda_of(parameters, body):
    return ast.copy_location(ast.Lambda(parameters_of(parameters), body), body)


def taken(carried, call, at):
    if not carried:
        return ast.copy_location(ast.Expr(call), at)
    target = ast.Tuple([ast.Name(n, ast.Store()) for n in carried], ast.Store())
    return ast.copy_location(ast.Assign([target], call), at)
