"""Bytes alive at each step of both passes: what a gradient of the recorded function would hold.

A recorded tape keeps every value, to be looked at; a gradient keeps what its rows need. This counts
the second, from the same rows: a value lives from the node that makes it to its last reader, or, if
a row needs it on the way back, until the first of those nodes has pulled. Adjoints live from their
first term until they have been pulled through. Views share their memory and count once. The
arguments are not counted, since the caller holds them anyway.

Inside of `ad.checkpoint` nothing is kept on the way forward but what the segment reads; when the
reverse walk arrives, the segment is computed again, and held like any other piece. Of the policies
"none", "sqrt" and "all" are counted as they are; those with snapshots are counted as "none".
"""

from dataclasses import dataclass
from itertools import groupby
from math import isqrt

TOLD = 8  # so many checkpoints are weighed one by one


@dataclass(frozen=True)
class Segment:
    """A piece of the tape that ran inside of `ad.checkpoint`."""

    first: int
    stop: int
    policy: str

    @property
    def pieces(self):
        """What is let go of and computed again as one: `(first, stop)`."""
        if self.policy == "all":
            return []
        n = self.stop - self.first
        each = max(1, isqrt(n)) if self.policy == "sqrt" else n
        return [(i, min(i + each, self.stop)) for i in range(self.first, self.stop, each)]


def segments(tape):
    found = []
    for (mark, *_), group in groupby(tape.nodes, _checkpoint):
        if mark is not None:
            group = list(group)
            policy = mark.removeprefix("checkpoint").strip() or "none"
            found.append(Segment(group[0].index, group[-1].index + 1, policy))
    return found


def _checkpoint(node):
    mark = next((name for name in node.scope or () if name.startswith("checkpoint")), None)
    return mark, getattr(mark, "where", None), getattr(mark, "serial", None)


class Lives:
    """How long each value lives; `bytes(segments)` adds up, with or without some checkpoints."""

    def __init__(self, tape):
        self.nodes, self.n = tape.nodes, len(tape.nodes)
        self.owner = _owners(tape)
        self.last = {}  # owner -> its last reader
        for node in tape.nodes:
            for i in self._read(node):
                self.last[i] = node.index
        self.needed = [self._needed(node) for node in tape.nodes]

    def _read(self, node):
        return [self.owner[p.index] for p in node.parents if p.index is not None]

    def _needed(self, node):
        """The owners of the values that the row of a node keeps for the way back."""
        if not node.active or node.row is None or node.part:
            return []
        keep_y, keep_x = node.row.keep(tuple([p.active for p in node.parents]))
        pairs = zip(node.parents, keep_x, strict=True)
        found = [self.owner[p.index] for p, k in pairs if k and p.index is not None]
        return found + [self.owner[n.index] for n in (node.group or [node]) if keep_y]

    def bytes(self, segments):
        """Bytes after each of the 2n steps: n values forward, then n adjoints back."""
        n, change = self.n, [0] * (2 * self.n + 1)
        pieces = {i: p for s in segments for p in s.pieces for i in range(*p)}
        inside, outside = self._keepers(pieces)
        for node in self.nodes:
            i = node.index
            if node.row is None:
                continue
            last = self.last.get(i, i)
            if self.owner[i] == i:
                self._value(change, node, last, inside.get(i), outside.get(i), pieces.get(i))
            if node.active:
                _live(change, node.bytes, 2 * n - 1 - last, 2 * n - i)
        return _sums(change)

    def _value(self, change, node, last, inside, outside, piece):
        n = self.n
        if outside is not None:
            _live(change, node.bytes, node.index, 2 * n - outside)
            return
        _live(change, node.bytes, node.index, last + 1)
        if inside is not None:
            _live(change, node.bytes, 2 * n - piece[1], 2 * n - inside)

    def _keepers(self, pieces):
        """For each owner the first node that needs it: one of its own piece, or any other."""
        inside, outside = {}, {}
        for node in self.nodes:
            piece = pieces.get(node.index)
            for i in self.needed[node.index]:
                own = piece is not None and pieces.get(i) == piece
                (inside if own else outside).setdefault(i, node.index)
            if piece is not None:  # to be computed again, it needs what comes from elsewhere
                for i in self._read(node):
                    if pieces.get(i) != piece:
                        outside.setdefault(i, node.index)
        return inside, outside


def _live(change, size, start, stop):
    if start < stop:
        change[start] += size
        change[stop] -= size


def _sums(change):
    total, found = 0, []
    for c in change[:-1]:
        total += c
        found.append(total)
    return found


def _owners(tape):
    """The node that made the memory of each node's value: a view's is its parent's."""
    owner, made = {}, {}
    for node in tape.nodes:
        key = _memory(node)
        owner[node.index] = made.setdefault(key, node.index) if key else node.index
    return owner


def _memory(node):
    storage = getattr(node.value, "untyped_storage", None)
    try:
        return storage and storage().data_ptr()
    except RuntimeError:  # no memory of its own, such as a functorch tensor
        return None


def is_alarm(sentence):
    """A checkpoint that does what it is for is worth a sentence, and no alarm."""
    return not sentence.startswith("Checkpoint")


def findings(tape, lives, found):
    """For each checkpoint a sentence: what it does to the peak, and what it costs."""
    with_all = max(lives.bytes(found), default=0) if found else 0
    for s in found[:TOLD]:
        without = max(lives.bytes([other for other in found if other is not s]), default=0)
        count = s.stop - s.first
        cost = "" if s.policy == "all" else f"; {count} operation{'s' * (count > 1)} run twice"
        where = next((m.where for m in tape.nodes[s.first].scope
                      if m.startswith("checkpoint") and m.where), None)  # fmt: skip
        at = f"line {where[1]}" if where else f"v{s.first}"
        gain = f"instead of {without:,} B"
        if without <= with_all:
            gain = "with it and without" if without == with_all else f"({without:,} B without it)"
        kind = "Checkpoint" if without > with_all else "Wasted checkpoint"
        yield f"{kind} ({at}): the peak is {with_all:,} B {gain}{cost}.", s.first
