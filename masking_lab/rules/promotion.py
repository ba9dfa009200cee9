"""Dtypes on PyTorch: a batch of scalars has a dim, but must not promote as if an example had it."""

from ..lane import Lane

DEFAULT = "default"  # the dtype of PyTorch's floats, as it is when an operation runs


def promoted(row, verbs, xs):
    """The dtypes that the loop would have cast to: there sizes are Python's, and scalars have no
    dims. None where it would not."""
    same = [None] * len(xs)
    if not row.elementwise or verbs.name != "torch":
        return same
    lanes = [x for x in xs if isinstance(x, Lane)]
    strong = [x for x in xs if hasattr(x, "dtype") and not getattr(x, "weak", False)]
    if not strong:
        return [_other(verbs, x, "float64") for x in xs] if row.name == "divide" else same
    with_dims = [x for x in strong if len(x.shape) > 0]
    dtype = verbs.common_dtype([x.dtype for x in with_dims or strong])
    small = [x for x in lanes if x.weak or (x.ndim == 0 and with_dims)]
    if not with_dims:  # a lane has the batch's dim, beside which an array without dims is weak
        small = [x for x in lanes if x.weak or x.dtype != dtype]
    return [_demoted(verbs, x, dtype) if any(x is s for s in small) else None for x in xs]


def _demoted(verbs, x, dtype):
    """A number beside an array of `dtype`: of a higher kind it lifts it, but no further than that.

    So says PyTorch: int32 array + int64 scalar is int32, int32 array + 0.5 is of the default dtype.
    """
    if _rank(verbs, x.dtype) <= _rank(verbs, dtype):
        return _other(verbs, x, dtype)
    return DEFAULT if x.weak and verbs.is_float(x.dtype) else None


def _rank(verbs, dtype):
    """Bools, then ints, floats and complex numbers."""
    return int(dtype != verbs.bool_type) + verbs.is_inexact(dtype) + verbs.is_complex(dtype)


def _other(verbs, x, dtype):
    """The dtype that a lane is cast to, if that changes it."""
    dtype = verbs.dtype(dtype)
    return None if not isinstance(x, Lane) or x.dtype in (dtype, verbs.bool_type) else dtype
