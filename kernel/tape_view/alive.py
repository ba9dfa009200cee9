"""Bytes alive at each step of both passes: what a gradient of the recorded function would hold.

A recorded tape keeps every value, to be looked at; a gradient keeps what its rows need. This counts
the second, from the same rows: a value lives from the node that makes it to its last reader, or, if
a row needs it on the way back, until the first of those nodes has pulled. Adjoints live from their
first term until they have been pulled through. Views share their memory and count once. The
arguments are not counted, since the caller holds them anyway.

Inside of `ad.checkpoint` nothing is kept on the way forward but snapshots of the state; when the
reverse walk arrives, steps are computed again from them, recorded, and held like any other piece.
Which, and when, says the schedule of the policy (`segments`). What the steps in between need for a
moment, while a state is advanced, is not counted.
"""

from .segments import segments

__all__ = ["Lives", "findings", "is_alarm", "segments"]

TOLD = 8  # so many checkpoints are weighed one by one


class Lives:
    """How long each value lives; `bytes(segments)` adds up, with or without some checkpoints."""

    def __init__(self, tape):
        self.nodes, self.n = tape.nodes, len(tape.nodes)
        self.owner = owners(tape)
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
        kept, held = self._kept(segments)
        for node in self.nodes:
            i = node.index
            if node.row is None:
                continue
            last = self.last.get(i, i)
            if self.owner[i] == i:
                whole = (i, 2 * n - kept[i] if i in kept else last + 1)
                for start, stop in _joined([whole, *held.get(i, ())]):
                    _live(change, node.bytes, start, stop)
            if node.active:
                _live(change, node.bytes, 2 * n - 1 - last, 2 * n - i)
        return _sums(change)

    def _kept(self, segments):
        """The first node that each value is kept for, from its making on; other times it is held.

        A step that is computed again holds what it needs of its segment from then on; what comes
        from elsewhere has been kept for it.
        """
        n, kept, held = self.n, {}, {}
        again = {i: (s, p) for s in segments for p in s.pieces for i in range(*p)}
        for node in self.nodes:
            m = node.index
            s, piece = again.get(m, (None, None))
            inside = range(s.first, s.stop) if s else ()
            for i in self.needed[m]:
                if i in inside:
                    held.setdefault(i, []).append((2 * n - piece[1], 2 * n - m))
                else:
                    kept.setdefault(i, m)
            for i in self._read(node) if s else ():
                if i not in inside:
                    kept.setdefault(i, m)
        for s in segments:
            states = s.states(self.last)
            for at, start, stop in s.held(n):
                for i in states[at]:
                    held.setdefault(i, []).append((start, stop))
        return kept, held


def _joined(spans):
    """Spans of time without what is in two of them."""
    found = []
    for start, stop in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(stop, found[-1][1])
        else:
            found.append((start, stop))
    return found


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


def owners(tape):
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
        cost = f"; {s.again:,} operation{'s' * (s.again > 1)} run again" if s.again else ""
        where = next((m.where for m in tape.nodes[s.first].scope
                      if m.startswith("checkpoint") and m.where), None)  # fmt: skip
        at = f"line {where[1]}" if where else f"v{s.first}"
        gain = f"instead of {without:,} B"
        if without <= with_all:
            gain = "with it and without" if without == with_all else f"({without:,} B without it)"
        kind = "Checkpoint" if without > with_all else "Wasted checkpoint"
        yield f"{kind} ({at}): the peak is {with_all:,} B {gain}{cost}.", s.first
