"""The items of a loop in the order of its trips: those of the first trip, of the second, ...

Examples with the longest in front make trip after trip in rows that get fewer at the end. So the
items of all trips are one array without padding, taken apart into one piece for each trip, as
PyTorch's `pack_padded_sequence` lays them out. Its cotangent is put together in one go.
"""

import numpy as np

from autodiff_lab import xp

from ..lane import Lane
from ..packed_lane import Packed
from .sequences import Ragged
from .some import Some, array_of, rows


def laid_out(items, numbers, counts):
    """The items of examples `numbers`, longest first; None where they are no arrays."""
    if items.through is None or not numbers:
        return None
    plan = Plan(numbers, [counts[n] for n in numbers])
    found = items.through(plan.pieces)
    return Pieces(plan, found) if plan.fits else None


class Plan:
    """Which entry of which example stands where."""

    def __init__(self, numbers, counts):
        self.numbers, self.fits = numbers, True
        steps = np.arange(counts[0])
        self.rows = (np.asarray(counts)[None] > steps[:, None]).sum(1)  # for each trip
        self.example = np.concatenate([numbers[:n] for n in self.rows])
        self.step = np.repeat(steps, self.rows)

    def pieces(self, x):
        """One array as a sequence of pieces, one for each trip."""
        verbs = xp.of(x.like)
        if verbs.name != "torch" or any(n is not None for n in x.sizes[1:]):
            self.fits = False
            return Ragged(0, None, 0)
        flat, starts = _flat(x)
        index = array_of(verbs, starts[self.example] + self.step, x.like)
        parts = rows(flat, index).split(self.rows.tolist())
        sizes = (None,) * (x.ndim - 1)
        return Ragged(len(parts), lambda i: Lane(parts[i], sizes), len(parts))


def _flat(x):
    """All entries in one line, and where each example's begin."""
    if isinstance(x, Packed) and x.at == 0:
        return x.rows, x.segments.starts
    count, longest, *rest = x.data.shape
    return x.data.reshape(count * longest, *rest), np.arange(count) * longest


class Pieces:
    """The items of each trip."""

    def __init__(self, plan, items):
        self.plan, self.items = plan, items
        self.places = {n: i for i, n in enumerate(plan.numbers)}

    def at(self, i, loop):
        """The i-th items of those that are still in the loop."""
        item, rows = self.items.at(i), int(self.plan.rows[i])
        if len(loop.numbers) == rows:
            return item
        return Some(loop.like, rows, [self.places[n] for n in loop.numbers]).leads(item)
