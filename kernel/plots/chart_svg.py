"""A chart as a scene: axes, grid, legend, and the series on them."""

import math

from .scales import Scale, tick_label, told
from .scene import Scene, width_of
from .theme import DASHES, MARKS, SERIES

WIDTH, HEIGHT = 640, 300
BAR, BAR_GAP = 16, 8


def scene(chart):
    return _bars(chart) if chart.kind == "bars" else _points(chart)


# ----- lines and points -----
def _points(chart):
    xs, ys = scales(chart)
    left = 24 + max(width_of(tick_label(v)) for v in ys.ticks() or [0]) + 20 * bool(chart.ylabel)
    top = 14 + 20 * bool(chart.title) + legend_height(chart)
    bottom = HEIGHT - 28 - 18 * bool(chart.xlabel)
    xs.start, xs.end, ys.start, ys.end = left, WIDTH - 22, bottom, top
    drawn = Scene(WIDTH, HEIGHT)
    _axes(drawn, chart, xs, ys)
    for k, s in enumerate(chart.series):
        if chart.kind == "line":
            how = {"data-run": 0} if chart.smooth() else {}  # the script finds the points itself
            _curves(drawn, s, xs, ys, SERIES[k % 6], **_dash(DASHES[k % 6]), **how)
    for row, k, i in chart.points() if not chart.smooth() else ():
        s = chart.series[k]
        x, y = xs(s.x[i]), ys(s.y[i])
        if x is not None and y is not None:
            how = {"opacity": 0} if chart.crowded() else {}  # there to be found, not to be seen
            drawn.mark(x, y, MARKS[k % 6], SERIES[k % 6], at=row, **how)
    return drawn


def scales(chart):
    """What the axes span; Bokeh's as well, so that the two pictures are one."""
    xs = Scale([x for s in chart.series for x in s.x], 0, 0, "x" in chart.log).widened(0.02)
    return xs, Scale([y for s in chart.series for y in s.y], 0, 0, "y" in chart.log).widened()


def _axes(drawn, chart, xs, ys):
    left, right, bottom, top = xs.start, xs.end, ys.start, ys.end
    for v in ys.ticks():
        drawn.line([(left, ys(v)), (right, ys(v))], "grid")
        drawn.text(left - 6, ys(v) + 4, tick_label(v), "faint", "end")
    for v in xs.ticks(7):
        drawn.line([(xs(v), bottom), (xs(v), bottom + 4)], "faint")
        drawn.text(xs(v), bottom + 17, tick_label(v), "faint", "middle")
    drawn.line([(left, top), (left, bottom), (right, bottom)], "faint")
    if chart.xlabel:
        drawn.text((left + right) / 2, bottom + 36, chart.xlabel, "ink", "middle")
    if chart.ylabel:
        middle = (top + bottom) / 2
        turn = f"rotate(-90 14 {middle:.0f})"
        drawn.text(14, middle, chart.ylabel, "ink", "middle", transform=turn)
    _heading(drawn, chart, left)


def _heading(drawn, chart, left):
    y = 18
    if chart.title:
        drawn.text(left, y, chart.title, style="font-weight:700")
        y += 20
    per_line, wide = legend_columns(chart)
    for k, s in enumerate(chart.series if _has_legend(chart) else ()):
        x, line = left + k % per_line * wide, y + 20 * (k // per_line)
        if chart.kind == "line":
            drawn.line(
                [(x, line - 4), (x + 24, line - 4)], SERIES[k % 6], 2, **_dash(DASHES[k % 6])
            )
        drawn.mark(x + 12, line - 4, MARKS[k % 6], SERIES[k % 6])
        drawn.text(x + 30, line, s.name)


def _has_legend(chart):
    return any(s.name for s in chart.series)


def legend_columns(chart):
    """How many names stand in a line, and how wide each is."""
    wide = 46 + max(width_of(s.name) for s in chart.series)
    return max(1, int((WIDTH - 70) / wide)), wide


def legend_height(chart):
    return 20 * math.ceil(len(chart.series) / legend_columns(chart)[0]) * _has_legend(chart)


def _dash(dash):
    return {"stroke-dasharray": dash} if dash else {}


def _curves(drawn, s, xs, ys, colour, **how):
    """A line for each stretch of finite values."""
    stretch = []
    for x, y in [*zip(s.x, s.y, strict=True), (None, None)]:
        point = None if x is None else (xs(x), ys(y))
        if point and None not in point:
            stretch.append(point)
            continue
        if len(stretch) > 1:
            drawn.line(stretch, colour, 2, **how)
        stretch = []


# ----- bars, one under the other: names of any length can be read -----
def _bars(chart):
    groups = len(chart.series)
    pitch = groups * BAR + BAR_GAP + (4 if groups > 1 else 0)
    top = 12 + 20 * bool(chart.title) + legend_height(chart)
    bottom = top + pitch * len(chart.names)
    left = 16 + max(width_of(name) for name in chart.names)
    ends = [v for s in chart.series for p in s.spread for v in p]
    values = [y for s in chart.series for y in s.y]
    room = max(width_of(told(v)) for v in values) + 18
    xs = Scale(values + ends, left, WIDTH - room, bool(chart.log), zero=True)
    xs = xs.widened() if chart.log else xs
    drawn = Scene(WIDTH, bottom + 24 + 18 * bool(chart.ylabel))
    for v in xs.ticks():
        drawn.line([(xs(v), top), (xs(v), bottom)], "grid")
        drawn.text(xs(v), bottom + 15, tick_label(v), "faint", "middle")
    for k, name in enumerate(chart.names):
        drawn.text(left - 8, top + pitch * (k + 0.5) + 4, name, "ink", "end")
    for row, k, i in chart.points():
        s = chart.series[k]
        y = top + pitch * int(s.x[i]) + BAR_GAP / 2 + k * BAR
        _bar(drawn, xs, y, s.y[i], s.spread[i] if s.spread else None, SERIES[k % 6], row)
    if chart.ylabel:
        drawn.text((left + WIDTH - room) / 2, bottom + 34, chart.ylabel, "ink", "middle")
    _heading(drawn, chart, 8)
    return drawn


def _bar(drawn, xs, y, value, spread, colour, row):
    zero, end = xs.start if xs.log else xs(0.0), xs(value)
    end = zero if end is None else end
    drawn.rect(min(zero, end), y + 1, abs(end - zero), BAR - 2, colour, at=row)
    last = end
    if spread and None not in (ends := [xs(v) for v in spread]):
        low, high = ends
        middle, last = y + BAR / 2, max(high, end)
        drawn.line([(low, middle), (high, middle)], "ink", 1.5)
        drawn.path(f"M{low:.1f} {y + 4}v{BAR - 8}M{high:.1f} {y + 4}v{BAR - 8}", "s-ink")
    drawn.text(last + 5, y + BAR / 2 + 4, told(value), "ink")
