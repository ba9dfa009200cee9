"""lax's gather, scatter and dynamic slices under a mask: how JAX reads and writes by place.

An example's own size decides which index is outside, and what happens then is what JAX's mode says:
the nearest entry, a filling, or nothing. Examples are one more batch dim of lax's own.
"""

from ..batches.masked_batch import valid
from ..lane import Lane, Length, refill


def gather(m, x, index, how):
    batched = isinstance(x, Lane)
    index = refill(m.verbs, m.lane(index, m.like), 0)
    lengths = [m.size(x, a) for a in range(x.ndim)] if batched else list(x.shape)
    if index.ndim == 1 and not how.batch:
        return _one_block(m, x, index, lengths, how)
    _check(m, x, lengths, how.sizes, how)
    rooms = [_minus(lengths[a], how.sizes[a]) for a in how.targets]
    clipped, outside = _inside(m, index.data, rooms, how)
    data = x.data if batched else x
    how_many = _with_examples(how, batched, index.ndim)
    padded = tuple(n.padded if isinstance(n, Length) else n for n in how.sizes)
    if batched:
        padded = (1, *padded)
    y = m.verbs.lax_gather(data, clipped, how_many._replace(sizes=padded))
    sizes = _result_sizes(m, index, how, [getattr(n, "data", None) for n in how.sizes], y.ndim - 1)
    if "FILL" in str(how.mode):
        kept = iter(outside.shape)
        shape = [1 if a - 1 in how.window else next(kept) for a in range(y.ndim)]
        fill = _filling(m.verbs, y.dtype, how.fill)
        y = m.verbs.where(m.verbs.reshape(outside, tuple(shape)), fill, y)
    return Lane(y, sizes)


def _one_block(m, x, index, lengths, how):
    """One index for the example: a dynamic slice, without the axes of which it has one entry."""
    start = [0] * len(lengths)
    for k, axis in enumerate(how.targets):
        start[axis] = Lane(index.data[:, k], ())
    y = dynamic_slice(m, x, start, how.sizes)
    if "FILL" in str(how.mode) and how.targets:
        rooms = [_minus(lengths[a], how.sizes[a]) for a in how.targets]
        outside = m.spread(Lane(_inside(m, index.data, rooms, how)[1], ()), y.ndim)
        y = Lane(m.verbs.where(outside, _filling(m.verbs, y.dtype, how.fill), y.data), y.sizes)
    kept = [a for a in range(y.ndim) if a not in how.single]
    shape = (m.count, *(y.data.shape[a + 1] for a in kept))
    return Lane(m.verbs.reshape(y.data, shape), [y.sizes[a] for a in kept])


def scatter(m, x, index, b, how, add):
    """Dead updates get an index that is outside, and are dropped."""
    verbs, x = m.verbs, m.lane(x)
    index, b = m.lane(index, m.like), m.lane(b, m.like)
    lengths = [m.size(x, a) for a in range(x.ndim)]
    window = iter(how.window)
    block = [1 if a in (*how.single, *how.batch) else b.shape[next(window)] for a in range(x.ndim)]
    _check(m, x, lengths, block, how)
    live = valid(verbs, index.sizes[:-1], tuple(index.data.shape[:-1]), index.data)
    data = refill(verbs, index, 0).data
    rooms = [_minus(lengths[a], block[a]) for a in how.targets]
    clipped, outside = _inside(m, data, rooms, how)
    data = clipped if "CLIP" in str(how.mode) else data
    outside = outside & ("CLIP" not in str(how.mode))
    dead = outside if live is None else outside | ~live
    if not how.targets:
        dead, data = None, data
    data = data if dead is None else verbs.where(dead[..., None], _FAR, data)
    b = _fitted(m, x, b, how)
    lax = __import__("jax").lax
    how = _with_examples(how, True, index.ndim)._replace(
        mode=lax.GatherScatterMode.FILL_OR_DROP, sorted=False, unique=False
    )
    put = verbs.lax_add if add else verbs.lax_put
    return Lane(put(x.data, data, b, how), x.sizes)


_FAR = 2**30


def _fitted(m, x, b, how):
    """The updates, no wider than the operand is padded."""
    kept = [a for a in range(x.ndim) if a not in (*how.single, *how.batch)]
    data = b.data
    for place, axis in zip(how.window, kept, strict=True):
        if data.shape[place + 1] > x.data.shape[axis + 1]:
            data = data[(slice(None),) * (place + 1) + (slice(x.data.shape[axis + 1]),)]
    return data


def _check(m, x, lengths, block, how):
    """Along a ragged dim a block is one entry at an index, or all of it."""
    for axis, (n, k) in enumerate(zip(lengths, block, strict=True)):
        whole = isinstance(n, Length) and isinstance(k, Length) and n.same(k)
        if isinstance(k, Length) and not (whole and axis not in how.targets):
            known = axis in how.targets and whole  # it starts at 0: there is no other room
            if not known:
                m.refuse("takes a block of ragged size")
        if isinstance(n, Length) and isinstance(k, int) and axis not in how.targets:
            if axis not in how.batch:
                m.refuse("takes a block from the start of a ragged dim")


def _minus(n, k):
    """The last index at which a block of k entries begins."""
    if not isinstance(n, Length) and not isinstance(k, Length):
        return n - k
    own = [v.data if isinstance(v, Length) else v for v in (n, k)]
    return Length(own[0] - own[1], n.padded if isinstance(n, Length) else n)


def _inside(m, index, rooms, how):
    """The index where it is inside, the nearest one elsewhere; and where it is not."""
    parts, outside = [], None
    for k, room in enumerate(rooms):
        i, last = index[..., k], m.spread(room, index.ndim - 2)
        bad = (i < 0) | (i > last)
        outside = bad if outside is None else outside | bad
        parts.append(m.verbs.clip(m.verbs.where(i > last, last, i), 0, None))
    if not parts:
        return index, m.verbs.zeros(index.shape[:-1], m.verbs.bool_type, index)
    return m.verbs.lib.stack(parts, -1).astype(index.dtype), outside


def _with_examples(how, batched, index_ndim):
    """The dimension numbers with the examples as a batch dim of index and result, and of x."""
    window = tuple(a + 1 for a in how.window)
    if not batched:
        return how._replace(window=window, sorted=False, unique=False)
    up = {name: tuple(a + 1 for a in getattr(how, name))
          for name in ("single", "targets", "batch", "index_batch")}  # fmt: skip
    up["batch"], up["index_batch"] = (0, *up["batch"]), (0, *up["index_batch"])
    return how._replace(window=window, sorted=False, unique=False, **up)


def _result_sizes(m, index, how, block, ndim):
    kept = [n for a, n in enumerate(block) if a not in (*how.single, *how.batch)]
    lead, window = iter(index.sizes[:-1]), iter(kept)
    return [next(window) if a in how.window else next(lead) for a in range(ndim)]


def _filling(verbs, dtype, fill):
    if fill is not None:
        return verbs.astype(verbs.lib.asarray(fill), dtype)
    if verbs.is_inexact(dtype):
        return float("nan")
    low, high = verbs.limits(dtype)
    return high if str(dtype).startswith(("uint", "bool")) else low


# ----- a block whose first corner is computed -----
def dynamic_slice(m, x, start, size):
    x = m.lane(x, m.like)
    for axis, (s, n) in enumerate(zip(start, size, strict=True)):
        whole = m.size(x, axis)
        if whole.same(n) if isinstance(whole, Length) else whole is n or whole == n:
            continue
        first = _corner(m, s, _minus(whole, n), x.ndim)
        x = m.read(x, {axis: lambda i, _, first=first: first + i}, {axis: n})
    return x


def dynamic_update_slice(m, x, b, start):
    x, b = m.lane(x, m.like), m.lane(b, m.like)
    inside = None
    for axis, s in enumerate(start):
        n, k = m.size(x, axis), m.size(b, axis)
        if isinstance(k, Length) and not (isinstance(n, Length) and n.same(k)):
            m.refuse("writes a block of ragged size")
        first = _corner(m, s, _minus(n, k), x.ndim)
        i = m.places(x.data.shape[axis + 1], axis, x.ndim)
        size = m.spread(k, x.ndim)
        here = (i >= first) & (i < first + size)
        inside = here if inside is None else inside & here
        b = m.read(b, {axis: lambda i, _, first=first: i - first}, {axis: n})
    y = b.data if inside is None else m.verbs.where(inside, b.data, x.data)
    return Lane(y, x.sizes)


def _corner(m, s, room, ndim):
    """Where a block begins; lax moves it inside."""
    s, room = m.spread(s, ndim) if isinstance(s, Lane) else s, m.spread(room, ndim)
    s = m.verbs.where(s > room, room, s)
    return m.verbs.clip(s, 0, None)
