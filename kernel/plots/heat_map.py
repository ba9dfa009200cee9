"""Heat maps: a matrix as colours. Blue is negative, orange is positive, the card's own is zero.

How strong a colour is says how large the entry is, relative to the largest; so one picture serves
light and dark pages. Small matrices are written out too. Of a matrix too large to be drawn entry by
entry each cell stands for a block, and shows its largest entry.
"""

import math
from dataclasses import dataclass

from ..values import number, numpy_of
from .drawing import Drawing

MOST = 64  # cells along a side


@dataclass(frozen=True, repr=False)
class Heat(Drawing):
    """Made by `plots.heat`; displays itself."""

    values: tuple  # rows of numbers; None where there is no entry at all
    row_names: tuple
    column_names: tuple
    title: str = ""
    xlabel: str = ""
    ylabel: str = ""
    block: tuple = (1, 1)  # how many entries a cell stands for, down and across
    shape: tuple = ()
    told: str = ""

    @property
    def alt(self):
        return self.told or described(self)

    def data(self):
        values = [
            [v if v is None or math.isfinite(v) else number(v) for v in r] for r in self.values
        ]
        return {
            "kind": "heat", "title": self.title, "alt": self.alt, "xlabel": self.xlabel,
            "ylabel": self.ylabel, "rows": list(self.row_names), "shape": list(self.shape),
            "columns": list(self.column_names), "values": values, "block": list(self.block),
        }  # fmt: skip

    def rows(self):
        rows = [
            [name, *("none" if v is None else number(v) for v in row)]
            for name, row in zip(self.row_names, self.values, strict=True)
        ]
        return ["", *self.column_names], rows

    def largest(self):
        return max((abs(v) for r in self.values for v in r if v is not None and math.isfinite(v)),
                   default=0.0)  # fmt: skip

    def scene(self):
        from .heat_svg import scene

        return scene(self)

    def figure(self):
        from .heat_svg import Grid

        if Grid(self).written:  # all its numbers can be read: there is nothing to zoom into
            return None
        try:
            from .heat_bokeh import figure
        except ImportError:
            return None
        return figure(self)


def heat(values, *, rows=None, columns=None, title="", xlabel="", ylabel="", alt=""):
    """A matrix as colours, with its numbers where there is room.

    `rows` and `columns` are names for each row and column, or one word that is numbered.

    >>> from kernel import plots
    >>> plots.heat([[1.0, 0.0], [-2.0, 0.5]], rows="query", columns=["the", "cat"])
    Heat map of 2 x 2 entries, from -2 at query 1, the to 1 at query 0, the; 1 is zero.
             the  cat
    -------  ---  ---
    query 0  1    0
    query 1  -2   0.5
    """
    array = numpy_of(values)
    if array is None or array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        shape = f" of shape {tuple(array.shape)}" if array is not None and array.ndim else ""
        raise TypeError(
            "plots.heat takes a matrix: an array of two dims or a list of rows of numbers, "
            f"and got {type(values).__name__}{shape}"
        )
    array = array.reshape(1, -1) if array.ndim == 1 else array
    grid, block = reduced(array.tolist())
    names = _names(rows, ylabel, array.shape[0], block[0], "rows")
    across = _names(columns, xlabel, array.shape[1], block[1], "columns")
    words = str(title), str(xlabel), str(ylabel)
    return Heat(grid, names, across, *words, block, tuple(array.shape), alt)


def reduced(grid):
    """The grid with six digits; of a large one, the entry of each block that is largest."""
    height, width = len(grid), len(grid[0]) if grid else 0
    block = max(1, math.ceil(height / MOST)), max(1, math.ceil(width / MOST))
    if block != (1, 1):
        grid = [
            [_largest(grid, r, c, block) for c in range(0, width, block[1])]
            for r in range(0, height, block[0])
        ]
    return tuple(tuple(v if v is None else float(f"{v:.6g}") for v in row) for row in grid), block


def _largest(grid, r, c, block):
    found = [v for row in grid[r : r + block[0]] for v in row[c : c + block[1]] if v is not None]
    return max(found, key=lambda v: abs(v) if v == v else math.inf, default=None)


def _names(given, label, count, block, what):
    if given is None or isinstance(given, str):
        word = f"{given} " if given else f"{label} " if label else ""
        return tuple(f"{word}{_span(k, block, count)}" for k in range(0, count, block))
    if len(given) != count:
        raise ValueError(f"plots.heat has {count} {what} and got {len(given)} names for them")
    firsts = [str(given[k]) for k in range(0, count, block)]
    return tuple(firsts if block == 1 else [f"{name} ff." for name in firsts])


def _span(k, block, count):
    last = min(k + block, count) - 1
    return f"{k}" if last == k else f"{k}-{last}"


def _plain(v):
    """JSON knows no NaN and no infinity."""
    return v if math.isfinite(v) else number(v)


# ----- in words -----
def described(heat):
    entries = [
        (v, f"{r}, {c}")
        for r, row in zip(heat.row_names, heat.values, strict=True)
        for c, v in zip(heat.column_names, row, strict=True)
        if v is not None
    ]
    head = f"Heat map of {' x '.join(map(str, heat.shape))} entries"
    kept = [e for e in entries if math.isfinite(e[0])]
    parts = [head]
    if kept:
        (low, at_low), (high, at_high) = min(kept), max(kept)
        parts[0] += f", from {number(low)} at {at_low} to {number(high)} at {at_high}"
        zero = sum(v == 0 for v, _ in kept)
        parts += [f"{zero} {'is' if zero == 1 else 'are'} zero"] if zero else []
    bad = len(entries) - len(kept)
    parts += [f"{bad} not finite"] if bad else []
    missing = len(heat.values) * len(heat.column_names) - len(entries)
    parts += [f"{missing} structurally zero"] if missing else []
    down, across = heat.block
    if heat.block != (1, 1):
        parts += [f"each cell shows the largest entry of {down} x {across}"]
    return "; ".join(parts) + "."
