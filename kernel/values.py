"""Values in words: a short form for the picture, and one line that says what an array is like.

Numbers have four significant digits and no memory addresses, so that two runs print the same.
"""

NOT_COMPUTED = "not computed"
NOT_KEPT = "not kept"
SMALL = 4  # arrays up to this many entries are written out


def number(x):
    """Four significant digits; integers and booleans as they are; no negative zero."""
    if isinstance(x, (bool, int)):
        return str(x)
    if isinstance(x, complex):
        return f"{number(x.real)}{x.imag:+.4g}j"
    text = f"{x:.4g}"
    return "0" if text == "-0" else text


def numpy_of(value):
    """The value as a NumPy array, or None for what has no entries to read (a traced value)."""
    import numpy as np

    try:
        if hasattr(value, "detach"):
            return _of_tensor(value.detach().cpu().resolve_conj().resolve_neg())
        array = np.asarray(value)
        return array.astype("float32") if array.dtype.kind == "V" else array
    except Exception:  # tracers, keys and other things that only look like arrays
        return None


def _of_tensor(x):
    """NumPy has neither bfloat16, 8-bit floats nor half complex numbers."""
    if "bfloat16" in str(x.dtype) or "float8" in str(x.dtype):
        x = x.float()
    return (x.cfloat() if "complex32" in str(x.dtype) else x).numpy()


def short(value):
    """`0.4621`, `[0.5, 1, 2]`, or the range `-1 .. 2` of a larger array."""
    array = numpy_of(value)
    if array is None or array.dtype.kind not in "biufc":
        return "..."
    if array.size == 0:
        return "empty"
    if array.size <= SMALL and array.ndim <= 1:
        return _entries(array)
    if array.dtype.kind == "c":
        return "complex"
    low, high = _range(array)
    return f"all {low}" if low == high else f"{low} .. {high}"


def summary(value):
    """Entries or range, mean and spread, and loudly what is wrong with it."""
    array = numpy_of(value)
    if array is None or array.dtype.kind not in "biufc":
        return "no entries to read"
    if array.size == 0:
        return "empty"
    if array.size <= SMALL or array.dtype.kind == "c":
        return _entries(array) + _alarms(array)
    low, high = _range(array)
    return f"{array.size} entries from {low} to {high}{_moments(array)}" + _alarms(array)


def _entries(array):
    text = str([_Plain(number(x)) for x in array.ravel()[:SMALL].tolist()])
    text = text if array.size <= SMALL else text[:-1] + ", ...]"
    return text[1:-1] if array.ndim == 0 else text


class _Plain(str):
    __repr__ = str.__str__


def _finite(array):
    import numpy as np

    return array[np.isfinite(array)] if array.dtype.kind == "f" else array


def _range(array):
    """The smallest and largest finite entry."""
    kept = _finite(array)
    return (number(kept.min().item()), number(kept.max().item())) if kept.size else ("NaN", "NaN")


def _moments(array):
    kept = _finite(array)
    if array.dtype.kind != "f" or not kept.size:
        return ""
    kept = kept.astype("float64")
    return f", mean {number(kept.mean().item())}, sd {number(kept.std().item())}"


def _alarms(array):
    import numpy as np

    if array.dtype.kind not in "fc":
        return ""
    nan, inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    zero = " ALL ZERO" if array.size > 1 and not array.any() else ""
    return (f" {nan} NaN!" if nan else "") + (f" {inf} Inf!" if inf else "") + zero
