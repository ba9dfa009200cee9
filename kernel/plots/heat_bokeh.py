"""A heat map for BokehJS, where it is too large for its numbers to be written out."""

import math

from bokeh import models as m

from .heat_svg import LEVELS, Grid, level_of
from .theme import LIGHT, MINUS, PLUS


def figure(heat):
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
    bad = [e for e in entries if not math.isfinite(e[2])]
    signs = {PLUS: [e for e in entries if 0 < e[2] < math.inf],
             MINUS: [e for e in entries if -math.inf < e[2] < 0],
             "card": [e for e in entries if e[2] == 0]}  # fmt: skip
    cells = [_cells(plot, kept, most, fill_color=LIGHT[name])
             for name, kept in signs.items() if kept]  # fmt: skip
    hatch = {"hatch_pattern": "diagonal_cross", "hatch_color": LIGHT["bad"]}
    cells += [_cells(plot, bad, most, fill_color=LIGHT["card"], **hatch)] if bad else []
    _name_axes(plot, heat)
    wheel = m.WheelZoomTool()
    hover, tap = m.HoverTool(renderers=cells, tooltips=None), m.TapTool(renderers=cells)
    plot.add_tools(m.PanTool(), wheel, m.BoxZoomTool(), m.ResetTool(), m.SaveTool(), hover, tap)
    plot.toolbar.active_scroll = None
    return plot


def _cells(plot, entries, most, **look):
    """Cells of one colour, in its strengths. The script finds their places by `x` and `y`."""
    source = m.ColumnDataSource(name="cells", data={
        "x": [c for _, c, _ in entries], "y": [r for r, _, _ in entries],
        "alpha": [round(level_of(v, most) / LEVELS, 2) or 1.0 for _, _, v in entries],
    })  # fmt: skip
    place = {"x": "x", "y": "y", "width": 1, "height": 1, "line_color": None}
    under = m.Rect(**place, fill_color=LIGHT["card"])
    plot.add_glyph(source, under, nonselection_glyph=None)
    cell = m.Rect(**place, fill_alpha="alpha", **look)
    chosen = m.Rect(**place | {"line_color": LIGHT["ink"], "line_width": 2}, **look)
    chosen.fill_alpha = "alpha"
    return plot.add_glyph(source, cell, selection_glyph=chosen, nonselection_glyph=None)


def _name_axes(plot, heat):
    sides = ("above", heat.column_names, heat.xlabel), ("left", heat.row_names, heat.ylabel)
    for side, names, label in sides:
        axis = m.LinearAxis(axis_label=label or None, major_tick_line_color=None)
        every = max(1, math.ceil(len(names) / 24))
        axis.ticker = m.FixedTicker(ticks=list(range(0, len(names), every)))
        axis.major_label_overrides = {k: names[k] for k in range(0, len(names), every)}
        if side == "above" and max(map(len, names), default=0) > 4:
            axis.major_label_orientation = "vertical"
        plot.add_layout(axis, side)
