"""`x[...]` inside `f`: indices, slices and lengths are the example's own.

`x[-1]` of a ragged dim is each example's last entry, `x[1:]` is one shorter for each. An index that
an example does not have is what it is in the loop: an error on PyTorch, on JAX the nearest one.
"""

import numpy as np

from autodiff_lab import source, xp

from . import arrays
from .batches.masked_batch import aligned, depends, realigned, valid
from .errors import MaskError
from .lane import WATCHING, Lane, Length, certainly, examples_where, lined_up
from .on_jax.trip import Trip
from .rules.along import Along


def getitem(x, index):
    """`x[index]` of a lane, from the last dim to the first: so the axes keep their places."""
    index = _spelled_out(x, index if type(index) is tuple else (index,))
    if any(arrays.is_array(i) for i in index):
        return arrays.getitem(x, index)
    axis = x.ndim
    for i in reversed(index):
        if i is not None:
            axis -= 1
        x = _along(x, axis, i)
    return x


def _spelled_out(x, index):
    """One entry per dim, and a None for each new one."""
    taken = sum(_width(i) for i in index)
    if taken > x.ndim:
        raise IndexError(f"too many indices: {taken} for {x!r}")
    rest = (slice(None),) * (x.ndim - taken)
    dots = [k for k, i in enumerate(index) if i is Ellipsis]
    at = dots[0] if dots else len(index)
    return (*index[:at], *rest, *index[at + 1 :])


def _width(i):
    """How many dims an index takes: a mask has its own."""
    if i is None or i is Ellipsis:
        return 0
    return len(i.shape) if str(getattr(i, "dtype", "")).endswith("bool") else 1


def _along(x, axis, i):
    if i is None:
        shape = (*x.data.shape[: axis + 1], 1, *x.data.shape[axis + 1 :])
        data = xp.of(x.data).reshape(x.data, shape)
        goes = [a if a < axis else a + 1 for a in range(x.ndim)]
        sizes = [None if n is None else realigned(n, goes) for n in x.sizes]
        return Lane(data, (*sizes[:axis], None, *sizes[axis:]), x.fill)
    if isinstance(i, slice):
        return _slice(x, axis, i)
    if isinstance(i, Trip) and i.reaches(x, axis):
        return entry(x, axis, i)
    if isinstance(i, Lane) and i.ndim == 0:
        return _own_entry(x, axis, i)
    if isinstance(i, (int, np.integer)) and not isinstance(i, bool):
        return _entry(x, axis, int(i))
    verbs = xp.of(i)
    if verbs is None or verbs.is_inexact(i.dtype) or i.dtype == verbs.bool_type:
        raise MaskError(f"{i!r} is not an index ({source.here()})")
    return _own_entry(x, axis, Lane(verbs.broadcast(i, (x.data.shape[0],), ()), ()))


def _entry(x, axis, i):
    own, padded = x.sizes[axis], x.data.shape[axis + 1]
    if own is not None and (i < 0 or xp.of(x.data).name == "jax"):
        return _own_entry(x, axis, Lane(own * 0 + i, ()))
    check(x, axis, i, own, padded)
    return entry(x, axis, i)


def _own_entry(x, axis, i):
    """Each example's own index."""
    own, padded = x.sizes[axis], x.data.shape[axis + 1]
    verbs = xp.of(x.data)
    size = padded if own is None else own
    i = i.data if own is None else lined_up(verbs, i.data, own.ndim)
    place = verbs.where(i < 0, i + size, i)
    if verbs.name == "jax":  # which takes the nearest entry
        place = verbs.where(place < 0, 0, verbs.where(place >= size, size - 1, place))
    else:
        check(x, axis, place, own, padded)
    return entry(x, axis, Lane(place, ()))


def is_place(i):
    """Is it each example's own whole number?"""
    if not isinstance(i, Lane) or i.ndim or i.data.ndim != 1:
        return False
    verbs = xp.of(i.data)
    return not verbs.is_inexact(i.data.dtype) and i.data.dtype != verbs.bool_type


def entry_of_shared(x, i):
    """Each example's own entry of an array that all share: a row of a table of words, say.

    The table is read where it is. As each example's own it would be there once for each of them,
    and so would its cotangent.
    """
    verbs, n = xp.of(x), x.shape[0]
    place = verbs.where(i.data < 0, i.data + n, i.data)
    if verbs.name == "torch":
        check(None, 0, place, None, n)
    place = verbs.clip(place, 0, max(n - 1, 0))  # as JAX does, which takes the nearest
    return Lane(verbs.take_at(x, place), (None,) * (len(x.shape) - 1))


def entry(x, axis, i):
    """The i-th entries; of an example that has none, anything."""
    if isinstance(i, Trip) and i.reaches(x, axis):
        return Lane(x.entries(axis, i), _sizes_at(x, axis, None), weak=x.weak)
    if not isinstance(i, Lane):
        at = (slice(None),) * (axis + 1) + (i,)
        y = Lane(x.entries(axis, i), _sizes_at(x, axis, lambda n: n[at]), weak=x.weak)
        if WATCHING:
            WATCHING[-1].did("entry", _taken, {"axis": axis + 1, "place": i}, [x], y)
        return y
    verbs = xp.of(x.data)
    place = verbs.clip(i.data, 0, max(x.data.shape[axis + 1] - 1, 0))
    data = _gathered(verbs, x.data, axis, place)
    sizes = _sizes_at(x, axis, lambda n: _gathered(verbs, n, axis, place))
    return Lane(data, sizes, weak=x.weak)


def _taken(xp, x, axis, place):
    return x.select(axis, place)


def _cut(xp, x, at):
    return x[at]


def squeezed(x, axis):
    """A dim of one entry goes: the same memory, and so its cotangent is.

    As the entry 0 it would be copied, and its cotangent put in its place among zeros.
    """
    y = Lane(x.data.squeeze(axis + 1), _sizes_at(x, axis, None), x.fill)
    if WATCHING:
        WATCHING[-1].did("squeezed", _squeezed, {"axis": axis + 1}, [x], y)
    return y


def _squeezed(xp, x, axis):
    return x.squeeze(axis)


def _gathered(verbs, data, axis, place):
    """The entries of a dim at each example's own place, without that dim."""
    shape = tuple(data.shape)
    one = (*shape[: axis + 1], 1, *shape[axis + 2 :])
    data = verbs.take_along(data, aligned(verbs, place, one), axis + 1)
    return verbs.reshape(data, _without(shape, axis + 1))


def _sizes_at(x, axis, taken):
    """The sizes of the other dims where `axis` is taken away; `taken` does it to an array."""
    goes = [a if a < axis else a - 1 for a in range(x.ndim)]
    sizes = [
        n if n is None or n.ndim == 1 else taken(n) if depends(n, axis) else realigned(n, goes)
        for n in x.sizes
    ]
    return _without(sizes, axis)


def _slice(x, axis, s):
    """A slice; of a ragged dim, or with bounds that differ, each example's own."""
    if s == slice(None):
        return x
    own, padded = x.sizes[axis], x.data.shape[axis + 1]
    if own is None and not any(isinstance(v, Lane) for v in (s.start, s.stop, s.step)):
        at = (slice(None),) * (axis + 1) + (s,)
        sizes = [n[at] if depends(n, axis) else n for n in x.sizes]
        y = Lane(x.data[at], sizes, x.fill)
        if WATCHING:
            WATCHING[-1].did("slice", _cut, {"at": at}, [x], y)
        return y
    if s == slice(None, None, -1):
        m = Along(None, xp.of(x.data), x.data.shape[0], (x,), {})
        return m.read(x, {axis: lambda i, n: n - 1 - i})
    verbs, step = xp.of(x.data), 1 if s.step is None else s.step
    if not isinstance(step, int) or step < 1:
        raise MaskError(
            f"a slice with step {s.step} of a ragged dim at {source.here()} has no mask rule yet; "
            "take x[::-1] first, or go through the entries in a loop"
        )
    size = Length(_whole(verbs, x, padded) if own is None else own, padded, x.sizes)
    plain = isinstance(s.start, int) and s.start >= 0  # beyond the end nothing is left
    start = min(s.start, padded) if plain else _bound(s.start, size, 0)
    stop = _bound(s.stop, size, size)
    m = Along(None, verbs, x.data.shape[0], (x,), {})
    return m.cut(x, axis, start, stop, step)


def _whole(verbs, x, n):
    """The size of a dim that all examples share, one for each."""
    return verbs.broadcast(verbs.asarray(n, x.data), (x.data.shape[0],), ())


def _bound(b, size, default):
    """A bound of a slice as Python reads it: from the end if negative, and never outside."""
    verbs, n = xp.of(size.data), size.padded
    if b is None:
        return default
    last = n if isinstance(b, Lane) else max(0, min(n, b + n if b < 0 else b))
    b = b.data if isinstance(b, Lane) else _whole(verbs, size, b)
    b = lined_up(verbs, b, size.data.ndim)
    b = verbs.where(b < 0, b + size.data, b)
    b = verbs.where(b < 0, 0, verbs.where(b > size.data, size.data, b))
    return Length(b, last, size.sizes)


def check(x, axis, i, own, padded):
    """An index that some example does not have."""
    size = padded if own is None else own
    bad = (i >= size) | (i < -size if isinstance(i, int) else i < 0)
    if own is not None and own.ndim > 1:  # only where there is an outer entry
        verbs = xp.of(own)
        outer = valid(verbs, x.sizes[: own.ndim - 1], own.shape, own)
        bad = bad if outer is None else bad & outer
    if bad if isinstance(bad, bool) else certainly(bad.any()):
        where = "" if isinstance(bad, bool) else f" on examples {examples_where(bad)}"
        told = i if isinstance(i, int) else i.tolist()
        raise IndexError(f"index {told} is out of bounds for dim {axis}{where}")


def _without(things, axis):
    return (*things[:axis], *things[axis + 1 :])
