"""Gradient surgery: what passes forward is untouched, what comes back is what was asked for."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import surgery, trees, xp
from tests.autodiff_lab.test_errors import refused
from tests.helpers import FRAMEWORKS, allclose, array, native_grad, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)
X = [0.3, -1.7, 2.5]


def a(name, value, dtype="float64"):
    return array(name, value, dtype)


def cube(x):
    return (x**3).sum()


# name: (operation, factor of the cotangent, factor of the tangent), for a loss with cotangent 3 x^2
LINEAR = {
    "stop": (ad.stop, 0.0),
    "scale": (lambda x: surgery.scale(x, 2.5), 2.5),
    "reverse": (surgery.reverse, -1.0),
    "straight": (ad.straight_through(lambda x: x * 1.0), 1.0),
}


@pytest.mark.parametrize("op, c", LINEAR.values(), ids=LINEAR)
def test_linear_surgery_is_the_same_in_both_directions_and_at_every_order(name, op, c):
    x, dx = a(name, X), a(name, [1.0, -2.0, 0.5])
    f = lambda x: cube(op(x))  # noqa: E731
    np.testing.assert_array_equal(to_numpy(op(x)), to_numpy(x))
    allclose(ad.grad(f)(x), 3 * c * x**2, "float64")
    allclose(ad.jvp(op, (x,), (dx,))[1], c * dx, "float64")
    allclose(ad.hvp(f, (x,), (dx,)), 6 * c * c * x * dx, "float64")
    allclose(ad.grad(lambda x: (ad.grad(f)(x) * dx).sum())(x), 6 * c * c * x * dx, "float64")


IDENTITIES = {
    "on_cotangent": lambda x: ad.on_cotangent(x, lambda g: 2 * g),
    "clip": lambda x: surgery.clip(x, 1.5),
    "clip norm": lambda x: surgery.clip(x, norm=2.0),
    "synthetic": lambda x: surgery.synthetic(x, lambda p, x: p * x, 3.0),
}
CAME_BACK = {
    "on_cotangent": lambda g, x: 2 * g,
    "clip": lambda g, x: np.clip(g, -1.5, 1.5),
    "clip norm": lambda g, x: g * min(1.0, 2.0 / np.linalg.norm(g)),
    "synthetic": lambda g, x: 3 * x,
}


@pytest.mark.parametrize("way", IDENTITIES)
def test_reverse_only_surgery(name, way):
    op, x, dx = IDENTITIES[way], a(name, X), a(name, [1.0, -2.0, 0.5])
    f = lambda x: cube(op(x))  # noqa: E731
    np.testing.assert_array_equal(to_numpy(op(x)), to_numpy(x))
    wanted = CAME_BACK[way](3 * np.array(X) ** 2, np.array(X))
    allclose(ad.grad(f)(x), wanted, "float64")
    allclose(native_grad(f, (0,))(x)[0], wanted, "float64")
    allclose(ad.jvp(op, (x,), (dx,))[1], dx, "float64")  # tangents pass unchanged
    # the gradient so made is an ordinary function: its slope against small differences
    ahead, behind = (ad.grad(f)(x + h * dx) for h in (1e-6, -1e-6))
    slope = ad.hvp(f, (x,), (dx,))
    np.testing.assert_allclose(to_numpy(slope), to_numpy(ahead - behind) / 2e-6, rtol=1e-5)


def test_containers_are_cut_as_a_whole(name):
    tree = {"w": a(name, [3.0]), "b": (a(name, 4.0), 7, a(name, [1], "int64"))}
    seen = []

    def loss(tree):
        tree = ad.on_cotangent(tree, lambda g: seen.append(trees.map(str, g)))
        tree = surgery.clip(tree, norm=1.0)
        return (tree["w"] ** 2).sum() / 2 + tree["b"][0] ** 2 / 2

    (g,) = ad.vjp(loss, tree)[1](1.0)
    allclose(g["w"], a(name, [0.6]), "float64")
    allclose(g["b"][0], a(name, 0.8), "float64")
    assert list(seen[0]) == ["w", "b"]
    half = surgery.scale(tree, 0.5)
    assert half["b"][1] == 7 and half["b"][2] is tree["b"][2]


def test_entries_that_nothing_reaches_have_a_zero_cotangent(name):
    seen = []

    def loss(pair):
        u, v = ad.on_cotangent(pair, lambda g: seen.append([float(c) for c in g]))
        return u * u

    ad.grad(loss)((a(name, 3.0), a(name, 5.0)))
    assert seen == [[6.0, 0.0]]


def test_the_inserted_code_may_be_a_recorder_at_any_level(name):
    """grad(grad(f)) pulls through it twice; forward mode never calls it."""
    calls = []
    f = lambda x: ad.on_cotangent(x, lambda g: calls.append(g)) ** 3  # noqa: E731
    x = a(name, 2.0)
    assert float(ad.grad(ad.grad(f))(x)) == 12.0 and len(calls) >= 2
    calls.clear()
    ad.jvp(f, (x,), (x,))
    assert calls == []


def test_scale_by_an_array_that_is_learned(name):
    """The value does not depend on c, but the gradient does."""
    x, c = a(name, 3.0), a(name, 0.5)
    f = lambda x, c: surgery.scale(x, c) ** 2  # noqa: E731
    assert float(ad.grad(f, 1)(x, c)) == 0.0
    assert float(ad.grad(lambda c: ad.grad(f)(x, c))(c)) == 6.0


def test_a_surrogate_derivative(name):
    """A spiking unit: a step forward, a sigmoid's slope back."""
    verbs, x = xp.verbs(name), a(name, X)
    soft = lambda x: 1 / (1 + verbs.exp(-x))  # noqa: E731
    spike = ad.straight_through(lambda x: x > 0, like=soft)
    allclose(spike(x), a(name, [1.0, 0.0, 1.0]), "float64")
    s = soft(x)
    allclose(ad.grad(lambda x: spike(x).sum())(x), s * (1 - s), "float64")
    allclose(ad.jvp(spike, (x,), (x,))[1], s * (1 - s) * x, "float64")


@pytest.mark.parametrize("op", [surgery.floor, surgery.round])
def test_straight_through_rounding(name, op):
    x = a(name, X)
    plain = getattr(np, op.__name__)
    np.testing.assert_array_equal(to_numpy(op(x)), plain(X))
    allclose(ad.grad(lambda x: (op(x) ** 2).sum())(x), 2 * plain(np.array(X)), "float64")
    allclose(ad.jvp(op, ([x],), ([x],))[1][0], x, "float64")


def test_reversal_makes_a_saddle(name):
    """min over x, max over y of x y + (x^2 - y^2) / 2: plain descent on both finds 0, 0."""

    def loss(xy):
        y = surgery.reverse(xy[1])
        return xy[0] * y + (xy[0] ** 2 - y**2) / 2

    xy = a(name, [1.0, 1.0])
    for _ in range(60):
        xy = xy - 0.2 * ad.grad(loss)(xy)
    assert float(abs(xy).max()) < 1e-3


def test_complex_cotangents_are_the_frameworks(name):
    z, seen = a(name, [1.0 + 2.0j], "complex128"), []
    f = lambda z: (abs(ad.on_cotangent(z, seen.append)) ** 2).sum()  # noqa: E731
    g = ad.grad(f)(z)
    np.testing.assert_allclose(to_numpy(seen[0]), to_numpy(g))
    allclose(g, native_grad(f, (0,))(z)[0], "float64")


# ----- synthetic gradients -----
def test_the_predictor_learns_while_the_model_below_uses_its_guess(name):
    """Two layers; the lower never sees the true cotangent of h, only a linear model's guess."""
    rng = np.random.default_rng(0)
    x, y = a(name, rng.normal(size=(64, 3))), a(name, rng.normal(size=(64, 1)))
    params = {
        "low": a(name, rng.normal(size=(3, 4)) / 2),
        "high": a(name, rng.normal(size=(4, 1)) / 2),
        "guess": a(name, np.zeros((5, 4))),
    }
    ones = a(name, np.ones((64, 1)))

    def predict(p, h):
        return (xp.of(h).concat([h, y], 1) @ p) * (2 / 64)

    def loss(params, decoupled=True):
        h = x @ params["low"]
        h = surgery.synthetic(h, predict, params["guess"]) if decoupled else h
        error = h @ params["high"] - y * ones
        return (error**2).mean()

    def true_cotangent(params):
        return ad.grad(lambda h: ((h @ params["high"] - y) ** 2).mean())(x @ params["low"])

    def off(params):
        truth = true_cotangent(params)
        wrong = predict(params["guess"], x @ params["low"]) - truth
        return float((wrong**2).sum() / (truth**2).sum())

    first = ad.grad(loss)(params)
    allclose(first["low"], a(name, np.zeros((3, 4))), "float64")  # the guess is still 0
    allclose(first["high"], ad.grad(lambda p: loss(p, False))(params)["high"], "float64")
    start, start_loss, gradient = off(params), float(loss(params)), ad.grad(loss)
    if name == "jax":
        import jax

        gradient = jax.jit(gradient)
    for _ in range(200):
        g = gradient(params)
        steps = {"low": 0.1, "high": 0.1, "guess": 5.0}
        params = {k: params[k] - steps[k] * g[k] for k in params}
    best = float(loss({**params, "low": params["low"]}))
    assert start == 1.0 and off(params) < 0.3
    residual = np.linalg.lstsq(to_numpy(x), to_numpy(y), rcond=None)[1][0] / 64
    assert residual <= best < residual + 0.1 * (start_loss - residual)


# ----- what is refused, and where it runs -----
def test_under_jit(name):
    if name == "torch":
        pytest.skip("torch has no jit of ours here")
    import jax

    x, printed = a(name, X), []

    def f(x):
        x = ad.on_cotangent(x, lambda g: jax.debug.callback(printed.append, g))
        return cube(surgery.clip(surgery.reverse(x), norm=1.0))

    allclose(jax.jit(ad.grad(f))(x), ad.grad(f)(x), "float64")
    jax.effects_barrier()
    assert len(printed) == 2
    allclose(jax.vmap(ad.grad(f))(x[:, None]), a(name, [[-0.27], [-1.0], [-1.0]]), "float64")


def test_what_is_refused(name):
    x = a(name, X)
    refused(lambda: ad.stop(3.0), "stop was given 3.0", "no derivative flows")
    refused(lambda: surgery.scale(x, x), r"scale by an array of shape \(3,\)")
    refused(lambda: surgery.scale(x, "2"), "scale by '2'")
    refused(lambda: surgery.clip(x), "bound=None and norm=None")
    refused(lambda: surgery.clip(x, 1.0, norm=1.0), "give one of them")
    refused(lambda: surgery.clip(x, -1.0), "greater than 0")
    refused(lambda: ad.on_cotangent(x, 3), "takes a function of the cotangent, not 3")
    refused(lambda: ad.straight_through(x), r"straight_through\(torch.round\)")
    bad = lambda x: ad.on_cotangent(x, lambda g: g.sum()).sum()  # noqa: E731
    refused(lambda: ad.grad(bad)(x), r"returned is an array of shape \(\)", r"shape \(3,\)")
    short = ad.straight_through(lambda x: x.sum())
    refused(lambda: short(x), r"shape \(\)", r"\(3,\) was expected")
    refused(lambda: surgery.synthetic(x, 1, 2), "predict")
    wrong = lambda x: surgery.synthetic(x, lambda p, x: p, 1.0).sum()  # noqa: E731
    refused(lambda: ad.grad(wrong)(x), "guessed is 1.0", r"shape \(3,\)")
    z = a(name, [1.0 + 2.0j], "complex128")
    refused(lambda: ad.grad(lambda z: abs(surgery.clip(z, 1.0)).sum())(z), "norm= instead")
