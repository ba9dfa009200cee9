"""`dim` as PyTorch takes it, as the table's axes: never negative, and out of range is an error."""

from .. import source
from ..errors import AutodiffError


def axes_of(dim, ndim):
    """`dim` as PyTorch takes it (None, an int, a tuple; negative or not) as a tuple of axes."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    for d in dims:
        if not -max(ndim, 1) <= d < max(ndim, 1):
            raise AutodiffError(
                f"dim {d} is out of range for a tensor of {ndim} dims ({source.here()}); "
                f"it must lie between {-ndim} and {ndim - 1}"
            )
    return tuple(sorted(d % ndim for d in dims)) if ndim else ()


def one_axis(dim, ndim):
    """A single `dim` as an axis; a scalar has none."""
    if type(dim) is int and -ndim <= dim < ndim:
        return dim % ndim
    if ndim == 0:
        raise AutodiffError(f"dim {dim} of a scalar was asked for ({source.here()})")
    return axes_of(dim, ndim)[0]
