"""Batches as examples, and the results of examples as batches."""

import math

import numpy as np

from autodiff_lab import trees

from ...batches.masked_batch import MaskedBatch
from ...errors import MaskError
from ...lane import Lane, refill
from .execute import gathered, side_by_side
from .later import Home, Later, Look


def examples(recorder, b):
    """Each example's array in its own size, or its list of arrays; whole numbers are known."""
    depth = max([n.ndim for n in b.sizes if n is not None], default=1) - 1  # of lists in lists
    outer, inner = tuple(b.data.shape[: depth + 1]), tuple(b.data.shape[depth + 1 :])
    own = [_spread(b, axis, outer) for axis in range(len(b.sizes))]
    shapes = zip(*[n.ravel().tolist() for n in own[depth:]], strict=True) if inner else None
    flat = recorder.verbs.reshape(b.data, (math.prod(outer), *inner)) if depth else b.data
    rows = _rows(recorder, flat, list(shapes) if shapes else [()] * math.prod(outer))

    def at(*place):
        if len(place) > depth:
            return rows[np.ravel_multi_index(place, outer)]
        n = own[len(place) - 1][(*place, *(0,) * (depth + 1 - len(place)))]
        return [at(*place, t) for t in range(n)]

    return [at(i) for i in range(len(b))]


def _spread(b, axis, outer):
    """The size of a dim at each place of the outer ones."""
    n = b.sizes[axis]
    n = np.asarray(b.data.shape[axis + 1]) if n is None else known(n)
    return np.broadcast_to(n.reshape(n.shape + (1,) * (len(outer) - n.ndim)), outer)


def known(x):
    """An array of whole numbers that are there."""
    try:
        return np.asarray(x)
    except Exception:  # under jit, by which nothing is there yet
        raise MaskError(
            "strategy='lazy' does not apply: under jax.jit the lengths and whole numbers of the "
            "examples are not known yet; call it outside of jit, or use strategy='masked'"
        ) from None


def _rows(recorder, data, shapes):
    looks = [Look(shape, data.dtype) for shape in shapes]
    if recorder.verbs.is_inexact(data.dtype):
        return [Later(recorder, look, home=Home(data, i)) for i, look in enumerate(looks)]
    data = known(data)
    parts = [data[(i, *map(slice, look.shape))] for i, look in enumerate(looks)]
    return [Later(recorder, look, known=x) for look, x in zip(looks, parts, strict=True)]


def made(column, first):
    """Values that look alike as a batch, and so what is padded already; others by themselves."""
    if all([type(x) is Later for x in column]):
        if len({x.look for x in column}) == 1:
            data = gathered(column[0].recorder.verbs, column)
            return MaskedBatch(data, (None,) * (len(data.shape) - 1), first.side)
        if len({x.home and id(x.home.data) for x in column}) == 1 and column[0].home:
            return _of_sizes(column, first)
    elif all([type(x) is list for x in column]):
        elements = [x for own in column for x in own]
        if all([type(x) is Later for x in elements]) and len({x.look for x in elements}) == 1:
            return _of_lists(column, elements, first)
    return [trees.map(lambda x: x.array() if type(x) is Later else x, own) for own in column]


def _of_sizes(column, first):
    """Values of different sizes in one padded array."""
    verbs, data = column[0].recorder.verbs, column[0].home.data
    shapes = np.asarray([x.shape for x in column])
    data = verbs.take_at(data, verbs.asarray([x.home.row for x in column], data))
    data = data[(slice(None), *[slice(int(n)) for n in shapes.max(0)])]
    return _padded(verbs, data, shapes.T.tolist(), first)


def _of_lists(column, elements, first):
    """Lists of different lengths, whose elements look alike."""
    verbs, counts = elements[0].recorder.verbs, [len(own) for own in column]
    data = side_by_side(verbs, gathered(verbs, elements), counts)
    return _padded(verbs, data, [counts] + [[0]] * (len(data.shape) - 2), first)


def _padded(verbs, data, sizes, first):
    sizes = [None if len(set(own)) == 1 else verbs.asarray(own, data) for own in sizes]
    data = refill(verbs, Lane(data, sizes), 0.0).data
    return MaskedBatch(data, sizes, first.side)
