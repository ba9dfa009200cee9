"""No row and no walk calls the frameworks' own differentiation: all works while it is poisoned."""

import functools
import importlib
import importlib.util

import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.autodiff_lab.test_table import apply, differentiable, draw, floats
from tests.helpers import FRAMEWORKS, array, to_numpy

FORBIDDEN = {
    "torch": (
        "torch.autograd.grad", "torch.autograd.backward", "torch.Tensor.backward",
        "torch.func.grad", "torch.func.vjp", "torch.func.jvp", "torch.func.linearize",
        "torch.autograd.functional.vjp", "torch.autograd.functional.jvp",
    "torch.autograd.forward_ad.make_dual", ),
    "jax": ("jax.grad", "jax.value_and_grad", "jax.jvp", "jax.vjp", "jax.linearize",
            "jax.linear_transpose", "jax.jacfwd", "jax.jacrev", "jax.hessian",
            "jax.experimental.jet.jet"),
}  # fmt: skip


@pytest.fixture
def poison(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a row or a walk called the framework's own differentiation")

    if importlib.util.find_spec("torch"):  # its parts look these functions up when first imported
        importlib.import_module("torch._dynamo")
    for framework, names in FORBIDDEN.items():
        for name in names if importlib.util.find_spec(framework) else ():
            monkeypatch.setattr(name, forbidden)


def first_cases():
    """One case of each row that `test_table` draws inputs for."""
    found = {case.values[0].name: case for case in differentiable()}
    return list(found.values())


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row, shapes, params", first_cases())
def test_every_row_and_walk_works_without_them(row, shapes, params, name, poison):
    xs = draw(row, shapes, name, "float64")
    at = floats(xs)[-1]

    def f(x):
        y = apply(row, name, params)(*xs[:at], x, *xs[at + 1 :])
        y = xp.of(y).real(y) if "complex" in str(y.dtype) else y
        return (y * y).sum()

    x = xs[at]
    g = ad.grad(f)(x)
    _, dy = ad.jvp(f, (x,), (x,))
    expected = float((to_numpy(g) * to_numpy(x)).sum())
    assert float(dy) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert ad.jvp(ad.grad(f), (x,), (x,))[1].shape == x.shape
    ad.record(f, x).backward()


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_taylor_mode_and_complex_functions_work_without_them(name, poison):
    verbs, x = xp.verbs(name), array(name, [0.5, 2.0])
    f = lambda x: verbs.max(verbs.tanh(x) * verbs.relu(x), (0,), False)  # noqa: E731
    assert len(ad.taylor(f, x, order=3).derivatives) == 4
    assert ad.wirtinger(verbs.sin, x + 1j).holomorphic.all()


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_solvers_integrators_and_surgery_work_without_them(name, poison):
    c = array(name, 2.0, "float64")
    for linear_solver in ("dense", "cg"):
        root = ad.implicit(
            lambda x, c: c**0.5, root=lambda x, c: x * x - c, linear_solver=linear_solver
        )
        f = functools.partial(root, 1.0)
        assert float(ad.hvp(f, (c,), (c,))) == pytest.approx(-0.25 * 2**-0.5)
    end = lambda k: ad.odeint(lambda t, y, k: k * y, 0 * c + 1, 0.0, 1.0, k)  # noqa: E731
    assert float(ad.grad(end)(c)) == pytest.approx(float(ad.jvp(end, (c,), (c,))[1]) / 2)
    synthetic = lambda c: ad.surgery.synthetic(c, lambda p, x: p * x, c) ** 2  # noqa: E731
    ad.grad(lambda c: synthetic(ad.surgery.clip(ad.surgery.round(c), 1.0)))(c)


def test_the_poison_works(poison):
    torch = pytest.importorskip("torch")
    with pytest.raises(AssertionError, match="own differentiation"):
        torch.autograd.grad(torch.ones((), requires_grad=True), [])


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_jacobians_work_without_them(name, poison):
    a, x = array(name, [[1.0, 2.0], [3.0, 4.0]]), array(name, [0.5, -1.0])
    f = lambda x: a @ xp.of(x).sin(a @ x)  # noqa: E731
    dense = to_numpy(ad.jacrev(f)(x))
    for jac in (ad.jacobian(f, mode="mixed"), ad.jacobian(f)):
        assert to_numpy(jac(x)) == pytest.approx(dense)
    assert to_numpy(ad.jacobian(f, sparse=True)(x).todense()) == pytest.approx(dense)
