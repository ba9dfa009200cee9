"""No row and no walk calls the frameworks' own differentiation: all works while it is poisoned."""

import importlib.util

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, array, to_numpy

FORBIDDEN = {
    "torch": (
        "torch.autograd.grad", "torch.autograd.backward", "torch.Tensor.backward",
        "torch.func.grad", "torch.func.vjp", "torch.func.jvp", "torch.func.linearize",
        "torch.autograd.functional.vjp", "torch.autograd.functional.jvp",
    "torch.autograd.forward_ad.make_dual", ),
    "jax": ("jax.grad", "jax.value_and_grad", "jax.jvp", "jax.vjp", "jax.linearize",
            "jax.linear_transpose", "jax.jacfwd", "jax.jacrev", "jax.hessian"),
}  # fmt: skip


@pytest.fixture
def poison(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a row or a walk called the framework's own differentiation")

    for framework, names in FORBIDDEN.items():
        for name in names if importlib.util.find_spec(framework) else ():
            monkeypatch.setattr(name, forbidden)


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize(
    "row", [r for r in ad.table.ROWS.values() if r.kind != "constant"], ids=lambda r: r.name
)
def test_every_row_and_walk_works_without_them(row, name, poison):
    shapes, params = (row.cases or [([(2, 3)] * row.arity, {})])[0]
    rng = np.random.default_rng(0)
    xs = [array(name, rng.uniform(0.2, 0.9, shape)) for shape in shapes]
    if row.name == "where":
        xs[0] = xs[0] > 0.5
    f = lambda x: row.fn(xp.verbs(name), *xs[:-1], x, **params).sum()  # noqa: E731
    g = ad.grad(f)(xs[-1])
    _, dy = ad.jvp(f, (xs[-1],), (xs[-1],))
    assert float(dy) == pytest.approx(float((to_numpy(g) * to_numpy(xs[-1])).sum()), rel=1e-6)
    assert ad.jvp(ad.grad(f), (xs[-1],), (xs[-1],))[1].shape == xs[-1].shape
    ad.record(f, xs[-1]).backward()


def test_the_poison_works(poison):
    torch = pytest.importorskip("torch")
    with pytest.raises(AssertionError, match="own differentiation"):
        torch.autograd.grad(torch.ones((), requires_grad=True), [])
