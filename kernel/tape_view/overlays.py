"""What can be laid over the picture: for each box a word, and a level from 0 to 5 to colour it by.

`-` is for what has no answer there: not computed is never drawn as a level. A fold has the answer
of what is inside of it: sums of bytes and times, the worst alarm, the size of what leaves it.
"""

from dataclasses import dataclass
from math import ceil, isfinite, log10

from ..values import number, short
from .scan import size

NONE = "-"


@dataclass(frozen=True)
class Overlay:
    name: str
    note: str  # what the words and colours mean
    words: tuple  # per box
    levels: str  # a digit per box


def overlays(tape, sizes, boxes, lives, segments, time=None, padding=None):
    """All that can be told about this tape. Boxes of inner tapes stand for their node."""
    found = []
    if any(s is not None for s in sizes.adjoints):
        found.append(_adjoints(sizes, boxes))
    found += [_sound(sizes, boxes), _bytes(tape, lives, segments, boxes)]
    if any(n.tangent is not None for n in tape.nodes):
        found.append(_tangents(tape, boxes))
    if time is not None:
        found.append(_times(time, boxes))
    if padding is not None:
        found.append(padding.overlay(boxes))
    return found


def graded(amounts):
    """Levels by share of the largest."""
    most = max((a for a in amounts if a), default=1)
    return "".join(NONE if a is None else str(round(5 * a / most)) for a in amounts)


def _adjoints(sizes, boxes):
    """By powers of ten below the largest: two a level, or as many as tell them apart."""
    found = [sizes.adjoints[b.last] for b in boxes]
    known = [log10(s) for s in found if s and isfinite(s)] or [0.0]
    most, decades = max(known), max(2, ceil((max(known) - min(known)) / 5))
    levels = "".join(_depth(s, most, decades) for s in found)
    words = tuple("not computed" if s is None else f"|d| {number(s)}" for s in found)
    note = f"root mean square of each adjoint; a level paler is {decades} powers of ten less"
    return Overlay("|adjoint|", note, words, levels)


def _depth(s, most, decades):
    if s is None or not isfinite(s):
        return NONE
    return "0" if s == 0 else str(max(0, 5 - round((most - log10(s)) / decades)))


def _sound(sizes, boxes):
    worst = {"NaN": "5", "Inf": "4", "∂ NaN": "4", "∂ Inf": "3", "all zero": "2"}
    words = tuple(b.alarm or ("sound" if sizes.values[b.last] is not None else "") for b in boxes)
    levels = "".join(worst.get(w, "0" if w else NONE) for w in words)
    return Overlay("NaN, Inf, zero", "what is wrong with values and adjoints", words, levels)


def _bytes(tape, lives, segments, boxes):
    """What each node adds to the memory, and whether the way back keeps it."""
    needed = {i for keep in lives.needed for i in keep}
    again = {i for s in segments for p in s.pieces for i in range(*p)}
    snapped = {i for s in segments for at, mine in s.states(lives.last).items()
               if at in s.kept for i in mine}  # fmt: skip
    words = []
    for b in boxes:
        kept = any(i in needed for i in range(b.first, b.last + 1))
        state = "kept" if kept else "let go"
        state = "computed again" if kept and b.first in again and b.last in again else state
        state = "snapshot" if b.first == b.last and b.first in snapped else state
        words.append(f"{b.bytes:,} B, {'given' if b.kind == 'input' else state}")
    levels = graded([None if b.kind == "input" else b.bytes for b in boxes])
    note = "size of each value, and whether a gradient keeps it until the way back"
    return Overlay("bytes", note, tuple(words), levels)


def _tangents(tape, boxes):
    found = [tape.nodes[b.last].tangent for b in boxes]
    words = tuple("not computed" if t is None else f"dx {short(t)}" for t in found)
    note = "forward mode: the tangent of each value"
    return Overlay("tangents", note, words, graded([t if t is None else size(t) for t in found]))


def _times(time, boxes):
    """Microseconds forward and back, each operation run anew by itself."""
    sums = [[sum(t[i] for i in range(b.first, b.last + 1)) for t in time] for b in boxes]
    words = tuple(f"{round(f * 1e6)} + {round(b * 1e6)} us" for f, b in sums)
    note = "microseconds forward + back; each operation run again by itself, the best of three"
    return Overlay("time", note, words, graded([f + b for f, b in sums]))
