"""PyTorch's spellings that are given sizes: arrays made from an example's own length, triangles.

PyTorch's own functions want whole numbers for sizes, so lifted code hands these calls over
(`lifting.calls`).
"""

import math

from autodiff_lab import source, xp
from autodiff_lab.on_torch.dims import axes_of, one_axis
from autodiff_lab.on_torch.spellings import REWRITES
from autodiff_lab.on_torch.spellings.shapes import flat_sizes

from ..errors import MaskError
from ..indexing import entry, squeezed
from ..lane import Lane, Length, certainly, examples_where, lanes_in, size
from ..rules.along import Along
from .orders import apply, words


def as_size(n):
    """A number as a size: of lanes each example's own, and the largest of them."""
    if not isinstance(n, Lane) or isinstance(n, Length):
        return n
    try:
        return Length(n.data, max(0, int(n.data.max())) if n.data.numel() else 0)
    except Exception:
        raise MaskError(
            f"a size at {source.here()} is computed from ragged sizes in a way that has no bound; "
            "compute it with +, * and // from len(x)"
        ) from None


def _filled(make):
    def filled(*sizes, size=None, dtype=None, device=None, requires_grad=False, out=None):
        shape = [as_size(n) for n in (flat_sizes(sizes) if size is None else size)]
        like = next(lanes_in(shape)).data
        wide = (like.shape[0], *(n.padded if isinstance(n, Length) else n for n in shape))
        data = make(wide, dtype=dtype, device=device or like.device)
        return Lane(data, [n.data if isinstance(n, Length) else None for n in shape])

    return filled


def _torch(name):
    def make(shape, **kwargs):
        import torch

        return getattr(torch, name)(shape, **kwargs)

    return make


def _full(size, fill_value, *, dtype=None, device=None, requires_grad=False, out=None):
    import torch

    if isinstance(fill_value, Lane):
        return _filled(_torch("ones"))(*size, dtype=dtype or fill_value.dtype) * fill_value
    return _filled(lambda shape, **how: torch.full(shape, fill_value, **how))(*size, dtype=dtype)


def _new(name, value=None):
    def new(input, *sizes, size=None, dtype=None, device=None, **rest):
        shape = flat_sizes(sizes) if size is None else size
        make = _filled(_torch(name))
        if not any(isinstance(n, Lane) for n in shape):
            data = getattr(input.data, f"new_{name}")(tuple(shape), dtype=dtype)
            return words(input).lane(data)
        return make(*shape, dtype=dtype or input.dtype, device=device)

    return new


def _full_like(input, fill_value, *, dtype=None, **rest):
    y = apply("zeros_like", input)
    y = y if dtype is None else y.to(dtype)
    return (y + fill_value).to(dtype or input.dtype)


def _arange(*bounds, dtype=None, device=None, start=None, end=None, step=None, **rest):
    import torch

    start, stop, step = _bounds(bounds, start, end, step)
    if next(lanes_in((start, stop, step)), None) is None:
        return torch.arange(start, stop, step, dtype=dtype, device=device)
    m = Along(None, xp.verbs("torch"), *_first(start, stop, step))
    if any(isinstance(n, float) for n in (start, stop)) or not isinstance(step, int):
        raise TypeError("arange over whole numbers with one step for all")
    over = step - 1 if step > 0 else -step - 1
    far = stop - start if step > 0 else start - stop
    n = as_size(far if abs(step) == 1 else (far + over) // abs(step))  # rounded up
    if isinstance(n, Length) and n.lowest < 0:
        if certainly((n.data < 0).any()):
            raise RuntimeError(f"the bounds of arange on examples {examples_where(n.data < 0)} are "
                               "inconsistent with the sign of its step")  # fmt: skip
        n = Length(n.data.clip(0), n.padded)
    padded = n.padded if isinstance(n, Length) else n
    i = m.places(padded, 0, 1) * step + m.spread(start, 1)
    i = i.expand(m.count, padded).to(dtype or i.dtype)
    return Lane(i, (n.data if isinstance(n, Length) else None,))


def _bounds(bounds, start, end, step):
    if len(bounds) == 1:
        bounds = (0, *bounds) if end is None else (bounds[0], end)
    first, last, by = (*bounds, None, None, None)[:3]
    first = (0 if start is None else start) if first is None else first
    return first, end if last is None else last, (1 if step is None else step) if by is None else by


def _first(*xs):
    lanes = list(lanes_in(xs))
    return lanes[0].data.shape[0], lanes, {}


def _tensor(data, *, dtype=None, **rest):
    """`torch.tensor` of a list of numbers, which are each example's own or as many as it has."""
    import torch

    if isinstance(data, Lane) and not data.weak:
        raise TypeError("torch.tensor of a tensor")
    from ..lifting.sequences import of_numbers

    x = of_numbers(data, next(lanes_in([data])).data)
    if dtype is None and x.weak and x.dtype.is_floating_point:
        dtype = torch.get_default_dtype()
    return Lane(x.data.detach().to(dtype or x.dtype), x.sizes)


def _linspace(start, end, steps, *, dtype=None, device=None, **rest):
    import torch

    n = as_size(steps)
    i = _arange(n)
    i = i.to(dtype or torch.get_default_dtype())
    step = (end - start) / (max(n - 1, 1) if type(n) is int else torch.clamp(n - 1, min=1))
    low, high = start + i * step, end - (n - 1 - i) * step  # from both ends, as PyTorch does
    return torch.where((i < n // 2) | (n == 1), low, high).to(i.dtype)


def _eye(n, m=None, *, dtype=None, device=None, **rest):
    import torch

    rows = _arange(n)
    columns = rows if m is None else _arange(m)
    y = rows.unsqueeze(1) == columns
    return y.to(dtype or torch.get_default_dtype())


# ----- triangles and diagonals -----
def _triangle(keep):
    def triangle(input, diagonal=0):
        import torch

        m = words(input)
        x, n = m.lane(input), input.ndim
        row, column = (m.places(x.data.shape[a + 1], a, n) for a in (n - 2, n - 1))
        mask = keep(column - row, m.spread(diagonal, n))
        return Lane(torch.where(mask, x.data, torch.zeros((), dtype=x.dtype)), x.sizes)

    return triangle


def _diagonal(input, offset=0, dim1=0, dim2=1):

    a, b = one_axis(dim1, input.ndim), one_axis(dim2, input.ndim)
    low, right = max(-offset, 0), max(offset, 0)
    m = words(input)
    ends = [m.size(input, a), m.size(input, b)]
    n = _smaller(*(e - k if k else e for e, k in zip(ends, (low, right), strict=True)))
    k = _arange(n)
    order = (a, b, *(i for i in range(input.ndim) if i not in (a, b)))
    y = apply("take_at", input.permute(order), k + low, k + right)
    return y.permute((*range(1, y.ndim), 0))


def _smaller(a, b):
    if isinstance(a, int) and isinstance(b, int):
        return max(min(a, b), 0)
    own = [n.data if isinstance(n, Length) else n for n in (a, b)]
    padded = min(n.padded if isinstance(n, Length) else n for n in (a, b))
    one, other = own if hasattr(own[0], "shape") else own[::-1]
    return Length(one.clip(0).minimum(one.new_zeros(()) + other), padded)


def _diag(input, diagonal=0):
    import torch

    if input.ndim == 2:
        return _diagonal(input, diagonal)
    if diagonal:
        raise TypeError("diag of a vector beside the main diagonal")
    n = input.shape[0]
    return torch.where(_eye(n, dtype=torch.bool), input.unsqueeze(0), 0.0)


# ----- resizing: each example is resized from its own length -----
def _resized(name, whole):
    """PyTorch's own where no dim of space is ragged; `whole` is what is known of others."""

    def resized(input, *args, **kwargs):
        if all(n is None for n in input.sizes[-int(name[-2]) if name[-1] == "d" else 2 :]):
            return REWRITES[name](input, *args, **kwargs)
        y = whole(input, *args, **kwargs)
        if y is None:
            raise MaskError(
                f"torch.{name} of a ragged dim at {source.here()} has no mask rule but for one "
                "entry in all, or for each entry several times; resize before batching"
            )
        return y

    return resized


def _to_one(reduce):
    def to_one(input, output_size, return_indices=False):
        sizes = (output_size,) if isinstance(output_size, int) else tuple(output_size)
        n = input.ndim - 2 if len(sizes) == 1 else len(sizes)
        if return_indices or any(s != 1 for s in sizes):
            return None
        return reduce(input, tuple(range(input.ndim - max(n, 1), input.ndim)))

    return to_one


def _nearest(input, size=None, scale_factor=None, mode="nearest", **rest):
    n = input.ndim - 2
    scales = scale_factor if isinstance(scale_factor, (tuple, list)) else [scale_factor] * n
    if mode != "nearest" or size is not None or any(s is None or s != int(s) for s in scales):
        return None
    for axis, scale in enumerate(scales, 2):
        input = _repeat_interleave(input, int(scale), axis)
    return input


# ----- shapes -----
def _unflatten(input, dim, sizes):
    axis = one_axis(dim, input.ndim)
    sizes = list(sizes)
    if -1 in [s for s in sizes if isinstance(s, int)]:
        known = math.prod(s for s in sizes if not isinstance(s, int) or s != -1)
        sizes = [input.shape[axis] // known if isinstance(s, int) and s == -1 else s for s in sizes]
    shape = tuple(input.shape)
    return input.reshape((*shape[:axis], *sizes, *shape[axis + 1 :]))


def _squeeze(input, dim=None):
    """A ragged dim in which every example has one entry goes; where only some do, none can."""
    for axis in reversed(axes_of(dim, input.ndim)):
        own = input.sizes[axis]
        if own is not None and _all_have_one(own):
            input = entry(input, axis, 0)
        elif own is None and input.data.shape[axis + 1] == 1:
            input = squeezed(input, axis)
    return input


def _all_have_one(own):
    ones = own == 1
    gone = bool(ones.all()) and own.numel() > 0
    if not gone and bool(ones.any()):
        raise MaskError(
            f"squeeze at {source.here()} would drop a dim of the examples with one entry and keep "
            f"it of the others, with lengths {own.tolist()}; say which dims go"
        )
    return gone


def _repeat_interleave(input, repeats, dim=None, *, output_size=None):
    if hasattr(repeats, "shape"):
        raise TypeError("repeat_interleave with a number of its own for each entry")
    if dim is None:
        input, dim = input.reshape(-1), 0
    axis, m = one_axis(dim, input.ndim), words(input)
    n = m.size(input, axis) * repeats
    return m.read(input, {axis: lambda i, _: i // max(repeats, 1)}, {axis: n})


def _broadcast_tensors(*tensors):
    tensors = tensors[0] if isinstance(tensors[0], (list, tuple)) else tensors
    ndim = max(x.ndim for x in tensors)
    shape = [1] * ndim
    for x in tensors:
        for axis, n in enumerate(x.shape, ndim - x.ndim):
            if isinstance(n, Lane) or (isinstance(shape[axis], int) and n != 1):
                shape[axis] = n
    return [x if tuple(x.shape) == () and not ndim else apply("broadcast", x, shape=tuple(shape),
            dims=tuple(range(ndim - x.ndim, ndim))) for x in tensors]  # fmt: skip


def _meshgrid(*tensors, indexing="ij"):
    tensors = tensors[0] if isinstance(tensors[0], (list, tuple)) else tensors
    if indexing != "ij":
        raise TypeError("meshgrid with indexing other than 'ij'")
    n = len(tensors)
    apart = [x[tuple(slice(None) if a == k else None for a in range(n))]
             for k, x in enumerate(tensors)]  # fmt: skip
    return tuple(_broadcast_tensors(*apart))


def _cast(name):
    def cast(input):
        return apply("astype", input, dtype=name)

    return cast


def _isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    apart = (input - other).abs()
    close = (input == other) | ((apart <= atol + rtol * abs(other)) & (apart != math.inf))
    return close | ((input != input) & (other != other)) if equal_nan else close


def _normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps)


def _trapezoid(y, x=None, *, dx=None, dim=-1):
    axis = one_axis(dim, y.ndim)
    before = (slice(None),) * axis
    width = (1.0 if dx is None else dx) if x is None else x[1:] - x[:-1]
    if x is not None and x.ndim != y.ndim:
        raise TypeError("trapezoid with x of another shape")
    return ((y[(*before, slice(1, None))] + y[(*before, slice(None, -1))]) / 2 * width).sum(axis)


MADE = {
    "zeros": _filled(_torch("zeros")), "ones": _filled(_torch("ones")),
    "empty": _filled(_torch("zeros")), "full": _full, "arange": _arange, "linspace": _linspace,
    "eye": _eye, "tensor": _tensor, "as_tensor": _tensor, "asarray": _tensor,
}  # fmt: skip
SIZES = MADE | {
    "new_zeros": _new("zeros"), "new_ones": _new("ones"), "new_empty": _new("zeros"),
    "full_like": _full_like, "tril": _triangle(lambda k, d: k <= d),
    "triu": _triangle(lambda k, d: k >= d), "diagonal": _diagonal, "diag": _diag,
    "unflatten": _unflatten, "squeeze": _squeeze, "repeat_interleave": _repeat_interleave,
    "broadcast_tensors": _broadcast_tensors, "meshgrid": _meshgrid,
    "numel": lambda x: size(x, range(x.ndim)), "nelement": lambda x: size(x, range(x.ndim)),
    "long": _cast("int64"), "int": _cast("int32"), "bool": _cast("bool"),
    "isnan": lambda x: x != x, "isinf": lambda x: abs(x) == math.inf, "isclose": _isclose,
    "softmin": lambda x, dim=None, **rest: (-x).softmax(dim),
    "normalize": _normalize, "trapezoid": _trapezoid, "trapz": _trapezoid,
}  # fmt: skip
SIZES |= {"interpolate": _resized("interpolate", _nearest)}
for _n in (1, 2, 3):
    for _kind, _reduce in (("avg", "mean"), ("max", "amax")):
        _name = f"adaptive_{_kind}_pool{_n}d"
        _all = _to_one(lambda x, axis, f=_reduce: getattr(x, f)(axis, True))
        SIZES[_name] = _resized(_name, _all)
