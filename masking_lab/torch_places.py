"""PyTorch's spellings that ask for places, sizes or orders: what they mean for lanes.

Recorded for autodiff these ask PyTorch itself for an index. A lane's padding must not be chosen, so
here dead entries sort behind all others, and every size is the example's own.
"""


from autodiff_lab import source, xp
from autodiff_lab.on_torch.dims import one_axis
from autodiff_lab.table.row import ROWS, positive

from . import rules
from .along import Along
from .arrays import true_places
from .chosen import read_along
from .errors import MaskError
from .lane import Lane, Length, lanes_in, refill
from .padding import extreme


def words(*xs):
    """The vocabulary of `along` for these lanes."""
    lanes = list(lanes_in(xs))
    return Along(None, xp.verbs("torch"), lanes[0].data.shape[0], lanes, {})


def apply(name, *xs, **params):
    """A row of the table."""
    count = next(lanes_in((*xs, *params.get("shape", ())))).data.shape[0]
    return rules.apply(ROWS[name], xp.verbs("torch"), count, xs, params)


# ----- orders: of entries that tie the first comes first, so dead ones come last of all -----
def _order(x, axis, descending):
    import torch

    word = "lowest" if descending else "last"
    filled = refill(xp.verbs("torch"), x, extreme(xp.verbs("torch"), x.dtype, word))
    index = torch.argsort(filled.data, dim=axis + 1, descending=descending, stable=True)
    return Lane(index, x.sizes)


def _pair(name, values, index):
    import torch

    return getattr(torch.return_types, name)((values, index))


def _sort(input, dim=-1, descending=False, stable=False):
    if isinstance(dim, bool):  # sort(x, stable, dim, ...)
        raise TypeError("stable goes by name")
    axis = one_axis(dim, input.ndim)
    index = _order(input, axis, descending)
    return _pair("sort", read_along(words(input), input, index, axis), index)


def _argsort(input, dim=-1, descending=False, stable=False):
    return _order(input, one_axis(dim, input.ndim), descending)


def _msort(input):
    return _sort(input, 0)[0]


def _first(x, axis, k):
    """The first k entries; an example that has fewer is an error, as in the loop."""
    own = x.sizes[axis]
    if own is not None and bool((own < k).any()):
        where = [i for i, n in enumerate(own.tolist()) if n < k]
        raise RuntimeError(
            f"selected index k out of range: {k} entries of a dim of size {own.tolist()} on "
            f"examples {where} ({source.here()})"
        )
    data = x.data[(slice(None),) * (axis + 1) + (slice(k),)]
    return Lane(data, (*x.sizes[:axis], None, *x.sizes[axis + 1 :]))


def _topk(input, k, dim=-1, largest=True, sorted=True):
    axis = one_axis(dim, input.ndim)
    index = _first(_order(input, axis, largest), axis, k)
    return _pair("topk", read_along(words(input), input, index, axis), index)


def _one_of(name, input, index, dim, keepdim):
    """`(values, indices)` where the index has one entry along the dim."""
    axis = one_axis(dim, input.ndim)
    values = read_along(words(input), input, index, axis)
    if not keepdim:
        values, index = (v.squeeze(axis) for v in (values, index))
    return _pair(name, values, index)


def _kthvalue(input, k, dim=-1, keepdim=False):
    axis = one_axis(dim, input.ndim)
    order = _first(_order(input, axis, False), axis, k)
    last = Lane(order.data[(slice(None),) * (axis + 1) + (slice(k - 1, k),)], order.sizes)
    return _one_of("kthvalue", input, last, dim, keepdim)


def _extreme_pair(name):
    def extreme_pair(input, dim=None, keepdim=False, other=None):
        import torch

        other = dim if hasattr(dim, "shape") else other
        if other is not None:
            return getattr(torch, f"{name}imum")(input, other)
        if dim is None:
            return apply(name, input, axis=tuple(range(input.ndim)), keepdims=False)
        index = apply(f"arg{name}", input, axis=one_axis(dim, input.ndim))
        return _one_of(name, input, index.unsqueeze(dim), dim, keepdim)

    return extreme_pair


def _running_pair(name, word):
    def running(input, dim):
        import torch

        axis = one_axis(dim, input.ndim)
        filled = refill(xp.verbs("torch"), input, extreme(xp.verbs("torch"), input.dtype, word))
        index = Lane(getattr(torch, name)(filled.data, axis + 1)[1], input.sizes)
        return _pair(name, read_along(words(input), input, index, axis), index)

    return running


def _median(input, dim=None, keepdim=False):
    if dim is None:
        return _middle(input)
    axis = one_axis(dim, input.ndim)
    _at_least_one(input, axis)
    order, m = _order(input, axis, False), words(input)
    n = m.spread(m.size(input, axis), input.ndim)
    nan = apply("any", input != input, axis=(axis,), keepdims=True).data
    place = xp.verbs("torch").where(nan, n - 1, (n - 1) // 2)  # NaN sorts last
    shape = tuple(1 if a == axis + 1 else k for a, k in enumerate(order.data.shape))
    place = place.expand(shape)
    index = order.data.gather(axis + 1, place.clip(0, None))
    return _one_of("median", input, Lane(index, _but(input.sizes, axis)), dim, keepdim)


def _but(sizes, axis):
    return (*sizes[:axis], None, *sizes[axis + 1 :])


def _at_least_one(input, axis):
    own = input.sizes[axis]
    if own is not None and bool((own < 1).any()):
        raise IndexError(
            f"dim {axis} has no entries on examples "
            f"{[i for i, n in enumerate(own.tolist()) if n < 1]} ({source.here()})"
        )


def _middle(input):
    """Entries that tie with the median of all share its derivative, as in torch."""
    import torch

    flat = _flat(input)
    value = _median(flat.detach(), 0)[0]
    hit = torch.where(value != value, flat != flat, flat == value)
    return (torch.where(hit, flat, 0.0) / hit.sum()).sum()


def _quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    import torch

    if interpolation != "linear" or hasattr(q, "shape"):
        raise TypeError("quantile of one number q, interpolated linearly")
    if dim is None:
        input, dim = _flat(input), 0
    axis = one_axis(dim, input.ndim)
    _at_least_one(input, axis)
    ordered, m = _sort(input, axis)[0], words(input)
    n = m.spread(m.size(input, axis), input.ndim)
    rank = torch.ones((), dtype=input.dtype) * q * (n - 1)
    low = rank.floor().long()
    shape = tuple(1 if a == axis + 1 else k for a, k in enumerate(input.data.shape))
    a, b = (
        Lane(ordered.data.gather(axis + 1, i.clip(0, None).expand(shape)), _but(input.sizes, axis))
        for i in (low, rank.ceil().long())
    )
    weight = Lane((rank - low).expand(shape), a.sizes)
    nan = apply("any", input != input, axis=(axis,), keepdims=True)
    y = torch.where(nan, float("nan"), a + weight * (b - a))
    return y if keepdim else y.squeeze(axis)


# ----- other places -----
def _roll(input, shifts, dims=None):
    if dims is None or dims == ():
        return _roll(_flat(input), shifts, 0).reshape(tuple(input.shape))
    pairs = [(shifts, dims)] if isinstance(dims, int) else zip(shifts, dims, strict=True)
    m = words(input, shifts)
    for shift, dim in pairs:
        axis, k = one_axis(dim, input.ndim), m.spread(shift, input.ndim)
        input = m.read(input, {axis: lambda i, n, k=k: (i - k) % _one_or_more(n)})
    return input


def _one_or_more(n):
    return max(n, 1) if isinstance(n, int) else n.clip(1)


def _narrow(x, dim, start, length):
    axis = one_axis(dim, x.ndim)
    return x[(slice(None),) * axis + (slice(start, start + length),)]


def _select(x, dim, index):
    return x[(slice(None),) * one_axis(dim, x.ndim) + (index,)]


def _diff(input, n=1, dim=-1, prepend=None, append=None):
    import torch

    axis = one_axis(dim, input.ndim)
    parts = [x for x in (prepend, input, append) if x is not None]
    x = torch.cat(parts, axis) if len(parts) > 1 else input
    for _ in range(n):
        before = (slice(None),) * axis
        x = x[(*before, slice(1, None))] - x[(*before, slice(None, -1))]
    return x


def _windows(input, dimension, size, step):
    """Windows along one dim, as a new last dim."""
    axis, m = one_axis(dimension, input.ndim), words(input)
    n = m.size(input, axis)
    parts = []
    for k in range(size):
        stop = _sized(lambda n, k=k: positive(n - size) + k + (n >= size) * 1, n)
        parts.append(m.cut(input, axis, k, stop, step))
    return apply("stack", *parts, axis=input.ndim)


def _sized(f, n):
    return Length(f(n.data), max(0, f(n.padded))) if isinstance(n, Length) else f(n)


def _flat(x):
    return x.reshape(-1) if x.ndim != 1 else x


# ----- arrays as indices -----
def _gather(input, dim, index, *, sparse_grad=False):
    return apply("take_along", input, index, axis=one_axis(dim, input.ndim))


def _take_along_dim(input, indices, dim=None):
    if dim is None:
        return _gather(_flat(input), 0, _flat(indices))
    axis, m = one_axis(dim, input.ndim), words(input, indices)
    x, i = m.lane(input), m.lane(indices, m.like)
    for a in range(x.ndim):
        x, i = (_stretched(v, o, a) if a != axis else v for v, o in ((x, i), (i, x)))
    return _gather(x, axis, i)


def _stretched(x, other, axis):
    """`x` as long as `other` along an axis where it has one entry."""
    n = other.data.shape[axis + 1]
    if x.data.shape[axis + 1] == n or x.sizes[axis] is not None or x.data.shape[axis + 1] != 1:
        return x
    shape = (*x.data.shape[: axis + 1], n, *x.data.shape[axis + 2 :])
    return Lane(x.data.expand(shape), (*x.sizes[:axis], other.sizes[axis], *x.sizes[axis + 1 :]))


def _index_select(input, dim, index):
    m = words(input, index)
    x = m.lane(input)
    return x[(slice(None),) * one_axis(dim, x.ndim) + (index,)]


def _take(input, index):
    return words(input, index).lane(_flat(input))[(index,)]


def _embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0,
               scale_grad_by_freq=False, sparse=False):  # fmt: skip
    import torch

    if max_norm is not None or scale_grad_by_freq or sparse:
        raise TypeError("embedding with max_norm, scale_grad_by_freq or sparse")
    if input.dtype.is_floating_point:  # torch.embedding(weight, indices, ...)
        input, weight = weight, input
        padding_idx = None if padding_idx == -1 else padding_idx
    y = apply("take_at", weight, input)
    if padding_idx is None:
        return y
    return torch.where((input == padding_idx % weight.shape[0]).unsqueeze(-1), y.detach(), y)


def _one_hot(tensor, num_classes=-1):
    if isinstance(num_classes, int) and num_classes < 0:
        raise TypeError("one_hot without num_classes: each example would have its own")
    m = words(tensor, num_classes)
    x = m.lane(tensor)
    padded = num_classes.padded if isinstance(num_classes, Length) else num_classes
    own = num_classes.data if isinstance(num_classes, Length) else None
    place = m.verbs.arange((1,) * (x.ndim + 1) + (padded,), x.ndim + 1, "int64", x.data)
    return Lane((x.data[..., None] == place).long(), (*x.sizes, own))


def _along(name):
    def scatter(input, dim, index, src=None, *, value=None):
        src = value if src is None else src
        if not hasattr(src, "shape"):
            src = apply("zeros_like", index).to(input.dtype) + src if isinstance(index, Lane) else (
                index.new_zeros(index.shape).to(input.dtype) + src)  # fmt: skip
        return apply(name, input, src, index, axis=one_axis(dim, input.ndim))

    return scatter


def _index_into(name):
    """index_add, index_copy, index_fill: whole slices at places along one dim."""

    def into(input, dim, index, source, *, alpha=1):
        m = words(input, index, source)
        x, axis = m.lane(input), one_axis(dim, input.ndim)
        order = (axis, *(i for i in range(x.ndim) if i != axis))
        back = tuple(sorted(range(x.ndim), key=lambda i: order[i]))
        source = source * alpha if alpha != 1 else source
        if hasattr(source, "shape") and source.ndim:
            source = m.lane(source, m.like).permute(order)
        else:
            source = m.lane(source, m.like)
        return apply(name, x.permute(order), source, index).permute(back)

    return into


def _index_put(input, indices, values, accumulate=False, unsafe=False):
    name = "add_at" if accumulate else "put_at"
    return apply(name, input, values, *_places(input, indices))


def _places(x, indices):
    """Arrays of whole numbers for arrays of whole numbers and masks."""
    m, found = words(x, indices), []
    for i in indices:
        if i is None:
            raise TypeError("index_put with None among the indices")
        if str(i.dtype) == "torch.bool":
            found += true_places(m, m.lane(i, m.like), m.lane(x), len(found))
        else:
            found.append(i)
    return found


def _masked_select(input, mask):
    m = words(input, mask)
    return m.lane(input)[(mask,)]


def _nonzero(input, *, as_tuple=False):
    found = tuple(true_places(words(input), input != 0, None, 0))
    return found if as_tuple else apply("stack", *found, axis=1)


def _joined(axis):
    def join(tensors):
        import torch

        flat = tensors[0].ndim == 1
        if axis == 0:
            tensors = [t if t.ndim > 1 else t.unsqueeze(0) for t in tensors]
        return torch.cat(list(tensors), 0 if flat or axis == 0 else axis)

    return join


# ----- answers that count -----
def _bincount(input, weights=None, minlength=0):
    m = words(input)
    n = int(refill(m.verbs, input, 0).data.max()) + 1 if input.data.numel() else 0
    if n > minlength:
        raise MaskError(
            f"bincount at {source.here()} would have a length of its own in each example; "
            f"give it minlength={n}"
        )
    zeros = input.data.new_zeros(minlength, dtype=None if weights is None else weights.dtype)
    ones = apply("ones_like", input) if weights is None else weights
    return apply("add_at", m.lane(zeros), ones, input)


def _searchsorted(sorted_sequence, input, *, right=False, side=None, sorter=None, out_int32=False):
    """How many entries stand before: none of the padding does."""
    import torch

    if sorter is not None or out_int32 or sorted_sequence.ndim != 1:
        raise TypeError("searchsorted in a vector, without sorter")
    value = input if hasattr(input, "shape") else torch.as_tensor(input)
    m = words(sorted_sequence, value)
    s, v = m.lane(sorted_sequence), m.lane(value, m.like)
    v = v.unsqueeze(-1)
    before = s <= v if right or side == "right" else s < v
    return apply("sum", before.long(), axis=(before.ndim - 1,), keepdims=False)


def _refused(name, instead):
    def refuse(*args, **kwargs):
        raise MaskError(
            f"torch.{name} at {source.here()} gives a size that depends on all entries, or mixes "
            f"them in an order that has no mask rule; {instead}"
        )

    return refuse


PLACES = {
    "sort": _sort, "argsort": _argsort, "msort": _msort, "topk": _topk, "kthvalue": _kthvalue,
    "max": _extreme_pair("max"), "min": _extreme_pair("min"),
    "cummax": _running_pair("cummax", "lowest"), "cummin": _running_pair("cummin", "highest"),
    "median": _median, "quantile": _quantile,
    "roll": _roll, "narrow": _narrow, "select": _select, "diff": _diff,
    "gather": _gather, "take_along_dim": _take_along_dim, "index_select": _index_select,
    "take": _take, "embedding": _embedding, "one_hot": _one_hot,
    "scatter": _along("put_along"), "scatter_add": _along("add_along"),
    "index_add": _index_into("add_at"), "index_copy": _index_into("put_at"),
    "index_fill": _index_into("put_at"), "index_put": _index_put,
    "masked_select": _masked_select, "nonzero": _nonzero,
    "Tensor.unfold": _windows,
    "hstack": _joined(1), "vstack": _joined(0), "bincount": _bincount,
    "searchsorted": _searchsorted,
    "unique": _refused("unique", "sort, and compare neighbours"),
    "unique_consecutive": _refused("unique_consecutive", "compare neighbours"),
    "mode": _refused("mode", "count with one_hot(x, n).sum(0) and take the argmax"),
    "histc": _refused("histc", "count with bincount(bucketize(x, edges), minlength=n)"),
    "multinomial": _refused("multinomial", "draw with ad.random"),
}  # fmt: skip
