"""`autobatch`: a function of one example becomes a function of a ragged batch."""

import functools

from autodiff_lab import trees, xp

from .errors import MaskError
from .masked_batch import MaskedBatch, register_with_jax
from .rules import Lane, refill


def autobatch(f):
    """Run `f`, written for one example, on batches.

    Arguments that hold a `MaskedBatch` are batched; all others (weights, numbers) are shared. The
    result has `f`'s structure with a `MaskedBatch` for every array in it, and

        autobatch(f)(batch(xs), w).unbatch()  ==  [f(x, w) for x in xs]

    whatever the padding holds: values, and gradients too, with the framework's own `grad` or
    autodiff_lab's.

    >>> import torch
    >>> from masking_lab import batch
    >>> mean = autobatch(lambda x: x.mean())
    >>> mean(batch([torch.tensor([1.0, 3.0]), torch.tensor([5.0])])).unbatch()
    [tensor(2.), tensor(5.)]
    """

    @functools.wraps(f)
    def batched(*args, **kwargs):
        leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=_is_batch)
        batches = [x for x in leaves if _is_batch(x)]
        verbs, count = _checked(f, leaves, batches)
        lanes = rebuild([_lane(verbs, x) if _is_batch(x) else x for x in leaves])
        result = _road(verbs.name).run(f, *lanes, count)
        return trees.map(lambda y: _finished(verbs, y, count, batches[0].data), result)

    return batched


def _is_batch(x):
    return isinstance(x, MaskedBatch)


def _checked(f, leaves, batches):
    name = getattr(f, "__name__", "f")
    if not batches:
        raise MaskError(
            f"autobatch({name}) was called without a MaskedBatch; make one with ml.batch([...]), or "
            f"call {name} itself"
        )
    counts = sorted({len(b) for b in batches})
    if len(counts) > 1:
        raise MaskError(
            f"autobatch({name}) was called with batches of {' and '.join(map(str, counts))} examples; "
            "all batches of one call hold the same examples"
        )
    verbs = xp.of(*(x.data if _is_batch(x) else x for x in leaves))
    if verbs.name == "jax":
        register_with_jax()
    return verbs, counts[0]


def _lane(verbs, b):
    """One example's view of a batch; dead entries are cleared once, so that nothing reads them."""
    return refill(verbs, Lane(b.data, b.sizes), 0.0)


def _road(framework):
    if framework == "torch":
        from . import torch_road as road
    else:
        from . import jax_road as road
    return road


def _finished(verbs, y, count, like):
    """Every array or number in the result is a batch, with zeros in its padding."""
    if isinstance(y, Lane):
        y = refill(verbs, y, 0.0)
        return MaskedBatch(y.data, y.sizes)
    if isinstance(y, (bool, int, float)):
        y = verbs.asarray(y, like)
    if xp.framework_of(y) is None:
        return y
    shape = tuple(y.shape)
    data = verbs.broadcast(y, (count, *shape), tuple(range(1, len(shape) + 1)))
    return MaskedBatch(data, (None,) * len(shape))
