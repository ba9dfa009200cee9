"""Jacobians that others published or that have a closed form, in every mode.

MGH: More, Garbow and Hillstrom, Testing Unconstrained Optimization Software, ACM TOMS 7 (1981).
DLMF: the Digital Library of Mathematical Functions, dlmf.nist.gov.
ADBench: Srajer, Kukelova and Fitzgibbon, A benchmark of selected AD tools (2018).
"""

import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, array, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def both_jacobians(f, x, expected, **tolerance):
    for jac in (ad.jacfwd, ad.jacrev, ad.jacobian):
        np.testing.assert_allclose(to_numpy(jac(f)(x)), expected, **{"rtol": 1e-11} | tolerance)


# ----- MGH: residuals, starting points and, at the solution, the known minimum -----
def test_powells_badly_scaled_function(name):
    """MGH 3: f1 = 10^4 x1 x2 - 1, f2 = exp(-x1) + exp(-x2) - 1.0001, from (0, 1)."""
    verbs = xp.verbs(name)

    def f(x):
        return verbs.stack([1e4 * x[0] * x[1] - 1, verbs.exp(-x[0]) + verbs.exp(-x[1]) - 1.0001], 0)

    both_jacobians(f, array(name, [0.0, 1.0]), [[1e4, 0.0], [-1.0, -math.exp(-1)]])
    at = array(name, [1.098159329699759e-5, 9.106146739867318])  # MGH's minimiser, f = 0
    np.testing.assert_allclose(to_numpy(f(at)), [0, 0], atol=1e-7)
    np.testing.assert_allclose(to_numpy(ad.grad(lambda x: (f(x) ** 2).sum())(at)), 0, atol=1e-1)


def test_beales_function(name):
    """MGH 5: f_i = y_i - x1 (1 - x2^i), y = 1.5, 2.25, 2.625; minimum 0 at (3, 0.5)."""
    y = [1.5, 2.25, 2.625]
    verbs = xp.verbs(name)
    f = lambda x: verbs.stack([y[i] - x[0] * (1 - x[1] ** (i + 1)) for i in range(3)], 0)  # noqa: E731
    for x1, x2 in ((1.0, 1.0), (3.0, 0.5)):
        expected = [[x2**i - 1, i * x1 * x2 ** (i - 1)] for i in (1, 2, 3)]
        both_jacobians(f, array(name, [x1, x2]), expected, atol=1e-14)
    np.testing.assert_allclose(to_numpy(f(array(name, [3.0, 0.5]))), 0, atol=1e-15)


def test_helical_valley(name):
    """MGH 7: a helix around the third axis, theta = atan2(x2, x1) / 2 pi; from (-1, 0, 0)."""
    verbs = xp.verbs(name)

    def f(x):
        theta = verbs.atan2(x[1], x[0]) / (2 * math.pi)
        r = verbs.sqrt(x[0] ** 2 + x[1] ** 2)
        return verbs.stack([10 * (x[2] - 10 * theta), 10 * (r - 1), x[2]], 0)

    def by_hand(x1, x2, _):
        r2 = x1 * x1 + x2 * x2
        turn, r = 50 / (math.pi * r2), math.sqrt(r2)
        return [[turn * x2, -turn * x1, 10], [10 * x1 / r, 10 * x2 / r, 0], [0, 0, 1]]

    for at in ([-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.6, -0.3, 2.0]):
        both_jacobians(f, array(name, at), by_hand(*at), atol=1e-14)


def test_powells_singular_function(name):
    """MGH 13, from (3, -1, 0, 1), where f = 215; at the minimum 0 its Jacobian loses rank."""

    def f(x):
        verbs = xp.verbs(name)
        return verbs.stack([x[0] + 10 * x[1], 5**0.5 * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2,
                            10**0.5 * (x[0] - x[3]) ** 2], 0)  # fmt: skip

    start = array(name, [3.0, -1.0, 0.0, 1.0])
    assert float((f(start) ** 2).sum()) == pytest.approx(215)
    r5, r10 = 5**0.5, 10**0.5
    both_jacobians(
        f, start, [[1, 10, 0, 0], [0, 0, r5, -r5], [0, -2, 4, 0], [4 * r10, 0, 0, -4 * r10]]
    )
    singular = to_numpy(ad.jacrev(f)(array(name, [0.0] * 4)))
    assert np.linalg.matrix_rank(singular) == 2


def test_wood_function(name):
    """MGH 14 at (-3, -1, -3, -1): f = 19192, gradient (-12008, -2080, -10808, -1880) (Colville)."""

    def f(x):
        a, b, c, d = x[0], x[1], x[2], x[3]
        return (100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2
                + 10 * (b + d - 2) ** 2 + 0.1 * (b - d) ** 2)  # fmt: skip

    start = array(name, [-3.0, -1.0, -3.0, -1.0])
    assert float(f(start)) == pytest.approx(19192)
    both_jacobians(f, start, [-12008, -2080, -10808, -1880])
    hessian = to_numpy(ad.hessian(f)(array(name, [1.0] * 4)))
    np.testing.assert_allclose(
        hessian,
        [[802, -400, 0, 0], [-400, 220.2, 0, 19.8], [0, 0, 722, -360], [0, 19.8, -360, 200.2]],
    )


def test_box_three_dimensional(name):
    """MGH 12: f_i = e^(-t x1) - e^(-t x2) - x3 (e^-t - e^-10t); zero at (1, 10, 1)."""
    t = np.arange(1, 11) / 10
    tt, verbs = array(name, t), xp.verbs(name)
    c = np.exp(-t) - np.exp(-10 * t)
    f = lambda x: verbs.exp(-tt * x[0]) - verbs.exp(-tt * x[1]) - x[2] * array(name, c)  # noqa: E731
    for x in ([0.0, 10.0, 20.0], [1.0, 10.0, 1.0]):
        expected = np.stack([-t * np.exp(-t * x[0]), t * np.exp(-t * x[1]), -c], 1)
        both_jacobians(f, array(name, x), expected)


# ----- special functions: recurrences and expansions of the DLMF -----
def bessel(order, x, terms=40):
    """DLMF 10.2.2, term by term, so that nobody's own Bessel function is needed."""
    term = (x / 2) ** order / math.factorial(order)
    total = term
    for k in range(1, terms):
        term = -term * x * x / (4 * k * (k + order))
        total = total + term
    return total


@pytest.mark.parametrize("x", [0.5, 2.404825557695773, 7.0])
def test_bessel_functions(name, x):
    """DLMF 10.6.2: J0' = -J1, J1' = J0 - J1 / x, and so Bessel's own equation, 10.2.1."""
    at = array(name, x)
    j0, j1 = float(bessel(0, at)), float(bessel(1, at))
    first = ad.grad(lambda x: bessel(0, x))
    assert float(first(at)) == pytest.approx(-j1, abs=1e-12)
    assert float(ad.grad(lambda x: bessel(1, x))(at)) == pytest.approx(j0 - j1 / x, abs=1e-11)
    second = float(ad.jvp(first, (at,), (at * 0 + 1,))[1])
    assert x * x * second - x * j1 + x * x * j0 == pytest.approx(0, abs=1e-9)


def test_bessel_at_its_first_zero(name):
    """DLMF table 10.21.1: j_{0,1} = 2.40482 55577, J0'(j_{0,1}) = -0.51914 74973."""
    found = ad.grad(lambda x: bessel(0, x))(array(name, 2.404825557695773))
    assert float(found) == pytest.approx(-0.5191474972894669, rel=1e-12)


def kepler(M, e, steps=8):
    """The eccentric anomaly: Newton's method on E - e sin E = M, unrolled."""
    verbs = xp.of(M, e)
    E = M
    for _ in range(steps):
        E = E - (E - e * verbs.sin(E) - M) / (1 - e * verbs.cos(E))
    return E


def test_keplers_equation(name):
    """dE/dM = 1 / (1 - e cos E), dE/de = sin E / (1 - e cos E): the implicit function theorem."""
    M, e = array(name, 0.8), array(name, 0.4)
    E = float(kepler(M, e))
    assert E - 0.4 * math.sin(E) == pytest.approx(0.8)
    for jac in (ad.jacfwd, ad.jacrev):
        found = [float(d) for d in jac(kepler, argnums=(0, 1))(M, e)]
        slope = 1 / (1 - 0.4 * math.cos(E))
        assert found == pytest.approx([slope, slope * math.sin(E)], rel=1e-10)
    curve = float(ad.hessian(kepler)(M, e))
    assert curve == pytest.approx(-0.4 * math.sin(E) * slope**3, rel=1e-9)


def test_legendre_polynomials(name):
    """DLMF 18.9.17: (1 - x^2) P_n' = n (P_{n-1} - x P_n), P by the three-term recurrence."""

    def legendre(n, x):
        before, now = x * 0 + 1, x
        for k in range(1, n):
            before, now = now, ((2 * k + 1) * x * now - k * before) / (k + 1)
        return now

    x = array(name, [-0.7, 0.1, 0.6])
    p5, p4 = to_numpy(legendre(5, x)), to_numpy(legendre(4, x))
    at = to_numpy(x)
    expected = np.diag(5 * (p4 - at * p5) / (1 - at**2))
    both_jacobians(lambda x: legendre(5, x), x, expected, atol=1e-13)


# ----- models -----
def gmm(name, x):
    """ADBench's Gaussian mixture without the prior: log-likelihood of one-dimensional data."""
    verbs = xp.verbs(name)

    def f(alphas, means, scales):  # scales are log(1/sigma)
        z = (x - means[:, None]) * verbs.exp(scales)[:, None]
        terms = alphas[:, None] + scales[:, None] - 0.5 * z * z
        top = verbs.max(terms, (0,), True)
        mixed = verbs.log(verbs.sum(verbs.exp(terms - top), (0,))) + top[0]
        weights = verbs.log(verbs.sum(verbs.exp(alphas), (0,)))
        return verbs.sum(mixed - weights, (0,)) - len(x) * 0.5 * math.log(2 * math.pi)

    return f


def test_gaussian_mixture(name):
    """Its gradient is made of responsibilities (Bishop 2006, eqs. 9.13 to 9.19)."""
    data = np.array([-2.0, -1.5, 0.3, 1.0, 2.2])
    parts = [np.array([0.2, -0.3]), np.array([-1.0, 1.2]), np.array([0.1, -0.2])]
    alphas, means, scales = parts
    q = np.exp(scales)
    z = (data - means[:, None]) * q[:, None]
    joint = np.exp(alphas - np.log(np.exp(alphas).sum()))[:, None] * q[:, None] * np.exp(-z * z / 2)
    r = joint / joint.sum(0)  # responsibilities
    p = np.exp(alphas) / np.exp(alphas).sum()
    expected = [
        r.sum(1) - len(data) * p,
        (r * z * q[:, None]).sum(1),
        (r * (1 - z * z)).sum(1),
    ]
    f, args = gmm(name, array(name, data)), [array(name, v) for v in parts]
    likelihood = np.log(joint.sum(0)).sum() - len(data) * 0.5 * math.log(2 * math.pi)
    assert float(f(*args)) == pytest.approx(likelihood)
    for ours, theirs in zip(ad.grad(f, (0, 1, 2))(*args), expected, strict=True):
        np.testing.assert_allclose(to_numpy(ours), theirs, rtol=1e-10)


def test_the_cycloid_is_the_brachistochrone(name):
    """Along a cycloid's points the time of descent is stationary, up to the grid (Bernoulli 1696).

    Time over straight pieces: length over mean speed, v = sqrt(2 g y). Its gradient by the inner
    heights falls with the square of the grid, and is hundreds of times that of the straight line.
    """
    verbs = xp.verbs(name)
    theta = np.linspace(0.5, math.pi, 200)
    xs, ys = theta - np.sin(theta), 1 - np.cos(theta)

    def time(inner):
        y = verbs.concat([array(name, ys[:1]), inner, array(name, ys[-1:])], 0)
        dx, dy = array(name, np.diff(xs)), y[1:] - y[:-1]
        speed = (verbs.sqrt(2 * y[1:]) + verbs.sqrt(2 * y[:-1])) / 2
        return verbs.sum(verbs.sqrt(dx * dx + dy * dy) / speed, (0,))

    line = ys[0] + (ys[-1] - ys[0]) * (xs - xs[0]) / (xs[-1] - xs[0])
    at_cycloid = np.abs(to_numpy(ad.grad(time)(array(name, ys[1:-1])))).max()
    at_line = np.abs(to_numpy(ad.grad(time)(array(name, line[1:-1])))).max()
    assert at_cycloid < 2e-5 and at_line > 100 * at_cycloid
    assert float(time(array(name, ys[1:-1]))) == pytest.approx(math.pi - 0.5, rel=1e-4)


def test_rotations(name):
    """Rodrigues: d/dt R(t) v = k x R(t) v, for the rotation about the unit axis k."""
    verbs = xp.verbs(name)
    k, v = np.array([2.0, -1.0, 2.0]) / 3, np.array([0.3, 0.5, -1.0])
    kv, kkv = np.cross(k, v), k * (k @ v)

    def turned(t):
        c, s = verbs.cos(t), verbs.sin(t)
        return array(name, v) * c + array(name, kv) * s + array(name, kkv) * (1 - c)

    t = array(name, 0.9)
    both_jacobians(turned, t, np.cross(k, to_numpy(turned(t))))
