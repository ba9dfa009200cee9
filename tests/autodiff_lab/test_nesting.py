"""Walks inside walks: every order of forward and reverse, and levels that must not be confused."""

import itertools
import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, allclose, array, module, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def a(name, *values, dtype="float64"):
    return array(name, values if len(values) > 1 else values[0], dtype)


def forward(f):
    """d/dt of f along its own first argument, by one forward walk."""
    return lambda x: ad.jvp(f, (x,), (x * 0 + 1,))[1]


def reverse(f):
    return lambda x: ad.vjp(f, x)[1](x * 0 + 1)[0]


WALKS = {"f": forward, "r": reverse}
ORDERS = ["".join(o) for n in (2, 3) for o in itertools.product("fr", repeat=n)]


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_of_walks(name, order):
    """exp(sin x): a function whose derivatives all differ; closed forms by hand."""
    verbs = xp.verbs(name)
    f = lambda x: verbs.exp(verbs.sin(x))  # noqa: E731
    for letter in reversed(order):
        f = WALKS[letter](f)
    x = 0.7
    s, c, e = math.sin(x), math.cos(x), math.exp(math.sin(x))
    expected = {2: e * (c * c - s), 3: e * (c**3 - 3 * s * c - c)}[len(order)]
    assert float(f(a(name, x))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_of_walks_through_arrays_and_shapes(name, order):
    verbs = xp.verbs(name)
    W = np.array([[1.0, -2.0, 0.5], [0.3, 0.7, -1.0]])

    def f(t):
        x = verbs.stack([t, t * t, verbs.cos(t)], 0)
        y = array(name, W) @ x
        return verbs.sum(verbs.tanh(y) * x[1:], (0,))

    def by_hand(order):
        g = f
        for letter in reversed(order):
            g = WALKS[letter](g)
        return float(g(a(name, 0.4)))

    assert by_hand(order) == pytest.approx(by_hand("r" * len(order)), rel=1e-10)


@pytest.mark.parametrize("outer, inner", list(itertools.product("fr", repeat=2)))
def test_perturbations_of_two_levels_are_not_confused(name, outer, inner):
    """d/dx [x * d/dy (x + y)] = 1 (Siskind and Pearlmutter 2005), in all four mixtures."""
    f = lambda x: x * WALKS[inner](lambda y: x + y)(a(name, 1.0))  # noqa: E731
    assert float(WALKS[outer](f)(a(name, 1.0))) == 1.0
    g = lambda x: x * WALKS[inner](lambda y: x * y * y)(x)  # noqa: E731  2 x^3
    assert float(WALKS[outer](g)(a(name, 3.0))) == pytest.approx(54.0)


@pytest.mark.parametrize("order", ["".join(o) for o in itertools.product("fr", repeat=3)])
def test_three_levels_that_share_a_closure(name, order):
    """d/dx x d/dy y d/dz xyz: the innermost gives xy, the middle 2xy, so x * 2x^2 and 6x^2."""
    one, two, three = (WALKS[w] for w in order)
    inner = lambda x, y: three(lambda z: x * y * z)(y)  # noqa: E731
    middle = lambda x: two(lambda y: y * inner(x, y))(x)  # noqa: E731
    assert float(one(lambda x: x * middle(x))(a(name, 2.0))) == pytest.approx(24.0)


@pytest.mark.parametrize("walk", "fr")
def test_unused_and_constant_inputs_at_every_level(name, walk):
    d = WALKS[walk]
    assert float(d(lambda x: d(lambda y: x * 3)(x))(a(name, 2.0))) == 0.0
    assert float(d(lambda x: d(lambda y: y * 3)(x) * x)(a(name, 2.0))) == 3.0
    assert float(d(lambda x: a(name, 5.0))(a(name, 2.0))) == 0.0


def test_an_inner_gradient_step_is_differentiated(name):
    """One step of gradient descent, and its derivative by the learning rate: -|grad|^2 (1 - h)."""
    loss = lambda w: (w * w).sum() / 2  # noqa: E731
    w = a(name, 1.0, 2.0)

    def after(rate):
        return loss(w - rate * ad.grad(loss)(w))

    assert float(ad.grad(after)(a(name, 0.25))) == pytest.approx(-(1 - 0.25) * 5)


def test_jacobians_of_jacobians(name):
    f = lambda x: x**3  # noqa: E731
    x = a(name, 1.0, 2.0)
    expected = np.zeros((2, 2, 2, 2))
    expected[0, 0, 0, 0] = expected[1, 1, 1, 1] = 6
    for j in itertools.product((ad.jacfwd, ad.jacrev), repeat=3):
        allclose(j[0](j[1](j[2](f)))(x), expected, "float64")


# ----- control flow that depends on the data: PyTorch runs it, and the tape sees what ran -----
def only_torch(name):
    if name == "jax":
        pytest.skip("under tracing Python has no value to branch on; lax control flow is the way")


def bisect(x):
    """sqrt by Newton's method: a loop whose length depends on the value."""
    y = x
    while abs(float(y * y - x)) > 1e-14 * float(x):
        y = (y + x / y) / 2
    return y


def collatz(x, n):
    """A path of doublings and thirds that Python's integers decide."""
    if n == 1:
        return x
    return collatz(x / 2, n // 2) if n % 2 == 0 else collatz(3 * x + 1, 3 * n + 1)


def test_while(name):
    only_torch(name)
    x = a(name, 2.0)
    assert float(ad.grad(bisect)(x)) == pytest.approx(0.5 / math.sqrt(2))
    assert float(ad.jvp(bisect, (x,), (x * 0 + 1,))[1]) == pytest.approx(0.5 / math.sqrt(2))
    assert float(ad.grad(ad.grad(bisect))(x)) == pytest.approx(-0.25 * 2**-1.5, rel=1e-6)


def test_if_and_for_and_early_return(name):
    only_torch(name)

    def f(x):
        total = x.sum() * 0
        for v in x:
            if v < 0:
                continue
            if v > 10:
                return total * v
            total = total + v * v
        return total

    allclose(ad.grad(f)(a(name, 1.0, -2.0, 3.0)), [2.0, 0.0, 6.0], "float64")
    allclose(ad.grad(f)(a(name, 1.0, 20.0, 3.0)), [40.0, 1.0, 0.0], "float64")


def test_recursion(name):
    f = lambda x: collatz(x, 27)  # noqa: E731
    slope = 3.0**41 / 2.0**70  # 111 steps: 41 up, 70 down
    assert float(ad.grad(f)(a(name, 27.0))) == pytest.approx(slope)
    assert float(forward(f)(a(name, 27.0))) == pytest.approx(slope)


def test_one_gradient_for_each_example(name):
    """vmap over grad: the loss reads its class numbers, of which vmap shows one at a time."""
    vmap = module(name).vmap if name == "torch" else pytest.importorskip("jax").vmap
    x, t = array(name, np.linspace(-1, 2, 12).reshape(3, 4)), array(name, [0, 3, 1])
    one = lambda x, t: ad.nn.cross_entropy(x[None], t[None])  # noqa: E731
    whole = ad.grad(lambda x: ad.nn.cross_entropy(x, t))(x)
    each = vmap(ad.grad(one))(x, t)
    np.testing.assert_allclose(to_numpy(each), 3 * to_numpy(whole), rtol=1e-6)
    if name == "torch":
        with pytest.raises(ad.AutodiffError, match="class 4"):
            vmap(ad.grad(one))(x, t + 1)
