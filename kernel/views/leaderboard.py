"""A leaderboard: a line for each strategy, its time as a bar, what it held, what was useful of it.

It draws `ml.leaderboard(...)`, and knows of it no more than its plain data: `rows`, `lengths`,
`recommendation` and `reason`. What was not measured is left out, never drawn as zero.
"""

from dataclasses import dataclass

from ..plots.drawing import Drawing
from ..plots.scales import tick_label
from ..plots.scene import Scene, width_of

TALL, BAR, SHARE = 24, 260, 70
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


@dataclass(frozen=True, repr=False)
class Leaderboard(Drawing):
    """What `show(board)` draws."""

    board: object
    title: str = "Leaderboard"

    @property
    def alt(self):
        lengths = self.board.lengths
        told = f"{len(lengths)} examples, {min(lengths)} to {max(lengths)} entries long. "
        timed = [f"{r['strategy']} {seconds(time_of(r)[1])}" for r in self._timed()]
        others = len(self.board.rows) - len(timed)
        told += f"A step takes: {', '.join(timed)}. " if timed else "Nothing was timed. "
        told += f"{others} not timed. " if others else ""
        return f"{told}Take {self.board.recommendation}: {self.board.reason.rstrip('.')}."

    def _timed(self):
        return [r for r in self.board.rows if time_of(r)]

    def data(self):
        b = self.board
        return {"kind": "leaderboard", "alt": self.alt, "rows": b.rows, "lengths": list(b.lengths),
                "recommendation": b.recommendation, "reason": b.reason}  # fmt: skip

    def rows(self):
        heads = ["strategy", "x loop", "step", "quartiles", "peak bytes", "useful", "calls", ""]
        return heads, [_cells(r, self.board.recommendation) for r in self.board.rows]

    def scene(self):
        return _scene(self.board)


def leaderboard_view(board):
    return Leaderboard(board)


def time_of(row):
    """The quartiles of a step: of training, if that was timed."""
    return row.get("training") or row.get("forward")


def seconds(t):
    size, unit = next((pair for pair in UNITS if t >= pair[0]), UNITS[-1])
    return f"{t / size:.3g} {unit}"


def _cells(row, recommended):
    time = time_of(row)
    spread = f"{seconds(time[0])} to {seconds(time[2])}" if time else ""
    return [
        row["strategy"], _or_blank(row.get("speedup"), "{:.2f}"), seconds(time[1]) if time else "",
        spread, _or_blank(row.get("peak_bytes"), "{:,}"), _or_blank(row.get("useful"), "{:.0%}"),
        _or_blank(row.get("calls"), "{:,}"), _verdict(row, recommended),
    ]  # fmt: skip


def _or_blank(value, form):
    return "" if value is None else form.format(value)


def _verdict(row, recommended):
    if row.get("why_not"):
        return f"does not apply: {row['why_not']}"
    if row.get("differs"):
        return f"not the loop's result: {row['differs']}"
    told = ["recommended"] if row["strategy"] == recommended else []
    told += ["no other is faster and smaller"] if row.get("pareto") else []
    return ", ".join(
        told + ([f"no gradient: {row['no_gradient']}"] if row.get("no_gradient") else [])
    )


# ----- the picture -----
def _scene(board):
    left = 26 + max(width_of(r["strategy"]) for r in board.rows)
    top, columns = 104, (left, left + BAR + 90, left + BAR + 180)
    width = columns[2] + SHARE + 60
    drawn = Scene(width, top + TALL * len(board.rows) + 44)
    _lengths(drawn, board.lengths, left)
    for x, head in zip(columns, ("a step", "peak", "useful work"), strict=True):
        drawn.text(x, top - 8, head, "faint")
    most = max((time_of(r)[2] for r in board.rows if time_of(r)), default=1.0)
    for k, r in enumerate(board.rows):
        _line(drawn, board, k, r, top + k * TALL, columns, most)
    drawn.text(columns[1], 20, "* no other is both faster and smaller", "faint")
    words = f"take {board.recommendation}: {board.reason}"
    for n, line in enumerate(_wrapped(words, int(width / 7))[:2]):
        drawn.text(10, top + TALL * len(board.rows) + 20 + 16 * n, line)
    return drawn


def _lengths(drawn, lengths, left):
    """The lengths of the examples, as a row of bars."""
    drawn.text(10, 20, "lengths", "faint")
    shown, most = sorted(lengths, reverse=True)[:200], max([1, *lengths])
    wide = min(14, (BAR + 260) / max(1, len(shown)))
    for k, n in enumerate(shown):
        tall = 44 * n / most
        drawn.rect(
            left + k * wide, 54 - tall, max(wide - 1, 0.5), tall, "c0", **{"fill-opacity": ".6"}
        )
    told = f"{tick_label(max(lengths))} to {tick_label(min(lengths))}"
    drawn.text(left, 70, f"{told}, the longest first", "faint")


def _line(drawn, board, k, r, y, columns, most):
    bold = {"style": "font-weight:700"} if r["strategy"] == board.recommendation else {}
    drawn.text(columns[0] - 8, y + 15, r["strategy"], "ink", "end", at=k, **bold)
    time = time_of(r)
    if not time:
        verdict = _verdict(r, "")
        drawn.text(columns[0], y + 15, verdict if len(verdict) < 80 else verdict[:79] + "\u2026",
                   "faint", at=k, style="font-style:italic")  # fmt: skip
        return
    x = [columns[0] + BAR * t / most for t in time]
    drawn.rect(columns[0], y + 3, x[1] - columns[0], TALL - 8, "c1" if bold else "c0", k)
    drawn.line([(x[0], y + TALL / 2 - 1), (x[2], y + TALL / 2 - 1)], "ink", 1.5)
    star = " *" if r.get("pareto") else ""
    drawn.text(max(x[1], x[2]) + 5, y + 15, seconds(time[1]) + star)
    if r.get("peak_bytes") is not None:
        drawn.text(columns[1], y + 15, _bytes(r["peak_bytes"]))
    if r.get("useful") is not None:
        drawn.rect(columns[2], y + 5, SHARE, TALL - 12, "none", k, stroke="#767676")
        drawn.rect(columns[2], y + 5, SHARE * r["useful"], TALL - 12, "c2", k)
        drawn.text(columns[2] + SHARE + 6, y + 15, f"{r['useful']:.0%}")


def _bytes(n):
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000 or unit == "GB":
            return f"{n:.3g} {unit}"
        n /= 1000


def _wrapped(words, most):
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] += word + " "
    return lines
