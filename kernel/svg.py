"""The picture of a tape as SVG: stands alone, and is also what the interactive view starts from.

It is written to be small, since a notebook keeps it twice: attributes in single quotes (JSON would
escape double ones), one-letter classes, no attribute that a style can give.
"""

from xml.sax.saxutils import escape, quoteattr

from . import palette
from .boxes import Box
from .palette import use
from .picture import HEIGHT

ARROW = "m-6-4l6 4-6 4"
STYLE = f"""
.tp text{{font:12px system-ui,Segoe UI,Roboto,Helvetica,Arial,sans-serif;fill:{use("ink")}}}
.tp tspan{{font-weight:700}}
.tp rect{{fill:{use("card")};stroke:{use("rim")};rx:6px}}
.tp .v{{fill:{use("value")}}}.tp .a{{fill:{use("adjoint")}}}.tp .o{{fill:{use("none")}}}
.tp .o+text,.tp .s{{fill:{use("faint")};font-style:italic}}
.tp>.s{{fill:{palette.LINES};text-anchor:end}}
.tp .input .m{{fill:{palette.GREEN}}}.tp .output .m{{fill:{palette.PURPLE}}}
.tp [data-e]{{fill:none;stroke:{palette.LINES};stroke-width:1.5}}
@media(prefers-color-scheme:dark){{.tp:root{{{palette.variables(palette.DARK)}}}}}
""".replace("\n", "")


def svg(picture):
    w, h = picture.width, picture.height
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' class='tp' width='{w}' height='{h}' "
        f"viewBox='0 0 {w} {h}' role='img' aria-label={quoteattr(picture.title)}>",
        f"<title>{escape(picture.title)}</title><desc>{escape(described(picture))}</desc>",
        f"<style>{STYLE}</style>",
        *map(_edge, picture.edges),
        *(f"<text class='s' x='{x}' y='{y - 5}'>{escape(n)}</text>" for x, y, n in picture.stubs),
        *map(_node, picture.boxes, picture.places, [picture.box_width] * len(picture.boxes)),
        "</svg>",
    ]
    return "".join(parts)


def described(picture):
    """The picture in a sentence or two, for those who do not see it."""
    return f"{picture.summary} Values run from left to right; each adjoint stands under its value."


# ----- edges -----
def _edge(edge):
    """`data-e` names the two boxes, so that the interactive view can light the edge."""
    drawn = "".join(map(_curve, edge.pieces))
    return f"<path data-e='{edge.source} {edge.target}' d='{drawn}{ARROW}'/>"


def _curve(points):
    (x0, y0), *rest = points
    d = f"M{x0} {y0}"
    for x, y in rest:
        half = (x0 + x) // 2
        d += f"H{x}" if y == y0 else f"C{half} {y0} {half} {y} {x} {y}"
        x0, y0 = x, y
    return d


# ----- boxes -----
def _node(box, place, w):
    end = box.kind in ("input", "output")
    kind = "" if box.kind == "op" else f" class='{box.kind}'"
    mark = f"<path class='m' d='M0 6h4v{HEIGHT - 12}H0z'/>" if end else ""
    return (
        f"<g{kind} transform='translate({place[0]} {place[1]})'>"
        f"<rect width='{w}' height='{HEIGHT}'/>{mark}"
        f"<text x='11' y='17'><tspan>{escape(box.name)}</tspan> {escape(box.heading)}</text>"
        f"{_gap(box) if box.kind == 'gap' else _lanes(box, w)}</g>"
    )


def _gap(box):
    return f"<text x='11' y='40'>{escape(box.value)}</text>"


def _lanes(box: Box, w):
    """The value, and under it the adjoint; the sum mark tells of how many contributions."""
    unknown = box.adjoint is None
    total = "" if unknown or box.terms < 2 else _sum_mark(box.terms, w)
    return (
        f"<path class='v' d='M8 24h{w - 12}v20H8z'/>"
        f"<text x='13' y='38'>= {escape(box.value)}</text>"
        f"<path class='{'o' if unknown else 'a'}' d='M8 47h{w - 12}v20H8z'/>"
        f"<text x='13' y='61'>{'' if unknown else '∂ '}{escape(box.below)}</text>{total}"
    )


def _sum_mark(count, w):
    return f"<text class='s' x='{w - 8}' y='61' text-anchor='end'>Σ{count}</text>"
