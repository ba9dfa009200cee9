"""The garbage collector is held off while a tape is written, and is afterwards as it was."""

import gc
import threading
import weakref

import pytest

import autodiff_lab as ad
from autodiff_lab.collector import PATIENCE, held_off

torch = pytest.importorskip("torch")
BEFORE = gc.get_threshold()


@pytest.fixture(autouse=True)
def restored():
    yield
    found = gc.get_threshold()
    gc.set_threshold(*BEFORE)
    assert found == BEFORE


def during(seen):
    def f(x):
        seen.append(gc.get_threshold()[0])
        return (x * x).sum()

    return f


def fails(x):
    raise KeyError


def test_a_nested_gradient_holds_it_off_once():
    seen = []
    ad.grad(lambda x: ad.grad(during(seen))(x).sum())(torch.ones(2))
    assert seen == [PATIENCE]


def test_on_jax_too():
    seen, jnp = [], pytest.importorskip("jax.numpy")
    ad.value_and_grad(during(seen))(jnp.ones(2))
    assert seen[0] == PATIENCE


def test_an_exception_puts_it_back():
    with pytest.raises(KeyError):
        ad.grad(fails)(torch.ones(2))


def test_threads_leave_it_as_it_was():
    def work():
        for _ in range(200):
            ad.grad(during([]))(torch.ones(2))

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]


def test_what_the_user_sets_inside_stays():
    def f(x):
        gc.set_threshold(500, 5, 5)
        return x.sum()

    ad.grad(f)(torch.ones(2))
    assert gc.get_threshold() == (500, 5, 5)
    gc.set_threshold(*BEFORE)


@pytest.mark.parametrize("mine", [(0, 10, 10), (PATIENCE + 1, 10, 10)])
def test_a_user_who_is_more_patient_is_not_hurried(mine):
    seen = []
    gc.set_threshold(*mine)
    ad.grad(during(seen))(torch.ones(2))
    assert seen == [mine[0]] and gc.get_threshold() == mine
    gc.set_threshold(*BEFORE)


def test_disabled_stays_disabled():
    gc.disable()
    try:
        ad.grad(during([]))(torch.ones(2))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_cycles_that_the_function_leaves_behind_are_still_found():
    class Loop:
        def __init__(self):
            self.me = self

    with held_off:
        first = weakref.ref(Loop())
        for _ in range(PATIENCE):
            Loop()
        assert first() is None
