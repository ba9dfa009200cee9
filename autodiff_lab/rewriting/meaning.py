"""What the names in a program mean now, in the table's words."""

import ast
import functools
import inspect
import math
import sys

from ..reading import MISSING
from ..source import is_library
from ..table.row import ROWS

OPERATORS = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide",
    ast.Pow: "power", ast.Mod: "remainder", ast.USub: "negative",
}  # fmt: skip
# Answers without a derivative, whatever they are asked of.
RUNTIME = "autodiff_lab.rewriting.runtime"
FLAT_CALLS = frozenset((len, range, int, float, bool, isinstance, type, id, str, repr, print))
REPEATED = (abs, max, min, sum, pow, round, divmod, list, tuple, zip, enumerate, reversed)
FLAT_METHODS = frozenset(
    "item size dim numel detach tolist argmax argmin long int bool any all stop_gradient".split()
)
FLAT_ATTRIBUTES = frozenset("shape ndim dtype device size nbytes itemsize is_cuda".split())


def resolved(text, node, local):
    """The object that a dotted name stands for, or MISSING if a local name is involved."""
    if isinstance(node, ast.Name):
        return MISSING if node.id in local else text.value(node.id)
    if isinstance(node, ast.Attribute):
        owner = resolved(text, node.value, local)
        return MISSING if owner is MISSING else getattr(owner, node.attr, MISSING)
    return MISSING


def dotted(node):
    return ast.unparse(node)


def framework_of(objects):
    """ "torch", "jax" or None: whose functions does the program call?"""
    for x in objects:
        module = (getattr(x, "__module__", None) or getattr(x, "__name__", "") or "").split(".")[0]
        if inspect.ismodule(x):
            module = x.__name__.split(".")[0]
        if module in ("torch", "jax", "jaxlib"):
            return "torch" if module == "torch" else "jax"
    return None


def is_users(function):
    """A function with source of the user's own, which is transformed in its turn."""
    if inspect.ismethod(function):
        function = function.__func__
    if not inspect.isfunction(function) or hasattr(function, "rule"):  # ad.custom_rule
        return False
    return not is_library(function.__code__.co_filename)


def check_no_iterator(text, call, local):
    """An iterator has neither length nor entries; only a loop's head is read as what it means."""
    function = resolved(text, call.func, local) if isinstance(call, ast.Call) else MISSING
    if function in (zip, enumerate, reversed, map, filter, iter):
        name = function.__name__
        raise text.refusal(
            call,
            f"{name}() of what is differentiated is read in a loop's head only, as for a, b in "
            "zip(xs, ys), for i, x in enumerate(xs) or for x in reversed(xs)",
        )


def answers_again(text, node, local):
    """Does an expression without a derivative answer the same when the way back asks it again?"""
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
        function = resolved(text, call.func, local)
        if function is MISSING:
            if getattr(call.func, "attr", "") not in FLAT_METHODS:
                return False
        elif function not in REPEATED and not is_flat(function):
            owner = getattr(function, "__self__", None)
            if owner is not math and function not in vars(math).values():
                return False
    return True


def row_of(function):
    """The row whose inputs are just this function's arguments; None where there is no such row."""
    if is_flat(function):
        return None
    if isinstance(getattr(function, "__self__", None), type(math)) and function.__self__ is math:
        return _pointwise(function.__name__)
    if (getattr(function, "__module__", "") or "").startswith("jax"):
        return _of_jax().get(id(function))
    if "torch" in sys.modules and callable(function):
        return _of_torch(function)
    return None


def _pointwise(name):
    row = ROWS.get({"pow": "power"}.get(name, name))
    return row if row is not None and row.kind == "pointwise" else None


def of_numbers(function):
    """The row of a function of Python's own numbers."""
    return _pointwise(getattr(function, "__name__", "").strip("_"))


def _of_torch(function):
    from ..on_torch.spellings import PLAIN, _meaning

    torch = sys.modules["torch"]
    name = getattr(function, "__name__", None)
    homes = (torch, torch.special, torch.nn.functional, torch.Tensor)
    if name is None or not any(getattr(home, name, None) is function for home in homes):
        return None
    row = _meaning(function)[1]
    plain = row is not None and (function in PLAIN or row.name == "where")
    return row if plain and row.kind in ("pointwise", "linear") else None


@functools.cache
def _of_jax():
    found = {}
    for row in ROWS.values():
        if row.kind == "pointwise" or row.name == "where":
            for spelling in row.jax:
                thing = sys.modules["jax"]
                for part in spelling.split(".")[1:]:
                    thing = getattr(thing, part, None)
                if thing is not None:
                    found[id(thing)] = row
    return found


def is_flat(function):
    """A function whose answer has no derivative."""
    if function is MISSING or not callable(function):
        return False
    try:
        if function in FLAT_CALLS:
            return True
    except TypeError:
        return False
    name = getattr(function, "__name__", "")
    if getattr(function, "__module__", "") == RUNTIME:  # the gradient of a gradient
        return name in ("one_like", "zeros_like")
    row = ROWS.get(name)
    library = (getattr(function, "__module__", "") or "").split(".")[0] in ("torch", "jax")
    constant = library and row is not None and row.kind == "constant"
    return constant or (library and name in FLAT_METHODS)
