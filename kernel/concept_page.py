"""The page of an idea: its words, what it is called in either framework and here, an example."""

import functools
import inspect
import sys
import types

from .card_text import footer
from .concepts import concepts
from .page import Code, Facts, Page, Table, Words

SHORT = {"ad": "autodiff_lab", "ml": "masking_lab"}
LONGEST = 6000  # characters of a docstring


def concept_page(concept):
    return Page(concept.name, "in words", (
        Words(concept.text),
        _names(concept),
        Code(concept.example),
        Facts((("Rows", ", ".join(f"`{name}`" for name in concept.rows)),
               ("Also asked as", ", ".join(concept.aliases)))),
        footer(concept.lessons),
    ))  # fmt: skip


def _names(concept):
    cells = [", ".join(f"`{_short(n)}`" for n in names) for names in
             (concept.torch, concept.jax, concept.ours)]  # fmt: skip
    return Table(("PyTorch", "JAX", "here"), (tuple(cells),) if any(cells) else ())


def _short(name):
    return name.replace("jax.numpy.", "jnp.")


# ----- from an object to its ideas -----
def about(obj):
    """`(dotted name, concepts)` of a function that concept cards name; or None."""
    if not callable(obj):
        return None
    obj = _unbound(obj)
    for name, found in _by_name().items():
        if _resolve(name) is obj:
            return name, found
    return None


def _unbound(obj):
    """Of a method in hand, the function of its class: `x.stride` is `torch.Tensor.stride`."""
    owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
    if owner is None or isinstance(owner, (type, types.ModuleType)):
        return obj
    return getattr(type(owner), name, obj)


def _place(name, concept):
    """The sooner a concept names a function, the more it is about it."""
    named = (concept.ours, concept.torch, concept.jax)
    return min(names.index(name) for names in named if name in names)


@functools.cache
def _by_name():
    found: dict = {}
    for concept in concepts().values():
        for name in (*concept.ours, *concept.torch, *concept.jax):
            found.setdefault(name, []).append(concept)
    return found


def _resolve(name):
    """The object of a dotted name, if its module is imported; `sys.modules` has submodules too."""
    first, *rest = name.split(".")
    found = sys.modules.get(SHORT.get(first, first))
    for part in rest:
        found = getattr(found, part, None)
    return found


def function_page(obj):
    """A function with a name in the concept cards: its own words, its twins, the idea."""
    found = about(obj)
    if found is None:
        return None
    name, found = found
    last = name.rpartition(".")[2]
    first, *others = sorted(found, key=lambda idea: (idea.name != last, _place(name, idea)))
    ours = name.startswith(("ad.", "ml."))
    return Page(_short(name), first.name, (
        own_words(obj) if ours else Words(""),
        Words(first.text),
        _names(first),
        Words("") if ours else Code(first.example),
        Facts((("See also", see_also(others)),)),
        footer(first.lessons),
        Words("") if ours else own_words(obj),
    ))  # fmt: skip


def see_also(found):
    return ", ".join(f"`?{concept.name}`" for concept in found)


def of_row(name):
    """The concepts that name a row."""
    return [concept for concept in concepts().values() if name in concept.rows]


# ----- what the object says about itself -----
def own_words(obj):
    """Signature and docstring, as they stand: JupyterLab shows this page instead of IPython's."""
    text = inspect.getdoc(obj) or ""
    text = text if len(text) < LONGEST else text[:LONGEST].rsplit("\n", 1)[0] + "\n..."
    return Code(
        "\n\n".join(filter(None, (_signature(obj), text))),
        "text",
        in_text=False,
        label="In its own words",
    )


def own_source(obj):
    """The text of a function or class, as `??` shows it."""
    return Code(source_of(obj)[:LONGEST], in_text=False, label="Source")


def source_of(fn):
    try:
        return inspect.getsource(getattr(fn, "func", fn)).rstrip()
    except (OSError, TypeError):  # written in C, or not a function
        return ""


def _signature(obj):
    try:
        return f"{obj.__name__}{inspect.signature(obj)}"
    except Exception:  # built-in functions may have none: their docstring begins with one
        return ""
