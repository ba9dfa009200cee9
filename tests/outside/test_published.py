"""Other people's numbers: published values and closed forms that nobody here computed."""

import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, array, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def rosenbrock(v):
    return 100 * (v[1] - v[0] ** 2) ** 2 + (1 - v[0]) ** 2


def columns(f, x):
    """The Jacobian by one forward walk per input."""
    basis = np.eye(x.shape[0])
    like = "torch" if hasattr(x, "detach") else "jax"
    return np.stack([to_numpy(ad.jvp(f, (x,), (array(like, e),))[1]) for e in basis], axis=-1)


def test_rosenbrocks_valley(name):
    """Rosenbrock (1960): the start (-1.2, 1) and the minimum (1, 1).

    Gradient and Hessian as in More, Garbow and Hillstrom (1981), problem 1.
    """
    start, minimum = array(name, [-1.2, 1.0]), array(name, [1.0, 1.0])
    assert float(rosenbrock(start)) == pytest.approx(24.2)
    np.testing.assert_allclose(to_numpy(ad.grad(rosenbrock)(start)), [-215.6, -88.0])
    np.testing.assert_allclose(to_numpy(ad.grad(rosenbrock)(minimum)), [0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(
        columns(ad.grad(rosenbrock), minimum), [[802.0, -400.0], [-400.0, 200.0]]
    )


def test_spherical_coordinates(name):
    """The Jacobian determinant of (r, theta, phi) -> (x, y, z) is r^2 sin(theta)."""
    verbs = xp.verbs(name)

    def position(q):
        r, theta, phi = q[0], q[1], q[2]
        ring = r * verbs.sin(theta)
        return verbs.stack([ring * verbs.cos(phi), ring * verbs.sin(phi), r * verbs.cos(theta)])

    q = array(name, [2.0, 0.7, -1.1])
    assert np.linalg.det(columns(position, q)) == pytest.approx(4.0 * math.sin(0.7))


def test_gradient_of_the_log_partition_function_is_the_softmax(name):
    """And its Hessian is diag(p) - p p^T (Wainwright and Jordan 2008, section 3)."""
    verbs = xp.verbs(name)
    log_z = lambda x: verbs.log(verbs.exp(x).sum())  # noqa: E731
    x = array(name, [0.3, -1.0, 2.0])
    p = np.exp([0.3, -1.0, 2.0]) / np.exp([0.3, -1.0, 2.0]).sum()
    np.testing.assert_allclose(to_numpy(ad.grad(log_z)(x)), p)
    np.testing.assert_allclose(columns(ad.grad(log_z), x), np.diag(p) - np.outer(p, p), atol=1e-12)


def test_hermite_polynomials_from_repeated_differentiation(name):
    """Rodrigues: H_n(x) = (-1)^n exp(x^2) d^n/dx^n exp(-x^2); H_4(0.5) = 1 by DLMF 18.5."""
    verbs = xp.verbs(name)
    f = lambda x: verbs.exp(-(x * x))  # noqa: E731
    x = array(name, 0.5)
    for n, value in enumerate([1.0, -1.0, -5.0, 1.0], start=1):
        f = ad.grad(f)
        assert (-1) ** n * math.exp(0.25) * float(f(x)) == pytest.approx(value, rel=1e-9)
