"""Heat maps: a matrix as colours. Blue is negative, orange is positive, the card's own is zero.

How strong a colour is says how large the entry is, relative to the largest; so one picture serves
light and dark pages. Small matrices are written out too. Of a matrix too large to be drawn entry by
entry each cell stands for a block, and shows its largest entry.
"""

import math
from dataclasses import dataclass

from ..values import number, numpy_of
from .drawing import Drawing
from .scene import Scene, box_path, short, width_of
from .theme import LIGHT, MINUS, PLUS

MOST = 64  # cells along a side
WRITTEN = 12  # up to so many columns the numbers stand in the cells
LEVELS = 16  # strengths of a colour: the eye tells no more apart


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
        return _scene(self)

    def figure(self):
        if Grid(self).written:  # all its numbers can be read: there is nothing to zoom into
            return None
        try:
            return _figure(self)
        except ImportError:
            return None


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
    return Heat(grid, names, across, title, xlabel, ylabel, block, tuple(array.shape), alt)


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


# ----- the picture -----
class Grid:
    """Where the cells are."""

    def __init__(self, heat):
        rows, columns = max(1, len(heat.values)), max(1, len(heat.column_names))
        self.written = columns <= WRITTEN and rows <= 3 * WRITTEN
        longest = max((width_of(number(v)) for r in heat.values for v in r if v is not None),
                      default=0) if self.written else 0  # fmt: skip
        names = max(map(width_of, heat.row_names), default=0)
        self.left = 14 + names
        self.size = max(min(26, 560 / columns, 560 / rows), 4)
        self.wide = max(self.size, longest + 10)
        heads = max(map(width_of, heat.column_names), default=0)
        self.turned = heads > self.wide - 4
        self.every = max(1, math.ceil(14 / self.wide)) if self.turned else 1
        self.top = 10 + 20 * bool(heat.title) + (8 + heads if self.turned else 18)
        self.width, self.height = self.wide * columns, self.size * rows


def _scene(heat):
    grid = Grid(heat)
    left, top = grid.left, grid.top
    least = max(width_of(heat.title) + 20, left + 170)
    drawn = Scene(max(left + grid.width + 14, least), top + grid.height + 34)
    if heat.title:
        drawn.text(8, 18, heat.title, style="font-weight:700")
    drawn.rect(left, top, grid.width, grid.height, "none")
    for (name, level), path in sorted(_paths(heat, grid).items(), key=lambda p: p[0][1]):
        drawn.path(path, name, **_strength(level, grid.written))
    _write(drawn, heat, grid)
    drawn.frame(left, top, grid.width, grid.height, "rim")
    _scale(drawn, heat, left, top + grid.height + 10, grid.written)
    drawn.grid(left, top, grid.width, grid.height, len(heat.values), len(heat.column_names))
    return drawn


def level_of(v, most):
    """How strong the colour of an entry is: never so weak that it looks like zero."""
    return max(2, round(LEVELS * abs(v) / most)) if v and most and math.isfinite(v) else 0


def _paths(heat, grid):
    """One path for all cells of a colour: a thousand cells cost a dozen kilobytes."""
    found = {}
    most = heat.largest()
    for r, row in enumerate(heat.values):
        for c, v in enumerate(row):
            place = grid.left + c * grid.wide, grid.top + r * grid.size, grid.wide, grid.size
            if v is None:
                continue
            found["card", 0] = found.get(("card", 0), "") + box_path(*place)
            if v == 0:
                continue
            key, shape = (PLUS if v > 0 else MINUS, level_of(v, most)), box_path(*place)
            if not math.isfinite(v):
                key, shape = ("s-bad", 1), _cross(*place)
            found[key] = found.get(key, "") + shape
    return found


def _cross(x, y, w, h):
    x, y, w, h = x + 1, y + 1, w - 2, h - 2
    return f"M{short(x)} {short(y)}l{short(w)} {short(h)}m{short(-w)} 0l{short(w)} {short(-h)}"


def _write(drawn, heat, grid):
    for r, name in enumerate(heat.row_names):
        if r % max(1, math.ceil(13 / grid.size)) == 0:
            drawn.text(grid.left - 6, grid.top + (r + 0.5) * grid.size + 4, name, "faint", "end")
    for c, name in enumerate(heat.column_names):
        x = grid.left + (c + 0.5) * grid.wide
        if grid.turned and c % grid.every == 0:
            turn = f"rotate(-90 {x + 4:.1f} {grid.top - 5})"
            drawn.text(x + 4, grid.top - 5, name, "faint", transform=turn)
        elif not grid.turned:
            drawn.text(x, grid.top - 5, name, "faint", "middle")
    for r, row in enumerate(heat.values if grid.written and grid.size >= 16 else ()):
        for c, v in enumerate(row):
            x, y = grid.left + (c + 0.5) * grid.wide, grid.top + (r + 0.5) * grid.size + 4
            if v is not None:
                drawn.text(x, y, number(v), "ink", "middle")


def _strength(level, written):
    """Under numbers the colours are paler, so that the numbers can be read."""
    share = level / LEVELS * (0.55 if written else 1)
    return {"fill-opacity": f"{share:.2f}"} if level else {}


def _scale(drawn, heat, x, y, written):
    """What the colours mean."""
    most = heat.largest()
    signs = {v > 0 for row in heat.values for v in row if v}
    steps = [(MINUS, k) for k in (16, 10, 4)] * (False in signs)
    steps += [("card", 0)] + [(PLUS, k) for k in (4, 10, 16)] * (True in signs)
    low = number(-most) if False in signs else "0"
    drawn.text(x, y + 11, low, "faint")
    x += width_of(low) + 6
    for name, level in steps if most else ():
        drawn.rect(x, y, 16, 14, name, **_strength(level, written))
        x += 16
    drawn.text(x + 6, y + 11, number(most) if True in signs else "0", "faint")


# ----- Bokeh -----
def _figure(heat):
    from bokeh import models as m

    grid, most = Grid(heat), heat.largest()
    rows, columns = len(heat.row_names), len(heat.column_names)
    side = round(grid.left), round(grid.top)
    plot = m.Plot(
        width=round(side[0] + grid.width + 60), height=round(side[1] + grid.height + 20),
        x_range=m.Range1d(-0.5, columns - 0.5), y_range=m.Range1d(rows - 0.5, -0.5),
        title=m.Title(text=heat.title) if heat.title else None, toolbar_location="right",
        background_fill_color=LIGHT["none"], min_border_left=side[0],
    )  # fmt: skip
    entries = [(r, c, v) for r, row in enumerate(heat.values) for c, v in enumerate(row)
               if v is not None]  # fmt: skip
    source = m.ColumnDataSource({
        "x": [c for _, c, _ in entries], "y": [r for r, _, _ in entries],
        "at": [f"{r} {c}" for r, c, _ in entries],
        "color": [_hex(v) for _, _, v in entries],
        "alpha": [_alpha(v, most) for _, _, v in entries],
        "hatch": ["blank" if math.isfinite(v) else "diagonal_cross" for _, _, v in entries],
    })  # fmt: skip
    place = {"x": "x", "y": "y", "width": 1, "height": 1, "line_color": None}
    plot.add_glyph(source, m.Rect(**place, fill_color=LIGHT["card"]), nonselection_glyph=None)
    place |= {"fill_color": "color", "fill_alpha": "alpha", "hatch_pattern": "hatch",
              "hatch_color": LIGHT["bad"]}  # fmt: skip
    cell, chosen = m.Rect(**place), m.Rect(**place | {"line_color": LIGHT["ink"], "line_width": 2})
    cells = plot.add_glyph(source, cell, selection_glyph=chosen, nonselection_glyph=None)
    _name_axes(plot, heat, m)
    wheel = m.WheelZoomTool()
    plot.add_tools(m.PanTool(), wheel, m.BoxZoomTool(), m.ResetTool(), m.SaveTool(),
                   m.HoverTool(renderers=[cells], tooltips=None), m.TapTool(renderers=[cells]))  # fmt: skip
    plot.toolbar.active_scroll = None
    return plot


def _hex(v):
    return LIGHT[PLUS if v > 0 else MINUS]


def _alpha(v, most):
    return round(level_of(v, most) / LEVELS, 2) if math.isfinite(v) else 0.0


def _name_axes(plot, heat, m):
    sides = ("above", heat.column_names, heat.xlabel), ("left", heat.row_names, heat.ylabel)
    for side, names, label in sides:
        axis = m.LinearAxis(axis_label=label or None, major_tick_line_color=None)
        every = max(1, math.ceil(len(names) / 24))
        axis.ticker = m.FixedTicker(ticks=list(range(0, len(names), every)))
        axis.major_label_overrides = {k: names[k] for k in range(0, len(names), every)}
        if side == "above" and max(map(len, names), default=0) > 4:
            axis.major_label_orientation = "vertical"
        plot.add_layout(axis, side)
