"""The picture of a tape as HTML: a still image and a table, and a script that wakes them up.

What a page does not allow falls away piece by piece: without BokehJS the SVG is interactive;
without scripts (an untrusted notebook, GitHub) the image and the table are left.
"""

import functools
import json
import re
from html import escape
from importlib.resources import files

from . import palette
from .bokeh_figure import figure_json
from .svg import described, svg

HEADS = ("name", "operation", "value", "adjoint", "shape", "kept for reverse", "memory", "source")


def html(picture):
    title, figure = escape(picture.title), figure_json(picture)
    return (
        f'<div class="tp-root"{_data(picture, figure)}><style>{_style(picture.width)}</style>'
        f"<p><b>{title}</b> · {escape(picture.summary)}</p>"
        f'<div class="tp-stage"><img class="tp-still" alt="{escape(described(picture))}" '
        f'width="{picture.width}" src="data:image/svg+xml,{_uri(svg(picture))}"></div>'
        f"<details><summary>The same tape as a table</summary>{table(picture)}</details>"
        f"{_figure(figure)}<script>{_script()}</script></div>"
    )


def table(picture):
    """Every node in words, for screen readers, for searching, and for what the picture cuts short.

    HTML closes cells and rows by itself; leaving that to it saves a sixth of the table.
    """
    heads = "".join(f"<th scope=col>{h}" for h in HEADS)
    rows = "".join(map(_row, picture.boxes))
    caption = f"<caption>{escape(picture.title)}: values and adjoints</caption>"
    return f"<table>{caption}<thead><tr>{heads}<tbody>{rows}</table>"


def _row(box):
    kind = box.op or box.kind
    value = box.value if box.kind == "gap" else box.value_line
    kept = "" if box.needs in ("", "nothing") else box.needs
    source = "" if box.line is None else f"line {box.line}: {box.code}"
    shape, memory = f"{box.shape} {box.dtype}", f"{box.bytes:,} B"
    cells = (kind, value, box.adjoint_line, shape, kept, memory, source)
    cells = (kind, value, *[""] * 5) if box.kind == "gap" else cells
    return f"<tr><th scope=row>{escape(box.name)}" + "".join(f"<td>{escape(c)}" for c in cells)


# ----- the living parts -----
@functools.cache
def _asset(name):
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@functools.cache
def _script():
    """The script without its comments and indentation, since every picture carries it."""
    lines = (line.strip() for line in _asset("tape_view.js").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _style(width):
    values = {
        "WIDTH": width, "BLUE": palette.BLUE, "VERMILLION": palette.VERMILLION,
        "LIGHT": palette.variables(palette.LIGHT), "DARK": palette.variables(palette.DARK),
    }  # fmt: skip
    return re.sub(r"@(\w+)@", lambda m: str(values[m[1]]), _asset("tape_view.css"))


def _data(picture, figure):
    """What the script has to know: whether there are adjoints, which BokehJS, and the colours."""
    data = {
        "backward": "yes" if picture.backward else "no",
        "light": json.dumps(palette.LIGHT, separators=(",", ":")),
        "forward": palette.BLUE, "back": palette.VERMILLION, "lines": palette.LINES,
        **({"bokeh": figure[0], "sri": _integrity(figure[0])} if figure else {}),
    }  # fmt: skip
    return "".join(f' data-{k}="{escape(v)}"' for k, v in data.items())


def _figure(figure):
    if figure is None:
        return ""
    data = figure[1].replace("</", r"<\/")  # nothing in the data may end the script element
    return f'<script type="application/json" class="tp-figure">{data}</script>'


def _integrity(version):
    """The hash a copy from the CDN must have; Bokeh ships those of its releases."""
    from bokeh.resources import get_sri_hashes_for_version

    try:
        return "sha384-" + get_sri_hashes_for_version(version)[f"bokeh-{version}.min.js"]
    except (KeyError, ValueError):
        return ""


def _uri(text):
    """SVG as an address inside double quotes: only what would end or change either is encoded."""
    for sign, code in (("%", "%25"), ("#", "%23"), ('"', "%22"), ("&", "&amp;")):
        text = text.replace(sign, code)
    return text
