"""A MaskedBatch: a row for each example, what is its own filled, what is padding left empty.

How much of the work goes into padding is the number of `ml.waste`, which this draws.
"""

import math
from dataclasses import dataclass

from ..plots.drawing import Drawing
from ..plots.scene import Scene, width_of
from ..values import number, numpy_of

MOST_ROWS, MOST_COLUMNS, WRITTEN = 40, 64, 12


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
    left_out: int
    each: int  # entries that one cell stands for
    shape: str
    waste: str
    title: str = "Batch"

    @property
    def alt(self):
        told = f"{len(self.examples) + self.left_out} rows of shape {self.shape}: {self.waste}."
        told += f" {self.left_out} rows are left out." if self.left_out else ""
        each = f" Each cell stands for {self.each} entries." if self.each > 1 else ""
        return told + each

    def data(self):
        rows = [{**vars(r), "words": list(r.words)} for r in self.examples]
        return {"kind": "batch", "alt": self.alt, "each": self.each, "rows": rows}

    def rows(self):
        heads = ["example", "own entries", "padding", "mask"]
        rows = [[r.name, r.valid, r.padded - r.valid, r.mask] for r in self.examples]
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
    shape = f"({', '.join('ragged' if n is None else str(n) for n in batch.shape[1:])})"
    return Batch(rows, left_out, each, shape, str(ml.waste(batch)))


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
        drawn.text(left - 8, y + tall - 6, f"example {r.name}", "faint", "end")
        for c, sign in enumerate(r.mask):
            own = sign == "#"
            drawn.rect(left + c * wide + 0.5, y, wide - 1, tall - 3, "c0" if own else "none", k,
                       **{"fill-opacity": ".45"} if own else {"stroke-dasharray": "2 2"},
                       stroke="#767676")  # fmt: skip
            if own and r.words:
                x = left + (c + 0.5) * wide
                drawn.text(x, y + tall - 6, r.words[c], "ink", "middle")
        drawn.text(right, y + tall - 6, f"{r.valid} of {r.padded}", "faint")
    drawn.rect(left, height, 12, 12, "c0", **{"fill-opacity": ".45"}, stroke="#767676")
    drawn.text(left + 18, height + 11, "own entries")
    drawn.rect(left + 100, height, 12, 12, "none", **{"stroke-dasharray": "2 2"}, stroke="#767676")
    drawn.text(left + 118, height + 11, "padding")
    return drawn
