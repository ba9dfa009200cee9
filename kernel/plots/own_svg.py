"""A still picture of somebody's Bokeh figure, where BokehJS cannot run: GitHub, mail, print.

Bokeh draws in a browser only. This draws the glyphs that plots are mostly made of, from the same
sources, ranges and colours; what it does not know it names under the picture.
"""

import math
from types import SimpleNamespace

from .own_look import colours, looks, values
from .scales import Scale, tick_label
from .scene import Scene, width_of
from .theme import LIGHT

MOST = 2000  # shapes of one glyph; of more every k-th is drawn
WIDTH, HEIGHT = 600, 320
NAMES = {colour: name for name, colour in LIGHT.items()} | {"black": "ink", "#000000": "ink"}

# What a glyph is made of, from its columns: lines and areas are points, boxes two corners.
SHAPES = {
    "Line": lambda c: [("line", list(zip(c("x"), c("y"), strict=True)))],
    "MultiLine": lambda c: [("line", list(zip(x, y, strict=True)))
                            for x, y in zip(c("xs"), c("ys"), strict=True)],
    "Segment": lambda c: [("line", [(a, b), (d, e)]) for a, b, d, e
                          in zip(c("x0"), c("y0"), c("x1"), c("y1"), strict=True)],
    "Scatter": lambda c: [("mark", [p]) for p in zip(c("x"), c("y"), strict=True)],
    "Circle": lambda c: [("mark", [p]) for p in zip(c("x"), c("y"), strict=True)],
    "Patch": lambda c: [("area", list(zip(c("x"), c("y"), strict=True)))],
    "VArea": lambda c: [("area", [*zip(c("x"), c("y1"), strict=True),
                                  *reversed(list(zip(c("x"), c("y2"), strict=True)))])],
    "VBar": lambda c: [("box", [(x - w / 2, a), (x + w / 2, b)]) for x, w, a, b
                       in zip(c("x"), c("width"), c("bottom"), c("top"), strict=True)],
    "HBar": lambda c: [("box", [(a, y - h / 2), (b, y + h / 2)]) for y, h, a, b
                       in zip(c("y"), c("height"), c("left"), c("right"), strict=True)],
    "Rect": lambda c: [("box", [(x - w / 2, y - h / 2), (x + w / 2, y + h / 2)]) for x, y, w, h
                       in zip(c("x"), c("y"), c("width"), c("height"), strict=True)],
    "Quad": lambda c: [("box", [(a, d), (b, e)]) for a, b, d, e
                       in zip(c("left"), c("right"), c("bottom"), c("top"), strict=True)],
    "Image": lambda c: _cells(c),
    "Text": lambda c: [("text", [(x, y, t)])
                       for x, y, t in zip(c("x"), c("y"), c("text"), strict=True)],
}  # fmt: skip


def scene(model):
    """A `Scene` of all plots of a figure or a layout, one under the other, or None."""
    from bokeh.models import Plot

    plots = sorted(model.select({"type": Plot}), key=lambda p: int(p.id.lstrip("p") or 0))
    parts = [part for part in map(_read, plots) if part.shapes]
    if not parts:
        return None
    whole = Scene(max(p.width for p in parts), sum(p.height for p in parts))
    top = 0
    for part in parts:
        _draw(whole, part, top)
        top += part.height
    return whole


# ----- from Bokeh's models to shapes -----
def _read(plot):
    """Title, axes, shapes with their colours, and the names of what is not known."""
    names = {}
    for legend in plot.legend:
        for item in legend.items:
            label = item.label
            said = getattr(label, "value", label.get("value") if isinstance(label, dict) else "")
            names.update({r.id: said or "" for r in item.renderers})
    x, y = _Axis(plot, "x"), _Axis(plot, "y")
    shapes, legend, unknown = [], [], []
    for r in plot.renderers:
        glyph, kind = getattr(r, "glyph", None), type(getattr(r, "glyph", r)).__name__
        try:
            found = SHAPES[kind](_columns(r.data_source, glyph, x, y)) if r.visible else []
        except (KeyError, TypeError, ValueError, AttributeError):
            unknown.append(kind)
            continue
        shades = _colours(r.data_source, glyph, found, unknown)
        how = looks(r.data_source, glyph, found)
        each = -(-len(found) // MOST) or 1
        shapes += list(zip(found, shades, how, strict=True))[::each]
        if names.get(r.id) and found:
            legend.append((names[r.id], shades[0]))
    unknown += [type(a).__name__ for a in plot.right + plot.left if hasattr(a, "color_mapper")]
    return SimpleNamespace(
        title=getattr(plot.title, "text", "") or "", x=x, y=y, shapes=shapes, legend=legend,
        unknown=sorted(set(unknown)), width=plot.width or WIDTH, height=plot.height or HEIGHT,
    )  # fmt: skip


class _Axis:
    """One direction of a plot: what its places are, in numbers, and how they are told."""

    def __init__(self, plot, which):
        self.range = getattr(plot, f"{which}_range")
        self.log = type(getattr(plot, f"{which}_scale")).__name__ == "LogScale"
        sides = [*plot.below, *plot.above] if which == "x" else [*plot.left, *plot.right]
        axis = next((a for a in sides if hasattr(a, "axis_label")), None)
        self.label = (getattr(axis, "axis_label", "") or "") if axis else ""
        self.dates = "Datetime" in type(axis).__name__
        self.factors = list(getattr(self.range, "factors", ()))

    def places(self, values):
        return [self._place(v) for v in values]

    def _place(self, v):
        if isinstance(v, (list, tuple)) and v not in self.factors:  # a line of many
            return self.places(v)
        if self.factors and isinstance(v, (str, tuple)):
            return self.factors.index(v) + 0.5
        if hasattr(v, "timestamp"):
            return v.timestamp() * 1000
        return self.places(v.tolist()) if getattr(v, "ndim", 0) else float(v)

    def scale(self, values, start, end):
        found = Scale(values, start, end, self.log).widened()
        low, high = self._given(found)
        if low > high:  # an axis that runs the other way
            low, high, found.start, found.end = high, low, end, start
        found.low, found.high = low, high
        return found

    def _given(self, found):
        """The ends that the figure sets itself, else those of what is drawn."""
        if self.factors:
            return 0, len(self.factors)
        ends = [getattr(self.range, name, None) for name in ("start", "end")]
        return [g if isinstance(g, (int, float)) and math.isfinite(g) else f
                for g, f in zip(ends, (found.low, found.high), strict=True)]  # fmt: skip

    def ticks(self, scale, about):
        if self.factors:
            said = [f if isinstance(f, str) else " ".join(f) for f in self.factors]
            return [(k + 0.5, name) for k, name in enumerate(said)]
        return [(v, _date(v) if self.dates else tick_label(v)) for v in scale.ticks(about)]


def _date(v):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(v / 1000, UTC).strftime("%Y-%m-%d")


def _columns(source, glyph, x, y):
    """The values of a property of a glyph, one for each entry, as places on its axis."""
    count = max((len(v) for v in source.data.values()), default=0)

    def column(name):
        found = values(source, getattr(glyph, name), count)
        if name == "text":
            return [str(v) for v in found]
        upward = name[0] == "y" or name in ("top", "bottom", "height")
        return (y if upward else x).places(found)

    return column


def _colours(source, glyph, found, unknown):
    try:
        return colours(source, glyph, found)
    except (TypeError, ValueError) as error:  # by a mapper that only a browser knows
        unknown.append(f"the colours of {error}")
        return [LIGHT["c0"]] * len(found)


def _cells(c):
    """The boxes of an image's entries, row by row from the bottom."""
    found = []
    for image, x, y, w, h in zip(c("image"), c("x"), c("y"), c("dw"), c("dh"), strict=True):
        w, h = w / len(image[0]), h / len(image)
        found += [("box", [(x + k * w, y + r * h), (x + (k + 1) * w, y + (r + 1) * h)])
                  for r, row in enumerate(image) for k in range(len(row))]  # fmt: skip
    if len(found) > MOST:
        raise ValueError("too many entries to be drawn one by one")
    return found


# ----- from shapes to marks -----
def _draw(drawn, part, top):
    """One plot, from `top` on: axes, then the shapes, then what is to be said about it."""
    points = [p for (_, points), *_ in part.shapes for p in points]
    ys = part.y.scale([p[1] for p in points], 0, 1)
    ticks = part.y.ticks(ys, 5)
    left = 24 + max([width_of(t) for _, t in ticks], default=0) + 20 * bool(part.y.label)
    head = top + 14 + 20 * bool(part.title) + 20 * bool(part.legend)
    bottom = top + part.height - 28 - 18 * bool(part.x.label) - 18 * bool(part.unknown)
    ys = part.y.scale([p[1] for p in points], bottom, head)
    xs = part.x.scale([p[0] for p in points], left, part.width - 22)
    for v, said in ticks:
        drawn.line([(left, ys(v)), (part.width - 22, ys(v))], "grid")
        drawn.text(left - 6, ys(v) + 4, said, "faint", "end")
    for v, said in part.x.ticks(xs, 6):
        drawn.text(xs(v), bottom + 17, said, "faint", "middle")
    drawn.line([(left, head), (left, bottom), (part.width - 22, bottom)], "faint")
    for (kind, mine), colour, how in part.shapes:
        _shape(drawn, kind, [(xs(p[0]), ys(p[1]), *p[2:]) for p in mine], colour, how)
    _words(drawn, part, left, top, bottom)


def _words(drawn, part, left, top, bottom):
    if part.title:
        drawn.text(left, top + 18, part.title, style="font-weight:700")
    x = left
    for name, colour in part.legend:
        y = top + 18 + 20 * bool(part.title)
        _fill(drawn.rect, colour, x, y - 9, 18, 9)
        drawn.text(x + 24, y, name)
        x += 44 + width_of(name)
    drawn.text((left + part.width) / 2, bottom + 36, part.x.label, "ink", "middle")
    turn = f"rotate(-90 14 {(top + bottom) // 2})"
    drawn.text(14, (top + bottom) // 2, part.y.label, "ink", "middle", transform=turn)
    if part.unknown:
        told = f"Not drawn without BokehJS: {', '.join(part.unknown)}."
        drawn.text(left, top + part.height - 8, told, "faint")


def _shape(drawn, kind, points, colour, how):
    if kind == "line":
        for run in _runs(points):
            _fill(drawn.line, colour, run, stroke=True, **how)
        return
    if any(v is None for p in points for v in p):  # outside of what a logarithm knows, or NaN
        return
    if kind == "text":
        x, y, said = points[0]
        drawn.text(x, y, said)
    elif kind == "mark":
        _fill(drawn.mark, colour, *points[0], **how)
    elif kind == "box":
        (x0, y0), (x1, y1) = points
        _fill(drawn.rect, colour, min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0), **how)
    else:
        rim = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "z"
        _fill(drawn.path, colour, rim, **how)


def _runs(points):
    """A line is broken where there is no value."""
    found = [[]]
    for p in points:
        if None in p:
            found.append([])
        else:
            found[-1].append(p)
    return [run for run in found if len(run) > 1]


def _fill(mark, colour, *place, stroke=False, **how):
    """A colour of the theme changes with it; any other stays as it was given."""
    name, kind = NAMES.get(colour.lower()), "stroke" if stroke else "fill"
    own = {} if name else {"style": f"{kind}:{colour}"}
    mark(*place, **{kind: name or "c0"}, **own, **how)
