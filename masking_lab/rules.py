"""The mask rules, derived from the rows of autodiff_lab's table.

A `Lane` is one example's array as the code inside `f` sees it, standing for the whole batch. To
apply a row to lanes:

1. the row says where each axis of each input goes (`row.axes`): this moves the ragged dims;
2. dead entries are replaced *before* the operation wherever they could do harm, in the value or in
   the gradient: by `identity` where a ragged dim is reduced, by `safe` where a non-linear row reads
   them, by zero where a bilinear row does. Sanitising inputs, not outputs, is what keeps gradients
   clean: 0 * inf is NaN, so a `where` behind the operation comes too late;
3. the row itself runs on the padded data, its parameters shifted by one for the batch axis.
"""

import math
from typing import NamedTuple

from autodiff_lab import source
from autodiff_lab.table.row import NEG, ONE
from autodiff_lab.torch_front import Operators

from .errors import MaskError
from .masked_batch import valid


class Lane(Operators):
    """One example's array, with no batch axis in sight.

    `sizes` has one entry per dim: None, or the lengths of a ragged dim. `fill` is what every dead
    entry is known to hold, or None.
    """

    rank = 2  # a lane answers before autodiff's box does

    def __init__(self, data, sizes, fill=None):
        self.data, self.sizes, self.fill = data, tuple(sizes), fill

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        from .torch_road import call

        return call(func, args, kwargs or {})

    @property
    def ndim(self):
        return len(self.sizes)

    @property
    def shape(self):
        """The example's own shape: a ragged size is a `Length`, one number per example."""
        sizes = zip(self.data.shape[1:], self.sizes, strict=True)
        return tuple(n if own is None else Length(own, n) for n, own in sizes)

    @property
    def dtype(self):
        return self.data.dtype

    @property
    def device(self):
        return self.data.device

    def __len__(self):
        raise MaskError(
            f"len() of a ragged dim was asked at {source.here()}, and Python wants one int for all "
            "examples; write x.shape[0] for the example's own length"
        )

    def __iter__(self):
        raise MaskError(
            f"a `for` loop over a batched value at {source.here()} is not lifted yet; write it "
            "with array operations"
        )

    def __bool__(self):
        raise MaskError(
            f"Python needed one truth value for all examples at {source.here()}; choose per "
            "example with where(condition, a, b)"
        )

    __float__ = __int__ = __index__ = __bool__

    def __repr__(self):
        shape = ", ".join(str(n) if s is None else "ragged" for n, s in
                          zip(self.data.shape[1:], self.sizes, strict=True))  # fmt: skip
        return f"<one of {self.data.shape[0]} examples, shape ({shape})>"


class Length(Lane):
    """A ragged size: each example's own number, and the size that all are padded to."""

    def __init__(self, lengths, padded):
        super().__init__(lengths, ())
        self.padded = padded

    def same(self, other):
        return isinstance(other, Length) and agree(self.data, other.data)


class Batched(NamedTuple):
    """What `row.batch` asks: how many examples, and which inputs carry them."""

    size: int
    inputs: tuple


def agree(m, n):
    """Are two arrays of lengths the same? Under tracing only the same object is."""
    if m is n:
        return True
    try:
        return m.shape == n.shape and bool((m == n).all())
    except Exception:  # a traced value has no truth value
        return False


class Refused(Exception):
    """Why a row cannot run under a mask; `apply` adds the row's name and the line."""


def apply(row, verbs, count, xs, params, place=source.here):
    """`row(*xs, **params)` for `count` examples at once. Inputs that are not lanes are shared."""
    try:
        return _apply(row, verbs, count, xs, params)
    except Refused as why:
        raise MaskError(f"{row.name} at {place()} {why}") from None


def _apply(row, verbs, count, xs, params):
    ndims = [len(getattr(x, "shape", ())) for x in xs]
    places, ndim = row.axes(ndims, **_comparable(params))
    _refuse_moves(row, xs, params)
    sizes = _sizes(row, xs, places, ndim, params)
    xs = [_sanitise(row, verbs, x, places[i]) for i, x in enumerate(xs)]
    batched = Batched(count, tuple(isinstance(x, Lane) for x in xs))
    plain = {k: _padded(v) for k, v in params.items()}
    if not any(batched.inputs):
        data = row.fn(verbs, *xs, **plain)
        data = verbs.broadcast(data, (count, *data.shape), tuple(range(1, ndim + 1)))
        return Lane(data, sizes)
    arrays = [_aligned(row, verbs, x, n, ndim, count) for x, n in zip(xs, ndims, strict=True)]
    plain = row.batch(batched, **plain) if row.batch else plain
    return Lane(row.fn(verbs, *arrays, **plain), sizes, _still_known(row, xs))


# ----- where the ragged dims go -----
def _dims(x):
    """`(size, lengths)` of each dim of one example; lengths is None where all examples agree."""
    if isinstance(x, Lane):
        return list(zip(x.data.shape[1:], x.sizes, strict=True))
    return [(n, None) for n in getattr(x, "shape", ())]


def _sizes(row, xs, places, ndim, params):
    """The ragged sizes of the output."""
    sizes = [n.data if isinstance(n, Length) else None for n in params.get("shape", ())]
    sizes = sizes or [None] * ndim
    for x, goes in zip(xs, places, strict=True):
        for (_, lengths), place in zip(_dims(x), goes, strict=True):
            if lengths is None:
                continue
            if place is not None:
                sizes[place] = _merge(sizes[place], lengths)
            elif row.identity is None:
                raise _cannot("merges or splits a ragged dim")
    for x, goes in zip(xs, places, strict=True):
        for (n, lengths), place in zip(_dims(x), goes, strict=True):
            if place is not None and sizes[place] is not None and lengths is None and n != 1:
                raise Refused(
                    f"met a ragged dim with lengths {_told(sizes[place])} and a dim of size {n} "
                    "that all examples share; they do not match"
                )
    return sizes


def _merge(known, own):
    if known is None or agree(known, own):
        return own
    raise Refused(
        f"met two ragged dims that do not match, with lengths {_told(known)} and {_told(own)}; "
        "batch these examples together, or reduce one of them first"
    )


def _told(lengths):
    return str(lengths.tolist()) if hasattr(lengths, "tolist") else str(lengths)


def _refuse_moves(row, xs, params):
    """Moving entries along a ragged dim needs each example's own index: not in this table yet."""
    moved = row.moves(**params) if row.moves else ()
    for x in xs:
        if any(
            axis in moved for axis, own in enumerate(getattr(x, "sizes", ())) if own is not None
        ):
            raise _cannot("moves entries along a ragged dim")


def _cannot(why):
    return Refused(
        f"{why}, which has no mask rule yet; apply it to the other dims, or reduce the ragged one"
    )


# ----- dead entries -----
def _sanitise(row, verbs, x, goes):
    if not isinstance(x, Lane) or all(n is None for n in x.sizes):
        return x
    value, axes = _replacement(row, verbs, x, goes)
    return x if value is None else refill(verbs, x, value, axes)


def _replacement(row, verbs, x, goes):
    """`(value, axes)`: what dead entries along which axes are replaced with before `row` runs."""
    everywhere = range(x.ndim)
    reduced = [a for a, n in enumerate(x.sizes) if n is not None and goes[a] is None]
    if row.kind == "bilinear":
        return 0.0, everywhere
    if row.kind == "general":
        low, high = verbs.limits(x.dtype)
        return {"lowest": low, "highest": high}[row.identity], everywhere
    if row.kind == "pointwise":
        harmless = all(partial in (ONE, NEG) for partial in row.d)
        return (None if harmless else row.safe), everywhere
    return (row.identity, reduced) if reduced else (None, ())


def refill(verbs, x, value, axes=None):
    """Replace dead entries along `axes` (all, if None) with `value`."""
    if x.fill is not None and x.fill == value:
        return x
    axes = range(x.ndim) if axes is None else axes
    chosen = [n if a in axes else None for a, n in enumerate(x.sizes)]
    mask = valid(verbs, chosen, x.data.shape, x.data)
    if mask is None:
        return x
    whole = [n is None for n in chosen] == [n is None for n in x.sizes]
    if x.data.dtype == verbs.bool_type:
        value = bool(value)
    return Lane(verbs.where(mask, x.data, value), x.sizes, value if whole else None)


def _still_known(row, xs):
    """Rows that only move entries leave the known filling as it is."""
    moves_only = row.kind == "linear" and row.identity is None and len(xs) == 1
    return xs[0].fill if moves_only and row.name not in ("pad", "astype") else None


# ----- the batch axis -----
def _aligned(row, verbs, x, n, ndim, count):
    """The padded data, with axes of size 1 after the batch axis where the row broadcasts."""
    if not isinstance(x, Lane):
        if row.arity is None and hasattr(
            x, "shape"
        ):  # joined to the others: give it the batch axis
            return verbs.broadcast(x, (count, *x.shape), tuple(range(1, n + 1)))
        return x
    if row.elementwise and n < ndim:
        return verbs.reshape(x.data, (count, *(1,) * (ndim - n), *x.data.shape[1:]))
    return x.data


def _padded(param):
    if isinstance(param, Length):
        return param.padded
    return tuple(map(_padded, param)) if type(param) is tuple else param


class _Token(NamedTuple):
    """A ragged size for `row.axes` to compare: equal where the lengths are."""

    number: int


def _comparable(params):
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


def size(x, axis):
    """The number of entries along `axis`: a number, or each example's own."""
    ragged = [Length(x.sizes[a], x.data.shape[a + 1]) for a in axis if x.sizes[a] is not None]
    count = math.prod(x.data.shape[a + 1] for a in axis if x.sizes[a] is None)
    for n in ragged:
        count = n if isinstance(count, int) and count == 1 else n * count
    return count
