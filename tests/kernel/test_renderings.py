"""The renderings of one picture: each complete, deterministic, small, readable without seeing."""

import builtins
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from kernel import show
from kernel.bokeh_figure import figure_json
from kernel.picture import picture
from kernel.view import View
from tests.helpers import FRAMEWORKS
from tests.kernel.tapes import chain, small

SVG = "{http://www.w3.org/2000/svg}"
BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)


def bundle(tape):
    return View(tape)._repr_mimebundle_()


@BOTH
def test_the_same_tape_gives_the_same_output(framework):
    assert bundle(small(framework)) == bundle(small(framework))
    assert not re.search("0x[0-9a-f]{6}", str(bundle(small(framework))))


@BOTH
def test_every_rendering_holds_every_value_and_adjoint(framework):
    tape = small(framework)
    for mime, text in bundle(tape).items():
        for box in picture(tape).boxes:
            for words in (box.name, box.value, box.below):
                assert words in text, mime


@BOTH
def test_before_the_walk_every_rendering_says_not_computed(framework):
    tape = small(framework, backward=False)
    for mime, text in bundle(tape).items():
        assert text.count("not computed") >= len(tape.nodes), mime


def test_the_text_is_a_table_that_a_person_can_check():
    pytest.importorskip("torch")
    lines = View(small("torch")).__repr__().splitlines()
    words = [re.sub(" {2,}", " | ", line) for line in lines]
    assert words[0].startswith("Tape of 8 nodes, torch. Inputs: x, w. Output: v7 = 4.663.")
    assert words[3] == "x | input | (3,) | [0.5, 1, 2] | [0.4923, 0.47, 0.3932]"
    assert words[6].startswith("v3 | tanh(v2) | (3,) | [0.1244, 0.2449, 0.4621] | [2, 2, 2] | ")
    assert words[8].startswith("v5 | floor(x) | (3,) | [0, 1, 2] | not computed | ")


@BOTH
def test_the_svg_is_xml_with_a_title_and_a_description(framework):
    root = ET.fromstring(bundle(small(framework))["image/svg+xml"])
    assert root.get("role") == "img" and "Tape of 8 nodes" in root.get("aria-label")
    assert "Tape of 8 nodes" in root.find(f"{SVG}title").text
    assert "Inputs: x, w." in root.find(f"{SVG}desc").text
    assert len(root.findall(f"{SVG}g")) == 8


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.loads = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.loads += [v for k, v in attrs.items() if k in ("src", "href", "srcset")]


@BOTH
def test_the_html_loads_nothing_and_names_one_fallback(framework):
    html = bundle(small(framework))["text/html"]
    page = Page(html)
    assert [load[:19] for load in page.loads] == ["data:image/svg+xml,"]
    assert set(re.findall(r"https?://[\w.]+", html)) == {
        "http://www.w3.org",
        "https://cdn.bokeh.org",
    }


@BOTH
def test_the_image_in_the_html_is_the_svg_and_has_a_text_alternative(framework):
    from urllib.parse import unquote

    made = bundle(small(framework))
    (image,) = [attrs for tag, attrs in Page(made["text/html"]).tags if tag == "img"]
    assert unquote(image["src"].split(",", 1)[1]) == made["image/svg+xml"]
    assert "Inputs: x, w." in image["alt"]


@BOTH
def test_the_table_has_a_caption_and_scoped_headers(framework):
    tags = Page(bundle(small(framework))["text/html"]).tags
    scopes = [attrs.get("scope") for tag, attrs in tags if tag == "th"]
    assert scopes == ["col"] * 8 + ["row"] * 8
    assert [tag for tag, _ in tags].count("caption") == 1


@BOTH
def test_a_picture_is_small(framework):
    size = lambda tape: sum(len(t.encode()) for t in bundle(tape).values())  # noqa: E731
    assert size(small(framework)) < 40_000
    hundred = chain(framework, 100)
    assert 100 <= len(hundred.nodes) <= 110
    assert size(hundred) < 150_000


@BOTH
def test_names_from_outside_cannot_break_the_page(framework):
    tape = small(framework)
    tape.nodes[0].name = """<script>'"&%23</script>"""
    made = bundle(tape)
    assert "<script>'" not in made["text/html"].split("<details>")[1]
    ET.fromstring(made["image/svg+xml"])


def test_the_bokeh_figure_does_not_depend_on_what_was_drawn_before():
    pytest.importorskip("bokeh")
    pytest.importorskip("torch")
    drawn = picture(small("torch"))
    first, second = figure_json(drawn), figure_json(drawn)
    assert first == second and first[0] == __import__("bokeh").__version__


def test_without_bokeh_the_picture_is_still_there(monkeypatch):
    pytest.importorskip("torch")
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("bokeh"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    html = bundle(small("torch"))["text/html"]
    assert "tp-still" in html and '<script type="application/json"' not in html


@BOTH
def test_show_prints_the_text_outside_of_notebooks(framework, capsys):
    show(small(framework))
    assert "tanh(v2)" in capsys.readouterr().out


def test_show_says_what_it_wants():
    with pytest.raises(TypeError, match="got float; to see what a function did, show.ad.record"):
        show(0.5)


@BOTH
def test_a_tape_without_operations_can_be_drawn(framework):
    import autodiff_lab as ad
    from tests.helpers import array

    tape = ad.record(lambda x: x, array(framework, 1.0))
    assert "Tape of 1 node" in View(tape).__repr__()
    ET.fromstring(bundle(tape)["image/svg+xml"])
