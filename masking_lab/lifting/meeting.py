"""What a call means, as far as the text tells, and what it may do with its arguments."""

import ast
import contextlib
import copy
import inspect
import sys
import weakref
from typing import NamedTuple

from autodiff_lab import source
from autodiff_lab.reading import MISSING, names, read

from ..errors import MaskError
from .canonical import canonical
from .effects import MUTATORS
from .liveness import live
from .objects import node_of
from .sharing import Sharing

# Builtins that give something new; `max`, `next` or `getattr` may give what they were given.
_NEW = frozenset(
    "abs all any bin bool chr complex divmod float format hash hex id int isinstance issubclass "
    "len oct ord pow print range repr round slice str sum type".split()
)
_NUMBERS = (len, int, float, bool, complex, str, range)
_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def meaning(func, text, local):
    """What a name, or a chain of attributes of a module, means; MISSING if it is a local."""
    if isinstance(func, ast.Name) and func.id not in local:
        return text.value(func.id)
    if isinstance(func, ast.Attribute):
        owner = meaning(func.value, text, local)
        if inspect.ismodule(owner) or inspect.isclass(owner):
            return getattr(owner, func.attr, MISSING)
    return MISSING


def is_flows(func):
    """Is it a function of `flow`'s own?"""
    return isinstance(func, ast.Attribute) and ast.unparse(func.value) == "flow"


class Call(NamedTuple):
    """What a call does with its arguments, which go by place, by name, or by None: what stands
    before the dot. The result may be one of `whole`, and may hold one of `parts` or a part of it;
    it may be what the caller has under a name in `reads`. `stores`: who may hold whom afterwards.
    """

    whole: list
    parts: list
    stores: list
    reads: list = []  # noqa: RUF012  nobody adds to it


NOTHING = Call([], [], [])


class Calls:
    """The calls in one function, for `pointing`."""

    def __init__(self, text, local):
        self.text, self.local, self.inner = text, local, {}

    def is_outside(self, name):
        """May what a name from outside stands for be written into?"""
        found = self.text.value(name)
        if found is MISSING:
            return name in self.local  # of the function around
        plain = (str, bytes, int, float, complex, bool, type(None))
        return not (inspect.ismodule(found) or callable(found) or isinstance(found, plain))

    def makes_number(self, call):
        """Is the result, and all that it holds, nothing that could be written into?"""
        found = self._meaning(call.func)
        return any(found is kind for kind in _NUMBERS)

    def makes_array(self, call):
        """Is the result an array, which holds nothing?"""
        found = self._meaning(call.func)
        if found is MISSING:
            return isinstance(call.func, ast.Attribute) and _is_arrays(call.func.attr)
        return (getattr(found, "__module__", None) or "").split(".")[0] == "torch"

    def of(self, call, owner, functions):
        """`owner` are the objects before the dot; `functions` those that are defined here."""
        if is_flows(call.func):
            return NOTHING
        every = [*range(len(call.args)), *[k.arg or "**" for k in call.keywords]]
        found, first = self._meaning(call.func), []
        if found is MISSING and getattr(call.func, "id", None) in functions:
            return self._of_inner(functions[call.func.id], call, every)
        if found is MISSING and isinstance(call.func, ast.Attribute):
            found, first = self._method(call.func.attr, owner), [None]
        if found is MISSING:
            return self._unknown(call.func, every)
        if inspect.isfunction(found) and not source.is_library(found.__code__.co_filename):
            return _told(of_function(found), _parameters(found), [*first, *every])
        if inspect.isbuiltin(found) and found.__module__ == "builtins":
            return NOTHING if found.__name__ in _NEW else Call(every, every, [])
        if inspect.isclass(found):  # what it is made of may be looked at through it
            return NOTHING if found.__name__ in _NEW else Call([], every, [])
        return NOTHING

    def _of_inner(self, tree, call, every):
        """A function that is defined here reads names of here."""
        if tree not in self.inner:
            self.inner[tree] = None
            with contextlib.suppress(MaskError):
                self.inner[tree] = sharing_of(self.text, copy.deepcopy(tree), self.local)
        told = _told(self.inner[tree], [a.arg for a in tree.args.args], every)
        return told._replace(reads=names.used(tree))

    def _method(self, name, owner):
        """The method of objects that a class of the user's has made here."""
        roots = [node_of(root) for root, _ in owner]
        kinds = {self._meaning(x.func) if isinstance(x, ast.Call) else MISSING for x in roots}
        kind = kinds.pop() if len(kinds) == 1 else MISSING
        found = getattr(kind, name, MISSING) if inspect.isclass(kind) else MISSING
        return found if inspect.isfunction(found) else MISSING

    def _unknown(self, func, every):
        """A method of an array gives something new; one of the user's objects may not."""
        if not isinstance(func, ast.Attribute):
            return Call(every, every, [])
        stores = [(None, k) for k in every]
        if _is_arrays(func.attr):
            return Call([], [], stores if func.attr in MUTATORS else [])
        return Call([*every, None], [*every, None], stores)

    def _meaning(self, func):
        return meaning(func, self.text, self.local)


def _told(sharing, parameters, places):
    """What the text of a function says of a call."""
    if sharing is None or "**" in places:
        return Call(places, places, [])
    at = dict(zip(parameters, [k for k in places if type(k) is not str], strict=False))
    at |= {k: k for k in places if type(k) is str}
    whole, parts = sharing.returned()
    stores = [(at[p], at[q]) for p, q in sharing.stored() if p in at and q in at]
    return Call([at[p] for p in whole if p in at], [at[p] for p in parts if p in at], stores)


def _parameters(f):
    code = f.__code__
    return code.co_varnames[: code.co_argcount]


def sharing_of(text, tree, outer=()):
    """The `Sharing` of a function; its `tree` is in canonical form, and its names are `live`."""
    parameters = [a.arg for a in ast.walk(tree.args) if isinstance(a, ast.arg)]
    tree = canonical(text, tree)
    live(tree.body, ())
    return Sharing(tree, Calls(text, {*parameters, *names.bound(*tree.body), *outer}))


def of_function(f):
    """The `Sharing` of a function of the user's; None if nobody knows, or while it is asked."""
    if f not in _known:
        _known[f] = None
        with contextlib.suppress(MaskError):
            text = read(f, MaskError)
            _known[f] = sharing_of(text, text.tree)
    return _known[f]


def _is_arrays(name):
    """Do PyTorch's arrays have such a method?"""
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch.Tensor, name)
