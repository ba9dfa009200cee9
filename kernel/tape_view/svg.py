"""The picture of a tape as SVG: stands alone, and is also what the interactive view starts from.

It is written to be small, since a notebook keeps it twice: attributes in single quotes (JSON would
escape double ones), one-letter classes, no attribute that a style can give. A box has `data-b`, its
number, and is drawn once: where it stands in another scene too, that scene has an empty place.
"""

from xml.sax.saxutils import escape, quoteattr

from .. import palette
from ..palette import use
from .alive import is_alarm
from .scene import HEIGHT, MARGIN

ARROW = "m-6-4l6 4-6 4"
TITLE = 26  # height of the line above an opened fold
STYLE = f"""
.tp text{{font:12px system-ui,Segoe UI,Roboto,Helvetica,Arial,sans-serif;fill:{use("ink")}}}
.tp tspan{{font-weight:700}}
.tp rect{{fill:{use("card")};stroke:{use("rim")};rx:6px}}
.tp .v{{fill:{use("value")}}}.tp .a{{fill:{use("adjoint")}}}.tp .o{{fill:{use("none")}}}
.tp .o+text,.tp .s{{fill:{use("faint")};font-style:italic}}
.tp .u{{fill:{palette.LINES};text-anchor:end;font-style:italic}}
.tp .input .m{{fill:{palette.GREEN}}}.tp .output .m{{fill:{palette.PURPLE}}}
.tp :is(.start,.region,.loop,.true,.false,.if) .m{{fill:{palette.BLUE}}}
.tp .p rect{{stroke-dasharray:4 3}}
.tp .bad rect{{stroke:{palette.VERMILLION};stroke-width:2.5}}.tp .w{{fill:{palette.VERMILLION}}}
.tp [data-e]{{fill:none;stroke:{palette.LINES};stroke-width:1.5}}
.tp .c{{stroke-width:3}}.tp .b{{stroke-dasharray:6 4}}
@media(prefers-color-scheme:dark){{.tp:root{{{palette.variables(palette.DARK)}}}}}
""".replace("\n", "")


def svg(picture):
    """The first scene, and below it what is open from the start."""
    drawn, scenes = set(), [picture.scenes[picture.top]]
    scenes += [picture.scenes[picture.inside[b]] for b in opened(picture)]
    parts, y = [], 0
    for k, scene in enumerate(scenes):
        if k:
            title = f"<tspan>{escape(scene.title)}</tspan>"
            parts.append(f"<text x='{MARGIN}' y='{y + 18}'>{title}</text>")
            y += TITLE
        parts.append(f"<g transform='translate(0 {y})'>{_inside(picture, scene, drawn)}</g>")
        y += scene.height
    return _framed(picture, "".join(parts), max(s.width for s in scenes), y)


def scene_svg(picture, number, drawn):
    """One scene by itself; boxes that are among the `drawn` leave an empty place."""
    scene = picture.scenes[number]
    return (
        f"<svg class='tp' width='{scene.width}' viewBox='0 0 {scene.width} {scene.height}'>"
        f"{_inside(picture, scene, drawn)}</svg>"
    )


def fragments(w):
    """What every box repeats; the HTML writes one sign for each."""
    return [
        f"<rect width='{w}' height='{HEIGHT}'/><text x='11' y='17'><tspan>",
        *("</text>" + _lane(kind, top, w) for kind, top in (("v", 24), ("a", 47), ("o", 47))),
        "</text></g><g data-b='", "' transform='translate(", "<path data-e='", ARROW + "'/>",
    ]  # fmt: skip


def opened(picture):
    return picture.open if picture.top == picture.folded else ()


def drawn_boxes(picture):
    """The boxes that the picture itself shows."""
    numbers = [picture.top, *(picture.inside[b] for b in opened(picture))]
    return {b for k in numbers for b in picture.scenes[k].boxes}


def _framed(picture, inside, w, h):
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' class='tp' width='{w}' height='{h}' "
        f"viewBox='0 0 {w} {h}' role='img' aria-label={quoteattr(picture.title)}>"
        f"<title>{escape(picture.title)}</title><desc>{escape(described(picture))}</desc>"
        f"<style>{STYLE}</style>{inside}</svg>"
    )


def described(picture):
    """The picture in a few sentences, for those who do not see it."""
    told = " ".join(sentence for sentence, _ in picture.findings)
    way = picture.way
    return " ".join(filter(None, [picture.summary, told, way]))


def _inside(picture, scene, drawn):
    names = (f"<text class='u' x='{x}' y='{y - 5}'>{escape(n)}</text>" for x, y, n in scene.stubs)
    nodes, found = [], {b for told, b in picture.findings if is_alarm(told)}
    for k, (b, place) in enumerate(zip(scene.boxes, scene.places, strict=True)):
        port = " p" if k < scene.ports else ""
        kind = port + " bad" * (b in found)
        nodes.append(_node(picture.boxes[b], b, place, scene.box_width, kind, b not in drawn))
        drawn.add(b)
    return "".join([*map(_edge, scene.edges), *names, *nodes])


# ----- edges -----
def _edge(edge):
    """`data-e` names the two boxes, so that the interactive view can light the edge."""
    drawn = "".join(map(_curve, edge.pieces))
    kind = " c" * edge.control + " b" * edge.back
    named = f" class='{kind.strip()}'" if kind else ""
    return f"<path data-e='{edge.source} {edge.target}'{named} d='{drawn}{ARROW}'/>"


def _curve(points):
    (x0, y0), *rest = points
    d = f"M{x0} {y0}"
    for x, y in rest:
        half = (x0 + x) // 2
        d += f"H{x}" if y == y0 else f"C{half} {y0} {half} {y} {x} {y}"
        x0, y0 = x, y
    return d


# ----- boxes -----
def _node(box, number, place, w, kind, full):
    kind = ("" if box.kind == "op" else box.kind) + kind
    named = f" class='{kind.strip()}'" if kind else ""
    inside = _drawn(box, w) if full else ""
    return f"<g data-b='{number}'{named} transform='translate({place[0]} {place[1]})'>{inside}</g>"


def _drawn(box, w):
    end = box.kind in ("input", "output") or box.lanes is not None and box.kind != "op"
    mark = f"<path class='m' d='M0 6h4v{HEIGHT - 12}H0z'/>" if end else ""
    behind = f"<rect x='4' y='4' width='{w}' height='{HEIGHT}'/>" if box.is_fold else ""
    heading = f"{escape(box.name)}</tspan> {escape(box.heading)}"
    alarm = f"<text class='w' x='{w - 8}' y='17' text-anchor='end'>{box.alarm}</text>"
    alarm = alarm if box.alarm else ""
    return (
        f"{behind}<rect width='{w}' height='{HEIGHT}'/>{mark}"
        f"<text x='11' y='17'><tspan>{heading}</text>{alarm}{_lanes(box, w)}"
    )


def _lanes(box, w):
    """The value, and under it the adjoint; the sum mark tells of how many contributions."""
    if box.lanes is not None:
        lines = zip((38, 59), box.lanes, strict=True)
        return "".join(f"<text x='13' y='{y}'>{escape(t)}</text>" for y, t in lines)
    unknown = box.adjoint is None
    total = "" if unknown or box.terms < 2 else _sum_mark(box.terms, w)
    value = box.value if box.is_fold else f"= {box.value}"
    below = escape(box.below) if unknown else f"∂ {escape(box.below)}"
    return (
        f"{_lane('v', 24, w)}{escape(value)}</text>"
        f"{_lane('o' if unknown else 'a', 47, w)}{below}</text>{total}"
    )


def _lane(kind, top, w):
    return f"<path class='{kind}' d='M8 {top}h{w - 12}v20H8z'/><text x='13' y='{top + 14}'>"


def _sum_mark(count, w):
    return f"<text class='s' x='{w - 8}' y='61' text-anchor='end'>Σ{count}</text>"
