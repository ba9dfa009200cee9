"""Examples, labels and weights for the tests of training, and the four fillings of padding."""

import math

import numpy as np
import pytest

import masking_lab as ml
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy

POISON = (0.0, math.nan, math.inf, 1e30)
LENGTHS = (3, 1, 5, 2)
both = pytest.mark.parametrize("name", FRAMEWORKS)


def examples(name, lengths=LENGTHS, seed=0):
    rng = np.random.default_rng(seed)
    return [array(name, rng.normal(size=(n, 4))) for n in lengths]


def labels(name, lengths=LENGTHS):
    rng = np.random.default_rng(2)
    return [array(name, rng.integers(0, 4, n)) for n in lengths]


def weights(name):
    return array(name, np.random.default_rng(1).normal(size=(4, 4)))


def poisoned(b, value):
    verbs = xp.of(b.data)
    mask = verbs.broadcast(b.mask, tuple(b.data.shape), tuple(range(b.mask.ndim)))
    if not verbs.is_float(b.data.dtype):
        value = 3 if value else 0
    return ml.MaskedBatch(verbs.where(mask, b.data, value), b.sizes)


def each_fill(loss, batches, *shared):
    """What `loss(*batches, *shared)` and its gradients to what is shared are, and that they are
    the same to the last bit whatever the padding holds. On JAX all fillings are one program."""
    n = len(batches)

    def f(*args):
        pairs = zip(args[:n], batches, strict=True)
        return loss(*[ml.MaskedBatch(data, b.sizes) for data, b in pairs], *args[n:])

    at = tuple(range(n, n + len(shared)))
    both = lambda *args: (f(*args), native_grad(f, at)(*args))  # noqa: E731
    if xp.of(batches[0].data).name == "jax":
        import jax

        both = jax.jit(jax.value_and_grad(f, at))
    seen = []
    for fill in POISON:
        value, slopes = both(*[poisoned(b, fill).data for b in batches], *shared)
        seen.append([to_numpy(value), *map(to_numpy, slopes)])
    for other in seen[1:]:
        for a, b in zip(seen[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    return seen[0]


def close(a, b, tolerance=1e-10):
    np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=tolerance, atol=tolerance)


def joined(name, xs):
    return module(name).concatenate(xs)
