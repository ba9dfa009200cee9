"""Arrays of a list as one array; the sizes of those that are ragged may depend on the element."""

from autodiff_lab import xp

from ..batches.masked_batch import aligned, shortened, valid
from ..errors import MaskError
from ..lane import Lane


def side_by_side(verbs, parts):
    """Arrays as one, along a new axis after the batch axis, padded to the largest."""
    ranks = sorted({p.ndim for p in parts})
    if len(ranks) > 1:
        raise MaskError(f"a list holds arrays of {ranks[0] - 1} and of {ranks[1] - 1} dims; make "
                        "its elements agree")  # fmt: skip
    largest, grown = [max(n) for n in zip(*(p.shape for p in parts), strict=True)], []
    for p in parts:
        zeros = (0,) * len(largest)
        high = tuple(n - m for n, m in zip(largest, p.shape, strict=True))
        p = verbs.pad(p, 0, zeros, high, zeros) if any(high) else p
        grown.append(verbs.reshape(p, (p.shape[0], 1, *p.shape[1:])))
    return verbs.concat(grown, 1)


def lengths(verbs, column, axis):
    """The sizes along one axis, with an axis for each outer dim that one of them depends on."""
    like = next(x.sizes[axis] for x in column if x.sizes[axis] is not None)
    rank = max(x.sizes[axis].ndim for x in column if x.sizes[axis] is not None)
    found = []
    for x in column:
        n = x.sizes[axis]
        if n is None:
            n = verbs.zeros((x.data.shape[0],), like.dtype, like) + x.data.shape[axis + 1]
        found.append(aligned(verbs, n, x.data.shape[:rank]))
    return found


def common(verbs, n, live):
    """Sizes that are the same for all elements of an example, without an axis for the elements."""
    try:
        most = verbs.max(n, (1,), True)
        same = (n == most) if live is None else (n == most) | ~live
        return shortened(verbs, most) if n.ndim == 2 and bool(same.all()) else n
    except Exception:  # under tracing nobody knows
        return n


def concatenated(x):
    """The first two dims as one: of each example its own entries, in their order."""
    verbs, (count, k, each) = xp.of(x.data), x.data.shape[:3]
    data = verbs.reshape(x.data, (count, k * each, *x.data.shape[3:]))
    if x.sizes[1] is None:
        return Lane(data, (x.sizes[0] * each, *x.sizes[2:]))
    if any(n is not None and n.ndim > 1 for n in x.sizes[2:]):
        raise MaskError("a concat of arrays that are nested themselves has no rule yet; "
                        "concatenate the inner ones first")  # fmt: skip
    mask = verbs.reshape(valid(verbs, x.sizes[:2], (count, k, each), data), (count, k * each))
    dead = verbs.astype(~mask, verbs.dtype("int32"))
    own = verbs.sum(1 - dead, (1,))
    return Lane(ordered(verbs, data, verbs.stable_order(dead, 1)), (own, *x.sizes[2:]))


def ordered(verbs, data, order):
    """The entries along the first dim in an order of each example's own."""
    index = verbs.reshape(order, (*order.shape, *(1,) * (data.ndim - 2)))
    index = verbs.broadcast(index, tuple(data.shape), tuple(range(data.ndim)))
    return verbs.take_along(data, index, 1)
