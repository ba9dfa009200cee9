"""Spellings of pieces, rolls, repeats and diagonals: entries that change places."""

from ..dims import one_axis
from .indexing import advanced, bare, verbs


def _tensor_split(input, indices_or_sections, dim=0):
    import torch

    n, cuts = input.shape[one_axis(dim, input.ndim)], indices_or_sections
    if isinstance(cuts, int):
        small, extra = divmod(n, cuts)
        return torch.split(input, [small + (k < extra) for k in range(cuts)], dim)
    ends = [0, *(min(c % n if c < 0 else c, n) for c in cuts), n]
    return torch.split(input, [b - a for a, b in zip(ends, ends[1:], strict=False)], dim)


def _unbind(input, dim=0):
    at = one_axis(dim, input.ndim)
    return tuple(input.select(at, k) for k in range(input.shape[at]))


def _roll(input, shifts, dims=None):
    import torch

    if dims is None or dims == ():
        return _roll(input.reshape(-1), shifts, 0).reshape(input.shape)
    pairs = [(shifts, dims)] if isinstance(dims, int) else zip(_each(shifts), dims, strict=True)
    for shift, dim in pairs:
        at = one_axis(dim, input.ndim)
        n = input.shape[at]
        k = shift % n if n else 0
        if k:
            input = torch.cat([input.narrow(at, n - k, k), input.narrow(at, 0, n - k)], at)
    return input


def _each(x):
    return (x,) if isinstance(x, int) else x


def _repeat(input, *sizes):
    sizes = tuple(sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes)
    shape = (1,) * (len(sizes) - input.ndim) + tuple(input.shape)
    between = [n for pair in zip([1] * len(shape), shape, strict=True) for n in pair]
    grown = [n for pair in zip(sizes, shape, strict=True) for n in pair]
    y = input.reshape(between).expand(grown)
    return y.reshape([k * n for k, n in zip(sizes, shape, strict=True)])


def _tile(input, *dims):
    dims = tuple(dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims)
    return _repeat(input, (1,) * (input.ndim - len(dims)) + dims)


def _repeat_interleave(input, repeats, dim=None, *, output_size=None):
    import torch

    if dim is None:
        input, dim = input.reshape(-1), 0
    at = one_axis(dim, input.ndim)
    places = torch.arange(input.shape[at], device=input.device)
    return torch.index_select(input, at, torch.repeat_interleave(places, bare(repeats, "repeats")))


def _diagonal(input, offset=0, dim1=0, dim2=1):
    import torch

    a, b = one_axis(dim1, input.ndim), one_axis(dim2, input.ndim)
    low, right = max(-offset, 0), max(offset, 0)
    n = max(min(input.shape[a] - low, input.shape[b] - right), 0)
    k = torch.arange(n, device=input.device)
    order = (a, b, *(i for i in range(input.ndim) if i not in (a, b)))
    y = verbs().take_at(input.permute(order), k + low, k + right)
    return y.permute((*range(1, y.ndim), 0))


def _diag_embed(input, offset=0, dim1=-2, dim2=-1):
    import torch

    n = input.shape[-1]
    size = n + abs(offset)
    k = torch.arange(n, device=input.device)
    zeros = input.new_zeros((size, size, *input.shape[:-1]))
    moved = input.permute((input.ndim - 1, *range(input.ndim - 1)))
    y = verbs().add_at(zeros, moved, k + max(-offset, 0), k + max(offset, 0))
    a, b = one_axis(dim1, y.ndim), one_axis(dim2, y.ndim)
    rest = iter(range(2, y.ndim))
    return y.permute([0 if i == a else 1 if i == b else next(rest) for i in range(y.ndim)])


def _diag(input, diagonal=0):
    return _diag_embed(input, diagonal) if input.ndim == 1 else _diagonal(input, diagonal)


def _triangle(name):
    def rewritten(input, diagonal=0):
        import torch

        kept = (
            getattr(torch, name)(torch.ones(tuple(input.shape[-2:]), device=input.device), diagonal)
            > 0
        )
        return torch.where(kept, input, 0.0)

    return rewritten


def _unfold(input, dimension, size, step):
    """Windows along one dim, as a new last dim."""
    import torch

    if input.ndim == 0:
        return input.reshape(1)[:size]
    at = one_axis(dimension, input.ndim)
    count = max(0, (input.shape[at] - size) // step + 1)
    index = (torch.arange(count) * step)[:, None] + torch.arange(size)
    index = index.to(input.device)
    y = advanced(input, (slice(None),) * at + (index,))
    return y.permute([i for i in range(y.ndim) if i != at + 1] + [at + 1])


def _movedim(input, source, destination):
    pairs = sorted(zip((one_axis(d, input.ndim) for d in _each(destination)),
                       (one_axis(s, input.ndim) for s in _each(source)), strict=True))  # fmt: skip
    order = [i for i in range(input.ndim) if i not in [s for _, s in pairs]]
    for d, s in pairs:
        order.insert(d, s)
    return input.permute(order)


def _rot90(input, k=1, dims=(0, 1)):
    a, b = (one_axis(d, input.ndim) for d in dims)
    turned = (lambda x: x.clone(), lambda x: x.flip(b).transpose(a, b), lambda x: x.flip((a, b)),
              lambda x: x.transpose(a, b).flip(b))[k % 4]  # fmt: skip
    return turned(input)


SIGNATURES: dict = {}
REWRITES = {
    "tensor_split": _tensor_split, "unbind": _unbind, "roll": _roll, "repeat": _repeat,
    "tile": _tile, "repeat_interleave": _repeat_interleave, "diagonal": _diagonal,
    "diag_embed": _diag_embed, "diag": _diag, "tril": _triangle("tril"),
    "triu": _triangle("triu"), "Tensor.unfold": _unfold, "movedim": _movedim, "moveaxis": _movedim,
    "rot90": _rot90, "fliplr": lambda x: x.flip(1), "flipud": lambda x: x.flip(0),
}  # fmt: skip
