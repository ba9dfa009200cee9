"""The tapes that the tests of the picture look at: the same programs on either framework."""

import numpy as np

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import array


def lib(framework):
    return __import__("torch") if framework == "torch" else __import__("jax").numpy


def random(framework, *shape, seed=0):
    return array(framework, np.random.RandomState(seed).randn(*shape), "float32")


def recorded(f, *args):
    tape = ad.record(f, *args)
    tape.backward()
    return tape


def small(framework, backward=True):
    """Eight nodes: a fan-out, a scalar constant, a flat operation, a reduction."""
    xp, xs = lib(framework), [array(framework, v, "float32") for v in ([0.5, 1.0, 2.0], 0.25)]

    def program(x, w):
        h = xp.tanh(x * w)
        return xp.sum(2 * h + xp.floor(x))

    tape = ad.record(program, *xs)
    if backward:
        tape.backward()
    return tape


def chain(framework, length):
    """A tape of about `length` operations, on which one input is read again and again."""

    def program(x, w):
        for _ in range(length // 2):
            x = -(x * w)
        return x.sum()

    return recorded(program, array(framework, [0.5, 1.0, 2.0]), array(framework, [0.9] * 3))


def layers(framework, turns=4):
    """Calls in a loop, and a call by itself."""
    xp = lib(framework)

    def layer(h, w):
        z = h @ w
        return xp.tanh(z)

    def program(x, w):
        h = x
        for _ in range(turns):
            h = layer(h, w)
        y = layer(h, w)
        return y.sum()

    return recorded(program, random(framework, 2, 3), random(framework, 3, 3, seed=1))


def lstm(framework, steps):
    """19 operations a step, as a person would write it."""
    xp = lib(framework)
    parts = xp.chunk if framework == "torch" else xp.split
    sigmoid = xp.sigmoid if framework == "torch" else lambda x: 1 / (1 + xp.exp(-x))

    def cell(h, c, x, w, u):
        z = x @ w + h @ u
        i, f, o, g = parts(z, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * xp.tanh(g)
        h = sigmoid(o) * xp.tanh(c)
        return h, c

    def program(xs, w, u):
        h, c = xs[0, :4] * 0, xs[0, :4] * 0
        for x in xs:
            h, c = cell(h, c, x, w, u)
        return (h**2).sum()

    args = [random(framework, steps, 5), 0.5 * random(framework, 5, 16, seed=1)]
    return recorded(program, *args, 0.3 * random(framework, 4, 16, seed=2))


# ----- four things that a reader should find with the picture alone -----
def planted_nan(framework):
    xp = lib(framework)

    def program(x, w):
        h = xp.tanh(x @ w)
        p = h * h
        bad = xp.log(p - 2)
        return (bad * p).sum()

    return recorded(program, random(framework, 3, 4), random(framework, 4, 4, seed=1))


def vanishing(framework, factor=0.5):
    xp = lib(framework)

    def program(x, w):
        h = x
        for _ in range(20):
            h = xp.tanh(h @ w) * factor
        return (h**2).sum()

    return recorded(program, random(framework, 2, 4), 0.3 * random(framework, 4, 4, seed=1))


def mask():
    return np.array([[1, 1, 1, 0], [1, 0, 0, 0]], bool)


def attention(framework, masked):
    """Attention pooling by hand, with or without the mask under the softmax."""
    xp = lib(framework)
    valid = array(framework, mask().tolist())
    below = array(framework, [-1e9], "float32")

    def program(x, w):
        h = xp.tanh(x)
        scores = h @ w
        if masked:
            scores = xp.where(valid, scores, below)
        e = xp.exp(scores)
        share = e / e.sum(1)[:, None]
        return xp.where(valid, share * scores, below * 0).sum(1)

    return ad.record(program, random(framework, 2, 4, 3), random(framework, 3, seed=1))


def checkpoints(framework):
    """The first checkpoint lowers the peak; the second is recomputed at once, and gains nothing."""
    xp = lib(framework)
    block = ad.checkpoint(lambda h: xp.exp(xp.sin(xp.exp(xp.sin(h)))))

    def program(x):
        h = xp.exp(xp.sin(x))
        h = block(h)
        h = xp.exp(xp.sin(h))
        h = block(h)
        return h.sum()

    return recorded(program, random(framework, 100))


def batch(framework):
    """A mean over valid entries, batched."""
    xp = lib(framework)

    def program(x):
        s = xp.tanh(x)
        return s.sum() / len(x)

    return ad.record(ml.autobatch(program), ml.batch([random(framework, 3), random(framework, 5)]))
