"""One line on the entries of an array that may be huge: never a long wait, at most one transfer.

Of more than `MOST` entries a regular sample is read, and the line says so.
"""

from .values import number, numpy_of

MOST = 1 << 16  # entries that are read
FEW = 6  # entries that are written out


def glance(x):
    """`6 entries from -1 to 2, mean 0.5; 1 NaN!` for a tensor, a JAX array or a NumPy array."""
    try:
        return _glance(x)
    except Exception:  # a tracer, a deleted array, a dtype of its own kind
        return ""


def _glance(x):
    if hasattr(x, "detach") and (str(x.layout) != "torch.strided" or x.is_nested):
        return ""  # a sparse tensor is not filled up for a look
    size = _size(x.shape)
    if size == 0:
        return "no entries"
    step = _steps(x.shape)
    if max(step, default=1) > 1 and not _is_near(x):
        return "too many to read in passing"
    part = x[tuple(slice(None, None, s) for s in step)] if max(step, default=1) > 1 else x
    array = numpy_of(_real(part))
    if array is None or array.dtype.kind not in "biufc":
        return ""
    if size <= FEW:
        entries = ", ".join(number(v) for v in array.ravel().tolist())
        return f"[{entries}]" if array.ndim else entries
    read = "" if array.size == size else f", as far as every {size // array.size}th says"
    return f"{_told(array, size)}{read}"


def _size(shape):
    size = 1
    for n in shape:
        size *= int(n)
    return size


def _steps(shape):
    """One step per dim, so that no more than MOST entries are left: the outer dims are thinned
    first, since what lies side by side in memory is read fast."""
    steps = []
    for k, n in enumerate(shape):
        inner = _size(shape[k + 1 :])
        kept = max(1, min(int(n), MOST // max(inner, 1)))
        steps.append(-(-int(n) // kept))
    return steps


def _is_near(x):
    """Can a part of it be read without a program being compiled or the whole being fetched?"""
    return hasattr(x, "detach") or type(x).__module__ == "numpy"


def _real(x):
    """A tensor without what NumPy cannot hold."""
    if not hasattr(x, "detach"):
        return x
    return x.detach().dequantize() if x.is_quantized else x.detach()


def _told(array, size):
    import numpy as np

    if array.dtype.kind == "b":
        return f"{_share(int(array.sum()), array.size, size)} True"
    if array.dtype.kind == "c":
        array = np.abs(array)
        return f"absolute values {_range(array)}{_alarms(array, size)}"
    return f"{_range(array)}{_mean(array)}{_alarms(array, size)}"


def _share(count, read, size):
    return f"{count:,} of {size:,}" if read == size else f"{count / read:.0%}"


def _range(array):
    import numpy as np

    low, high = array.min(), array.max()
    if array.dtype.kind == "f" and not np.isfinite(low + high):  # a NaN or an inf: look again
        kept = array[np.isfinite(array)]
        if not kept.size:
            return "none finite"
        low, high = kept.min(), kept.max()
    same = low == high
    return f"all {number(low.item())}" if same else f"{number(low.item())} to {number(high.item())}"


def _mean(array):
    import numpy as np

    if array.dtype.kind != "f":
        return ""
    with np.errstate(all="ignore"):
        mean = array.mean(dtype="float64").item()
    return f", mean {number(mean)}" if np.isfinite(mean) else ""


def _alarms(array, size):
    import numpy as np

    if array.dtype.kind != "f":
        return ""
    nan, inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    said = [
        f"{_share(n, array.size, size)} {what}!" for n, what in ((nan, "NaN"), (inf, "inf")) if n
    ]
    return "".join(f"; {words}" for words in said)
