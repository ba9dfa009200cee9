"""All parameters of a model in one vector, and the way back."""

import math
import re
from itertools import accumulate

from .. import trees, xp
from ..errors import AutodiffError


def flatten(tree):
    """`(flat, unflatten)`: the leaves one after the other, and `unflatten(flat)` the tree again.

    Entries of a dict stand in the order of their names. On torch the leaves that `unflatten` gives
    are views of the vector: they share its memory.

    >>> import torch
    >>> flat, unflatten = flatten({"w": torch.ones(2, 2), "b": torch.zeros(2)})
    >>> flat
    tensor([0., 0., 1., 1., 1., 1.])
    >>> unflatten(flat * 3)["w"]
    tensor([[3., 3.],
            [3., 3.]])
    """
    leaves, paths, rebuild = trees.flatten(tree)
    verbs = _checked(leaves, paths)
    order = sorted(range(len(leaves)), key=lambda i: _by_name(paths[i]))
    leaves = [leaves[i] for i in order]
    shapes = [tuple(x.shape) for x in leaves]
    ends = list(accumulate(math.prod(shape) for shape in shapes))

    def unflatten(flat):
        if tuple(flat.shape) != (ends[-1],):
            raise AutodiffError(
                f"unflatten takes a vector of {ends[-1]} numbers, as flatten gave it, and not "
                f"shape {tuple(flat.shape)}"
            )
        starts = [0, *ends[:-1]]
        parts = zip(shapes, starts, ends, strict=True)
        found = [flat[a:b].reshape(shape) for shape, a, b in parts]
        return rebuild([leaf for _, leaf in sorted(zip(order, found, strict=True), key=_first)])

    return verbs.concat([x.reshape(-1) for x in leaves], 0), unflatten


def _by_name(path):
    """Entries of a dict go by name, not by age: jit gives a dict back in another order."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path)]


def _first(pair):
    return pair[0]


def _checked(leaves, paths):
    """The verbs for these leaves: floats of one framework and one dtype."""
    verbs = xp.of(*leaves)
    if verbs is None:
        raise AutodiffError("there is no array to flatten; give a tree of torch or JAX parameters")
    for x, path in zip(leaves, paths, strict=True):
        dtype = getattr(x, "dtype", type(x).__name__)
        if dtype != leaves[0].dtype or not verbs.is_float(dtype):
            raise AutodiffError(
                f"the parameter {path or 'itself'} is of {dtype}, and one vector has one "
                f"floating-point dtype (the first is of {getattr(leaves[0], 'dtype', '?')}); cast "
                "it, or keep it out of the parameters"
            )
    return verbs
