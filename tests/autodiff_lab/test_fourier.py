"""The Fourier transform on both frameworks, against their own gradients."""

import numpy as np
import pytest

import autodiff_lab as ad
from tests.helpers import FRAMEWORKS, array, native_grad, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def library(name):
    if name == "torch":
        import torch

        return torch
    import jax.numpy as jnp

    return jnp


def number(lib, y):
    """A real number that no entry leaves unchanged."""
    weights = lib.arange(1.0, y.shape[-1] + 1)
    return (lib.sin(lib.real(y)) * weights).sum() + (lib.imag(y) ** 2 * weights).sum()


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("transform", ["fft", "ifft", "rfft", "ihfft", "fft2", "rfft2", "ifft2"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 5)])
def test_of_a_real_input(name, transform, norm, shape):
    lib = library(name)
    f = lambda x: number(lib, getattr(lib.fft, transform)(x, norm=norm))  # noqa: E731
    x = array(name, np.random.default_rng(0).normal(size=shape))
    ours, (theirs,) = ad.grad(f)(x), native_grad(f, (0,))(x)
    np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), atol=1e-9)


@pytest.mark.parametrize("n", [5, 6])
def test_back_to_the_real_side_at_second_order(name, n):
    """irfft of a spectrum: an even and an odd size; the middle frequency counts once."""
    lib = library(name)

    def f(x):
        y = lib.fft.irfft(lib.fft.rfft(x) ** 2, n)
        return (y**3).sum()

    x = array(name, np.random.default_rng(1).normal(size=6))
    slope = lambda g: lambda x: (g(x) ** 2).sum()  # noqa: E731
    ours = ad.grad(slope(ad.grad(f)))(x)
    theirs = native_grad(slope(lambda x: native_grad(f, (0,), True)(x)[0]), (0,))(x)[0]
    np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-8, atol=1e-8)
