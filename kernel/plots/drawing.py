"""A drawing: one picture in every form a reader may need; a front end takes the best it can show.

    data()      the model: plain data, the same each time, from which all else is made
    rows()      the same in words, as the heads and rows of a table
    scene()     the same as marks at places: a static SVG
    figure()    the same for Bokeh, where panning and zooming help; None where they do not

In a page the script makes the static picture answer to the pointer and to the arrow keys, and puts
the Bokeh figure in its place if BokehJS can be had. What a page does not allow falls away piece by
piece: without BokehJS the SVG answers, without scripts the image and the table are left.
"""

import functools
import json
import re
from html import escape

from .. import palette
from ..carried import address, script, style
from .theme import DARK, LIGHT

TEXT_ROWS, TEXT_COLUMNS = 40, 16  # the text is for a terminal: of a larger table both ends


class Drawing:
    title = alt = ""
    said = ""  # a sentence that belongs above the picture, where the picture alone says too little
    table_open = False  # is the table seen without a click?

    def data(self):
        raise NotImplementedError

    def rows(self):
        raise NotImplementedError

    def scene(self):
        raise NotImplementedError

    def figure(self):
        """A Bokeh model, or None."""
        return None

    # ----- the forms -----
    def svg(self):
        return self.scene().svg(self.title, self.alt)

    def __repr__(self):
        return text(self.title, self.alt, *self.rows())

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {
            "text/plain": repr(self),
            "image/svg+xml": self.svg(),
            "text/html": self._html(),
        }

    def _html(self):
        page = html(self.title, self.alt, self.svg(), self.rows(), self.figure())
        page = page.replace("<details>", "<details open>", 1) if self.table_open else page
        said = f"<p>{escape(self.said)}</p>" if self.said else ""
        return page.replace('<div class="tp-stage">', f'{said}<div class="tp-stage">', 1)


# ----- text -----
def text(title, alt, heads, rows):
    heads, *shown = [_narrowed([str(c) for c in row]) for row in [heads, *rows]]
    if len(shown) > TEXT_ROWS:
        half = TEXT_ROWS // 2
        left_out = [f"... {len(shown) - 2 * half} rows ...", *[""] * (len(heads) - 1)]
        shown = [*shown[:half], left_out, *shown[-half:]]
    widths = [max(len(r[k]) for r in [heads, *shown]) for k in range(len(heads))]
    lines = [_line(r, widths) for r in [heads, ["-" * w for w in widths], *shown]]
    told = ". ".join(part.rstrip(".") for part in (title, alt) if part)
    return "\n".join([f"{told}.", *(lines if rows else [])])


def _narrowed(cells):
    """Of a wide table the first and the last columns."""
    if len(cells) <= TEXT_COLUMNS:
        return cells
    half = TEXT_COLUMNS // 2
    return [*cells[:half], "...", *cells[-half:]]


def _line(cells, widths):
    return "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip()


# ----- html -----
def html(title, alt, svg, rows, figure=None, still=True):
    """`figure`: a Bokeh model; `still=False`: there is nothing but that."""
    item = None if figure is None else item_json(figure)
    width = re.search(r"width='(\d+)", svg)[1] if still else "0"
    image = f"data:image/svg+xml,{address(svg)}"
    stage = f'<img class="tp-still" alt="{escape(alt)}" width="{width}" src="{image}">'
    awake = script("tq-root", __package__, "bokehjs.js", "plot.js")
    return (
        f'<div class="tq-root"{_data(item, alt)}><style>{_style()}</style>'
        f'<div class="tp-stage">{stage if still else ""}</div>'
        f"<details><summary>{escape(title or 'The picture')}: the same as a table</summary>"
        f"<p>{escape(alt)}</p>{table(title, *rows)}</details>"
        f"{_figure(item)}<script>{awake}</script></div>"
    )


def table(title, heads, rows):
    """HTML closes cells and rows by itself; leaving that to it saves a sixth of the table."""
    top = "".join(f"<th scope=col>{escape(str(h))}" for h in heads)
    body = "".join(
        f"<tr><th scope=row>{escape(str(first))}" + "".join(f"<td>{escape(str(c))}" for c in rest)
        for first, *rest in rows
    )
    return f"<table><caption>{escape(title)}</caption><thead><tr>{top}<tbody>{body}</table>"


def _data(item, alt):
    """What the script has to know: which BokehJS, the colours to exchange, what it looks at."""
    data = {"alt": alt}
    if item is not None:
        light = json.dumps(LIGHT, separators=(",", ":"))
        data |= {"bokeh": item[0], "parts": " ".join(item[2]), "sri": item[3], "light": light}
    return "".join(f' data-{k}="{escape(v)}"' for k, v in data.items())


def _figure(item):
    if item is None:
        return ""
    data = item[1].replace("<", r"\u003c")  # nothing in the data may end the script element
    return f'<script type="application/json" class="tp-figure">{data}</script>'


@functools.cache
def _style():
    light, dark = palette.variables(LIGHT), palette.variables(DARK)
    return style(__package__, "plot.css", LIGHT=light, DARK=dark).replace("\n", "")


# ----- Bokeh -----
def item_json(figure):
    """`(version, JSON, further scripts it needs, their hashes)`; None where Bokeh is missing.

    Bokeh counts its models through a session; their ids are renamed in order of appearance, so that
    the same picture gives the same JSON.
    """
    try:
        import bokeh
        from bokeh.embed import json_item

        from .theme import bokeh_theme

        item = json_item(figure, theme=bokeh_theme())
    except ImportError:
        return None
    parts = [p for p in PARTS if any(kind in type(m).__module__ for m in figure.references()
                                     for kind in PARTS[p])]  # fmt: skip
    hashes = " ".join(_integrity(bokeh.__version__, p) for p in ("", *parts))
    found = _renamed(json.dumps(item, separators=(",", ":")))
    return bokeh.__version__, found, parts, hashes


PARTS = {  # scripts of BokehJS beside the main one, and the modules whose models need them
    "-widgets": ("bokeh.models.widgets",),
    "-tables": ("bokeh.models.widgets.tables",),
}


def _renamed(text):
    ids = dict.fromkeys(re.findall(r'"(p\d+)"', text))
    new = {old: f"t{k}" for k, old in enumerate(ids)}
    return re.sub(r'"(p\d+)"', lambda m: f'"{new[m[1]]}"', text)


def _integrity(version, part):
    """The hash a copy from the CDN must have; Bokeh ships those of its releases."""
    from bokeh.resources import get_sri_hashes_for_version

    try:
        return "sha384-" + get_sri_hashes_for_version(version)[f"bokeh{part}-{version}.min.js"]
    except (KeyError, ValueError):
        return ""
