"""The Bokeh figure of a tape: pan, zoom, hover, select, save. JSON for BokehJS to embed.

The figure comes without data. The picture is in the page already, as SVG, and the script fills the
figure from there: so a notebook does not hold every value once more, and the two cannot differ.
Bokeh counts its models through a session; their ids are renamed in order of appearance, so that the
same tape gives the same JSON.
"""

import json
import re

from . import palette
from .palette import LIGHT
from .picture import HEIGHT

COLUMNS = {
    "nodes": "x y op_x name op v a sum mark below style ink rim rim_w va aa",
    "edges": "x0 y0 x1 y1 xm source target color wide",
    "heads": "xs ys",
    "stubs": "x y name",
}


def figure_json(picture):
    """`(BokehJS version, JSON text)`, or None where Bokeh or something it needs is missing."""
    try:
        import bokeh
        from bokeh.embed import json_item

        item = json_item(_figure(picture.width, picture.height, picture.box_width))
    except ImportError:
        return None
    return bokeh.__version__, _renamed(json.dumps(item, separators=(",", ":")))


def _renamed(text):
    ids = dict.fromkeys(re.findall(r'"(p\d+)"', text))
    new = {old: f"t{k}" for k, old in enumerate(ids)}
    return re.sub(r'"(p\d+)"', lambda m: f'"{new[m[1]]}"', text)


def _figure(width, height, box_width):
    from bokeh import models as m

    plot = m.Plot(
        width=width, height=height, max_width=width, sizing_mode="scale_width", min_border=0,
        x_range=m.Range1d(0, width), y_range=m.Range1d(height, 0), background_fill_alpha=0,
        border_fill_alpha=0, outline_line_color=None, toolbar_location="above", toolbar_inner=True,
    )  # fmt: skip
    sources = {
        name: m.ColumnDataSource({c: [] for c in columns.split()}, name=name)
        for name, columns in COLUMNS.items()
    }
    _draw_edges(plot, sources)
    cards = _draw_nodes(plot, sources["nodes"], box_width)
    wheel = m.WheelZoomTool()  # not active: a wheel over the picture scrolls the page
    hover, tap = m.HoverTool(renderers=[cards], tooltips=None), m.TapTool(renderers=[cards])
    plot.add_tools(m.PanTool(), wheel, m.BoxZoomTool(), m.ResetTool(), m.SaveTool(), hover, tap)
    plot.toolbar.update(logo=None, autohide=True, active_scroll=None)
    return plot


def _draw_edges(plot, sources):
    from bokeh import models as m

    curve = m.Bezier(x0="x0", y0="y0", x1="x1", y1="y1", cx0="xm", cy0="y0", cx1="xm", cy1="y1",
                     line_color="color", line_width="wide")  # fmt: skip
    plot.add_glyph(sources["edges"], curve)
    plot.add_glyph(sources["heads"], m.MultiLine(line_color=palette.LINES, line_width=1.5))
    style = {"text_color": palette.LINES, "text_font_style": "italic", "text_align": "right"}
    _words(plot, sources["stubs"], "x", "y", "name", **style)


def _draw_nodes(plot, source, w):
    """A card with two lanes, as in the SVG; `va` and `aa` say how visible value and adjoint are."""
    from bokeh.core.properties import field

    cards = _block(plot, source, 0, 0, w, HEIGHT, fill_color=LIGHT["card"], line_color="rim",
                   line_width="rim_w", border_radius=6)  # fmt: skip
    _block(plot, source, 0, 6, 4, HEIGHT - 12, fill_color="mark")
    _block(plot, source, 8, 24, w - 12, 20, fill_color=LIGHT["value"], fill_alpha="va")
    _block(plot, source, 8, 47, w - 12, 20, fill_color="below", fill_alpha="aa")
    _words(plot, source, _off("x", 11), _off("y", 13), "name", text_font_style="bold")
    _words(plot, source, "op_x", _off("y", 13), "op")
    _words(plot, source, _off("x", 13), _off("y", 34), "v", text_alpha="va")
    _words(plot, source, _off("x", 13), _off("y", 57), "a", text_alpha="aa", text_color="ink",
           text_font_style=field("style"))  # fmt: skip
    _words(plot, source, _off("x", w - 8), _off("y", 57), "sum", text_alpha="aa",
           text_align="right", text_color=LIGHT["faint"], text_font_style="italic")  # fmt: skip
    return cards


def _block(plot, source, dx, dy, width, height, line_color=None, **style):
    from bokeh.models import Rect

    place = {"x": _off("x", dx + width / 2), "y": _off("y", dy + height / 2)}
    size = {"width": width, "height": height}
    return plot.add_glyph(source, Rect(**place, **size, line_color=line_color, **style))


def _words(plot, source, x, y, text, **style):
    from bokeh.core.properties import value
    from bokeh.models import Text

    font = {"text_font": value("system-ui"), "text_font_size": value("12px")}
    style = {"text_color": LIGHT["ink"], "text_baseline": "middle", **font, **style}
    plot.add_glyph(source, Text(x=x, y=y, text=text, **style))


def _off(column, by):
    """A column, moved: Bokeh adds in the browser."""
    from bokeh.transform import dodge

    return dodge(column, by)
