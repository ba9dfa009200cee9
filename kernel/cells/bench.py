"""`%%bench`: the expressions of a cell, timed in turn.

A time in microseconds says as much about the machine as about the code, and drifts with its load.
So every round times each expression once, who goes first changes with the round, and the ratio to
the first expression is formed within each round. What it says is the median, with the quartiles.
"""

import ast
import time
from dataclasses import dataclass

from masking_lab.leaderboard.clock import how_often, once

from .. import plots
from ..plots.drawing import Drawing
from .running import parsed, refuse

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


@dataclass(frozen=True)
class Timed:
    name: str
    first: float  # seconds of the very first call: what it compiles or allocates is in there
    quartiles: tuple  # seconds
    ratio: tuple  # quartiles of the ratio to the first expression, round by round
    differs: str = ""  # its result beside that of the first, if it is another


@dataclass(frozen=True, repr=False)
class Bench(Drawing):
    """The result of `%%bench`; displays itself. `times` holds the numbers."""

    times: tuple
    rounds: int
    title: str = "Time"
    table_open = True

    @property
    def alt(self):
        told = "; ".join(_sentence(t, self.times[0]) for t in self.times)
        return f"{told}. Median and quartiles of {self.rounds} rounds, taken in turn."

    def data(self):
        return {"kind": "bench", "rounds": self.rounds, "times": [vars(t) for t in self.times]}

    def rows(self):
        heads = ["", "median", "quartiles", "ratio", "first call", "result"]
        rows = []
        for k, t in enumerate(self.times):
            low, middle, high = t.quartiles
            ratio = "1" if k == 0 else f"{t.ratio[1]:.2f} ({t.ratio[0]:.2f} to {t.ratio[2]:.2f})"
            spread = f"{_seconds(low)} to {_seconds(high)}"
            same = t.differs or ("the same" if k else "")
            rows.append([t.name, _seconds(middle), spread, ratio, _seconds(t.first), same])
        return heads, rows

    def chart(self):
        size, unit = _unit(max(t.quartiles[1] for t in self.times))
        times = {t.name: t.quartiles[1] / size for t in self.times}
        spread = {t.name: (t.quartiles[0] / size, t.quartiles[2] / size) for t in self.times}
        return plots.bars(times, spread=spread, title=self.title, ylabel=unit, alt=self.alt)

    def scene(self):
        return self.chart().scene()


def bench(ip, line, cell):
    rounds, seconds = _options(line)
    tree, file = parsed(ip, cell)
    statements = [n for n in tree.body if isinstance(n, ast.Expr)]
    names = dict(ip.user_ns)
    setup = [n for n in tree.body if n not in statements] if statements else []
    exec(ip.compile(ast.Module(setup, type_ignores=[]), file, "exec"), names)
    if statements:
        calls = {_label(n, cell): _call(ip, n.value, file, names) for n in statements}
    elif tree.body:
        code = ip.compile(tree, file, "exec")
        calls = {"the cell": lambda: exec(code, names)}
    else:
        refuse("%%bench times the expressions of its cell, and there is nothing in the cell")
    if len(calls) < len(statements):
        refuse("%%bench needs to tell expressions apart: give the same ones names, `f(x)  # name`")
    return timed(calls, rounds, seconds)


def _options(line):
    given, found = line.split(), {"-r": 20, "-t": 1.0}
    for flag, value in zip(given[::2], [*given[1::2], ""], strict=False):
        try:
            found[flag] = type(found[flag])(value)
        except (KeyError, ValueError):
            refuse(f"%%bench takes -r ROUNDS and -t SECONDS, and got {' '.join(given)!r}")
    if found["-r"] < 3 or found["-t"] <= 0:
        refuse("%%bench needs at least 3 rounds, and seconds above 0, to tell a spread")
    return found["-r"], found["-t"]


def _label(node, cell):
    """The comment behind an expression, else its text."""
    line = cell.splitlines()[node.end_lineno - 2]  # the magic's own line is the first
    _, sign, comment = line[node.end_col_offset :].partition("#")
    text = comment.strip() if sign else ast.unparse(node)
    return text if len(text) <= 40 else text[:39] + "\u2026"


def _call(ip, expression, file, names):
    tree = ast.parse("lambda: None", mode="eval")
    tree.body.body = expression
    return eval(ip.compile(ast.fix_missing_locations(tree), file, "eval"), names)


# ----- the clock -----
def timed(calls, rounds=20, seconds=1.0, clock=time.perf_counter):
    """Time callables without arguments, in turn; `Bench` has the numbers."""
    import numpy as np

    firsts, results = {}, {}
    for name, call in calls.items():
        firsts[name] = once(lambda name=name, call=call: results.setdefault(name, call()), 1, clock)
    counts = {name: how_often(call, clock) for name, call in calls.items()}
    found = _interleaved(calls, counts, rounds, seconds, clock)
    base = next(iter(calls))
    quartiles = lambda values: tuple(float(q) for q in np.percentile(values, [25, 50, 75]))  # noqa: E731
    times = tuple(
        Timed(name, firsts[name], quartiles(t), quartiles(np.divide(t, found[base])),
              _difference(results[base], results[name]))
        for name, t in found.items()
    )  # fmt: skip
    return Bench(times, len(found[base]))


def _interleaved(calls, counts, rounds, seconds, clock):
    """`{name: a time for each round}`; it ends early, after 3 rounds or more, when time is up."""
    times, order, end = {name: [] for name in calls}, list(calls), clock() + seconds * len(calls)
    for k in range(rounds):
        if k >= 3 and clock() > end:
            break
        for name in order:
            times[name].append(once(calls[name], counts[name], clock))
        order = order[1:] + order[:1]
    return times


def _difference(a, b):
    """A fast wrong answer is no contender: what the first entry is, if it is another."""
    from autodiff_lab import trees

    from ..values import numpy_of
    from ..views.two_tapes import numbers_differ

    xs, ys = trees.leaves(a), trees.leaves(b)
    if len(xs) != len(ys):
        return "another structure"
    for x, y in zip(xs, ys, strict=True):
        found = [numpy_of(v) for v in (x, y)]
        if None in [getattr(v, "shape", None) for v in found]:
            continue
        if found[0].shape != found[1].shape:
            return f"another shape: {found[1].shape}"
        told = numbers_differ(x, y, ("the first", "this"), "differs")
        if told:
            return told
    return ""


# ----- in words -----
def _sentence(t, base):
    median = f"{t.name} {_seconds(t.quartiles[1])}"
    if t is base:
        return median
    low, middle, high = t.ratio
    wrong = ", but its result differs" if t.differs else ""
    if low <= 1 <= high:
        return f"{median}, not to be told apart from {base.name}{wrong}"
    word = (
        f"{middle:.2f} times the time of" if middle >= 1 else f"{1 / middle:.2f} times as fast as"
    )
    return f"{median}, {word} {base.name}{wrong}"


def _unit(seconds):
    return next(((size, unit) for size, unit in UNITS if seconds >= size), UNITS[-1])


def _seconds(seconds):
    size, unit = _unit(seconds)
    return f"{seconds / size:.3g} {unit}"
