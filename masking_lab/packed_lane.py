"""`Packed`: a lane without padding. Its ragged dim holds the entries of all examples, one after the
other, as if they were one long example.

Who asks for the padded data is given it: it is made then, and kept. So every rule that knows lanes
knows these too; those that act on each entry alone need no padding (`rules.packed`).
"""

import functools

import numpy as np

from autodiff_lab import xp

from .batches.masked_batch import live
from .lane import Lane


class Segments:
    """Where the entries of a ragged dim stand: each example's own, behind those before it."""

    def __init__(self, lengths):
        self.lengths, self.verbs = lengths, xp.of(lengths)
        self.counts = np.maximum(np.asarray(lengths.tolist(), int), 0)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)])
        self.total, self.longest = int(self.starts[-1]), int(self.counts.max(initial=0))

    @functools.cached_property
    def example(self):
        """For each entry, the number of its example."""
        return self._array(np.repeat(np.arange(len(self.counts)), self.counts))

    @functools.cached_property
    def step(self):
        """For each entry, its place in its example."""
        first = np.repeat(self.starts[:-1], self.counts)
        return self._array(np.arange(self.total) - first)

    @functools.cached_property
    def padded(self):
        """For each example and place, which entry stands there: the first, where there is none."""
        place = self.starts[:-1, None] + np.arange(self.longest)
        mask = np.arange(self.longest) < self.counts[:, None]
        return self._array(np.where(mask, place, 0))

    def _array(self, numbers):
        return self.verbs.asarray(numbers.astype(self.verbs.index_dtype), self.lengths)


class Packed(Lane):
    """`rows` are the entries of all examples along axis `at`, and no padding."""

    def __init__(self, at, segments, ndim, rows=None, padded=None, weak=False):
        self.at, self.segments, self._rows, self._padded = at, segments, rows, padded
        self.sizes = tuple(segments.lengths if a == at else None for a in range(ndim))
        self.fill = 0.0 if padded is None else padded.fill
        self.weak, self.look, self.parts, self.bound = weak, None, None, None

    @classmethod
    def of(cls, x, segments):
        """A lane whose only ragged dim has these segments."""
        at = next(a for a, n in enumerate(x.sizes) if n is not None)
        return cls(at, segments, x.ndim, padded=x, weak=x.weak)

    def without_padding(self):
        """The same, and what the padding held is forgotten."""
        return Packed(self.at, self.segments, self.ndim, self.rows, weak=self.weak)

    @property
    def rows(self):
        if self._rows is None:
            s, x = self.segments, self._padded.data
            x = _in_front(s.verbs, x, self.at + 1, 1)
            self._rows = _in_front(s.verbs, x[s.example, s.step], 0, self.at)
        return self._rows

    @property
    def data(self):
        """The padded data, with zeros where nothing is."""
        if self._padded is None:
            s, verbs = self.segments, self.segments.verbs
            x = _in_front(verbs, self._rows, self.at, 0)
            shape = (len(s.counts), s.longest, *x.shape[1:])
            if not s.total:
                data = verbs.zeros(shape, x.dtype, x)
            else:
                mask = live((s.lengths, *[None] * (x.ndim - 1)), shape)
                zero = False if x.dtype == verbs.bool_type else 0
                data = verbs.where(mask, x[s.padded], zero)
            self._padded = Lane(_in_front(verbs, data, 1, self.at + 1), self.sizes, 0.0)
        return self._padded.data

    @property
    def like(self):
        return self.segments.lengths

    @property
    def extent(self):
        if self._padded is not None:
            return tuple(self._padded.data.shape[1:])
        shape = tuple(self._rows.shape)
        return (*shape[: self.at], self.segments.longest, *shape[self.at + 1 :])

    @property
    def examples(self):
        return len(self.segments.counts)

    @property
    def dtype(self):
        return (self._padded.data if self._rows is None else self._rows).dtype

    @property
    def device(self):
        return self.segments.lengths.device

    def plain(self):
        return self.data


def _in_front(verbs, x, axis, to):
    """`x` with an axis moved to another place."""
    if axis == to:
        return x
    order = [a for a in range(x.ndim) if a != axis]
    order.insert(to, axis)
    return verbs.permute(x, tuple(order))
