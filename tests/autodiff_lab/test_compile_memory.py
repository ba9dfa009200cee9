"""What a straight line draws, writes to and lets be written to: as eagerly, call after call."""

import contextlib
import random

import numpy as np
import pytest

import autodiff_lab as ad
from tests.helpers import FRAMEWORKS, allclose, array

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")

from tests.autodiff_lab.test_compile import checked  # noqa: E402


# ----- randomness -----
def noisy(x):
    return (torch.nn.functional.dropout(x, 0.5) * torch.rand(50) + torch.randn(50)).sum()


def test_random_numbers_are_drawn_anew_and_as_eagerly():
    x = torch.ones(50)
    g = ad.compile(noisy, x)
    draws = [g(x)[1] for _ in range(20)]
    assert len({tuple(d.tolist()) for d in draws}) == 20
    torch.manual_seed(5)
    found, after = g(x), torch.get_rng_state()
    torch.manual_seed(5)
    wanted = ad.value_and_grad(noisy)(x)
    assert torch.equal(found[1], wanted[1]) and torch.allclose(found[0], wanted[0])
    assert torch.equal(after, torch.get_rng_state()) and g.recordings == 1


def test_a_dead_draw_is_still_drawn():
    def f(x):
        torch.rand(3)
        return x * torch.rand(())

    g = ad.compile(f, torch.tensor(1.0))
    torch.manual_seed(0)
    found = g(torch.tensor(1.0))[1]
    torch.manual_seed(0)
    torch.rand(3)
    assert found == torch.rand(())


def test_a_generator_is_an_object_by_reference():
    generator = torch.Generator()
    g = ad.compile(lambda x: x * torch.rand((), generator=generator), torch.tensor(1.0))
    one = g(torch.tensor(1.0))[1]
    assert g(torch.tensor(1.0))[1] != one
    generator.manual_seed(3)
    found = g(torch.tensor(1.0))[1]
    assert found == torch.rand((), generator=torch.Generator().manual_seed(3))


def test_a_missed_guard_gives_the_draws_back():
    def f(x):
        noise = torch.rand(())
        return x * noise if x.sum() > 0 else -x * noise

    g = ad.compile(f, torch.tensor(1.0))
    torch.manual_seed(1)
    found = g(torch.tensor(-1.0))[1]
    torch.manual_seed(1)
    assert found == -torch.rand(())


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_draws_that_would_be_frozen_are_refused(framework):
    for draw in (random.random, np.random.rand):
        with pytest.raises(ad.AutodiffError, match="draws from Python's or numpy's"):
            ad.compile(lambda x, draw=draw: x * draw(), array(framework, 1.0))


def test_a_seed_set_inside_is_refused():
    def f(x):
        torch.manual_seed(7)
        return x * torch.rand(())

    with pytest.raises(ad.AutodiffError, match="does not do the same when"):
        ad.compile(f, torch.tensor(1.0))


def test_numpy_in_the_middle_is_refused():
    with pytest.raises(ad.AutodiffError, match=r"leads out of PyTorch"):
        ad.compile(lambda x, y: x * float(np.sin(y.numpy())), torch.tensor(1.0), torch.tensor(2.0))


# ----- memory: what is written to, and what is seen from outside -----
def test_in_place_writes_inside_are_repeated():
    def f(x):
        buffer = torch.zeros(3)
        buffer[1] = 2.0
        buffer += 1
        literal = torch.tensor([1.0, 2.0, 3.0])
        literal.mul_(2)
        return (x * buffer * literal).sum()

    g = checked(f, torch.ones(3), dtype="float32")
    assert g.recordings == 1


def test_a_closure_that_is_written_to_is_written_to_each_time():
    calls = torch.zeros(())

    def f(x):
        calls.add_(1)
        return x * calls

    g = ad.compile(f, torch.tensor(2.0))
    assert [float(g(torch.tensor(2.0))[0]) for _ in range(3)] == [4, 6, 8]
    assert calls == 4 and g.recordings == 1


def test_a_missed_guard_takes_writes_back():
    calls = torch.zeros(())

    def f(x):
        calls.add_(1)
        return x * calls if x > 0 else -x * calls

    g = ad.compile(f, torch.tensor(1.0))
    g(torch.tensor(-1.0))
    assert calls == 2


def test_results_are_the_callers_own():
    g = ad.compile(
        lambda x, y: (x + y).sum() + torch.ones(3).sum(), *torch.ones(2, 3), argnums=(0, 1)
    )
    value, (a, b) = g(*torch.ones(2, 3))
    value.zero_()
    with contextlib.suppress(RuntimeError):  # expanded from one entry: PyTorch refuses the write
        a.zero_()
    again = g(*torch.ones(2, 3))
    assert again[0] == 9 and torch.equal(again[1][0], torch.ones(3))
    held = g(torch.ones(3), torch.ones(3))
    g(torch.zeros(3), torch.zeros(3))
    assert held[0] == 9, "a result is not a buffer of the next call"


def test_arguments_are_not_written_over():
    x = torch.rand(3, 3)
    before = x.clone()
    g = checked(lambda x: ((x * 2.0 + x).exp() * x).sum(), x, dtype="float32")
    assert torch.equal(x, before) and "exp_()" in g.source


def test_aliased_arguments_that_are_written_to():
    def f(x, a, b):
        a.add_(1)
        return (x * b).sum()

    a = torch.zeros(1)
    g = ad.compile(f, torch.ones(1), a, torch.zeros(1))
    assert a == 1, "recording writes into the argument too"
    assert g(torch.ones(1), a, torch.zeros(1))[0] == 0 and a == 2 and g.recordings == 1
    with pytest.raises(ad.AutodiffError, match="shares its memory with another"):
        g(torch.ones(1), a, a)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_same_tensor_twice_is_still_two_arguments(framework):
    w = array(framework, [1.0, 2.0])
    g = ad.compile(lambda x, y: (x * y * w).sum(), w, w)
    x, y = array(framework, [3.0, 4.0]), array(framework, [5.0, 6.0])
    allclose(g(x, y)[0], 15.0 + 48.0, "float64")
    assert g.recordings == 1


def test_odd_strides_pending_conjugates_and_views():
    base = torch.arange(12.0).reshape(3, 4)
    for x in (base.T, base[:, ::2], base[1].expand(3, 4), base[1:, 1:]):
        checked(lambda x: (x * x.flatten()[1] * x.T.reshape(x.shape)).sum(), x, dtype="float32")
    z = torch.randn(3, dtype=torch.complex64)
    f = lambda z: (z * z.conj() * (1 + 2j)).real.sum() + z.conj().imag.square().sum()  # noqa: E731
    for x in (z, z.conj()):
        checked(f, x, dtype="float32")
