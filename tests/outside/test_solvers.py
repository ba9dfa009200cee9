"""Equations that others have solved: their answers, and what is known of their derivatives."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import surgery, xp
from tests.helpers import FRAMEWORKS, allclose, array, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def a(name, value):
    return array(name, value, "float64")


def newton(f):
    """In Python and numbers: nothing of it could be recorded."""

    def solve(x, *params):
        x, params = float(x), [float(p) for p in params]
        for _ in range(100):
            slope = (f(x + 1e-6, *params) - f(x - 1e-6, *params)) / 2e-6
            x -= f(x, *params) / slope
        return x

    return solve


def numbers(verbs):
    return {"sin": lambda v: np.sin(v) if isinstance(v, float) else verbs.sin(v),
            "exp": lambda v: np.exp(v) if isinstance(v, float) else verbs.exp(v)}  # fmt: skip


def test_keplers_equation(name):
    """E - e sin E = M. dE/dM = 1 / (1 - e cos E), dE/de = sin E / (1 - e cos E)."""
    sin = numbers(xp.verbs(name))["sin"]
    f = lambda E, M, e: E - e * sin(E) - M  # noqa: E731
    anomaly = ad.implicit(newton(f), root=f)
    M, e = a(name, 1.0), a(name, 0.0167086)  # the Earth's eccentricity
    E = anomaly(1.0, M, e)
    verbs = xp.verbs(name)
    allclose(E - e * verbs.sin(E), M, "float64")
    for one, other in zip(
        ad.grad(lambda M, e: anomaly(1.0, M, e), (0, 1))(M, e),
        (1 / (1 - e * verbs.cos(E)), verbs.sin(E) / (1 - e * verbs.cos(E))),
        strict=True,
    ):
        allclose(one, other, "float64")
    bessel = sum(2 / n * jn(n, n * float(e)) * np.sin(n * 1.0) for n in range(1, 9))
    assert float(E) == pytest.approx(1.0 + bessel, abs=1e-12)  # Lagrange's series of 1770


def jn(n, x):
    """Bessel's integral."""
    t = (np.arange(2000) + 0.5) * np.pi / 2000
    return np.cos(n * t - x * np.sin(t)).mean()


def test_lamberts_w(name):
    """w exp(w) = z; w(1) is the omega constant, w' = w / (z (1 + w)), and w'' follows."""
    exp = numbers(xp.verbs(name))["exp"]
    f = lambda w, z: w * exp(w) - z  # noqa: E731
    lambert = ad.implicit(newton(f), root=f)
    w, z = lambda z: lambert(0.5, z), a(name, 1.0)
    omega = 0.567143290409783872999968662210
    assert float(w(z)) == pytest.approx(omega, abs=1e-12)
    assert float(ad.grad(w)(z)) == pytest.approx(omega / (1 + omega))
    second = -np.exp(-2 * omega) * (omega + 2) / (1 + omega) ** 3
    assert float(ad.grad(ad.grad(w))(z)) == pytest.approx(second)
    assert float(ad.hvp(w, (z,), (z,))) == pytest.approx(second)


def test_the_dottie_number(name):
    """cos(a x) = x at a = 1; the fixed point's derivative is -x sin(x) / (1 + sin(x))."""
    verbs, x = xp.verbs(name), 0.739085133215160641655312087673
    image = lambda x, c: verbs.cos(c * x)  # noqa: E731

    def iterate(x, c):
        for _ in range(60):
            x = image(x, c)
        return x

    dottie = ad.implicit(iterate, fixed_point=image)
    c = a(name, 1.0)
    assert float(dottie(1.0, c)) == pytest.approx(x, abs=1e-9)
    wanted = -x * np.sin(x) / (1 + np.sin(x))
    assert float(ad.grad(lambda c: dottie(1.0, c))(c)) == pytest.approx(wanted, rel=1e-8)


def test_an_eigenvector_as_a_root(name):
    """A v = l v, v.v = 1: dl = v' dA v, and dv = pinv(l - A) dA v (Magnus 1985)."""
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(4, 4))
    matrix, turn = raw + raw.T, rng.normal(size=(4, 4))
    turn = turn + turn.T

    def equations(pair, m):
        v, lam = pair
        return m @ v - lam * v, (v * v).sum() - 1

    def lapack(pair, m):
        values, vectors = np.linalg.eigh(to_numpy(m))
        return vectors[:, -1] * np.sign(vectors[0, -1]), values[-1]

    solve = ad.implicit(lapack, root=equations)
    start = (a(name, np.zeros(4)), a(name, 0.0))
    if name == "jax":
        import jax

        walk = jax.jit(lambda m, dm: ad.jvp(lambda m: solve(start, m), (m,), (dm,)))
    else:
        walk = lambda m, dm: ad.jvp(lambda m: solve(start, m), (m,), (dm,))  # noqa: E731
    (v, lam), (dv, dlam) = walk(a(name, matrix), a(name, turn))
    v, lam = to_numpy(v), to_numpy(lam)
    allclose(dlam, v @ turn @ v, "float64")
    allclose(dv, np.linalg.pinv(lam * np.eye(4) - matrix) @ turn @ v, "float64")
    gradient = ad.grad(lambda m: solve(start, m)[1])(a(name, matrix))
    allclose(gradient, np.outer(v, v), "float64")


def test_the_penalty_of_logistic_regression(name):
    """d(validation loss)/d(log penalty), against slopes of the whole fit."""
    rng = np.random.default_rng(0)
    x, held = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    y = (x @ [1.0, -2.0, 0.5] + rng.normal(size=30) > 0) * 2.0 - 1
    y_held = (held @ [1.0, -2.0, 0.5] > 0) * 2.0 - 1
    verbs = xp.verbs(name)
    data = {"x": a(name, x), "y": a(name, y)}

    def loss(w, x, y):
        return verbs.log1p(verbs.exp(-y * (x @ w))).mean()

    def objective(w, data, log_penalty):
        return loss(w, data["x"], data["y"]) + verbs.exp(log_penalty) * (w * w).sum()

    def fit(w, data, log_penalty):
        """Newton's method in NumPy."""
        w, penalty = np.array(to_numpy(w)), np.exp(float(log_penalty))
        for _ in range(20):
            p = 1 / (1 + np.exp(y * (x @ w)))
            slope = -(x * (y * p)[:, None]).mean(0) + 2 * penalty * w
            curve = (x.T * (p * (1 - p))) @ x / 30 + 2 * penalty * np.eye(3)
            w = w - np.linalg.solve(curve, slope)
        return w

    solve, w0 = ad.implicit(fit, argmin=objective), a(name, np.zeros(3))
    outer = lambda lp: loss(solve(w0, data, lp), a(name, held), a(name, y_held))  # noqa: E731
    lp, h = a(name, -3.0), 1e-4
    slope = float(outer(lp + h) - outer(lp - h)) / (2 * h)
    assert float(ad.grad(outer)(lp)) == pytest.approx(slope, rel=1e-6)


# ----- an image codec, end to end -----
def dct_matrix():
    k, n = np.arange(8.0)[:, None], np.arange(8.0)[None]
    c = np.cos(np.pi * (2 * n + 1) * k / 16) / 2
    c[0] /= 2**0.5
    return c


def blocks(image):
    h, w = image.shape
    return image.reshape(h // 8, 8, w // 8, 8).transpose(0, 2, 1, 3).reshape(-1, 8, 8)


def test_a_differentiable_image_codec(name):
    """JPEG's road: DCT of 8x8 blocks, quantise, back. Its table of steps is learned by descent on
    distortion + rate (Shin and Song 2017), through a rounding whose own derivative is zero."""
    verbs, c = xp.verbs(name), a(name, dct_matrix())
    u, v = np.meshgrid(np.arange(32.0), np.arange(32.0))
    image = (
        60 * np.sin(u / 5) + 40 * np.cos(v / 7) + 5 * np.random.default_rng(0).normal(size=(32, 32))
    )
    x = a(name, blocks(image))

    def codec(log_table, round):
        table = verbs.exp(log_table)
        codes = round(c @ x @ c.T / table)
        return codes, c.T @ (codes * table) @ c

    def loss(log_table, round=surgery.round):
        codes, back = codec(log_table, round)
        return ((back - x) ** 2).mean() + 8 * verbs.log1p(abs(codes)).mean()

    log_table = a(name, np.full((8, 8), np.log(32.0)))
    gradient = ad.grad(loss)
    if name == "jax":
        import jax

        gradient = jax.jit(gradient)
    start = float(loss(log_table))
    for _ in range(60):
        g = gradient(log_table)
        log_table = log_table - 0.1 * g / (abs(g).max() + 1e-12)
    assert float(loss(log_table)) < 0.5 * start
    codes, _ = codec(log_table, surgery.round)
    assert np.array_equal(to_numpy(codes), np.round(to_numpy(codes)))
    blind = ad.grad(lambda t: verbs.log1p(abs(codec(t, verbs.round)[0])).mean())(log_table)
    assert float(abs(blind).max()) == 0.0  # without it the rate has no gradient at all
