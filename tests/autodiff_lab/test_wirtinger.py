"""Complex functions: both derivatives, holomorphy, and what each framework calls a gradient."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.autodiff_lab.test_errors import refused
from tests.helpers import FRAMEWORKS, allclose, array, native_grad

both = pytest.mark.parametrize("name", FRAMEWORKS)
Z = np.array([1.0 + 2.0j, -0.5 + 0.3j, 0.7 - 1.1j])
HOLOMORPHIC = {
    "square": (lambda v, z: z * z, lambda z: 2 * z),
    "exp": (lambda v, z: v.exp(1j * z), lambda z: 1j * np.exp(1j * z)),
    "mobius": (lambda v, z: (2 * z + 1) / (z - 3j), lambda z: (-1 - 6j) / (z - 3j) ** 2),
    "log": (lambda v, z: v.log(z), lambda z: 1 / z),
    "sqrt": (lambda v, z: v.sqrt(z), lambda z: 0.5 / np.sqrt(z)),
    "power": (lambda v, z: z**1.5, lambda z: 1.5 * z**0.5),
}
OTHERS = {  # f, df/dz, df/dconj
    "conj": (lambda v, z: v.conj(z), lambda z: 0 * z, lambda z: 1 + 0 * z),
    "squared modulus": (lambda v, z: v.real(z * v.conj(z)), np.conj, lambda z: z),
    "modulus": (lambda v, z: v.abs(z), lambda z: z.conj() / abs(z) / 2, lambda z: z / abs(z) / 2),
    "real part": (lambda v, z: v.real(z), lambda z: 0.5 + 0 * z, lambda z: 0.5 + 0 * z),
    "angle": (lambda v, z: v.angle(z), lambda z: -0.5j / z, lambda z: 0.5j / z.conj()),
    "mixed": (lambda v, z: z * z * v.conj(z), lambda z: 2 * abs(z) ** 2, lambda z: z * z),
}


@both
@pytest.mark.parametrize("case", HOLOMORPHIC)
def test_a_holomorphic_function_has_one_derivative(case, name):
    (f, derivative), verbs = HOLOMORPHIC[case], xp.verbs(name)
    for z in (Z, Z[0]):
        found = ad.wirtinger(lambda z: f(verbs, z), array(name, z))
        allclose(found.dz, derivative(z), "float64")
        allclose(found.dconj, 0 * z, "float64")
        assert found.holomorphic.all() and "holomorphic" in str(found)


@both
@pytest.mark.parametrize("case", OTHERS)
def test_any_other_has_two(case, name):
    (f, dz, dconj), verbs = OTHERS[case], xp.verbs(name)
    found = ad.wirtinger(lambda z: f(verbs, z), array(name, Z))
    allclose(found.dz, dz(Z), "float64")
    allclose(found.dconj, dconj(Z), "float64")
    assert not found.holomorphic.any() and (found.residual > 0.3).all()


@both
@pytest.mark.parametrize("case", ["squared modulus", "modulus", "real part", "angle"])
def test_the_gradients_it_names_are_the_frameworks_own(case, name):
    f, verbs = OTHERS[case][0], xp.verbs(name)
    for z in (Z[1], Z):
        loss = lambda z: f(verbs, z).sum()  # noqa: E731
        found, (own,) = ad.wirtinger(loss, array(name, z)), native_grad(loss, (0,))(array(name, z))
        allclose(found.gradients[name], own, "float64")
        allclose(verbs.conj(found.gradients["torch"]), found.gradients["jax"], "float64")
        allclose(ad.grad(loss)(array(name, z)), own, "float64")
        assert "torch's gradient" in str(found) and "jax's gradient" in str(found)


@both
def test_one_number_of_many_entries(name):
    verbs = xp.verbs(name)
    found = ad.wirtinger(lambda z: (z * z).sum() + verbs.conj(z[0]), array(name, Z))
    allclose(found.dz, 2 * Z, "float64")
    allclose(found.dconj, np.array([1.0 + 0j, 0.0, 0.0]), "float64")
    assert found.holomorphic.tolist() == [False, True, True]


def test_under_jit():
    jax = pytest.importorskip("jax")
    dz = jax.jit(lambda z: ad.wirtinger(jax.numpy.sin, z).dz)(array("jax", Z))
    allclose(dz, np.cos(Z), "float64")


@both
@pytest.mark.parametrize(
    "asked, words",
    [
        (lambda v, z: ad.wirtinger(v.sin, v.real(z)), "one complex array, not dtype"),
        (lambda v, z: ad.wirtinger(v.sin, 1j), "not a complex"),
        (lambda v, z: ad.wirtinger(lambda z: z[:2], z), r"shape \(3,\) into \(2,\)"),
        (lambda v, z: ad.wirtinger(lambda z: v.fft(z, (0,), False, 1.0), z), "mixes the entries"),
        (lambda v, z: ad.wirtinger(lambda z: z[::-1] if v.name == "jax" else z.flip(0), z), "mix"),
        (lambda v, z: ad.wirtinger(lambda z: 3.0, z), "returns an array, not a float"),
        (lambda v, z: ad.wirtinger(v.sin, z).gradients, "only a real loss has a gradient"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(asked, words, name):
    refused(lambda: asked(xp.verbs(name), array(name, Z)), words)
