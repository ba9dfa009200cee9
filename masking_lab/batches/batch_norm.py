"""Batch normalisation whose statistics see valid entries only (Ioffe and Szegedy 2015).

It mixes examples, so it is no operation of one example: it stands between two calls of `autobatch`.
Its meaning is batch normalisation of all valid entries of the batch, one after the other.
"""

import sys

from autodiff_lab import xp
from autodiff_lab.table import ROWS

from ..errors import MaskError
from ..lane import Lane, refill
from .masked_batch import MaskedBatch, is_batch
from .reduce import count


def batch_norm(b, scale=None, shift=None, statistics=None, eps=1e-5, axis=-1):
    """Each channel gets mean 0 and variance 1 over the valid entries of the batch.

    `axis` is the dim of one example that holds the channels. With `statistics`, a pair of mean and
    variance, nothing is computed from the batch: that is what is done after training.

    `scale` may be a `torch.nn.BatchNorm1d` (2d, 3d): then everything is as it says, and in training
    its running statistics are brought up to date.

    >>> import torch
    >>> from masking_lab import batch
    >>> b = batch([torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0]])])
    >>> [y[:, 0] for y in batch_norm(b).unbatch()]
    [tensor([-1.2247,  1.2247]), tensor([0.])]
    """
    if _is_module(scale):
        return _as_module(b, scale, axis)
    axis = _channels(b, axis, scale, shift, *(statistics or ()))
    verbs = xp.of(b.data)
    if statistics is None:
        *statistics, _ = _moments(b, axis)
    places = [0, axis + 1, *(i for i in range(1, b.data.ndim) if i != axis + 1)]
    x = verbs.permute(refill(verbs, Lane(b.data, b.sizes), 0.0).data, places)
    y = ROWS["batch_norm_known"].fn(verbs, x, *statistics, scale, shift, eps=eps)
    y = verbs.permute(y, [places.index(i) for i in range(b.data.ndim)])
    return MaskedBatch(refill(verbs, Lane(y, b.sizes), 0.0).data, b.sizes)


def statistics(b, axis=-1):
    """Mean and variance of each channel over the valid entries, for running means of them.

    The variance is unbiased, as frameworks keep it, and neither has a derivative.

    >>> import torch
    >>> from masking_lab import batch
    >>> statistics(batch([torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0]])]))
    (tensor([2.]), tensor([1.]))
    """
    verbs = xp.of(b.data)
    mean, variance, n = _moments(b, _channels(b, axis))
    variance = variance * n / _at_least_one(verbs, n - 1)
    return verbs.stop_gradient(mean), verbs.stop_gradient(variance)


def _moments(b, axis):
    """Mean, variance, and of how many entries: of none they are 0, and nobody reads them."""
    verbs = xp.of(b.data)
    n = count(b) // b.data.shape[axis + 1]
    _refuse_one(n)
    some = _at_least_one(verbs, n)
    others = tuple(i for i in range(b.data.ndim) if i != axis + 1)

    def mean(x):
        return verbs.sum(refill(verbs, Lane(x, b.sizes), 0.0).data, others) / some

    x = verbs.astype(b.data, "float32") if verbs.is_half(b.data.dtype) else b.data
    x = refill(verbs, Lane(x, b.sizes), 0.0).data
    centre = mean(x)
    apart = x - verbs.broadcast(centre, tuple(x.shape), (axis + 1,))
    return centre, mean(verbs.square(apart)), some


def _at_least_one(verbs, n):
    return verbs.maximum(n, verbs.ones_like(n))


def _refuse_one(n):
    try:
        one = int(n) == 1
    except Exception:  # under tracing nobody knows
        return
    if one:
        raise MaskError(
            "batch_norm has one valid entry per channel in the whole batch, and one has no "
            "variance; make the batch larger, or give statistics=(mean, variance)"
        )


def _channels(b, axis, *vectors):
    """The dim of the channels, which is not ragged and has the size of the vectors."""
    if not is_batch(b):
        raise MaskError(f"batch_norm takes a MaskedBatch, as autobatch returns it, and not a "
                        f"{type(b).__name__}")  # fmt: skip
    ndim = b.data.ndim - 1
    if not -ndim <= axis < ndim:
        raise MaskError(f"axis={axis} names a dim that an example of {b!r} does not have")
    axis %= ndim
    if b.sizes[axis] is not None:
        raise MaskError(
            f"dim {axis} of {b!r} is ragged and cannot hold the channels; name another with axis="
        )
    for v in vectors:
        if v is not None and tuple(v.shape) != (b.data.shape[axis + 1],):
            raise MaskError(
                f"a vector of shape {tuple(v.shape)} does not fit the {b.data.shape[axis + 1]} "
                f"channels in dim {axis} of {b!r}; name another dim with axis="
            )
    return axis


# ----- as a module of PyTorch's says -----
def _is_module(x):
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.nn.modules.batchnorm._BatchNorm)


def _as_module(b, module, axis):
    known = (module.running_mean, module.running_var)
    learn = module.training or known[0] is None
    if learn and known[0] is not None:
        _keep(module, b, axis)
    return batch_norm(b, module.weight, module.bias, None if learn else known, module.eps, axis)


def _keep(module, b, axis):
    """The running statistics brought up to date; of no entries nothing is learnt."""
    axis = _channels(b, axis, module.running_mean)
    plain = b.data.plain() if hasattr(b.data, "plain") else b.data  # not on autodiff's tape
    b = MaskedBatch(plain.detach(), b.sizes)
    module.num_batches_tracked.add_(1)
    momentum = module.momentum
    if momentum is None:  # the mean of all batches so far
        momentum = 1.0 / float(module.num_batches_tracked)
    if int(count(b)) == 0:
        return
    pairs = zip((module.running_mean, module.running_var), statistics(b, axis), strict=True)
    for known, new in pairs:
        known.mul_(1 - momentum).add_(new.to(known.dtype), alpha=momentum)
