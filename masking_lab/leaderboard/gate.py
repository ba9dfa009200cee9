"""The gate: a strategy that does not give what the plain loop gives is no contender.

The loss that all gradients are taken of adds up every number in the result, and its square, so that
no entry is without influence; no two examples weigh the same, so that none can stand for another.
"""

import numpy as np

from autodiff_lab import trees, xp

from ..batches.masked_batch import is_batch


def score(result):
    """The loss; None if nothing in the result has a derivative."""
    parts = [_of_batch(y) for y in trees.flatten(result, is_leaf=is_batch)[0] if is_batch(y)]
    return _sum([part for part in parts if part is not None])


def score_alone(result, weight):
    """What one example adds to it."""
    parts = [_summed(xp.of(y), y, 0) for y in trees.leaves(result) if _is_inexact(y)]
    total = _sum(parts)
    return None if total is None else xp.of(total).astype(weight, total.dtype) * total


def weight_of(i):
    """What example `i` counts; neighbours differ, and thousands do not drown the first."""
    return 1.0 + i % 7 / 8


def _of_batch(b):
    if not _is_inexact(b.data):
        return None
    verbs, data = xp.of(b.data), b.data
    if any(n is not None for n in b.sizes):
        data = verbs.where(b.mask_of_all_dims(), data, 0.0)
    each = _summed(verbs, data, 1)
    weights = verbs.asarray([weight_of(i) for i in range(len(b))], data)
    return (verbs.astype(weights, each.dtype) * each).sum()


def _summed(verbs, y, start):
    if verbs.is_complex(y.dtype):
        y = verbs.real(y) + verbs.imag(y)
    each = y + y * y / 2
    return verbs.sum(each, tuple(range(start, each.ndim))) if each.ndim > start else each


def _is_inexact(y):
    verbs = xp.of(y)
    return verbs is not None and verbs.is_inexact(y.dtype)


def _sum(parts):
    return sum(parts[1:], start=parts[0]) if parts else None


# ----- comparing -----
def difference(found, want):
    """Where `(result, gradients)` is not the loop's, in words; None if it is, up to rounding."""
    for what, ours, theirs in zip(("value", "gradient"), _plain(found), _plain(want), strict=True):
        if len(ours) != len(theirs):
            return f"{len(ours)} {what}s for the loop's {len(theirs)}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            words = _words(a, b)
            if words:
                return f"{what} {i}: {words}"
    return None


def _words(a, b):
    if a.shape != b.shape:
        return f"shape {a.shape} for the loop's {b.shape}"
    if a.dtype != b.dtype:
        return f"{a.dtype} for the loop's {b.dtype}"
    if a.dtype.kind not in "fc":
        return None if (a == b).all() else "other numbers than the loop's"
    scale = np.max(np.abs(b[np.isfinite(b)]), initial=0.0)
    close = np.finfo(b.dtype).eps ** 0.5 * scale
    if np.allclose(a, b, rtol=0, atol=close, equal_nan=True):
        return None
    if not (np.isfinite(a) == np.isfinite(b)).all():
        return f"{a[np.isfinite(a) != np.isfinite(b)][0]:.2g} where the loop has another number"
    off = np.abs(a - b)[np.isfinite(b)].max()
    return f"off by {off:.2g}, where the largest number is {scale:.2g}"


def _plain(outcome):
    """The numbers of a result, example by example, and of the gradients, as NumPy's."""
    result, gradients = outcome
    leaves = trees.flatten(result, is_leaf=is_batch)[0]
    values = [x for y in leaves if is_batch(y) for x in trees.leaves(y.unbatch())]
    return [as_numpy(x) for x in values], [as_numpy(g) for g in gradients or []]


def as_numpy(x):
    if xp.framework_of(x) == "torch":
        x = x.detach().cpu().resolve_conj()
        return (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()
    x = np.asarray(x)
    return x.astype("float32") if x.dtype.name == "bfloat16" else x
