"""A tree of arrays as one vector, and back: what linear solvers and integrators compute with."""

import math

from .. import trees, xp
from ..errors import AutodiffError


def flat(tree):
    """All entries of all leaves, one after the other."""
    leaves = trees.leaves(tree)
    verbs = xp.of(*leaves)
    parts = [verbs.reshape(x, (math.prod(x.shape),)) for x in leaves]
    return parts[0] if len(parts) == 1 else verbs.concat(parts, 0)


def shaped(vector, like):
    """The tree like `like` whose entries are those of the vector."""
    leaves, _, rebuild = trees.flatten(like)
    verbs, start, found = xp.of(vector), 0, []
    for leaf in leaves:
        stop = start + math.prod(leaf.shape)
        part = verbs.reshape(vector[start:stop], tuple(leaf.shape))
        found.append(part if part.dtype == leaf.dtype else verbs.astype(part, leaf.dtype))
        start = stop
    return rebuild(found)


def flows(x):
    """Is this an array that has a derivative?"""
    return xp.framework_of(x) is not None and xp.of(x).is_inexact(x.dtype)


def as_state(tree, others, what):
    """The tree with every leaf an array of one real dtype: the widest here and in `others`."""
    leaves, _, rebuild = trees.flatten(tree)
    verbs = xp.of(*leaves, *others)
    floats = [x.dtype for x in (*leaves, *others) if xp.framework_of(x) and not _other(verbs, x)]
    if not leaves or not floats:
        raise AutodiffError(
            f"{what} is {_words(tree)}; it says what the solution looks like, so give numbers or "
            "arrays of a real floating-point dtype"
        )
    dtype = verbs.common_dtype(floats)
    return rebuild([_as_float(verbs, x, dtype, others, leaves, what) for x in leaves])


def as_array(verbs, x, dtype, like):
    """A number, or an array of NumPy's; PyTorch would take a Python number for a float32."""
    if isinstance(x, (int, float)):
        return verbs.zeros((), dtype, like) + x
    return verbs.astype(verbs.asarray(x, like), dtype)


def _as_float(verbs, x, dtype, others, leaves, what):
    if xp.framework_of(x) is None:
        like = next(v for v in (*leaves, *others) if xp.framework_of(v))
        return as_array(verbs, x, dtype, like)
    if _other(verbs, x):
        raise AutodiffError(
            f"{what} has dtype {x.dtype}; give real floating-point numbers (a complex one as its "
            "real and its imaginary part)"
        )
    return x if x.dtype == dtype else verbs.astype(x, dtype)


def _other(verbs, x):
    return not verbs.is_float(x.dtype)


def _words(tree):
    if hasattr(tree, "dtype"):
        return f"an array of dtype {tree.dtype}"
    return "None" if tree is None else f"a {type(tree).__name__} without floating-point arrays"


def fill(like, found, what):
    """What a user's function returned, as a tree like `like`: same structure, shapes and dtypes."""
    leaves, paths, rebuild = trees.flatten(like)
    verbs, parts = xp.of(*leaves), trees.flatten_like(like, found, what)
    for x, part, path in zip(leaves, parts, paths, strict=True):
        number = isinstance(part, (int, float)) and tuple(x.shape) == ()
        if not number and getattr(part, "shape", None) != x.shape:
            found = getattr(part, "shape", None)
            found = f"a {type(part).__name__}" if found is None else f"of shape {tuple(found)}"
            raise AutodiffError(
                f"{what}{path} is {found}, and an array of shape {tuple(x.shape)} was expected: "
                "one entry for each entry of the start"
            )
    return rebuild([_like(verbs, p, x) for p, x in zip(parts, leaves, strict=True)])


def _like(verbs, part, x):
    if xp.framework_of(part) is None:
        return as_array(verbs, part, x.dtype, x)
    part = verbs.detached(part)
    return part if part.dtype == x.dtype else verbs.astype(part, x.dtype)
