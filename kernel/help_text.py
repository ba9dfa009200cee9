"""What `?` says about an object, as Markdown and as plain text.

In this order: what is in the learner's hands (a tensor, a batch, a tape, a module), the row of the
table that a function means, and the idea that a function belongs to.
"""

from dataclasses import replace

from . import concept_page, page
from .card import card
from .card_text import as_page
from .live import live_page
from .meanings import DISCRETE, meaning, rows_used, twin
from .own_page import own_page
from .page import Code, Facts, Page, Table, Words

FOLLOWS = "follows from theirs, as does the mask rule: `show(ad.record(f, x))`"
NONE = "none: the result is a truth value or whole numbers, which do not change a little"


def help_bundle(obj, detail_level=0):
    """`{"text/markdown": ..., "text/plain": ...}`, or `{}` for an object we know nothing about."""
    found = help_page(obj, source=detail_level > 0)
    return {} if found is None else bundle(found)


def bundle(found):
    return {"text/markdown": page.markdown(found), "text/plain": page.text(found)}


def help_page(obj, source=False):
    """The page about an object, or None."""
    if type(obj).__name__ == "Later" and type(obj).__module__ == "kernel.extension":
        obj = obj.__wrapped__
    known = meaning(obj)
    if known is None:
        found = live_page(obj) or concept_page.function_page(obj) or own_page(obj)
        return found and _with(found, concept_page.own_source(obj) if source else Words(""))
    found = _several(known, source) if known.row is None else _of_row(known, source)
    return _with(found, concept_page.own_words(obj))


def _with(found, block):
    return replace(found, blocks=(*found.blocks, block))


def _of_row(known, source):
    row = known.row
    found = as_page(card(row), source, concept_page.see_also(concept_page.of_row(row.name)))
    around = f"`{known.spelled}` takes several rows; this is the one in the middle."
    return replace(found, blocks=(Words(around if known.spelled else ""), *found.blocks))


def _several(known, source):
    """A function that takes several rows: what is recorded instead, call by call."""
    other = twin(known.spelled)
    names = {name.partition(".")[0]: name for name in (known.spelled, other) if name}
    used = rows_used(known.rewriting) if known.rewriting else ()
    return Page(known.spelled.rpartition(".")[2], "several rows", (
        Table(("", "PyTorch", "JAX"), (("function", *_coded(names, "torch", "jax")),)),
        Facts((
            ("Recorded as", "the operations it is made of, each by its own row"),
            ("Rows", ", ".join(f"`{name}`" for name in used)),
            ("Derivative", NONE if known.spelled.rpartition(".")[2] in DISCRETE else FOLLOWS),
        )),
        Code(concept_page.source_of(known.rewriting) if source and known.rewriting else ""),
    ))  # fmt: skip


def _coded(names, *frameworks):
    short = [names.get(f, "").replace("jax.numpy.", "jnp.") for f in frameworks]
    return tuple(f"`{name}`" if name else "" for name in short)
