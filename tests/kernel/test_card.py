"""The card of a row: everything on it is read from the row, and every row gives a readable one."""

from dataclasses import fields

import pytest

import autodiff_lab as ad
from kernel import card_text, lessons
from kernel.card import Card, card
from kernel.made_of import rows_of
from kernel.mask_words import filled
from kernel.tex import plain

ROWS = list(ad.table.ROWS.values())
SPELLINGS = {
    "torch": ["torch.tanh", "torch.Tensor.tanh", "torch.nn.functional.tanh"],
    "jax": ["jnp.tanh", "jax.numpy.tanh", "jax.lax.tanh"],
}
MAY_BE_EMPTY = {"kinks", "pitfalls", "differs", "spellings", "letters", "made"}
EXAMPLES_ELSEWHERE = {"gather", "scatter_add", "scatter"}  # they take lax's dimension numbers


def flat(text):
    return " ".join(text.replace("`", "").split())


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_every_row_has_a_complete_card(row):
    made = card(row)
    may = MAY_BE_EMPTY | ({"example"} if row.name in EXAMPLES_ELSEWHERE else set())
    empty = {f.name for f in fields(Card) if not getattr(made, f.name)}
    assert empty <= may
    if row.torch or row.jax:
        assert made.spellings


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_the_plain_text_is_complete_and_has_no_latex_and_no_markdown_left(row):
    text = card_text.text(card(row))
    assert "\\" not in text and "`" not in text and "**" not in text
    assert text.count("(") == text.count(")")
    assert all(len(line) <= 100 for line in text.splitlines())
    said = flat(text)
    for words in (row.name, flat(row.example), row.section, flat(row.pitfalls), flat(row.kinks)):
        assert words in said
    for name in (spelling.rpartition(".")[2] for spelling in (*row.torch, *row.jax)):
        assert name in text or name.startswith("__")  # those are the operators


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_markdown_keeps_tables_and_maths_whole(row):
    text = card_text.markdown(card(row), source=True)
    lines = text.split("```python")[0].splitlines()
    for table in "\n".join(lines).split("\n\n"):
        if table.startswith("|"):
            bars = {line.replace("\\|", "").count("|") for line in table.splitlines()}
            assert len(bars) == 1
    maths = [made for made in (card(row).letters, "formula", "forward", "reverse") if made]
    assert "\n".join(lines).count("$") == 2 * len(maths)
    assert row.source() in text


@pytest.mark.parametrize("row", [r for r in ROWS if r.kind == "pointwise"], ids=lambda r: r.name)
def test_both_directions_hold_the_partials_of_the_row(row):
    made = card(row)
    for partial in row.partials:
        if partial not in ("1", "-1"):
            assert partial in made.forward and partial in made.reverse


@pytest.mark.parametrize("row", [r for r in ROWS if r.kind == "general"], ids=lambda r: r.name)
def test_what_states_both_directions_tells_both(row):
    made = card(row)
    assert made.forward.startswith("d") and r"\text{stated" not in made.reverse


def test_a_card_reads_like_the_textbook():
    made = card(ad.table.ROWS["tanh"])
    assert plain(made.formula) == "y = tanh(x)"
    assert plain(made.forward) == "dy = (1 - y^2) dx"
    assert plain(made.reverse) == "x\u0304 = (1 - y^2) g"
    assert made.needs == "output y"


def test_signs_sums_and_comparisons_get_their_brackets():
    rows = ad.table.ROWS
    assert plain(card(rows["subtract"]).forward) == "dy = da - db"
    assert plain(card(rows["relu"]).forward) == "dy = (y > 0) dx"
    assert plain(card(rows["where"]).forward) == "dy = where(c, da, db)"
    assert plain(card(rows["contract"]).forward) == "dy = contract(da, b) + contract(a, db)"
    assert plain(card(rows["floor"]).forward) == "dy = 0"
    assert plain(card(rows["inv"]).formula) == "Y = A^-1"
    assert plain(card(rows["inv"]).forward) == "dY = -Y dA Y"


# ----- masks and batches -----
MASKED = {
    "log": "become 1 before", "max": "the lowest value of the dtype, its identity",
    "sum": "become 0, its identity", "add": "Valid where every input is valid.",
    "sort": "what sorts behind all others", "argmin": "the highest value",
    "cumprod": "become 1", "slice": "cut by its own length", "layer_norm": "Nothing of its own",
    "svdvals": "is refused", "fft": "is refused", "arange": "the example's own",
}  # fmt: skip
BATCHED = {
    "tanh": "in front", "sum": "`axis=(0,)` becomes `axis=(1,)`",
    "contract": "`spec='ij,jk->ik'` becomes `spec='Zij,Zjk->Zik'`", "var": "Row by row",
}  # fmt: skip


@pytest.mark.parametrize("name", MASKED)
def test_the_mask_rule_says_what_masking_lab_does(name):
    assert MASKED[name] in card(ad.table.ROWS[name]).mask


@pytest.mark.parametrize("name", BATCHED)
def test_the_batching_rule_shows_where_the_axis_goes(name):
    assert BATCHED[name] in card(ad.table.ROWS[name]).batch


@pytest.mark.parametrize("name", ["sum", "max", "prod", "log"])
def test_the_fill_on_the_card_is_what_dead_entries_hold_when_the_row_runs(name, monkeypatch):
    torch, ml = pytest.importorskip("torch"), pytest.importorskip("masking_lab")
    row, seen = ad.table.ROWS[name], []

    def watched(xp, x, fn=row.fn, **params):
        seen.append(x)
        return fn(xp, x, **params)

    monkeypatch.setattr(row, "fn", watched)
    b = ml.MaskedBatch(torch.tensor([[1.0, 2.0], [4.0, float("nan")]]), (torch.tensor([2, 1]),))
    ml.autobatch({"max": torch.amax}.get(name) or getattr(torch, name))(b)
    lowest = torch.finfo(torch.float32).min
    names = {lowest: "lowest", float("-inf"): "lowest"}
    found = seen[-1][1, 1].item()
    assert filled(row) == (names.get(found, found),)


# ----- composites -----
@pytest.mark.parametrize("row", [r for r in ROWS if r.kind == "composite"], ids=lambda r: r.name)
def test_a_composite_follows_from_rows_of_the_table(row):
    names = rows_of(row.name)
    assert row.name not in names and all(n in ad.table.ROWS for n in names)
    assert all(f"`{n}`" in card(row).made for n in names)


def test_what_softmax_and_a_cell_are_made_of():
    assert rows_of("softmax") == ("exp", "max", "sum")
    assert {"linear", "sigmoid", "tanh"} <= set(rows_of("lstm_cell"))
    assert "sqrt" not in rows_of("gelu")  # that is math.sqrt, of a number
    assert "prod" not in rows_of("avg_pool")  # and math.prod, of sizes
    assert "maximum" in rows_of("cummax")  # what the scan repeats is handed to it


# ----- where it leads -----
@pytest.mark.parametrize("framework", SPELLINGS)
def test_every_spelling_finds_the_same_card(framework):
    pytest.importorskip(framework)
    wanted = card(ad.table.ROWS["tanh"])
    assert all(card(ad.table.find(name)) == wanted for name in SPELLINGS[framework])


def test_the_source_of_the_row_is_only_shown_when_asked():
    made = card(ad.table.ROWS["exp"])
    assert flat(made.source) not in flat(card_text.text(made))
    assert flat(made.source) in flat(card_text.text(made, source=True))


def test_a_link_leads_to_a_lesson_that_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lessons, "COURSE", tmp_path / "course")
    assert lessons.links((4, 6)) == ""
    (tmp_path / "course").mkdir()
    (tmp_path / "course/06_bending.ipynb").touch()
    assert lessons.links((4, 6)) == "06 Bending the gradient (`course/06_bending.ipynb`)"
    (tmp_path / "04_tape.ipynb").touch()  # beside the notebook that asks
    assert lessons.links((4,)) == "[04 Reverse mode: the tape](04_tape.ipynb)"


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_every_row_has_lessons(row):
    assert set(lessons.of_row(row)) <= set(lessons.TITLES)
    assert row.section in lessons.SECTIONS
