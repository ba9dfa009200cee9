"""Batched is alone: `autobatch(f)(batch(xs), w)` is `[f(x, w) for x in xs]`, whatever the padding.

The oracle is the plain loop in float64, on the same framework: values, and gradients of the shared
weights by the framework's own gradient and by ours. Padding is filled with 0, NaN, inf and 1e30,
and nothing may change by one bit.
"""

import math

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from autodiff_lab import xp
from masking_lab.batches.masked_batch import is_batch
from masking_lab.strategies import STRATEGIES
from tests.helpers import FRAMEWORKS, allclose, array, native_grad, to_numpy

POISON = (0.0, math.nan, math.inf, 1e30)
LENGTHS = (3, 1, 5, 2)

# One example: x of shape (n, 4), shared weights w of shape (4, 3). `xp` is the framework's verbs.
PROGRAMS = {
    "tanh then mean": lambda xp, x, w: xp.tanh(x @ w).mean(0),
    "a vector per token": lambda xp, x, w: xp.tanh(x @ w),
    "softmax over tokens": lambda xp, x, w: softmax(xp, x @ w, 0),
    "attention": lambda xp, x, w: softmax(xp, (x @ w) @ (x @ w).T, 1) @ x,
    "pooled by attention": lambda xp, x, w: softmax(xp, (x @ w).sum(1), 0) @ x,
    "max over tokens": lambda xp, x, w: xp.max(x @ w, (0,)),
    "min of everything": lambda xp, x, w: xp.min(x @ w, (0, 1)),
    "log, sqrt and division": lambda xp, x, w: xp.sum(xp.log(h(x, w)) / xp.sqrt(h(x, w)), (0,)),
    "one over": lambda xp, x, w: xp.sum(1 / (x @ w), (0, 1)),
    "exp of exp": lambda xp, x, w: xp.sum(xp.exp(xp.exp(x @ w + 1)), (0,)),
    "own length by hand": lambda xp, x, w: xp.sum(x @ w, (0,)) / x.shape[0],
    "all pairs": lambda xp, x, w: xp.sum((x @ w)[:, None, :] * (x @ w)[None], (1,)),
    "reshape beside the ragged dim": lambda xp, x, w: xp.sum(
        (x @ w).reshape(x.shape[0], 3, 1), (1,)
    ),
    "choose": lambda xp, x, w: xp.where(x @ w > 0, x @ w, 0.0).sum(0),
    "relu and sigmoid": lambda xp, x, w: xp.relu(x @ w).sum(0) * xp.sigmoid(x.sum()),
    "kinks": lambda xp, x, w: xp.abs(x @ w).sum() + xp.maximum(x @ w, (x @ w).sum(0)).sum(),
    "nothing ragged is left": lambda xp, x, w: (x @ w).sum(),
    "shared only": lambda xp, x, w: w.sum(0),
    "a container": lambda xp, x, w: {"mean": (x @ w).mean(0), "all": [x @ w, x.sum()]},
}


def h(x, w):
    return (x @ w) ** 2 + 1.0


def softmax(xp, x, axis):
    return xp.softmax(x, axis)


def examples(name, lengths=LENGTHS):
    rng = np.random.default_rng(0)
    return [array(name, rng.normal(size=(n, 4))) for n in lengths]


def weights(name):
    return array(name, np.random.default_rng(1).normal(size=(4, 3)))


def poisoned(b, value):
    """The same batch with something else in its padding."""
    verbs = xp.of(b.data)
    mask = verbs.broadcast(b.mask, tuple(b.data.shape), tuple(range(b.mask.ndim)))
    return ml.MaskedBatch(verbs.where(mask, b.data, value), b.sizes)


def program(name, key):
    return lambda x, w: PROGRAMS[key](xp.verbs(name), x, w)


def total(tree):
    return sum(leaf.sum() for leaf in ad.trees.leaves(tree))


def losses(f, xs, b):
    def batched(w):
        result = ml.autobatch(f)(b, w)
        return sum(y.data.sum() for y in ad.trees.flatten(result, is_leaf=is_batch)[0])

    return batched, lambda w: sum(total(f(x, w)) for x in xs)


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("key", PROGRAMS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_values_are_the_loops(strategy, name, key):
    f, xs, w = program(name, key), examples(name), weights(name)
    result = ml.autobatch(f, strategy)(ml.batch(xs), w)
    columns, _, rebuild = ad.trees.flatten(result, is_leaf=is_batch)
    for i, x in enumerate(xs):
        ours = ad.trees.leaves(rebuild([b.unbatch()[i] for b in columns]))
        for a, b in zip(ours, ad.trees.leaves(f(x, w)), strict=True):
            allclose(a, b, "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("key", PROGRAMS)
def test_gradients_are_the_loops_and_padding_never_matters(name, key):
    f, xs, w = program(name, key), examples(name), weights(name)
    _, loop = losses(f, xs, None)
    (expected,) = native_grad(loop, (0,))(w)
    seen = []
    for value in POISON:
        loss, _ = losses(f, xs, poisoned(ml.batch(xs), value))
        seen.append(
            [to_numpy(loss(w)), to_numpy(native_grad(loss, (0,))(w)[0]), to_numpy(ad.grad(loss)(w))]
        )
    for quantity in zip(*seen, strict=True):
        assert all(np.array_equal(q, quantity[0]) for q in quantity), "padding changed a result"
    allclose(seen[0][1], expected, "float64")
    allclose(seen[0][2], expected, "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_gradient_of_a_dead_entry_is_zero(name):
    f, xs, w = program(name, "pooled by attention"), examples(name), weights(name)
    b = poisoned(ml.batch(xs), math.nan)
    g = to_numpy(
        ad.grad(lambda d: ml.autobatch(f)(ml.MaskedBatch(d, b.sizes), w).data.sum())(b.data)
    )
    mask = to_numpy(b.mask)
    assert (g[~mask] == 0).all() and (g[mask] != 0).any()


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("lengths", [(4,), (1, 1), (0, 3), (0, 2, 0)])
def test_lengths_of_zero_and_one(name, lengths):
    f, w = program(name, "a vector per token"), weights(name)
    xs = examples(name, lengths)
    for ours, x in zip(ml.autobatch(f)(ml.batch(xs), w).unbatch(), xs, strict=True):
        allclose(ours, f(x, w), "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_where_the_loop_gives_nan_so_do_we_and_no_other_example_is_touched(name):
    f, w = program(name, "tanh then mean"), weights(name)
    xs = examples(name, (2, 0, 3))
    ours = [to_numpy(y) for y in ml.autobatch(f)(ml.batch(xs), w).unbatch()]
    assert np.isnan(ours[1]).all()
    for i in (0, 2):
        allclose(ours[i], f(xs[i], w), "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_two_batches_with_the_same_lengths_meet(name):
    xs, w = examples(name), weights(name)
    ys = [x * 2 for x in xs]
    result = ml.autobatch(lambda x, y, w: (x * y) @ w)(ml.batch(xs), ml.batch(ys), w)
    for ours, x, y in zip(result.unbatch(), xs, ys, strict=True):
        allclose(ours, (x * y) @ w, "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_containers_of_arrays_are_batched_together(name):
    xs = [{"x": x, "bias": x[0, 0]} for x in examples(name)]
    b = ml.batch(xs)
    result = ml.autobatch(lambda e, w: e["x"] @ w + e["bias"])(b, weights(name))
    for ours, e in zip(result.unbatch(), xs, strict=True):
        allclose(ours, e["x"] @ weights(name) + e["bias"], "float64")


def test_the_jax_road_works_under_jit_and_grad():
    jax = pytest.importorskip("jax")
    f, xs, w = program("jax", "attention"), examples("jax"), weights("jax")
    b = ml.batch(xs)
    allclose(jax.jit(ml.autobatch(f))(b, w).data, ml.autobatch(f)(b, w).data, "float64")
    loss, loop = losses(f, xs, b)
    allclose(jax.jit(jax.grad(loss))(w), jax.grad(loop)(w), "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_derivative_inside_is_that_of_each_example_or_is_refused(name):
    xs, w = examples(name), weights(name)
    inside = ad.grad(lambda x, w: (x @ w).sum(), argnums=1)
    if name == "torch":  # its tape does not see a batch's values: it said 0 once
        with pytest.raises(ad.AutodiffError, match="inside autobatch"):
            ml.autobatch(inside)(ml.batch(xs), w)
    found = ml.autobatch(inside, "loop" if name == "torch" else "masked")(ml.batch(xs), w)
    for ours, x in zip(found.unbatch(), xs, strict=True):
        allclose(ours, inside(x, w), "float64")
