"""`nn.Taxonomy`: losses that give partial credit, against closed forms."""

import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import nn
from tests.autodiff_lab.test_errors import refused
from tests.autodiff_lab.test_nn import RNG, both, same, value_and_grad
from tests.helpers import array, native_grad

TREE = nn.Taxonomy({"animal": ["cat", "dog"], "vehicle": ["car", ["lorry", "van"]]})


@both
def test_without_a_discount_the_trees_cross_entropy_is_the_plain_one(name):
    logits, t = array(name, RNG.normal(size=(6, 5))), array(name, [0, 1, 2, 3, 4, 4])
    found = [
        value_and_grad(name, loss)(logits)
        for loss in (
            lambda x: TREE.cross_entropy(x, t, alpha=0.0),
            lambda x: nn.cross_entropy(x, t),
        )
    ]
    same(*found, rtol=1e-12, atol=1e-14)


@both
def test_losses_of_a_tree_in_closed_form(name):
    logits, t = array(name, np.zeros((1, 5))), array(name, [3])
    assert TREE.heights[3].tolist() == [3, 3, 2, 0, 1]
    assert float(TREE.distance(logits, t)) == pytest.approx((3 + 3 + 2 + 0 + 1) / 5)
    # vehicles are 3/5 of all, the pair 2/3 of those, the lorry 1/2 of the pair
    steps = (math.log(5 / 3), math.log(3 / 2), math.log(2))
    expected = sum(math.exp(-0.7 * i) * s for i, s in enumerate(steps))
    assert float(TREE.cross_entropy(logits, t, alpha=0.7)) == pytest.approx(expected)


@both
def test_leaves_that_are_numbers_are_the_classes(name):
    tree = nn.Taxonomy([[3, 1], [0, [4, 2]]])
    assert tree.leaves == [0, 1, 2, 3, 4] and tree.heights[3].tolist() == [3, 1, 3, 0, 3]
    logits, t = array(name, np.log([[1.0, 2.0, 3.0, 4.0, 6.0]])), array(name, [4])
    steps = (math.log(16 / 10), math.log(10 / 9), math.log(9 / 6))
    expected = sum(math.exp(-0.3 * i) * s for i, s in enumerate(steps))
    assert float(tree.cross_entropy(logits, t, alpha=0.3)) == pytest.approx(expected)


@both
def test_a_near_miss_costs_less(name):
    def sure_of(leaf):
        return array(name, 9.0 * np.eye(5)[[leaf]])

    t = array(name, [4])
    for loss in (TREE.distance, lambda x, t: TREE.cross_entropy(x, t, alpha=0.5)):
        van, lorry, car, cat = (float(loss(sure_of(i), t)) for i in (4, 3, 2, 0))
        assert van < lorry < car < cat
    plain = [float(nn.cross_entropy(sure_of(i), t)) for i in (3, 2, 0)]
    assert max(plain) == pytest.approx(min(plain))


@both
def test_what_fits_no_tree_is_refused(name):
    x = array(name, np.ones((4, 6)))
    refused(lambda: TREE.distance(x, array(name, [0])), "5 leaves", r"\(4, 6\)")
    refused(lambda: TREE.distance(x[:, :5], array(name, [0])), "each of 4 examples", r"\(1,\)")
    refused(lambda: TREE.cross_entropy(x[:1, :5], array(name, [7])), "leaf 7 does not exist")
    refused(lambda: nn.Taxonomy(["cat", "cat"]), "each once")


@both
def test_gradients_of_the_trees_losses_are_the_frameworks_own(name):
    logits, t = array(name, RNG.normal(size=(3, 5))), array(name, [4, 0, 2])
    for loss in (TREE.distance, TREE.cross_entropy):
        theirs = native_grad(lambda x, loss=loss: loss(x, t), (0,))(logits)
        same(ad.grad(loss)(logits, t), theirs[0], rtol=1e-10, atol=1e-12)
