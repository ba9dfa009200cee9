"""A card as Markdown (JupyterLab, VS Code, Colab) and as plain text (terminals, screen readers)."""

import textwrap

from .tex import plain

LABELS = (
    ("Reverse keeps", "needs"),
    ("Masked", "mask"),
    ("At kinks", "kinks"),
    ("Take care", "pitfalls"),
)


# ----- Markdown -----
def markdown(card, source=False):
    parts = [
        f"### {card.name} · {card.kind}",
        _spelling_table(card),
        _maths_table(card),
        "\n".join(f"- **{label}:** {text}" for label, text in _facts(card)),
        f"Checked: `{card.example}`" if card.example else "",
        _footer(card),
        f"```python\n{card.source}\n```" if source and card.source else "",
    ]
    return "\n\n".join(p for p in parts if p)


def _spelling_table(card):
    rows = [f"| {_code(a)} | {_code(b)} |" for a, b in card.spellings]
    return "\n".join(["| PyTorch | JAX |", "|---|---|", *rows])


def _maths_table(card):
    rows = (("formula", card.formula), ("forward", card.forward), ("reverse", card.reverse))
    return "\n".join(["| | |", "|---|---|", *(f"| {k} | ${_cell(tex)}$ |" for k, tex in rows)])


def _code(spelling):
    return f"`{spelling}`" if spelling else ""


def _cell(tex):
    """LaTeX inside a Markdown table: a bare | would end the cell."""
    return tex.replace(r"\left|", r"\left\vert ").replace(r"\right|", r"\right\vert ")


def _facts(card):
    return [(label, getattr(card, field)) for label, field in LABELS if getattr(card, field)]


def _footer(card):
    lesson = f"Lesson: [{card.lesson}]({card.lesson}) · " if card.lesson else ""
    return f"{lesson}stated once, in `{card.where}`"


# ----- plain text -----
def text(card, source=False):
    lines = [f"{card.name} ({card.kind})", "", *_spelling_lines(card), ""]
    maths = [("formula", card.formula), ("forward", card.forward), ("reverse", card.reverse)]
    lines += [_entry(label, plain(tex)) for label, tex in maths]
    lines += [_entry(label.lower(), words) for label, words in _facts(card)]
    lines += [_entry("checked", card.example)] if card.example else []
    lines += [_entry("lesson", card.lesson)] if card.lesson else []
    lines += [_entry("stated in", card.where)]
    lines += ["", card.source] if source and card.source else []
    return "\n".join(lines)


def _spelling_lines(card):
    width = max([len("PyTorch"), *(len(a) for a, _ in card.spellings)])
    pairs = [("PyTorch", "JAX"), ("-" * width, "-" * width), *card.spellings]
    return [f"  {a:<{width}}  {b}".rstrip() for a, b in pairs]


def _entry(label, words):
    return textwrap.fill(f"  {label:<14}{words}", 88, subsequent_indent=" " * 16)
