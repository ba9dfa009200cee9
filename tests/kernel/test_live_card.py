"""`?` on what a learner holds: a tape, a node of it, a gradient function."""

import pytest

import autodiff_lab as ad
from kernel.help_text import help_bundle
from tests.helpers import FRAMEWORKS, array
from tests.kernel.tape_view.tapes import small


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_tape_says_what_is_on_it_and_whether_it_was_walked(framework):
    before = help_bundle(small(framework, backward=False))["text/plain"]
    assert "8: 2 inputs and 6 operations" in before and framework in before
    assert "not computed; tape.backward()" in before
    assert "adjoints      computed" in help_bundle(small(framework))["text/plain"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_node_says_its_value_adjoint_parents_and_line(framework):
    node = small(framework).nodes[3]
    text = help_bundle(node)["text/plain"]
    for words in ("v3 = tanh(v2)", "[0.1244, 0.2449, 0.4621]", "[2, 2, 2]", "output y",
                  "h = xp.tanh(x * w)"):  # fmt: skip
        assert words in text
    before = help_bundle(small(framework, backward=False).nodes[3])["text/markdown"]
    assert "| adjoint | not computed |" in before


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_method_of_an_array_shows_the_card_of_its_row(framework):
    x = array(framework, [1.0])
    assert "sum (linear)" in help_bundle(x.sum)["text/plain"]
    assert help_bundle(x.tolist) == {}


def test_a_gradient_names_its_function():
    def loss(w, x):
        return w * x

    text = help_bundle(ad.grad(loss))["text/plain"]
    assert "gradient of loss" in text and "loss(w, x)" in text and "test_live_card.py" in text
