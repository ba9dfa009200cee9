"""The page of what Tapestry defines itself and no concept card names.

A package is a table of contents; a function, a class or a property speaks for itself, with the row
it is named after; an object shows itself, and what can be asked of it.
"""

import inspect
import types

import autodiff_lab as ad

from .card import card
from .card_text import as_page, footer
from .concept_page import own_source, own_words
from .page import Code, Facts, Page, Table, Words

OURS = ("autodiff_lab", "masking_lab", "kernel", "course")
SHORT = {"autodiff_lab": "ad", "masking_lab": "ml"}
ROUTINES = (types.FunctionType, types.MethodType, property, classmethod, staticmethod, type)
LESSONS = {  # the lesson of what is defined there, the longest name first
    "autodiff_lab.surgery": 6, "autodiff_lab.custom": 6, "autodiff_lab.checkpointing": 8,
    "autodiff_lab.rewriting": 9, "autodiff_lab.sea_of_nodes": 9, "autodiff_lab.straight": 9,
    "autodiff_lab.nn": 10, "autodiff_lab.optim": 10, "autodiff_lab.random": 10,
    "autodiff_lab.forward": 3, "autodiff_lab.taylor": 7, "autodiff_lab.jacobians": 7,
    "autodiff_lab.stencils": 8, "autodiff_lab.implicit": 8, "autodiff_lab.table": 12,
    "autodiff_lab": 4, "masking_lab.batches": 11, "masking_lab.rules": 12,
    "masking_lab.lifting": 13, "masking_lab.strategies.pc": 13, "masking_lab.strategies": 14,
    "masking_lab.leaderboard": 14, "masking_lab.models": 14, "masking_lab": 12,
}  # fmt: skip
LONGEST = 1500  # characters of what an object says of itself
MOST = 24  # names of its class that are listed


def own_page(obj):
    """The page of a package, function, class, property or object of ours, or None."""
    if isinstance(obj, types.ModuleType):
        return _package(obj) if _is_ours(obj.__name__) else None
    if not isinstance(obj, ROUTINES):
        return _object(obj) if _is_ours(type(obj).__module__) else None
    fn = _function(obj)
    return _routine(obj, fn) if _is_ours(getattr(fn, "__module__", None)) else None


def _is_ours(module):
    return isinstance(module, str) and module.partition(".")[0] in OURS


def _function(obj):
    """What a property, a method or a static method is made of."""
    if isinstance(obj, property):
        return obj.fget
    return getattr(obj, "__func__", obj)


# ----- what is defined -----
def _routine(obj, fn):
    row = ad.table.ROWS.get(fn.__name__) if _home(fn.__module__) == "ad.nn" else None
    return Page(fn.__qualname__.replace("<locals>.", ""), _home(fn.__module__), (
        _said(obj, fn),
        *((Words(f"The operation is the row **{row.name}**:"), *as_page(card(row)).blocks)
          if row else (footer(_lesson(fn.__module__)),)),
    ))  # fmt: skip


def _said(obj, fn):
    if isinstance(obj, property):
        return own_words(fn) if fn.__doc__ else own_source(fn)
    return own_words(obj)


def _home(module):
    """`ad.nn` of `autodiff_lab.nn.layers`: where a user finds it."""
    first, *rest = module.split(".")
    public = [part for part in rest[:1] if part in getattr(ad, "__all__", ()) or first == "kernel"]
    return ".".join([SHORT.get(first, first), *public])


def _lesson(module):
    at = next((at for at in LESSONS if f"{module}.".startswith(f"{at}.")), None)
    return (LESSONS[at],) if at else ()


# ----- a package -----
def _package(module):
    names = getattr(module, "__all__", ())
    first, _, rest = inspect.cleandoc(module.__doc__ or "").partition("\n\n")
    there = [(name, getattr(module, name, None)) for name in names]
    return Page(module.__name__, "package", (
        Words(first),
        Code(rest, "text"),
        Table(("name", "what it is"), tuple((f"`{n}`", _first_line(o)) for n, o in there)),
        footer(_lesson(module.__name__)),
    ))  # fmt: skip


def _first_line(obj):
    if not callable(obj) and not isinstance(obj, types.ModuleType):
        return f"a {type(obj).__name__}"
    return (inspect.getdoc(obj) or "").partition("\n\n")[0]


# ----- an object -----
def _object(obj):
    kind = type(obj)
    has = [n for n in dir(kind) if n[0] != "_" and not hasattr(tuple, n)]
    has = has or [n for n in getattr(obj, "__dict__", ()) if n[0] != "_"]
    more = ", ..." if len(has) > MOST else ""
    return Page(kind.__name__, _home(kind.__module__), (
        Code(_shown(obj), "text"),
        Words(inspect.getdoc(kind) or ""),
        Facts((("Has", ", ".join(f"`{name}`" for name in has[:MOST]) + more),)),
        footer(_lesson(kind.__module__)),
    ))  # fmt: skip


def _shown(obj):
    """Its own `repr`; one that Python has made lists all that is in it, and may be long."""
    code, home = _text_of(type(obj).__repr__)
    if code == "<string>" or not _is_ours(home):
        return ""
    text = repr(obj)
    return text[:LONGEST] + (" ..." if len(text) > LONGEST else "")


def _text_of(fn):
    """The file that a function was written in, and its module."""
    if not hasattr(fn, "__code__"):
        return "", ""
    return fn.__code__.co_filename, fn.__globals__["__name__"]
