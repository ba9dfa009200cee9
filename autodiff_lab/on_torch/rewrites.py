"""PyTorch's spellings that mean several rows, rewritten as plain PyTorch on the boxed value.

Each call made here is recorded by itself, so the tape shows what the spelling stands for.
"""

import operator

from .. import source, xp
from ..errors import AutodiffError
from .dims import one_axis


def getitem(x, index):
    """Ints, slices, None and Ellipsis: a slice, then a reshape that drops or adds axes."""
    import torch

    index = index if isinstance(index, tuple) else (index,)
    plain = [i is None or i is Ellipsis or type(i) in (int, slice) for i in index]
    if not all(plain):
        from .spellings.indexing import advanced

        return advanced(x, index)
    if index.count(Ellipsis) > 1:
        raise AutodiffError(f"x[...] with two Ellipses at {source.here()}; one says it all")
    used = sum(i is not None and i is not Ellipsis for i in index)
    if used > x.ndim:
        raise AutodiffError(f"{used} indices for a tensor of {x.ndim} dims ({source.here()})")
    if Ellipsis not in index:
        index += (Ellipsis,)
    at = index.index(Ellipsis)
    index = index[:at] + (slice(None),) * (x.ndim - used) + index[at + 1 :]
    start, stop, step, keep = _ranges(x, [i for i in index if i is not None])
    if any(i != slice(None) for i in index if i is not None):
        x = xp.verbs("torch").slice(x, start, stop, step)
    shape = [n for n, k in zip(x.shape, keep, strict=True) if k]
    if len(shape) < x.ndim:
        x = torch.reshape(x, tuple(shape))
    for place in [i for i, item in enumerate(_kept_items(index)) if item is None]:
        x = torch.unsqueeze(x, place)
    return x


def _kept_items(index):
    return [i for i in index if not isinstance(i, int)]


def _ranges(x, index):
    start, stop, step, keep = [], [], [], []
    for n, i in zip(x.shape, index, strict=True):
        if isinstance(i, slice):
            if i == slice(None):
                a, b, t = 0, n, 1
            else:
                a, b, t = i.indices(operator.index(n))
        else:
            size = operator.index(n)
            if not -size <= i < size:
                raise IndexError(f"index {i} is out of range for a dim of size {size}")
            a, t = i % size, 1
            b = a + 1
        keep.append(isinstance(i, slice))
        start.append(a), stop.append(b if i == slice(None) else max(a, b)), step.append(t)
    return tuple(start), tuple(stop), tuple(step), keep


def _select(x, dim, index):
    return getitem(x, (slice(None),) * one_axis(dim, x.ndim) + (index,))


def _narrow(x, dim, start, length):
    at = one_axis(dim, x.ndim)
    size = operator.index(x.shape[at])
    first = start + size if start < 0 else start
    if not 0 <= first <= first + length <= size:
        raise AutodiffError(
            f"torch.narrow at {source.here()} was given start {start} and length {length} for a "
            f"dim of size {size}; they must lie inside it"
        )
    return getitem(x, (slice(None),) * at + (slice(first, first + length),))


def _extreme(name):
    """torch.max(x) reduces, torch.max(a, b) compares, and torch.max(x, dim) gives a pair."""

    def rewritten(x, *args, other=None, **kwargs):
        import torch

        other = args[0] if len(args) == 1 and not isinstance(args[0], int) else other
        if other is not None:
            return getattr(torch, f"{name}imum")(x, other)
        if not args and not kwargs:
            return getattr(torch, f"a{name}")(x, tuple(range(x.ndim)))
        from .spellings.indexing import ordered

        return ordered(name, 0)(x, *args, **kwargs)

    return rewritten


def _as_strided(x, size, stride, storage_offset=None):
    """Asked for by the user, the strides are those of the memory: it must be as it looks."""
    from .aten import as_strided

    memory = x.plain()
    own = memory.numel() * memory.element_size() == memory.untyped_storage().nbytes()
    if not own or not memory.is_contiguous():
        raise AutodiffError(
            f"torch.as_strided at {source.here()} would read the memory of a view, which is not "
            "recorded; call contiguous() first, or index"
        )
    return as_strided(x, size, stride, storage_offset)


REWRITES = {
    "max": _extreme("max"),
    "min": _extreme("min"),
    "getitem": getitem,
    "select": _select,
    "narrow": _narrow,
    "as_strided": _as_strided,
    "rmatmul": lambda a, b: b @ a,
    "rsub": lambda a, b, *, alpha=1: b - a * alpha,
    "logical_and": lambda a, b: (a != 0) & (b != 0),
    "logical_or": lambda a, b: (a != 0) | (b != 0),
    "logical_not": lambda x: x == 0,
}
