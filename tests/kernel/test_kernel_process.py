"""The Tapestry kernel as a front end meets it: started as a process, asked over its sockets."""

import pytest

import autodiff_lab as ad
from tests.kernel.processes import PLAIN, TAPESTRY, kernel_process, paged, pointed_at, run

SETUP = {"torch": "import torch", "jax": "import jax, jax.numpy as jnp"}
ASKED = {"torch": ("torch.tanh", "torch.Tensor.tanh"), "jax": ("jnp.tanh", "jax.lax.tanh")}


@pytest.fixture(scope="module")
def client(root, tmp_path_factory):
    """A client of one Tapestry kernel, with its extension loaded."""
    with kernel_process(TAPESTRY, root, tmp_path_factory.mktemp("tapestry")) as asker:
        yield asker


@pytest.fixture(scope="module")
def other(root, tmp_path_factory):
    """A client of a plain kernel at the same time: here the extension comes and goes."""
    with kernel_process(PLAIN, root, tmp_path_factory.mktemp("plain")) as asker:
        yield asker


def card_of(data):
    """The card, without what the function says about itself below it."""
    return data["text/markdown"].split("\n\n**In its own words**")[0]


# ----- every road -----
@pytest.mark.parametrize("framework", SETUP)
def test_every_road_to_help_shows_the_same_card(client, framework):
    pytest.importorskip(framework)
    run(client, SETUP[framework])
    shown = [
        card_of(data)
        for name in ASKED[framework]
        for data in (paged(client, f"{name}?"), paged(client, f"?{name}"), pointed_at(client, name),
                     pointed_at(client, f"y = {name}("))
    ]  # fmt: skip
    assert len(shown) == 8 and len(set(shown)) == 1
    for words in ("torch.tanh", "jnp.tanh", r"1 - y^{2}", "_tape.ipynb"):
        assert words in shown[0]


def test_two_question_marks_and_contextual_help_add_the_source_of_the_row(client):
    pytest.importorskip("torch")
    run(client, "import torch")
    source = ad.table.ROWS["tanh"].source()
    for data in (paged(client, "torch.tanh??"), pointed_at(client, "torch.tanh", level=1)):
        assert source in data["text/markdown"]
    assert source not in paged(client, "torch.tanh?")["text/markdown"]


ON = {
    "x.sum": "### sum", "x": "### tensor (3,) float32", "torch.nn.LayerNorm": "layer_norm",
    "layer": "`weight`", "ad.grad": "grad(f, argnums=0", "tape": "2 inputs and 2 operations",
    "node": "multiply(", "g": "gradient of f", "batch": "Lengths",
}  # fmt: skip
MADE = """
import torch, autodiff_lab as ad, masking_lab as ml
x, layer = torch.ones(3), torch.nn.LayerNorm(3)
def f(w, x): return (w * x).sum()
g, tape, batch = ad.grad(f), ad.record(f, x, x), ml.batch([x, x[:2]])
node = tape.nodes[2]
"""


@pytest.mark.parametrize("name", ON)
def test_whatever_a_lesson_holds_has_a_page(client, name):
    pytest.importorskip("torch")
    run(client, MADE)
    assert ON[name] in paged(client, f"{name}?")["text/markdown"]
    assert ON[name] in pointed_at(client, name)["text/markdown"]


def test_what_has_no_row_gets_ipythons_own_help(client):
    for data in (paged(client, "print?"), pointed_at(client, "print")):
        assert set(data) == {"text/plain"}


def test_a_question_in_words_is_answered_in_the_pager_and_leaves_no_output(client):
    pytest.importorskip("bm25s")
    run(client, "%ask running total")  # may build the index, and shows how far it is
    for cell in ("?running total", "running total so far?", "?cumsumm"):
        content, outputs = run(client, cell)
        (page,) = content["payload"]
        assert page["source"] == "page" and not outputs
        assert set(page["data"]) == {"text/plain", "text/markdown"}
        assert all("cumsum" in form for form in page["data"].values())


def test_show_is_there_and_gives_one_output_in_four_forms(client):
    pytest.importorskip("torch")
    run(client, "import torch, autodiff_lab as ad\ntape = ad.record(torch.sin, torch.tensor(0.5))")
    _, outputs = run(client, "show(tape)")
    (output,) = outputs
    assert set(output["content"]["data"]) == {"text/plain", "text/html", "image/svg+xml"}
    assert "sin(" in output["content"]["data"]["text/plain"]


# ----- coming and going, beside another kernel and other people's hooks -----
def test_the_extension_comes_and_goes_in_one_kernel_and_stays_in_the_other(client, other):
    pytest.importorskip("torch")
    for asker in (client, other):
        run(asker, "import torch")
    assert set(paged(other, "torch.tanh?")) == {"text/plain"}
    for line in ("%load_ext kernel", "%reload_ext kernel"):
        run(other, line)
        assert card_of(paged(other, "torch.tanh?")) == card_of(paged(client, "torch.tanh?"))
    run(other, "%unload_ext kernel")
    assert set(paged(other, "torch.tanh?")) == {"text/plain"}
    assert "text/markdown" in paged(client, "torch.tanh?")


THEIRS = """
ip = get_ipython()
if hasattr(ip.inspector, "mime_hooks"):
    ip.inspector.mime_hooks = {"text/markdown": lambda data: f"theirs: {data.obj!r}"}
else:
    old = ip.inspector._get_info
    def theirs(*asked, **rest):
        return {**old(*asked, **rest), "text/markdown": "theirs"}
    ip.inspector._get_info = theirs
"""


def test_an_extension_that_was_there_first_is_still_asked(other):
    pytest.importorskip("torch")
    run(other, THEIRS + "\nimport torch")
    run(other, "%load_ext kernel")
    assert paged(other, "torch.tanh?")["text/markdown"].startswith("### tanh")
    assert paged(other, "print?")["text/markdown"].startswith("theirs")
    run(other, "%unload_ext kernel")
    assert paged(other, "torch.tanh?")["text/markdown"].startswith("theirs")


BREAK = """
import kernel.help_hooks
def broken(*args):
    raise RuntimeError("a card that fails")
whole, kernel.help_hooks.help_bundle = kernel.help_hooks.help_bundle, broken
"""


def test_a_card_that_fails_leaves_ipythons_own_help(client):
    pytest.importorskip("torch")
    run(client, "import torch\n" + BREAK)
    try:
        for data in (paged(client, "torch.tanh?"), pointed_at(client, "torch.tanh")):
            assert set(data) == {"text/plain"} and "tanh" in data["text/plain"]
    finally:
        run(client, "kernel.help_hooks.help_bundle = whole")
    assert "text/markdown" in paged(client, "torch.tanh?")


def test_a_question_leaves_no_output_in_a_notebook(root):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    new = nbformat.v4
    cells = ["%load_ext kernel", "import autodiff_lab as ad", "ad.grad?", "?ad.grad", "ad.grad??"]
    book = new.new_notebook(cells=[new.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(
        book, kernel_name="python3", resources={"metadata": {"path": root}}
    ).execute()
    assert [cell.outputs for cell in book.cells] == [[]] * len(cells)


def test_the_kernel_says_nothing_on_stderr(client):
    run(client, "1 + 1")
    assert client.stderr.read_text() == ""
