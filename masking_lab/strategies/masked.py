"""Masking: all examples at once, padded to the longest (Matchbox, Bradbury et al. 2018).

On torch every operation understands masks as it runs; on JAX the function is traced once with
symbolic sizes. Both roads end in `masking_lab.rules`.
"""

from autodiff_lab import trees, xp

from ..lane import Lane, refill
from ..masked_batch import MaskedBatch, is_batch, register_with_jax
from . import strategy


@strategy
def masked(f, args, kwargs, count):
    """All examples at once; dead entries are filled so that they change nothing."""
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    first = next(x for x in leaves if is_batch(x))
    verbs = xp.of(first.data)
    lanes = rebuild([_lane(verbs, x) if is_batch(x) else x for x in leaves])
    result = _road(verbs.name).run(f, *lanes, count)
    return trees.map(lambda y: _finished(verbs, y, count, first.data), result)


def _lane(verbs, b):
    """One example's view of a batch; dead entries are cleared once, so that nothing reads them."""
    return refill(verbs, Lane(b.data, b.sizes), 0.0)


def _road(framework):
    if framework == "torch":
        from .. import torch_road as road
    else:
        from .. import jax_road as road

        register_with_jax()
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
