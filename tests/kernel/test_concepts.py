"""The cards in everyday words: their names lead somewhere, their examples are true."""

import doctest
import pkgutil
import re

import pytest

import autodiff_lab as ad
import masking_lab as ml
from kernel import lessons
from kernel.concept_page import SHORT, concept_page
from kernel.concepts import concepts, parse
from kernel.help_text import bundle

CARDS = concepts()
EACH = pytest.mark.parametrize("card", CARDS.values(), ids=lambda c: c.name)
UNNAMED = {"AutodiffError", "AutodiffTypeError", "MaskError"}  # an error says it all itself


def test_there_are_enough_and_none_is_lost():
    assert len(CARDS) >= 40
    aliases = [alias.lower() for card in CARDS.values() for alias in (card.name, *card.aliases)]
    assert len(aliases) == len(set(aliases))


def test_a_card_is_read_from_its_text():
    text = """# Title, for readers

## one thing
also: another name, and a
  long one
torch: torch.sin
jax: -
ours: ad.grad ad.jvp
rows: sin
lesson: 3 4

Words about it.

    >>> 1 + 1
    2
"""
    (card,) = parse(text)
    assert card.aliases == ("another name", "and a long one")
    assert (card.torch, card.jax, card.ours) == (("torch.sin",), (), ("ad.grad", "ad.jvp"))
    assert (card.text, card.example, card.lessons) == ("Words about it.", ">>> 1 + 1\n2", (3, 4))


@EACH
def test_its_names_are_those_of_functions_rows_and_lessons(card):
    assert len(card.aliases) >= 5 and len(card.text) > 100
    assert set(card.rows) <= set(ad.table.ROWS)
    assert card.lessons and set(card.lessons) <= set(lessons.TITLES)
    for name in (*card.ours, *card.torch, *card.jax):
        first, _, rest = name.partition(".")
        pytest.importorskip(SHORT.get(first, first))
        assert pkgutil.resolve_name(f"{SHORT.get(first, first)}.{rest}") is not None


@EACH
def test_its_example_is_true(card):
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    names = {"torch": torch, "jax": jax, "jnp": jax.numpy, "ad": ad, "ml": ml}
    test = doctest.DocTestParser().get_doctest(card.example, names, card.name, None, None)
    with jax.enable_x64(False) if hasattr(jax, "enable_x64") else _plain(jax):
        found = doctest.DocTestRunner(verbose=False).run(test)
    assert found.attempted and not found.failed


def _plain(jax):
    from jax.experimental import enable_x64

    return enable_x64(False)


@EACH
def test_its_page_is_whole_in_both_forms(card):
    found = bundle(concept_page(card))
    assert card.example in found["text/markdown"]
    text = " ".join(found["text/plain"].split())
    words = re.sub(r"[`*]", "", card.text).split()
    assert " ".join(words[:5]) in text and "`" not in text.split(">>>")[0]


@pytest.mark.parametrize("name", [f"ad.{n}" for n in ad.__all__] + [f"ml.{n}" for n in ml.__all__])
def test_every_function_of_ours_has_an_idea_that_it_belongs_to(name):
    lab = ad if name.startswith("ad.") else ml
    if name[3:] in UNNAMED or not callable(getattr(lab, name[3:])):
        return
    assert any(name in card.ours for card in CARDS.values())
