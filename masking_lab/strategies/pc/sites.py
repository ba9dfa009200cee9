"""Which calls get a frame of their own?

The user's functions that decide something, or that call such functions, themselves perhaps: these
are cut into blocks too. A function that goes straight through is one step of its caller's block,
like a library's. Where the text does not tell which function it is, the machine sees when it runs.
"""

import ast
import functools
import inspect
import math
import sys
import weakref

import numpy as np

from autodiff_lab import random, xp
from autodiff_lab.reading import MISSING, names, read

from ...errors import MaskError
from ...lifting.calls import is_users
from ...lifting.changes import is_users_class
from .blocks import decides

_asked: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_CUTS = (ast.If, ast.While, ast.For, ast.With, ast.Lambda, ast.FunctionDef, ast.Dict,
         ast.Assert, ast.Raise, ast.Try, ast.Yield)  # fmt: skip


class Kind:
    """Some object of a class."""

    def __init__(self, kind):
        self.kind = kind


class Sites:
    """The calls in a function, given what its parameters stand for.

    `peek(name)` is what all examples share under a name, `Kind` of what each has its own, or
    MISSING. `key` tells for which of these the answers hold.
    """

    def __init__(self, code, peek):
        self.code = code
        self.found = {n: peek(n) for n in code.roots}
        self.kept = list(self.found.values())  # while they are kept, so are their ids
        self.key = tuple([x.kind if type(x) is Kind else id(x) for x in self.kept])

    def pushes(self, call):
        if _root(call.func) == "flow":
            return False
        found = self._meaning(call.func)
        if found is not MISSING:
            own = users(found)
            return own is not None and needs_frames(own[0])
        if isinstance(call.func, ast.Attribute):
            return not _is_known(call.func)
        return True

    def makes(self, call):
        """Does a call make a new list, dict or object of the user's?"""
        kind = self._meaning(call.func)
        if not inspect.isclass(kind) or issubclass(kind, tuple):
            return False
        return issubclass(kind, (list, dict)) or is_users_class(kind)

    def _meaning(self, e):
        if isinstance(e, ast.Name):
            if e.id in self.found:
                return self.found[e.id]
            return MISSING if self.code.home(e.id) is not None else self.code.text.value(e.id)
        if isinstance(e, ast.Attribute):
            owner = self._meaning(e.value)
            if type(owner) is Kind:
                return getattr(owner.kind, e.attr, MISSING)
            if owner is MISSING or xp.framework_of(owner):
                return MISSING
            return getattr(owner, e.attr, MISSING)
        if isinstance(e, ast.Call) and inspect.isclass(kind := self._meaning(e.func)):
            return Kind(kind)
        return MISSING


def users(f):
    """`(function, arguments that it is given first, others by name)` of the user's; else None."""
    if type(f) is Kind:
        own = [getattr(f.kind, n, None) for n in ("__call__", "forward")]
        return next(((g, (), {}) for g in own if inspect.isfunction(g) and is_users(g)), None)
    if isinstance(f, functools.partial):
        own = users(f.func)
        return own and (own[0], (*own[1], *f.args), {**own[2], **f.keywords})
    if inspect.isfunction(f):
        return (f, (), {}) if is_users(f) else None
    if inspect.ismethod(f):
        return (f.__func__, (f.__self__,), {}) if is_users(f.__func__) else None
    if inspect.isbuiltin(f) or inspect.isclass(f):
        return None
    own = [getattr(type(f), n, None) for n in ("__call__", "forward")]
    return next(((g, (f,), {}) for g in own if inspect.isfunction(g) and is_users(g)), None)


def needs_frames(f):
    """Does a function of the user's decide anything?"""
    if f not in _asked:
        _asked[f] = True  # while it is asked: one that calls itself does
        _asked[f] = _cuts(f)
    return _asked[f]


def _cuts(f):
    try:
        text = read(f, MaskError)
    except MaskError:
        return False
    known = Straight(text)
    for node in (x for s in text.tree.body for x in ast.walk(s)):
        if isinstance(node, _CUTS) or decides(node):
            return True
        if isinstance(node, ast.Call) and (known.pushes(node) or known.makes(node)):
            return True
    return False


class Straight(Sites):
    """The same for a function by itself, whatever its parameters are."""

    def __init__(self, text):
        self.code, self.found = self, {}
        self.text, self.own = text, {*text.parameters, *names.bound(*text.tree.body)}

    def home(self, name):
        return 0 if name in self.own else None


def roots(code):
    """The names at which the calls in a function begin, that stay what they are when it starts."""
    found = {_root(n.func) for n in ast.walk(code.tree) if isinstance(n, ast.Call)} - {None}
    found -= set(names.bound(*code.tree.body))
    return sorted(n for n in found if code.home(n) is not None)


def _root(e):
    while isinstance(e, ast.Attribute):
        e = e.value
    return e.id if isinstance(e, ast.Name) else None


def _is_known(func):
    """Is it a function or a method that arrays, lists, or the libraries have?"""
    owner = func.value
    if isinstance(owner, ast.Subscript) and getattr(owner.value, "attr", "") == "at":
        return True
    return _has(func.attr, "torch" in sys.modules, "jax" in sys.modules)


@functools.cache
def _has(name, torch, jax):
    found = [list, dict, str, tuple, set, np, math, random]
    if torch:
        lib = sys.modules["torch"]
        found += [lib, lib.Tensor, lib.nn.functional, lib.special, lib.linalg]
    if jax:
        import jax.nn
        import jax.numpy as jnp

        found += [jnp, jnp.ndarray, jax.nn, jax.lax, jnp.linalg]
    return any(hasattr(x, name) for x in found)
