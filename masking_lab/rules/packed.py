"""Rules for lanes without padding (`packed_lane`).

All examples one after the other look like one long example. An operation that takes the entries of
the ragged dim one by one gives the same on it as on each alone: a product with weights, a norm of
the features, whatever is pointwise. `row.axes` tells which do: the ragged dim stays, and nothing
meets along it. A sum over the ragged dim is a sum over segments. All else runs on padded data.
"""

from contextvars import ContextVar

from autodiff_lab.table.row import unchanged

from ..lane import NUMBERS, Lane, Length, agree
from ..packed_lane import Packed, Segments, _in_front
from ..setting import setting
from . import along
from .promotion import DEFAULT, promoted

_known: ContextVar = ContextVar("segments of lengths, while packing is asked for", default=None)


def packing():
    """Inside, what has one ragged dim is packed."""
    return setting(_known, [])


def is_packing():
    return _known.get() is not None and NUMBERS.get() is None


def settled(y):
    """A result with one ragged dim, to be packed when somebody asks for its rows."""
    if type(y) in (tuple, list):
        return type(y)([settled(part) for part in y])
    if type(y) is not Lane or not _fits(y):
        return y
    return Packed.of(y, segments(next(n for n in y.sizes if n is not None)))


def _fits(x):
    ragged = [n for n in x.sizes if n is not None]
    return len(ragged) == 1 and ragged[0].ndim == 1


def segments(lengths):
    """The same for the same lengths."""
    known = _known.get()
    for s in known:
        if s.lengths is lengths:
            return s
    same = next((s for s in known if agree(s.lengths, lengths)), None)
    known.append(same or Segments(lengths))
    return known[-1]


def apply(row, verbs, count, xs, params):
    """`row(*xs)` on rows without padding, or None where that is not the same."""
    if not is_packing() or not any(isinstance(x, Packed) for x in xs):
        return None
    xs = [settled(x) if isinstance(x, Lane) else x for x in xs]
    packs = [x for x in xs if isinstance(x, Packed)]
    s = packs[0].segments
    if any(x.segments is not s for x in packs) or not s.total:
        return None
    if row.name == "take_at" and len(xs) == 2 and not isinstance(xs[0], Lane):
        x = xs[1]
        return Packed(x.at, s, x.ndim + xs[0].ndim - 1, row.fn(verbs, xs[0], x.rows))
    if row.axes is None or along.concerns(row, xs, params):
        return None
    return _by_axes(row, verbs, xs, params, s)


def _by_axes(row, verbs, xs, params, s):
    from . import comparable

    places, ndim = row.axes([_ndim(x) for x in xs], **comparable(params))
    goes = {places[i][x.at] for i, x in enumerate(xs) if isinstance(x, Packed)}
    if goes == {None} and row.name == "sum":
        return _segment_sum(row, verbs, xs[0], **params)
    if len(goes) > 1 or None in goes or min(goes) < 0 or _meets(row, xs, params):
        return None
    place, new = goes.pop(), []
    for x, own, dtype in zip(xs, places, promoted(row, verbs, xs), strict=True):
        found = _beside(row, verbs, x, own, place, ndim, s)
        if found is None and x is not None:
            return None
        if dtype is not None:
            dtype = verbs.lib.get_default_dtype() if dtype is DEFAULT else dtype
            found = verbs.astype(found, dtype)
        new.append(found)
    params = _together(params, s)
    if params is None:
        return None
    y = _function(row, verbs, new)(verbs, *new, **params)
    weak = all([getattr(x, "weak", not hasattr(x, "shape")) for x in xs])
    make = lambda part: Packed(place, s, part.ndim, part, weak=weak)  # noqa: E731
    return make(y) if row.outputs == 1 else tuple(map(make, y))


def reduces(row, xs, params):
    """Is it a composite row that sums over the ragged dim? Then its body is run, on segments."""
    from . import comparable

    if row.kind != "composite" or row.axes is None or row.told is not None:
        return False
    places, _ = row.axes([_ndim(x) for x in xs], **comparable(params))
    return any(isinstance(x, Packed) and goes[x.at] is None
               for x, goes in zip(xs, places, strict=True))  # fmt: skip


def _ndim(x):
    return len(getattr(x, "shape", ()))


def _meets(row, xs, params):
    """Do entries along the ragged dim meet, or change places?"""
    axes = {x.at for x in xs if isinstance(x, Packed)}
    moved = row.moves(**params) if row.moves else ()
    mixed = row.mixes(**params) if row.mixes else ()
    along_one = row.axes is unchanged and row.identity is not None  # a running sum, a softmax
    own = params.get("axis", axes) if along_one else ()
    met = {*moved, *mixed, *((own,) if isinstance(own, int) else own)}
    return row.told is not None or bool(axes & met)


def _beside(row, verbs, x, own, place, ndim, s):
    """An input as it stands beside the rows; None where it cannot."""
    if isinstance(x, Packed):
        return x.rows
    if not isinstance(x, Lane):
        wide = [n for n, p in zip(getattr(x, "shape", ()), own, strict=False) if p == place]
        return None if any(n != 1 for n in wide) else x
    if any(n is not None for n in x.sizes) or not row.elementwise:
        return None
    shape = [1] * ndim
    for n, p in zip(x.extent, own, strict=True):
        shape[p] = n
    if shape[place] != 1:
        return None
    del shape[place]
    rows = verbs.reshape(x.data[s.example], (s.total, *shape))
    return _in_front(verbs, rows, 0, place)


def _together(params, s):
    """Parameters in which the ragged size is that of all examples; None if another is in it."""

    def one(v):
        if isinstance(v, Length):
            if v.ndim or not agree(v.data, s.lengths):
                raise _Other
            return s.total
        return tuple(map(one, v)) if type(v) is tuple else v

    try:
        return {k: one(v) for k, v in params.items()}
    except _Other:
        return None


class _Other(Exception):
    pass


def _function(row, verbs, xs):
    from . import _kernel

    if row.kind != "composite":
        return row.fn
    plain = all([type(x) in verbs.plain_kinds for x in xs])
    return (row.whole or _kernel(row)) if plain else row.fn


def _segment_sum(row, verbs, x, axis, keepdims=False, **params):
    """The sum over other dims first, then that of each segment."""
    rest, s = tuple(a for a in axis if a != x.at), x.segments
    y = row.fn(verbs, x.rows, axis=rest, keepdims=True, **params) if rest else x.rows
    if y.dtype == verbs.bool_type:
        return None
    y = _in_front(verbs, y, x.at, 0)
    zeros = verbs.zeros((len(s.counts), *y.shape[1:]), y.dtype, y)
    y = verbs.add_at(zeros, y, s.example)
    others = [a for a in range(x.ndim) if a != x.at]
    dims = dict(zip(others, y.shape[1:], strict=True)) | {x.at: 1}
    kept = [dims[a] for a in range(x.ndim) if keepdims or a not in axis]
    return Lane(verbs.reshape(y, (len(s.counts), *kept)), (None,) * len(kept))
