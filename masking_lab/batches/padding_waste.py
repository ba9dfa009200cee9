"""How much of a batch is padding?

What work on a padded batch costs in vain: 1 - sum(n) / (B * N) for work on each entry, and
1 - sum(n^2) / (B * N^2) for work on all pairs of entries (attention), where each of B examples has
n entries of the N that it is padded to.
"""

import math
from typing import NamedTuple

from autodiff_lab import trees, xp

from ..errors import MaskError
from .masked_batch import is_batch


class Waste(NamedTuple):
    """Shares of the work that are done on padding; `parts` has one for each batch in a container.

    `entries` are the valid and the padded entries along the ragged dims, `pairs` their pairs.
    """

    entries: tuple
    pairs: tuple
    parts: dict

    @property
    def padding(self):
        """The share of entries that are padding."""
        return _share(self.entries)

    @property
    def attention(self):
        """The share of pairs of entries that have padding in them."""
        return _share(self.pairs)

    def __repr__(self):
        text = (
            f"{self.padding:.1%} of the entries are padding ({self.entries[0]:,} of "
            f"{self.entries[1]:,} are used), {self.attention:.1%} of the pairs in attention"
        )
        lines = [f"    {path}: {part!r}" for path, part in self.parts.items()]
        return "\n".join([text, *lines] if len(lines) > 1 else [text])


def waste(batch):
    """The padding waste of a batch, or of all batches in a container.

    >>> import torch, masking_lab as ml
    >>> found = ml.waste(ml.batch([torch.ones(4), torch.ones(1), torch.ones(1)]))
    >>> found
    50.0% of the entries are padding (6 of 12 are used), 62.5% of the pairs in attention
    >>> found.padding, found.attention
    (0.5, 0.625)
    """
    leaves, paths, _ = trees.flatten(batch, is_leaf=is_batch)
    parts = {p: _of(b) for b, p in zip(leaves, paths, strict=True) if is_batch(b)}
    if not parts:
        raise MaskError(
            f"waste was given a {type(batch).__name__} without a MaskedBatch in it; make one with "
            "ml.batch([...])"
        )
    return Waste(
        _total(part.entries for part in parts.values()),
        _total(part.pairs for part in parts.values()),
        parts if len(parts) > 1 else {},
    )


def _of(b):
    dims = [i for i, asked in enumerate(b._asked()) if asked]
    padded = math.prod(b.data.shape[1 + i] for i in dims)
    try:
        own = _used(b, dims).tolist()
    except Exception:
        raise MaskError("the lengths are not known under jit; ask for the waste outside") from None
    return Waste(
        (sum(own), len(b) * padded), (sum(n * n for n in own), len(b) * padded * padded), {}
    )


def _used(b, dims):
    """How many entries of the mask are valid: of one ragged dim, each example's length."""
    lengths = b.sizes[dims[0]] if len(dims) == 1 else None
    if lengths is not None and lengths.ndim == 1:
        return lengths
    verbs = xp.of(b.mask)
    return verbs.sum(verbs.astype(b.mask, verbs.dtype("int32")), tuple(range(1, 1 + len(dims))))


def _total(pairs):
    used, all_ = zip(*pairs, strict=True)
    return sum(used), sum(all_)


def _share(used_of_all):
    used, all_ = used_of_all
    return 1 - used / all_ if all_ else 0.0
