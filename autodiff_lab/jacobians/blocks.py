"""A block: a matrix that knows where its entries are, and how many multiplications a product takes.

An entry that is not there is zero whatever the values are. `at` holds the flat places of the
entries, row by row, or None where every place has one; `ones` says which entries are known to be 1
or -1, so that nobody multiplies by them. Blocks without `values` are only counted with.
"""

import math

import numpy as np

MOST = 2**24  # entries, or pairs of entries, that are listed one by one


class Unfit(Exception):
    """This tape's local Jacobians cannot be multiplied, and why."""


class TooLarge(Unfit):
    """There would be more entries than anybody wants to hold."""


class Block:
    __slots__ = ("m", "n", "at", "ones", "values", "_lines")

    def __init__(self, m, n, at=None, ones=None, values=None):
        if at is None and m * n > MOST:
            raise TooLarge(f"{m} x {n} entries")
        self.m, self.n = m, n
        self.at = None if at is not None and len(at) == m * n else at
        self.ones = ones if ones is not None and ones.any() else None
        self.values, self._lines = values, None

    @property
    def full(self):
        return self.at is None

    @property
    def count(self):
        return self.m * self.n if self.full else len(self.at)

    @property
    def places(self):
        return np.arange(self.count) if self.full else self.at

    @property
    def rows(self):
        return self.lines[0]

    @property
    def cols(self):
        return self.lines[1]

    @property
    def lines(self):
        """The row and the column of every entry."""
        if self._lines is None:
            self._lines = np.divmod(self.places, max(self.n, 1))
        return self._lines

    @property
    def is_copy(self):
        """Is it a square matrix with 1 or -1 along the diagonal?"""
        if self.m != self.n or self.count != self.n or self.ones is None:
            return False
        return bool(self.ones.all() and (self.rows == self.cols).all())

    def per_row(self, factors=False):
        """The number of entries in each row; with `factors` those that are not 1 or -1."""
        return self._per(0, self.m, self.n, factors)

    def per_col(self, factors=False):
        return self._per(1, self.n, self.m, factors)

    def _per(self, side, length, other, factors):
        if self.full and (self.ones is None or not factors):
            return np.full(length, other)
        line = self.lines[side]
        if factors and self.ones is not None:
            line = line[~self.ones]
        return np.bincount(line, minlength=length)

    def only_counted(self):
        return Block(self.m, self.n, self.at, self.ones)

    def without_ones(self):
        return Block(self.m, self.n, self.at)

    def turned(self):
        """The places of the transpose."""
        return Block(self.n, self.m, np.sort(self.cols * self.m + self.rows))


def identity(n, values=None):
    return Block(n, n, np.arange(n) * (n + 1), np.ones(n, bool), values)


def multiplications(a, b, all_of_them=False):
    """What the product costs: one for each pair of entries that meet, none for a 1 or a -1."""
    return int(a.per_col(not all_of_them) @ b.per_row(not all_of_them))


def times(a, b, xp=None):
    """The product; its values too, if `xp` is given."""
    if _fills(a, b):
        c = Block(a.m, b.n)
        if xp:
            c.values = _whole_product(xp, a, b)
        return c
    i, j, at = _pairs(a, b)
    places, to, met = np.unique(at, return_inverse=True, return_counts=True)
    c = Block(a.m, b.n, places, _ones_of_product(a, b, i, j, to, met))
    if xp:
        terms = _at(xp, a.values, i) * _at(xp, b.values, j)
        c.values = (
            terms
            if len(terms) == len(places) and _in_order(to)
            else _added(xp, terms, to, len(places))
        )
    return c


def plus(a, b, xp=None):
    """The sum. An entry that only one of the two has stays what it is."""
    both = np.concatenate([a.places, b.places])
    if a.full and b.full and a.ones is b.ones is None:
        return Block(a.m, a.n, values=a.values + b.values if xp else None)
    places, to, met = np.unique(both, return_inverse=True, return_counts=True)
    ones = np.zeros(len(places), bool)
    known = np.concatenate([_ones(a), _ones(b)])
    ones[to] = known
    c = Block(a.m, a.n, places, ones & (met == 1))
    if xp:
        c.values = _added(xp, xp.concat([a.values, b.values], 0), to, len(places))
    return c


def dense(xp, block, shape, dtype, like):
    """The matrix itself, in the shape that is asked for."""
    if block is None:
        return xp.zeros(shape, dtype, like)
    values = block.values
    if not block.full:
        values = xp.add_at(xp.zeros((block.m * block.n,), values.dtype, like), values,
                           indices(xp, block.at, like))  # fmt: skip
    values = values if values.dtype == dtype else xp.astype(values, dtype)
    return xp.reshape(values, shape)


def flat(xp, x):
    """All entries in one line; lax wants to be told how many they are."""
    return xp.reshape(x, (math.prod(x.shape),))


def indices(xp, places, like):
    """Whole numbers of numpy's as the framework's, where `like` is."""
    if xp.name == "torch":
        return xp.lib.as_tensor(places, device=like.device)
    return xp.lib.asarray(places)


# ----- products -----
def _fills(a, b):
    """Is every entry of the product there, and none of them known to be 1?"""
    if a.ones is not None and b.ones is not None:
        return False
    if a.full and b.full:
        return True
    if a.full:
        return bool((b.per_col() > 0).all())
    return b.full and bool((a.per_row() > 0).all())


def _pairs(a, b):
    """The entries i of a and j of b that are multiplied, and the place each product goes to."""
    per_row = b.per_row()
    first = np.cumsum(per_row) - per_row
    repeats = per_row[a.cols]
    total = int(repeats.sum())
    if total > MOST:
        raise TooLarge(f"{total} products of entries")
    i = np.repeat(np.arange(a.count), repeats)
    start = np.cumsum(repeats) - repeats
    j = first[a.cols[i]] + np.arange(total) - start[i]
    return i, j, a.rows[i] * b.n + b.cols[j]


def _ones_of_product(a, b, i, j, to, met):
    if a.ones is None or b.ones is None:
        return None
    ones = np.zeros(len(met), bool)
    ones[to] = a.ones[i] & b.ones[j]
    return ones & (met == 1)


def _ones(block):
    return np.zeros(block.count, bool) if block.ones is None else block.ones


def _whole_product(xp, a, b):
    """A product without holes: rows or columns are scaled, or it is a product of matrices."""
    if not a.full and a.count == a.m:
        rows = _at(xp, xp.reshape(b.values, (b.m, b.n)), a.cols)
        return flat(xp, rows * xp.reshape(a.values, (a.m, 1)))
    if not b.full and b.count == b.n:
        order = np.argsort(b.cols)
        columns = xp.permute(_at(xp, _turned(xp, a), b.rows[order]), (1, 0))
        return flat(xp, columns * _at(xp, b.values, order))
    left, right = (dense(xp, x, (x.m, x.n), x.values.dtype, x.values) for x in (a, b))
    return flat(xp, xp.contract(left, right, "ij,jk->ik", None))


def _turned(xp, a):
    return xp.permute(xp.reshape(a.values, (a.m, a.n)), (1, 0))


def _at(xp, values, places):
    return xp.take_at(values, indices(xp, places, values))


def _in_order(to):
    return bool((to[1:] > to[:-1]).all())


def _added(xp, terms, to, length):
    zeros = xp.zeros((length,), terms.dtype, terms)
    return xp.add_at(zeros, terms, indices(xp, to, terms))
