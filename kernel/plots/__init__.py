"""Plots for lessons: one call, one theme, every form a reader may need.

    from kernel import plots

    plots.line({"torch": losses, "jax": others}, xlabel="step", ylabel="loss", log="y")
    plots.scatter(y, x)                           points that are not joined
    plots.bars({"loop": 3.1, "masked": 0.4}, ylabel="milliseconds")
    plots.heat(matrix, rows="query", columns="key", title="attention")
    plots.show(figure, alt="...")                 a Bokeh figure of one's own, in the same look

Values may be lists or arrays of either framework. A plot displays itself: in JupyterLab, VS Code
and Colab it can be panned and zoomed, and the arrow keys walk through its values; where scripts do
not run it is a still picture and a table, in a terminal it is text. The text alternative is written
from the numbers; `alt=` says it better.
"""

from .chart import MOST_BARS, Chart, Series, as_series, numbers
from .heat_map import heat
from .own import show
from .theme import COLOURS

__all__ = ["COLOURS", "bars", "heat", "line", "scatter", "show"]


def line(y, x=None, *, title="", xlabel="", ylabel="", log="", alt=""):
    """A line through the values; with a dict, a line for each name.

    `x` are the places, 0, 1, 2, ... if they are left out; a dict may also hold a pair `(x, y)` for
    each name. `log` names the logarithmic axes: "x", "y" or "xy".

    >>> from kernel import plots
    >>> plots.line([0, 1, 4], title="Squares", xlabel="n")
    Squares. Line chart over n. Rises from 0 to 4 (n from 0 to 2).
    n  y
    -  -
    0  0
    1  1
    2  4
    """
    return _points("line", y, x, title, xlabel, ylabel, log, alt)


def scatter(y, x=None, *, title="", xlabel="", ylabel="", log="", alt=""):
    """Points that are not joined; otherwise as `line`."""
    return _points("scatter", y, x, title, xlabel, ylabel, log, alt)


def bars(values, *, spread=None, title="", xlabel="", ylabel="", log=False, alt=""):
    """A bar for each name of a dict; with a dict of dicts, a group of bars for each inner name.

    `spread` has the names of `values` and a pair (low, high) for each: drawn as a whisker.

    >>> from kernel import plots
    >>> plots.bars({"loop": 3.1, "masked": 0.4}, ylabel="ms")
    Bar chart of ms. loop 3.1, masked 0.4.
            ms
    ------  ---
    loop    3.1
    masked  0.4
    """
    if not isinstance(values, dict) or not values:
        raise TypeError(f"plots.bars takes a dict of names and numbers, and got {values!r:.60}")
    nested = isinstance(next(iter(values.values())), dict)
    groups = values if nested else {"": values}
    spread = (spread or {}) if nested else {"": spread or {}}
    names = list(dict.fromkeys(str(k) for group in groups.values() for k in group))
    if len(names) > MOST_BARS:
        raise ValueError(f"{len(names)} bars cannot be read; plots.line draws that many values")
    series = tuple(_bars_of(g, group, spread.get(g, {}), names) for g, group in groups.items())
    words = str(title), str(xlabel), str(ylabel)
    return Chart("bars", series, *words, "y" if log else "", tuple(names), alt)


def _points(kind, y, x, title, xlabel, ylabel, log, alt):
    if log not in ("", "x", "y", "xy"):
        raise ValueError(f"log={log!r}: say which axis is logarithmic, one of 'x', 'y', 'xy'")
    words = str(title), str(xlabel), str(ylabel)
    return Chart(kind, as_series(y, x, f"plots.{kind}"), *words, log, (), alt)


def _bars_of(name, group, spread, names):
    y = tuple(_height(k, v) for k, v in group.items())
    x = tuple(float(names.index(str(k))) for k in group)
    if spread and set(spread) != set(group):
        raise ValueError(f"plots.bars(spread=...) needs a pair for each of {', '.join(names)}")
    ends = tuple(numbers(spread[k], "plots.bars(spread=...)") for k in group) if spread else ()
    return Series(str(name), x, y, ends, len(y))


def _height(name, value):
    try:
        return float(f"{float(value):.6g}")
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise TypeError(f"plots.bars needs a number for {name!r}, and got {kind}") from None
