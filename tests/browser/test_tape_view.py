"""The tape view in a real JupyterLab, with the network cut off and our kernel behind it."""

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser import lab

pytestmark = pytest.mark.browser
SECONDS = 120
CELLS = (
    "import torch\nx, w = torch.tensor([0.5, 1.0]), 0.9 * torch.eye(2)\n"
    "def layer(h):\n    z = h @ w\n    return torch.tanh(z)",
    "%%tape\nh = x\nfor _ in range(12):\n    h = layer(h)\ny = layer(h)\n(y * y).sum()",
)


@pytest.fixture(scope="module")
def lab_url(browser, tmp_path_factory):
    root, private = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("private")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    book.metadata["kernelspec"] = {"name": "tapestry", "display_name": "Tapestry"}
    nbformat.write(book, root / "view.ipynb")
    with lab.server(root, private) as url:
        yield url


def test_the_view_lives_in_jupyterlab_light_and_dark(page):
    pytest.importorskip("torch")
    assert page.open("view.ipynb") == "tapestry"
    output = page.run_all(SECONDS)["cells"][1]["outputs"][0]
    assert set(output["data"]) == {"text/html", "image/svg+xml", "text/plain"}, output
    seen = page.show_cell(1)
    expect(seen.locator(".tp-scene").first).to_be_visible(timeout=15_000)

    step_to_the_start(seen)
    click_a_node(seen)
    open_a_fold(seen)
    click_a_line(seen)
    keys_reach_the_view_and_not_the_notebook(page, seen)
    go_dark(page, seen)
    assert page.errors == [] and page.refused == []


def named(seen, name):
    words = seen.page.locator(f"tspan:text-is('{name}')")
    return seen.locator("[data-b]:not(.p)").filter(has=words).first


def step_to_the_start(seen):
    slider = seen.locator("input[type=range]")
    slider.focus()
    slider.press("Home")
    expect(seen.locator("output")).to_have_text("before the first step")
    slider.press("ArrowRight")
    expect(seen.locator("output")).to_contain_text("value of x")
    slider.press("End")


def click_a_node(seen):
    named(seen, "w").click()
    expect(seen.locator(".tp-card")).to_contain_text("adjoint from")
    expect(seen.locator(".tp-map svg").first).to_be_visible()


def open_a_fold(seen):
    seen.locator("select").first.select_option(label="calls and loops")
    named(seen, "layer ×12").click()
    expect(seen.locator(".tp-open")).to_have_count(1)
    expect(named(seen, "turn 12 of 12")).to_be_visible()


def click_a_line(seen):
    seen.locator(".tp-code li", has_text="(y * y).sum()").first.click()
    assert seen.locator(".hit > text tspan").all_text_contents() == ["v28", "v29"]


def keys_reach_the_view_and_not_the_notebook(page, seen):
    count = page.page.locator(".jp-Notebook .jp-Cell").count()
    box = named(seen, "turn 12 of 12")
    box.focus()
    box.press("Enter")
    expect(seen.locator(".tp-open")).to_have_count(2)
    for key in ("ArrowLeft", "a", "b", "/"):  # in the notebook, a and b would add cells
        page.page.keyboard.press(key)
    assert page.page.evaluate("document.activeElement.type") == "search"
    assert page.page.locator(".jp-Notebook .jp-Cell").count() == count


def go_dark(page, seen):
    card = "(e) => getComputedStyle(e.querySelector('.tp-card')).backgroundColor"
    light = seen.evaluate(card)
    change = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
    page.page.evaluate(change, "JupyterLab Dark")
    page.page.wait_for_selector("[data-jp-theme-light=false]", state="attached")
    assert (light, seen.evaluate(card)) == ("rgb(255, 255, 255)", "rgb(36, 39, 43)")
