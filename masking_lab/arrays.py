"""`x[...]` of a lane with arrays, lists and masks in it.

A mask gives a new ragged dim: each example has as many entries as its own mask holds.
"""

import math

from autodiff_lab import source, xp

from .lane import Lane, refill, refuse_nested
from .rules.along import Along
from .rules.chosen import read


def getitem(x, index):
    """numpy's rules: slices first, then the arrays together."""
    refuse_nested("an array as an index", [x])
    verbs = xp.of(x.data)
    m = Along(None, verbs, x.data.shape[0], (x,), {})
    basic, places, arrays = [], [], []
    for i in index:
        if is_array(i) and _is_mask(i):
            axis = len([b for b in basic if b is not None])
            for found in true_places(m, m.lane(_array(verbs, i, x), x.data), x, axis):
                places.append(len(basic)), arrays.append(found), basic.append(slice(None))
        elif is_array(i) or isinstance(i, Lane) or type(i) is int:
            places.append(len(basic)), arrays.append(_array(verbs, i, x)), basic.append(slice(None))
        else:
            basic.append(i)
    if any(b != slice(None) for b in basic):
        x = x[tuple(basic)]
    order = (*places, *(a for a in range(x.ndim) if a not in places))
    moved = Lane(verbs.permute(x.data, (0, *(a + 1 for a in order))), [x.sizes[a] for a in order])
    y = read(m, moved, *arrays)
    first, n = places[0], max(getattr(i, "ndim", 0) for i in arrays)
    if places != list(range(first, first + len(places))) or first == 0:
        return y
    rest = list(range(n, y.ndim))
    back = (*rest[:first], *range(n), *rest[first:])
    return Lane(verbs.permute(y.data, (0, *(a + 1 for a in back))), [y.sizes[a] for a in back])


def is_array(i):
    """An array or a list as an index; a number is not."""
    return isinstance(i, list) or len(getattr(i, "shape", ())) > 0


def _is_mask(i):
    kind = str(getattr(i, "dtype", "")).removeprefix("torch.")
    return kind == "bool" or (isinstance(i, list) and i and isinstance(i[0], bool))


def _array(verbs, i, x):
    return i if hasattr(i, "shape") else verbs.asarray(i, x.data)


def true_places(m, mask, x, axis):
    """Where a mask holds: one index for each of its axes, as long as there are such places."""
    verbs, shape = m.verbs, tuple(mask.data.shape)
    for a in range(mask.ndim):
        if x is not None and shape[a + 1] != x.data.shape[axis + a + 1]:
            raise IndexError(f"a mask of shape {mask.shape} does not fit {x!r} ({source.here()})")
    held = refill(verbs, mask, 0).data
    flat = verbs.reshape(held, (shape[0], math.prod(shape[1:])))
    count = verbs.sum(verbs.astype(flat, verbs.dtype("int32")), (1,))
    order = verbs.stable_order(verbs.astype(~flat, verbs.dtype("int32")), 1)
    found = []
    for n in reversed(shape[1:]):
        found.append(Lane(order % max(n, 1), (count,)))
        order = order // max(n, 1)
    return found[::-1]
