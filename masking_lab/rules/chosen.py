"""Entries chosen by arrays of whole numbers: reading and writing at each example's own places.

A dead index reads the first entry and writes into a slot behind the last one, which is cut off
again. PyTorch refuses an index that an example does not have; JAX takes the nearest entry.
"""

from autodiff_lab import source

from ..batches.masked_batch import valid
from ..lane import Lane, Length, certainly, examples_where, refill, shared
from ..padding import cropped, padded_to


# ----- x[i, j, ...]: arrays in the leading axes -----
def read(m, x, *index):
    """`x[i, j, ...]`."""
    x, (index, sizes, live) = m.lane(x), _together(m, x, index)
    for axis in range(len(index)):
        x = padded_to(m.verbs, x, axis, max(1, x.data.shape[axis + 1]))
    index = [_clipped(m, x, axis, i, live) for axis, i in enumerate(index)]
    data = x.data[(_numbers_of(m, index[0]), *index)]
    return Lane(data, (*sizes, *x.sizes[len(index) :]))


def write(m, x, b, *index, add):
    """`x` with `b` added or put at its places."""
    x, (index, _, live) = m.lane(x), _together(m, x, index)
    n = x.data.shape[1]
    index = [_clipped(m, x, axis, i, live) for axis, i in enumerate(index)]
    if live is not None:
        index[0] = m.verbs.where(live, index[0], n)
    wide = padded_to(m.verbs, x, 0, n + 1).data
    b = m.lane(b, x.data).data
    b = m.verbs.astype(b, x.dtype)
    shape = (*index[0].shape, *wide.shape[len(index) + 1 :])
    first = len(shape) - (b.ndim - 1)
    b = m.verbs.broadcast(b, shape, (0, *range(first, len(shape))))
    verb = m.verbs.add_at if add else m.verbs.put_at
    return cropped(Lane(verb(wide, b, _numbers_of(m, index[0]), *index), x.sizes), 0, n)


def _numbers_of(m, like):
    """The number of each example, beside an index."""
    shape = (like.shape[0], *(1,) * (like.ndim - 1))
    return m.verbs.arange(shape, 0, m.verbs.index_dtype, like)


def _together(m, x, index):
    """Index lanes as data of one shape, its sizes, and where it is live."""
    like = x.data if isinstance(x, Lane) else m.like
    lanes = [i if isinstance(i, Lane) else shared(m.verbs, m.count, i, like) for i in index]
    ndim = max(i.ndim for i in lanes)
    sizes, shape = [None] * ndim, [1] * ndim
    for i in lanes:
        for axis, (own, n) in enumerate(zip(i.sizes, i.data.shape[1:], strict=True), ndim - i.ndim):
            if own is not None:
                sizes[axis], n = own, n if sizes[axis] is None else min(n, shape[axis])
            if own is not None or shape[axis] == 1:
                shape[axis] = n
    goal = (m.count, *shape)
    data = []
    for i in lanes:
        i = refill(m.verbs, i, 0)
        for axis, n in enumerate(i.data.shape[1:]):
            i = i if n == 1 else cropped(i, axis, goal[ndim - i.ndim + axis + 1])
        dims = (0, *range(ndim - i.ndim + 1, ndim + 1))
        data.append(m.verbs.broadcast(i.data, goal, dims))
    return data, sizes, valid(m.verbs, sizes, goal, data[0])


def _clipped(m, x, axis, i, live):
    """An index counted from the front, inside the padded data; checked where that can be."""
    own, padded = x.sizes[axis], x.data.shape[axis + 1]
    size = padded if own is None else m.spread(Length(own, padded), i.ndim - 1)
    i = m.verbs.where(i < 0, i + size, i)
    if m.verbs.name == "torch":
        _check(axis, i, size, live)
    else:
        i = m.verbs.where(i >= size, size - 1, i)
    return m.verbs.clip(i, 0, max(padded - 1, 0))


def _check(axis, i, size, live):
    bad = (i < 0) | (i >= size)
    bad = bad if live is None else bad & live
    if certainly(bad.any()):
        raise IndexError(
            f"index {int(i[bad][0])} is out of bounds for dim {axis} on examples "
            f"{examples_where(bad)} ({source.here()})"
        )


# ----- an index for every entry, along one axis -----
def read_along(m, x, index, axis):
    x, i, _ = _beside(m, x, index, axis)
    return Lane(m.verbs.take_along(x.data, i.data, axis + 1), i.sizes)


def write_along(m, x, b, index, axis, add):
    n = m.lane(x).data.shape[axis + 1]
    x, i, live = _beside(m, x, index, axis)
    places = i.data if live is None else m.verbs.where(live, i.data, n)
    wide = padded_to(m.verbs, x, axis, n + 1).data
    b = m.lane(b, x.data).data
    verb = m.verbs.add_along if add else m.verbs.put_along
    b = m.verbs.astype(b[tuple(slice(0, k) for k in places.shape)], x.dtype)
    return cropped(Lane(verb(wide, b, places, axis + 1), x.sizes), axis, n)


def _beside(m, x, index, axis):
    """`x`, an index inside it, and where the index is live."""
    x = m.lane(x)
    i = index if isinstance(index, Lane) else shared(m.verbs, m.count, index, x.data)
    i = refill(m.verbs, i, 0)
    for a, n in enumerate(x.data.shape[1:]):
        if a != axis and i.data.shape[a + 1] > n:
            i = cropped(i, a, n)
    live = valid(m.verbs, i.sizes, tuple(i.data.shape), i.data)
    x = padded_to(m.verbs, x, axis, max(1, x.data.shape[axis + 1]))
    return x, Lane(_clipped(m, x, axis, i.data, live), i.sizes), live
