"""Every notebook of the course in a real JupyterLab, with the network cut off."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

NOTEBOOKS = sorted(p.name for p in (Path(__file__).parents[2] / "course").glob("*.ipynb"))
SECONDS = 120
DRAWN = 15_000  # milliseconds that a picture may take to appear

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("name", NOTEBOOKS)]


def test_a_notebook_runs_and_draws_all_its_pictures_offline(page, name):
    assert page.open(name) == "tapestry"
    cells = page.run_all(SECONDS)["cells"]
    assert errors(cells) == []
    for index, cell in enumerate(cells):
        shown = [kinds for out in cell.get("outputs", []) if (kinds := out.get("data"))]
        if shown:
            look_at(page.show_cell(index), shown)
    assert page.errors == []


def errors(cells):
    """What went wrong, except where the lesson is the error."""
    tagged = [c for c in cells if "raises-exception" not in c["metadata"].get("tags", [])]
    outs = [out for cell in tagged for out in cell.get("outputs", [])]
    return [f"{o['ename']}: {o['evalue']}" for o in outs if o["output_type"] == "error"]


# ----- what a person must see of it: JupyterLab shows the richest form of each output -----


def look_at(seen, shown):
    html = "".join("".join(kinds["text/html"]) for kinds in shown if "text/html" in kinds)
    if "<table" in html:
        expect(seen.locator("table").first).to_be_attached(timeout=DRAWN)
    if views := html.count('class="tp-root"'):
        look_at_tapes(seen, views)
    elif 'class="tq-root"' in html:  # a plot: Bokeh's canvas, or the picture that it stands in for
        drawn = seen.locator(".tp-live canvas, svg.tq, img.tp-still").locator("visible=true")
        expect(drawn.first).to_be_visible(timeout=DRAWN)
    elif "<svg" in html:
        expect(seen.locator("svg").first).to_be_visible(timeout=DRAWN)
    bare = [k for k in shown if "text/html" not in k and {"image/svg+xml", "image/png"} & set(k)]
    for number in range(len(bare)):
        picture = seen.locator(".jp-RenderedSVG, .jp-RenderedImage").nth(number)
        expect(picture.locator("img, svg").first).to_be_visible(timeout=DRAWN)


def look_at_tapes(seen, count):
    """A tape view has come to life: its picture, its scrubber, and a card with words."""
    views = seen.locator(".tp-root")
    expect(views).to_have_count(count, timeout=DRAWN)
    for number in range(count):
        view = views.nth(number)
        expect(view.locator(".tp-scene svg [data-b]").first).to_be_visible(timeout=DRAWN)
        expect(view.locator(".tp-bar")).to_be_attached(timeout=DRAWN)
        expect(view.locator(".tp-card")).to_contain_text("operation", timeout=DRAWN)
