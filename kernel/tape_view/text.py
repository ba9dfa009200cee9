"""The picture as text: a table like a jaxpr, with the adjoint of every value beside it.

What is drawn is what is written: the first scene, and under a fold that is open what is in it.
"""

from .boxes import UNALARMING
from .svg import opened

HEADS = ("", "operation", "shape", "value", "adjoint", "line")


def text(picture):
    rows = list(_rows(picture, picture.scenes[picture.top], ""))
    heads = picture.heads or HEADS
    widths = [max(len(r[k]) for r in [heads, *rows]) for k in range(len(heads))]
    body = [_row(r, widths) for r in [heads, ["-" * w for w in widths], *rows]]
    told = [f"  ! {sentence}" for sentence, _ in picture.findings]
    return "\n".join([f"{picture.title}. {picture.summary}", *told, *body])


def _rows(picture, scene, indent):
    for b in scene.boxes[scene.ports :]:
        yield _cells(picture.boxes[b], indent)
        if b in opened(picture):
            yield from _rows(picture, picture.scenes[picture.inside[b]], indent + "  ")


def _cells(box, indent):
    if box.lanes is not None:
        return (box.name, box.op, *box.lanes, "", "" if box.at is None else str(box.at[1]))[:6]
    line = "" if box.at is None else str(box.at[1])
    alarm = f" {box.alarm}!" if box.alarm not in UNALARMING else ""
    cells = (box.op or "input", box.shape, box.value + alarm, box.below, line)
    return (indent + box.name, *cells)


def _row(cells, widths):
    return "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()
