"""Spellings that choose entries: advanced indexing, gather and scatter, masks, sorting.

An index is a whole number and has no derivative, so where PyTorch chooses it (topk, median, ...)
PyTorch is asked, and the values are then read at that index: `take_along` or `take_at`.
"""

import math
import operator

from ... import source, xp
from ...errors import AutodiffError
from ..dims import one_axis


def bare(x, name):
    """The tensor inside a recorded one, to compute an index from."""
    while hasattr(x, "node"):
        x = x.value
    if hasattr(x, "sizes"):  # a masked batch: its padding must not be chosen
        raise AutodiffError(
            f"torch.{name} at {source.here()} chooses entries by their place, which has no mask "
            "rule yet; do it before batching"
        )
    return x


def verbs():
    return xp.verbs("torch")


# ----- x[...] with tensors -----
def advanced(x, index):
    """x[index] with tensors, lists or arrays of numbers or booleans in it (numpy's rules)."""
    basic, places, arrays = _split(x, index)
    y = x[basic] if any(i != slice(None) for i in basic) else x
    if not arrays:
        return y
    arrays = _wrapped(y, places, arrays)
    order = (*places, *(i for i in range(y.ndim) if i not in places))
    y = verbs().take_at(y.permute(order), *arrays)
    if places != list(range(places[0], places[0] + len(places))):
        return y  # numpy's rule: with a slice between them, their axes come first
    n, first = arrays[0].ndim, places[0]
    rest = list(range(n, y.ndim))
    return y.permute((*rest[:first], *range(n), *rest[first:]))


def _split(x, index):
    """The slices and Nones, for a first step; then the axes that tensors choose from."""
    import torch

    index = index if isinstance(index, tuple) else (index,)
    index = [_as_index(torch, i) for i in index]
    used = sum(i.ndim if _is_mask(i) else i is not None and i is not Ellipsis for i in index)
    at = next((k for k, i in enumerate(index) if i is Ellipsis), len(index))
    index[at : at + 1] = [slice(None)] * (x.ndim - used)
    mixed = any(isinstance(i, torch.Tensor) for i in index)
    basic, places, arrays = [], [], []
    for i in index:
        if _is_mask(i):
            for found in i.nonzero(as_tuple=True):
                places.append(len(basic)), arrays.append(found), basic.append(slice(None))
        elif isinstance(i, torch.Tensor) or (mixed and type(i) is int):
            places.append(len(basic)), arrays.append(torch.as_tensor(i)), basic.append(slice(None))
        else:
            basic.append(i)
    return tuple(basic), places, arrays


def _as_index(torch, i):
    if i is None or i is Ellipsis or type(i) is slice:
        return i
    if isinstance(i, torch.Tensor):
        return bare(i, "__getitem__")
    if type(i) is bool:
        raise AutodiffError(
            f"x[{i}] at {source.here()} is not an index; write x[None] for a new dim"
        )
    return operator.index(i) if hasattr(i, "__index__") else torch.as_tensor(i)


def _is_mask(i):
    return str(getattr(i, "dtype", "")) in ("torch.bool", "torch.uint8")


def _wrapped(x, places, arrays):
    """Index arrays of one shape, counted from the front, inside their axes."""
    import torch

    sizes = [x.shape[p] for p in places]
    for i, n in zip(arrays, sizes, strict=True):
        if i.numel() and not -n <= int(i.min()) <= int(i.max()) < n:
            raise IndexError(f"an index lies outside an axis of size {n} ({source.here()})")
    arrays = [torch.where(i < 0, i + n, i) for i, n in zip(arrays, sizes, strict=True)]
    return torch.broadcast_tensors(*arrays)


# ----- by one index along a dim -----
def _index_select(input, dim, index):
    if input.ndim == 0:
        return _index_select(input.reshape(1), 0, index).reshape(())
    at = one_axis(dim, input.ndim)
    return advanced(input, (slice(None),) * at + (index.reshape(-1),))


def _take(input, index):
    return advanced(input.reshape(-1), index)


def _embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0,
               scale_grad_by_freq=False, sparse=False):  # fmt: skip
    import torch

    if max_norm is not None or scale_grad_by_freq or sparse:
        raise TypeError("embedding with max_norm, scale_grad_by_freq or sparse")
    y = advanced(weight, input)
    if padding_idx is None:
        return y
    here = (bare(input, "embedding") == padding_idx % weight.shape[0])[..., None]
    return torch.where(here, y.detach(), y)


def _gather(input, dim, index, *, sparse_grad=False):
    if input.ndim == 0:
        return _gather(input.reshape(1), 0, index.reshape(-1)).reshape(index.shape)
    return verbs().take_along(input, bare(index, "gather"), one_axis(dim, input.ndim))


def _take_along_dim(input, indices, dim=None):
    import torch

    indices = bare(indices, "take_along_dim")
    if dim is None:
        return _take_along_dim(input.reshape(-1), indices.reshape(-1), 0)
    at = one_axis(dim, input.ndim)
    indices = torch.where(indices < 0, indices + input.shape[at], indices)
    free = [[1 if i == at else n for i, n in enumerate(v.shape)] for v in (input, indices)]
    common = list(torch.broadcast_shapes(*free))
    grow = [[v.shape[at] if i == at else n for i, n in enumerate(common)] for v in (input, indices)]
    return _gather(input.expand(grow[0]), at, indices.expand(grow[1]))


def _along(name):
    """scatter and scatter_add: of `src` only the corner that the index covers is used."""

    def rewritten(input, dim, index, src=None, *, value=None):
        import torch

        index, src = bare(index, name), value if src is None else src
        if input.ndim == 0:
            src = src.reshape(-1) if hasattr(src, "shape") else src
            return rewritten(input.reshape(1), 0, index.reshape(-1), src).reshape(())
        if not hasattr(src, "shape"):
            src = torch.full(index.shape, src, dtype=input.dtype, device=input.device)
        src = src[tuple(slice(0, n) for n in index.shape)]
        return getattr(verbs(), name)(input, src, index, one_axis(dim, input.ndim))

    return rewritten


_EMPTY = {"sum": 0.0, "mean": 0.0, "amax": -math.inf, "amin": math.inf}


def _scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """Of the largest (or smallest) entries that tie each gets its share, as in PyTorch."""
    import torch

    if reduce not in _EMPTY:
        raise AutodiffError(
            f"scatter_reduce by {reduce!r} has no row ({source.here()}); {', '.join(_EMPTY)} have"
        )
    index = bare(index, "scatter_reduce")
    if input.ndim == 0:
        flat = input.reshape(1), 0, index.reshape(-1), src.reshape(-1)
        return _scatter_reduce(*flat, reduce, include_self=include_self).reshape(())
    at, src = one_axis(dim, input.ndim), src[tuple(slice(0, n) for n in index.shape)]
    if not include_self:
        input = input.scatter(at, index, _EMPTY[reduce])
    x, s = bare(input, "scatter_reduce"), bare(src, "scatter_reduce")
    if reduce in ("sum", "mean"):
        total, ones = verbs().add_along(input, src, index, at), torch.ones_like(x)
        if reduce == "sum":
            return total
        there = ones if include_self else ones.scatter(at, index, 0.0)
        return total / there.scatter_add(at, index, torch.ones_like(s)).clamp(min=1)
    best = x.scatter_reduce(at, index, s, reduce)
    mine, theirs = x == best, s == best.gather(at, index)
    ties = mine.to(x.dtype).scatter_add(at, index, theirs.to(x.dtype))
    input, src = torch.where(mine, input, 0.0), torch.where(theirs, src, 0.0)
    return verbs().add_along(input, src, index, at) / ties


def _index_into(name):
    """index_add, index_copy, index_fill: whole slices at places along one dim."""

    def rewritten(input, dim, index, source, *, alpha=1):
        if input.ndim == 0:
            return rewritten(input.reshape(1), 0, index, source, alpha=alpha).reshape(())
        at, index = one_axis(dim, input.ndim), bare(index, "index_add").reshape(-1)
        order = (at, *(i for i in range(input.ndim) if i != at))
        back = tuple(sorted(range(input.ndim), key=lambda i: order[i]))
        source = source * alpha if alpha != 1 else source
        if not hasattr(source, "shape") or source.ndim == 0:
            shape = [index.numel() if i == at else n for i, n in enumerate(input.shape)]
            source = input.new_zeros(shape) + source
        (index,) = _wrapped(input, [at], [index])
        y = getattr(verbs(), name)(input.permute(order), source.permute(order), index)
        return y.permute(back)

    return rewritten


def _index_fill(input, dim, index, value):
    """An index that stands there twice is filled once."""
    return _index_into("put_at")(input, dim, bare(index, "index_fill").reshape(-1).unique(), value)


def _index_put(input, indices, values, accumulate=False, unsafe=False):
    import torch

    if any(i is None for i in indices):
        raise TypeError("index_put with None among the indices")
    _, places, arrays = _split(input, tuple(indices))
    arrays = _wrapped(input, places, arrays)
    shape = (*arrays[0].shape, *input.shape[len(arrays) :])
    name = "add_at" if accumulate else "put_at"
    return getattr(verbs(), name)(input, torch.broadcast_to(values, shape), *arrays)


# ----- masks -----
def _masked_fill(input, mask, value):
    import torch

    return torch.where(mask, value, input)


def _masked_select(input, mask):
    import torch

    input, mask = torch.broadcast_tensors(input, bare(mask, "masked_select"))
    if input.ndim == 0:
        input, mask = input.reshape(1), mask.reshape(1)
    return advanced(input, mask)


# ----- sorting: PyTorch chooses the order, the values are read in it -----
def ordered(name, dim_at):
    """Functions that give `(values, indices)` along a dim."""

    def rewritten(input, *args, dim=None, **kwargs):
        import torch

        if dim is not None:
            kwargs["dim"] = dim
        elif len(args) > dim_at:
            dim = args[dim_at]
        else:
            dim = kwargs["dim"] = -1
        found = getattr(torch, name)(bare(input, name), *args, **kwargs)
        if input.ndim == 0:
            return type(found)([input, found[1]])
        index, at = found[1], one_axis(dim, input.ndim)
        lost = index.ndim < input.ndim
        values = verbs().take_along(input, index.unsqueeze(at) if lost else index, at)
        return type(found)([values.squeeze(at) if lost else values, index])

    return rewritten


def _whole_or_ordered(name):
    """torch.median(x) is one number; torch.median(x, dim) gives values and indices."""
    along = ordered(name, 0)

    def rewritten(input, dim=None, keepdim=False):
        if dim is not None:
            return along(input, dim=dim, keepdim=keepdim)
        return _middle(name, input)

    return rewritten


def _middle(name, input):
    """Entries that tie with the median share its derivative, as in torch."""
    import torch

    value = getattr(torch, name)(bare(input, name))
    hit = torch.isnan(bare(input, name)) if torch.isnan(value) else bare(input, name) == value
    return (torch.where(hit, input, 0.0) / hit.sum()).sum()


def _argsort(input, dim=-1, descending=False, stable=False):
    import torch

    return torch.argsort(bare(input, "argsort"), dim=dim, descending=descending, stable=stable)


def _native(name):
    """Answers without a derivative, of the values alone."""

    def rewritten(*args, **kwargs):
        import torch

        plain = [bare(a, name) for a in args], {k: bare(v, name) for k, v in kwargs.items()}
        return getattr(torch, name)(*plain[0], **plain[1])

    return rewritten


def _msort(input):
    import torch

    return torch.sort(input, dim=0)[0]


NATIVE = """searchsorted bucketize histc bincount unique unique_consecutive multinomial isclose
    allclose equal isin count_nonzero""".split()
SIGNATURES: dict = {}
REWRITES = {
    "index_select": _index_select, "take": _take, "embedding": _embedding, "gather": _gather,
    "take_along_dim": _take_along_dim, "scatter": _along("put_along"),
    "scatter_add": _along("add_along"), "scatter_reduce": _scatter_reduce,
    "index_add": _index_into("add_at"), "index_copy": _index_into("put_at"),
    "index_fill": _index_fill, "index_put": _index_put, "_unsafe_index_put": _index_put,
    "masked_fill": _masked_fill, "masked_select": _masked_select,
    "sort": ordered("sort", 0), "topk": ordered("topk", 1), "kthvalue": ordered("kthvalue", 1),
    "mode": ordered("mode", 0), "cummax": ordered("cummax", 0), "cummin": ordered("cummin", 0),
    "median": _whole_or_ordered("median"), "nanmedian": _whole_or_ordered("nanmedian"),
    "argsort": _argsort, "msort": _msort, **{name: _native(name) for name in NATIVE},
}  # fmt: skip
