"""The interactive view in a real browser, on a page that can load nothing: as in exported HTML."""

import pytest

import autodiff_lab as ad
from kernel.tape_view.view import view
from tests.browser.conftest import browser  # noqa: F401
from tests.kernel.tape_view import tapes

pytestmark = pytest.mark.browser
PAGE = "https://page.test/"


@pytest.fixture
def show(browser):  # noqa: F811
    """Put a tape on a page of its own; nothing else can be reached."""
    pytest.importorskip("torch")
    with browser.new_context(reduced_motion="reduce") as context:

        def opened(thing, dark=False, **asked):
            html = view(thing, **asked)._repr_mimebundle_()["text/html"]
            theme = ' data-jp-theme-light="false"' if dark else ""
            body = f"<!doctype html><meta charset=utf-8><body{theme}>{html}"
            page = context.new_page()
            page.route("**/*", lambda route: route.abort())
            page.route(PAGE, lambda route: route.fulfill(body=body, content_type="text/html"))
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(PAGE)
            return page

        errors = []
        yield opened
        assert errors == []


def box(page, name):
    """The box of this name that can be seen (a port in an open fold is another)."""
    words = page.locator(f"tspan:text-is('{name}')")
    return page.locator("[data-b]:not(.p)").filter(has=words).first


def state(page):
    return page.evaluate("""() => ({
      now: [...document.querySelectorAll(".now > text tspan")].map((t) => t.textContent),
      values: document.querySelectorAll("[data-b]:not(.off-v)").length,
      adjoints: document.querySelectorAll("[data-b]:not(.off-a)").length })""")


def test_the_scrubber_walks_forward_and_back_and_says_who_adds_to_whom(show):
    page = show(tapes.small("torch"))
    slider = page.locator("input[type=range]")
    assert slider.get_attribute("max") == "16"
    slider.focus()
    page.keyboard.press("Home")
    assert page.locator("output").text_content() == "before the first step"
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.locator("output").text_content() == "step 4 of 16: value of h"
    assert "tanh(v2)" in page.locator(".tp-card").text_content()
    assert state(page) == {"now": ["h"], "values": 4, "adjoints": 0}
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert page.locator("output").text_content() == "step 15 of 16: adjoint of w, added up from v2"
    assert state(page) == {"now": ["w"], "values": 8, "adjoints": 7}
    lit = page.locator("path.lit")
    assert [e.get_attribute("data-e") for e in lit.all()] == ["1 2"]


def test_a_click_on_a_node_shows_its_card_its_heat_maps_and_its_line(show):
    page = show(tapes.small("torch"))
    box(page, "h").click()
    card = page.locator(".tp-card")
    assert "tanh(v2)" in card.text_content() and "0.2449" in card.text_content()
    names = [svg.get_attribute("aria-label") for svg in card.locator("svg[role=img]").all()]
    maps = ("value: 1 by 3, ±0.4621", "adjoint: 1 by 3, ±2")
    assert names == [f"heat map of the {words}" for words in maps]
    assert page.locator(".tp-code > ol .here").text_content().strip() == "h = xp.tanh(x * w)"


def test_a_click_on_a_line_lights_its_nodes(show):
    page = show(tapes.small("torch"))
    page.locator(".tp-code > ol li", has_text="return").click()
    lit = page.locator(".hit > text tspan")
    assert [t.text_content() for t in lit.all()] == ["v4", "v5", "v6", "v7"]


def test_the_python_of_the_gradient_is_lit_and_lights(show):
    page = show(tapes.small("torch"))
    page.locator(".tp-code summary", has_text="to_source").click()
    box(page, "h").click()
    lit = [t.text_content().split("  ")[2] for t in page.locator(".tp-code details .here").all()]
    assert lit[:2] == ["t = x * w", "h = torch.tanh(t)"] and len(lit) > 4
    page.locator(".tp-code details li", has_text="bh = ").first.click()
    lit = page.locator(".hit > text tspan")
    assert [t.text_content() for t in lit.all()] == ["v4", "v5", "v6", "v7"]


def test_folds_open_by_click_and_by_key_and_close_again(show):
    page = show(tapes.lstm("torch", 6))
    steps = int(page.locator("input[type=range]").get_attribute("max"))
    cells = box(page, "cell ×6")
    cells.click()
    assert cells.get_attribute("aria-expanded") == "true"
    turn = box(page, "turn 2 of 6")
    turn.focus()
    page.keyboard.press("Enter")
    assert page.locator(".tp-open").count() == 2
    assert box(page, "c·2").is_visible()
    assert int(page.locator("input[type=range]").get_attribute("max")) > steps
    page.keyboard.press("Enter")
    assert page.locator(".tp-open").count() == 1
    cells.click()
    assert page.locator(".tp-open").count() == 0


def test_arrows_step_and_the_focus_follows(show):
    page = show(tapes.small("torch"))
    page.keyboard.press("Tab")
    box(page, "x").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("output").text_content() == "step 2 of 16: value of w"
    assert page.evaluate("document.activeElement.querySelector('tspan').textContent") == "w"


def test_find_goes_to_a_box_even_inside_of_a_closed_fold(show):
    page = show(tapes.lstm("torch", 6))
    box(page, "xs").focus()
    page.keyboard.press("/")
    page.keyboard.type("c·3")
    page.keyboard.press("Enter")
    assert box(page, "c·3").is_visible()
    assert "c·3" in page.locator(".tp-card").text_content()


def test_flat_and_folded_are_one_choice_away(show):
    page = show(tapes.layers("torch"))
    assert page.locator("[data-b]").count() == 13
    page.locator("select").first.select_option(label="calls and loops")
    assert box(page, "layer ×4").is_visible() and page.locator("[data-b]").count() == 5


def test_an_overlay_writes_its_word_on_every_box(show):
    page = show(tapes.vanishing("torch"))
    page.locator("select").first.select_option(label="single operations")
    page.locator("select").last.select_option(label="|adjoint|")
    words = [t.text_content() for t in page.locator(".tp-over text").all()]
    assert words and all("|d| " in w or "not computed" in w for w in words)
    assert len({g.get_attribute("class") for g in page.locator(".tp-over").all()}) >= 3


def test_the_first_nan_is_in_sight_before_anything_is_clicked(show):
    page = show(tapes.planted_nan("torch"))
    assert "First NaN: bad = log" in page.locator(".tp-found").text_content()
    assert page.locator(".bad").first.is_visible()
    assert "bad" in page.locator(".tp-card").text_content()


LETTERS = {"[data-b] text": "rect", ".v + text": ".v", ".a + text": ".a", ".o + text": ".o"}


@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_read_in_both_themes(show, dark):
    """WCAG asks for a contrast of 4.5 between letters and what is behind them."""
    page = show(tapes.small("torch"), dark)
    colour = "(s) => getComputedStyle(document.querySelector(`.tp-scene ${s}`)).fill"
    for ink, ground in LETTERS.items():
        colours = [page.evaluate(colour, s) for s in (ink, ground)]
        assert contrast(*map(luminance, colours)) >= 4.5, (ink, colours)


def luminance(colour):
    parts = [int(c) / 255 for c in colour[4:-1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a, b):
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def test_boxes_are_buttons_with_names_for_screen_readers(show):
    page = show(tapes.layers("torch"))
    page.locator("select").first.select_option(label="calls and loops")
    fold = page.get_by_role("button", name="layer ×4, 8 operations")
    assert fold.get_attribute("aria-expanded") == "false"
    assert "Inputs: x, w." in page.get_by_role("group").first.get_attribute("aria-label")


def test_a_sea_has_no_passes_to_step_through(show):
    page = show(ad.sea(_twice))
    assert page.locator(".tp-bar").is_hidden()
    assert page.locator("[data-b]").count() == len(ad.sea(_twice).nodes)


def _twice(x, n):
    for _ in range(n):
        x = x * 2
    return x


def test_without_scripts_the_image_the_findings_and_the_table_are_there(browser):  # noqa: F811
    pytest.importorskip("torch")
    html = view(tapes.planted_nan("torch"))._repr_mimebundle_()["text/html"]
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.set_content(html)
        assert page.locator("img.tp-still").bounding_box()["height"] > 50
        assert page.locator("table tbody tr").count() > 5
        assert page.locator(".tp-found").is_visible()
