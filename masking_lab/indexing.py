"""`x[...]` inside `f`: indices, slices and lengths are the example's own.

`x[-1]` of a ragged dim is each example's last entry, `x[1:]` is one shorter for each. An index that
an example does not have is what it is in the loop: an error on PyTorch, on JAX the nearest one.
"""

from autodiff_lab import source, xp

from .errors import MaskError
from .lane import Lane, realigned
from .masked_batch import aligned, depends, valid


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
        goes = [a if a < axis else a + 1 for a in range(x.ndim)]
        sizes = [None if n is None else realigned(n, goes) for n in x.sizes]
        return Lane(data, (*sizes[:axis], None, *sizes[axis:]), x.fill)
    if isinstance(i, slice):
        return _slice(x, axis, i)
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
    i = i.data if own is None else _lined_up(verbs, i.data, own)
    place = verbs.where(i < 0, i + size, i)
    if verbs.name == "jax":  # which takes the nearest entry
        place = verbs.where(place < 0, 0, verbs.where(place >= size, size - 1, place))
    else:
        check(x, axis, place, own, padded)
    return entry(x, axis, Lane(place, ()))


def entry(x, axis, i):
    """The i-th entries; of an example that has none, anything."""
    if not isinstance(i, Lane):
        at = (slice(None),) * (axis + 1) + (i,)
        return Lane(x.entries(axis, i), _sizes_at(x, axis, lambda n: n[at]))
    verbs = xp.of(x.data)
    place = verbs.clip(i.data, 0, max(x.data.shape[axis + 1] - 1, 0))
    data = _gathered(verbs, x.data, axis, place)
    return Lane(data, _sizes_at(x, axis, lambda n: _gathered(verbs, n, axis, place)))


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
        return Lane(x.data[at], _sizes_along(x, axis, lambda n: n[at]), x.fill)
    if s == slice(None, None, -1):
        return _by_place(x, axis, lambda i, size: size - 1 - i, own)
    if isinstance(s.step, Lane) or s.step not in (None, 1):
        raise MaskError(
            f"a slice with step {s.step} of a ragged dim at {source.here()} has no mask rule yet; "
            "go through the entries in a loop, or take x[::-1]"
        )
    verbs = xp.of(x.data)
    size = _whole(verbs, x, padded) if own is None else own
    start, stop = _bound(verbs, s.start, size, 0), _bound(verbs, s.stop, size, size)
    count = verbs.where(stop > start, stop - start, 0)
    if isinstance(s.start, (int, type(None))) and (s.start or 0) >= 0:
        at = (slice(None),) * (axis + 1) + (slice(s.start, None),)
        sizes = _sizes_along(x, axis, lambda n: n[at])
        return Lane(x.data[at], (*sizes[:axis], count, *sizes[axis + 1 :]))
    return _by_place(x, axis, lambda i, size: i + aligned(verbs, start, i.shape), count)


def _sizes_along(x, axis, moved):
    """The sizes where the entries of an axis are `moved`: those that depend on it move along."""
    return [moved(n) if depends(n, axis) else n for n in x.sizes]


def _whole(verbs, x, n):
    """The size of a dim that all examples share, one for each."""
    return verbs.broadcast(verbs.asarray(n, x.data), (x.data.shape[0],), ())


def _bound(verbs, b, size, default):
    """A bound of a slice as Python reads it: from the end if negative, and never outside."""
    b = default if b is None else b
    if b is size:
        return size
    b = _lined_up(verbs, b.data, size) if isinstance(b, Lane) else verbs.zeros_like(size) + b
    b = verbs.where(b < 0, b + size, b)
    return verbs.where(b < 0, 0, verbs.where(b > size, size, b))


def _lined_up(verbs, i, lengths):
    """One number for each example, beside lengths that may depend on outer dims."""
    return verbs.reshape(i, (*i.shape, *(1,) * (lengths.ndim - i.ndim)))


def _by_place(x, axis, place, count):
    """The entries at `place(i, size)` for each i along an axis; `count` of them are real."""
    verbs, own = xp.of(x.data), x.sizes[axis]
    wide = "int64" if verbs.name == "torch" else "int32"

    def moved(data):
        shape = tuple(data.shape)
        size = shape[axis + 1] if own is None else aligned(verbs, own, shape)
        index = place(verbs.arange(shape, axis + 1, wide, x.data), size)
        index = verbs.clip(index, 0, max(shape[axis + 1] - 1, 0))
        return verbs.take_along(data, index, axis + 1)

    sizes = _sizes_along(x, axis, moved)
    return Lane(moved(x.data), (*sizes[:axis], count, *sizes[axis + 1 :]))


def check(x, axis, i, own, padded):
    """An index that some example does not have."""
    size = padded if own is None else own
    bad = (i >= size) | (i < -size if isinstance(i, int) else i < 0)
    if own is not None and own.ndim > 1:  # only where there is an outer entry
        verbs = xp.of(own)
        outer = valid(verbs, x.sizes[: own.ndim - 1], own.shape, own)
        bad = bad if outer is None else bad & outer
    try:
        wrong = bad if isinstance(bad, bool) else bool(bad.any())
    except Exception:  # under tracing nobody knows
        return
    if wrong:
        where = "" if isinstance(bad, bool) else f" on examples {_numbers(bad)}"
        told = i if isinstance(i, int) else i.tolist()
        raise IndexError(f"index {told} is out of bounds for dim {axis}{where}")


def _numbers(bad):
    return [k for k, b in enumerate(bad) if bool(b.any())]


def _without(things, axis):
    return (*things[:axis], *things[axis + 1 :])
