"""A row's card as a page: what stands on it, and in which order."""

from . import lessons, page
from .page import Code, Facts, Math, Page, Table, Words

LABELS = (
    ("Made of", "made"),
    ("Reverse keeps", "needs"),
    ("Masked", "mask"),
    ("Batched", "batch"),
    ("At kinks", "kinks"),
    ("Differs", "differs"),
    ("Take care", "pitfalls"),
)


def markdown(card, source=False):
    return page.markdown(as_page(card, source))


def text(card, source=False):
    return page.text(as_page(card, source))


def as_page(card, source=False, ideas=""):
    """`ideas`: concept cards that name the row."""
    maths = [(label, getattr(card, label)) for label in ("formula", "forward", "reverse")]
    maths += [("with", card.letters)] if card.letters else []
    return Page(card.name, card.kind, (
        Table(("", "PyTorch", "JAX"), card.spellings),
        Table(("", ""), tuple((label, Math(tex)) for label, tex in maths)),
        Facts((*((label, getattr(card, field)) for label, field in LABELS), ("In words", ideas))),
        Words(f"Checked: `{card.example}`" if card.example else ""),
        footer(card.lessons, f"stated once, in `{card.where}`"),
        Code(card.source if source else "", label="The row"),
    ))  # fmt: skip


def footer(numbers, *others):
    """The lessons whose files are there, and where things come from."""
    found = lessons.links(numbers) or lessons.links((0,))
    taught = f"Lesson: {found}" if found else ""
    return Words(" · ".join(filter(None, (taught, *others))))
