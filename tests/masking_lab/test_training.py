"""From a batch to a step: means, and whole trainings against the loop's.

The oracle is the loop over the examples in float64; for what sees the whole batch, the same over
all valid entries one after the other. Padding holds 0, NaN, inf and 1e30 and changes no bit.
"""

import math

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import array, module, native_grad, to_numpy
from tests.masking_lab.steps import (
    LENGTHS,
    POISON,
    both,
    close,
    each_fill,
    examples,
    joined,
    poisoned,
    weights,
)

# ----- which mean? -----
MEANS = {
    "sum": lambda name, xs: sum(x.sum() for x in xs),
    "token": lambda name, xs: joined(name, [x.reshape(-1) for x in xs]).mean(),
    "example": lambda name, xs: sum(x.mean() for x in xs) / len(xs),
}


@both
@pytest.mark.parametrize("how", MEANS)
def test_a_mean_is_the_loops_and_so_is_its_gradient(how, name):
    xs, w = examples(name), weights(name)
    expected = MEANS[how](name, [x @ w for x in xs])
    (slope,) = native_grad(lambda w: MEANS[how](name, [(x @ w) ** 2 for x in xs]), (0,))(w)
    b, square = ml.batch(xs), ml.autobatch(lambda x, w: (x @ w) ** 2)
    close(ml.reduce(ml.autobatch(lambda x, w: x @ w)(b, w), how), expected)
    close(each_fill(lambda b, w: ml.reduce(square(b, w), how), [b], w)[1], slope)
    close(ad.grad(lambda w: ml.reduce(square(b, w), how))(w), slope)
    for fill in POISON:
        close(ml.reduce(poisoned(b, fill), how), MEANS[how](name, xs))


@both
def test_gradients_of_uneven_micro_batches_add_up_to_the_whole(name):
    """The famous bug (transformers issue 24725, pull request 34191), and its two lines of cure."""
    xs, w = examples(name, (7, 1, 2, 5)), weights(name)
    ts = [x[:, 0] for x in xs]
    f = ml.autobatch(lambda x, t, w: ((x @ w).sum(1) - t) ** 2)
    parts = [(ml.batch(xs[i:j]), ml.batch(ts[i:j])) for i, j in ((0, 1), (1, 4))]
    for how in ("token", "example"):

        def whole(w, how=how):
            return ml.reduce(f(ml.batch(xs), ml.batch(ts), w), how)

        def wrong(w, how=how):
            return sum(ml.reduce(f(x, t, w), how) for x, t in parts) / len(parts)

        def cured(w, how=how):
            n = sum(ml.count(t, how) for _, t in parts)
            return sum(ml.reduce(f(x, t, w), how, total=n) for x, t in parts)

        expected, bug, ours = (native_grad(g, (0,))(w)[0] for g in (whole, wrong, cured))
        assert abs(to_numpy(bug - expected)).max() > 1e-2
        close(ours, expected)


@both
def test_weights_say_what_counts(name):
    xs, ws = examples(name), [array(name, np.arange(n) % 3.0) for n in LENGTHS]
    ys = [x * array(name, np.where(to_numpy(w) > 0, 1.0, math.nan))[:, None]
          for x, w in zip(xs, ws, strict=True)]  # fmt: skip
    plain = [(to_numpy(x), np.broadcast_to(to_numpy(w)[:, None], x.shape))
             for x, w in zip(xs, ws, strict=True)]  # fmt: skip
    top = sum((x * w).sum() for x, w in plain)
    count = sum(w.sum() for _, w in plain)
    per = [(x * w).sum() / w.sum() for x, w in plain if w.sum()]
    for fill in POISON:
        b, w = poisoned(ml.batch(ys), fill), poisoned(ml.batch(ws), fill)
        close(ml.reduce(b, "sum", weights=w), top)
        close(ml.reduce(b, "token", weights=w), top / count)
        close(ml.reduce(b, "example", weights=w), sum(per) / len(per))
        assert float(ml.count(b, weights=w)) == count
        assert int(ml.count(b, "example", weights=w)) == len(per) == 3


@both
def test_examples_without_entries(name):
    """They have no mean and are left out; of nothing at all the mean is NaN, as in the loop."""
    b = ml.batch([array(name, v) for v in ([1.0, 3.0], [], [8.0])])
    assert float(ml.reduce(b, "example")) == 5.0 and float(ml.reduce(b, "token")) == 4.0
    assert int(ml.count(b)) == 3 and int(ml.count(b, "example")) == 2
    empty = ml.batch([array(name, np.zeros(0)), array(name, np.zeros(0))], ragged=0)
    assert np.isnan(float(ml.reduce(empty, "token"))) and float(ml.reduce(empty, "sum")) == 0.0
    (g,) = native_grad(lambda d: ml.reduce(ml.MaskedBatch(d, b.sizes), "example"), (0,))(b.data)
    close(g, [[0.25, 0.25], [0.0, 0.0], [0.5, 0.0]])


@both
def test_containers_scalars_and_several_ragged_dims(name):
    xs = [array(name, np.full(shape, 2.0)) for shape in ((2, 3), (1, 1), (4, 0))]
    b = {"a": ml.batch(xs), "b": (ml.batch([array(name, 1.0), array(name, 3.0)]),)}
    found = ml.reduce(b, "token")
    assert float(found["a"]) == 2.0 and float(found["b"][0]) == 2.0
    assert int(ml.count(b["a"])) == 7 and int(ml.count(b["a"], "example")) == 2
    right = ml.batch([array(name, v) for v in ([True, False], [True])])
    assert float(ml.reduce(right, "token")) == pytest.approx(2 / 3)
    many = ml.batch([array(name, np.full(n, 1000.0), "float16") for n in (100, 3)])
    assert float(ml.reduce(many, "token")) == 1000.0


@both
def test_nested_raggedness_counts_what_is_there(name):
    xs = [[array(name, np.full(n, 2.0)) for n in lengths] for lengths in ((3, 1), (2,), (1, 4, 0))]
    b = ml.batch(xs)
    assert int(ml.count(b)) == 11 and float(ml.reduce(b, "token")) == 2.0
    assert float(ml.reduce(b, "sum")) == 22.0 and int(ml.count(b, "example")) == 3


def rotated(lib, x, angle):
    a, b = x[:, :2], x[:, 2:]
    turned = [a * lib.cos(angle) - b * lib.sin(angle), a * lib.sin(angle) + b * lib.cos(angle)]
    return lib.concatenate(turned, 1)


POSITIONS = {
    "a learned table": lambda lib, x, w: x + w[lib.arange(x.shape[0])],
    "sine": lambda lib, x, w: x + lib.sin(lib.arange(x.shape[0])[:, None] * w[0]),
    "rotary": lambda lib, x, w: rotated(lib, x, lib.arange(x.shape[0])[:, None] * w[1][:2]),
    "the last": lambda lib, x, w: x[-1] * w[0] + x.shape[0],
}


@both
@pytest.mark.parametrize("how", POSITIONS)
@pytest.mark.parametrize("side", ["right", "left"])
def test_positions_are_the_examples_own_on_either_side(side, how, name):
    """What a tokenizer pads on the left is read as it is padded on the right."""
    lib, xs = module(name), examples(name)
    w = array(name, np.random.default_rng(3).normal(size=(5, 4)))
    padded = np.full((len(xs), max(LENGTHS) + 2, 4), math.nan)
    mask = np.zeros(padded.shape[:2], bool)
    for i, n in enumerate(LENGTHS):
        at = slice(0, n) if side == "right" else slice(padded.shape[1] - n, None)
        padded[i, at], mask[i, at] = to_numpy(xs[i]), True
    b = ml.MaskedBatch.from_padded(array(name, padded), array(name, mask))
    f = POSITIONS[how]
    for y, x in zip(ml.autobatch(f)(lib, b, w).unbatch(), xs, strict=True):
        close(y, f(lib, x, w))


@both
def test_what_reduce_refuses(name):
    b = ml.batch(examples(name))
    short = ml.batch([array(name, np.ones(n)) for n in (3, 1, 5, 1)])
    for call, words in (
        (lambda: ml.reduce(b, "mean"), "'mean'"),
        (lambda: ml.reduce(b.data, "sum"), "is no MaskedBatch"),
        (lambda: ml.reduce(b, "sum", total=3), "total"),
        (lambda: ml.reduce(b, "token", weights=short), r"lengths \[3, 1, 5, 1\]"),
        (lambda: ml.reduce(b, "token", weights=b.data), "weights are a MaskedBatch"),
    ):
        with pytest.raises(ml.MaskError, match=words):
            call()


# ----- whole trainings -----
SIZES, HIDDEN, STEPS = (3, 1, 5, 2, 4, 1), 3, 20


def task(name):
    """Sequences, and whether their first number is larger than their last."""
    rng = np.random.default_rng(7)
    xs = [rng.normal(size=(n, 2)) for n in SIZES]
    ts = [float(x[0, 0] > x[-1, 0]) for x in xs]
    return [array(name, x) for x in xs], [array(name, t) for t in ts]


def start(name):
    rng = np.random.default_rng(8)
    shapes = {"x": (2, HIDDEN), "h": (HIDDEN, HIDDEN), "b": (HIDDEN,), "y": (HIDDEN,)}
    return {k: array(name, rng.normal(size=s) * 0.5) for k, s in shapes.items()}


def model(x, t, w, np):
    """An RNN with a gate, written for one sequence."""
    h = w["b"] * 0
    for v in x:
        new = np.tanh(v @ w["x"] + h @ w["h"] + w["b"])
        if v[0] > 0:
            h = new
        else:
            h = 0.5 * (h + new)
    z = h @ w["y"]
    return np.log(1 + np.exp(-abs(z))) + np.where(z > 0, z, z * 0) - z * t


def straight(x, t, w, np):
    """The same without a decision: JAX can trace it for one sequence."""
    h = w["b"] * 0
    for i in range(x.shape[0]):
        new = np.tanh(x[i] @ w["x"] + h @ w["h"] + w["b"])
        h = np.where(x[i][0] > 0, new, 0.5 * (h + new))
    z = h @ w["y"]
    return np.log(1 + np.exp(-abs(z))) + np.where(z > 0, z, z * 0) - z * t


def mean_of_loop(xs, ts, w, np):
    return sum(straight(x, t, w, np) for x, t in zip(xs, ts, strict=True)) / len(xs)


def mean_of_batch(b, t, w, np):
    return ml.reduce(ml.autobatch(model)(b, t, w, np), "example")


def test_a_training_on_torch_is_the_loops():
    torch = pytest.importorskip("torch")
    xs, ts = task("torch")
    b, t = ml.batch(xs, pad_value=math.nan), ml.batch(ts)
    curves = []
    for loss in (lambda w: mean_of_loop(xs, ts, w, torch), lambda w: mean_of_batch(b, t, w, torch)):
        w = {k: v.clone().requires_grad_() for k, v in start("torch").items()}
        optimiser, curve = torch.optim.Adam(w.values(), lr=0.05), []
        for _ in range(STEPS):
            optimiser.zero_grad()
            value = loss(w)
            value.backward()
            optimiser.step()
            curve.append(value.item())
        curves.append(curve)
    assert curves[0][-1] < 0.7 * curves[0][0]
    close(*map(np.array, curves))


@both
def test_a_training_by_our_own_gradient_and_optimiser_is_the_loops(name):
    lib, (xs, ts) = module(name), task(name)
    b, t = ml.batch(xs, pad_value=math.nan), ml.batch(ts)
    optimiser, (first, unflatten) = ad.optim.adam(0.05), ad.optim.flatten(start(name))
    curves, steps = [], STEPS if name == "torch" else 4  # the loop takes JAX seconds a step
    for loss in (lambda w: mean_of_loop(xs, ts, w, lib), lambda w: mean_of_batch(b, t, w, lib)):
        flat, state, curve = first, optimiser.init(first), []
        for _ in range(steps):
            value, g = ad.value_and_grad(lambda v, loss=loss: loss(unflatten(v)))(flat)
            flat, state = optimiser.update(state, flat, g)
            curve.append(float(value))
        curves.append(curve)
    close(*map(np.array, curves))


def test_a_training_on_jax_is_the_loops():
    jax = pytest.importorskip("jax")
    xs, ts = task("jax")
    b, t = ml.batch(xs, pad_value=math.nan), ml.batch(ts)
    curves = []
    optimiser, (first, unflatten) = ad.optim.adam(0.05), ad.optim.flatten(start("jax"))

    def loop(w):
        return mean_of_loop(xs, ts, w, jax.numpy)

    for loss in (loop, lambda w: mean_of_batch(b, t, w, jax.numpy)):
        step = jax.jit(jax.value_and_grad(lambda v, loss=loss: loss(unflatten(v))))
        flat, state, curve = first, optimiser.init(first), []
        for _ in range(STEPS):
            value, g = step(flat)
            flat, state = optimiser.update(state, flat, g)
            curve.append(float(value))
        curves.append(curve)
    assert curves[0][-1] < 0.7 * curves[0][0]
    close(*map(np.array, curves))


@both
def test_the_model_with_decisions_is_the_one_without(name):
    (xs, ts), w = task(name), start(name)
    for x, t in zip(xs[:2], ts[:2], strict=True):
        close(model(x, t, w, module(name)), straight(x, t, w, module(name)))


@both
def test_second_derivatives_are_the_loops(name):
    lib, (xs, ts) = module(name), task(name)
    w = start(name)
    b, t = ml.batch(xs[:3], pad_value=math.nan), ml.batch(ts[:3])

    def slope(loss):
        inner = native_grad(lambda y: loss(w | {"y": y}), (0,), create_graph=True)
        return native_grad(lambda y: (inner(y)[0] ** 2).sum(), (0,))(w["y"])[0]

    expected = slope(lambda w: mean_of_loop(xs[:3], ts[:3], w, lib))
    close(slope(lambda w: mean_of_batch(b, t, w, lib)), expected)


@pytest.mark.parametrize("cast", ["autocast", "bfloat16"])
def test_half_precision_is_the_loops_on_torch(cast):
    torch = pytest.importorskip("torch")
    xs = [x.float() if cast == "autocast" else x.bfloat16() for x in examples("torch")]
    linear = torch.nn.Linear(4, 3).to(xs[0].dtype)
    norm = torch.nn.LayerNorm(3).to(xs[0].dtype)

    def f(x):
        return torch.softmax(norm(linear(x)), 0) @ linear.weight

    with torch.autocast("cpu", torch.bfloat16, enabled=cast == "autocast"):
        ours, expected = ml.autobatch(f)(ml.batch(xs)).unbatch(), [f(x) for x in xs]
    for y, e in zip(ours, expected, strict=True):
        assert y.dtype == e.dtype
        np.testing.assert_allclose(to_numpy(y.float()), to_numpy(e.float()), atol=2e-2)
