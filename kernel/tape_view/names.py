"""What the learner calls each value, read from the line that computed it.

`h = torch.tanh(x @ w)` leaves two nodes, and the last of them is `h`. A line that ran again names
again: `h`, `h·2`, `h·3`. What a user's function returns takes the name it is given by the caller,
unless it has one already. Where the text does not tell, a node keeps its number: `v7`.
"""

import ast
import functools
import linecache
from collections import Counter
from itertools import groupby

OPERATIONS = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Compare, ast.Subscript, ast.Attribute)


def labels(tape):
    """A name per node, all different: the argument's, the variable's, or the place on the tape."""
    statements.cache_clear()
    found: dict = {}
    deepest = max((len(n.scope or ()) for n in tape.nodes), default=0)
    for depth in range(deepest, -1, -1):
        for _, run in groupby(tape.nodes, functools.partial(_statement_at, depth)):
            _name(list(run), depth, found)
    seen = Counter(n.name for n in tape.inputs)
    return [n.name or _numbered(found.get(n.index), seen) or f"v{n.index}" for n in tape.nodes]


def _numbered(name, seen):
    if name is None:
        return None
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}·{seen[name]}"


def _statement_at(depth, node):
    """The statement that a node belongs to in the frame so many calls deep, and the way there."""
    scope = node.scope or ()
    if len(scope) < depth or node.row is None:
        return None
    at = getattr(scope[depth], "where", None) if depth < len(scope) else node.where
    statement = at and statements(at[0]).get(at[1])
    return statement and (at[0], statement.lineno, scope[:depth])


def _name(run, depth, found):
    statement = _statement_at(depth, run[0])
    if statement is None:
        return
    tree = statements(statement[0])[statement[1]]
    targets, value = _assigned(tree)
    if not targets or not isinstance(value, OPERATIONS):
        return
    for turn in _executions(run, value):
        last = turn[-1]
        if len(targets) > 1:
            part = last.group if last.group and len(last.group) == len(targets) else ()
            found.update({n.index: t for n, t in zip(part, targets, strict=False) if t})
        elif last.index not in found and _is_returned(last, depth):
            found[last.index] = targets[0]


def _is_returned(node, depth):
    """Is a node from deeper down what the call gave? Then its line returns one operation."""
    if len(node.scope or ()) <= depth or getattr(node.scope[depth], "serial", 0) is not None:
        return True
    statement = node.where and statements(node.where[0]).get(node.where[1])
    if node.scope[-1] == "<lambda>":
        return True
    return isinstance(statement, ast.Return) and isinstance(statement.value, OPERATIONS)


@functools.lru_cache(1024)
def _assigned(tree):
    """The names on the left, and the expression on the right."""
    if any(isinstance(inner, ast.Lambda) for inner in ast.walk(tree)):
        return (), None  # which of the two ran on this line?
    if isinstance(tree, ast.Assign):
        target = tree.targets[0]
    elif isinstance(tree, (ast.AugAssign, ast.AnnAssign)):
        target = tree.target
    else:
        return (), None
    value = ast.BinOp() if isinstance(tree, ast.AugAssign) else tree.value
    if isinstance(target, ast.Name):
        return (target.id,), value
    if isinstance(target, ast.Tuple):
        return tuple(t.id if isinstance(t, ast.Name) else None for t in target.elts), value
    return (), None


# ----- a statement that ran several times in a row -----
def _executions(run, value):
    keys = [(n.op, n.where) for n in run]
    period = _period(keys, _times(value))
    return [run[i : i + period] for i in range(0, len(run), period)]


@functools.lru_cache(1024)
def _times(value):
    """How often the outermost operation of an expression occurs in it: `sin(sin(x))` has two."""
    kind = _kind(value)
    return sum(isinstance(t, ast.expr) and _kind(t) == kind for t in ast.walk(value))


def _kind(tree):
    if isinstance(tree, ast.Call):
        return ast.dump(tree.func) if isinstance(tree.func, (ast.Name, ast.Attribute)) else "call"
    return type(getattr(tree, "op", tree))


def _period(keys, least):
    """The shortest period that holds the last key at least so often, or the whole length."""
    n, border = len(keys), [0] * (len(keys) + 1)
    k = border[0] = -1
    for i, key in enumerate(keys):  # Knuth, Morris & Pratt 1977
        while k >= 0 and keys[k] != key:
            k = border[k]
        k += 1
        border[i + 1] = k
    shortest = n - border[n] if n else 1
    if n % shortest:
        return n
    each = keys[:shortest].count(keys[-1])
    turns = -(-least // each) if each else 1
    return shortest * turns if n % (shortest * turns) == 0 else n


# ----- the text -----
@functools.lru_cache(64)
def _parsed(text):
    """The innermost statement that each line belongs to."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    found = {}
    for node in ast.walk(tree):  # outer ones first
        if isinstance(node, ast.stmt):
            stop = node.end_lineno if not getattr(node, "body", None) else node.lineno
            found.update(dict.fromkeys(range(node.lineno, stop + 1), node))
    return found


@functools.cache
def statements(file):
    """By line; forgotten before each tape, since a file may have changed."""
    return _parsed("".join(linecache.getlines(file)))
