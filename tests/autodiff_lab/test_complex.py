"""Complex values, holomorphic and not, against each framework's own gradient and convention."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, allclose, array, native_grad

Z = [[1.0 + 2.0j, -0.5 + 0.3j], [0.7 - 1.1j, -2.0 - 0.4j]]


def programs(x):
    """Real losses that pass through complex values: x is real, and becomes complex inside."""
    return {
        "abs": lambda v, z: v.abs(z),
        "angle": lambda v, z: v.angle(z),
        "real of exp": lambda v, z: v.real(v.exp(z)),
        "imaginary of a product": lambda v, z: v.imaginary(z * z * (1.0 + 2.0j)),
        "conj": lambda v, z: v.real(v.conj(z) * z * z),
        "sin and log": lambda v, z: v.real(v.sin(z) * v.log(z)),
        "quotient": lambda v, z: v.imaginary(z / (z * z + 1.0)),
        "power": lambda v, z: v.real(z**3),
        "sqrt and tanh": lambda v, z: v.abs(v.sqrt(z) + v.tanh(z)),
    }[x]


NAMES = ["abs", "angle", "real of exp", "imaginary of a product", "conj", "sin and log",
         "quotient", "power", "sqrt and tanh"]  # fmt: skip


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("program", NAMES)
def test_through_complex_values(program, name):
    verbs, f = xp.verbs(name), programs(program)
    make = verbs.lib.complex if name == "torch" else verbs.lax.complex
    x, y = array(name, np.real(Z)), array(name, np.imag(Z))

    def loss(x, y):
        return (f(verbs, make(x, y)) * x).sum()

    for ours, theirs in zip(
        ad.grad(loss, (0, 1))(x, y), native_grad(loss, (0, 1))(x, y), strict=True
    ):
        allclose(ours, theirs, "float64")
    direction = (array(name, np.cos(np.real(Z))), array(name, np.sin(np.imag(Z))))
    slope = ad.jvp(loss, (x, y), direction)[1]
    expected = sum(
        (g * d).sum() for g, d in zip(ad.grad(loss, (0, 1))(x, y), direction, strict=True)
    )
    assert float(slope) == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("program", NAMES)
def test_complex_arguments_in_the_frameworks_convention(program, name):
    verbs, f = xp.verbs(name), programs(program)
    z = array(name, np.array(Z))
    weights = array(name, np.array([[1.0, 2.0], [3.0, 4.0]]))
    loss = lambda z: (f(verbs, z) * weights).sum()  # noqa: E731
    (theirs,) = native_grad(loss, (0,))(z)
    allclose(ad.grad(loss)(z), theirs, "float64")


def test_torchs_own_spellings():
    torch = pytest.importorskip("torch")
    z = torch.tensor(Z, dtype=torch.complex128)
    for f in (
        lambda z: torch.view_as_real(z).pow(2).sum(),
        lambda z: torch.view_as_complex(torch.view_as_real(z)).abs().sum(),
        lambda z: torch.polar(z.abs(), z.angle()).real.sum(),
        lambda z: (z.mH @ z).imag.sum() + z.adjoint().imag.sum(),
        lambda z: torch.sgn(z).real.sum(),
    ):
        allclose(ad.grad(f)(z), native_grad(f, (0,))(z)[0], "float64")
