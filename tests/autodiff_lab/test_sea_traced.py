"""Under jax.jit: what only the compiled program can decide becomes lax.cond and lax.while_loop."""

import pytest

import autodiff_lab as ad
from autodiff_lab import AutodiffError
from tests.autodiff_lab.test_sea import babylonian, between, collatz, fibonacci, gcd, pairs, power
from tests.autodiff_lab.test_sea_gradient import breaks, early, kinks, newton, until, with_a_branch

jax = pytest.importorskip("jax")


def two_ways(x):
    if x > 1:
        return x * 2
    return x - 1


def mixed(x, n):
    y = 0  # an int that becomes a float
    while n:
        y = y + x if n > 2 else y
        n = n - 1
    return y


CASES = [
    (gcd, (12, 18)), (collatz, (27,)), (power, (2.0, 7)), (babylonian, (2.0,)),
    (between, (1, 2, 3)), (between, (0, 1, 2)), (two_ways, (2.0,)), (two_ways, (0.5,)),
    (mixed, (1.5, 4)), (with_a_branch, (1.7,)), (until, (1.5,)), (breaks, (1.7,)), (early, (1.7,)),
]  # fmt: skip


@pytest.mark.parametrize("program, case", CASES)
def test_a_sea_can_be_compiled(program, case):
    assert float(jax.jit(ad.sea(program))(*case)) == pytest.approx(float(program(*case)), rel=1e-12)


@pytest.mark.parametrize("program", [newton, breaks, kinks])
def test_gradients_too_where_the_trails_of_both_ways_are_alike(program):
    expected = ad.sea(program).grad()(1.7)
    assert jax.jit(ad.sea(program).grad())(1.7) == pytest.approx(expected)


def test_so_a_branch_on_a_value_can_be_differentiated_by_the_walks():
    x = jax.numpy.asarray(1.7)
    assert float(ad.grad(ad.sea(with_a_branch))(x)) == pytest.approx(
        ad.sea(with_a_branch).grad()(1.7)[1]
    )


REFUSED = [
    (lambda: ad.sea(pairs), (5, 6), "leaves a loop or a branch in the middle"),
    (lambda: ad.sea(fibonacci), (5,), "not computed yet whether this call ends"),
    (lambda: ad.sea(until).grad(), (1.5,), "arrays of the same shapes and dtypes; JAX said"),
]


@pytest.mark.parametrize("make, case, why", REFUSED)
def test_what_has_no_such_form_is_refused_at_its_place(make, case, why):
    with pytest.raises(AutodiffError, match=rf"(?s), line \d+, in .*{why}.*\^"):
        jax.jit(make())(*case)
