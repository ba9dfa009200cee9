"""The framework's own vmap as a strategy: where it is right it is the loop; else it says why."""

import math

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab.test_autobatch import poisoned

both = pytest.mark.parametrize("name", FRAMEWORKS)
SAME, RAGGED = (3, 3, 3), (3, 1, 5)


def dense(lib, x, w):
    return lib.tanh(x @ w).sum(0)


def a_loop(lib, x, w):
    h = w[0]
    for row in x:
        h = lib.tanh(row @ w + h)
    return h


def a_branch(lib, x, w):
    if x.sum() > 0:
        return x[0] @ w
    return lib.exp(x[-1]) @ w


def a_container(lib, x, w):
    return {"mean": x.mean(0), "rest": [x @ w, 2 * x.shape[0]], "name": "a"}


def weights_only(lib, x, w):
    return w.sum()


PROGRAMS = dense, a_loop, a_branch, a_container, weights_only


def examples(name, lengths):
    random = np.random.default_rng(4)
    return [array(name, random.normal(size=(n, 2))) for n in lengths]


def weights(name):
    return array(name, np.random.default_rng(5).normal(size=(2, 2)))


def leaves(tree):
    return [y for y in ad.trees.leaves(tree) if not isinstance(y, str)]


def parts(found, i):
    is_batch = lambda y: isinstance(y, ml.MaskedBatch)  # noqa: E731
    return [y[i] for y in ad.trees.flatten(found, is_leaf=is_batch)[0] if is_batch(y)]


@both
@pytest.mark.parametrize("lengths", [SAME, RAGGED], ids=["dense", "ragged"])
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_the_loop_is_the_meaning(f, lengths, name):
    lib, xs, w = module(name), examples(name, lengths), weights(name)

    def summed(of_example):
        found = [y for i in range(len(xs)) for y in of_example(i)]
        return sum((1.0 * y).sum() for y in found if hasattr(y, "sum"))

    def batched(w, b):
        found = ml.autobatch(f, "vmap")(lib, b, w)
        return summed(lambda i: parts(found, i))

    want = native_grad(lambda w: summed(lambda i: leaves(f(lib, xs[i], w))), (0,))(w)[0]
    slopes = []
    for fill in (0.0, math.nan) if lengths is RAGGED else (0.0,):
        b = poisoned(ml.batch(xs), fill)
        found = ml.autobatch(f, "vmap")(lib, b, w)
        for i, x in enumerate(xs):
            for ours, theirs in zip(parts(found, i), leaves(f(lib, x, w)), strict=True):
                np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-12)
        slopes.append(to_numpy(native_grad(lambda w, b=b: batched(w, b), (0,))(w)[0]))
    np.testing.assert_allclose(slopes[0], to_numpy(want), rtol=1e-10, atol=1e-12)
    assert all((g == slopes[0]).all() for g in slopes)


@both
def test_what_f_raises_stays(name):
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ml.autobatch(f, "vmap")(ml.batch(examples(name, SAME)))


# ----- what is refused, and why -----
def until_it_is_large(lib, x):
    while x.sum() < 9:
        x = x * 2 + 1
    return x


def recursion(lib, x):
    def go(x):
        return x if x.sum() > 9 else go(x + 1)

    return go(x)


def asserting(lib, x):
    for v in x:
        assert v[0] < 9
    return x


def shared_randomness(lib, x):
    return x + lib.rand(2)


REFUSED = {
    "the loop at line .*`while x.sum.. < 9:` goes on until something": (until_it_is_large, "torch"),
    "f calls itself until a value says so": (recursion, "jax"),
    "the assertion at line .*`assert v.0. < 9` asks for values": (asserting, "jax"),
    "(vmap draws once|generator that all examples share).*": (shared_randomness, "torch"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused(words):
    f, name = REFUSED[words]
    with pytest.raises(ml.MaskError, match=f"strategy='vmap' does not apply: .*{words}"):
        ml.autobatch(f, "vmap")(module(name), ml.batch(examples(name, SAME)))


@both
def test_batches_that_it_does_not_take(name):
    xs = examples(name, RAGGED)
    with pytest.raises(ml.MaskError, match="does not apply: examples are lists of arrays"):
        ml.autobatch(lambda s: s[0], "vmap")(ml.batch([xs[:2], xs[1:]]))
    empty = ml.batch([], like=xs[0])
    with pytest.raises(ml.MaskError, match="does not apply: there is no example"):
        ml.autobatch(lambda x: x, "vmap")(empty)
