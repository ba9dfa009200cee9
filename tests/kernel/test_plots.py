"""Plots: the words say what the picture says, the model is the same each time, sizes stay small."""

import functools
import hashlib
import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from kernel import plots
from kernel.plots import theme
from kernel.plots.drawing import item_json
from kernel.plots.scales import Scale
from kernel.showing import view_of
from tests.helpers import FRAMEWORKS, array
from tests.kernel.forms import forms

NAN = float("nan")
LOSSES = {"torch": [2.25, 1.5, 1.0], "jax": [2.25, 1.25, 0.5]}


@functools.cache
def every():
    """One of each kind, with what is hard to draw."""
    return {
        "line": plots.line(LOSSES, title="Loss", xlabel="step", ylabel="loss", log="y"),
        "gaps": plots.line([1.0, NAN, 3.0, math.inf, 2.0]),
        "apart": plots.line({"a": ([0, 1, 2], [1, 2, 3]), "b": ([0.5, 1], [3, 4])}),
        "long": plots.line({"a": np.sin(np.arange(5000) / 300), "b": np.arange(5000)}),
        "scatter": plots.scatter([1.0, 4.0, 4.0], [2.0, 2.0, 1.0], xlabel="x"),
        "bars": plots.bars({"loop": 3.0, "masked": 0.5}, spread={"loop": (2, 4), "masked": (0, 1)}),
        "groups": plots.bars({"torch": {"a": 1, "b": 2}, "jax": {"a": 3, "b": -4}}, title="t"),
        "heat": plots.heat([[1.0, 0.0, NAN], [-2.0, 0.5, 3.0]], rows="query", columns="key"),
        "wide": plots.heat(np.arange(9000.0).reshape(30, 300) - 4500),
        "one": plots.line([5.0]),
        "none": plots.line([]),
    }


EVERY = pytest.mark.parametrize("name", every())


# ----- one model, several forms -----
@EVERY
def test_every_form_says_the_same(name):
    drawn = every()[name]
    svg = forms(drawn)["image/svg+xml"]
    assert ET.fromstring(svg).get("role") == "img"


@EVERY
def test_the_model_is_plain_data(name):
    text = json.dumps(every()[name].data(), allow_nan=False)
    assert json.loads(text) == json.loads(json.dumps(every()[name].data()))


def test_the_model_and_the_forms_are_the_same_in_another_process():
    code = (
        "import hashlib, json; from tests.kernel.test_plots import every\n"
        "for name, p in every().items():\n"
        "    b = json.dumps([p.data(), p._repr_mimebundle_()])\n"
        "    print(name, hashlib.sha256(b.encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = {}
    for name, p in every().items():
        told = json.dumps([p.data(), p._repr_mimebundle_()])
        here[name] = hashlib.sha256(told.encode()).hexdigest()
    assert dict(line.split() for line in done.stdout.splitlines()) == here


@pytest.mark.parametrize(
    ("name", "most"), [("line", 28_000), ("long", 60_000), ("heat", 18_000), ("wide", 130_000)]
)
def test_a_saved_notebook_stays_small(name, most):
    saved = json.dumps(every()[name]._repr_mimebundle_())
    assert len(saved) < most


# ----- words -----
def test_the_words_tell_what_is_seen():
    assert plots.line(LOSSES, xlabel="step", ylabel="loss", log="y").alt == (
        "Line chart of loss over step, vertical axis logarithmic. torch: falls from 2.25 to 1 "
        "(step from 0 to 2). jax: falls from 2.25 to 0.5 (step from 0 to 2)."
    )
    assert every()["gaps"].alt == (
        "Line chart. From 1 to 2 (x from 0 to 4), highest 3 at 2; 2 not finite."
    )
    assert "402 of 10,000 points drawn" in plots.line(np.sin(np.arange(10000))).alt
    assert every()["heat"].alt == (
        "Heat map of 2 x 3 entries, from -2 at query 1, key 0 to 3 at query 1, key 2; 1 is zero; "
        "1 not finite."
    )


def test_what_is_not_drawn_is_told():
    assert plots.line([0, 1, 2], log="y").alt.endswith(
        "; 1 not drawn, since a logarithm knows no zero and below."
    )


def test_a_thinned_line_keeps_its_lowest_and_highest_value():
    y = np.zeros(10_001)
    y[7777], y[1234] = -5, 9
    (series,) = plots.line(y).series
    assert {-5.0, 9.0} <= set(series.y) and series.x[-1] == 10_000 and len(series.x) <= 402


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_arrays_of_either_framework_are_drawn(framework):
    x = array(framework, [[1.0, -2.0], [3.0, 4.0]], "float32")
    assert plots.heat(x).values == ((1.0, -2.0), (3.0, 4.0))
    assert plots.line({"x": x[0]}).series[0].y == (1.0, -2.0)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plots.line([[1, 2], [3, 4]]), r"got list of shape \(2, 2\)"),
        (lambda: plots.line("loss"), "got str"),
        (lambda: plots.line({"a": [1, 2]}, [1]), "as many x as y for 'a': got 1 and 2"),
        (lambda: plots.line([1], log=True), "'x', 'y', 'xy'"),
        (lambda: plots.line({}), "empty dict"),
        (lambda: plots.bars([1, 2]), r"takes a dict of names and numbers, and got \[1, 2\]"),
        (lambda: plots.bars({k: k for k in range(99)}), "99 bars cannot be read"),
        (lambda: plots.heat(5), "takes a matrix"),
        (lambda: plots.heat([[1, 2]], columns=["a"]), "2 columns and got 1 names"),
        (lambda: plots.show(object(), alt="x"), "takes a Bokeh figure, and got object"),
        (lambda: plots.bars({"a": None}), "needs a number for 'a', and got NoneType"),
        (lambda: plots.bars({"a": 1}, spread={"b": (1, 2)}), "needs a pair for each of a"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(call, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


# ----- axes -----
@pytest.mark.parametrize("ends", [(0, 1), (-3.7, 12), (1e-9, 2e-9), (1e6, 1e6 + 3), (-1, -0.999)])
def test_ticks_are_few_round_and_inside(ends):
    ticks = Scale(ends, 0, 100).ticks()
    assert 3 <= len(ticks) <= 7 and all(ends[0] <= t <= ends[1] for t in ticks)
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[0])


def test_a_logarithmic_axis_goes_by_ratio_and_leaves_out_what_it_cannot_show():
    scale = Scale([1, 100, 0, -5], 0, 100, log=True)
    assert scale(10) == pytest.approx(50) and scale(0) is None and scale(-5) is None
    assert scale.ticks() == pytest.approx([1, 2, 5, 10, 20, 50, 100])


# ----- one theme -----
def luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_every_colour_stands_out_from_its_card(colours):
    """WCAG: 3 to 1 for what is drawn, 4.5 to 1 for words."""
    card = luminance(colours["card"])
    for names, least in ((theme.SERIES, 3.0), (("ink", "faint", "bad"), 4.5)):
        for name in names:
            pair = sorted([card, luminance(colours[name])])
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= least, name


def test_colours_that_are_exchanged_for_another_theme_are_told_apart():
    assert len(set(theme.LIGHT.values())) == len(theme.LIGHT) == len(theme.DARK)


def test_bokeh_gets_the_theme_and_its_ids_do_not_depend_on_what_was_drawn_before():
    pytest.importorskip("bokeh")
    first, second = (item_json(every()["line"].figure()) for _ in range(2))
    assert first == second and f'"{theme.COLOURS[0]}"' in first[1] and first[2] == []
    assert theme.LIGHT["grid"] in first[1]


def test_a_figure_of_ones_own_gets_words_a_table_and_the_scripts_it_needs():
    bokeh = pytest.importorskip("bokeh.plotting")
    from bokeh.layouts import column
    from bokeh.models import DataTable, Slider

    figure = bokeh.figure(title="Mine")
    figure.line([0, 1, 2], [3.0, 1.0, 2.0])
    view = view_of(figure, alt="It falls and rises.")
    assert repr(view).startswith("Mine. It falls and rises.\n   x  y\n")
    assert view.rows() == (["", "x", "y"], [["0", "0", "3"], ["1", "1", "1"], ["2", "2", "2"]])
    layout = column(figure, Slider(start=0, end=1, value=0), DataTable())
    html = view_of(layout, alt="a")._repr_mimebundle_()["text/html"]
    assert 'data-parts="-widgets -tables"' in html and "image/svg" in html.split("<script>")[0]
    with pytest.raises(TypeError, match="needs alt="):
        view_of(figure)


def test_without_bokeh_the_plots_are_still_there(monkeypatch):
    for name in [n for n in sys.modules if n.startswith(("bokeh", "kernel.plots.chart_bokeh"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bokeh", None)
    monkeypatch.delitem(sys.modules, "kernel.plots.heat_bokeh", raising=False)
    for drawn in every().values():
        html = drawn._repr_mimebundle_()["text/html"]
        assert "tp-still" in html and "application/json" not in html


def test_nothing_in_the_data_ends_the_script_or_the_markup():
    evil = "</script><script>alert(1)</script>'\"<&"
    drawn = plots.line({evil: [1, 2]}, title=evil, xlabel=evil, alt=evil)
    html = drawn._repr_mimebundle_()["text/html"]
    markup = re.sub(r'src="[^"]*"', "", html)
    assert markup.count("<script>") == 1 and "<script>alert" not in markup
    ET.fromstring(drawn.svg())


def test_the_sign_is_the_colour_and_the_size_its_strength():
    svg = plots.heat(np.array([[-1.0, 2.0] + [0.0] * 20])).svg()
    cells = re.findall(r"<path d='(M[^']*)' class='(\w+)'[^>]*?(?:fill-opacity='([\d.]+)')?/>", svg)
    found = {name: (path, strength) for path, name, strength in cells}
    assert found["c0"] == ("M0 0h1v1h-1z", "0.50") and found["c1"] == ("M1 0h1v1h-1z", "1.00")
    assert found["card"] == ("M2 0h20v1h-20z", "")
