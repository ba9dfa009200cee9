"""A scene: rectangles, lines and words at places; it becomes one SVG that needs nothing else.

Colours are names of the theme and stand in the style, so that a page can change them. What a mark
shows is a row of the picture's table (`at=row`, or `at=(row, column)`; `at="3|7"` where it shows
several): the script lights it when the reader comes to that row, and tells the row when the pointer
comes to the mark.
"""

from xml.sax.saxutils import escape, quoteattr

from .. import palette
from .theme import DARK, FONT, MARKS, colour

CHAR = 6.7  # the width of a character of 12px


class Scene:
    def __init__(self, width, height):
        self.width, self.height, self.parts, self.used = width, height, [], set()

    def rect(self, x, y, w, h, fill, at=None, **how):
        place = f"x='{short(x)}' y='{short(y)}' width='{short(w)}' height='{short(h)}'"
        self._add(f"<rect {place}", fill, at, how)

    def path(self, d, fill, at=None, **how):
        self._add(f"<path d='{d}'", fill, at, how)

    def line(self, points, stroke, width=1, **how):
        d = "M" + "L".join(f"{short(x)} {short(y)}" for x, y in points)
        self._add(f"<path d='{d}'", f"s-{stroke}", None, {"stroke-width": width, **how})

    def frame(self, x, y, w, h, stroke, at=None, **how):
        """A rectangle of which only the rim is drawn."""
        self.rect(x, y, w, h, f"s-{stroke}", at, **how)

    def text(self, x, y, words, fill="ink", anchor="start", at=None, **how):
        how = {"text-anchor": anchor, **how} if anchor != "start" else how
        self._add(f"<text x='{short(x)}' y='{short(y)}'", fill, at, how, escape(str(words)))

    def mark(self, x, y, shape, fill, at=None, size=3.5, **how):
        """A point of a series: series differ in shape too."""
        self.path(_SHAPES[shape](x, y, size), fill, at, **how)

    def grid(self, x, y, w, h, rows, columns):
        """The table's cells lie here in a regular grid: the script finds them by their place."""
        place = " ".join(map(short, (x, y, w, h)))
        self.parts.append(f"<g data-grid='{place} {rows} {columns}'/>")

    def _add(self, start, name, at, how, inside=None):
        self.used.add(name)
        at = "" if at is None else f" data-at='{_place(at)}'"
        rest = "".join(f" {k}='{v}'" for k, v in how.items() if v != "")
        end = "/>" if inside is None else f">{inside}</text>"
        self.parts.append(f"{start} class='{name}'{at}{rest}{end}")

    def svg(self, title, alt):
        w, h = short(self.width), short(self.height)
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' class='tq' width='{w}' height='{h}' "
            f"viewBox='0 0 {w} {h}' role='img' aria-label={quoteattr(title or alt)}>"
            f"<title>{escape(title or alt)}</title><desc>{escape(alt)}</desc>"
            f"<style>{self._style()}</style><rect width='{w}' height='{h}' rx='6' class='card'/>"
            f"{''.join(self.parts)}</svg>"
        )

    def _style(self):
        rules = [f".tq text{{font:12px {FONT}}}"]
        for name in sorted(self.used | {"card"}):
            flat = f"fill:none;stroke:{colour(name[2:])}" if name[:2] == "s-" else ""
            rules.append(f".tq .{name}{{{flat or f'fill:{colour(name)}'}}}")
        names = {name.removeprefix("s-") for name in self.used | {"card"}}
        dark = palette.variables({k: v for k, v in DARK.items() if k in names})
        rules.append(f"@media(prefers-color-scheme:dark){{.tq:root{{{dark}}}}}")
        return "".join(rules)


def short(x):
    """At most one decimal: less is not seen, and a notebook keeps each picture twice."""
    return f"{x:.1f}".removesuffix(".0")


def _place(at):
    return f"{at[0]} {at[1]}" if isinstance(at, tuple) else at


def width_of(words):
    return len(str(words)) * CHAR


def box_path(x, y, w, h):
    return f"M{short(x)} {short(y)}h{short(w)}v{short(h)}h{short(-w)}z"


_SHAPES = {
    "circle": lambda x, y, r: (
        f"M{short(x - r)} {short(y)}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"
    ),
    "square": lambda x, y, r: box_path(x - r, y - r, 2 * r, 2 * r),
    "triangle": lambda x, y, r: f"M{short(x)} {short(y - r - 1)}l{r + 1} {2 * r}h{-2 * r - 2}z",
    "diamond": lambda x, y, r: (
        f"M{short(x)} {short(y - r - 1)}l{r + 1} {r + 1}l{-r - 1} {r + 1}l{-r - 1} {-r - 1}z"
    ),
}
assert set(MARKS) == set(_SHAPES)
