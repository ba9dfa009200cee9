"""An answer written down: a short list with a line for each, and below it the card of the best.

Markdown for notebooks and plain text for terminals, as cards are (`..page`).
"""

import functools
import re
import sys
import textwrap

from .. import page
from ..page import Page, Table, Words
from .homes import short, side
from .shapes import ORDER, SPECIAL

SHOWN = 3  # names of one side
CALLS = 8  # rows of a table of calls
LINE = 110  # characters of a line in the list
HEADS = {"torch": "PyTorch", "jax": "JAX", "numpy": "NumPy", "ours": "here"}
HOW = {ORDER: "arguments in another order", SPECIAL: "a special case"}
CANNOT = (
    "I do not know an answer to that. I know the public functions of PyTorch, JAX, NumPy and of "
    "these labs, and ideas of differentiation, masking and batching. Say in a few words what goes "
    "in and what should come out, or ask by shape: `?(A,B),(B,C)->(A,C)`."
)


def bundle(answer):
    """The forms of an answer that a front end can choose from."""
    cards = _cards(answer)
    head = f"?{answer.question}"
    items = [(_title(e), _first_line(e)) for e in answer.entries] if answer.sure else []
    marked = [f"### {_escaped(head)}", answer.note if items else "", _markdown_list(items)]
    plain = [head, page._unmarked(answer.note) if items else "", _text_list(items)]
    return {
        "text/markdown": "\n\n".join(filter(None, [*marked, *map(page.markdown, cards)])),
        "text/plain": "\n\n".join(filter(None, [*plain, *map(page.text, cards)])),
    }


def _cards(answer):
    """The pages below the list."""
    if answer.road == "shape":
        return [_shape_page(answer)]
    if not answer.sure:
        return [_unsure_page(answer)]
    return [_card(answer.entries[0])]


def _escaped(text):
    return re.sub(r"([\\*_<>\[\]`|])", r"\\\1", text)


# ----- the list -----
def _title(entry):
    """A concept by its name, a function by its best known spelling on each side."""
    sides: dict = {}
    for name in entry["names"]:
        sides.setdefault(side(name), f"`{short(name)}`")
    names = " · ".join(list(sides.values())[:SHOWN])
    return f"**{entry['concept']}** ({names})" if entry["concept"] else names


def _first_line(entry):
    return textwrap.shorten(entry["line"], LINE, placeholder=" ...").rstrip(".")


def _markdown_list(items):
    lines = (f"{i}. {title}: {_escaped(line)}" for i, (title, line) in enumerate(items, 1))
    return "\n".join(line.removesuffix(": ") for line in lines)


def _text_list(items):
    lines = (f"  {i}. {page._unmarked(title)}: {line}" for i, (title, line) in enumerate(items, 1))
    return "\n".join(
        textwrap.fill(line.removesuffix(": "), page.WIDTH, subsequent_indent="     ")
        for line in lines
    )


# ----- below it -----
def _unsure_page(answer):
    near = ", ".join(f"`{short(e['names'][0])}`" for e in answer.entries if e["names"])
    hint = f"Some of the words also stand in the documentation of {near}." if near else ""
    return Page("No answer", "", (Words(CANNOT), Words(hint)))


def _shape_page(answer):
    if not answer.sure:
        return Page("No answer", "by shape", (Words(answer.note),))
    calls = answer.calls[:CALLS]
    rows = tuple((_call(torch), _call(jax), _how(torch or jax)) for torch, jax in calls)
    more = len(answer.calls) - len(rows)
    told = Words(f"{more} more do this to these shapes.") if more > 0 else Words("")
    return Page("By shape", "", (Table(("PyTorch", "JAX", ""), rows), told, Words(answer.note)))


def _call(call):
    return f"`{call}`" if call else ""


def _how(call):
    return HOW.get(call.how, "")


def _card(entry):
    """The card of an idea, or what `?` shows for the function; else its names side by side."""
    from ..concept_page import concept_page
    from ..concepts import concepts

    if entry["concept"]:
        return concept_page(concepts()[entry["concept"]])
    return _of_function(entry) or _names_page(entry)


def _of_function(entry):
    """What `?` shows if a framework that has it is imported; else the card of its row."""
    from ..help_text import help_page

    thing = next((t for name in entry["names"] if (t := _imported(name)) is not None), None)
    found = help_page(thing) if thing is not None else None
    return found or (row_page(entry["row"]) if entry["row"] else None)


def _imported(name):
    first, *rest = name.split(".")
    return functools.reduce(lambda o, part: getattr(o, part, None), rest, sys.modules.get(first))


def row_page(name):
    from autodiff_lab.table import ROWS

    from ..card import card
    from ..card_text import as_page

    return as_page(card(ROWS[name]))


def _names_page(entry):
    names = {s: [n for n in entry["names"] if side(n) == s][:SHOWN] for s in HEADS}
    there = [s for s in HEADS if names[s]]
    cells = tuple(", ".join(f"`{short(n)}`" for n in names[s]) for s in there)
    heads = tuple(HEADS[s] for s in there)
    best = short(entry["names"][0])
    more = f"Once it is imported, `?{best}` shows its own documentation."
    return Page(best, "", (Table(heads, (cells,)), Words(_escaped(entry["line"])), Words(more)))
