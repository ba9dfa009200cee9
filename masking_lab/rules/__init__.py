"""The mask rules, derived from the rows of autodiff_lab's table.

To apply a row to lanes:

1. the row says where each axis of each input goes (`row.axes`): this moves the ragged dims;
2. dead entries are replaced *before* the operation wherever they could do harm, in the value or in
   the gradient: by `identity` where a ragged dim is reduced, by `safe` where a non-linear row reads
   them, by zero where a bilinear row does. Sanitising inputs, not outputs, is what keeps gradients
   clean: 0 * inf is NaN, so a `where` behind the operation comes too late;
3. the row itself runs on the padded data, its parameters shifted by one for the batch axis.
"""

import contextlib
from typing import NamedTuple

from autodiff_lab import source
from autodiff_lab.table.row import unchanged

from ..batches.masked_batch import live, realigned, told
from ..errors import MaskError
from ..lane import FINITE, WATCHING, Lane, Length, agree, certainly, refill, spread
from ..padding import cropped
from . import along, packed
from .dead_entries import is_calm, reduced, replacement, still_known
from .promotion import DEFAULT, promoted


class Batched(NamedTuple):
    """What `row.batch` asks: how many examples, and which inputs carry them."""

    size: int
    inputs: tuple


class Refused(Exception):
    """Why a row cannot run under a mask; `apply` adds the row's name and the line."""


class Way(NamedTuple):
    """What is done to an input before the row runs."""

    dtype: object = None  # what it is cast to
    fill: object = None  # what its dead entries are replaced with ...
    along: tuple | None = None  # ... and along which axes, if not along all
    shape: tuple | None = None  # where its axes of size 1 come in
    spread: bool = False  # a shared array that needs a batch axis
    crop: tuple = ()  # which axes are padded to how much, where another input is padded to less


class Plan(NamedTuple):
    """What a row comes to for inputs that look alike: nothing here depends on their entries."""

    row: object
    size: int  # how many examples
    fn: object  # what is run: the row's own `fn`, or a composite row's kernel
    ways: tuple | None  # one for each input, or None: nothing is to be done
    params: dict
    ndim: int
    spread: bool  # no input has a batch axis, so the result is given one
    fill: object  # what dead entries of the result are known to hold
    weak: bool

    def run(self, verbs, xs, sizes, look=None):
        """`row(*xs)`; `sizes` are those of the result, and `look` what it looks like."""
        if self.ways is None:
            arrays = [x.data if isinstance(x, Lane) else x for x in xs]
        else:
            arrays = [_made(verbs, x, way, self) for x, way in zip(xs, self.ways, strict=True)]
        if self.row.told:
            arrays = self.row.told(verbs, lambda i, axis: _there(verbs, xs[i], axis), *arrays)
        y = self.fn(verbs, *arrays, **self.params)
        if self.row.outputs != 1:
            looks = look or [None] * len(y)
            pairs = zip(y, looks, strict=True)
            y = tuple([Lane(part, sizes, self.fill, look=seen) for part, seen in pairs])
        else:
            y = spread(verbs, self.size, y) if self.spread else y
            y = Lane(y, sizes, self.fill, self.weak, look)
        if WATCHING:
            WATCHING[-1].ran(self, xs, y)
        return y


def _there(verbs, x, axis):
    """Which entries of an input are there along one axis; None for all."""
    axis %= x.ndim
    own = [n if i == axis else None for i, n in enumerate(x.sizes)]
    return live(own, x.data.shape)


def _made(verbs, x, way, plan):
    if way is None:
        return x.data if isinstance(x, Lane) else x
    if way.spread:
        return spread(verbs, plan.size, x)
    for axis, n in way.crop:
        x = cropped(x, axis, n)
    if way.dtype is not None:
        dtype = verbs.lib.get_default_dtype() if way.dtype is DEFAULT else way.dtype
        x = Lane(verbs.astype(x.data, dtype), x.sizes)
    if way.fill is not None:
        x = refill(verbs, x, way.fill, way.along)
    return x.data if way.shape is None else verbs.reshape(x.data, way.shape)


def apply(row, verbs, count, xs, params, place=source.here):
    """`row(*xs, **params)` for `count` examples at once. Inputs that are not lanes are shared."""
    if not packed.is_packing():
        return _padded(row, verbs, count, xs, params, place)
    y = packed.apply(row, verbs, count, xs, params)
    return packed.settled(_padded(row, verbs, count, xs, params, place)) if y is None else y


def _padded(row, verbs, count, xs, params, place):
    if row.along is not None and along.concerns(row, xs, params):
        return by_place(row, verbs, count, xs, params, place)
    plan, sizes = understand(row, verbs, count, xs, params, place)
    return plan.run(verbs, xs, sizes)


def by_place(row, verbs, count, xs, params, place=source.here):
    """A row that does something of its own along a ragged dim, in the words of `along`."""
    with _told_where(row, place):
        return row.along(along.Along(row, verbs, count, xs, params), *xs, **params)


def understand(row, verbs, count, xs, params, place=source.here):
    """The plan of a call, and the ragged sizes of its result."""
    with _told_where(row, place):
        return _understand(row, verbs, count, xs, params)


@contextlib.contextmanager
def _told_where(row, place):
    try:
        yield
    except Refused as why:
        raise MaskError(f"{row.name} at {place()} {why}") from None


def _understand(row, verbs, count, xs, params):
    ndims = [len(_dims(x)) for x in xs]
    if row.axes is None:
        raise _cannot("chooses entries by their place")
    places, ndim = row.axes(ndims, **comparable(params))
    _refuse_moves(row, xs, params)
    sizes = _sizes(row, xs, places, ndim, params)
    dtypes = promoted(row, verbs, xs)
    calm = is_calm(row, verbs, xs, params)
    least = _least(xs, places)
    ways = [_way(row, verbs, count, x, goes, dtype, ndim, calm, least)
            for x, goes, dtype in zip(xs, places, dtypes, strict=True)]  # fmt: skip
    batched = Batched(count, tuple([isinstance(x, Lane) for x in xs]))
    none = not any(batched.inputs)
    plain = {k: padded(v) for k, v in params.items()}
    plain = row.batch(batched, **plain) if row.batch and not none else plain
    weak = all([x.weak if isinstance(x, Lane) else not hasattr(x, "shape") for x in xs])
    fill = still_known(row, verbs, xs, ways, sizes)
    fill = FINITE if calm and fill is None else fill
    ways = tuple(ways) if any(ways) else None
    return Plan(row, count, row.fn, ways, plain, ndim, none, fill, weak and not none), sizes


# ----- composite rows -----
def whole(row, verbs, count, xs, params):
    """The plan of a composite row that is run as one, and the sizes of its result; or None.

    Where no ragged dim is mixed the examples' own entries are as the row finds them, and padding
    is only more of the same. Elsewhere its body is run on lanes, row by row.
    """
    if row.axes is None or (row.batch is None and row.axes is not unchanged):
        return None
    ndims = [len(_dims(x)) for x in xs]
    places, _ = row.axes(ndims, **comparable(params))
    mixed = row.mixes(**params) if row.mixes else ()
    for x, goes in zip(xs, places, strict=True):
        for axis, (_, lengths) in enumerate(_dims(x)):
            if lengths is not None and row.identity is None and row.told is None:
                if axis in mixed or goes[axis] is None:
                    return None
    try:
        plan, sizes = _understand(row, verbs, count, xs, params)
    except Refused:  # its body says more precisely what it is that has no rule
        return None
    if plan.params is None:
        return None
    plain = all([type(_data(x)) in verbs.plain_kinds for x in xs])
    return plan._replace(fn=(row.whole or _kernel(row)) if plain else row.fn), sizes


def _kernel(row):
    """The value by the row's fast way, where it reaches."""
    if row.fast is None:
        return row.fn

    def run(verbs, *xs, **params):
        found = row.fast.forward(verbs, *xs, **params)
        return row.fn(verbs, *xs, **params) if found is None else found[0]

    return run


def _data(x):
    return x.data if isinstance(x, Lane) else x


# ----- where the ragged dims go -----
def _dims(x):
    """`(size, lengths)` of each dim of one example; lengths is None where all examples agree."""
    if isinstance(x, Lane):
        return list(zip(x.extent, x.sizes, strict=True))
    return [(n, None) for n in getattr(x, "shape", ())]


def _sizes(row, xs, places, ndim, params):
    """The ragged sizes of the output. A negative place is an index that is summed away."""
    found, padded = _given(params.get("shape", ())), {}
    for x, goes in zip(xs, places, strict=True):
        for (n, lengths), place in zip(_dims(x), goes, strict=True):
            if lengths is None:
                continue
            if place is not None:
                lengths = lengths if lengths.ndim == 1 else _nested(lengths, place, goes, ndim)
                found[place], padded[place] = _merge(found.get(place), lengths), n
            elif row.identity is None and row.told is None:
                raise _cannot("merges or splits a ragged dim")
    for x, goes in zip(xs, places, strict=True):
        for (n, lengths), place in zip(_dims(x), goes, strict=True):
            if place in found and lengths is None and n != 1:
                if padded.get(place) == n and certainly((found[place] == n).all()):
                    continue
                raise Refused(
                    f"met a ragged dim with lengths {told(found[place])} and a dim of size {n} "
                    "that all examples share; they do not match"
                )
    return [found.get(i) for i in range(ndim)]


def _given(shape):
    """The ragged sizes that a shape asks for; a nested one needs its outer dims beside it."""
    found = {i: n.data for i, n in enumerate(shape) if isinstance(n, Length) and not n.ndim}
    for i, n in enumerate(shape):
        if isinstance(n, Length) and n.ndim:
            own = [place_of(size, shape) for size in n.shape]
            found[i] = realigned(n.data, own)
            if found[i] is None:
                raise _cannot("needs the outer dims of a nested ragged size beside it")
    return found


def place_of(size, shape):
    """Where a size stands in a shape, if it does so once."""
    same = [
        i
        for i, n in enumerate(shape)
        if (size.same(n) if isinstance(size, Length) else type(n) is int and n == size)
    ]
    return same[0] if len(same) == 1 else None


def _nested(lengths, place, goes, ndim):
    """Lengths that depend on an outer dim, lined up with the output; summed dims come last."""
    gone = sorted({p for p in goes if p is not None and p < 0})
    moved = realigned(lengths, [ndim + gone.index(p) if p in gone else p for p in goes])
    if moved is None or (place >= 0 and moved.ndim > ndim + 1):
        raise _cannot("takes away the dim that the size of another depends on")
    return moved


def _merge(known, own):
    if known is None or agree(known, own):
        return own
    raise Refused(
        f"met two ragged dims that do not match, with lengths {told(known)} and {told(own)}; "
        "batch these examples together, or reduce one of them first"
    )


def _refuse_moves(row, xs, params):
    """Moving entries along a ragged dim needs each example's own index: not in this table yet."""
    moved = row.moves(**params) if row.moves else ()
    for x in xs:
        ragged = [axis for axis, (_, lengths) in enumerate(_dims(x)) if lengths is not None]
        if set(ragged) & set(moved):
            raise _cannot("moves entries along a ragged dim")


def _cannot(why):
    return Refused(
        f"{why}, which has no mask rule yet; apply it to the other dims, or reduce the ragged one"
    )


# ----- dead entries -----
def _least(xs, places):
    """Ragged dims that meet and are padded to different sizes: the smallest of these."""
    padded: dict = {}
    for x, goes in zip(xs, places, strict=True):
        for (n, lengths), place in zip(_dims(x), goes, strict=True):
            if lengths is not None and lengths.ndim == 1:
                padded.setdefault(place, set()).add(n)
    return {p: min(ns) for p, ns in padded.items() if p is not None and len(ns) > 1}


def _way(row, verbs, count, x, goes, dtype, ndim, calm, least):
    """What is done to an input before the row runs; None for nothing."""
    if not isinstance(x, Lane):
        joined = row.arity is None and row.kind != "composite"  # concat, stack: all need the axis
        return Way(spread=True) if joined and hasattr(x, "shape") else None
    value, along = replacement(row, verbs, x, goes)
    if value == x.fill or (calm and (row.told or not reduced(x, goes))):
        value = None
    crop = {a: least[p] for a, p in enumerate(goes) if p in least and x.sizes[a] is not None}
    shape = None
    if row.elementwise and x.ndim < ndim:
        own = [crop.get(a, n) for a, n in enumerate(x.data.shape[1:])]
        shape = (count, *(1,) * (ndim - x.ndim), *own)
    crop = tuple(crop.items())
    whole = all([n is None or a in along for a, n in enumerate(x.sizes)])
    way = Way(dtype, value, None if whole else tuple(along), shape, crop=crop)
    return None if (dtype, value, shape, crop) == (None, None, None, ()) else way


# ----- the batch axis -----
def padded(param):
    if isinstance(param, Length):
        return param.padded
    return tuple(map(padded, param)) if type(param) is tuple else param


class _Token(NamedTuple):
    """A ragged size for `row.axes` to compare: equal where the lengths are."""

    number: int


def comparable(params):
    """Parameters with every Length replaced by a token, so that sizes can be compared."""
    seen = []

    def token(param):
        if type(param) is tuple:
            return tuple(map(token, param))
        if not isinstance(param, Length):
            return param
        for i, known in enumerate(seen):
            if known.same(param):
                return _Token(i)
        seen.append(param)
        return _Token(len(seen) - 1)

    return {k: token(v) for k, v in params.items()}
