"""NaN, inf, ties, bounds: each row against its own framework's gradient, corner by corner.

Where the frameworks disagree (the table's `kinks` say so) each side has to match its own.
"""

import importlib
import itertools
import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab.table import ROWS
from tests.helpers import FRAMEWORKS, array, native_grad, to_numpy

NAN, INF = math.nan, math.inf
CORNERS = (NAN, INF, -INF, 0.0, -0.0, 1.0, -2.0, 0.5)


def own(row, name):
    """The framework's own function of a row, by its first spelling."""
    from autodiff_lab.table import _resolve

    importlib.import_module({"torch": "torch", "jax": "jax.scipy.special"}[name])
    return _resolve(getattr(row, name)[0])


def rows(arity):
    return [r for r in ROWS.values() if r.kind == "pointwise" and r.arity == arity]


def grads(f, points, name):
    xs = [array(name, np.array(v)) for v in zip(*points, strict=True)]
    at = tuple(range(len(xs)))
    try:
        ours = ad.grad(lambda *xs: f(*xs).sum(), at)(*xs)
    except ad.AutodiffError as refusal:  # JAX's own function holds a loop or a rule by itself
        assert name == "jax" and ("custom" in str(refusal) or "control flow" in str(refusal))
        pytest.skip(str(refusal))
    theirs = native_grad(lambda *xs: f(*xs).sum(), at)(*xs)
    return [to_numpy(g) for g in ours], [to_numpy(g) for g in theirs]


def check(ours, theirs, points):
    for a, b in zip(ours, theirs, strict=True):
        for point, x, y in zip(points, a, b, strict=True):
            assert np.isclose(x, y, rtol=1e-7, atol=1e-9, equal_nan=True), (
                f"at {point}: {x} instead of {y}"
            )


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row", rows(1), ids=lambda r: r.name)
def test_one_input(row, name):
    if not getattr(row, name):
        pytest.skip(f"{name} has no {row.name} of its own")
    points = [(x,) for x in CORNERS]
    check(*grads(own(row, name), points, name), points)


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row", rows(2), ids=lambda r: r.name)
def test_two_inputs(row, name):
    if row.name in ("polygamma", "zeta", "igamma", "igammac", "remainder", "fmod"):
        pytest.skip("the first input is a number, or the corners are jumps")
    if row.name == "binary_cross_entropy":
        pytest.skip("it takes probabilities: the corners lie outside")
    points = list(itertools.product(CORNERS, repeat=2))
    check(*grads(own(row, name), points, name), points)


ACTIVATIONS = """elu selu celu leaky_relu hardtanh relu6 hardswish softplus softsign logsigmoid gelu
    tanhshrink softshrink hardshrink silu""".split()


@pytest.mark.parametrize("spelling", ACTIVATIONS)
def test_activations_of_torch_at_their_corners(spelling):
    functional = pytest.importorskip("torch").nn.functional
    points = [(x,) for x in (*CORNERS, 3.0, -3.0, 6.0, -0.5, -1.0)]
    if spelling in ("hardtanh", "relu6", "softshrink", "hardshrink"):  # torch: 0 or 1, by length
        points = [p for p in points if not math.isnan(p[0])]
    if spelling in ("softsign", "gelu", "silu"):  # at inf the native kernel has its own answer
        points = [p for p in points if math.isfinite(p[0])]
    check(*grads(getattr(functional, spelling), points, "torch"), points)


@pytest.mark.parametrize("low, high", [(-2.0, 1.0), (None, 1.0), (-2.0, None)])
def test_clamp_of_torch_at_its_bounds(low, high):
    torch = pytest.importorskip("torch")
    points = [(x,) for x in CORNERS]
    check(*grads(lambda x: torch.clamp(x, low, high), points, "torch"), points)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_clamp_between_arrays(name):
    points = list(itertools.product((NAN, INF, 0.0, 1.0), (-INF, 0.0, 1.0, 2.0), (0.0, 1.0, NAN)))
    clamp = own(ROWS["clamp"], name)
    f = clamp if name == "torch" else lambda x, a, b: clamp(a, x, b)
    check(*grads(f, points, name), points)


def test_no_tangent_passes_through_an_integer():
    jax = pytest.importorskip("jax")
    torch = pytest.importorskip("torch")

    def f(x):
        return (x.astype(int) * x).sum()

    x = jax.numpy.array([0.9, -2.1, 3.6])
    assert ad.jvp(f, (x,), (x * 0 + 1,))[1] == 1.0
    t = torch.tensor([0.9, -2.1, 3.6])
    assert ad.jvp(lambda x: (x.long() * x).sum(), (t,), (t * 0 + 1,))[1] == 1.0


def test_a_whole_exponent_of_zero_at_zero_in_jax():
    jax = pytest.importorskip("jax")
    x, n = jax.numpy.zeros(3), jax.numpy.array([0, 1, 2])
    f = jax.jit(lambda x: (x**n).sum())
    assert ad.grad(f)(x).tolist() == jax.grad(f)(x).tolist() == [0.0, 1.0, 0.0]
    assert ad.jvp(f, (x,), (x + 1,))[1] == 1.0


def test_a_random_key_is_an_argument_without_derivative():
    jax = pytest.importorskip("jax")

    def f(x, key):
        return (x * jax.random.normal(key, (3,))).sum()

    x, key = jax.numpy.ones(3), jax.random.key(0)
    y, dy = ad.jvp(f, (x, key), (x, None))
    assert jax.numpy.allclose(y, dy)
    cotangents = ad.vjp(f, x, key)[1](1.0)
    assert jax.numpy.allclose(cotangents[0], jax.random.normal(key, (3,)))


def test_jax_cholesky_of_a_matrix_that_nobody_made_symmetric():
    jax = pytest.importorskip("jax")
    a = jax.numpy.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    b = jax.numpy.array([1.0, 2.0, 3.0])

    def f(a):
        factor = jax.scipy.linalg.cho_factor(a)  # reads one triangle
        return (jax.scipy.linalg.cho_solve(factor, b) * b).sum()

    for g in (f, lambda a: (jax.numpy.linalg.cholesky(a) * b).sum()):
        assert jax.numpy.allclose(ad.grad(g)(a), jax.grad(g)(a), atol=1e-6)
