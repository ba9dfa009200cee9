"""The interactive view in a real browser: first the SVG, then Bokeh in its place, one scrubber."""

import pytest

from kernel.server import bokeh_files
from kernel.view import View
from tests.browser.conftest import browser  # noqa: F401
from tests.kernel.tapes import small

pytestmark = pytest.mark.browser
PAGE = "https://page.test/"


@pytest.fixture(params=["offline", "bokeh"])
def page(request, browser):  # noqa: F811
    """A page with one tape on it; nothing can be loaded, or BokehJS and nothing else."""
    pytest.importorskip("torch")
    html = (
        "<!doctype html><meta charset=utf-8>"
        + View(small("torch"))._repr_mimebundle_()["text/html"]
    )
    version, folder = bokeh_files()
    allowed = {PAGE: {"body": html, "content_type": "text/html"}}
    if request.param == "bokeh":
        script = {"path": f"{folder}/bokeh.min.js", "headers": {"Access-Control-Allow-Origin": "*"}}
        allowed[f"https://cdn.bokeh.org/bokeh/release/bokeh-{version}.min.js"] = script

    def answer(route):
        known = allowed.get(route.request.url)
        route.fulfill(**known) if known else route.abort()

    with browser.new_context() as context:
        context.route("**/*", answer)
        opened = context.new_page()
        opened.errors = []
        opened.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.goto(PAGE)
        opened.with_bokeh = request.param == "bokeh"
        yield opened
        assert opened.errors == []


def test_the_picture_is_there_with_and_without_bokeh(page):
    if page.with_bokeh:
        page.wait_for_selector(".tp-live[role=img]", timeout=15_000)
        assert "Inputs: x, w." in page.get_attribute(".tp-live", "aria-label")
        assert page.locator("svg.tp").is_hidden()
    else:
        assert page.locator("svg.tp").is_visible()


FROM_SVG = """() => ({
  now: [...document.querySelectorAll("svg .now tspan")].map((t) => t.textContent),
  values: document.querySelectorAll("svg g:not(.off-v)").length,
  adjoints: document.querySelectorAll("svg g:not(.off-a)").length })"""
FROM_BOKEH = """() => {
  const { name, rim_w, va, aa } = Bokeh.documents[0].get_model_by_name("nodes").data;
  const lit = (column) => column.filter((a) => a === 1).length;
  return { now: name.filter((_, i) => rim_w[i] > 1), values: lit(va), adjoints: lit(aa) };
}"""


def drawn(page):
    """Which box is marked, and how many values and adjoints are shown, on whichever drawing."""
    return page.evaluate(FROM_BOKEH if page.with_bokeh else FROM_SVG)


def test_the_scrubber_walks_forward_and_back(page):
    if page.with_bokeh:
        page.wait_for_selector(".tp-live[role=img]", timeout=15_000)
    slider = page.locator("input[type=range]")
    assert slider.get_attribute("max") == "16"
    slider.focus()
    page.keyboard.press("Home")
    assert page.locator("output").text_content() == "before the first step"
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.locator("output").text_content() == "step 4 of 16: value of v3"
    assert "tanh(v2)" in page.locator(".tp-card").text_content()
    assert drawn(page) == {"now": ["v3"], "values": 4, "adjoints": 0}
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert page.locator("output").text_content() == "step 15 of 16: adjoint of w"
    assert drawn(page) == {"now": ["w"], "values": 8, "adjoints": 7}
