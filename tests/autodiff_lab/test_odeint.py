"""End points of differential equations, against closed forms, SciPy, and the loop itself."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import trees, xp
from autodiff_lab.implicit.integrate import rk4
from autodiff_lab.tape import Tape
from autodiff_lab.trace import trace
from tests.autodiff_lab.test_errors import refused
from tests.helpers import FRAMEWORKS, array, native_grad, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def a(name, value, dtype="float64"):
    return array(name, value, dtype)


def near(ours, theirs, tolerance=1e-6):
    np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=tolerance, atol=tolerance)


def compiled(name, f):
    """On JAX every eager call compiles its loops anew."""
    if name == "torch":
        return f
    import jax

    return jax.jit(f)


def growth(t, y, k):
    return k * y


def grown(y0, t0, t1, k):
    return y0 * xp.of(k).exp(k * (t1 - t0))


def end(y0, t0, t1, k):
    return ad.odeint(growth, y0, t0, t1, k)


ALL = (0, 1, 2, 3)


@pytest.mark.parametrize("times", [(0.3, 1.5), (1.5, 0.3)], ids=["ahead", "back in time"])
def test_the_exponential_by_start_ends_and_rate(name, times):
    args = tuple(a(name, v) for v in (2.0, *times, -0.7))
    near(end(*args), grown(*args))
    found, wanted = compiled(name, ad.grad(end, ALL))(*args), ad.grad(grown, ALL)(*args)
    for one, other in zip(found, wanted, strict=True):
        near(one, other)
    push = lambda f: lambda *args: ad.jvp(f, args, args)[1]  # noqa: E731
    near(compiled(name, push(end))(*args), push(grown)(*args))


def test_second_derivatives(name):
    args = tuple(a(name, v) for v in (2.0, 0.3, 1.5, -0.7))
    for walk in (
        lambda f: lambda *args: ad.hvp(f, args, args),
        lambda f: ad.grad(lambda *args: ad.grad(f, 3)(*args), ALL),
    ):
        found, wanted = compiled(name, walk(end))(*args), walk(grown)(*args)
        for one, other in zip(found, wanted, strict=True):
            near(one, other)


def oscillator(t, y, p):
    return {"x": y["v"], "v": -(p["w"] ** 2) * y["x"]}


def test_the_oscillator_in_containers_and_time(name):
    verbs, w = xp.verbs(name), a(name, 1.3)
    start = {"x": a(name, 1.0), "v": a(name, 0.0)}
    f = lambda w, t, **how: ad.odeint(oscillator, start, 0.0, t, {"w": w, "n": 3}, **how)  # noqa: E731
    t = a(name, 3.0)
    near(f(w, t)["x"], verbs.cos(w * t))
    gw, gt = compiled(name, ad.grad(lambda w, t: f(w, t)["x"], (0, 1)))(w, t)
    near(gw, -t * verbs.sin(w * t))
    near(gt, -w * verbs.sin(w * t))
    by_steps = compiled(name, ad.grad(lambda w: f(w, t, steps=300)["x"]))(w)
    near(by_steps, gw)
    single = f(a(name, 1.3, "float32"), a(name, 3.0, "float32"))["x"]
    near(single, verbs.cos(w * t))  # the start is in double precision, and so all is


def kepler(t, y):
    """Two bodies: y is the place and the speed in the plane, the force 1 / r^2."""
    r3 = (y[0] ** 2 + y[1] ** 2) ** 1.5
    return xp.of(y).stack([y[2], y[3], -y[0] / r3, -y[1] / r3], 0)


def test_keplers_orbit(name):
    """An orbit of eccentricity 0.5 (problem D3 of Hull et al. 1972): Kepler knew where it is."""
    e = 0.5
    y0 = a(name, [1 - e, 0.0, 0.0, ((1 + e) / (1 - e)) ** 0.5])
    y = compiled(name, lambda y0: ad.odeint(kepler, y0, 0.0, 20.0, rtol=1e-10, atol=1e-10))(y0)
    by_anomaly = position(20.0, e)
    near(y[:2], np.array(by_anomaly))
    energy = lambda y: (y[2] ** 2 + y[3] ** 2) / 2 - 1 / (y[0] ** 2 + y[1] ** 2) ** 0.5  # noqa: E731
    # it is kept, and so its slope is that at the start
    kept = lambda y0: energy(ad.odeint(kepler, y0, 0.0, 3.0))  # noqa: E731
    near(compiled(name, ad.grad(kept))(y0), ad.grad(energy)(y0), 1e-5)


def position(m, e):
    """By Kepler's equation E - e sin E = M."""
    anomaly = m
    for _ in range(50):
        anomaly -= (anomaly - e * np.sin(anomaly) - m) / (1 - e * np.cos(anomaly))
    return np.cos(anomaly) - e, (1 - e * e) ** 0.5 * np.sin(anomaly)


def test_against_differentiating_through_the_steps(name):
    rng = np.random.default_rng(0)
    w, y0 = a(name, rng.normal(size=(3, 3)) / 2), a(name, rng.normal(size=3))
    field = lambda t, y, w: xp.of(y).tanh(w @ y) * xp.of(y).cos(t) - y / 5  # noqa: E731
    through = lambda w, y0: (rk4(lambda t, y: field(t, y, w), y0, 0 * w[0, 0], 2.0, 60) ** 2).sum()  # noqa: E731
    adjoint = lambda w, y0: (ad.odeint(field, y0, 0.0, 2.0, w) ** 2).sum()  # noqa: E731
    found, wanted = (compiled(name, ad.grad(f, (0, 1)))(w, y0) for f in (adjoint, through))
    for one, other in zip(found, wanted, strict=True):
        near(one, other)
    tiny = compiled(name, ad.grad(lambda w, y0: 1e-9 * adjoint(w, y0)))(w, y0)
    near(1e9 * tiny, wanted[0])  # small cotangents are not lost below atol
    near(compiled(name, native(adjoint))(w, y0), wanted[0])


def native(f):
    return lambda *args: native_grad(f, (0,))(*args)[0]


def test_memory_does_not_depend_on_the_steps(name):
    y0, k = a(name, [1.0, 2.0]), a(name, 0.5)

    def kept(steps):
        f = lambda y0, k: ad.odeint(growth, y0, 0.0, 1.0, k, steps=steps).sum()  # noqa: E731
        tape = trace(Tape, f, (y0, k))
        return sum(v.nbytes for node in tape.nodes for v in node.xs or [] if hasattr(v, "nbytes"))

    assert kept(10) == kept(1000) > 0


def test_somebody_elses_integrator(name):
    integrate = pytest.importorskip("scipy.integrate")

    def stiff(y0, t0, t1, k):
        f = lambda t, y: np.asarray(k) * y  # noqa: E731
        times = (float(t0), float(t1))
        return integrate.solve_ivp(f, times, np.asarray(y0), "LSODA", rtol=1e-9, atol=1e-11).y[
            :, -1
        ]

    solve = ad.implicit(stiff, ode=growth)
    args = (a(name, [2.0, 1.0]), *(a(name, v) for v in (0.3, 1.5, -0.7)))
    loss = lambda f: lambda *args: (f(*args) ** 2).sum()  # noqa: E731
    found, wanted = ad.grad(loss(solve), ALL)(*args), ad.grad(loss(grown), ALL)(*args)
    for one, other in zip(found, wanted, strict=True):
        near(one, other)
    off = ad.implicit(lambda y0, t0, t1, k: 3 * y0, ode=growth)
    refused(lambda: ad.grad(loss(off))(*args), "followed back from t1 to t0", "away")


def test_under_jit_and_vmap(name):
    if name == "torch":
        pytest.skip("torch has no jit of ours here")
    import jax

    ks = a(name, [-0.7, 0.1, 0.9])
    args = tuple(a(name, v) for v in (2.0, 0.3, 1.5))
    found = jax.jit(jax.vmap(ad.grad(lambda k: end(*args, k))))(ks)
    near(found, jax.vmap(jax.grad(lambda k: grown(*args, k)))(ks))
    wild = jax.jit(lambda y: ad.odeint(lambda t, y: y * y, y, 0.0, 2.0))
    assert np.isnan(wild(a(name, 1.0)))  # where nothing can be raised


def test_what_is_refused(name):
    y, verbs = a(name, 1.0), xp.verbs(name)
    refused(lambda: ad.odeint(lambda t, y: y * y, y, 0.0, 2.0), "came to a halt at t = 1 ", "blows")
    forgets = lambda y: ad.odeint(lambda t, y: -40 * y, y, 0.0, 1.0)  # noqa: E731
    refused(lambda: ad.grad(forgets)(y), "forgets its start too fast", "rk4")
    refused(lambda: ad.odeint(lambda t, y: verbs.stack([y, y], 0), y, 0.0, 1.0), r"shape \(2,\)")
    refused(lambda: ad.odeint(lambda t, y: (y,), y, 0.0, 1.0), "slope of <lambda> is a tuple")
    refused(lambda: ad.odeint(lambda t, y: y, 1.0, 0.0, 1.0), "no array at all")
    refused(lambda: ad.odeint(lambda t, y: y, y, a(name, [0.0, 1.0]), 1.0), r"t0 .*shape \(2,\)")
    refused(lambda: ad.odeint(lambda t, y: y, y, 0.0, 1.0, steps=0), "steps=0")
    refused(lambda: ad.odeint(lambda t, y: y, y, None, 1.0), "t0 of odeint has type NoneType")
    refused(lambda: ad.odeint(lambda t, y: y, y, 0.0, 1.0, rtol=0), "rtol=0")
    refused(lambda: ad.odeint(lambda t, y: y, array(name, 1), 0, 1), "array of dtype .*int64")
    closed = lambda k: ad.odeint(lambda t, y: k * y, y, 0.0, 1.0)  # noqa: E731
    refused(lambda: ad.grad(closed)(y), "not among its", "pass that value in")
    assert trees.leaves(ad.odeint(lambda t, y: y, (y, 2 * y), 1.0, 1.0)) == [1.0, 2.0]
