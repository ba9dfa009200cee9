"""The renderings of one picture: each complete, deterministic, small, readable without seeing."""

import gc
import json
import re
import weakref
import xml.etree.ElementTree as ET
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

import autodiff_lab as ad
from kernel import show
from kernel.tape_view.picture import picture
from kernel.tape_view.svg import drawn_boxes
from kernel.tape_view.view import view
from tests.helpers import FRAMEWORKS, array
from tests.kernel.tape_view import tapes
from tests.kernel.tape_view.tapes import chain, layers, lib, lstm, random, recorded, small

SVG = "{http://www.w3.org/2000/svg}"
BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)
MAKERS = (small, layers, tapes.planted_nan, tapes.checkpoints)


def bundle(tape):
    return view(tape)._repr_mimebundle_()


def table(html):
    return re.search("<table>.*</table>", html, re.S)[0]


# ----- the model -----
@BOTH
@pytest.mark.parametrize("make", MAKERS)
def test_the_same_program_gives_the_same_model_and_output(framework, make):
    first, second = make(framework), make(framework)
    assert view(first).model() == view(second).model()
    assert bundle(first) == bundle(second)
    assert not re.search("0x[0-9a-f]{6}", str(bundle(first)))


@BOTH
def test_the_model_is_plain_data(framework):
    model = view(layers(framework)).model()
    assert json.loads(json.dumps(model))["title"] == f"Tape of 13 nodes, {framework}"


@BOTH
def test_constants_are_written_into_the_operation(framework):
    boxes = picture(small(framework)).boxes
    assert [b.name for b in boxes] == ["x", "w", "v2", "h", "v4", "v5", "v6", "v7"]
    assert boxes[4].op in ("multiply(2, h)", "multiply(h, 2)")


@BOTH
def test_not_computed_is_not_zero(framework):
    assert {b.below for b in picture(small(framework, backward=False)).boxes} == {"not computed"}
    after = picture(small(framework)).boxes
    assert [b.name for b in after if b.adjoint is None] == ["v5"]  # floor: nothing flows there


@BOTH
def test_the_sum_mark_counts_what_flows_back_and_not_what_reads(framework):
    """x is read twice here, but nothing flows back through floor."""
    assert [b.terms for b in picture(small(framework)).boxes][:2] == [1, 1]
    x = picture(recorded(lambda x: (x + 1) * (x + 1) * x, array(framework, 2.0))).boxes[0]
    assert (x.terms, x.adds) == (3, "v1 (6), v2 (6), v4 (9)")  # 12 + 9 = 21
    assert x.adjoint == "21"


@BOTH
def test_forward_mode_is_laid_over_the_picture(framework):
    tape = small(framework)
    tape.forward(array(framework, [1.0, 0.0, 0.0], "float32"), None)
    (layer,) = [layer for layer in picture(tape).overlays if layer.name == "tangents"]
    assert layer.words[:3] == ("dx [1, 0, 0]", "not computed", "dx [0.25, 0, 0]")


@BOTH
def test_times_are_shown_when_asked_for(framework):
    names = [layer.name for layer in view(small(framework)).picture.overlays]
    timed = view(small(framework), time=True).picture.overlays
    assert "time" not in names
    assert re.fullmatch(r"\d+ \+ \d+ us", {o.name: o for o in timed}["time"].words[3])


def test_a_node_of_jax_has_its_equation():
    pytest.importorskip("jax")
    boxes = {b.name: b for b in picture(small("jax")).boxes}
    assert boxes["h"].equation == "h:f32[3] = tanh v2"
    assert boxes["v2"].equation == "v2:f32[3] = mul x w"


def test_a_composite_of_torch_opens_into_its_definition():
    torch = pytest.importorskip("torch")
    drawn = picture(recorded(lambda x: torch.softmax(x, 0)[0], random("torch", 3)))
    (number,) = [drawn.inside[k] for k, b in enumerate(drawn.boxes) if b.op.startswith("softmax")]
    inner = [drawn.boxes[b] for b in drawn.scenes[number].boxes]
    assert [b.op.split("(")[0] for b in inner if b.kind != "input"] == [
        "max", "stop_gradient", "subtract", "exp", "sum", "divide"]  # fmt: skip
    assert inner[0].adjoint == drawn.boxes[0].adjoint  # the same way back, seen from inside


# ----- long tapes -----
@pytest.fixture(scope="module")
def long_tape():
    pytest.importorskip("torch")
    return lstm("torch", 2300)


def test_forty_thousand_nodes_fold_to_two_hundred_boxes(long_tape):
    drawn = picture(long_tape)
    assert len(long_tape.nodes) > 40_000
    assert len(drawn.boxes) < 200
    assert [b.name for b in drawn.boxes if b.kind == "loop"][:1] == ["loop ×2300"]
    assert "cell ×2300" in [b.name for b in drawn.boxes]
    assert sum(len(t) for t in view(long_tape)._repr_mimebundle_().values()) < 500_000


@pytest.mark.parametrize("at", [20_000, "c·1200"])
def test_any_node_of_a_long_tape_can_be_asked_for(long_tape, at):
    drawn = view(long_tape, at=at).picture
    shown = [b for b in drawn.boxes if b.first == b.last]
    assert (at if isinstance(at, str) else 20_000) in [
        b.name if isinstance(at, str) else b.first for b in shown
    ]
    assert len(drawn.boxes) < 200


def test_a_node_that_is_not_there_is_refused():
    pytest.importorskip("torch")
    with pytest.raises(ValueError, match="no such node"):
        view(small("torch"), at="z")


# ----- every rendering says the same -----
@BOTH
@pytest.mark.parametrize("make", MAKERS)
def test_every_rendering_holds_what_is_drawn(framework, make):
    drawn = picture(make(framework))
    found = view(make(framework))._repr_mimebundle_()
    image = "".join(ET.fromstring(found["image/svg+xml"]).itertext())
    words = table(found["text/html"])
    for k in drawn_boxes(drawn):
        box = drawn.boxes[k]
        for said in (box.name, box.value, box.below):
            assert said in image
            assert said in found["text/plain"]
        assert f"<th scope=row>{box.name}<td>" in words and box.adjoint_line in words
    for sentence, _ in drawn.findings:
        assert sentence in found["text/plain"] and sentence in image


@BOTH
def test_before_the_walk_every_rendering_says_not_computed(framework):
    tape = small(framework, backward=False)
    for mime, text in bundle(tape).items():
        assert text.count("not computed") >= len(tape.nodes), mime


def test_the_text_is_a_table_that_a_person_can_check():
    pytest.importorskip("torch")
    words = [re.sub(" {2,}", " | ", line) for line in repr(view(small("torch"))).splitlines()]
    assert words[0].startswith("Tape of 8 nodes, torch. Inputs: x, w. Output: v7 = 4.663.")
    assert words[3] == "x | input | (3,) | [0.5, 1, 2] | [0.4923, 0.47, 0.3932]"
    assert words[6].startswith("h | tanh(v2) | (3,) | [0.1244, 0.2449, 0.4621] | [2, 2, 2] | ")
    assert words[8].startswith("v5 | floor(x) | (3,) | [0, 1, 2] | not computed | ")


@BOTH
def test_the_svg_is_xml_with_a_title_and_a_description(framework):
    root = ET.fromstring(bundle(small(framework))["image/svg+xml"])
    assert root.get("role") == "img" and "Tape of 8 nodes" in root.get("aria-label")
    assert "Tape of 8 nodes" in root.find(f"{SVG}title").text
    assert "Inputs: x, w." in root.find(f"{SVG}desc").text
    assert len([g for g in root.iter(f"{SVG}g") if g.get("data-b")]) == 8


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
def test_the_html_loads_nothing(framework):
    html = bundle(small(framework))["text/html"]
    assert [load[:19] for load in Page(html).loads] == ["data:image/svg+xml,"]
    assert set(re.findall(r"https?://[\w.]+", html)) <= {"http://www.w3.org"}


@BOTH
def test_the_image_in_the_html_is_the_svg_and_has_a_text_alternative(framework):
    made = bundle(small(framework))
    (image,) = [attrs for tag, attrs in Page(made["text/html"]).tags if tag == "img"]
    assert unquote(image["src"].split(",", 1)[1]) == made["image/svg+xml"]
    assert "Inputs: x, w." in image["alt"]


@BOTH
def test_the_table_has_a_caption_and_scoped_headers(framework):
    tags = Page(table(bundle(small(framework))["text/html"])).tags
    scopes = [attrs.get("scope") for tag, attrs in tags if tag == "th"]
    assert set(scopes) == {"col", "row"} and scopes.count("row") == 8
    assert [tag for tag, _ in tags].count("caption") == 1


@BOTH
def test_the_source_of_the_program_stands_beside_it(framework):
    html = bundle(small(framework))["text/html"]
    lines = re.findall(r'<li value=\d+ data-at="0:\d+"><code>(.*?)</code>', html)
    text = "def program(x, w): h = xp.tanh(x * w) return xp.sum(2 * h + xp.floor(x))"
    assert " ".join(line.strip() for line in lines) == text


@BOTH
def test_value_and_gradient_stand_beside_it_as_python(framework):
    """The lines are those of `to_source`, and each leads to the user's line that it comes from."""
    tape = small(framework)
    html = bundle(tape)["text/html"].split("to_source: value and gradient as Python")[1]
    found = re.findall(r"<li(?: data-at=(\S+))?><code>(.*?)</code>", html)
    assert [unescape(text) for _, text in found] == ad.to_source(tape).splitlines()
    source = dict(re.findall(r"<li value=(\d+) data-at.*?><code>(.*?)</code>",
                             bundle(tape)["text/html"]))  # fmt: skip
    at = {text.split("#")[0].strip(): source[at.split(":")[1]].strip() for at, text in found if at}
    module = "torch" if framework == "torch" else "jnp"
    assert at[f"h = {module}.tanh(t)"] == "h = xp.tanh(x * w)"
    assert at["bx = bt * w"] == "h = xp.tanh(x * w)"
    assert "to_source:" not in bundle(chain(framework, 80))["text/html"]


@BOTH
def test_the_python_of_a_masked_batch_runs(framework):
    """Its container takes no names, so its leaves are returned beside each other."""
    tape = tapes.batch(framework)
    assert "to_source:" in bundle(tape)["text/html"]
    text, space = ad.to_source(tape), {}
    exec(text, space)
    value, _ = space["value_and_grad"](*tape.called[1], tape.output.data, **text.constants)
    assert [float(v) for v in value[0]] == [float(v) for v in tape.output.data]


def test_a_card_tells_strides_and_whose_memory_it_is():
    pytest.importorskip("torch")
    tape = ad.record(lambda x: (x.T[1:] * 2).reshape(-1), random("torch", 4, 3))
    heads, *rows = [re.findall(r"<t[dh][^>]*>([^<]*)", row)
                    for row in table(bundle(tape)["text/html"]).split("<tr>")[1:]]  # fmt: skip
    cells = [row[heads.index("shape")] for row in rows]
    assert cells == [
        "(4, 3) float32, strides (3, 1)",
        "(3, 4) float32, strides (1, 3), memory of x",
        "(2, 4) float32, strides (1, 3), offset 1, memory of x",
        "(2, 4) float32, strides (1, 2)",
        "(8,) float32, strides (1,)",
    ]


@BOTH
def test_a_picture_is_small(framework):
    size = lambda tape: sum(len(t.encode()) for t in bundle(tape).values())  # noqa: E731
    assert size(small(framework)) < 40_000
    for tape in (chain(framework, 100), _straight(framework)):
        assert 98 <= len(tape.nodes) <= 110
        assert size(tape) * 100 / len(tape.nodes) < 150_000


def _straight(framework):
    """A hundred operations without a repetition: nothing can be folded."""
    import linecache

    forms = ("xp.sin({})", "xp.tanh({})", "{} * x", "{} + w", "xp.cos(-{})", "{} - x")
    body = [f"    value_{k + 1} = {forms[k * k % 5].format(f'value_{k}')}\n" for k in range(70)]
    text = ["def f(x, w):\n", "    value_0 = x * w\n", *body, "    return value_70.sum()\n"]
    linecache.cache["<straight>"] = 0, None, text, "<straight>"
    space = {"xp": lib(framework)}
    exec(compile("".join(text), "<straight>", "exec"), space)
    return recorded(space["f"], random(framework, 16, 16), random(framework, 16, 16, seed=1))


@BOTH
def test_names_from_outside_cannot_break_the_page(framework):
    tape = small(framework)
    tape.nodes[0].name = """<script>'"&%23</script>"""
    made = bundle(tape)
    assert made["text/html"].count("<script>") == 1  # ours
    ET.fromstring(made["image/svg+xml"])


# ----- what a picture keeps -----
@BOTH
def test_a_picture_keeps_no_value_of_the_tape(framework):
    tape = layers(framework)
    drawn = view(tape, time=True)
    values = [weakref.ref(n.value) for n in tape.nodes] + [weakref.ref(tape)]
    del tape
    gc.collect()
    assert repr(drawn) and [v for v in values[2:] if v() is not None] == []


def test_show_prints_the_text_outside_of_notebooks(capsys):
    pytest.importorskip("torch")
    show(small("torch"))
    assert "tanh(v2)" in capsys.readouterr().out


@BOTH
def test_a_tape_without_operations_can_be_drawn(framework):
    tape = ad.record(lambda x: x, array(framework, 1.0))
    assert "Tape of 1 node," in repr(view(tape))
    ET.fromstring(bundle(tape)["image/svg+xml"])


# ----- a sea of nodes -----
def power(x, n):
    y = 1.0
    while n > 0:
        y = y * x
        n = n - 1
    return y


def test_a_sea_is_drawn_with_its_regions_phis_and_ways_back():
    drawn = view(ad.sea(power)).picture
    known = ad.sea(power).model()["nodes"]
    (scene,) = drawn.scenes
    at = {b: k for k, b in enumerate(scene.boxes)}
    edges = {(e.source, e.target): e for e in scene.edges}
    for n in known:
        for x in (*n["data"], *n["control"]):
            edge = edges[at[x], at[n["index"]]]
            assert edge.control == (x in n["control"])
    back = {(scene.boxes[a], scene.boxes[b]) for (a, b), e in edges.items() if e.back}
    loop, phis = 4, [n["index"] for n in known if n["kind"] == "phi"]
    assert back == {(9, loop), *((known[p]["data"][1], p) for p in phis)}
    text = repr(view(ad.sea(power)))
    assert "phi y" in text and "loop" in text and "floats" in text
    ET.fromstring(view(ad.sea(power))._repr_mimebundle_()["image/svg+xml"])
