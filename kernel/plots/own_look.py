"""How the glyphs of somebody's Bokeh figure look: colours, also those of a mapper, dashes, marks.

Bokeh works these out in the browser. What is known here is what stands in the models; a mapper that
has to see all data in its own way (equal histograms, say) is not guessed at, and named.
"""

import math

from ..values import numpy_of
from .theme import LIGHT, MARKS


def values(source, said, count):
    """A property of a glyph for each entry: a column, or one value for all."""
    if isinstance(said, str) and said in source.data:
        said = source.data[said]
    elif hasattr(said, "field") and getattr(said, "transform", None) is None:
        said = source.data[said.field]
    elif hasattr(said, "value"):
        said = [said.value] * count
    elif isinstance(said, (int, float)):
        said = [said] * count
    else:
        raise TypeError("not to be read without a browser")
    array = None if isinstance(said, list) else numpy_of(said)
    if array is not None and array.dtype.kind == "M":
        array = array.astype("datetime64[ms]").astype("int64")
    return list(said) if array is None else array.tolist()


# ----- colours -----
def colours(source, glyph, shapes):
    """A colour for each shape; a TypeError if a mapper is not known."""
    kind = shapes[0][0] if shapes else ""
    name = {"line": "line_color", "text": "text_color"}.get(kind, "fill_color")
    said = getattr(glyph, name, None) or getattr(glyph, "line_color", None)
    if hasattr(glyph, "image"):
        cells = [v for image in values(source, glyph.image, 1) for row in image for v in row]
        return _mapped(glyph.color_mapper, cells)
    if getattr(said, "transform", None) is not None:
        found = _mapped(said.transform, values(source, said.field, len(shapes)))
    else:
        constant = isinstance(said, str) and said not in source.data
        found = [said] if constant else [str(c) for c in values(source, said, len(shapes))]
    return found if len(found) == len(shapes) else (found or [LIGHT["c0"]])[:1] * len(shapes)


def _mapped(mapper, found):
    """As BokehJS does it: the range is cut into as many pieces as the palette has colours."""
    palette, kind = list(mapper.palette), type(mapper).__name__
    if kind == "CategoricalColorMapper":
        known = dict(zip(mapper.factors, palette, strict=False))
        return [str(known.get(v, mapper.nan_color)) for v in found]
    way = {"LinearColorMapper": float, "LogColorMapper": math.log}.get(kind)
    if way is None:
        raise TypeError(kind)
    finite = [float(v) for v in found if math.isfinite(v)] or [0.0]
    low = min(finite) if mapper.low is None else mapper.low
    high = max(finite) if mapper.high is None else mapper.high
    return [str(_shade(mapper, palette, float(v), low, high, way)) for v in found]


def _shade(mapper, palette, v, low, high, way):
    if not math.isfinite(v) and v != math.inf and v != -math.inf:
        return mapper.nan_color
    if v < low:
        return mapper.low_color or palette[0]
    if v > high:
        return mapper.high_color or palette[-1]
    place = (way(v) - way(low)) / (way(high) - way(low)) if high > low else 0
    return palette[min(int(place * len(palette)), len(palette) - 1)]


# ----- lines and marks -----
def looks(source, glyph, shapes):
    """What else each is drawn with: dashes, width, size, shape, and how much shines through."""
    count = len(shapes)
    if shapes and shapes[0][0] == "line":
        dash = getattr(glyph, "line_dash", [])
        dash = " ".join(map(str, dash)) if isinstance(dash, list) else ""
        widths = _each(source, getattr(glyph, "line_width", 2), count, 2)
        shine = _shine(glyph, "line_alpha")
        return [{"width": max(w, 1), "stroke-dasharray": dash, **shine} for w in widths]
    shine = _shine(glyph, "fill_alpha")
    if shapes and shapes[0][0] == "mark":
        names = _each(source, getattr(glyph, "marker", "circle"), count, "circle")
        sizes = _each(source, getattr(glyph, "size", 7), count, 7)
        return [{"shape": n if n in MARKS else "circle", "size": s / 2, **shine}
                for n, s in zip(names, sizes, strict=True)]  # fmt: skip
    return [shine] * count


def _shine(glyph, name):
    alpha = getattr(glyph, name, 1)
    return {"opacity": alpha} if isinstance(alpha, float) and alpha < 1 else {}


def _each(source, said, count, otherwise):
    if isinstance(said, str) and said not in source.data:
        return [said] * count
    try:
        found = values(source, said, count)
    except TypeError:
        found = []
    return found if len(found) == count else [otherwise] * count
