"""The plain loop: what `autobatch` means, and the baseline that everything else is measured by."""

from autodiff_lab import trees, xp

from ..masked_batch import batch, is_batch
from . import strategy


@strategy
def loop(f, args, kwargs, count):
    """One example after the other."""
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    columns = [x.unbatch() if is_batch(x) else [x] * count for x in leaves]
    results = []
    for own in zip(*columns, strict=True):
        new_args, new_kwargs = rebuild(list(own))
        results.append(f(*new_args, **new_kwargs))
    like = next(x for x in leaves if is_batch(x)).data
    return batch([trees.map(lambda y: _array(y, like), r) for r in results])


def _array(y, like):
    return xp.of(like).asarray(y, like) if isinstance(y, (bool, int, float)) else y
