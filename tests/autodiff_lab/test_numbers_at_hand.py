"""A Python number that meets a tensor means the same whether or not it was met before."""

import math

import pytest

import autodiff_lab as ad
from autodiff_lab import xp

torch = pytest.importorskip("torch")

NUMBERS = [1.01, -0.0, 0.0, math.inf, math.nan, 1e-40, 1e300, 2.0, 1 / 3]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("number", NUMBERS)
def test_values_and_slopes_are_those_of_the_number(number, dtype):
    x = torch.tensor([1.5, -0.7], dtype=dtype)
    for _ in range(3):
        for op in (lambda x: x * number, lambda x: number - x, lambda x: number / x):
            y, pullback = ad.vjp(op, x)
            assert same(y, op(x)) and y.dtype == dtype
            given = x.clone().requires_grad_()
            (theirs,) = torch.autograd.grad(op(given).sum(), given)
            torch.testing.assert_close(pullback(torch.ones_like(x))[0], theirs, equal_nan=True)


def same(a, b):
    """Bit for bit: the sign of a zero counts."""
    return torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)) and torch.equal(
        torch.signbit(a[~a.isnan()]), torch.signbit(b[~b.isnan()])
    )


def test_numbers_do_not_pile_up():
    verbs, x = xp.verbs("torch"), torch.ones(2)
    for i in range(3000):
        verbs.at_hand(1.5 + i, x)
    assert len(verbs._numbers[torch.float32]) <= 1001
