"""`x[i] = v` for a batch: each example writes at its own place, into a copy.

The copy takes the name's place, so nobody else who holds the old array sees the write.
"""

from autodiff_lab import source, xp

from ..errors import MaskError
from ..indexing import check
from ..lane import Lane, certainly, lanes_in, refuse_nested, shared
from ..padding import padded_to
from .items import Items
from .select import select


def as_lane(x, index):
    """A shared array that is asked for each example's own entry."""
    if isinstance(x, Lane) or hasattr(x, "takes_lanes"):
        return x
    like = next(iter(lanes_in([_parts(index)])))
    if type(x).__name__ == "_IndexUpdateHelper":  # x.at of JAX
        return as_lane(x.array, index).at
    _refuse_no_array(x)
    return shared(xp.of(like.data), like.data.shape[0], x)


def _refuse_no_array(x):
    if not hasattr(x, "shape"):
        raise MaskError(
            f"a {type(x).__name__} at {source.here()} is asked for an entry that differs between "
            "examples; make it an array"
        )


def _parts(index):
    index = index if type(index) is tuple else (index,)
    return [v for i in index for v in ((i.start, i.stop, i.step) if isinstance(i, slice) else (i,))]


def refuse_shared(x, other):
    """A tensor is written into that another name may stand for: there the write is missing."""
    if xp.of(x.data if isinstance(x, Lane) else x).name == "torch":
        raise MaskError(
            f"the write at {source.here()} would be seen through {other}, but inside autobatch it "
            "goes into a copy; write into a clone, or compute a new value: x = x + 1"
        )


def put(x, index, value):
    if isinstance(x, list):
        put_element(x, index, value)
        return x
    _refuse_no_array(x)
    lanes = list(lanes_in([x, value, _parts(index)]))
    verbs, count = xp.of(lanes[0].data), lanes[0].data.shape[0]
    if verbs.name == "jax":
        raise TypeError("JAX arrays are immutable: write x = x.at[i].set(v)")
    x = x if isinstance(x, Lane) else shared(verbs, count, x)
    if isinstance(index, Lane) and index.dtype == verbs.bool_type:
        return verbs.lib.where(index, value.to(x.dtype) if hasattr(value, "to") else value, x)
    index = index if type(index) is tuple else (index,)
    index = (*index, *(slice(None),) * (x.ndim - len(index)))
    refuse_nested("a write", [x])
    mask, kept = _mask(verbs, x, index)
    value = value if isinstance(value, Lane) else shared(verbs, count, value, x.data)
    if value.ndim > len(kept):
        raise ValueError(f"a value with {value.ndim} dims is written to a place with {len(kept)}")
    shape = [1] * x.ndim
    for a, axis in enumerate(kept[len(kept) - value.ndim :]):
        value = _fitted(verbs, x, axis, index[axis], value, a)
        shape[axis] = value.data.shape[a + 1]
    data = verbs.astype(verbs.reshape(value.data, (count, *shape)), x.dtype)
    new = data if mask is None else verbs.where(mask, data, x.data)
    return Lane(verbs.broadcast(new, tuple(x.data.shape), tuple(range(x.data.ndim))), x.sizes)


def put_element(x, i, value):
    """`x[i] = value` of a list: a place among each example's own elements."""
    hit = hits(x, i)
    for k in columns(hit):
        list.__setitem__(x, k, select(Lane(hit[:, k], ()), value, list.__getitem__(x, k)))


def hits(x, i):
    """For each example, which element is its i-th."""
    verbs, here = _have(x, i)
    own = verbs.cumsum(verbs.astype(here, verbs.index_dtype), 1)
    size = own[:, -1]
    if isinstance(i, Lane):
        i = verbs.where(i.data < 0, i.data + size, i.data)
    check(None, 0, i, size, len(x))
    place = size + i if isinstance(i, int) and i < 0 else i
    return here & (own - 1 == (place if isinstance(place, int) else place[:, None]))


def _have(x, i):
    """For each example, which of the elements it has."""
    if isinstance(x, Items):
        x.spread()
        if x.ragged:
            return x.masks
    verbs = xp.of(i.data)
    return verbs, verbs.ones((i.data.shape[0], len(x)), verbs.bool_type, i.data)


def columns(hit):
    """The columns where something is; all of them where nobody knows."""
    try:
        return [k for k, yes in enumerate(hit.any(0).tolist()) if yes]
    except Exception:  # under tracing and vmap
        return range(hit.shape[1])


def _mask(verbs, x, index):
    """Which entries are written, and the axes that the value has."""
    mask, kept = None, []
    for axis, i in enumerate(index):
        if isinstance(i, slice):
            kept.append(axis)
            if i == slice(None):
                continue
        place = verbs.arange(tuple(x.data.shape), axis + 1, verbs.index_dtype, x.data)
        own = _own(verbs, x, axis, i, place)
        mask = own if mask is None else mask & own
    return mask, kept


def _own(verbs, x, axis, i, place):
    size = x.shape[axis]
    if isinstance(i, slice):
        if i.step not in (None, 1) or i.start not in (None, 0):
            raise MaskError(
                f"writing to a slice at {source.here()} that does not start at 0, or has a step, "
                "has no mask rule yet; write the entries in a loop"
            )
        return place < _spread(verbs, x, _count(verbs, x, axis, i))
    i = size + i if isinstance(i, int) and i < 0 else i
    return place == _spread(verbs, x, i.data if isinstance(i, Lane) else i)


def _spread(verbs, x, n):
    """A number of each example beside the entries of `x`."""
    return n if isinstance(n, int) else verbs.reshape(n, (n.shape[0],) + (1,) * x.ndim)


def _count(verbs, x, axis, s):
    """How many entries a slice from the start has: a number, or each example's own."""
    size = x.data.shape[axis + 1] if x.sizes[axis] is None else x.sizes[axis]
    stop = s.stop.data if isinstance(s.stop, Lane) else s.stop
    if stop is None:
        return size
    if isinstance(stop, int) and isinstance(size, int):
        return max(0, min(size, stop + size if stop < 0 else stop))
    stop, size = (n + 0 * (size if isinstance(stop, int) else stop) for n in (stop, size))
    stop = verbs.where(stop < 0, stop + size, stop)
    return verbs.clip(verbs.where(stop > size, size, stop), 0, None)


def _fitted(verbs, x, axis, i, value, a):
    """The value padded like `x` along an axis, if it has as many entries as are written."""
    own = value.data.shape[a + 1] if value.sizes[a] is None else value.sizes[a]
    if isinstance(own, int) and own == 1:
        return value
    wanted = _count(verbs, x, axis, i)
    differ = own != wanted
    if differ if isinstance(differ, bool) else certainly(differ.any()):
        raise ValueError(
            f"{_told(own)} entries are written to a place for {_told(wanted)} at {source.here()}"
        )
    return padded_to(verbs, value, a, x.data.shape[axis + 1])


def _told(n):
    return n if isinstance(n, int) else n.tolist()
