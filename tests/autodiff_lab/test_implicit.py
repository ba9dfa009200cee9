"""Solvers: the derivative is that of the equation, whoever solved it and in however many steps."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import trees, xp
from autodiff_lab.tape import Tape
from autodiff_lab.trace import trace
from tests.autodiff_lab.test_errors import refused
from tests.helpers import FRAMEWORKS, allclose, array, native_grad, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)
RNG = np.random.default_rng(0)
W, B, X = RNG.normal(size=(4, 4)) / 5, RNG.normal(size=4), RNG.normal(size=4)


def a(name, value, dtype="float64"):
    return array(name, value, dtype)


def square(x, c):
    return x * x - c


# ----- solvers of one equation, each in a style of its own -----
def by_while(x, c):
    while abs(x * x - c) > 1e-13:
        x = (x + c / x) / 2
    return x


def by_many_steps(x, c):
    for _ in range(30):
        x = x - (x * x - c) / (2 * x)
    return x


def by_bisection(x, c):
    low, high = 0.0, 1.0 + float(c)
    while high - low > 1e-14:
        middle = (low + high) / 2
        low, high = (middle, high) if middle * middle < c else (low, middle)
    return low


def by_scipy(x, c):
    optimize = pytest.importorskip("scipy.optimize")
    return optimize.root(lambda x: x * x - np.asarray(c), np.asarray(x), tol=1e-13).x.reshape(())


def in_place(x, c):
    x = x.clone() if hasattr(x, "clone") else np.array(x)
    for _ in range(9):
        x += np.asarray(c) / x if isinstance(x, np.ndarray) else c / x
        x *= 0.5
    return x


SOLVERS = [by_while, by_many_steps, by_bisection, by_scipy, in_place]


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda f: f.__name__)
def test_the_derivative_is_that_of_the_root(name, solver):
    root = ad.implicit(solver, root=square)
    c = a(name, 2.0)
    f = lambda c: root(a(name, 1.0), c)  # noqa: E731
    allclose(f(c), c**0.5, "float64")
    allclose(ad.grad(f)(c), 0.5 * c**-0.5, "float64")
    allclose(ad.jvp(f, (c,), (3 * c,))[1], 1.5 * c**0.5, "float64")
    allclose(ad.hvp(f, (c,), (c,)), -0.25 * c**-0.5, "float64")
    allclose(ad.grad(ad.grad(ad.grad(f)))(c), 0.375 * c**-2.5, "float64")
    allclose(native_grad(f, (0,))(c)[0], 0.5 * c**-0.5, "float64")


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda f: f.__name__)
def test_under_jit_and_vmap_even_a_solver_that_only_python_can_run(name, solver):
    if name == "torch":
        pytest.skip("on torch every solver is run by Python")
    import jax

    root = ad.implicit(solver, root=square)
    f = lambda c: root(a(name, 1.0), c)  # noqa: E731
    cs = a(name, [0.5, 2.0, 9.0])
    allclose(jax.jit(jax.vmap(ad.grad(f)))(cs), 0.5 * cs**-0.5, "float64")
    total = lambda cs: (jax.vmap(f)(cs) ** 3).sum()  # noqa: E731
    allclose(ad.grad(total)(cs), 1.5 * cs**0.5, "float64")
    if solver is by_while:
        allclose(ad.hvp(total, (cs,), (cs,)), 0.75 * cs**0.5, "float64")


# ----- containers, several params -----
def layer(z, p, x):
    """Two unknowns that need each other; half of z["s"] is kept, so that there are many steps."""
    verbs = xp.of(x)
    return {"h": verbs.tanh(p["w"] @ z["h"] + p["b"][0] + x), "s": z["s"] / 2 + z["h"].sum()}


def iterate(z, p, x, *, steps=80):
    for _ in range(steps):
        z = layer(z, p, x)
    return z


def equilibrium(name):
    p = {"w": a(name, W), "b": (a(name, B), 5)}
    z0 = {"h": a(name, np.zeros(4)), "s": a(name, 0.0)}
    return z0, p, a(name, X)


def loss_of(solve, z0, **static):
    def loss(p, x):
        z = solve(z0, p, x, **static)
        return (z["h"] ** 2).sum() + xp.of(x).sin(z["s"])

    return loss


@pytest.mark.parametrize("linear_solver", ["dense", "cg"])
def test_a_deep_equilibrium_has_the_gradient_of_the_unrolled_loop(name, linear_solver):
    z0, p, x = equilibrium(name)
    solve = ad.implicit(iterate, fixed_point=layer, linear_solver=linear_solver)
    y, pull = ad.vjp(loss_of(solve, z0), p, x)
    _, unrolled = ad.vjp(loss_of(iterate, z0), p, x)
    found, wanted = trees.leaves(pull(1.0)), trees.leaves(unrolled(1.0))
    assert len(found) == len(wanted) == 3
    for one, other in zip(found, wanted, strict=True):
        allclose(one, other, "float64")
    dp = {"w": a(name, W.T), "b": (a(name, X), None)}
    pushed = [ad.jvp(loss_of(f, z0), (p, x), (dp, x))[1] for f in (solve, iterate)]
    allclose(*pushed, "float64")


def test_ten_times_the_steps_keep_the_gradient_and_the_memory(name):
    z0, p, x = equilibrium(name)
    solve = ad.implicit(iterate, fixed_point=layer)
    grads = [ad.grad(loss_of(solve, z0, steps=n), 1)(p, x) for n in (80, 800)]
    allclose(*grads, "float64")

    def kept(f, steps):
        tape = trace(Tape, loss_of(f, z0, steps=steps), (p, x))
        return sum(v.nbytes for node in tape.nodes for v in node.xs or [] if hasattr(v, "nbytes"))

    assert kept(solve, 800) == kept(solve, 80) < kept(iterate, 80) / 5


def test_a_large_system_is_solved_without_its_matrix(name):
    """u'' = sinh(u) c on 600 points, by Newton; against the dense solution of a coarser call."""
    n = 600

    def heat(u, c):
        verbs = xp.of(u)
        pad = verbs.concat([0 * u[:1], u, 0 * u[:1]], 0)
        return 2 * u - pad[:-2] - pad[2:] + 0.1 * (u**3 + u) - c * 0.1

    def newton(u, c):
        u, c = to_numpy(u), float(c)
        for _ in range(20):
            jac = np.diag(2 + 0.1 * (3 * u**2 + 1)) - np.eye(n, k=1) - np.eye(n, k=-1)
            u = u - np.linalg.solve(jac, to_numpy(heat(array(name, u), c)))
        return u

    start, c, grads = a(name, np.zeros(n)), a(name, 1.5), {}
    for linear_solver in (None, "dense"):
        solve = ad.implicit(newton, root=heat, linear_solver=linear_solver)
        f = lambda c, solve=solve: (solve(start, c) ** 2).mean()  # noqa: E731
        grads[linear_solver] = ad.grad(f)(c)
    allclose(grads[None], grads["dense"], "float64")


# ----- argmin -----
def ridge(w, x, y, lam):
    return ((x @ w - y) ** 2).sum() + lam * (w * w).sum()


def ridge_closed(w0, x, y, lam):
    verbs = xp.of(x)
    eye = a(verbs.name, np.eye(len(w0)))
    return verbs.lib.linalg.solve(x.T @ x + lam * eye, x.T @ y)


def test_ridge_regression_and_its_hyperparameter(name):
    x, y, lam = a(name, RNG.normal(size=(9, 3))), a(name, RNG.normal(size=9)), a(name, 0.7)
    w0 = a(name, np.zeros(3))
    solve = ad.implicit(lambda *args: to_numpy(ridge_closed(*args)), argmin=ridge)
    if name == "jax":
        solve = ad.implicit(ridge_closed, argmin=ridge)
    loss = lambda solve: lambda x, y, lam: (solve(w0, x, y, lam) ** 3).sum()  # noqa: E731
    for one, other in zip(
        ad.grad(loss(solve), (0, 1, 2))(x, y, lam),
        ad.grad(loss(ridge_closed), (0, 1, 2))(x, y, lam),
        strict=True,
    ):
        allclose(one, other, "float64")
    by_lam = lambda f: lambda lam: loss(f)(x, y, lam)  # noqa: E731
    second = [ad.hvp(by_lam(f), (lam,), (lam,)) for f in (solve, ridge_closed)]
    allclose(*second, "float64")


def test_a_solver_may_use_the_frameworks_own_optimiser(name):
    if name == "jax":
        pytest.skip("torch.optim is torch's")
    import torch

    def fit(w0, x, y, lam):
        w = w0.clone().requires_grad_()
        optimiser = torch.optim.LBFGS([w], max_iter=50, tolerance_grad=1e-12)

        def closure():
            optimiser.zero_grad()
            loss = ridge(w, x, y, lam)
            loss.backward()
            return loss

        optimiser.step(closure)
        return w

    x, y, lam = a(name, RNG.normal(size=(9, 3))), a(name, RNG.normal(size=9)), a(name, 0.7)
    w0, solve = a(name, np.zeros(3)), ad.implicit(fit, argmin=ridge)
    grads = [ad.grad(lambda y, f=f: f(w0, x, y, lam).sum())(y) for f in (solve, ridge_closed)]
    np.testing.assert_allclose(*map(to_numpy, grads), rtol=1e-6)


# ----- nesting -----
def test_one_implicit_function_inside_another(name):
    """x = sqrt(c + x): its equation holds a square root that is implicit too."""
    inner = ad.implicit(by_many_steps, root=square)

    def step(x, c):
        return inner(xp.of(c).ones_like(c), c + x)

    def outer(x, c):
        for _ in range(60):
            x = (c + x) ** 0.5
        return x

    f = ad.implicit(outer, fixed_point=step)
    c = a(name, 2.0)
    closed = lambda c: (1 + (1 + 4 * c) ** 0.5) / 2  # noqa: E731
    g = lambda c: f(a(name, 1.0), c)  # noqa: E731
    allclose(g(c), closed(c), "float64")
    allclose(ad.grad(g)(c), ad.grad(closed)(c), "float64")
    allclose(ad.jvp(ad.grad(g), (c,), (c,))[1], ad.jvp(ad.grad(closed), (c,), (c,))[1], "float64")


def test_start_and_dtype(name):
    root = ad.implicit(by_many_steps, root=square)
    c = a(name, 2.0)
    assert float(ad.grad(lambda x0: root(x0, c))(a(name, 1.0))) == 0.0  # a warm start is forgotten
    assert root(1, c).dtype == c.dtype and root(a(name, 1.0, "float32"), c).dtype == c.dtype
    half = root(1.0, a(name, 2.0, "float32"))
    assert str(half.dtype).endswith("float32")
    assert by_many_steps(1.0, 2.0) == root(1.0, 2.0)  # no array at all
    assert root.__name__ == "by_many_steps"


def test_it_is_one_node_and_its_derivative_is_checked_like_any(name):
    root = ad.implicit(by_many_steps, root=square)
    tape = ad.record(lambda c: 2 * root(1.0, c), a(name, 4.0))
    assert [n.op for n in tape.nodes if n.op == "by_many_steps"] == ["by_many_steps"]
    assert ad.check(lambda c: root(1.0, c), a(name, 4.0), order=2)


# ----- what is refused -----
def test_a_false_solution_is_refused(name):
    c = a(name, 2.0)
    lazy = ad.implicit(lambda x, c: (x + c / x) / 2, root=square)
    f, words = lambda c: lazy(1.0, c), ("does not solve its equation: the residual is 0.25", "tol=")
    refused(lambda: ad.grad(f)(c), *words)
    refused(lambda: ad.grad(ad.grad(f))(c), *words)
    refused(lambda: ad.jvp(f, (c,), (c,)), *words)
    loose = ad.implicit(lambda x, c: (x + c / x) / 2, root=square, tol=0.5)
    assert float(ad.grad(lambda c: loose(1.0, c))(c)) == pytest.approx(1 / 3)
    lost = ad.implicit(lambda x, c: x * float("nan"), root=square)
    refused(lambda: ad.grad(lambda c: lost(1.0, c))(c), "residual is nan")
    if name == "jax":
        import jax

        assert np.isnan(jax.jit(ad.grad(lambda c: lazy(1.0, c)))(c))


def test_a_singular_system_is_refused(name):
    c = a(name, 1.0)
    double = ad.implicit(lambda x, c: 0 * x, root=lambda x, c: c * x * x)
    refused(lambda: ad.grad(lambda c: double(1.0, c))(c), "singular", "condition number inf")
    flat = ad.implicit(lambda x, c: 0 * x + c / 2, argmin=lambda x, c: (x[0] + x[1] - c) ** 2)
    refused(lambda: ad.grad(lambda c: flat(a(name, [0.0, 0.0]), c)[0])(c), "flat minimum")
    same = lambda x, c: (x.sum() - c) * a(name, [1.0, 2.0])  # noqa: E731
    twice = ad.implicit(lambda x, c: 0 * x + c / 2, root=same, linear_solver="cg")
    f = lambda c: (twice(a(name, [0.0, 0.0]), c) * a(name, [1.0, 3.0])).sum()  # noqa: E731
    refused(lambda: ad.grad(f)(c), "conjugate gradients", "singular or ill conditioned")


def test_a_recorded_value_has_to_be_passed(name):
    c = a(name, 2.0)
    two = lambda x, *_: x * 0 + 2.0**0.5  # noqa: E731
    for f in (
        lambda c: ad.implicit(two, root=lambda x: x * x - c)(1.0 + 0 * a(name, 1.0)),
        lambda c: ad.implicit(two, root=lambda x, b: x * x - b * c)(1.0, a(name, 1.0)),
        lambda c: ad.implicit(lambda x, b: by_while(x, c), root=square)(1.0, a(name, 2.0)),
        lambda c: ad.implicit(two, root=lambda x, b: x * x - b * c / 2)(1.0, c),
    ):
        refused(lambda f=f: ad.grad(f)(c), "recorded value that is not among its", "pass that")


def test_what_else_is_refused(name):
    c = a(name, 2.0)
    same = lambda x, c: x - c  # noqa: E731
    ident = ad.implicit(lambda x, c: c, root=same)
    refused(lambda: ad.implicit(by_while), "given nothing", "root=", "fixed_point=", "argmin=")
    refused(lambda: ad.implicit(by_while, root=same, argmin=same), "given root= and argmin=")
    refused(lambda: ad.implicit(by_while, root=same, linear_solver="lu"), "'lu' of by_while")
    refused(lambda: ident(None, c), "start x0 of <lambda> is None", "looks like")
    refused(lambda: ident(a(name, 1j, "complex128"), c), "complex128", "imaginary part")
    refused(lambda: ident(a(name, [1.0, 2.0]), c), r"shape \(\)", r"shape \(2,\) was expected")
    refused(lambda: ident({"x": 1.0}, c), "what <lambda> returned should be a dict")
    wide = ad.implicit(lambda x, c: c, root=lambda x, c: [x - c, x + c])
    refused(lambda: wide(1.0, c), r"2 equation\(s\) for 1 unknown\(s\)")
    vector = ad.implicit(lambda x, c: c, argmin=lambda x, c: [x, c])
    refused(lambda: vector(1.0, c), "grad needs a scalar")
    refused(lambda: ident(1.0, c=c), "keyword argument c", "by position")
    pair = ad.implicit(lambda x, c: c, fixed_point=lambda x, c: (x, c))
    refused(lambda: pair(1.0, c), "fixed_point= returned is a tuple")
    number = ad.implicit(lambda x, c: c, root=lambda x, c: 0.0)
    refused(lambda: number(1.0, c), r"returned \[0.0\], where arrays")
