"""PyTorch's orders along a ragged dim: sort, topk, median and their kin.

Of entries that tie the first comes first, so dead entries that hold an extreme come last of all.
"""

from autodiff_lab import source, xp
from autodiff_lab.on_torch.dims import one_axis
from autodiff_lab.table.row import ROWS

from .. import rules
from ..lane import Lane, Length, certainly, examples_where, lanes_in, refill
from ..padding import extreme
from ..rules.along import Along
from ..rules.chosen import read_along
from .checks import refuse_nothing


def words(*xs):
    """The vocabulary of `along` for these lanes."""
    lanes = list(lanes_in(xs))
    return Along(None, xp.verbs("torch"), lanes[0].data.shape[0], lanes, {})


def apply(name, *xs, **params):
    """A row of the table."""
    refuse_nothing(name, xs, params)
    count = next(lanes_in((*xs, *params.get("shape", ())))).examples
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
    if own is not None and certainly((own < k).any()):
        raise RuntimeError(
            f"selected index k out of range: {k} entries of a dim of size {own.tolist()} on "
            f"examples {examples_where(own < k)} ({source.here()})"
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
    if own is not None and certainly((own < 1).any()):
        raise IndexError(
            f"dim {axis} has no entries on examples {examples_where(own < 1)} ({source.here()})"
        )


def _middle(input):
    """Entries that tie with the median of all share its derivative, as in torch."""
    import torch

    x = flat(input)
    value = _median(torch.cat([x.detach(), _nan_if_empty(x)]), 0)[0]
    hit = torch.where(value != value, x != x, x == value)
    y = (torch.where(hit, x, 0.0) / hit.sum()).sum()
    empty = x.shape[0] == 0
    if isinstance(empty, bool):
        return y if not empty else y * float("nan")
    return torch.where(empty, float("nan"), y)


def _nan_if_empty(flat):
    """One NaN for an example without entries, so that its median is what PyTorch says."""
    n = flat.shape[0]
    nan = flat.data.new_full((flat.data.shape[0], 1), float("nan"))
    if isinstance(n, Length):
        return Lane(nan, (1 - n.data.clip(0, 1),))
    return Lane(nan[:, : int(n == 0)], (None,))


def _quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    import torch

    if interpolation != "linear" or hasattr(q, "shape"):
        raise TypeError("quantile of one number q, interpolated linearly")
    if dim is None:
        input, dim = flat(input), 0
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


def flat(x):
    return x.reshape(-1) if x.ndim != 1 else x


ORDERS = {
    "sort": _sort, "argsort": _argsort, "msort": _msort, "topk": _topk, "kthvalue": _kthvalue,
    "max": _extreme_pair("max"), "min": _extreme_pair("min"),
    "cummax": _running_pair("cummax", "lowest"), "cummin": _running_pair("cummin", "highest"),
    "median": _median, "quantile": _quantile,
}  # fmt: skip
