"""PyTorch's spellings that ask for places, sizes or orders: what they mean for lanes.

Recorded for autodiff these ask PyTorch itself for an index. A lane's padding must not be chosen, so
here dead entries sort behind all others, and every size is the example's own.
"""

from autodiff_lab import source
from autodiff_lab.on_torch.dims import one_axis
from autodiff_lab.table.row import positive

from ..arrays import true_places
from ..batches.masked_batch import live
from ..errors import MaskError
from ..lane import Lane, Length, certainly, examples_where, refill
from .orders import ORDERS, apply, flat, words


# ----- other places -----
def _unbind(input, dim=0):
    """The entries of a dim, to go through: each example has its own number of them."""
    from ..lifting.sequences import Ragged

    axis = one_axis(dim, input.ndim)
    if input.sizes[axis] is None:
        return tuple([input.select(axis, k) for k in range(input.data.shape[axis + 1])])
    return Ragged.of(input if axis == 0 else input.movedim(axis, 0))


def _roll(input, shifts, dims=None):
    if dims is None or dims == ():
        return _roll(flat(input), shifts, 0).reshape(tuple(input.shape))
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


# ----- arrays as indices -----
def _gather(input, dim, index, *, sparse_grad=False):
    return apply("take_along", input, index, axis=one_axis(dim, input.ndim))


def _take_along_dim(input, indices, dim=None):
    if dim is None:
        return _gather(flat(input), 0, flat(indices))
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
    return words(input, index).lane(flat(input))[(index,)]


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
    _refuse_no_class(x, padded if own is None else own)
    place = m.verbs.arange((1,) * (x.ndim + 1) + (padded,), x.ndim + 1, "int64", x.data)
    return Lane((x.data[..., None] == place).long(), (*x.sizes, own))


def _refuse_no_class(x, classes):
    """A word that is no class would be a row of zeros."""
    if hasattr(classes, "shape"):
        classes = classes.reshape(-1, *[1] * x.ndim)
    bad, there = (x.data < 0) | (x.data >= classes), live(x.sizes, x.data.shape)
    bad = bad if there is None else bad & there
    if certainly(bad.any()):
        raise RuntimeError(
            f"one_hot at {source.here()} met {int(x.data[bad][0])}, which is none of the classes, "
            f"on examples {examples_where(bad)}"
        )


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


PLACES = ORDERS | {
    "unbind": _unbind, "roll": _roll, "narrow": _narrow, "select": _select, "diff": _diff,
    "gather": _gather, "take_along_dim": _take_along_dim, "index_select": _index_select,
    "take": _take, "embedding": _embedding, "one_hot": _one_hot,
    "scatter": _along("put_along"), "scatter_add": _along("add_along"),
    "index_add": _index_into("add_at"), "index_copy": _index_into("put_at"),
    "index_fill": _index_into("put_at"), "index_put": _index_put,
    "masked_select": _masked_select, "nonzero": _nonzero,
    "Tensor.unfold": _windows,
    "hstack": _joined(1), "vstack": _joined(0), "bincount": _bincount,
    "searchsorted": _searchsorted,
    "bucketize": lambda input, boundaries, *, right=False: _searchsorted(
        boundaries, input, right=right),
    "unique": _refused("unique", "sort, and compare neighbours"),
    "unique_consecutive": _refused("unique_consecutive", "compare neighbours"),
    "mode": _refused("mode", "count with one_hot(x, n).sum(0) and take the argmax"),
    "histc": _refused("histc", "count with bincount(bucketize(x, edges), minlength=n)"),
    "multinomial": _refused("multinomial", "draw with ad.random"),
}  # fmt: skip
