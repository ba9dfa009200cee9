"""Bokeh figures of the user's own: without BokehJS a picture, words and a table are left."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from bokeh.layouts import column, row
from bokeh.models import CustomJSExpr, EqHistColorMapper, FixedTicker
from bokeh.plotting import figure
from bokeh.transform import factor_cmap, linear_cmap, log_cmap

from kernel.plots.own import Own
from kernel.plots.own_svg import scene
from tests.kernel.forms import forms

PLAIN = {"class": "c0", "style": None}  # in the theme's own colour, and no other


def marks(svg, tag, **how):
    """Elements of the picture that are no frame."""
    root = ET.fromstring(svg)
    return [m for m in root.iter() if m.tag.endswith(tag)
            and all(m.get(k) == v for k, v in how.items())]  # fmt: skip


def words(svg):
    return [m.text for m in marks(svg, "text") if m.text]


def drawn(make, **how):
    fig = figure(width=400, height=300, **how)
    make(fig)
    return forms(Own(fig, alt="What it shows."))["image/svg+xml"]


def test_a_line_runs_through_its_points_in_its_colour():
    svg = drawn(lambda f: f.line([0, 1, 2], [1, 3, 2], color="#123456"), title="Loss",
                x_axis_label="step", y_axis_label="loss")  # fmt: skip
    (path,) = marks(svg, "path", style="stroke:#123456")
    points = [tuple(map(float, p.split())) for p in path.get("d")[1:].split("L")]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2) and y1 < y2 < y0
    assert {"Loss", "step", "loss"} <= set(words(svg))


def test_a_logarithmic_axis_and_one_that_runs_the_other_way():
    svg = drawn(lambda f: f.scatter([1, 2, 3], [1, 10, 100], color="red"), y_axis_type="log",
                x_range=(4, 0))  # fmt: skip
    dots = [m.get("d") for m in marks(svg, "path", style="fill:red")]
    places = [tuple(map(float, re.match(r"M(\S+) (\S+?)a", d).groups())) for d in dots]
    (x0, y0), (x1, y1), (x2, y2) = places
    assert x0 > x1 > x2 and y0 - y1 == pytest.approx(y1 - y2, abs=0.3)


def test_bars_over_names_begin_at_zero_and_have_their_own_colours():
    names = ["loop", "masked"]
    svg = drawn(lambda f: f.vbar(x=names, top=[3, 1.5], width=0.8, color=["navy", "#0072b2"]),
                x_range=names)  # fmt: skip
    (tall,), (low,) = marks(svg, "rect", style="fill:navy"), marks(svg, "rect", **PLAIN)
    assert float(tall.get("height")) == pytest.approx(2 * float(low.get("height")), rel=0.01)
    assert set(names) <= set(words(svg))


def test_dates_are_told_as_dates():
    days = np.array(["2026-01-01", "2026-06-01"], "datetime64[D]")
    svg = drawn(lambda f: f.line(days, [1, 2]), x_axis_type="datetime")
    assert any(re.fullmatch(r"2026-0\d-\d\d", w) for w in words(svg))


def test_what_cannot_be_drawn_is_named_and_the_rest_is_there():
    def make(f):
        f.line([0, 1], [0, 1], legend_label="up")
        f.annular_wedge([0], [0], 0.1, 0.2, 0, 1)
        f.line({"expr": CustomJSExpr(code="return [1, 2]")}, [1, 2])

    svg = drawn(make)
    assert {"up", "Not drawn without BokehJS: AnnularWedge, Line."} <= set(words(svg))


def test_a_figure_of_unknown_glyphs_only_has_no_picture():
    fig = figure()
    fig.annular_wedge([0], [0], 0.1, 0.2, 0, 1)
    bundle = Own(fig, alt="A ring.")._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"} and "<img" not in bundle["text/html"]


def test_a_layout_is_drawn_one_plot_under_the_other():
    def one(title):
        fig = figure(width=300, height=200, title=title)
        fig.line([0, 1], [0, 1])
        fig.xaxis.ticker = FixedTicker(ticks=[0, 1])
        return fig

    whole = Own(column(one("first"), row(one("second"), one("third"))), alt="Three.")
    svg = whole._repr_mimebundle_()["image/svg+xml"]
    heights = {t.text: float(t.get("y")) for t in marks(svg, "text") if t.text}
    assert heights["first"] < heights["second"] < heights["third"]
    assert scene(whole.model).height == 600


def test_gaps_areas_boxes_and_many_points():
    def make(f):
        f.line([0, 1, 2, 3, 4], [1, 2, np.nan, 2, 1], color="red")
        f.varea([0, 1], [0, 0], [1, 2], color="green", fill_alpha=0.25)
        f.quad(left=[0], right=[1], bottom=[0], top=[1], color="blue")
        f.segment([0], [0], [1], [1], color="pink")
        f.multi_line([[0, 1], [1, 2]], [[0, 1], [1, 0]], color="teal")
        f.scatter(np.arange(10_000), np.arange(10_000) % 7, color="orange")

    svg = drawn(make)
    assert len(marks(svg, "path", style="stroke:red")) == 2
    assert marks(svg, "path", style="fill:green")[0].get("opacity") == "0.25"
    assert marks(svg, "rect", style="fill:blue") and marks(svg, "path", style="stroke:pink")
    assert len(marks(svg, "path", style="stroke:teal")) == 2
    assert 1000 < len(marks(svg, "path", style="fill:orange")) <= 2000


def test_the_same_figure_gives_the_same_picture():
    def make(f):
        f.line([0, 1], [1, 3], legend_label="torch")
        f.text([0.5], [2], text=["a < b & c"])

    assert drawn(make) == drawn(make)
    assert "a < b & c" in words(drawn(make))


def test_dashes_widths_and_marks_tell_series_apart():
    def make(f):
        f.line([0, 1], [0, 1], line_dash="dashed", line_width=3, color="navy", line_alpha=0.5)
        f.scatter([0, 1], [1, 0], marker="square", size=10, color="red")
        f.scatter([0.5], [0.5], marker="asterisk", color="green")

    svg = drawn(make)
    (line,) = marks(svg, "path", style="stroke:navy")
    assert [line.get(k) for k in ("stroke-dasharray", "stroke-width", "opacity")] == [
        "6",
        "3",
        "0.5",
    ]
    assert all(m.get("d").count("h") == 2 for m in marks(svg, "path", style="fill:red"))
    (dot,) = marks(svg, "path", style="fill:green")
    assert "a" in dot.get("d"), "a mark that is not known is a dot"


PALETTE = ["#000001", "#000002", "#000003", "#000004"]
MAPPED = {  # a mapper, the column it reads, and which colour of the palette each entry has
    "linear": (linear_cmap("v", PALETTE, 0, 4), [0.0, 1.9, 2.0, 4.0], [1, 2, 3, 4]),
    "its own range": (linear_cmap("v", PALETTE, None, None), [10, 20, 30, 50], [1, 2, 3, 4]),
    "logarithmic": (log_cmap("v", PALETTE, 1, 10_000), [1, 5, 500, 10_000], [1, 1, 3, 4]),
    "out of range": (linear_cmap("v", PALETTE, 1, 2), [0, 3, 1, 2], [1, 4, 1, 4]),
    "names": (factor_cmap("v", PALETTE, ["a", "b", "c"]), ["c", "a", "b", "a"], [3, 1, 2, 1]),
}


@pytest.mark.parametrize("mapper, column, wanted", MAPPED.values(), ids=MAPPED)
def test_colours_are_mapped_as_bokeh_does(mapper, column, wanted):
    source = {"x": [0, 1, 2, 3], "v": column}
    svg = drawn(lambda f: f.scatter("x", "x", source=source, color=mapper))
    found = [m.get("style") for m in marks(svg, "path") if "#00000" in (m.get("style") or "")]
    assert found == [f"fill:#00000{k}" for k in wanted]


def test_an_image_is_drawn_from_below_and_its_colour_bar_is_named():
    def make(f):
        mapper = linear_cmap("v", PALETTE, 0, 4).transform
        image = f.image(
            [np.array([[0.0, 1.0, np.nan], [2.0, 3.0, 1.0]])], 0, 0, 3, 2, color_mapper=mapper
        )
        f.add_layout(image.construct_color_bar(), "right")

    svg = drawn(make)
    cells = [m for m in marks(svg, "rect") if m.get("style")]
    assert [c.get("style")[-1] for c in cells] == ["1", "2", "y", "3", "4", "2"]
    assert float(cells[0].get("y")) > float(cells[3].get("y")), "its first row is the lowest"
    assert "Not drawn without BokehJS: ColorBar." in words(svg)


def test_a_mapper_that_only_a_browser_knows_is_named():
    mapper = {"field": "x", "transform": EqHistColorMapper(palette=PALETTE)}
    svg = drawn(lambda f: f.scatter("x", "x", source={"x": [0, 1, 2]}, fill_color=mapper))
    assert "Not drawn without BokehJS: the colours of EqHistColorMapper." in words(svg)
