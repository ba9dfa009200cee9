"""Single protections, each looked at by itself: the mutation check had found that nobody did.

The oracle is the loop over the examples, on both frameworks.
"""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def vectors(name, lengths=(3, 1, 4)):
    rng = np.random.default_rng(0)
    return [array(name, rng.normal(size=n)) for n in lengths]


def same(f, *batches):
    """What `f` gives for each example is what it gives alone."""
    ours = ml.autobatch(f)(*[ml.batch(xs) for xs in batches])
    for i, example in enumerate(zip(*batches, strict=True)):
        own = [b.unbatch()[i] for b in (ours if isinstance(ours, tuple) else [ours])]
        for a, b in zip(own, ad.trees.leaves(f(*example)), strict=True):
            np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-12)


def test_an_example_of_nothing_has_length_zero(name):
    mask = np.array([[True, True, False], [False, False, False], [True, False, False]])
    b = ml.MaskedBatch.from_padded(array(name, np.ones((3, 3))), array(name, mask))
    assert to_numpy(b.lengths).tolist() == [2, 0, 1]


def test_an_index_of_each_examples_own_must_be_there(name):
    """Padding lies behind the entries, and is none."""
    xs = vectors(name)
    same(lambda x, k: x[k], xs, [array(name, k) for k in (2, 0, -4)])
    if name == "torch":  # JAX takes the nearest entry, in the loop too
        with pytest.raises(IndexError, match=r"out of bounds .* examples \[1\]"):
            same(lambda x, k: x[k], xs, [array(name, k) for k in (2, 1, 0)])


@pytest.mark.parametrize("bounds", [(0, -1, 2), (-9, 0, 9), (1, -2, -4)])
def test_a_bound_of_each_examples_own(bounds, name):
    xs, ks = vectors(name), [array(name, k) for k in bounds]
    same(lambda x, k: (x[k:].sum(), x[:k].sum(), x[1:k].sum()), xs, ks)


def test_a_new_dim_moves_the_outer_dims_of_a_nested_one(name):
    sentences = [[array(name, np.ones(n)) for n in own] for own in ([2, 3], [1], [4, 1])]
    ours = ml.autobatch(lambda s: s[None] * 2.0)(ml.batch(sentences))
    for y, s in zip(ours.unbatch(), sentences, strict=True):
        assert [len(row) for row in y[0]] == [len(row) for row in s]
