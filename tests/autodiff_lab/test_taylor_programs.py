"""Taylor mode on whole programs: differential equations, networks, control flow of both kinds."""

import functools
import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.autodiff_lab.test_taylor import both, compiled
from tests.helpers import allclose, array, to_numpy


# ----- a differential equation: the coefficients of y feed those of y' -----
def step(f, y, h, order):
    """One step of the Taylor series method for y' = f(y)."""
    derivatives = [f(y)]
    for _ in range(order - 1):
        derivatives = [derivatives[0], *ad.jet(f, (y,), (derivatives,))[1]]
    return y + sum(d * (h**k / math.factorial(k)) for k, d in enumerate(derivatives, 1))


@both
def test_a_planet_and_a_population_by_taylor_steps(name):
    verbs = xp.verbs(name)

    def planet(y):
        r = y[0] * y[0] + y[1] * y[1]
        return verbs.stack([y[2], y[3], -y[0] / r**1.5, -y[1] / r**1.5])

    advance = compiled(name, lambda y: step(planet, y, 2 * math.pi / 28, 12))
    y = start = array(name, [0.8, 0.0, 0.0, math.sqrt(1.2 / 0.8)])  # eccentricity 0.2, period 2 pi
    for _ in range(28):
        y = advance(y)
    np.testing.assert_allclose(to_numpy(y), to_numpy(start), atol=1e-8)

    logistic = compiled(name, lambda y: step(lambda y: y * (1 - y), y, 0.25, 16))
    y = array(name, 0.1)
    for _ in range(16):
        y = logistic(y)
    assert float(y) == pytest.approx(1 / (1 + 9 * math.exp(-4)), rel=1e-12)


# ----- other people's Taylor modes and nested forward modes -----
def network(verbs, x, w):
    h = verbs.tanh(verbs.contract(x, w, "ij,jk->ik"))
    h = verbs.logsumexp(h * h, (1,), True) + verbs.sin(h) / (2 + verbs.cos(h))
    return verbs.sum(verbs.exp(-h) * verbs.sqrt(1 + h * h), (0, 1), False)


def programs(verbs):
    def relu_and_sort(x, w):
        y = verbs.relu(verbs.contract(x, w, "ij,jk->ik")) * verbs.sigmoid(x)
        return verbs.max(y * verbs.abs(y), (1,), False) + verbs.prod(x, (1,), False)

    return {
        "network": functools.partial(network, verbs),
        "kinks": relu_and_sort,
        "powers": lambda x, w: (x * x + 1) ** 1.5 / (w * w + 2) ** 0.5,
        "solve": lambda x, w: verbs.solve(w + 3 * x * x, x),
    }


POINT = np.cos(np.arange(9.0).reshape(3, 3)), np.sin(np.arange(9.0).reshape(3, 3) + 0.5)


@both
@pytest.mark.parametrize("program", ["network", "powers", "kinks", "solve"])
def test_what_other_modes_find(program, name):
    """The frameworks' own forward mode, nested; and `jax.experimental.jet` where it works."""
    f, (x, w) = programs(xp.verbs(name))[program], (array(name, v) for v in POINT)
    dx, dw = array(name, POINT[1]), array(name, POINT[0] * 0.5)
    curve = compiled(name, lambda x, w: ad.jet(f, (x, w), ([dx, dw, None], [dw, None, dx])))
    y, found = curve(x, w)
    g = lambda t: f(x + t * dx + t * t / 2 * dw, w + t * dw + t**3 / 6 * dx)  # noqa: E731
    allclose(y, g(array(name, 0.0)), "float64")
    for derivative in found:
        g = slope(name, g)
        allclose(derivative, compiled(name, g)(array(name, 0.0)), "float64")
    if name == "jax" and program in ("network", "powers"):
        from jax.experimental import jet

        zero = 0 * dx
        _, theirs = jet.jet(f, (x, w), ([dx, dw, zero], [dw, zero, dx]))
        for ours, other in zip(found, theirs, strict=True):
            allclose(ours, other, "float64")


def slope(name, g):
    """The framework's own derivative of g(t).

    PyTorch's by reverse mode: its forward mode is wrong for `solve` when it nests (2.13; and of
    `layer_norm` its third derivative is wrong in either mode, so there the definition decides).
    """
    if name == "torch":
        import torch

        return torch.func.jacrev(g)
    import jax

    return lambda t: jax.jvp(g, (t,), (jax.numpy.ones_like(t),))[1]


def test_a_network_of_torchs_own_layers():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv1d(2, 3, 3, padding=1), torch.nn.Softplus(), torch.nn.Flatten(),
        torch.nn.Linear(12, 4), torch.nn.GELU(), torch.nn.Softmax(-1),
    ).double()  # fmt: skip
    x = torch.randn(2, 2, 4, dtype=torch.float64)
    g = lambda t: net(x + t * x.cos())  # noqa: E731
    for derivative in ad.taylor(net, x, order=3, along=x.cos()).derivatives:
        allclose(derivative, g(array("torch", 0.0)), "float64")
        g = slope("torch", g)


@both
def test_order_one_is_forward_mode_and_order_zero_the_value(name):
    f, (x, w) = programs(xp.verbs(name))["network"], (array(name, v) for v in POINT)
    y, dy = ad.jvp(f, (x, w), (w, x))
    z, (dz,) = ad.jet(f, (x, w), ([w], [x]))
    allclose(y, z, "float64")
    allclose(dy, dz, "float64")
    assert ad.jet(f, (x, w), ([], None)) == (z, [])
    assert len(ad.taylor(xp.verbs(name).sin, x, order=0).coefficients) == 1


# ----- control flow -----
def branches_and_loops(x):
    """A loop whose length and a branch whose side depend on the values."""
    y, n = x, 0
    while y < 3 and n < 10:
        y, n = y * (1 + x) if n % 2 else y + x.sin(), n + 1
    return y * y if y > 3.5 else y.exp()


@pytest.mark.parametrize("x", [0.3, 0.9, 1.7])
def test_pythons_control_flow(x):
    torch = pytest.importorskip("torch")
    x = torch.tensor(x, dtype=torch.float64)
    found = ad.taylor(branches_and_loops, x, order=4)
    f = branches_and_loops
    for derivative in found.derivatives:
        allclose(derivative, f(x), "float64")
        f = functools.partial(lambda f, x: ad.jvp(f, (x,), (torch.ones_like(x),))[1], f)


def loops():
    import jax
    import jax.numpy as jnp
    from jax import lax

    a = jnp.array([[3.0, 1.0], [0.5, 2.0]])
    return {
        "scan": lambda x: lax.scan(
            lambda c, a: (jnp.sin(c) * a + x, c * c), x, x * jnp.arange(1.0, 4.0)
        )[1].sum(),
        "fori_loop": lambda x: lax.fori_loop(0, 4, lambda i, c: jnp.sin(c) + i * x, x),
        "while_loop": lambda x: lax.while_loop(
            lambda c: c[1] < 3, lambda c: (c[0] + 1, c[1] * (1 + x)), (0, x)
        )[1],
        "cond": lambda x: (
            lax.cond(x > 0.2, jnp.sin, jnp.exp, x) * lax.cond(x < 0.2, jnp.sin, lambda x: 3.0, x)
        ),
        "switch": lambda x: lax.switch(1, [jnp.sin, jnp.exp, jnp.cos], x),
        "solve": lambda x: jnp.linalg.solve(a * x + jnp.eye(2), jnp.array([1.0, x])).sum(),
        "checkpoint": jax.checkpoint(lambda x: jnp.sin(x) * jnp.exp(x)),
        "barrier": lambda x: lax.optimization_barrier((x * x,))[0] * x,
        "sort": lambda x: jnp.sort(jnp.stack([x * x, x, jnp.sin(3 * x)]))[1],
        "indexing": lambda x: jnp.zeros(3).at[jnp.array([0, 1])].set(x * x).at[1].add(x)[1] ** 2,
    }


LOOPS = ["scan", "fori_loop", "while_loop", "cond", "switch", "solve", "checkpoint", "barrier",
         "sort", "indexing"]  # fmt: skip


@pytest.mark.parametrize("program", LOOPS)
def test_laxs_control_flow_eagerly_and_under_jit(program):
    jax = pytest.importorskip("jax")
    f, x = loops()[program], jax.numpy.asarray(0.3)

    def nested(f):
        return lambda x: jax.jvp(f, (x,), (jax.numpy.ones_like(x),))[1]

    every = [f, nested(f), nested(nested(f)), nested(nested(nested(f)))]
    theirs = jax.jit(lambda x: [f(x) for f in every])(x)
    eager = ad.taylor(f, x, order=3).derivatives
    traced = jax.jit(lambda x: ad.taylor(f, x, order=3).derivatives)(x)
    for want, *found in zip(theirs, eager, traced, strict=True):
        for derivative in found:
            allclose(derivative, want, "float64")
