"""A page of help: one model, printed as Markdown (notebooks) and as plain text (terminals).

A page is a title and blocks. Words are written in Markdown's light end (`code`, **bold**,
[links](...)), which reads well as plain text once its marks are taken away.
"""

import re
import textwrap
from dataclasses import dataclass
from itertools import compress

from .tex import plain

WIDTH = 88
INDENT = 16


@dataclass(frozen=True)
class Math:
    tex: str


@dataclass(frozen=True)
class Words:
    """A paragraph or several."""

    text: str


@dataclass(frozen=True)
class Table:
    head: tuple  # of str
    rows: tuple  # of tuples of str or Math


@dataclass(frozen=True)
class Facts:
    """Labels with a sentence each; those without one are left out."""

    items: tuple  # of (label, words)


@dataclass(frozen=True)
class Code:
    text: str
    language: str = "python"
    in_text: bool = True  # IPython's plain text has signature and docstring below ours anyway
    label: str = ""


@dataclass(frozen=True)
class Page:
    title: str
    kind: str = ""
    blocks: tuple = ()


# ----- Markdown -----
def markdown(page):
    name = re.sub(r"([<>*$`])", r"\\\1", page.title)  # a <lambda> would be taken for a tag
    title = f"### {name}" + (f" · {page.kind}" if page.kind else "")
    return "\n\n".join(filter(None, [title, *map(_markdown_block, page.blocks)]))


def _markdown_block(block):
    if isinstance(block, Words):
        return block.text
    if isinstance(block, Table):
        return _markdown_table(block) if block.rows else ""
    if isinstance(block, Facts):
        return "\n".join(f"- **{label}:** {words}" for label, words in block.items if words)
    return _fenced(block) if block.text else ""


def _fenced(code):
    """A fence longer than any in the text: docstrings may hold fences of their own."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", code.text)), default=0))
    label = f"**{code.label}**\n\n" if code.label else ""
    return f"{label}{fence}{code.language}\n{code.text}\n{fence}"


def _markdown_table(table):
    rule = ["---"] * len(table.head)
    rows = [table.head, rule, *([_cell(cell) for cell in row] for row in table.rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(cell):
    """A bare | or a line break would end the cell."""
    if isinstance(cell, Math):
        tex = cell.tex.replace(r"\left|", r"\left\vert ").replace(r"\right|", r"\right\vert ")
        return f"${tex}$" if tex else ""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(cell.split()))


# ----- plain text -----
def text(page):
    title = f"{page.title} ({page.kind})" if page.kind else page.title
    blocks = [_text_block(block) for block in page.blocks]
    return "\n\n".join([title, *filter(None, blocks)])


def _text_block(block):
    if isinstance(block, Words):
        return "\n\n".join(_wrapped("  ", p, 2) for p in _unmarked(block.text).split("\n\n"))
    if isinstance(block, Table):
        return _text_table(block) if block.rows else ""
    if isinstance(block, Facts):
        lines = [(label.lower(), _unmarked(words)) for label, words in block.items if words]
        return "\n".join(_wrapped(f"  {label:<{INDENT - 3}} ", w, INDENT) for label, w in lines)
    label = f"{block.label}\n\n" if block.label and block.text else ""
    return textwrap.indent(f"{label}{block.text}", "  ") if block.in_text else ""


def _wrapped(start, words, indent):
    return textwrap.fill(
        start + words, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _unmarked(words):
    """Without Markdown's marks: a link is its text."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", words)
    words = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"\1", words)
    words = re.sub(r"(?<!\w)\*(\w[^*]*)\*(?!\w)", r"\1", words.replace("**", ""))
    return words.replace("\\|", "|")


def _text_table(table):
    """Columns under each other; what has only a label and a cell reads as a list of facts."""
    rows = [[plain(c.tex) if isinstance(c, Math) else _unmarked(c) for c in r] for r in table.rows]
    if len(table.head) == 2:
        return "\n".join(_wrapped(f"  {k:<{INDENT - 3}} ", v, INDENT) for k, v in rows)
    told = [any(column) for column in zip(table.head, *rows, strict=True)]
    head, *rows = [[*compress(row, told)] for row in (table.head, *rows)]
    widths = _widths([head, *rows])
    lines = [head, ["-" * w for w in widths], *rows]
    return "\n".join(line for row in lines for line in _beside(row, widths))


def _widths(rows):
    """As wide as the longest cell; where that is too wide, the long columns share what is left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room, share = WIDTH - 2 * len(widths), 0
    while sum(widths) > room and share != max(widths):
        share = max(widths)
        long = [w for w in widths if w > room // len(widths)]
        most = (room - sum(w for w in widths if w not in long)) // max(len(long), 1)
        widths = [min(w, most) if w in long else w for w in widths]
    return [max(w, 1) for w in widths]


def _beside(row, widths):
    cells = [textwrap.wrap(cell, w, break_long_words=False, break_on_hyphens=False) or [""]
             for cell, w in zip(row, widths, strict=True)]  # fmt: skip
    for k in range(max(map(len, cells))):
        parts = [(c[k] if k < len(c) else "").ljust(w) for c, w in zip(cells, widths, strict=True)]
        yield ("  " + "  ".join(parts)).rstrip()
