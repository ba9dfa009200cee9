"""Shapes as types: `(A,B),(B,C)->(A,C)`.

A dim is a letter, a number, or a product or sum of letters. Two signatures are the same if they
differ in the names of their letters only; `canonical` names them in the order of their appearance.
"""

import itertools
import re
import string
from dataclasses import dataclass

LETTERS = string.ascii_uppercase
ARROW = re.compile(r"->|=>|→|⇒")
GROUP = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
DIM = re.compile(r"^(\.\.\.|\*\w*|\d+|[A-Za-z_]\w*|\w+([+*]\w+)+)$")
ASKS = re.compile(r"[(\[].*(->|=>|→|⇒)")
REST = re.compile(r"^[\s,?.]*$")
LEAD = ("...", "*")


class NotShapes(ValueError):
    """One sentence: what of a shape query is not understood."""


@dataclass(frozen=True)
class Signature:
    inputs: tuple  # of tuples of dims; a dim is a number or a string such as "A", "A*B", "A+B"
    outputs: tuple

    def __str__(self):
        return "->".join(",".join(map(_written, side)) for side in (self.inputs, self.outputs))


def _written(shape):
    return f"({','.join(map(str, shape))})"


def is_query(text):
    """Whether somebody asks by shape: `(A,B)->(B,A)`, with words around it or without."""
    return bool(ASKS.search(text))


def parse(text):
    """The signature that is asked for. Words around it are left aside."""
    left, _, right = re.split(f"({ARROW.pattern})", text, maxsplit=1)
    inputs = [_dims(g) for g in GROUP.findall(left)]
    outputs = [_dims(g) for g in GROUP.findall(right)]
    rest = GROUP.sub("", left), GROUP.sub("", right)
    if not inputs or not outputs or "(" in rest[0] or not REST.match(rest[1]):
        raise NotShapes("A shape query reads `(A,B),(B,C)->(A,C)`: each shape in brackets.")
    return Signature(tuple(inputs), tuple(outputs))


def _dims(text):
    found = tuple(part.replace(" ", "") for part in text.split(",") if part.strip())
    for dim in found:
        if not DIM.match(dim):
            raise NotShapes(f"`{dim}` is no dim: `N`, `12`, `A*B`, `A+B` and `...` are.")
    return tuple(int(d) if d.isdigit() else d for d in found)


# ----- letters -----
def letters(dim):
    """The letters in a dim, in their order."""
    return re.findall(r"[A-Za-z_]\w*", dim) if isinstance(dim, str) else []


def unknown_sizes(signature):
    """The letters that come out and never went in."""
    known = {v for shape in signature.inputs for d in shape for v in letters(d)}
    new = dict.fromkeys(v for shape in signature.outputs for d in shape for v in letters(d))
    return [v for v in new if v not in known]


def renamed(signature, names):
    """With other letters; a product or sum is written in alphabetical order."""

    def dim(d):
        if not isinstance(d, str):
            return d
        new = re.sub(r"[A-Za-z_]\w*", lambda m: str(names.get(m[0], m[0])), d)
        sign = "*" if "*" in new else "+" if "+" in new else None
        return sign.join(sorted(new.split(sign))) if sign else int(new) if new.isdigit() else new

    sides = (signature.inputs, signature.outputs)
    return Signature(*(tuple(tuple(map(dim, shape)) for shape in side) for side in sides))


def canonical(signature):
    """With the letters A, B, C, ... in the order in which the inputs show them."""
    dims = itertools.chain(*signature.inputs, *signature.outputs)
    seen = dict.fromkeys(v for d in dims for v in letters(d))
    return renamed(signature, dict(zip(seen, LETTERS, strict=False)))


def variants(signature):
    """What a query may mean: `...` stands for one leading dim or none, numbers for letters.

    Numbers other than 1 are the sizes of the asker's own arrays; in the output, 12 may be 3 * 4.
    """
    dims = list(itertools.chain(*signature.inputs, *signature.outputs))
    if any(str(d).startswith(LEAD) for d in dims):
        for lead in (("LEAD",), ()):
            yield from variants(_with_lead(signature, lead))
        return
    yield signature
    sizes = sorted({d for shape in signature.inputs for d in shape if isinstance(d, int)} - {0, 1})
    if sizes:
        yield _with_letters(signature, {size: f"SIZE{size}" for size in sizes})


def _with_lead(signature, lead):
    def shape(dims):
        return tuple(new for d in dims for new in (lead if str(d).startswith(LEAD) else (d,)))

    return Signature(tuple(map(shape, signature.inputs)), tuple(map(shape, signature.outputs)))


def _with_letters(signature, names):
    made = dict(names)
    for a, b in itertools.combinations(sorted(names), 2):
        made.setdefault(a * b, f"{names[a]}*{names[b]}")
        made.setdefault(a + b, f"{names[a]}+{names[b]}")

    def side(shapes, told):
        return tuple(tuple(told.get(d, d) for d in shape) for shape in shapes)

    return Signature(side(signature.inputs, names), side(signature.outputs, made))


# ----- one signature as a case of another -----
def matches(general, asked):
    """Whether `asked` is `general` with letters put in: "exact", "special" or "" for no."""
    names: dict = {}
    if len(general.inputs) != len(asked.inputs) or len(general.outputs) != len(asked.outputs):
        return ""
    for ours, theirs in zip(general.inputs, asked.inputs, strict=True):
        if len(ours) != len(theirs):
            return ""
        for a, b in zip(ours, theirs, strict=True):
            if not isinstance(a, str):
                if a != b:
                    return ""
            elif names.setdefault(a, b) != b:
                return ""
    if renamed(general, names).outputs != renamed(asked, {}).outputs:
        return ""
    one_to_one = len(set(names.values())) == len(names)
    return "exact" if one_to_one and all(isinstance(v, str) for v in names.values()) else "special"


def einsum(signature):
    """The same as letters of `einsum`, or None where it cannot say this."""
    (*others,) = signature.outputs[1:]
    dims = [d for shape in (*signature.inputs, *signature.outputs) for d in shape]
    output = signature.outputs[0]
    known = {d for shape in signature.inputs for d in shape}
    if (
        others
        or not known
        or len(set(output)) < len(output)
        or not set(output) <= known
        or len(known) > 26
    ):
        return None
    if not all(isinstance(d, str) and letters(d) == [d] for d in dims) or len(signature.inputs) > 4:
        return None
    names = dict(zip(dict.fromkeys(dims), string.ascii_lowercase, strict=False))
    spelled = ["".join(names[d] for d in shape) for shape in (*signature.inputs, output)]
    return ",".join(spelled[:-1]) + "->" + spelled[-1]
