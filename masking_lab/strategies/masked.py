"""Masking: all examples at once, padded to the longest (Matchbox, Bradbury et al. 2018).

Control flow is lifted first. Then every operation understands masks as it runs; on JAX a function
that decides nothing is traced once with symbolic sizes. All roads end in `masking_lab.rules`.
"""

from autodiff_lab import trees, xp

from .. import jax_road
from ..errors import MaskError, NeedsValues
from ..lane import Lane, refill
from ..lifting import callee, decides, is_lifted
from ..lifting.items import finished
from ..masked_batch import MaskedBatch, is_batch, register_with_jax
from . import strategy


@strategy
def masked(f, args, kwargs, count):
    """All examples at once; dead entries are filled so that they change nothing."""
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    first = next(x for x in leaves if is_batch(x))
    verbs = xp.of(first.data)
    lanes = rebuild([_lane(verbs, x) if is_batch(x) else x for x in leaves])
    result = _run(verbs.name, callee(f), lanes, count)
    return trees.map(lambda y: _finished(verbs, y, count, first.data), finished(result))


def _run(framework, f, lanes, count):
    """Dispatch on torch; on JAX a function without decisions is traced whole."""
    args, kwargs = lanes
    if framework == "torch":
        return f(*args, **kwargs)
    register_with_jax()
    refusal = None
    if not decides(f):
        try:
            return jax_road.run(f, args, kwargs, count)
        except (MaskError, IndexError, TypeError) as error:  # perhaps one operation at a time
            refusal = error
            if not is_lifted(f):
                raise
    try:
        return f(*args, **kwargs)
    except (MaskError, TypeError):
        if refusal is None or isinstance(refusal, NeedsValues):
            raise
        raise refusal from None


def _lane(verbs, b):
    """One example's view of a batch; dead entries are cleared once, so that nothing reads them."""
    return refill(verbs, Lane(b.data, b.sizes), 0.0)


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
