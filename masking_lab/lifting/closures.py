"""Functions that read a name which is given another value later.

Python's functions see names, not values: `g = lambda: h` gives what h is when g is called. In
lifted code a block is a function with names of its own (see `rewrite`), so there a g from outside
would see the h from before the block; and one that a loop makes would go on seeing its own trip's.
Such functions are refused. (For loops, linters warn of the same: flake8-bugbear, B023.)
"""

import ast

from autodiff_lab.reading import names

from .effects import MUTATORS
from .liveness import statements

COMPOUND = (ast.If, ast.For, ast.While)


def refuse_stale(text, tree):
    """After `live`: every name that a function inside reads must be what it will be."""
    blocks = [s for s in statements(tree.body) if isinstance(s, COMPOUND)]
    for f, holders in _kept(tree.body):
        read = _read(f)
        for s in blocks:
            late = read & set(names.bound(*_inside(s)))
            if late and (_outlives(s, f, holders) if _holds(s, f) else _calls(s, holders)):
                name = sorted(late)[0]
                raise text.refusal(
                    f,
                    f"a function that reads {name!r}, which gets another value while the function "
                    f"is kept, would see an old one; hand it over as an argument: {name}={name}",
                )


def _read(f):
    """The names that it reads when it is called; its defaults are read when it is made."""
    body = f.body if isinstance(f.body, list) else [f.body]
    parameters = {a.arg for a in ast.walk(f.args) if isinstance(a, ast.arg)}
    return set(names.used(*body)) - parameters - set(names.bound(*body))


def _inside(s):
    return [*([s.target] if isinstance(s, ast.For) else []), *s.body, *s.orelse]


def _kept(body):
    """`(function, names)`: functions that are made, with the names that keep hold of them."""
    for s in statements(body):
        if isinstance(s, ast.FunctionDef):
            yield s, {s.name}
        elif isinstance(s, ast.Assign) and not hasattr(s, "final"):
            for f in _held(s.value):
                yield f, set(names.bound(*s.targets))
        elif isinstance(s, ast.Expr) and _puts_away(s.value):
            for f in [f for a in s.value.args for f in _held(a)]:
                yield f, set(names.used(s.value.func))


def _held(value):
    """The lambdas that a value is or holds: not those that a call takes."""
    if isinstance(value, ast.Lambda):
        yield value
    elif isinstance(value, (ast.List, ast.Tuple, ast.Dict, ast.IfExp, ast.keyword)):
        for part in ast.iter_child_nodes(value):
            yield from _held(part)
    elif isinstance(value, ast.Call) and ast.unparse(value.func) in ("flow.put", "flow.set"):
        yield from _held(value.args[2])
    elif isinstance(value, ast.Call) and ast.unparse(value.func).endswith("partial"):
        yield from (f for a in value.args for f in _held(a))


def _puts_away(call):
    """`fs.append(...)`"""
    return (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
            and call.func.attr in MUTATORS)  # fmt: skip


def _holds(s, f):
    return any(n is f for part in _inside(s) for n in ast.walk(part))


def _calls(s, holders):
    """May a block call a function from outside?"""
    return bool(holders & set(names.used(*_inside(s), *_test(s))))


def _test(s):
    return [s.test] if isinstance(s, ast.While) else []


def _outlives(s, f, holders):
    """Is a function that a block makes asked for by the next trip?"""
    return isinstance(s, (ast.For, ast.While)) and bool(holders & s.head)
