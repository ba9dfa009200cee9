"""A MaskedBatch: a row for each example, what is its own filled, what is padding left empty.

How much of the work goes into padding is the number of `ml.waste`, which this draws.
"""

import itertools
import math
from dataclasses import dataclass

from ..plots.drawing import Drawing
from ..plots.scene import Scene, short, width_of
from ..values import number, numpy_of

MOST_ROWS, MOST_COLUMNS, WRITTEN = 40, 64, 12
OWN, PADDING = {"fill-opacity": ".45"}, {"stroke-dasharray": "2 2"}


@dataclass(frozen=True)
class Row:
    name: str
    valid: int
    padded: int
    mask: str  # "#" is valid, "." is padding; of long ones each sign stands for several entries
    words: tuple  # the entries themselves, where there is room


@dataclass(frozen=True, repr=False)
class Batch(Drawing):
    """What `show(batch)` draws."""

    examples: tuple
    count: int
    left_out: int
    each: int  # entries that one cell stands for
    shape: str
    waste: str
    title: str = "Batch"

    @property
    def alt(self):
        told = f"{self.count} rows of shape {self.shape}: {self.waste}."
        told += f" {self.left_out} rows are left out." if self.left_out else ""
        each = f" Each cell stands for {self.each} entries." if self.each > 1 else ""
        return told + each

    def data(self):
        rows = [{**vars(r), "words": list(r.words)} for r in self.examples]
        return {"kind": "batch", "alt": self.alt, "each": self.each, "rows": rows}

    def rows(self):
        heads = ["example", "own entries", "padding", "mask"]
        rows = [[r.name, r.valid, r.padded - r.valid, r.mask] if r.padded else [r.name, "", "", ""]
                for r in self.examples]  # fmt: skip
        return heads, rows

    def scene(self):
        return _scene(self)


def batch_view(batch):
    """The view of a MaskedBatch. Nested raggedness has a row for each outer entry."""
    import masking_lab as ml

    mask = numpy_of(batch.mask)
    mask = mask.reshape(len(batch), -1) if mask.ndim == 1 else mask
    names, flat = _rows_of(mask)
    words = _words(batch, mask, flat.shape[1] if flat.size else 0)
    chosen, left_out = _chosen(len(names))
    each = max(1, math.ceil(flat.shape[1] / MOST_COLUMNS))
    rows = tuple(
        Row(names[k], int(flat[k].sum()), flat.shape[1], _signs(flat[k], each),
            words[k] if words else ())
        for k in chosen
    )  # fmt: skip
    if left_out:
        gap = Row(f"... {left_out} more ...", 0, 0, "", ())
        rows = rows[: MOST_ROWS // 2] + (gap,) + rows[MOST_ROWS // 2 :]
    shape = f"({', '.join('ragged' if n is None else str(n) for n in batch.shape[1:])})"
    return Batch(rows, len(names), left_out, each, shape, str(ml.waste(batch)))


def _rows_of(mask):
    """The mask as a matrix, and what each of its rows is called."""
    import numpy as np

    names = [", ".join(map(str, index)) for index in np.ndindex(mask.shape[:-1])]
    return names, mask.reshape(len(names), mask.shape[-1])


def _words(batch, mask, columns):
    """The entries, where each is one number and all can be read."""
    data = numpy_of(batch.data)
    if columns > WRITTEN or data is None or data.shape != mask.shape:
        return ()
    flat, keep = data.reshape(-1, data.shape[-1]).tolist(), mask.reshape(-1, mask.shape[-1])
    return [tuple(number(v) if k else "" for v, k in zip(*pair, strict=True))
            for pair in zip(flat, keep, strict=True)]  # fmt: skip


def _chosen(count):
    if count <= MOST_ROWS:
        return range(count), 0
    half = MOST_ROWS // 2
    return [*range(half), *range(count - half, count)], count - MOST_ROWS


def _signs(row, each):
    return "".join("#" if row[k : k + each].any() else "." for k in range(0, len(row), each))


# ----- the picture -----
def _scene(picture):
    columns = max((len(r.mask) for r in picture.examples), default=0)
    longest = max((width_of(w) for r in picture.examples for w in r.words), default=0)
    wide = max(12 if columns <= 40 else 8, longest + 10 if longest else 0)
    tall = 20 if len(picture.examples) <= 20 else 12
    left = 20 + max((width_of(r.name) for r in picture.examples), default=0) + 55
    right = left + columns * wide + 8
    told = width_of(picture.waste)
    height = 46 + len(picture.examples) * tall
    drawn = Scene(max(right + 90, left + 200, told + 20), height + 30)
    drawn.text(10, 18, picture.waste[0].upper() + picture.waste[1:], style="font-weight:700")
    for k, r in enumerate(picture.examples):
        y = 30 + k * tall
        name = f"example {r.name}" if r.padded else r.name
        drawn.text(left - 8, y + tall - 6, name, "faint", "end")
        for own, c, count in _runs(r.mask):
            look = OWN if own else PADDING
            place = left + c * wide, y, count * wide, tall - 3
            drawn.rect(*place, "c0" if own else "none", k, stroke="#767676", **look)
            if own and not r.words:
                drawn.path(_ticks(*place, wide), "s-rim")
        for c, word in enumerate(r.words):
            drawn.text(left + (c + 0.5) * wide, y + tall - 6, word, "ink", "middle")
        told = f"{r.valid} of {r.padded}" if r.padded else ""
        drawn.text(right, y + tall - 6, told, "faint")
    drawn.rect(left, height, 12, 12, "c0", stroke="#767676", **OWN)
    drawn.text(left + 18, height + 11, "own entries")
    drawn.rect(left + 100, height, 12, 12, "none", stroke="#767676", **PADDING)
    drawn.text(left + 118, height + 11, "padding")
    return drawn


def _runs(mask):
    """`(own, start, count)` for each run of equal signs."""
    at = 0
    for sign, run in itertools.groupby(mask):
        count = len(list(run))
        yield sign == "#", at, count
        at += count


def _ticks(x, y, w, h, wide):
    """Where one cell ends and the next begins."""
    return "".join(f"M{short(x + k * wide)} {y}v{h}" for k in range(1, round(w / wide)))
