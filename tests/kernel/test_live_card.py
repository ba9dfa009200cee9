"""`?` on what a learner holds: a tape, a node of it, a gradient function."""

import functools

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
    assert "**Adjoint:** not computed" in before


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_method_of_an_array_shows_the_card_of_its_row(framework):
    x = array(framework, [1.0])
    assert "sum (linear)" in help_bundle(x.sum)["text/plain"]
    assert help_bundle(x.__len__) == {}


def test_a_gradient_names_its_function():
    def loss(w, x):
        return w * x

    text = help_bundle(ad.grad(loss))["text/plain"]
    assert "gradient of loss" in text and "loss(w, x)" in text and "test_live_card.py" in text


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_gradient_tells_of_its_last_tape(framework):
    x = array(framework, [1.0, 2.0])
    for make, words in ((ad.grad, "gradient of "), (ad.value_and_grad, "the value and the")):
        g = make(lambda x: (x * x).sum())
        assert "none yet" in help_bundle(g)["text/plain"]
        g(x)
        text = help_bundle(g)["text/plain"]
        assert "2 operations: multiply, sum" in text and words in text
    assert r"gradient of \<lambda\>" in help_bundle(ad.grad(lambda x: x))["text/markdown"]  # no tag
    nested = ad.grad(ad.grad(lambda x: x * x))
    assert "gradient of the gradient of" in help_bundle(nested)["text/plain"]


def test_what_was_wrapped_around_a_gradient_is_no_gradient():
    g = ad.grad(abs)
    assert "gradient of abs" in help_bundle(g)["text/plain"]
    assert help_bundle(functools.wraps(g)(lambda *args: g(*args))) == {}
