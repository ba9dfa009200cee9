"""Which of the user's functions can be kept whole? A cell: arrays in, arrays out, and nothing else.

What it does is done once for many examples, and once more to see how its answers look. So it must
not write into what others see, print, or keep count; its text tells.
"""

import ast
import inspect
import weakref

from autodiff_lab.reading import read

from ..errors import MaskError

WRITERS = frozenset(
    "append extend insert pop remove clear sort reverse add discard update setdefault popitem "
    "write send".split()
)


_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # by code: its text decides


def is_cell(f):
    if not (inspect.isfunction(f) or inspect.ismethod(f)):
        f = getattr(f, "forward", f.__call__)
    code = getattr(f, "__code__", None)
    if code is None:
        return False
    if code not in _known:
        _known[code] = _asked(f)
    return _known[code]


def _asked(f):
    try:
        text = read(f, MaskError)
    except MaskError:
        return False
    return not any(_does_something(node) for node in ast.walk(text.tree))


def held(f):
    """What a method or an object's call reads of its object, by name: {"scale": 0.5}."""
    owner = getattr(f, "__self__", f)
    if inspect.isfunction(owner) or not hasattr(owner, "__dict__"):
        return {}
    f = f if inspect.ismethod(f) else getattr(f, "forward", f.__call__)
    names, todo = set(), [getattr(f, "__code__", None)]
    while todo:
        code = todo.pop()
        if inspect.iscode(code):
            own = [getattr(type(owner), name, None) for name in set(code.co_names) - names]
            todo += [*code.co_consts, *[getattr(_behind(x), "__code__", None) for x in own]]
            names |= set(code.co_names)
    return {name: value for name, value in vars(owner).items() if name in names}


def _behind(x):
    return x.fget if isinstance(x, property) else x


def _does_something(node):
    """Is it anything but computing a value and giving it a name?"""
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in WRITERS or node.func.attr.endswith("_")
    return isinstance(node, _STATEMENTS)


_STATEMENTS = (ast.Global, ast.Nonlocal, ast.Delete, ast.Yield, ast.YieldFrom, ast.Await, ast.With,
               ast.Import, ast.ImportFrom, ast.Try)  # fmt: skip
