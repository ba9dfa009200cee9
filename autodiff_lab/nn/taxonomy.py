"""Losses that know a tree of classes: a poodle taken for a sheepdog is no sheepdog, but a dog.

The probability of a node is the sum over the leaves below it. Three ways to give partial credit:

    cross_entropy   minus the log-probability of each step down to the leaf, weighted by
                    exp(-alpha height) (Bertinetto et al., "Making better mistakes", CVPR 2020)
    distance        how high one has to climb, on average, to the first common ancestor of the
                    right leaf and one drawn from softmax (the same paper's measure, as a loss)
    win             the sum of the path's probabilities, halved at each step down
                    (Wu, Tygert and LeCun, "A hierarchical loss and its problems", PLoS ONE 2019)
"""

import math

import numpy as np

from .. import xp
from ..errors import AutodiffError
from . import ops


class Taxonomy:
    """A tree whose leaves are the classes: nested lists of their names, or a dict of such.

    >>> tree = Taxonomy({"animal": ["cat", "dog"], "vehicle": ["car", "lorry"]})
    >>> tree.leaves
    ['cat', 'dog', 'car', 'lorry']
    >>> tree.heights[0]             # to the first common ancestor of a cat and each leaf
    array([0, 1, 2, 2])

    `path[l][i]` is the l-th node from leaf i upwards, as the set of leaves below it; the root
    repeats where a path is shorter than the longest.
    """

    def __init__(self, tree):
        self.leaves, paths = [], []
        self.height = self._grow(tree, paths)
        if len(set(self.leaves)) != len(self.leaves) or len(self.leaves) < 2:
            raise AutodiffError(
                f"the leaves of a taxonomy are two classes or more, each once, not {self.leaves}"
            )
        self.levels, n = max(map(len, paths)), len(self.leaves)
        self.path, self.of_height = np.ones((self.levels, n, n), bool), np.zeros((self.levels, n))
        for i, nodes in enumerate(paths):
            for level in range(self.levels):
                below, height = nodes[min(level, len(nodes) - 1)]
                self.path[level, i] = np.isin(np.arange(n), below)
                self.of_height[level, i] = height
        self.heights = self._common(paths)

    def _grow(self, tree, paths):
        """Number the leaves below; add this node to the path of each. Returns its height."""
        first = len(self.leaves)
        if isinstance(tree, (dict, list, tuple)):
            parts = tree.values() if isinstance(tree, dict) else tree
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
        >>> float(tree.cross_entropy(torch.zeros(1, 4), torch.tensor([0]), alpha=0.0)) / math.log(2)
        2.0
        """
        verbs, logp = self._log_probabilities(logits, target)
        weights = self._rows(verbs, np.exp(-alpha * self.of_height), target, logits)
        steps = [w * (up - down) for w, up, down in zip(weights, logp[1:], logp, strict=False)]
        return verbs.sum(sum(steps), (0,)) / logits.shape[0]

    def distance(self, logits, target):
        """The expected height of the first common ancestor, averaged over the batch."""
        verbs = self._checked(logits, target)
        (heights,) = self._rows(verbs, self.heights[None], target, logits)
        return verbs.sum(ops.softmax(logits) * heights, (0, 1)) / logits.shape[0]

    def win(self, logits, target):
        """From 0 to 1, averaged over the batch: 1 for all the probability on the right leaf.

        Steps have weights 1/2, 1/4, ... from below the root down; the leaf has what is left.
        """
        verbs, logp = self._log_probabilities(logits, target)
        weights = self._rows(verbs, self._halves(), target, logits)
        total = sum([w * verbs.exp(p) for w, p in zip(weights, logp, strict=True)])
        return verbs.sum(total, (0,)) / logits.shape[0]

    def _halves(self):
        depth = (self.of_height < self.height).sum(0)  # of each leaf, below the root
        level = np.arange(self.levels)[:, None]
        weights = np.where(level < depth, 0.5 ** (depth - level), 0.0)
        weights[0] *= 2.0
        return weights

    def _log_probabilities(self, logits, target):
        """For each level of the path, from the right leaf up: log of its probability."""
        verbs = self._checked(logits, target)
        logp, found = ops.log_softmax(logits), []
        for below in self._rows(verbs, self.path, target, logits)[:-1]:
            found.append(verbs.logsumexp(verbs.where(below, logp, -math.inf), (1,)))
        return verbs, [*found, found[0] * 0]  # the root's probability is 1

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
        if tuple(target.shape) != (logits.shape[0],) or "int" not in str(target.dtype):
            raise AutodiffError(
                f"targets are one leaf number per example, not {target.dtype} of shape "
                f"{tuple(target.shape)}"
            )
        ops._within("taxonomy: leaf", target, n)
        return verbs

    def __repr__(self):
        return f"<taxonomy of {len(self.leaves)} leaves, height {self.height}>"
