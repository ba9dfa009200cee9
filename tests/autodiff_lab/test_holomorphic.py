"""Jacobians of complex functions: dy/dz where there is one, and else a true sentence."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.autodiff_lab.test_wirtinger import HOLOMORPHIC, OTHERS, Z
from tests.helpers import FRAMEWORKS, allclose, array, module

both = pytest.mark.parametrize("name", FRAMEWORKS)
WAYS = pytest.mark.parametrize("way", [ad.jacfwd, ad.jacrev])
M = np.array([[2 + 1j, 1j], [0.5, 1 - 1j]])


def refused(why):
    return pytest.raises(ad.AutodiffError, match=why)


@both
@WAYS
@pytest.mark.parametrize("case", HOLOMORPHIC)
def test_of_each_entry_alone(case, way, name):
    (f, derivative), verbs = HOLOMORPHIC[case], xp.verbs(name)
    for dtype in ("complex128", "complex64"):
        z = array(name, Z, dtype)
        found = way(lambda z: f(verbs, z), holomorphic=True)(z)
        assert found.dtype == z.dtype
        allclose(found, np.diag(derivative(Z)), "float64" if dtype == "complex128" else "float32")


@both
@WAYS
def test_of_matrices_containers_and_higher_order(way, name):
    lib, (z, m) = module(name), (array(name, x) for x in (Z, M))
    inverse = np.linalg.inv(M)  # d(M^-1) = -M^-1 dM M^-1
    wanted = -np.einsum("ij,kl->iljk", inverse, inverse)
    allclose(way(lib.linalg.inv, holomorphic=True)(m), wanted, "float64")
    f = lambda m, z: {"y": m @ z[:2], "n": 3}  # noqa: E731
    of_m, of_z = way(f, (0, 1), holomorphic=True)(m, z)["y"]
    allclose(of_z[:, :2], M, "float64")
    allclose(of_m, np.einsum("ij,k->ijk", np.eye(2), Z[:2]), "float64")
    cubes = lambda z: (z**3).sum()  # noqa: E731
    allclose(ad.hessian(cubes, holomorphic=True)(z), np.diag(6 * Z), "float64")
    twice = way(way(lambda z: z**3, holomorphic=True), holomorphic=True)(z)
    allclose(lib.einsum("iii->i", twice), 6 * Z, "float64")


@WAYS
def test_it_is_jaxs_own_and_pytorchs(way):
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    theirs = {ad.jacfwd: jax.jacfwd, ad.jacrev: jax.jacrev}[way]
    f = lambda z: z[1:] * z[:-1] / (1 + z[0])  # noqa: E731
    z = array("jax", Z)
    found = way(f, holomorphic=True)
    allclose(found(z), theirs(f, holomorphic=True)(z), "float64")
    allclose(jax.jit(found)(z), found(z), "float64")
    z = array("torch", Z)
    y, one = f(z.requires_grad_()), torch.ones((), dtype=z.dtype)
    rows = [torch.autograd.grad(y[i], z, one, retain_graph=True)[0] for i in range(2)]
    own = torch.stack(rows).conj()  # PyTorch pulls back the conjugate
    allclose(found(z), own, "float64")


@both
def test_a_row_is_what_the_framework_pulls_back_or_its_conjugate(name):
    z = array(name, Z[0])
    square = lambda z: z * z  # noqa: E731
    row, (pulled,) = ad.jacrev(square, holomorphic=True)(z), ad.vjp(square, z)[1](1.0)
    allclose(row, xp.of(z).conj(pulled) if name == "torch" else pulled, "float64")


@both
@WAYS
@pytest.mark.parametrize("case", ["conj", "mixed"])
def test_what_is_not_holomorphic_is_refused(case, way, name):
    f, verbs = OTHERS[case][0], xp.verbs(name)
    for z in (Z, Z[0]):
        with refused("not holomorphic at this point.*wirtinger"):
            way(lambda z: f(verbs, z), holomorphic=True)(array(name, z))
    parts = lambda z: verbs.complex(verbs.real(z), 0 * verbs.real(z))  # noqa: E731
    with refused("not holomorphic"):
        way(parts, holomorphic=True)(array(name, Z))


@both
def test_without_the_word_the_sentence_says_what_there_is(name):
    z, x, verbs = array(name, Z), array(name, Z.real), xp.verbs(name)
    for way in (ad.jacfwd, ad.jacrev, ad.jacobian):
        with refused("two derivatives by an argument of dtype .*complex128, dy/dz and dy/dconj"):
            way(lambda z: z * z)(z)
        with refused("is real, so by an argument"):
            way(lambda z: abs(z))(z)
        slopes = Z.real / abs(1 + 1j * Z.real)
        allclose(way(lambda x: abs(1 + 1j * x))(x), np.diag(slopes), "float64")
    for way in (ad.jacfwd, ad.jacobian):
        phases = lambda x: verbs.exp(1j * x)  # noqa: E731
        allclose(way(phases)(x), np.diag(1j * np.exp(1j * Z.real)), "float64")
    with refused("only the real part of its derivative; use jacfwd"):
        ad.jacrev(lambda x: 1j * x)(x)
    with refused("an argument of dtype .*float64"):
        ad.jacfwd(lambda x: 1j * x, holomorphic=True)(x)
    with refused("an output of dtype .*float64"):
        ad.jacrev(lambda z: abs(z), holomorphic=True)(z)
    for walk in (ad.jacobian(lambda z: z * z, sparse=True), lambda z: ad.elimination(abs, z)):
        with refused("multiplies local Jacobians of real numbers"):
            walk(z)
