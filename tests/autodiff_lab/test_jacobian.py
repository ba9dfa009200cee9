"""Whole Jacobians: the shapes and structures of jax.jacfwd, and the frameworks' own numbers."""

import collections

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.autodiff_lab.test_errors import refused
from tests.helpers import FRAMEWORKS, allclose, array, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)
BOTH_WAYS = pytest.mark.parametrize("jac", [ad.jacfwd, ad.jacrev])
ALL_WAYS = pytest.mark.parametrize("jac", [ad.jacfwd, ad.jacrev, ad.jacobian])
Pair = collections.namedtuple("Pair", "w b")


def theirs(name):
    if name == "torch":
        import torch

        return torch.func
    import jax

    return jax


def their_hessian(name, f, argnums=0):
    jac = theirs(name).jacrev  # torch.func.hessian warns that it uses torch.jit
    return jac(jac(f, argnums), argnums)


def layer(name):
    verbs = xp.verbs(name)

    def f(p, x):
        h = verbs.tanh(p.w @ x + p.b)
        return {"h": h, "parts": [h.sum(), x[1:] * h[0]]}

    return f


def parameters(name):
    rng = np.random.default_rng(1)
    p = Pair(array(name, rng.normal(size=(3, 4))), array(name, rng.normal(size=3)))
    return p, array(name, rng.normal(size=4))


def same_trees(ours, other):
    from autodiff_lab import trees

    mine, paths, _ = trees.flatten(ours)
    expected = trees.flatten_like(ours, other)
    assert len(paths) == len(expected) > 0
    for a, b in zip(mine, expected, strict=True):
        assert a.shape == b.shape
        allclose(a, b, "float64")


@ALL_WAYS
@pytest.mark.parametrize("argnums", [0, 1, (0, 1), -1])
def test_containers_on_both_sides_are_as_the_frameworks_give_them(name, jac, argnums):
    f, args = layer(name), parameters(name)
    argnums_theirs = 1 if argnums == -1 else argnums
    same_trees(jac(f, argnums)(*args), theirs(name).jacrev(f, argnums_theirs)(*args))


@BOTH_WAYS
@pytest.mark.parametrize("chunk_size", [1, 2, 3, 100])
def test_chunks_change_nothing(name, jac, chunk_size):
    f, args = layer(name), parameters(name)
    same_trees(jac(f, (0, 1), chunk_size=chunk_size)(*args), jac(f, (0, 1))(*args))


@ALL_WAYS
def test_aux_goes_along(name, jac):
    x = array(name, [1.0, 2.0])
    found, aux = jac(lambda x: (x * x, {"kept": 7, "x": x}), has_aux=True)(x)
    allclose(found, array(name, np.diag([2.0, 4.0])), "float64")
    assert aux["kept"] == 7
    allclose(aux["x"], x, "float64")
    refused(lambda: jac(lambda x: x, has_aux=True)(x), "did not return a pair")


@ALL_WAYS
def test_scalars_empty_arrays_and_constants(name, jac):
    x, none = array(name, 0.5), array(name, np.zeros((0, 2)))
    assert float(jac(lambda x: x * x)(x)) == 1.0
    assert jac(lambda e: e.sum())(none).shape == (0, 2)
    assert jac(lambda e, x: e * x, argnums=1)(none, x).shape == (0, 2)
    assert jac(lambda x: array(name, [1.0, 2.0]))(x).shape == (2,)
    assert jac(lambda x: (x, x > 0, "word"))(x)[1:] == (None, None)


@ALL_WAYS
def test_an_operation_that_vmap_cannot_reach(name, jac):
    """The transpose of a slice writes into zeros, in place, on torch."""
    x = array(name, [1.0, 2.0, 3.0])
    expected = [[2.0, 0, 0], [0, 4.0, 0]]
    np.testing.assert_allclose(to_numpy(jac(lambda x: (x * x)[:2])(x)), expected)


def test_the_function_runs_once_so_that_chance_strikes_once(name):
    rng, calls = np.random.default_rng(0), []

    def f(x):
        calls.append(1)
        return x * array(name, rng.normal(size=3))

    for jac in (ad.jacfwd, ad.jacrev):
        calls.clear()
        jac(f, chunk_size=1)(array(name, np.ones(3)))
        assert len(calls) == 1 or name == "jax" and jac is ad.jacfwd  # JAX's functions are pure


@ALL_WAYS
def test_loops_and_rules_of_jax(name, jac):
    if name == "torch":
        return
    import jax

    def f(x):
        y, ys = jax.lax.scan(lambda c, v: (c * v + 1, jax.nn.relu(c)), x[0], x)
        return jax.lax.cond(y > 0, lambda: ys * y, lambda: -ys)

    x = array(name, [0.5, 2.0, 3.0])
    allclose(jac(f)(x), jax.jacrev(f)(x), "float64")
    allclose(ad.hessian(lambda x: f(x).sum())(x), jax.hessian(lambda x: f(x).sum())(x), "float64")
    assert ad.check(f, x)


def test_hessians(name):
    verbs = xp.verbs(name)
    f = lambda x, y: verbs.sin(x * y).sum() * (x * x).sum()  # noqa: E731
    x, y = array(name, [0.3, -0.2]), array(name, [1.5, 0.7])
    for argnums in (0, 1, (0, 1)):
        ours, other = ad.hessian(f, argnums)(x, y), their_hessian(name, f, argnums)(x, y)
        same_trees(ours, other)
    for outer in (ad.jacfwd, ad.jacrev):
        for inner in (ad.jacfwd, ad.jacrev):
            allclose(outer(inner(f))(x, y), their_hessian(name, f)(x, y), "float64")


def test_hessian_of_a_vector_function_and_of_a_dict(name):
    f = lambda p: p["a"] ** 3 * p["b"]  # noqa: E731
    p = {"a": array(name, [1.0, 2.0]), "b": array(name, [3.0, 4.0])}
    same_trees(ad.hessian(f)(p), their_hessian(name, f)(p))


def test_hvp_gives_only_the_product(name):
    f = lambda x: (x**3).sum() * x[0]  # noqa: E731
    x, v = array(name, [1.0, 2.0]), array(name, [0.5, -1.0])
    product = ad.hvp(f, (x,), (v,))
    allclose(product, ad.hessian(f)(x) @ v, "float64")
    refused(lambda: ad.hvp(lambda x: x * 2, (x,), (v,)), r"shape \(2,\)", r"\.sum\(\)")


def test_hvp_of_several_primals_is_a_tuple_of_their_structures(name):
    f = lambda p, y, k: (p["w"] ** 2 * y).sum() * k  # noqa: E731
    w, y = array(name, [1.0, 2.0]), array(name, [3.0, 4.0])
    args = ({"w": w}, y, array(name, 2))
    gp, gy, gk = ad.hvp(f, args, ({"w": array(name, [1.0, 0.0])}, None, None))
    allclose(gp["w"], array(name, [12.0, 0.0]), "float64")
    allclose(gy, array(name, [4.0, 0.0]), "float64")
    assert gk is None  # an integer has no derivative


def test_the_matrix_of_a_matrix_product(name):
    """d(AX)/dX = I (x) A: Magnus and Neudecker's vec rule, entry by entry."""
    A = np.arange(6.0).reshape(2, 3)
    found = ad.jacrev(lambda X: array(name, A) @ X)(array(name, np.ones((3, 2))))
    np.testing.assert_allclose(to_numpy(found), np.einsum("ik,jl->ijkl", A, np.eye(2)))


@BOTH_WAYS
def test_what_has_no_jacobian(name, jac):
    refused(lambda: jac(lambda x: x)(array(name, [1, 2])), "argument x has dtype", kind=TypeError)
    refused(lambda: jac(lambda x: x, chunk_size=0)(array(name, [1.0])), "chunk_size=0")


def test_per_example_gradients(name):
    """vmap batches our walks: it differentiates nothing."""
    import importlib

    vmap = importlib.import_module("torch.func" if name == "torch" else "jax").vmap
    verbs = xp.verbs(name)
    loss = lambda w, x: verbs.tanh(w * x).sum() ** 2  # noqa: E731
    w, xs = array(name, [0.3, -0.4]), array(name, np.arange(6.0).reshape(3, 2))
    each = [ad.grad(loss)(w, x) for x in xs]
    allclose(vmap(ad.grad(loss), (None, 0))(w, xs), verbs.stack(each, 0), "float64")
