"""The mask rules, derived from the rows of autodiff_lab's table.

To apply a row to lanes:

1. the row says where each axis of each input goes (`row.axes`): this moves the ragged dims;
2. dead entries are replaced *before* the operation wherever they could do harm, in the value or in
   the gradient: by `identity` where a ragged dim is reduced, by `safe` where a non-linear row reads
   them, by zero where a bilinear row does. Sanitising inputs, not outputs, is what keeps gradients
   clean: 0 * inf is NaN, so a `where` behind the operation comes too late;
3. the row itself runs on the padded data, its parameters shifted by one for the batch axis.
"""

from typing import NamedTuple

from autodiff_lab import source
from autodiff_lab.table.row import NEG, ONE, unchanged

from . import along
from .errors import MaskError
from .lane import Lane, Length, agree, realigned, refill
from .masked_batch import told


class Batched(NamedTuple):
    """What `row.batch` asks: how many examples, and which inputs carry them."""

    size: int
    inputs: tuple


class Refused(Exception):
    """Why a row cannot run under a mask; `apply` adds the row's name and the line."""


def apply(row, verbs, count, xs, params, place=source.here):
    """`row(*xs, **params)` for `count` examples at once. Inputs that are not lanes are shared."""
    try:
        if row.along is not None and along.concerns(row, xs, params):
            return row.along(along.Along(row, verbs, count, xs, params), *xs, **params)
        return _apply(row, verbs, count, xs, params)
    except Refused as why:
        raise MaskError(f"{row.name} at {place()} {why}") from None


def _apply(row, verbs, count, xs, params):
    ndims = [len(_dims(x)) for x in xs]
    if row.axes is None:
        raise _cannot("chooses entries by their place")
    places, ndim = row.axes(ndims, **comparable(params))
    _refuse_moves(row, xs, params)
    sizes = _sizes(row, xs, places, ndim, params)
    xs = [_sanitise(row, verbs, x, places[i]) for i, x in enumerate(_promoted(row, verbs, xs))]
    batched = Batched(count, tuple(isinstance(x, Lane) for x in xs))
    plain = {k: padded(v) for k, v in params.items()}
    if not any(batched.inputs):
        data = row.fn(verbs, *xs, **plain)
        data = verbs.broadcast(data, (count, *data.shape), tuple(range(1, ndim + 1)))
        return Lane(data, sizes)
    arrays = [_aligned(row, verbs, x, n, ndim, count) for x, n in zip(xs, ndims, strict=True)]
    plain = row.batch(batched, **plain) if row.batch else plain
    y = row.fn(verbs, *arrays, **plain)
    if row.outputs != 1:
        return tuple(Lane(part, sizes) for part in y)
    result = Lane(y, sizes, _still_known(row, xs, y, sizes))
    result.weak = all(x.weak if isinstance(x, Lane) else not hasattr(x, "shape") for x in xs)
    return result


# ----- where the ragged dims go -----
def _dims(x):
    """`(size, lengths)` of each dim of one example; lengths is None where all examples agree."""
    if isinstance(x, Lane):
        return list(zip(x.data.shape[1:], x.sizes, strict=True))
    return [(n, None) for n in getattr(x, "shape", ())]


def _sizes(row, xs, places, ndim, params):
    """The ragged sizes of the output. A negative place is an index that is summed away."""
    found = _given(params.get("shape", ()))
    for x, goes in zip(xs, places, strict=True):
        for (_, lengths), place in zip(_dims(x), goes, strict=True):
            if lengths is None:
                continue
            if place is not None:
                lengths = lengths if lengths.ndim == 1 else _nested(lengths, place, goes, ndim)
                found[place] = _merge(found.get(place), lengths)
            elif row.identity is None:
                raise _cannot("merges or splits a ragged dim")
    for x, goes in zip(xs, places, strict=True):
        for (n, lengths), place in zip(_dims(x), goes, strict=True):
            if place in found and lengths is None and n != 1:
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
def _sanitise(row, verbs, x, goes):
    if not isinstance(x, Lane) or all(n is None for n in x.sizes):
        return x
    value, axes = _replacement(row, verbs, x, goes)
    return x if value is None else refill(verbs, x, value, axes)


def _replacement(row, verbs, x, goes):
    """`(value, axes)`: what dead entries along which axes are replaced with before `row` runs."""
    everywhere = range(x.ndim)
    gone = [place is None or place < 0 for place in goes]
    reduced = [a for a, n in enumerate(x.sizes) if n is not None and gone[a]]
    if row.kind == "bilinear":
        return 0.0, everywhere
    if row.kind == "general" and row.identity is not None:
        low, high = verbs.limits(x.dtype)
        return {"lowest": low, "highest": high}.get(row.identity, row.identity), everywhere
    if row.kind == "general":
        return row.safe, everywhere
    if row.kind == "pointwise":
        harmless = all(partial in (ONE, NEG) for partial in row.d)
        return (None if harmless else row.safe), everywhere
    if row.axes is unchanged and row.identity is not None:  # a running sum keeps its axis
        return row.identity, everywhere
    return (row.identity, reduced) if reduced else (None, ())


def _still_known(row, xs, y, sizes):
    """A row that only moves entries leaves the filling as it is, unless new dead entries appear."""
    moves_only = row.kind == "linear" and row.identity is None and row.moves is None
    if not moves_only or len(xs) != 1 or y.dtype != xs[0].dtype:
        return None
    before, after = (len([n for n in ns if n is not None]) for ns in (xs[0].sizes, sizes))
    return xs[0].fill if before == after else None


# ----- dtypes: a batch of scalars has a dim, but must not promote as if an example had it -----
def _promoted(row, verbs, xs):
    """Cast what the loop would have cast: there sizes are Python's, and scalars have no dims."""
    if not row.elementwise or verbs.name != "torch":
        return xs
    lanes = [x for x in xs if isinstance(x, Lane)]
    strong = [x for x in xs if hasattr(x, "dtype") and not getattr(x, "weak", False)]
    if not strong:
        return [_cast(verbs, x, "float64") for x in xs] if row.name == "divide" else xs
    with_dims = [x for x in strong if len(x.shape) > 0]
    dtype = verbs.common_dtype([x.dtype for x in with_dims or strong])
    small = [x for x in lanes if x.weak or (x.ndim == 0 and with_dims)]
    return [_demoted(verbs, x, dtype) if any(x is s for s in small) else x for x in xs]


def _demoted(verbs, x, dtype):
    """A number beside an array of `dtype`: of a higher kind it lifts it, but no further than that.

    So says PyTorch: int32 array + int64 scalar is int32, int32 array + 0.5 is of the default dtype.
    """
    if _rank(verbs, x.dtype) <= _rank(verbs, dtype):
        return _cast(verbs, x, dtype)
    if x.weak and verbs.is_float(x.dtype):
        return _cast(verbs, x, verbs.lib.get_default_dtype())
    return x


def _rank(verbs, dtype):
    """Bools, then ints, floats and complex numbers."""
    return int(dtype != verbs.bool_type) + verbs.is_inexact(dtype) + verbs.is_complex(dtype)


def _cast(verbs, x, dtype):
    if not isinstance(x, Lane) or x.dtype in (verbs.dtype(dtype), verbs.bool_type):
        return x
    new = Lane(verbs.astype(x.data, dtype), x.sizes)
    new.weak = x.weak
    return new


# ----- the batch axis -----
def _aligned(row, verbs, x, n, ndim, count):
    """The padded data, with axes of size 1 after the batch axis where the row broadcasts."""
    if not isinstance(x, Lane):
        joined = row.arity is None and hasattr(x, "shape")  # concat, stack: all need the batch axis
        return verbs.broadcast(x, (count, *x.shape), tuple(range(1, n + 1))) if joined else x
    if row.elementwise and n < ndim:
        return verbs.reshape(x.data, (count, *(1,) * (ndim - n), *x.data.shape[1:]))
    return x.data


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
