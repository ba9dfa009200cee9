"""The tape as text: a table like a jaxpr, with the adjoint of every value beside it."""

HEADS = ("", "operation", "shape", "value", "adjoint", "line")


def text(picture):
    rows = [_cells(b) for b in picture.boxes]
    widths = [max(len(r[k]) for r in [HEADS, *rows]) for k in range(len(HEADS))]
    body = [_row(r, widths) for r in [HEADS, ["-" * w for w in widths], *rows]]
    return "\n".join([f"{picture.title}. {picture.summary}", *body])


def _cells(box):
    if box.index is None:
        return ("...", box.value, "", "", "", "")
    line = "" if box.line is None else str(box.line)
    return (box.name, box.op or "input", box.shape, box.value, box.below, line)


def _row(cells, widths):
    return "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()
