"""A chart for BokehJS: to be panned, zoomed and saved; what is hovered is told below it."""

import math

from bokeh import models as m

from .chart_svg import BAR, HEIGHT, WIDTH, legend_columns, scales
from .theme import DASHES, LIGHT, MARKS, SERIES

SAME = {"nonselection_glyph": None}


def figure(chart):
    height = HEIGHT if chart.kind != "bars" else _bars_height(chart)
    scale = {True: m.LogScale, False: m.LinearScale}
    plot = m.Plot(
        width=WIDTH, height=height, max_width=WIDTH, sizing_mode="scale_width",
        x_scale=scale["x" in chart.log or (chart.kind == "bars" and bool(chart.log))](),
        y_scale=scale["y" in chart.log and chart.kind != "bars"](),
        x_range=m.DataRange1d(range_padding=0.06), y_range=m.DataRange1d(),
        title=m.Title(text=chart.title) if chart.title else None, toolbar_location="right",
    )  # fmt: skip
    items = _bars(plot, chart) if chart.kind == "bars" else _points(plot, chart)
    if any(s.name for s in chart.series):
        legend = m.Legend(
            items=[m.LegendItem(label={"value": s.name}, renderers=list(drawn))
                   for s, drawn in zip(chart.series, items, strict=True)],
            orientation="horizontal", padding=2, location="top_left",
            ncols=legend_columns(chart)[0],
        )  # fmt: skip
        plot.add_layout(legend, "above")
    hit = [drawn[-1] for drawn in items]
    hover = m.HoverTool(renderers=hit, tooltips=None,
                        mode="vline" if chart.kind == "line" else "mouse")  # fmt: skip
    wheel = m.WheelZoomTool()  # not active: a wheel over the picture scrolls the page
    plot.add_tools(m.PanTool(), wheel, m.BoxZoomTool(), m.ResetTool(), m.SaveTool(), hover,
                   m.TapTool(renderers=hit))  # fmt: skip
    plot.toolbar.active_scroll = None
    return plot


def _axes(plot, across, up, xlabel, ylabel):
    x, y = across(axis_label=xlabel or None), up(axis_label=ylabel or None)
    plot.add_layout(x, "below")
    plot.add_layout(y, "left")
    return x, y


def _axis(log):
    return m.LogAxis if log else m.LinearAxis


# ----- lines and points -----
def _points(plot, chart):
    across, up = _axis("x" in chart.log), _axis("y" in chart.log)
    x, y = _axes(plot, across, up, chart.xlabel, chart.ylabel)
    xs, ys = scales(chart)
    plot.x_range, plot.y_range = m.Range1d(xs.low, xs.high), m.Range1d(ys.low, ys.high)
    plot.add_layout(m.Grid(dimension=1, axis=y))
    plot.add_layout(m.Grid(dimension=0, axis=x, grid_line_color=None))
    at = {(k, i): str(row) for row, k, i in chart.points()}
    return [_series(plot, chart, k, s, at) for k, s in enumerate(chart.series)]


def _series(plot, chart, k, s, at):
    colour = LIGHT[SERIES[k % 6]]
    shown = list(map(_drawable, s.y))
    columns = {"x": list(s.x), "y": shown, "at": [at[k, i] for i in range(len(s.x))]}
    source, drawn = m.ColumnDataSource(columns), []
    if chart.kind == "line":
        dash = [int(d) for d in DASHES[k % 6].split()]
        line = m.Line(x="x", y="y", line_color=colour, line_width=2, line_dash=dash)
        drawn.append(plot.add_glyph(source, line, **SAME))
    look = {"fill_color": colour, "line_color": None, "marker": MARKS[k % 6]}
    mark = m.Scatter(x="x", y="y", size=7, fill_alpha=0 if chart.crowded() else 1, **look)
    chosen = m.Scatter(x="x", y="y", size=11, **{**look, "line_color": LIGHT["ink"]})
    drawn.append(plot.add_glyph(source, mark, selection_glyph=chosen, **SAME))
    return drawn


def _drawable(v):
    return v if math.isfinite(v) else float("nan")


# ----- bars -----
def _bars_height(chart):
    return len(chart.names) * (len(chart.series) * BAR + 12) + 90


def _bars(plot, chart):
    count, groups = len(chart.names), len(chart.series)
    x, y = _axes(plot, _axis(bool(chart.log)), m.LinearAxis, chart.ylabel, chart.xlabel)
    plot.add_layout(m.Grid(dimension=0, axis=x))
    y.ticker = m.FixedTicker(ticks=list(range(count)))
    y.major_label_overrides = dict(enumerate(chart.names))
    plot.y_range = m.Range1d(count - 0.45, -0.55)
    at = {(k, i): str(row) for row, k, i in chart.points()}
    thick = 0.8 / groups
    start = _start(chart)
    return [_bar(plot, k, s, at, thick, start) for k, s in enumerate(chart.series)]


def _start(chart):
    """Where bars begin: at zero, or below the smallest where a logarithm knows no zero."""
    values = [v for s in chart.series for v in s.y if v > 0]
    return min(values, default=1.0) / 2 if chart.log else 0.0


def _bar(plot, k, s, at, thick, start):
    middle = [x - 0.4 + (k + 0.5) * thick for x in s.x]
    lows, highs = zip(*s.spread, strict=True) if s.spread else (s.y, s.y)
    source = m.ColumnDataSource({
        "y": middle, "start": [start] * len(s.x), "end": list(map(_drawable, s.y)),
        "at": [at[k, i] for i in range(len(s.x))], "low": list(lows), "high": list(highs),
    })  # fmt: skip
    look = {"y": "y", "left": "start", "right": "end", "height": thick * 0.9}
    fill = {"fill_color": LIGHT[SERIES[k % 6]]}
    bar = m.HBar(**look, **fill, line_color=None)
    chosen = m.HBar(**look, **fill, line_color=LIGHT["ink"], line_width=2)
    drawn = plot.add_glyph(source, bar, selection_glyph=chosen, **SAME)
    if s.spread:
        whisker = m.Segment(x0="low", x1="high", y0="y", y1="y",
                            line_color=LIGHT["ink"], line_width=1.5)  # fmt: skip
        plot.add_glyph(source, whisker, **SAME)
    return [drawn]
