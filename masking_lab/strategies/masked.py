"""Masking: all examples at once, padded to the longest (Matchbox, Bradbury et al. 2018).

Control flow is lifted first. Then every operation understands masks as it runs; on JAX a function
that decides nothing is traced once with symbolic sizes. All roads end in `masking_lab.rules`.
"""

import inspect

from autodiff_lab import trees, xp

from ..batches.batching import is_number
from ..batches.masked_batch import MaskedBatch, is_batch
from ..batches.randomness import watched
from ..errors import MaskError
from ..lane import Lane, refill, settled, spread
from ..lifting import callee, decides, effects, is_lifted
from ..lifting.items import finished
from ..on_jax import road as jax_road
from . import strategy


@strategy
def masked(f, args, kwargs, count):
    """All examples at once; dead entries are filled so that they change nothing."""
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    first = next(x for x in leaves if is_batch(x))
    lanes = rebuild([Lane(x.data, x.sizes) if is_batch(x) else x for x in leaves])

    def run():
        with effects.watched():
            return run_lanes(f, *lanes, count, first.data, first.side)

    return watched(f, run)


def run_lanes(f, args, kwargs, count, like, side="right", whole=False):
    """`f` of lanes: its structure, with a `MaskedBatch` for every array.

    `whole` asks PyTorch too to trace a function without decisions as a whole.
    """
    verbs = xp.of(like)
    lanes = trees.map(lambda x: _lane(verbs, x) if isinstance(x, Lane) else x, (args, kwargs))
    result = _run(verbs.name, callee(f), lanes, count, whole)
    return trees.map(lambda y: finished_lane(verbs, y, count, like, side), finished(result))


def _run(framework, f, lanes, count, whole):
    """Dispatch on torch; on JAX a function without decisions is traced whole."""
    args, kwargs = lanes
    if framework == "torch":
        return _on_torch(f, args, kwargs, count, whole)
    refusal = None
    if not decides(f) and not (is_lifted(f) and _is_nested(lanes)):
        try:
            return jax_road.run(f, args, kwargs, count)
        except (MaskError, IndexError, TypeError) as error:  # perhaps one operation at a time
            refusal = error
            if not is_lifted(f):
                raise
    try:
        return f(*args, **kwargs)
    except (MaskError, TypeError):
        if type(refusal) is not MaskError:  # tracing only needed values, or used JAX's words
            raise
        raise refusal from None


def _on_torch(f, args, kwargs, count, whole):
    """Dispatch; if asked, first the trace, which also knows what does not look like a tensor."""
    if not whole or decides(f):
        return _told(f, args, kwargs)
    from ..on_torch import trace as torch_trace

    try:
        return torch_trace.run(f, args, kwargs, count)
    except Exception as refusal:  # the tracer's, a rule's, or f's own: it happens again
        try:
            return f(*args, **kwargs)
        except TypeError:
            if isinstance(refusal, MaskError):
                raise refusal from None
            raise


def _told(f, args, kwargs):
    """An error in a function that could not be read says so."""
    try:
        return f(*args, **kwargs)
    except MaskError as error:
        if is_lifted(f) or not inspect.isfunction(f) or f.__code__.co_name in str(error):
            raise
        raise MaskError(
            f"{error} (the text of {f.__name__} could not be read, so nothing in it is lifted; "
            "define it in a file or a notebook cell)"
        ) from None


def _is_nested(lanes):
    """Then an index means more than a traced number can say: one operation at a time."""
    found = [x for x in trees.leaves(lanes) if isinstance(x, Lane)]
    return any(n is not None and n.ndim > 1 for x in found for n in x.sizes)


def _lane(verbs, x):
    """Dead entries are cleared once, so that nothing reads them."""
    return refill(verbs, x, 0.0)


def finished_lane(verbs, y, count, like, side):
    """Every array or number in the result is a batch, with zeros in its padding."""
    if isinstance(y, Lane):
        y = refill(verbs, y, 0.0)
        return MaskedBatch(y.data, settled(verbs, y.sizes), side)
    if is_number(y):
        y = verbs.asarray(y, like)
    if xp.framework_of(y) is None:
        return y
    return MaskedBatch(spread(verbs, count, y), (None,) * len(y.shape), side)
