"""`x[...]` inside `f`: indices, slices and lengths are the example's own.

`x[-1]` of a ragged dim is each example's last entry, `x[1:]` is one shorter for each. An index that
an example does not have is what it is in the loop: an error on PyTorch, on JAX the nearest one.
"""

from autodiff_lab import source, xp

from .errors import MaskError
from .lane import Lane, Length
from .trip import Trip


def getitem(x, index):
    """`x[index]` of a lane, from the last dim to the first: so the axes keep their places."""
    index = _spelled_out(x, index if type(index) is tuple else (index,))
    axis = x.ndim
    for i in reversed(index):
        if i is not None:
            axis -= 1
        x = _along(x, axis, i)
    return x


def _spelled_out(x, index):
    """One entry per dim, and a None for each new one."""
    taken = len([i for i in index if i is not None and i is not Ellipsis])
    if taken > x.ndim:
        raise IndexError(f"too many indices: {taken} for {x!r}")
    rest = (slice(None),) * (x.ndim - taken)
    dots = [k for k, i in enumerate(index) if i is Ellipsis]
    at = dots[0] if dots else len(index)
    return (*index[:at], *rest, *index[at + 1 :])


def _along(x, axis, i):
    if i is None:
        shape = (*x.data.shape[: axis + 1], 1, *x.data.shape[axis + 1 :])
        data = xp.of(x.data).reshape(x.data, shape)
        return Lane(data, (*x.sizes[:axis], None, *x.sizes[axis:]), x.fill)
    if isinstance(i, slice):
        return _slice(x, axis, i)
    if isinstance(i, Trip) and i.reaches(x):
        return entry(x, axis, i)
    if isinstance(i, Lane) and i.ndim == 0:
        return _own_entry(x, axis, i)
    if isinstance(i, int) and not isinstance(i, bool):
        return _entry(x, axis, i)
    raise MaskError(
        f"an array as an index at {source.here()} has no mask rule yet; go through it in a loop"
    )


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
    place = verbs.where(i.data < 0, i.data + size, i.data)
    if verbs.name == "jax":  # which takes the nearest entry
        place = verbs.where(place < 0, 0, verbs.where(place >= size, size - 1, place))
    else:
        check(x, axis, place, own, padded)
    return entry(x, axis, Lane(place, ()))


def entry(x, axis, i):
    """The i-th entries; of an example that has none, anything."""
    sizes = _without(x.sizes, axis)
    if not isinstance(i, Lane) or (isinstance(i, Trip) and i.reaches(x)):
        return Lane(x.entries(axis, i), sizes)
    verbs, shape = xp.of(x.data), tuple(x.data.shape)
    place = verbs.clip(i.data, 0, max(shape[axis + 1] - 1, 0))
    one = (*shape[: axis + 1], 1, *shape[axis + 2 :])
    place = verbs.broadcast(place, one, (0,))
    data = verbs.take_along(x.data, place, axis + 1)
    return Lane(verbs.reshape(data, _without(shape, axis + 1)), sizes)


def _slice(x, axis, s):
    """A slice; of a ragged dim, or with bounds that differ, each example's own."""
    if s == slice(None):
        return x
    own, padded = x.sizes[axis], x.data.shape[axis + 1]
    if own is None and not any(isinstance(v, Lane) for v in (s.start, s.stop, s.step)):
        data = x.data[(slice(None),) * (axis + 1) + (s,)]
        return Lane(data, x.sizes, x.fill)
    if s == slice(None, None, -1):
        return _by_place(x, axis, lambda i, size: size - 1 - i, own)
    if isinstance(s.step, Lane) or s.step not in (None, 1):
        raise MaskError(
            f"a slice with step {s.step} of a ragged dim at {source.here()} has no mask rule yet; "
            "go through the entries in a loop, or take x[::-1]"
        )
    verbs = xp.of(x.data)
    size = Length(_whole(verbs, x, padded) if own is None else own, padded)
    start, stop = _bound(s.start, size, 0), _bound(s.stop, size, size)
    count = verbs.where(stop.data > start.data, stop.data - start.data, 0)
    if isinstance(s.start, (int, type(None))) and (s.start or 0) >= 0:
        data = x.data[(slice(None),) * (axis + 1) + (slice(s.start, None),)]
        return Lane(data, (*x.sizes[:axis], count, *x.sizes[axis + 1 :]))
    return _by_place(x, axis, lambda i, size: i + _along_axis(verbs, start.data, x, axis), count)


def _whole(verbs, x, n):
    """The size of a dim that all examples share, one for each."""
    return verbs.broadcast(verbs.asarray(n, x.data), (x.data.shape[0],), ())


def _bound(b, size, default):
    """A bound of a slice as Python reads it: from the end if negative, and never outside."""
    verbs = xp.of(size.data)
    b = default if b is None else b
    b = b.data if isinstance(b, Lane) else _whole(verbs, size, b)
    b = verbs.where(b < 0, b + size.data, b)
    return Lane(verbs.where(b < 0, 0, verbs.where(b > size.data, size.data, b)), ())


def _by_place(x, axis, place, count):
    """The entries at `place(i, size)` for each i along an axis; `count` of them are real."""
    verbs, shape = xp.of(x.data), tuple(x.data.shape)
    own, padded = x.sizes[axis], shape[axis + 1]
    size = padded if own is None else _along_axis(verbs, own, x, axis)
    index = verbs.arange(shape, axis + 1, "int64" if verbs.name == "torch" else "int32", x.data)
    index = verbs.clip(place(index, size), 0, max(padded - 1, 0))
    data = verbs.take_along(x.data, index, axis + 1)
    return Lane(data, (*x.sizes[:axis], count, *x.sizes[axis + 1 :]))


def _along_axis(verbs, n, x, axis):
    return verbs.broadcast(n, tuple(x.data.shape), (0,))


def check(x, axis, i, own, padded):
    """An index that some example does not have."""
    size = padded if own is None else own
    bad = (i >= size) | (i < -size if isinstance(i, int) else i < 0)
    try:
        wrong = bad if isinstance(bad, bool) else bool(bad.any())
    except Exception:  # under tracing nobody knows
        return
    if wrong:
        where = "" if isinstance(bad, bool) else f" on examples {_numbers(bad)}"
        told = i if isinstance(i, int) else i.tolist()
        raise IndexError(f"index {told} is out of bounds for dim {axis}{where}")


def _numbers(bad):
    return [k for k, b in enumerate(bad.tolist()) if b]


def _without(things, axis):
    return (*things[:axis], *things[axis + 1 :])
