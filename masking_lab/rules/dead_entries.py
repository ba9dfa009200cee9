"""Dead entries: what they are replaced with before a row runs, and what they hold behind it."""

import math

from autodiff_lab.table.row import NEG, ONE, unchanged

from ..lane import FINITE, Lane


def replacement(row, verbs, x, goes):
    """`(value, axes)`: what dead entries along which axes are replaced with before `row` runs."""
    if all([n is None for n in x.sizes]):
        return None, ()
    everywhere = range(x.ndim)
    gone = reduced(x, goes)
    if row.kind == "bilinear":
        return 0.0, everywhere
    if row.kind in ("general", "composite"):
        return _identity(row, verbs, x) if row.identity is not None else row.safe, everywhere
    if row.kind == "pointwise":
        harmless = all(partial in (ONE, NEG) for partial in row.d)
        return (None if harmless else row.safe), everywhere
    if row.axes is unchanged and row.identity is not None:  # a running sum keeps its axis
        return row.identity, everywhere
    return (row.identity, gone) if gone else (None, ())


def reduced(x, goes):
    """The ragged axes that are summed away."""
    return [a for a, place in enumerate(goes)
            if x.sizes[a] is not None and (place is None or place < 0)]  # fmt: skip


def is_calm(row, verbs, xs, params):
    """Are dead entries harmless as they are, and the result's too?

    What was zero at the start and went through calm operations is as finite as an example is: no
    cotangent comes to it, and zero times a finite slope is zero. That saves a mask per operation.
    Not with another value of the example beside it: that may be NaN where it has no entries. Two
    factors could overflow where no example does, and so could half types.
    """
    lanes = [x for x in xs if isinstance(x, Lane)]
    lengths = [{id(n) for n in x.sizes if n is not None} for x in lanes]
    if verbs.name != "torch" or not lanes or not lengths[0]:
        return False
    if any([own != lengths[0] for own in lengths]):
        return False
    if any([x.fill not in (0, FINITE) or verbs.is_half(x.dtype) for x in lanes]):
        return False
    if not all([math.isfinite(x) for x in xs if isinstance(x, (int, float))]):
        return False
    mixed = row.mixes(**params) if row.mixes else ()
    if any([xs[0].sizes[axis] is not None for axis in mixed]):
        return False
    if row.kind == "linear":
        return row.identity is None
    harmless = row.kind == "pointwise" and all([partial in (ONE, NEG) for partial in row.d])
    return harmless or (row.calm and (len(lanes) == 1 or row.told is not None))


def _identity(row, verbs, x):
    low, high = verbs.limits(x.dtype)
    return {"lowest": low, "highest": high}.get(row.identity, row.identity)


def still_known(row, verbs, xs, ways, sizes):
    """Zero, if that is what dead entries hold before and after; None if nobody knows.

    A row that only moves entries leaves zeros where they are, unless new dead entries appear; one
    that acts on each entry alone may make zeros of zeros.
    """
    lanes = all([isinstance(x, Lane) for x in xs])
    if row.outputs != 1 or not lanes or not all(map(_holds_zeros, xs, ways)):
        return None
    ragged = {len([n for n in ns if n is not None]) for ns in (sizes, *[x.sizes for x in xs])}
    if len(ragged) > 1:
        return None
    if row.kind == "linear":
        moves_only = row.identity is None and row.moves is None and len(xs) == 1
        return 0.0 if moves_only else None
    if row.kind != "pointwise" or verbs.name != "torch" or len({x.ndim for x in xs}) > 1:
        return None
    zeros = [verbs.zeros((), x.dtype, None) for x in xs]
    return 0.0 if not bool(row.fn(verbs, *zeros)) else None


def _holds_zeros(x, way):
    if way is not None and way.fill is not None:
        return way.along is None and way.fill == 0
    return x.fill is not None and x.fill == 0
