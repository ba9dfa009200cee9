"""What stands behind the last entry: how much of it, and what it holds."""

from .lane import Lane


def extreme(verbs, dtype, word):
    """The number of a dtype that a word names."""
    low, high = verbs.limits(dtype)
    if word == "last":
        return float("nan") if verbs.is_float(dtype) else high
    return {"lowest": low, "highest": high}[word]


def cropped(x, axis, n):
    """`x` padded to n along an axis, where nobody has more entries."""
    if x.extent[axis] == n:
        return x
    return Lane(x.data[(slice(None),) * (axis + 1) + (slice(n),)], x.sizes, x.fill)


def padded_to(verbs, x, axis, n):
    """`x` padded to n along an axis."""
    more = n - x.data.shape[axis + 1]
    if more <= 0:
        return cropped(x, axis, n)
    zeros = (0,) * (x.ndim + 1)
    high = tuple(more if a == axis + 1 else 0 for a in range(x.ndim + 1))
    return Lane(verbs.pad(x.data, 0, zeros, high, zeros), x.sizes)
