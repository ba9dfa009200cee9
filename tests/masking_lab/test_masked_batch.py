"""MaskedBatch: padding, lengths, masks, and the way back."""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def test_padding_mask_lengths_and_back(name):
    xs = [array(name, np.arange(n * 2.0).reshape(n, 2)) for n in (2, 3, 0)]
    b = ml.batch(xs, pad_value=-1)
    assert tuple(b.data.shape) == (3, 3, 2) and len(b) == 3
    assert to_numpy(b.lengths).tolist() == [2, 3, 0]
    assert to_numpy(b.mask).tolist() == [[True, True, False], [True] * 3, [False] * 3]
    assert to_numpy(b.data)[0, 2].tolist() == [-1.0, -1.0]
    for back, x in zip(b.unbatch(), xs, strict=True):
        np.testing.assert_array_equal(to_numpy(back), to_numpy(x))


def test_two_ragged_dims(name):
    xs = [array(name, np.ones(shape)) for shape in ((2, 1), (1, 3))]
    b = ml.batch(xs)
    assert [to_numpy(n).tolist() for n in b.lengths] == [[2, 1], [1, 3]]
    assert to_numpy(b.mask).sum(axis=(1, 2)).tolist() == [2, 3]
    assert [tuple(x.shape) for x in b.unbatch()] == [(2, 1), (1, 3)]


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool", "float16", "float32", "float64"])
def test_dtypes_are_kept(name, dtype):
    b = ml.batch([array(name, [1, 0], dtype), array(name, [1], dtype)])
    assert b.data.dtype == array(name, [1], dtype).dtype


def test_equal_sizes_are_ragged_only_on_request(name):
    xs = [array(name, np.ones(2)), array(name, np.ones(2))]
    assert ml.batch(xs).sizes == (None,)
    assert to_numpy(ml.batch(xs, ragged=(0,)).lengths).tolist() == [2, 2]


def test_scalars_and_structure(name):
    b = ml.batch(
        [(array(name, 1.0), {"x": array(name, [1.0])}), (array(name, 2.0), {"x": array(name, [])})]
    )
    assert to_numpy(b[0].data).tolist() == [1.0, 2.0]
    assert to_numpy(b[1]["x"].lengths).tolist() == [1, 0]


def test_a_batch_reads_well(name):
    assert repr(ml.batch([array(name, np.ones((n, 4))) for n in (2, 1)])) == (
        "<2 examples of shape (ragged, 4); lengths [2, 1]>"
    )


def test_a_batch_is_structure_whose_data_can_be_differentiated(name):
    b = ml.batch([array(name, [1.0, 2.0]), array(name, [3.0])])
    g = ad.grad(lambda b: (b.data * b.data).sum())(b)
    assert type(g) is ml.MaskedBatch and to_numpy(g.data).tolist() == [[2.0, 4.0], [6.0, 0.0]]
