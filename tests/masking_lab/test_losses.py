"""Losses inside `f` are those of the loop.

The oracle is the loop over the examples in float64; for what sees the whole batch, the same over
all valid entries one after the other. Padding holds 0, NaN, inf and 1e30 and changes no bit.
"""

import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import array, native_grad
from tests.masking_lab.steps import (
    close,
    each_fill,
    examples,
    labels,
    weights,
)


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
