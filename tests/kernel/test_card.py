"""The card of a row: everything on it is read from the row, and every row gives a readable one."""

import pytest

import autodiff_lab as ad
from kernel import card_text
from kernel.card import card
from kernel.tex import plain

ROWS = list(ad.table.ROWS.values())
SPELLINGS = {
    "torch": ["torch.tanh", "torch.Tensor.tanh", "torch.nn.functional.tanh"],
    "jax": ["jnp.tanh", "jax.numpy.tanh", "jax.lax.tanh"],
}


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_every_row_gives_a_card_with_no_latex_left_in_the_plain_text(row):
    made = card(row)
    text = card_text.text(made)
    assert "\\" not in text
    assert text.count("(") == text.count(")")
    for word in (row.name, row.example, row.section, row.needs, *row.torch, *row.jax):
        assert word in text.replace("\n" + " " * 16, " ")


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_markdown_keeps_tables_and_maths_whole(row):
    text = card_text.markdown(card(row), source=True)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.count("|") == 3 for line in tables)
    assert text.split("```python")[0].count("$") == 6  # formula, forward, reverse
    assert row.source() in text


@pytest.mark.parametrize("row", [r for r in ROWS if r.kind == "pointwise"], ids=lambda r: r.name)
def test_both_directions_hold_the_partials_of_the_row(row):
    made = card(row)
    for partial in row.partials:
        if partial not in ("1", "-1"):
            assert partial in made.forward and partial in made.reverse


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


def test_the_mask_rule_names_the_fill_of_the_row():
    rows = ad.table.ROWS
    assert "replaced with 1 " in card(rows["log"]).mask
    assert "replaced with the lowest value of the dtype" in card(rows["max"]).mask
    assert "replaced" not in card(rows["add"]).mask
    assert "rows it is made of" in card(rows["softmax"]).mask


@pytest.mark.parametrize("framework", SPELLINGS)
def test_every_spelling_finds_the_same_card(framework):
    pytest.importorskip(framework)
    wanted = card(ad.table.ROWS["tanh"])
    assert all(card(ad.table.find(name)) == wanted for name in SPELLINGS[framework])


def test_the_source_of_the_row_is_only_shown_when_asked():
    made = card(ad.table.ROWS["exp"])
    assert made.source not in card_text.text(made)
    assert made.source in card_text.text(made, source=True)
