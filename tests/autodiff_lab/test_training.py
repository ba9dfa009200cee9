"""From end to end: a small network learns to read scikit-learn's 8 x 8 digits, on both frameworks.

Everything random comes from `ad.random`: the split, the first parameters, the order of the examples
and what dropout leaves out. So the two curves are one curve.
"""

import time

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import nn, optim, random
from tests.helpers import FRAMEWORKS, array

BATCH, RATE, DECAY = 64, 3e-3, 0.95
MODEL = nn.cnn((32, 64), classes=10, dropout=0.5)


def digits(name, dtype):
    """Images and labels, four fifths to learn from and one to be asked about."""
    found = pytest.importorskip("sklearn.datasets").load_digits()
    order = random.permutation(random.key(0), len(found.target))
    x, t = found.images[order][:, None] / 16, found.target[order]
    x = x.astype(dtype)
    return [array(name, v) for v in (x[360:], t[360:], x[:360], t[:360])]


def loss(params, x, t, key):
    return nn.cross_entropy(MODEL.apply(params, x, key), t)


def train(name, epochs, dtype="float32"):
    """The mean loss of each epoch, and the share of the test images that are read at the end."""
    x, t, x_test, t_test = digits(name, dtype)
    flat, unflatten = optim.flatten(MODEL.init(random.key(1), x[:1]))
    state = optim.adam().init(flat)

    def step(state, flat, rate, x, t, key):
        value, gradient = ad.value_and_grad(loss)(unflatten(flat), x, t, key)
        flat, state = optim.adam(rate).update(state, flat, optim.flatten(gradient)[0])
        return state, flat, value

    step, curve = jitted(name, step), []
    for epoch in range(epochs):
        key, values = random.fold_in(random.key(2), epoch), []
        order = array(name, random.permutation(key, len(x)))
        for i in range(len(x) // BATCH):
            at = order[i * BATCH : (i + 1) * BATCH]
            state, flat, value = step(
                state, flat, RATE * DECAY**epoch, x[at], t[at], random.fold_in(key, i)
            )
            values.append(float(value))
        curve.append(sum(values) / len(values))
    read = MODEL.apply(unflatten(flat), x_test).argmax(1) == t_test
    return curve, float(read.sum()) / len(t_test)


def jitted(name, f):
    if name == "torch":
        return f
    import jax

    return jax.jit(f)


@pytest.mark.slow  # some ten seconds of learning, and more on a busy machine
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_small_cnn_reads_98_of_100_digits_in_under_a_minute(name):
    digits(name, "float32")  # the imports do not count
    start = time.process_time()
    curve, read = train(name, epochs=20)
    assert read >= 0.98
    assert time.process_time() - start < 60
    assert curve[-1] < curve[0] / 10


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-9), ("float32", 1e-2)])
def test_both_frameworks_learn_along_the_same_curve(dtype, tolerance):
    """In float32 Adam makes steps of what is left of sums that cancel: the curves part in time."""
    pytest.importorskip("torch"), pytest.importorskip("jax")
    (ours, _), (theirs, _) = (train(name, 2, dtype) for name in FRAMEWORKS)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)
    assert ours[1] < ours[0]
