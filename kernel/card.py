"""The card that `?` shows: a row of the table, arranged for reading. It states no mathematics."""

import functools
import inspect
import re
from dataclasses import dataclass

from . import lessons, spellings, textbook
from .made_of import rows_of
from .mask_words import batch_rule, mask_rule

NAMES = {1: ("x",), 2: ("a", "b"), 3: ("c", "a", "b")}
COMPARISONS = ("=", "<", ">", r"\ge", r"\le", r"\ne", r"\wedge", r"\vee", r"\neg")


@dataclass(frozen=True)
class Card:
    name: str
    kind: str
    spellings: tuple  # (form, PyTorch, JAX)
    formula: str  # LaTeX
    forward: str  # LaTeX: the tangent dy
    reverse: str  # LaTeX: the cotangents of the inputs
    letters: str  # LaTeX: what letters in these stand for
    made: str  # the rows that a composite is made of
    needs: str
    mask: str
    batch: str
    kinks: str
    differs: str
    pitfalls: str
    example: str
    lessons: tuple  # numbers
    where: str
    source: str


def card(row):
    """The card of a row, or None for None."""
    return None if row is None else _card(row)


@functools.lru_cache(maxsize=512)
def _card(row):
    return Card(
        name=row.name,
        kind=row.kind,
        spellings=spellings.table(row),
        formula=_equation(row),
        forward=forward(row),
        reverse=reverse(row),
        letters=textbook.letters(row),
        made=_made_of(row),
        needs=keeps(row),
        mask=mask_rule(row),
        batch=batch_rule(row),
        kinks=row.kinks,
        differs=spellings.differences(row),
        pitfalls=row.pitfalls,
        example=row.example,
        lessons=lessons.of_row(row),
        where=f"autodiff_lab/table/{row.section}:{row.line}",
        source=row.source(),
    )


def keeps(row):
    """What the reverse walk keeps alive."""
    if row.fast is not None:
        n = row.arity or len(row.cases[0][0]) if row.cases else row.arity or 1
        keep_y, keep_x = row.fast.keep((True,) * n)
        kept = ["its inputs"] * any(keep_x) + ["output y"] * keep_y
        fused = f"{' and '.join(kept) or 'nothing'} on PyTorch's fused way"
        return f"{fused}; else {_plainly(row)}"
    return _plainly(row)


def _plainly(row):
    if row.kind == "composite":
        return "what the rows it is made of keep"
    names = NAMES[row.arity] if row.is_pointwise else _inputs(row)
    keep_y, keep_x = row.keep((True,) * len(names))
    kept = [f"input {x}" for x, k in zip(names, keep_x, strict=True) if k and x[0] != "\\"]
    return ", ".join(kept + ["output y"] * keep_y) or "nothing"


def _equation(row):
    tex = row.formula
    if tex.startswith(("y =", "y_", "\\bar")) or (row.tex and " = " in row.tex):
        return tex
    return rf"y = \left({tex}\right)" if _compares(tex) else f"y = {tex}"


# ----- the derivative, both ways -----
def forward(row):
    if row.kind == "pointwise":
        return "dy = " + _sum(_times(p, f"d{x}") for p, x in _partials(row))
    if row.kind == "linear":
        return "dy = " + _call(row, *_tangents(row))
    if row.kind == "bilinear":
        a, b = _inputs(row)
        return "dy = " + _call(row, f"d{a}", b) + " + " + _call(row, a, f"d{b}")
    if row.kind == "constant":
        return r"dy = 0"
    return _stated(row)[0] or textbook.forward(row) or _follows(row)


def reverse(row):
    if row.kind == "pointwise":
        return r", \quad ".join(rf"\bar {x} = " + _times(p, "g") for p, x in _partials(row))
    if row.kind == "constant":
        return rf"\text{{{row.dtex or 'nothing flows back'}}}"
    return _stated(row)[1] or textbook.reverse(row) or _follows(row)


def _stated(row):
    """`(forward, reverse)` as the row's `dtex` has them: `dy = ...` and `\\bar x = ...`.

    What is neither defines a letter, and goes with what stands before it. One piece alone is the
    cotangent of the one input.
    """
    sides = {"d": [], "b": []}
    side = sides["b"]
    for piece in filter(None, row.dtex.split(r", \quad ")):
        known = re.match(r"(d)[A-Za-z](?:_\w)? =|\\(b)ar [^=]*=", piece)
        side = sides[next(filter(None, known.groups()))] if known else side
        alone = not known and not side and len(_inputs(row)) == 1
        side.append(rf"\bar x = {piece}" if alone else piece)
    return tuple(r", \quad ".join(side) for side in sides.values())


def _partials(row):
    return list(zip(row.partials, NAMES[row.arity], strict=True))


def _inputs(row):
    """The names that the row itself gives its inputs."""
    code = row.fn.__code__
    names = list(code.co_varnames[1 : code.co_argcount])
    if code.co_flags & inspect.CO_VARARGS:
        name = code.co_varnames[code.co_argcount + code.co_kwonlyargcount].removesuffix("s")
        names += [f"{name}_1", f"{name}_2", r"\ldots"]
    return names


def _tangents(row):
    names = _inputs(row)
    live = range(len(names)) if row.linear_in == "all" else row.linear_in
    return [f"d{x}" if i in live and x[0] != "\\" else x for i, x in enumerate(names)]


def _call(row, *inputs):
    name = row.name.replace("_", " ")
    return rf"\operatorname{{{name}}}\left({', '.join(inputs)}\right)"


def _follows(row):
    if row.kind == "composite":
        return r"\text{follows from the rows that it is made of}"
    return r"\text{stated in the row: ask ?? to read it}"


def _made_of(row):
    if row.kind != "composite":
        return ""
    names = [f"`{name}`" for name in rows_of(row.name)]
    known = "; the derivative follows from theirs, and above is the textbook's form of it"
    return ", ".join([*names, "arithmetic"]) + (known if textbook.reverse(row) else "")


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
