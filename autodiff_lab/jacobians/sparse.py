"""Sparse Jacobians: where the entries are, and few walks for all of them.

Entries are followed along the tape from the inputs (`structure` says how a row passes them on), so
the pattern holds whatever the values are. Columns, or rows, that do not meet are then walked
together (`colouring`), and every entry is read off one walk.
"""

import math

import numpy as np

from .. import trees, xp
from ..errors import AutodiffError
from ..linearize import pulled
from ..trace import as_argnums
from .blocks import Block, TooLarge, flat, indices, plus
from .colouring import both_ways, by_columns, by_rows, symmetric
from .complex_numbers import differentiable
from .elimination import ends_of, linear_tape
from .graph import patterns
from .structure import size
from .walks import _chunk, _flows, _like_arguments, _name, _together

WAYS = {"forward": by_columns, "reverse": by_rows, "mixed": both_ways}


class Pattern:
    """Where a Jacobian has entries: entry k at the place `indices[:, k]` in an array of `shape`."""

    def __init__(self, indices, shape):
        self.indices, self.shape = indices, tuple(shape)

    def __len__(self):
        return self.indices.shape[1]

    def todense(self):
        """True where there is an entry: an array of numpy's."""
        found = np.zeros(self.shape, bool)
        found[tuple(self.indices)] = True
        return found

    def __repr__(self):
        head = f"<pattern of shape {self.shape}: {len(self)} of {math.prod(self.shape)} entries>"
        if len(self.shape) != 2 or max(self.shape) > 40:
            return head
        return "\n".join(
            "".join(".#"[entry] for entry in row) for row in self.todense().astype(int)
        )


class Sparse:
    """A sparse array: entry k is `values[k]`, at the place `indices[:, k]` in an array of `shape`.

    What `torch.sparse_coo_tensor(s.indices, s.values, s.shape)` takes, and with `s.indices.T` JAX's
    `BCOO((s.values, s.indices.T), shape=s.shape)`.
    """

    def __init__(self, indices, values, shape):
        self.indices, self.values, self.shape = indices, values, tuple(shape)

    def todense(self):
        """The array itself, zeros filled in."""
        verbs, place = xp.of(self.values), 0 * self.indices.sum(0)
        for i, n in zip(self.indices, self.shape, strict=True):
            place = place * n + i
        zeros = verbs.zeros((math.prod(self.shape),), self.values.dtype, self.values)
        return verbs.reshape(verbs.add_at(zeros, self.values, place), self.shape)

    def __repr__(self):
        count = len(self.values)
        return f"<sparse of shape {self.shape}: {count} of {math.prod(self.shape)} entries>"


def sparsity(f, *args, argnums=0):
    """Where the Jacobian of `f` has entries: a `Pattern` for each array that `jacfwd` would return.

    Nothing is differentiated and no value is looked at: an entry that is zero by accident is there.
    The pattern holds for all values of the differentiated arguments that take the same branches and
    the same whole-number indices; the other arguments stand still.

    >>> import torch
    >>> sparsity(lambda x: x[1:] * x[:-1], torch.zeros(4))
    ##..
    .##.
    ..##
    """
    chosen = as_argnums(f, args, argnums)
    tape = linear_tape(f, args, {}, chosen)
    whole = Whole(f, tape, differentiable(f, tape, tape.output))

    blocks = whole.blocks(lambda entries, places, shape, y: Pattern(places, shape))
    found = [_like_arguments(tape, b, chosen, argnums) for b in blocks]
    return trees.flatten(tape.output)[2](found)


def compressed(f, tape, ys, mode, push, known):
    """For each output a `Sparse` per input; None where no derivative flows.

    `known` remembers the colouring of the last pattern.

    `push` takes one tangent per input to one per output that has a derivative.
    """
    whole, verbs, like = Whole(f, tape, ys), tape.xp, tape.leaves[0]
    values = whole.values(whole.colouring(mode, known), push)

    def sparse(entries, places, shape, y):
        mine = verbs.take_at(values, indices(verbs, entries, like))
        return Sparse(indices(verbs, places, like), verbs.astype(mine, y.dtype), shape)

    return whole.blocks(sparse)


class Whole:
    """The Jacobian of all outputs by all inputs as one matrix, and where its entries are."""

    def __init__(self, f, tape, ys):
        self.tape, self.ys, self.xs = tape, ys, tape.inputs
        self.flowing = [y for y in ys if _flows(tape, y)]
        self.rows = _starts([math.prod(y.shape) for y in self.flowing])
        self.cols = _starts([size(x) for x in self.xs])
        try:
            self.block = self._block()
        except TooLarge as e:
            raise AutodiffError(
                f"the Jacobian of {_name(f)} is large and not sparse enough ({e}); use "
                "ad.jacobian without sparse=True, or ad.vjp and ad.jvp for products with it"
            ) from None

    def _block(self):
        found = patterns(self.tape, ends_of(self.tape, self.ys))
        found = [b for y, b in zip(self.ys, found, strict=True) if _flows(self.tape, y)]
        width = self.cols[-1]
        places = [b.places + at * width for b, at in zip(found, self.rows, strict=False) if b]
        return Block(self.rows[-1], width, np.concatenate([np.zeros(0, int), *places]))

    def blocks(self, make):
        """`make(entries, indices, shape, y)` for each input of each output that has a derivative.

        Of other outputs None.
        """
        found = iter([[make(*self._part(o, i)) for i in range(len(self.xs))]
                      for o in range(len(self.flowing))])  # fmt: skip
        return [next(found) if _flows(self.tape, y) else None for y in self.ys]

    def _part(self, o, i):
        block, y, x = self.block, self.flowing[o], self.xs[i]
        mine = (block.rows >= self.rows[o]) & (block.rows < self.rows[o + 1])
        mine &= (block.cols >= self.cols[i]) & (block.cols < self.cols[i + 1])
        entries, shape = np.flatnonzero(mine), (*y.shape, *x.shape)
        rows, cols = block.rows[entries] - self.rows[o], block.cols[entries] - self.cols[i]
        found = np.unravel_index(rows * size(x) + cols, shape) if shape else ()
        return entries, np.array(found, int).reshape(len(shape), len(entries)), shape, y

    def colouring(self, mode, known):
        if mode == "symmetric":
            self.block = plus(self.block.without_ones(), self.block.turned())
        looks = (self.block.m, self.block.n, self.block.places.tobytes())
        if known.get(mode, (None,))[0] != looks:
            known[mode] = looks, _coloured(self.block, mode)
        return known[mode][1]

    def values(self, colouring, push):
        """All entries, each read off the walk that its column or its row goes with."""
        block, verbs = self.block, self.tape.xp
        if block.count == 0:
            return verbs.zeros((0,), self.tape.inputs[0].dtype, self.tape.leaves[0])
        tangents = self._walked(colouring.columns, colouring.forward, self.xs, push)
        cotangents = self._walked(colouring.rows, colouring.reverse, self.flowing, self._pull)
        rows, cols = _readable(block, colouring)
        place = np.where(
            colouring.by_row[rows],
            colouring.forward * block.m + colouring.rows[rows] * block.n + cols,
            colouring.columns[cols] * block.m + rows,
        )
        found = verbs.concat([x for x in (tangents, cotangents) if x is not None], 0)
        return verbs.take_at(found, indices(verbs, place, found))

    def _pull(self, gs):
        gs = iter(gs)
        return pulled(self.tape, [next(gs) if _flows(self.tape, y) else None for y in self.ys])

    def _walked(self, colours, count, like, walk):
        """One walk per colour, along the sum of its unit vectors; their results in one line."""
        verbs, tape = self.tape.xp, self.tape
        if count == 0:
            return None
        starts = self.cols if like is self.xs else self.rows

        def along(seed):
            parts = [
                verbs.astype(verbs.reshape(seed[a:b], tuple(x.shape)), x.dtype)
                for x, a, b in zip(like, starts, starts[1:], strict=False)
            ]
            return [verbs.concat([flat(verbs, y) for y in walk(parts)], 0)]

        seeds = np.arange(count)[:, None] == colours
        seeds, chunk = indices(verbs, seeds, tape.leaves[0]), _chunk(tape)
        done = [_together(tape, along, seeds[k : k + chunk])[0] for k in range(0, count, chunk)]
        return flat(verbs, verbs.concat(done, 0))


def _coloured(block, mode):
    if mode == "symmetric":
        return symmetric(block)
    ways = WAYS.values() if mode == "auto" else [WAYS[mode]]
    return min((way(block) for way in ways), key=lambda found: found.walks)


def _readable(block, colouring):
    """Where to read each entry: at its row and column, or turned if its group meets there."""
    rows, cols = block.rows, block.cols
    group = rows * (colouring.forward + 1) + colouring.columns[cols]
    _, which, met = np.unique(group, return_inverse=True, return_counts=True)
    turn = (met[which] > 1) & ~colouring.by_row[rows]
    return np.where(turn, cols, rows), np.where(turn, rows, cols)


def _starts(sizes):
    return [0, *np.cumsum(sizes).tolist()] if sizes else [0]
