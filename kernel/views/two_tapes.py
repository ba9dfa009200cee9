"""Two tapes side by side, and where they part: the same program on torch and on jax, say.

The nodes are lined up by what they did (operation and shape, the longest common run first); then
the values of those that meet are compared, and their adjoints where both were computed.
"""

import difflib
from dataclasses import dataclass

from ..plots.drawing import Drawing
from ..plots.scene import Scene, width_of
from ..tape_view.names import labels
from ..values import number, numpy_of, short

TOLERANCE = {"float64": 1e-9, "float32": 1e-4, "float16": 1e-2, "complex128": 1e-9}
LOOSE = 1e-2  # bfloat16 and its like
MOST = 120  # rows; of longer tapes those around the first difference
TALL, COLUMN = 24, 330


@dataclass(frozen=True)
class Row:
    left: str
    left_value: str
    right: str
    right_value: str
    verdict: str  # "" where they agree


@dataclass(frozen=True, repr=False)
class Comparison(Drawing):
    """What `compare` returns; displays itself, and is true if no difference was found."""

    heads: tuple
    lines: tuple
    first: int | None  # the row of the first difference
    skipped: int  # rows left out before the first that is shown
    left_out: int
    title: str = "Two tapes"
    where: str = "at every node"

    def __bool__(self):
        return self.first is None

    @property
    def alt(self):
        a, b = self.heads
        if self.first is None:
            told = f"{a} and {b} agree {self.where}."
        else:
            row = self.lines[self.first - self.skipped]
            told = f"{a} and {b} part in row {self.first}: {row.verdict}."
        return told + (f" {self.left_out} rows are left out." if self.left_out else "")

    def data(self):
        return {"kind": "compare", "alt": self.alt, "heads": list(self.heads),
                "rows": [vars(line) for line in self.lines], "first": self.first}  # fmt: skip

    def rows(self):
        a, b = self.heads
        heads = ["", a, "value", b, "value", "difference"]
        rows = [
            [self.skipped + k, r.left, r.left_value, r.right, r.right_value,
             ("FIRST: " if self.skipped + k == self.first else "") + r.verdict]
            for k, r in enumerate(self.lines)
        ]  # fmt: skip
        return heads, rows

    def scene(self):
        return _scene(self)


def compare(a, b):
    """Draw two tapes side by side and mark the first difference between them.

    >>> import torch, jax.numpy as jnp, autodiff_lab as ad
    >>> from kernel import compare
    >>> one = ad.record(lambda x: torch.tanh(x) * 2, torch.tensor(0.5))
    >>> two = ad.record(lambda x: jnp.tanh(x) * 2, jnp.array(0.5))
    >>> print(compare(one, two).alt)
    torch and jax agree at every node.
    """
    for tape in (a, b):
        if not hasattr(tape, "nodes"):
            raise TypeError(
                "compare() takes two tapes, as ad.record(f, *args) makes them, "
                f"and got {type(tape).__name__}"
            )
    names = (a.framework, b.framework) if a.framework != b.framework else ("first", "second")
    told = labels(a), labels(b)
    lines = [_row(x, y, names, told) for x, y in _lined_up(a.nodes, b.nodes)]
    first = next((k for k, row in enumerate(lines) if row.verdict), None)
    start = max(0, (first or 0) - MOST // 2) if len(lines) > MOST else 0
    shown = tuple(lines[start : start + MOST])
    return Comparison(names, shown, first, start, len(lines) - len(shown))


def _lined_up(left, right):
    """Pairs of nodes; None where one side has nothing."""
    keys = [[(n.op, tuple(n.shape)) for n in nodes] for nodes in (left, right)]
    matcher = difflib.SequenceMatcher(None, *keys, autojunk=False)
    for what, i, i_end, j, j_end in matcher.get_opcodes():
        if what in ("equal", "replace"):
            both = min(i_end - i, j_end - j)
            yield from zip(left[i : i + both], right[j : j + both], strict=True)
            i, j = i + both, j + both
        yield from ((n, None) for n in left[i:i_end])
        yield from ((None, n) for n in right[j:j_end])


def _row(a, b, names, labels):
    pairs = zip((a, b), labels, strict=True)
    told = [part for n, known in pairs for part in (_label(n, known), _value(n))]
    return Row(*told, _verdict(a, b, names))


def _label(node, known):
    if node is None:
        return ""
    name = known[node.index]
    if node.op in ("input", "constant"):
        return f"{name}: {node.op} {_shape(node)}"
    inputs = ", ".join(_operand(p, known) for p in node.parents)
    return f"{name} = {node.op}({inputs}) {_shape(node)}"


def _operand(node, known):
    if node.index is not None:
        return known[node.index]
    return "const" if node.value is None else short(node.value)


def _shape(node):
    dtype = str(node.dtype).removeprefix("torch.")
    return f"{dtype}{list(node.shape)}"


def _value(node):
    return "" if node is None or node.value is None else short(node.value)


# ----- where they part -----
def _verdict(a, b, names):
    """What is different, in words; nothing if the two nodes agree."""
    if a is None or b is None:
        there, missing = (names[1], names[0]) if a is None else names
        node = a or b
        return f"{there} has {node.op} here, {missing} has nothing"
    if a.op != b.op:
        return f"{a.op} on {names[0]}, {b.op} on {names[1]}"
    if tuple(a.shape) != tuple(b.shape):
        return f"shape {tuple(a.shape)} on {names[0]}, {tuple(b.shape)} on {names[1]}"
    told = numbers_differ(a.value, b.value, names, "value")
    if told or a.adjoint is None or b.adjoint is None:
        return told
    return numbers_differ(a.adjoint, b.adjoint, names, "adjoint")


def numbers_differ(a, b, names, what):
    """The first entry in which two arrays differ, in words; nothing if there is none."""
    import numpy as np

    x, y = numpy_of(a), numpy_of(b)
    if x is None or y is None or not {x.dtype.kind, y.dtype.kind} <= set("biufc"):
        return ""
    if x.shape != y.shape:
        return f"{what}: shape {x.shape} on {names[0]}, {y.shape} on {names[1]}"
    tolerance = max(_tolerance(a), _tolerance(b))
    same = np.isclose(x, y, rtol=tolerance, atol=tolerance * 1e-2, equal_nan=True)
    if same.all():
        return ""
    place = tuple(int(i) for i in np.argwhere(~same)[0])
    at = f" at {list(place)}" if place else ""
    wrong = int((~same).sum())
    more = f", {wrong} of {same.size} entries differ" if same.size > 1 else ""
    pair = [number(v[place].item()) for v in (x, y)]
    if pair[0] == pair[1]:
        pair = [repr(v[place].item()) for v in (x, y)]
    return f"{what}{at}: {pair[0]} on {names[0]}, {pair[1]} on {names[1]}{more}"


def _tolerance(value):
    dtype = str(getattr(value, "dtype", "float64")).removeprefix("torch.")
    exact = dtype.startswith(("int", "uint", "bool"))
    return 0.0 if exact else TOLERANCE.get(dtype, 1e-4 if dtype == "complex64" else LOOSE)


# ----- the picture -----
def _scene(picture):
    cut = COLUMN // 7
    drawn = Scene(2 * COLUMN + 70, 44 + TALL * len(picture.lines) + 24)
    for x, name in zip((10, COLUMN + 60), picture.heads, strict=True):
        drawn.text(x, 20, name, style="font-weight:700")
    for k, r in enumerate(picture.lines):
        y = 32 + k * TALL
        for x, told, value in ((10, r.left, r.left_value), (COLUMN + 60, r.right, r.right_value)):
            if not told:
                drawn.text(x + 6, y + 15, "nothing here", "faint", at=k, style="font-style:italic")
                continue
            drawn.rect(x, y, COLUMN, TALL - 4, "card", k, stroke="#767676", rx=4)
            words = f"{told} = {value}" if value else told
            drawn.text(x + 6, y + 15, words if len(words) <= cut else words[: cut - 1] + "\u2026")
        sign, colour = ("\u2260", "bad") if r.verdict else ("=", "faint")
        drawn.text(COLUMN + 35, y + 16, sign, colour, "middle", style="font-size:15px")
    if picture.first is not None:
        y = 32 + (picture.first - picture.skipped) * TALL
        drawn.frame(6, y - 3, 2 * COLUMN + 58, TALL + 2, "bad", **{"stroke-width": 2}, rx=6)
    verdict = picture.alt
    drawn.width = max(drawn.width, width_of(verdict) + 20)
    drawn.text(10, drawn.height - 8, verdict, "ink" if picture else "bad")
    return drawn
