"""The results of examples that ran one by one, as batches."""

from autodiff_lab import trees, xp

from ..batches.batching import is_number, leaves_at, put_together
from ..batches.masked_batch import is_batch
from ..errors import MaskError


def as_batches(results, first, made=list):
    """`f`'s structure with batches in it; lists that differ in length are ragged.

    `first` is a batch that was given. `made(values)` may put values together itself, or make plain
    values of them.
    """
    shapes = [set(trees.flatten(r)[1]) for r in results]
    is_leaf = None if all(s == shapes[0] for s in shapes) else lambda x: type(x) is list
    _, paths, rebuild = trees.flatten(results[0], is_leaf=is_leaf)
    columns = [leaves_at(r, paths, i, is_leaf, "the result for example")
               for i, r in enumerate(results)]  # fmt: skip
    return rebuild([_column(made(c), first) for c in zip(*columns, strict=True)])


def _column(values, first):
    if is_batch(values):
        return values
    if any(xp.framework_of(y) is None and not is_number(y) and type(y) is not list for y in values):
        if any(y != values[0] for y in values):
            raise MaskError(
                f"f returns {values[0]!r} for one example and another value for others, which is "
                "no array; return numbers"
            )
        return values[0]
    is_leaf = lambda x: type(x) is list  # noqa: E731
    return put_together(values, side=first.side, like=first.data, is_leaf=is_leaf)
