"""The card that `?` shows: a row of the table, arranged for reading. It states no mathematics."""

import re
from dataclasses import dataclass
from itertools import zip_longest

NAMES = {1: ("x",), 2: ("a", "b"), 3: ("c", "a", "b")}
COMPARISONS = ("=", "<", ">", r"\ge", r"\le", r"\ne", r"\wedge", r"\vee", r"\neg")
FILLS = {"lowest": "the lowest value of the dtype", "highest": "the highest value of the dtype"}


@dataclass(frozen=True)
class Card:
    name: str
    kind: str
    spellings: tuple  # pairs: PyTorch | JAX
    formula: str  # LaTeX
    forward: str  # LaTeX: the tangent dy
    reverse: str  # LaTeX: the cotangents of the inputs
    needs: str
    mask: str
    kinks: str
    pitfalls: str
    example: str
    lesson: str
    where: str
    source: str


def card(row):
    """The card of a row, or None for None."""
    if row is None:
        return None
    return Card(
        name=row.name,
        kind=row.kind,
        spellings=tuple(zip_longest(row.torch, row.jax, fillvalue="")),
        formula=_equation(row.formula),
        forward=forward(row),
        reverse=reverse(row),
        needs=row.needs,
        mask=mask_rule(row),
        kinks=row.kinks,
        pitfalls=row.pitfalls,
        example=row.example,
        lesson=row.lesson,
        where=f"autodiff_lab/table/{row.section}:{row.line}",
        source=row.source(),
    )


def _equation(tex):
    if tex.startswith(("y =", "y_", "\\bar")):
        return tex
    return rf"y = \left({tex}\right)" if _compares(tex) else f"y = {tex}"


# ----- the derivative, both ways -----
def forward(row):
    if row.kind == "pointwise":
        return "dy = " + _sum(_times(p, f"d{x}") for p, x in _partials(row))
    if row.kind == "linear":
        return "dy = " + _call(row, *_tangents(row))
    if row.kind == "bilinear":
        return "dy = " + _call(row, "da", "b") + " + " + _call(row, "a", "db")
    if row.kind == "constant":
        return r"dy = 0"
    return _follows(row)


def reverse(row):
    if row.kind == "pointwise":
        return r", \quad ".join(rf"\bar {x} = " + _times(p, "g") for p, x in _partials(row))
    if row.dtex and r"\bar" not in row.dtex and row.kind in ("linear", "general"):
        return rf"\bar x = {row.dtex}"
    if row.kind == "constant":
        return rf"\text{{{row.dtex or 'nothing flows back'}}}"
    return row.dtex or _follows(row)


def _partials(row):
    return list(zip(row.partials, NAMES[row.arity], strict=True))


def _tangents(row):
    names = NAMES.get(row.arity, ("x_1", "x_2", r"\ldots"))
    live = range(len(names)) if row.linear_in == "all" else row.linear_in
    return [f"d{x}" if i in live and x[0] != "\\" else x for i, x in enumerate(names)]


def _call(row, *inputs):
    name = row.name.replace("_", " ")
    return rf"\operatorname{{{name}}}\left({', '.join(inputs)}\right)"


def _follows(row):
    if row.kind == "composite":
        return r"\text{follows from the rows it is made of: ask ?? to read them}"
    return r"\text{stated in the row: ask ?? to read it}"


def _times(partial, factor):
    """`partial` times `factor`, in LaTeX, with brackets where the partial is a sum."""
    if partial in ("1", "-1"):
        return partial[:-1] + factor
    outside = _outermost(partial)
    if partial[0] == "-" or " + " in outside or " - " in outside or _compares(partial):
        partial = rf"\left({partial}\right)"
    return rf"{partial} \, {factor}"


def _compares(tex):
    return any(sign in _outermost(tex).split() for sign in COMPARISONS)


def _outermost(tex):
    """The LaTeX outside of all braces, brackets and cases."""
    depth, out = 0, []
    for c in re.sub(r"\\begin{cases}.*?\\end{cases}", "", tex):
        depth -= c in ")}"
        out.append(c if depth == 0 else "")
        depth += c in "({"
    return "".join(out)


def _sum(terms):
    return " + ".join(terms).replace("+ -", "- ")


# ----- the mask rule, in words -----
def mask_rule(row):
    if row.kind == "composite":
        return "Follows from the rows it is made of."
    if row.identity is not None:
        return (
            f"Dead entries are replaced with {_fill(row.identity)} before they are reduced, "
            "so they change nothing."
        )
    if row.arity == 0:
        return "No input, so no mask: the sizes it reads are the example's own."
    if not row.elementwise:
        return "The mask moves with the data."
    return "Valid where every input is valid." + _replaced(row)


def _replaced(row):
    if row.kind != "pointwise" or all(p in ("1", "-1") for p in row.partials):
        return ""
    return f" Dead entries are replaced with {_fill(row.safe)} before they enter."


def _fill(value):
    return FILLS.get(value) or f"{value:g}"
