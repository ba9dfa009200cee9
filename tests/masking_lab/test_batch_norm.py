"""Batch norm over all valid entries of a batch.

The oracle is the loop over the examples in float64; for what sees the whole batch, the same over
all valid entries one after the other. Padding holds 0, NaN, inf and 1e30 and changes no bit.
"""

import copy
import math

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import array, native_grad, to_numpy
from tests.masking_lab.steps import (
    both,
    close,
    each_fill,
    examples,
    joined,
    poisoned,
    weights,
)


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
def test_no_padding_reaches_a_gradient_of_batch_norm(name):
    """Nor the result: what is behind the examples is 0 again."""
    b = ml.batch(examples(name))
    scale, shift = array(name, [0.5, 1.0, 2.0, 3.0]), array(name, [0.0, 1.0, -1.0, 0.5])
    outside = ~to_numpy(b.mask)
    c = np.random.default_rng(5).normal(size=b.data.shape)
    c[outside] = 0.0
    c = array(name, c)

    def loss(b, scale, shift):
        return (ml.batch_norm(b, scale, shift).data * c).sum()

    def of_data(data):
        return loss(ml.MaskedBatch(data, b.sizes), scale, shift)

    each_fill(loss, [b], scale, shift)
    clean, nan = (native_grad(of_data, (0,))(poisoned(b, v).data)[0] for v in (0.0, math.nan))
    np.testing.assert_array_equal(to_numpy(clean), to_numpy(nan))
    assert not to_numpy(ml.batch_norm(b, scale, shift).data)[outside].any()


@both
@pytest.mark.parametrize("part", [0, 1])
def test_statistics_for_running_means_have_no_derivative(part, name):
    b = ml.batch(examples(name))

    def total(data):
        return ml.statistics(ml.MaskedBatch(data, b.sizes))[part].sum()

    assert not to_numpy(native_grad(total, (0,))(b.data)[0]).any()


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
