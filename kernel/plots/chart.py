"""Lines, points and bars: the model and its words; `chart_svg` and `chart_bokeh` draw them.

Series may have their own x; the table has one row for each x that occurs, and a column for each
series. Of a long series the lowest and the highest value of each stretch are drawn.
"""

import math
from dataclasses import dataclass

from ..values import number, numpy_of
from .drawing import Drawing
from .scales import told as say

MOST = 400  # points of one series: more would not be seen, and the notebook keeps them
MOST_BARS = 60


@dataclass(frozen=True)
class Series:
    name: str
    x: tuple
    y: tuple
    spread: tuple = ()  # (low, high) for each point, or nothing
    length: int = 0  # before the middle of each stretch was left out


@dataclass(frozen=True, repr=False)
class Chart(Drawing):
    """Made by `plots.line`, `plots.scatter` and `plots.bars`; displays itself."""

    kind: str  # "line", "scatter" or "bars"
    series: tuple
    title: str = ""
    xlabel: str = ""
    ylabel: str = ""
    log: str = ""  # the axes with a logarithmic scale: "", "x", "y" or "xy"
    names: tuple = ()  # what the bars are of; a line's x are numbers
    told: str = ""  # the caller's own text alternative

    @property
    def alt(self):
        return self.told or described(self)

    def data(self):
        series = [
            {"name": s.name, "x": _plain(s.x), "y": _plain(s.y),
             "spread": [_plain(p) for p in s.spread]}
            for s in self.series
        ]  # fmt: skip
        return {
            "kind": self.kind, "title": self.title, "alt": self.alt, "xlabel": self.xlabel,
            "ylabel": self.ylabel, "log": self.log, "names": list(self.names), "series": series,
        }  # fmt: skip

    def places(self):
        """The rows of the table: each an x, and which point of which series stands there."""
        if any(len(set(s.x)) < len(s.x) for s in self.series):  # points may share their x
            return [(x, {k: i}) for k, s in enumerate(self.series) for i, x in enumerate(s.x)]
        found = {}
        for k, s in enumerate(self.series):
            for i, x in enumerate(s.x):
                found.setdefault(x, {})[k] = i
        return sorted(found.items())

    def points(self):
        """Every point that is drawn: its row in the table, its series, its index there."""
        return [(row, k, i) for row, (_, here) in enumerate(self.places()) for k, i in here.items()]

    def crowded(self):
        """Are the points of a line too many to be marked one by one?"""
        return self.kind == "line" and max(len(s.x) for s in self.series) > 60

    def smooth(self):
        """Crowded, and each series has a point in each row: the script finds them on the line."""
        same = len({s.x for s in self.series}) == 1
        finite = all(math.isfinite(v) and (v > 0 or not self.log) for s in self.series for v in s.y)
        return self.crowded() and same and finite

    def rows(self):
        heads = [self.xlabel or ("" if self.names else "x"), *(_head(self, s) for s in self.series)]
        named = dict(enumerate(self.names))
        rows = [
            [named.get(x) or say(x),
             *(_cell(s, here[k]) if k in here else "" for k, s in enumerate(self.series))]
            for x, here in self.places()
        ]  # fmt: skip
        return heads, rows

    def scene(self):
        from .chart_svg import scene

        return scene(self)

    def figure(self):
        try:
            from .chart_bokeh import figure
        except ImportError:
            return None
        return figure(self)


def _plain(values):
    """JSON knows no NaN and no infinity."""
    return [v if math.isfinite(v) else number(v) for v in values]


def _head(chart, series):
    if len(chart.series) == 1 and not series.name:
        return chart.ylabel or "y"
    return f"{series.name}, {chart.ylabel}" if chart.ylabel else series.name


def _cell(series, i):
    if not series.spread:
        return say(series.y[i])
    low, high = map(say, series.spread[i])
    return f"{say(series.y[i])} ({low} to {high})"


# ----- from what the caller has to the model -----
def numbers(values, what):
    """A tuple of floats, from an array of either framework, NumPy, or a list."""
    array = numpy_of(values)
    if array is None or array.dtype.kind not in "biuf" or array.ndim > 1:
        shape = f" of shape {tuple(array.shape)}" if getattr(array, "ndim", 0) > 1 else ""
        raise TypeError(
            f"{what} takes a list or an array of numbers, one for each point, "
            f"and got {type(values).__name__}{shape}"
        )
    return tuple(float(f"{v:.6g}") for v in array.reshape(-1).tolist())


def as_series(y, x, what):
    """`y` may be values, or a dict of names and values, or of names and `(x, y)` pairs."""
    given = y if isinstance(y, dict) else {"": y}
    if not given:
        raise ValueError(f"{what} got an empty dict: there is nothing to draw")
    return _thinned([_one(name, values, x, what) for name, values in given.items()])


def _one(name, values, x, what):
    if isinstance(values, tuple) and len(values) == 2 and getattr(values[0], "__len__", None):
        x, values = values
    y = numbers(values, what)
    xs = tuple(map(float, range(len(y)))) if x is None else numbers(x, what)
    if len(xs) != len(y):
        raise ValueError(
            f"{what} needs as many x as y{f' for {name!r}' if name else ''}: "
            f"got {len(xs)} and {len(y)}"
        )
    return Series(str(name), xs, y, length=len(y))


def _thinned(series):
    """Series of the same x keep the same of them: the table has no gaps."""
    if max(s.length for s in series) <= MOST:
        return tuple(series)
    most, kept = max(2, MOST // len(series)), {}
    for s in series:
        kept[s.x] = kept.get(s.x, set()) | _extremes_of(s.y, most)
    return tuple(_only(s, sorted(kept[s.x])) for s in series)


def _extremes_of(ys, most):
    """Of each stretch the places of the lowest and of the highest value; NaN counts as both."""
    kept, width = {0, len(ys) - 1} if ys else set(), 2 * len(ys) / most
    for k in range(most // 2):
        stretch = range(int(k * width), min(len(ys), int((k + 1) * width)))
        if stretch:
            worth = lambda i: ys[i] if math.isfinite(ys[i]) else math.inf  # noqa: E731
            kept |= {min(stretch, key=worth), max(stretch, key=worth)}
    return kept if len(ys) > most else set(range(len(ys)))


def _only(s, order):
    x, y = (tuple(values[i] for i in order) for values in (s.x, s.y))
    return Series(s.name, x, y, s.spread, s.length)


# ----- in words -----
KINDS = {"line": "Line chart", "scatter": "Scatter plot", "bars": "Bar chart"}
SCALES = {"x": "horizontal axis logarithmic", "y": "vertical axis logarithmic",
          "xy": "both axes logarithmic"}  # fmt: skip


def described(chart):
    """What a reader would see at a glance, with the numbers."""
    of = f" of {chart.ylabel}" if chart.ylabel else ""
    over = f" over {chart.xlabel}" if chart.xlabel else ""
    scales = f", {SCALES[chart.log]}" if chart.log else ""
    scales = ", logarithmic" if chart.log and chart.kind == "bars" else scales
    tell = {"line": _tell_line, "scatter": _tell_points, "bars": _tell_bars}[chart.kind]
    parts = [f"{s.name}: {tell(chart, s)}." if s.name else f"{_upper(chart, tell(chart, s))}."
             for s in chart.series]  # fmt: skip
    return " ".join([f"{KINDS[chart.kind]}{of}{over}{scales}.", *parts])


def _upper(chart, sentence):
    return sentence if chart.kind == "bars" else sentence[0].upper() + sentence[1:]


def _tell_line(chart, s):
    kept = [(y, x) for x, y in zip(s.x, s.y, strict=True) if math.isfinite(y)]
    if not kept:
        return "no finite values"
    ys = [y for y, _ in kept]
    x = f" ({chart.xlabel or 'x'} from {say(kept[0][1])} to {say(kept[-1][1])})"
    first, last = say(ys[0]), say(ys[-1])
    if min(ys) == max(ys):
        told = f"{first} throughout{x}"
    elif ys == sorted(ys):
        told = f"rises from {first} to {last}{x}"
    elif ys == sorted(ys, reverse=True):
        told = f"falls from {first} to {last}{x}"
    else:
        told = f"from {first} to {last}{x}{_extremes(kept, ends=True)}"
    return told + _left_out(chart, s, kept)


def _tell_points(chart, s):
    kept = [(y, x) for x, y in zip(s.x, s.y, strict=True) if math.isfinite(y)]
    if not kept:
        return "no finite values"
    xs = [x for _, x in kept]
    x = f"{chart.xlabel or 'x'} from {say(min(xs))} to {say(max(xs))}"
    points = f"{len(kept)} point{'s' * (len(kept) != 1)}"
    return f"{points}, {x}{_extremes(kept)}" + _left_out(chart, s, kept)


def _tell_bars(chart, s):
    pairs = zip(s.x, s.y, strict=True)
    return ", ".join(f"{chart.names[int(x)]} {say(y)}" for x, y in pairs)


def _extremes(kept, ends=False):
    """The lowest and the highest point, unless they are ends that were told already."""
    told = {kept[0], kept[-1]} if ends else set()
    pairs = {"lowest": min(kept), "highest": max(kept)}.items()
    return "".join(f", {word} {say(y)} at {say(x)}"
                   for word, (y, x) in pairs if (y, x) not in told)  # fmt: skip


def _left_out(chart, s, kept):
    """What a reader does not see in the picture."""
    bad = len(s.y) - len(kept)
    told = f"; {bad} not finite" if bad else ""
    low = sum(y <= 0 and "y" in chart.log or x <= 0 and "x" in chart.log for y, x in kept)
    told += f"; {low} not drawn, since a logarithm knows no zero and below" if low else ""
    return told + (f"; {len(s.x)} of {s.length:,} points drawn" if len(s.x) < s.length else "")
