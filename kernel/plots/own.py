"""`plots.show`: a Bokeh figure of one's own, in the house's theme and with what readers need.

BokehJS comes from this Jupyter server or from the CDN, never into the notebook. Where it does not
run, a still picture of our own is left (`own_svg`), and words and table as everywhere.
"""

from ..values import number, numpy_of
from .drawing import html, text
from .own_svg import scene

MOST_ROWS = 200


class Own:
    """A view of a Bokeh model: a figure, or a layout of several."""

    def __init__(self, figure, alt="", title=""):
        if not hasattr(figure, "references"):
            raise TypeError(f"plots.show takes a Bokeh figure, and got {type(figure).__name__}")
        self.model, self.alt = figure, alt
        self.title = title or _title_of(figure)
        if not alt:
            raise TypeError(
                "plots.show(figure) needs alt='...': one sentence that says what the figure shows, "
                "for readers who cannot see it"
            )

    def rows(self):
        """The columns of its sources, beside each other; of long ones the first entries."""
        from bokeh.models import ColumnDataSource

        sources = sorted(self.model.select({"type": ColumnDataSource}), key=lambda s: s.id)
        columns = {}
        for source in sources:
            for name, values in source.data.items():
                told = _told(values)
                if told and name not in columns:
                    columns[name] = told
        length = max(map(len, columns.values()), default=0)
        rows = [[str(k), *(c[k] if k < len(c) else "" for c in columns.values())]
                for k in range(length)]  # fmt: skip
        return ["", *columns], rows

    def __repr__(self):
        return text(self.title, self.alt, *self.rows())

    def _repr_mimebundle_(self, include=None, exclude=None):
        still = scene(self.model)
        svg = "" if still is None else still.svg(self.title, self.alt)
        page = html(self.title, self.alt, svg, self.rows(), self.model, still=bool(svg))
        found = {"text/plain": repr(self), "text/html": page}
        return found | ({"image/svg+xml": svg} if svg else {})


def show(figure, alt="", title=""):
    """Display a Bokeh figure; `alt` says in a sentence what it shows. See `kernel.plots`."""
    from ..showing import show

    show(Own(figure, alt, title))


def _title_of(figure):
    title = getattr(figure, "title", None)
    return getattr(title, "text", "") or ""


def _told(values):
    array = numpy_of(values)
    if array is None or array.ndim != 1 or array.dtype.kind not in "biufUS":
        return (
            [str(v) for v in list(values)[:MOST_ROWS]] if isinstance(values, (list, tuple)) else []
        )
    return [number(v) if array.dtype.kind in "biuf" else str(v) for v in array[:MOST_ROWS].tolist()]
