"""The plain loop: what `autobatch` means, and the baseline that everything else is measured by."""

from autodiff_lab import trees

from ..batches.masked_batch import is_batch
from ..errors import MaskError
from . import strategy
from .results import as_batches


@strategy
def loop(f, args, kwargs, count):
    """One example after the other."""
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    if not count:
        raise MaskError(
            "the loop over no examples has no result; the strategy 'masked' knows its shape"
        )
    columns = [x.unbatch() if is_batch(x) else [x] * count for x in leaves]
    results = []
    for own in zip(*columns, strict=True):
        new_args, new_kwargs = rebuild(list(own))
        results.append(f(*new_args, **new_kwargs))
    first = next(x for x in leaves if is_batch(x))
    return as_batches(results, first)
