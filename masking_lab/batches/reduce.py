"""From a batch to a number: which mean is meant?

The mean over all tokens and the mean over examples of each one's mean differ where lengths do, and
so do both from the mean of the means of micro-batches. (That was a bug of many training loops:
losses were averaged per micro-batch although these hold different numbers of tokens.) So nothing is
reduced over a batch unless `reduce` is told how, and it can be told what to divide by.
"""

from autodiff_lab import trees, xp

from ..errors import MaskError
from ..lane import Lane, agree, refill
from .masked_batch import MaskedBatch, is_batch

WAYS = ("token", "example", "sum")


def reduce(b, how, weights=None, total=None):
    """One number for a batch; of a container of batches, a container of numbers.

    `how` is "sum" (of all entries), "token" (their sum divided by their number) or "example" (the
    mean over examples of each one's own mean; an example without entries has none and is left out).
    Padding never counts. Where nothing is left to be averaged the mean is NaN, as everywhere.

    `weights` is a batch with a weight for each entry, or one for each along the first dims; with
    booleans, which entries count. An entry of weight 0 may hold anything.

    `total` is what to divide by instead: `ml.count` of a whole batch of which `b` is a part. The
    parts then add up to what the whole gives, and so do their gradients:

    >>> import torch
    >>> from masking_lab import batch
    >>> xs = [torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0])]
    >>> reduce(batch(xs), "token"), reduce(batch(xs), "example")
    (tensor(4.), tensor(6.))
    >>> parts = [batch(xs[:1]), batch(xs[1:])]
    >>> n = sum(count(part) for part in parts)
    >>> sum(reduce(part, "token", total=n) for part in parts)
    tensor(4.)
    """
    _check_how(how, WAYS)
    if how == "sum" and total is not None:
        raise MaskError('a sum is divided by nothing; with total say "token" or "example"')
    return _each(b, lambda part: _reduced(part, how, weights, total))


def count(b, how="token", weights=None):
    """What `reduce` divides by: entries (or the sum of their weights), or examples that have any.

    >>> import torch
    >>> from masking_lab import batch
    >>> b = batch([torch.ones(3), torch.ones(0)])
    >>> count(b), count(b, "example")
    (tensor(3), tensor(1))
    """
    _check_how(how, WAYS[:2])

    def counted(part):
        verbs, _, w = _weighed(part, weights)
        return _number(verbs, _per_example(verbs, w), how)

    return _each(b, counted)


def _check_how(how, ways):
    if how not in ways:
        told = '", "'.join(ways)
        raise MaskError(f'a batch is reduced by "{told}", and not by {how!r}')


def _each(b, f):
    leaves, _, rebuild = trees.flatten(b, is_leaf=is_batch)
    for x in leaves:
        if not is_batch(x):
            raise MaskError(
                f"a {type(x).__name__} is no MaskedBatch: reduce what autobatch(f) returns; inside "
                "f, for one example, write x.sum() or x.mean()"
            )
    return rebuild([f(x) for x in leaves])


def _reduced(b, how, weights, total):
    verbs, x, w = _weighed(b, weights)
    wide = verbs.astype(x, "float32") if verbs.is_half(x.dtype) else x
    sums = _per_example(verbs, wide if weights is None else wide * w)
    if how == "example":
        sums = _ratio(verbs, sums, _per_example(verbs, w))
    y = verbs.sum(sums, (0,))
    if how != "sum":
        y = y / (_number(verbs, _per_example(verbs, w), how) if total is None else total)
    return verbs.astype(y, x.dtype) if wide is not x else y


def _weighed(b, weights):
    """`(verbs, entries, weights)` in one shape: both 0 where nothing counts."""
    verbs = xp.of(b.data)
    shape = tuple(b.data.shape)
    if weights is None:
        ones = verbs.ones(shape, verbs.dtype("int32"), b.data)
        return verbs, refill(verbs, _lane(b), 0.0).data, refill(verbs, Lane(ones, b.sizes), 0).data
    _check_weights(b, weights)
    w = refill(verbs, _lane(weights), 0.0).data
    w = verbs.astype(w, verbs.dtype("int32")) if w.dtype == verbs.bool_type else w
    w = refill(verbs, Lane(verbs.broadcast(w, shape, tuple(range(len(w.shape)))), b.sizes), 0).data
    return verbs, verbs.where(w != 0, b.data, verbs.zeros_like(b.data)), w


def _lane(b):
    return Lane(b.data, b.sizes)


def _check_weights(b, weights):
    known = isinstance(weights, MaskedBatch)
    if not known or tuple(weights.data.shape) != tuple(b.data.shape)[: len(weights.data.shape)]:
        told = repr(weights) if known else f"a {type(weights).__name__}"
        raise MaskError(
            f"weights are a MaskedBatch with the first dims of {b!r}, and not {told}; make them "
            "with ml.batch, or with autobatch from the same examples"
        )
    for axis, (m, n) in enumerate(zip(b.sizes, weights.sizes, strict=False)):
        if (m is None) != (n is None) or (m is not None and not agree(m, n)):
            raise MaskError(
                f"dim {axis} of the weights {weights!r} has other lengths than that of {b!r}; make "
                "both from the same examples"
            )


def _per_example(verbs, x):
    return verbs.sum(x, tuple(range(1, len(x.shape))))


def _ratio(verbs, sums, counts):
    """Means; of an example without entries the sum, which is 0, so that it adds nothing."""
    return sums / verbs.where(counts != 0, counts, verbs.ones_like(counts))


def _number(verbs, counts, how):
    if how == "example":
        counts = verbs.astype(counts != 0, verbs.dtype("int32"))
    return verbs.sum(counts, (0,))
