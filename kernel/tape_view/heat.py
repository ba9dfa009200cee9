"""A value as a small grid of signs and sizes: the heat map that a click on a node opens.

One letter per cell: `M` is zero, towards `A` more negative and towards `Y` more positive, relative
to the largest entry; `!` is NaN and `^` is infinite. Of a larger array every k-th row and column is
taken, and the map says so.
"""

from math import log10
from typing import NamedTuple

from ..values import number, numpy_of

STEPS = 12  # on either side of zero
TURNS = 48  # of a loop, in one strip


class Heat(NamedTuple):
    rows: int
    columns: int
    cells: str
    scale: str  # what the strongest colour stands for
    shown: str  # which entries the cells are


def heat(value, cells):
    """The map of an array in at most so many cells; None for what has no entries to see."""
    import numpy as np

    array = numpy_of(value) if cells and value is not None else None
    if array is None or array.dtype.kind not in "biuf" or array.size < 2:
        return None
    grid = array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(1, -1)
    rows, columns = _fit(*grid.shape, cells)
    i = np.linspace(0, grid.shape[0] - 1, rows).astype(int)
    j = np.linspace(0, grid.shape[1] - 1, columns).astype(int)
    picked = grid[np.ix_(i, j)].astype("float64")
    finite = picked[np.isfinite(picked)]
    most = np.abs(finite).max().item() if finite.size else 0.0
    shown = "" if picked.size == array.size else f"{picked.size} of {array.size} entries"
    return Heat(rows, columns, _letters(np, picked, most), f"±{number(most)}", shown)


def strip(sizes):
    """The sizes of the turns of a loop as one row, by powers of ten: vanishing is seen to fade."""
    each = -(-len(sizes) // TURNS)
    picked = [max(sizes[i : i + each]) for i in range(0, len(sizes), each)]
    known = [log10(s) for s in picked if s]
    if not known:
        return None
    low, high = min(known), max(known)
    span = max(high - low, 1)
    levels = [round(STEPS * (1 - (high - log10(s)) / span)) if s else 0 for s in picked]
    letters = "".join(chr(ord("M") + max(0, k)) for k in levels)
    scale = f"{number(10**low)} to {number(10**high)}"
    return Heat(1, len(picked), letters, scale, f"{len(sizes)} turns")


def _fit(rows, columns, cells):
    """Whole rows if they fit, else a grid of about the array's form."""
    if rows * columns <= cells:
        return rows, columns
    if columns * min(rows, 4) <= cells:
        return cells // columns, columns
    columns = min(columns, max(1, int((cells * columns / rows) ** 0.5), cells // rows))
    columns = min(columns, cells)
    return min(rows, max(1, cells // columns)), columns


def _letters(np, picked, most):
    safe = np.nan_to_num(picked, nan=0.0, posinf=0.0, neginf=0.0)
    level = np.rint(safe / most * STEPS).astype(int) if most else np.zeros(picked.shape, int)
    letters = np.vectorize(lambda k: chr(ord("M") + k))(level)
    letters = np.where(np.isnan(picked), "!", np.where(np.isinf(picked), "^", letters))
    return "".join(letters.ravel())
