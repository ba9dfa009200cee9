"""Drawings in a real browser: the SVG answers at once, Bokeh takes its place, and says the same."""

import pytest
from bokeh.plotting import figure

from kernel import jacobian_view, plots, strides
from kernel.plots.own import Own
from kernel.server import bokeh_files
from tests.browser.conftest import browser  # noqa: F401

pytestmark = pytest.mark.browser
PAGE = "https://page.test/"


def shown():
    torch = pytest.importorskip("torch")
    x = torch.arange(6.0).reshape(2, 3)
    return {
        "line": plots.line({"a": [3.0, 1.0, 2.0], "b": [1, 2, 3]}, title="Loss", xlabel="step"),
        "heat": plots.heat([[1.0, -2.0], [0.0, 4.0]], rows="query", columns="key"),
        "long": plots.line([k * k for k in range(300)]),
        "wide": plots.heat([[r * c - 20 for c in range(20)] for r in range(20)]),
        "strides": strides(x, x.T),
        "jacobian": jacobian_view(lambda x: x[1:] * x[:-1], torch.ones(4)),
        "own": Own(_own(), alt="It falls and rises."),
    }


def _own():
    fig = figure(width=400, height=250, title="Mine")
    fig.line([0, 1, 2], [3.0, 1.0, 2.0])
    return fig


@pytest.fixture(params=["offline", "bokeh"], scope="module")
def page(request, browser):  # noqa: F811
    """One page with all drawings; nothing can be loaded, or BokehJS and nothing else."""
    parts = [f'<section id="{n}">{d._repr_mimebundle_()["text/html"]}</section>'
             for n, d in shown().items()]  # fmt: skip
    body = f"<!doctype html><meta charset=utf-8><body>{''.join(parts)}"
    version, folder = bokeh_files()
    allowed = {PAGE: {"body": body, "content_type": "text/html"}}
    if request.param == "bokeh":
        script = {"path": f"{folder}/bokeh.min.js", "headers": {"Access-Control-Allow-Origin": "*"}}
        allowed[f"https://cdn.bokeh.org/bokeh/release/bokeh-{version}.min.js"] = script
    asked = []

    def answer(route):
        asked.append(route.request.url)
        known = allowed.get(route.request.url)
        route.fulfill(**known) if known else route.abort()

    with browser.new_context() as context:
        context.route("**/*", answer)
        opened = context.new_page()
        opened.errors, opened.asked = [], asked
        opened.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.goto(PAGE)
        opened.with_bokeh = request.param == "bokeh"
        if opened.with_bokeh:
            opened.wait_for_function("document.querySelectorAll('.tp-live[role=img]').length == 4")
        yield opened
        assert opened.errors == []


def test_what_is_drawn_by_whom(page):
    for name in shown():
        live = page.with_bokeh and name in ("line", "long", "wide", "own")
        assert page.locator(f"#{name} svg.tq").is_visible() is not live
        assert page.locator(f"#{name} .tp-live canvas").count() >= (1 if live else 0)
    assert sum("bokeh" in url for url in page.asked) == 1  # however many figures there are


WALKS = [  # from the first value on
    ("line", [], "step 0 · a 3 · b 1"),
    ("line", ["ArrowRight", "ArrowDown"], "step 2 · a 2 · b 3"),
    ("line", ["End", "ArrowLeft"], "step 1 · a 1 · b 2"),
    ("long", ["End"], "x 299 · y 89,401"),
    ("heat", ["ArrowRight", "ArrowDown", "ArrowDown"], "query 1, key 1: 4"),
    ("heat", ["End", "ArrowUp", "ArrowUp"], "query 0, key 1: -2"),
    ("wide", ["End"], "19, 19: 341"),
    ("strides", ["End"], "entry x.T[2, 1] · storage and place A, 5 · value 5"),
    ("jacobian", ["ArrowRight"], "y[0], x[1]: 1"),
]


@pytest.mark.parametrize(("name", "keys", "told"), WALKS)
def test_the_arrow_keys_walk_through_the_values(page, name, keys, told):
    stage = page.locator(f"#{name} .tp-stage")
    stage.focus()
    for key in ["Home", *keys]:
        page.keyboard.press(key)
    assert page.locator(f"#{name} output").text_content() == told
    assert stage.get_attribute("aria-label") == shown()[name].alt


LIT = "() => [...document.querySelectorAll('#strides .on')].map((m) => m.dataset.at)"


def test_an_entry_and_its_place_in_the_storage_light_up_together(page):
    page.locator("#strides .tp-stage").focus()
    page.keyboard.press("End")
    assert page.evaluate(LIT) == ["5|11", "11"]


def test_the_pointer_finds_the_cell_it_is_on(page):
    box = page.locator("#heat svg [data-grid]").evaluate(
        "(g) => { const [x, y, w, h] = g.dataset.grid.split(' ').map(Number);"
        " const m = g.ownerSVGElement.getScreenCTM();"
        " return [x + w * 0.75, y + h * 0.25].map((v, k) => k ? v * m.d + m.f : v * m.a + m.e); }"
    )
    page.mouse.move(*box)
    assert page.locator("#heat output").text_content() == "query 0, key 1: -2"


def test_the_theme_of_the_page_is_the_theme_of_the_plots(page):
    fill = "() => getComputedStyle(document.querySelector('#heat svg > rect')).fill"
    assert page.evaluate(fill) == "rgb(255, 255, 255)"
    page.evaluate("() => { document.body.dataset.jpThemeLight = 'false'; }")
    assert page.evaluate(fill) == "rgb(36, 39, 43)"
    if page.with_bokeh:
        page.wait_for_function(
            "Bokeh.documents.some((d) => JSON.stringify(d.to_json()).includes('#56b4e9'))"
        )
    page.evaluate("() => { document.body.dataset.jpThemeLight = 'true'; }")


def test_without_scripts_there_is_a_picture_with_words_and_a_table(browser):  # noqa: F811
    html = shown()["line"]._repr_mimebundle_()["text/html"]
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.set_content(html)
        image = page.locator("img.tp-still")
        assert image.is_visible() and "a: from 3 to 2" in image.get_attribute("alt")
        assert page.locator("tbody tr").count() == 3
