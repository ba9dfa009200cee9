"""Small pieces of tree, for the text that lifting writes."""

import ast

from .canonical import flow_call


def only_shown(node):
    """The texts in it are for somebody to read."""
    for n in ast.walk(node):
        if isinstance(n, ast.JoinedStr):
            n.shown = True


def growing(value):
    """A list that gets a name may grow for some examples only."""
    if isinstance(value, ast.List):
        return flow_call("list_", value, at=value)
    if isinstance(value, ast.Tuple):
        value.elts = [growing(e) for e in value.elts]
    return value


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
