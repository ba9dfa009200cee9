"""A heat map as a scene: its cells, its names, its numbers where there is room, its scale."""

import itertools
import math

from ..values import number
from .scene import Scene, short, width_of
from .theme import MINUS, PLUS

WRITTEN = 12  # up to so many columns the numbers stand in the cells
LEVELS = 16  # strengths of a colour: the eye tells no more apart


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


def scene(heat):
    grid = Grid(heat)
    left, top = grid.left, grid.top
    least = max(width_of(heat.title) + 20, left + 170)
    drawn = Scene(max(left + grid.width + 14, least), top + grid.height + 34)
    if heat.title:
        drawn.text(8, 18, heat.title, style="font-weight:700")
    drawn.rect(left, top, grid.width, grid.height, "none")
    scaled = f"translate({short(left)} {short(top)}) scale({grid.wide:.4g} {grid.size:.4g})"
    for (name, level), path in sorted(_paths(heat).items(), key=lambda p: p[0][1]):
        drawn.path(path, name, transform=scaled, **_strength(level, grid.written))
    if crosses := _crosses(heat):
        thin = {"vector-effect": "non-scaling-stroke"}
        drawn.path(crosses, "s-bad", transform=scaled, **thin)
    _write(drawn, heat, grid)
    drawn.frame(left, top, grid.width, grid.height, "rim")
    _scale(drawn, heat, left, top + grid.height + 10, grid.written)
    drawn.grid(left, top, grid.width, grid.height, len(heat.values), len(heat.column_names))
    return drawn


def level_of(v, most):
    """How strong the colour of an entry is: never so weak that it looks like zero."""
    return max(2, round(LEVELS * abs(v) / most)) if v and most and math.isfinite(v) else 0


def _paths(heat):
    """One path for all cells of a colour, in units of cells; neighbours in a row are one piece."""
    found, most = {}, heat.largest()
    for r, row in enumerate(heat.values):
        at = 0
        for key, run in itertools.groupby(row, lambda v: _key(v, most)):
            count = len(list(run))
            if key is not None:
                found[key] = found.get(key, "") + f"M{at} {r}h{count}v1h{-count}z"
            at += count
    return found


def _key(v, most):
    """The colour and its strength; None where there is no entry, or none that has a colour."""
    if v is None:
        return None
    return (PLUS if v > 0 else MINUS, level_of(v, most)) if v and math.isfinite(v) else ("card", 0)


def _crosses(heat):
    places = [(r, c) for r, row in enumerate(heat.values) for c, v in enumerate(row)
              if v is not None and not math.isfinite(v)]  # fmt: skip
    return "".join(f"M{c}.1 {r}.1l.8 .8m-.8 0l.8-.8" for r, c in places)


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
