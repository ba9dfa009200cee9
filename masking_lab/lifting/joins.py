"""`stack` and `concat` of a list whose length is each example's own."""

from ..errors import MaskError
from .items import Items
from .stacking import concatenated

STACKS, CONCATENATES = {"stack"}, {"cat", "concat", "concatenate"}


def joins(f, args):
    """Is it a stack or a concat of a ragged list?"""
    name = getattr(f, "__name__", "")
    ragged = bool(args) and isinstance(args[0], Items) and args[0].ragged
    return ragged and (name in STACKS or name in CONCATENATES)


def joined(f, items, axis=0, dim=0):
    """`stack` or `concat` of a ragged list."""
    if axis != 0 or dim != 0:
        raise MaskError(f"{f.__name__} of a list with a length of its own in each example goes "
                        f"along axis 0, not {axis or dim}; move the axis afterwards")  # fmt: skip
    x = items.stacked()
    if f.__name__ not in STACKS:
        return concatenated(x)
    if any(n is not None and n.ndim > 1 for n in x.sizes):
        raise MaskError(f"{f.__name__} of a list of arrays of different sizes; make their sizes "
                        "agree, or return the list")  # fmt: skip
    return x
