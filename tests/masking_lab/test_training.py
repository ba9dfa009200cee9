"""From a batch to a step: means, losses, batch norm, and whole trainings against the loop's.

The oracle is the loop over the examples in float64; for what sees the whole batch, the same over
all valid entries one after the other. Padding holds 0, NaN, inf and 1e30 and changes no bit.
"""

import copy
import math

import numpy as np
import pytest

import autodiff_lab as ad
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


# ----- losses inside f -----
def functional():
    return pytest.importorskip("torch").nn.functional


LOSSES = {
    "cross_entropy": lambda F, x, t, **how: F.cross_entropy(x, t, **how),
    "cross_entropy, some ignored": lambda F, x, t, **how: F.cross_entropy(
        x, t, ignore_index=1, **how
    ),
    "cross_entropy, smooth and weighted": lambda F, x, t, **how: F.cross_entropy(
        x, t, weight=class_weights(), label_smoothing=0.1, **how
    ),
    "cross_entropy of probabilities": lambda F, x, t, **how: F.cross_entropy(
        x, (x * 2).softmax(1), **how
    ),
    "nll": lambda F, x, t, **how: F.nll_loss(F.log_softmax(x, 1), t, ignore_index=2, **how),
    "mse": lambda F, x, t, **how: F.mse_loss(x, x.sin(), **how),
    "l1": lambda F, x, t, **how: F.l1_loss(x[:, 0], t, **how),
    "huber": lambda F, x, t, **how: F.huber_loss(x, x.sin() * 3, **how),
    "smooth_l1": lambda F, x, t, **how: F.smooth_l1_loss(x, x.sin() * 3, **how),
    "bce with logits": lambda F, x, t, **how: F.binary_cross_entropy_with_logits(
        x[:, 0], (t > 1).double(), **how
    ),
    "bce": lambda F, x, t, **how: F.binary_cross_entropy(
        x[:, 0].sigmoid(), (t > 1).double(), **how
    ),
    "kl_div": lambda F, x, t, **how: F.kl_div(F.log_softmax(x, 1), (x * 2).softmax(1), **how),
}


def class_weights():
    return array("torch", [0.5, 1.0, 2.0, 0.1])


@pytest.mark.parametrize("how", ["mean", "sum", "none"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_pytorchs_losses_are_the_loops(loss, how):
    F = functional()
    xs, ts, w = examples("torch"), labels("torch"), weights("torch")

    def f(x, t, w):
        return LOSSES[loss](F, x @ w, t, reduction=how)

    def total(w):
        return sum(f(x, t, w).sum() for x, t in zip(xs, ts, strict=True))

    expected = [f(x, t, w) for x, t in zip(xs, ts, strict=True)]
    (slope,) = native_grad(total, (0,))(w)
    b, t = ml.batch(xs), ml.batch(ts)
    for y, e in zip(ml.autobatch(f)(b, t, w).unbatch(), expected, strict=True):
        close(y, e)

    def batched(b, t, w):
        return ml.reduce(ml.autobatch(f)(b, t, w), "sum")

    close(each_fill(batched, [b, t], w)[1], slope)
    close(ad.grad(lambda w: batched(b, t, w))(w), slope)


JAX_LOSSES = {
    "one hot": lambda jax, x, t: -(jax.nn.one_hot(t, 4) * jax.nn.log_softmax(x)).sum(1).mean(),
    "by place": lambda jax, x, t: (
        jax.nn.logsumexp(x, axis=-1) - jax.numpy.take_along_axis(x, t[:, None], -1)[:, 0]
    ),
    "some ignored": lambda jax, x, t: (
        jax.numpy.where(t == 1, 0.0, -(jax.nn.one_hot(t, 4) * jax.nn.log_softmax(x)).sum(1)).sum()
        / (t != 1).sum()
    ),
    "smooth": lambda jax, x, t: (
        -((jax.nn.one_hot(t, 4) * 0.9 + 0.025) * jax.nn.log_softmax(x)).mean()
    ),
    "bce with logits": lambda jax, x, t: (
        jax.numpy.maximum(x, 0) - x * (t[:, None] > 1) + jax.numpy.log1p(jax.numpy.exp(-abs(x)))
    ).mean(),
    "huber": lambda jax, x, t: jax.numpy.where(abs(x) <= 1, 0.5 * x**2, abs(x) - 0.5).sum(1),
}


@pytest.mark.parametrize("loss", JAX_LOSSES)
def test_losses_written_on_jax_are_the_loops(loss):
    jax = pytest.importorskip("jax")
    xs, ts, w = examples("jax"), labels("jax"), weights("jax")
    xs, ts = (
        [v for v in column if v.shape[0] != 1 or loss != "some ignored"] for column in (xs, ts)
    )

    def f(x, t, w):
        return JAX_LOSSES[loss](jax, x @ w, t)

    def total(w):
        return sum(f(x, t, w).sum() for x, t in zip(xs, ts, strict=True))

    def batched(b, t, w):
        return ml.reduce(ml.autobatch(f)(b, t, w), "sum")

    ours, slope = each_fill(batched, [ml.batch(xs), ml.batch(ts)], w)
    expected, theirs = jax.jit(jax.value_and_grad(total))(w)
    close(ours, expected), close(slope, theirs)


def test_a_class_that_does_not_exist_is_the_error_of_the_loop():
    F = functional()
    ts = labels("torch")
    ts[2][1] = 7
    for loss in (F.cross_entropy, F.nll_loss):
        with pytest.raises(IndexError, match=r"arget 7 is out of bounds"):
            loss(examples("torch")[2], ts[2])
        with pytest.raises(IndexError, match=r"target 7 is out of bounds .* examples \[2\]"):
            ml.autobatch(lambda x, t, loss=loss: loss(x, t))(
                ml.batch(examples("torch")), ml.batch(ts)
            )
    found = ml.autobatch(lambda x, t: F.cross_entropy(x, t, ignore_index=7, reduction="sum"))(
        ml.batch(examples("torch")), ml.batch(ts)
    )
    assert len(found) == 4


def test_ctc_is_refused_by_name():
    F = functional()
    with pytest.raises(ml.MaskError, match=r"torch.ctc_loss at line \d+"):
        ml.autobatch(lambda x: F.ctc_loss(x.log_softmax(1), [1], [3], [1]))(
            ml.batch(examples("torch"))
        )


# ----- batch norm -----
@both
@pytest.mark.parametrize("lengths", [(3, 1, 5, 2), (0, 4, 0, 1), (2, 2)])
def test_batch_norm_is_that_of_all_valid_entries(lengths, name):
    xs, w = examples(name, lengths), weights(name)
    scale, shift = array(name, [0.5, 1.0, 2.0, 3.0]), array(name, [0.0, 1.0, -1.0, 0.5])
    c = array(name, np.random.default_rng(5).normal(size=(sum(lengths), 4)))

    def plain(w, scale):
        x = joined(name, [x @ w for x in xs])
        mean, var = x.mean(0), ((x - x.mean(0)) ** 2).mean(0)
        return (x - mean) / (var + 1e-5) ** 0.5 * scale + shift

    expected = native_grad(lambda w, s: (plain(w, s) * c).sum(), (0, 1))(w, scale)

    def batched(b, w, scale):
        y = ml.batch_norm(ml.autobatch(lambda x, w: x @ w)(b, w), scale, shift)
        return joined(name, [y.data[i, :n] for i, n in enumerate(lengths)])

    def loss(b, w, scale):
        return (batched(b, w, scale) * c).sum()

    b = ml.batch(xs, ragged=0)
    close(batched(b, w, scale), plain(w, scale))
    for ours, theirs in zip(each_fill(loss, [b], w, scale)[1:], expected, strict=True):
        close(ours, theirs)
    close(ad.grad(lambda w: loss(b, w, scale))(w), expected[0])


@both
def test_statistics_for_running_means(name):
    xs = examples(name)
    whole = np.concatenate([to_numpy(x) for x in xs])
    mean, var = ml.statistics(poisoned(ml.batch(xs), math.nan))
    close(mean, whole.mean(0)), close(var, whole.var(0, ddof=1))
    known = ml.batch_norm(ml.batch(xs), statistics=(mean, var)).unbatch()
    close(known[2], (to_numpy(xs[2]) - to_numpy(mean)) / np.sqrt(to_numpy(var) + 1e-5))


@both
def test_channels_may_lie_elsewhere_and_never_along_a_ragged_dim(name):
    xs = [array(name, np.random.default_rng(n).normal(size=(4, n))) for n in (3, 1)]
    ours = ml.batch_norm(ml.batch(xs), axis=0).unbatch()
    flat = ml.batch_norm(ml.batch([x.T for x in xs])).unbatch()
    for a, b in zip(ours, flat, strict=True):
        close(a, b.T)
    with pytest.raises(ml.MaskError, match="ragged and cannot hold the channels"):
        ml.batch_norm(ml.batch(xs))
    with pytest.raises(ml.MaskError, match=r"shape \(3,\) does not fit the 4 channels"):
        ml.batch_norm(ml.batch(xs), array(name, np.ones(3)), axis=0)
    with pytest.raises(ml.MaskError, match="one has no variance"):
        ml.batch_norm(ml.batch([xs[1].T]))


@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_module_of_pytorchs_does_what_it_does_to_all_valid_entries(momentum):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.BatchNorm1d(4, momentum=momentum, dtype=torch.float64)
    torch.nn.init.normal_(theirs.weight, generator=torch.Generator().manual_seed(0))
    ours = copy.deepcopy(theirs)
    for seed in range(3):
        xs = examples("torch", seed=seed)
        y = ml.batch_norm(poisoned(ml.batch(xs), math.nan), ours)
        close(joined("torch", y.unbatch()), theirs(torch.cat(xs)))
        for a, b in zip(ours.buffers(), theirs.buffers(), strict=True):
            close(a, b)
    ours.eval(), theirs.eval()
    close(joined("torch", ml.batch_norm(ml.batch(xs), ours).unbatch()), theirs(torch.cat(xs)))
    for y, x in zip(ml.autobatch(ours)(ml.batch(xs)).unbatch(), xs, strict=True):
        close(y, theirs(x))


def test_batch_norm_inside_f_is_one_examples_own_or_refused():
    torch = pytest.importorskip("torch")
    xs = examples("torch", (3, 5, 2))
    own = torch.nn.BatchNorm1d(4, track_running_stats=False, dtype=torch.float64)
    for y, x in zip(ml.autobatch(own)(ml.batch(xs)).unbatch(), xs, strict=True):
        close(y, own(x))
    with pytest.raises(ValueError, match=r"more than 1 value per channel .* examples \[1\]"):
        ml.autobatch(own)(ml.batch(examples("torch", (3, 1))))
    running = torch.nn.BatchNorm1d(4, dtype=torch.float64)
    with pytest.raises(ml.MaskError, match=r"batch_norm at .*ml\.batch_norm\(batch, module\)"):
        ml.autobatch(running)(ml.batch(xs))
    assert float(running.running_mean.abs().max()) == 0.0


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
