"""Early exits put in order: afterwards a loop is left, and a function returns, only at an end.

What follows an `if` that may leave goes into its arms. A `return` inside a loop becomes a variable
that is asked when the loop is over.
"""

import ast
import copy

LOOPS = (ast.For, ast.While)


def settled(tree, names):
    """The function's body with every exit in last place."""
    body = _returns_out_of_loops(tree.body, names, 0)
    return _settle(body)


def _has(nodes, kinds, through_loops):
    """Does one of these statements stand here, outside inner loops (unless asked for)?"""
    for node in nodes:
        if isinstance(node, kinds):
            return True
        if isinstance(node, ast.If) and (
            _has(node.body, kinds, through_loops) or _has(node.orelse, kinds, through_loops)
        ):
            return True
        if through_loops and isinstance(node, LOOPS) and _has(node.body, kinds, True):
            return True
    return False


# ----- return inside a loop -----
def _returns_out_of_loops(body, names, depth):
    found = []
    for node in body:
        if isinstance(node, ast.Return) and depth:
            found += _leave(node, names)
            continue
        if isinstance(node, ast.If):
            node.body = _returns_out_of_loops(node.body, names, depth)
            node.orelse = _returns_out_of_loops(node.orelse, names, depth)
        if isinstance(node, LOOPS) and _has(node.body, ast.Return, True):
            node.body = _returns_out_of_loops(node.body, names, depth + 1)
            found += [*_set(names.done, False, node), node]
            leave = ast.Break() if depth else ast.Return(ast.Name(names.result, ast.Load()))
            found.append(_at(ast.If(ast.Name(names.done, ast.Load()), [leave], []), node))
            continue
        found.append(node)
    return found


def _leave(node, names):
    value = node.value or ast.Constant(None)
    result = ast.Assign([ast.Name(names.result, ast.Store())], value)
    return [_at(result, node), *_set(names.done, True, node), _at(ast.Break(), node)]


def _set(name, value, node):
    return [_at(ast.Assign([ast.Name(name, ast.Store())], ast.Constant(value)), node)]


def _at(made, node):
    """New statements point at the old one."""
    for part in ast.walk(made):
        if "lineno" in part._attributes and not hasattr(part, "lineno"):
            ast.copy_location(part, node)
    return made


# ----- what follows an exit -----
EXITS = (ast.Return, ast.Break, ast.Continue)


def _settle(body):
    found = []
    for i, node in enumerate(body):
        rest = body[i + 1 :]
        if isinstance(node, EXITS):
            return [*found, node]
        if isinstance(node, LOOPS):
            node.body = _without_continue(_settle(node.body))
        if isinstance(node, ast.If):
            if rest and _has([node], EXITS, False):
                node.body = _settle(node.body + copy.deepcopy(rest))
                node.orelse = _settle(node.orelse + rest)
                return [*found, node]
            node.body, node.orelse = _settle(node.body), _settle(node.orelse)
        found.append(node)
    return found


def _without_continue(body):
    """A `continue` in last place says nothing."""
    if body and isinstance(body[-1], ast.Continue):
        body = [*body[:-1], ast.copy_location(ast.Pass(), body[-1])]
    if body and isinstance(body[-1], ast.If):
        last = body[-1]
        last.body = _without_continue(last.body)
        last.orelse = _without_continue(last.orelse)
    return body


def can_break(body):
    return _has(body, ast.Break, False)
