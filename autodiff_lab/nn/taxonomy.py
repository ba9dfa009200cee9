"""Losses that know a tree of classes: a poodle taken for a sheepdog is no sheepdog, but a dog.

The probability of a node is the sum over the leaves below it. Two ways to give partial credit, both
of Bertinetto et al., "Making better mistakes" (CVPR 2020):

    cross_entropy   minus the log-probability of each step down to the right leaf: the first
                    counts 1, and each further down exp(-alpha) of the one before
    distance        how high one has to climb, on average, to the first common ancestor of the
                    right leaf and one drawn from softmax: their measure of a mistake, as a loss

As objectives they are no sure win: Wu, Tygert and LeCun (PLoS ONE 2019) found plain cross entropy
to bring such a measure down nearly as far.
"""

import math

import numpy as np

from .. import xp
from ..errors import AutodiffError
from . import ops


class Taxonomy:
    """A tree whose leaves are the classes: nested lists of their names, or a dict of such.

    A target is the place of a leaf in `leaves`; where the leaves are numbers from 0 on, it is that
    number.

    >>> tree = Taxonomy({"animal": ["cat", "dog"], "vehicle": ["car", "lorry"]})
    >>> tree.leaves
    ['cat', 'dog', 'car', 'lorry']
    >>> tree.heights[0]             # to the first common ancestor of a cat and each leaf
    array([0, 1, 2, 2])

    `path[l][i]` is the l-th node from leaf i upwards, as the set of leaves below it; the root
    repeats where a path is shorter than the longest. `depth[l][i]` is how far below the root it is.
    """

    def __init__(self, tree):
        self.leaves, paths = [], []
        self.height = self._grow(tree, paths)
        if len(set(self.leaves)) != len(self.leaves) or len(self.leaves) < 2:
            raise AutodiffError(
                f"the leaves of a taxonomy are two classes or more, each once, not {self.leaves}"
            )
        self.levels, n = max(map(len, paths)), len(self.leaves)
        self.path, self.depth = np.ones((self.levels, n, n), bool), np.zeros((self.levels, n))
        for i, nodes in enumerate(paths):
            for level, (below, _) in enumerate(nodes):
                self.path[level, i] = np.isin(np.arange(n), below)
                self.depth[level, i] = len(nodes) - 1 - level
        self.heights = self._common(paths)
        if set(self.leaves) == set(range(n)):
            self._number(np.argsort(self.leaves))

    def _number(self, order):
        self.leaves = [self.leaves[i] for i in order]
        self.path, self.depth = self.path[:, order][:, :, order], self.depth[:, order]
        self.heights = self.heights[order][:, order]

    def _grow(self, tree, paths):
        """Number the leaves below; add this node to the path of each. Returns its height."""
        first = len(self.leaves)
        if isinstance(tree, (dict, list, tuple)):
            parts = list(tree.values() if isinstance(tree, dict) else tree)
            if len(parts) == 1:  # a node with one child is that child
                return self._grow(parts[0], paths)
            height = 1 + max([self._grow(part, paths) for part in parts], default=0)
        else:
            self.leaves.append(tree)
            paths.append([])
            height = 0
        below = range(first, len(self.leaves))
        for i in below:
            paths[i].append((list(below), height))
        return height

    def _common(self, paths):
        n = len(paths)
        heights = np.zeros((n, n), int)
        for i, nodes in enumerate(paths):
            for below, height in reversed(nodes):
                heights[i, below] = height
        return heights

    def cross_entropy(self, logits, target, alpha=0.1):
        """With alpha 0 every step counts alike, and this is `nn.cross_entropy`.

        >>> import torch
        >>> tree = Taxonomy([["cat", "dog"], ["car", "lorry"]])
        >>> tree.cross_entropy(torch.zeros(1, 4), torch.tensor([0]), alpha=0.0)  # log 4
        tensor(1.3863)
        """
        verbs, known, logp = self._log_probabilities(logits, target)
        weights = self._rows(verbs, np.exp(alpha * (1 - self.depth)), target, logits)
        steps = [w * (up - down) for w, up, down in zip(weights, logp[1:], logp, strict=False)]
        return _mean(verbs, known, sum(steps))

    def distance(self, logits, target):
        """The expected height of the first common ancestor, averaged over the batch."""
        verbs, known = self._checked(logits, target)
        (heights,) = self._rows(verbs, self.heights[None], target, logits)
        return _mean(verbs, known, verbs.sum(ops.softmax(logits) * heights, (1,)))

    def _log_probabilities(self, logits, target):
        """For each level of the path, from the right leaf up: log of its probability."""
        verbs, known = self._checked(logits, target)
        logp, found = ops.log_softmax(logits), []
        for below in self._rows(verbs, self.path, target, logits)[:-1]:
            found.append(verbs.logsumexp(verbs.where(below, logp, -math.inf), (1,)))
        return verbs, known, [*found, verbs.zeros_like(found[0])]  # the root's probability is 1

    def _rows(self, verbs, tables, target, like):
        """Of each table the rows that the targets name."""
        dtype = like.dtype if tables.dtype != bool else verbs.bool_type
        tables = verbs.astype(verbs.asarray(tables, like), dtype)
        return [tables[i][target] for i in range(len(tables))]

    def _checked(self, logits, target):
        verbs, n = xp.of(logits, target), len(self.leaves)
        if verbs is None or len(logits.shape) != 2 or logits.shape[1] != n:
            raise AutodiffError(
                f"this taxonomy has {n} leaves, and logits should be (batch, {n}), not "
                f"{tuple(getattr(logits, 'shape', ())) or type(logits).__name__}"
            )
        if tuple(target.shape) != (logits.shape[0],):
            raise AutodiffError(
                f"targets are one leaf number for each of {logits.shape[0]} examples, not of "
                f"shape {tuple(target.shape)}"
            )
        return verbs, ops.numbered("taxonomy: leaf", target, n)

    def __repr__(self):
        return f"<taxonomy of {len(self.leaves)} leaves, height {self.height}>"


def _mean(verbs, known, y):
    return ops.only_if(known, verbs.sum(y, (0,)) / y.shape[0])
