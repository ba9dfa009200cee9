"""Which columns, or rows, of a sparse matrix can be computed together.

Columns that have no row in common go into one group: one jvp along the sum of their unit vectors
gives all their entries apart (Curtis, Powell and Reid 1974). The smallest number of groups is the
chromatic number of the graph in which columns that share a row are neighbours (Coleman and More
1983), and hard to find: neighbours are coloured greedily, in several orders, and the best is kept.
"""

import collections
import itertools
from typing import NamedTuple

import numpy as np


class Colouring(NamedTuple):
    """The groups of columns (one jvp each) and of rows (one vjp each).

    `columns[j]` is the group of column j, or -1 where no column walk reads it; `by_row` are the
    rows whose entries are read from a row walk.
    """

    columns: np.ndarray
    rows: np.ndarray
    by_row: np.ndarray

    @property
    def forward(self):
        """The number of forward walks."""
        return _count(self.columns)

    @property
    def reverse(self):
        return _count(self.rows)

    @property
    def walks(self):
        return self.forward + self.reverse


def _count(colours):
    return int(max(colours, default=-1)) + 1


def by_columns(block):
    none = np.full(block.m, -1)
    return Colouring(greedy(block, "columns"), none, np.zeros(block.m, bool))


def by_rows(block):
    none = np.full(block.n, -1)
    return Colouring(none, greedy(block, "rows"), np.ones(block.m, bool))


def both_ways(block):
    """The densest rows by row, the rest by column (Hossain and Steihaug 1998, Coleman and Verma
    1998), for that number of dense rows that needs the fewest walks."""
    best, count = min([by_columns(block), by_rows(block)], key=_walks), block.per_row()
    for least in sorted(set(count.tolist()), reverse=True)[:20]:
        by_row = count >= least
        if not by_row.all():
            best = min(best, _split(block, by_row), key=_walks)
    return best


def symmetric(block):
    """Columns of a symmetric matrix: entry (i, j) may be read from row j as well.

    That is so if no path of four vertices has only two colours: a star colouring (Coleman and More
    1984; Gebremedhin, Manne and Pothen 2005).
    """
    rows, cols = block.rows, block.cols
    near = [set(part) for part in _lists(rows, cols, block.n)] if block.n else []
    colours = [-1] * block.n
    for v in sorted(range(block.n), key=lambda j: -len(near[j])):
        if near[v]:
            colours[v] = _first_free(_not_for(v, near, colours))
    none = np.full(block.m, -1)
    return Colouring(np.array(colours, int), none, np.zeros(block.m, bool))


def _not_for(v, near, colours):
    """The colours that would give v a neighbour of its own colour, or a path in two colours."""
    mine = [w for w in near[v] if w != v and colours[w] >= 0]
    seen, taken = collections.Counter(colours[w] for w in mine), set()
    for w in mine:
        taken.add(colours[w])
        for x in near[w] - {v, w}:
            if seen[colours[w]] > 1 or any(colours[y] == colours[w] for y in near[x] - {w, x, v}):
                taken.add(colours[x])
    return taken


def _walks(colouring):
    return colouring.walks


def _split(block, by_row):
    rows, cols = block.rows, block.cols
    mine = by_row[rows]
    return Colouring(
        _coloured(cols[~mine], rows[~mine], block.n, block.m),
        _coloured(rows[mine], cols[mine], block.m, block.n),
        by_row,
    )


def greedy(block, side):
    """The group of each column, or row: no two in a group share a row, or column."""
    if block.full and block.m and block.n:
        return np.arange(block.n if side == "columns" else block.m)
    if side == "columns":
        return _coloured(block.cols, block.rows, block.n, block.m)
    return _coloured(block.rows, block.cols, block.m, block.n)


def _coloured(mine, other, n, m):
    """Colour the n lines that `mine` counts; two with an entry in the same `other` differ."""
    found = np.full(n, -1)
    if len(mine) == 0:
        return found
    at_most = int(np.bincount(other, minlength=m).max())  # so many are needed at least
    if at_most == 1:
        found[mine] = 0
        return found
    across, along = _lists(other, mine, m), _lists(mine, other, n)
    for order in (range(n), sorted(range(n), key=lambda j: -len(along[j]))):
        colours = _in_order(order, along, across, n)
        if found.max() < 0 or max(colours) < found.max():
            found = np.array(colours)
        if found.max() + 1 == at_most:
            break
    return found


def _lists(keys, values, n):
    """For each key its values."""
    order = np.argsort(keys, kind="stable")
    cuts = np.searchsorted(keys[order], np.arange(1, n))
    return [part.tolist() for part in np.split(values[order], cuts)]


def _in_order(order, along, across, n):
    colours = [-1] * n
    for j in order:
        if not along[j]:
            continue
        colours[j] = _first_free({colours[k] for i in along[j] for k in across[i]})
    return colours


def _first_free(taken):
    return next(colour for colour in itertools.count() if colour not in taken)
