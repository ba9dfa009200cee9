"""PyTorch's functions that make an array of some size, where the size is each example's own."""

from autodiff_lab import source

from .errors import MaskError
from .lane import Lane, Length


def _filled(name, values=0):
    """`zeros(n, 3)`, `zeros((n, 3))` or `x.new_zeros(n, 3)`; `full` takes a value after the size."""

    def make(*args, **kwargs):
        import torch

        like, sizes = (args[0], args[1:]) if name.startswith("new_") else (torch, args)
        sizes, value = (sizes[:1], sizes[1:]) if values else (sizes, ())
        sizes = sizes or (kwargs.pop("size"),)
        sizes = sizes[0] if isinstance(sizes[0], (tuple, list)) else sizes
        like = like.data if isinstance(like, Lane) else like
        return lane(sizes, lambda shape: getattr(like, name)(shape, *value, **kwargs))

    return make


def lane(sizes, make):
    """A lane of these sizes, of what `make` gives for the padded shape."""
    lost = [n for n in sizes if isinstance(n, Lane) and not isinstance(n, Length)]
    if lost:
        raise MaskError(
            f"an array at {source.here()} has a size that is computed from each example's own, and "
            "nobody knows how large it may become; make it from x.shape[i] itself"
        )
    own = [n.data if isinstance(n, Length) else None for n in sizes]
    padded = [n.padded if isinstance(n, Length) else int(n) for n in sizes]
    (count, *_) = next(n.shape for n in own if n is not None)
    return Lane(make((count, *padded)), own)


def arange(*args, **kwargs):
    """`arange(n)` and `arange(start, n, step)`; start and step are the same for all."""
    import torch

    args += tuple(kwargs.pop(k) for k in ("start", "end", "step") if k in kwargs)
    start, end, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    if not (isinstance(start, int) and isinstance(step, int) and step > 0):
        raise MaskError(
            f"arange at {source.here()} starts or steps differently for each example; write "
            "start + step * torch.arange(n)"
        )
    kwargs.setdefault("device", end.data.device)
    count = -((start - end.data) // step)
    size = Length(count.clamp(min=0), max(0, -((start - end.padded) // step)))
    places = torch.arange(start, start + step * size.padded, step, **kwargs)
    return lane((size,), lambda shape: places.expand(shape))


def eye(n, m=None, **kwargs):
    import torch

    def make(shape):
        return torch.eye(shape[1], shape[2], **kwargs).expand(shape)

    return lane((n, n if m is None else m), make)


def _triangle(name):
    """Below the diagonal lies the same for all examples."""

    def cut(input, diagonal=0):
        import torch

        return Lane(getattr(torch, name)(input.data, diagonal), input.sizes)

    return cut


FRESH = {
    "tril": _triangle("tril"), "triu": _triangle("triu"),
    "arange": arange, "eye": eye,
    **{name: _filled(name) for name in ("zeros", "ones", "empty")},
    **{f"new_{name}": _filled(f"new_{name}") for name in ("zeros", "ones", "empty")},
    **{name: _filled(name, 1) for name in ("full", "new_full")},
}  # fmt: skip
