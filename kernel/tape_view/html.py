"""The picture of a tape as HTML: a still image and a table, and a script that wakes them up.

What a page does not allow falls away: without scripts (an untrusted notebook, GitHub) the image,
the findings, the source and the table are left. Nothing is loaded: the output works offline, in
Colab's frames and in exported pages alike.
"""

import json
from html import escape

from .. import palette
from ..carried import address, script, style
from .alive import is_alarm
from .svg import described, drawn_boxes, fragments, opened, scene_svg, svg

HEADS = (
    "name", "operation", "value", "adjoint", "adjoint from", "shape", "kept for reverse", "memory",
    "source", "scope", "jaxpr",
)  # fmt: skip


def html(picture):
    title, width = escape(picture.title), max(s.width for s in picture.scenes)
    return (
        f'<div class="tp-root"><style>{_style(width)}</style>'
        f"<p><b>{title}</b> · {escape(picture.summary)}</p>{_findings(picture)}"
        f'<div class="tp-stage"><img class="tp-still" alt="{escape(described(picture))}" '
        f'src="data:image/svg+xml,{address(svg(picture))}"></div>'
        f'{_code(picture)}<details class="tp-words"><summary>The same as a table</summary>'
        f"{table(picture)}</details>"
        f'<script type="application/json" class="tp-data">{_data(picture)}</script>'
        f"<script>{script('tp-root', __package__, 'view.js')}</script></div>"
    )


def _findings(picture):
    """What to look at first, before anything else is read; `data-b` is the box it is about."""
    items = "".join(
        f'<li data-b="{b}"{"" if is_alarm(told) else " class=fine"}>{escape(told)}'
        for told, b in picture.findings
    )
    return f'<ul class="tp-found">{items}</ul>' if items else ""


def table(picture):
    """Every box in words, for screen readers, for searching, and for what the picture cuts short.

    HTML closes cells and rows by itself; leaving that to it saves a sixth of the table. Columns
    without a word are left out.
    """
    rows = [_cells(picture, k) for k in range(len(picture.boxes))]
    layers = [layer.name for layer in picture.overlays]
    heads = [*HEADS[:2], *(picture.heads or HEADS)[2:4], *HEADS[4:], *layers]
    used = [k for k in range(len(heads)) if any(row[k] for row in rows)]
    head = "".join(f"<th scope=col>{escape(heads[k])}" for k in used)
    body = "".join(
        f"<tr><th scope=row>{escape(row[0])}" + "".join(f"<td>{escape(row[k])}" for k in used[1:])
        for row in rows
    )
    caption = f"<caption>{escape(picture.title)}: every box in words</caption>"
    return f"<table>{caption}<thead><tr>{head}<tbody>{body}</table>"


def _cells(picture, k):
    b = picture.boxes[k]
    source = "" if b.at is None else f"line {b.at[1]}: {b.code}"
    layers = [layer.words[k] for layer in picture.overlays]
    if b.lanes is not None:
        return [b.name, b.op, *b.lanes, *[""] * (6 - len(b.lanes)), source, b.scope, "", *layers]
    shape = ", ".join(filter(None, [f"{b.shape} {b.dtype}", b.layout]))
    return [b.name, b.op or b.kind, b.value_line, b.adjoint_line, b.adds, shape, b.needs,
            f"{b.bytes:,} B", source, b.scope, b.equation, *layers]  # fmt: skip


def _code(picture):
    """The lines the tape ran through; the script links them to the boxes both ways."""
    if not picture.sources and not picture.python:
        return ""
    shown = ""
    for number, (title, lines) in enumerate(picture.sources):
        items = "".join(
            f'<li value={n} data-at="{number}:{n}"><code>{escape(t)}</code>' for n, t in lines
        )
        shown += f"<b>{escape(title)}</b><ol>{items}</ol>"
    shown += _python(picture.python)
    return f'<details class="tp-code"><summary>Source</summary>{shown}</details>'


def _python(lines):
    """Value and gradient as straight lines; each leads to the boxes of the line it comes from."""
    if not lines:
        return ""
    places = [f" data-at={at[0]}:{at[1]}" if at else "" for _, at in lines]
    items = "".join(f"<li{at}><code>{escape(text)}</code>"
                    for (text, _), at in zip(lines, places, strict=True))  # fmt: skip
    name = "to_source: value and gradient as Python"
    return f"<details><summary>{name}</summary><ol>{items}</ol></details>"


# ----- the living parts -----
def _data(picture):
    """What the script needs and the page does not hold in words already."""
    drawn = drawn_boxes(picture)
    repeated = fragments(picture.scenes[0].box_width)
    data = {
        "repeated": repeated,
        "boxes": [[b.first, b.last, int(b.adjoint is not None), *(b.at or ())]
                  for b in picture.boxes],
        "scenes": [[s.title, s.boxes, s.ports, _shortened(scene_svg(picture, k, drawn), repeated)]
                   for k, s in enumerate(picture.scenes)],
        "inside": picture.inside, "open": opened(picture), "top": picture.top,
        "flat": picture.flat, "folded": picture.folded, "n": picture.steps,
        "back": picture.backward, "chart": picture.chart, "peak": picture.peak,
        "runs": picture.heads is None,
        "layers": [[layer.name, layer.note, layer.levels] for layer in picture.overlays],
        "heats": {k: b.heats for k, b in enumerate(picture.boxes) if any(b.heats)},
    }  # fmt: skip
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("</", r"<\/")


def _shortened(text, repeated):
    """Signs of the private use area stand for what is repeated: a third of the output."""
    for k, fragment in enumerate(repeated):
        text = text.replace(fragment, chr(PRIVATE + k))
    return text


PRIVATE = 0xE000


def _style(width):
    values = {
        "WIDTH": width, "BLUE": palette.BLUE, "VERMILLION": palette.VERMILLION,
        "GREEN": palette.GREEN, "LINES": palette.LINES,
        "LIGHT": palette.variables(palette.LIGHT), "DARK": palette.variables(palette.DARK),
    }  # fmt: skip
    return style(__package__, "view.css", **values)
