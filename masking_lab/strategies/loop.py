"""The plain loop: what `autobatch` means, and the baseline that everything else is measured by."""

from autodiff_lab import trees, xp

from ..batching import is_number, put_together
from ..errors import MaskError
from ..masked_batch import is_batch
from . import strategy


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
    return _joined(results, first)


def _joined(results, first):
    """`f`'s structure with batches in it; lists that differ in length are ragged."""
    shapes = [trees.flatten(r)[1] for r in results]
    is_leaf = None if all(s == shapes[0] for s in shapes) else lambda x: type(x) is list
    columns = [trees.flatten(r, is_leaf=is_leaf)[0] for r in results]
    rebuild = trees.flatten(results[0], is_leaf=is_leaf)[2]
    return rebuild([_column(list(c), first) for c in zip(*columns, strict=True)])


def _column(values, first):
    if any(xp.framework_of(y) is None and not is_number(y) and type(y) is not list for y in values):
        if any(y != values[0] for y in values):
            raise MaskError(
                f"f returns {values[0]!r} for one example and another value for others, which is "
                "no array; return numbers"
            )
        return values[0]
    is_leaf = lambda x: type(x) is list  # noqa: E731
    return put_together(values, side=first.side, like=first.data, is_leaf=is_leaf)
