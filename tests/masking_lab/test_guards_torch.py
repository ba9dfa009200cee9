"""Single protections of functions that only PyTorch has: ties, NaN, infinite entries, padding.

The mutation check had found that nobody looked. The oracle is the loop over the examples.
"""

import math

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import native_grad, to_numpy

torch = pytest.importorskip("torch")
F = torch.nn.functional

NAN, INF = math.nan, math.inf
ENTRIES = ([1.0, NAN, 3.0], [2.0], [INF, 1.0, 1.0, -INF], [0.5, 0.5, 2.0, 0.5, -1.0])
NUMBERS = ([0, 4, 1], [2], [3, 3, 0, 4], [1])

OF_ENTRIES = {
    "median": lambda x: x.median(0)[0],
    "its place": lambda x: x.median(0)[1] * (x == x).all(),  # PyTorch takes any NaN
    "median of all": lambda x: x.median(),
    "quantile": lambda x: torch.quantile(torch.nan_to_num(x, 7.0, 8.0, -8.0), 0.3, 0),
    "quantile of a NaN": lambda x: torch.quantile(x.clamp(-9.0, 9.0), 0.5, 0),
    "isclose": lambda x: torch.isclose(x, x.flip(0)),
    "isclose, relatively": lambda x: torch.isclose(x, x * 1.000001),
    "isclose, NaN too": lambda x: torch.isclose(x, x * 1.0, equal_nan=True),
    "NaN beside a number": lambda x: torch.isclose(x, torch.nan_to_num(x), equal_nan=True),
    "searchsorted": lambda x: torch.searchsorted(torch.nan_to_num(x).sort()[0], x[-1]),
    "from the right": lambda x: torch.searchsorted(
        torch.nan_to_num(x).sort()[0], x[-1], right=True
    ),
    "cummax": lambda x: torch.nan_to_num(x).cummax(0)[0],
    "cummin": lambda x: torch.nan_to_num(x).cummin(0)[0],
    "pad": lambda x: F.pad(torch.nan_to_num(x), (1, 2), value=3.0),
    "pad by zeros": lambda x: F.pad(torch.nan_to_num(x), (0, 1)),
    "arange backwards": lambda x: torch.arange(x.shape[0], 0, -1),
    "arange by two": lambda x: torch.arange(0, x.shape[0], 2),
    "arange of perhaps nothing": lambda x: torch.arange(1, x.shape[0]),
}
OF_NUMBERS = {
    "bincount": lambda k: torch.bincount(k, minlength=5),
    "one_hot": lambda k: F.one_hot(k, 5),
    "embedding": lambda k: F.embedding(k, torch.arange(10.0).reshape(5, 2)),
}


def same(f, xs, pad_value):
    ours = ml.autobatch(f)(ml.batch(xs, pad_value=pad_value)).unbatch()
    for y, x in zip(ours, xs, strict=True):
        np.testing.assert_allclose(to_numpy(y), to_numpy(f(x)), rtol=1e-12)


@pytest.mark.parametrize("pad_value", [0.0, NAN, -INF, 1e30])
@pytest.mark.parametrize("what", OF_ENTRIES)
def test_entries(what, pad_value):
    same(OF_ENTRIES[what], [torch.tensor(x, dtype=torch.float64) for x in ENTRIES], pad_value)


@pytest.mark.parametrize("pad_value", [0, 10**6, -7])
@pytest.mark.parametrize("what", OF_NUMBERS)
def test_numbers(what, pad_value):
    same(OF_NUMBERS[what], [torch.tensor(k) for k in NUMBERS], pad_value)


def test_the_median_of_all_shares_its_derivative_as_in_the_loop():
    xs = [torch.tensor(x, dtype=torch.float64) for x in ENTRIES]
    b = ml.batch(xs)

    def total(data):
        y = ml.autobatch(lambda x: torch.nan_to_num(x.median()))(ml.MaskedBatch(data, b.sizes))
        return y.data.sum()

    for x, own in zip(xs, native_grad(total, (0,))(b.data)[0], strict=True):
        alone = native_grad(lambda x: torch.nan_to_num(x.median()), (0,))(x)[0]
        np.testing.assert_array_equal(to_numpy(own)[: len(x)], to_numpy(alone))


def test_a_target_is_asked_on_both_sides():
    xs, w = [torch.zeros(n, 3) for n in (2, 1)], [torch.tensor([0, 2]), torch.tensor([-1])]
    with pytest.raises(IndexError, match=r"target -1 is out of bounds .* examples \[1\]"):
        ml.autobatch(F.cross_entropy)(ml.batch(xs), ml.batch(w))
    fine = ml.batch([torch.tensor([0, 2]), torch.tensor([1])], pad_value=99)
    assert ml.autobatch(F.cross_entropy)(ml.batch(xs), fine).data.shape == (2,)


@pytest.mark.parametrize("classes", [0, 3, 4])
def test_a_word_that_is_no_class_is_an_error(classes):
    ks = ml.batch([torch.tensor(k) for k in NUMBERS], pad_value=-1)
    with pytest.raises(RuntimeError, match=r"none of the classes, on examples \[0"):
        ml.autobatch(lambda k: F.one_hot(k, classes))(ks)
    with pytest.raises(RuntimeError, match=r"met -2, .* examples \[1\]"):
        ml.autobatch(lambda k: F.one_hot(k - 2, 9))(ml.batch([torch.tensor([k]) for k in (2, 0)]))
