"""What came of a check: one sentence first, then the numbers, and a picture of what is wrong."""

from html import escape

import numpy as np

from kernel.palette import GREEN, VERMILLION, use
from kernel.values import number, short

from .case import close

ROWS, COLUMNS = 8, 12  # entries of the picture
CELL_WIDTH, CELL_HEIGHT, GAP = 52, 24, 26
WRAP = ' style="white-space: pre-wrap"'  # a long line of code is told whole


class Told(str):
    """Text that a notebook shows as it is, not as a string in quotes."""

    def __repr__(self):
        return str(self)


class Report:
    """The result of a check; true if the answer is right."""

    def __init__(self, exercise, cases, said=None, pointer=None):
        self.exercise, self.cases, self.said = exercise, cases, said
        self.pointer = pointer  # what the numbers point to, where no cause is known
        self.wrong = [case for case in cases if not case.right]

    @property
    def passed(self):
        return bool(self.cases) and not self.wrong and not self.said

    def __bool__(self):
        return self.passed

    def __repr__(self):
        if self.passed:
            return f"Right{self._everywhere()}."
        lines = [self.said if not self.cases or not self.wrong else self._what(), *self._where()]
        return "\n".join([*lines, f'hint("{self.exercise.name}") helps.'])

    def _everywhere(self):
        frameworks = list(dict.fromkeys(case.framework for case in self.cases if case.framework))
        count = len(self.cases) // max(len(frameworks), 1)
        cases = f", in {'all ' if count > 1 else ''}{count} case{'s' * (count > 1)}"
        return (cases if self.exercise.cases else "") + (
            f", on {' and '.join(frameworks)}" if frameworks else ""
        )

    def _what(self):
        if self.said:
            return f"Almost: {self.said}"
        if self.exercise.cases is None:
            wrong = [self.wrong[0].right_at(k) for k in range(len(self.wrong[0].expected))].count(
                False
            )
            return f"Not yet: {wrong} of {len(self.wrong[0].expected)} are wrong."
        count, of = len(self.wrong), f"of {len(self.cases)} cases"
        wrong = f"Not yet: {count} {of} {'is' if count == 1 else 'are'} wrong."
        return f"{wrong} {self.pointer}" if self.pointer else wrong

    def _where(self):
        """The first case that is wrong, in numbers."""
        if not self.wrong:
            return []
        case = self.wrong[0]
        if self.exercise.cases is None:  # of a guess the answer is not told
            right = sum(map(case.right_at, range(len(case.expected))))
            return [f"Right so far: {right} of {len(case.expected)}."] * bool(self.said)
        given = ", ".join(_told(x) for x in case.inputs)
        title = [f"  {case.framework}, case {case.number}: {given}"] if case.framework else []
        if case.complaint:
            return [*title, f"  {case.complaint}"]
        k, y, want = case.differing
        which = f" ({k} of {len(case.yours)})" if len(case.yours) > 1 else ""
        place, y, want = _part(y, want, case.tolerance)
        return [*title, f"  yours{which}{place}  {y}", f"  expected  {want}"]

    def _repr_mimebundle_(self, include=None, exclude=None):
        picture = self.picture()
        bundle = {"text/plain": repr(self)}
        if picture:
            bundle["text/html"] = f"<pre{WRAP}>{escape(repr(self))}</pre>{picture}"
        return bundle

    def picture(self):
        """Expected and yours as two grids of numbers; entries that differ are crossed out."""
        drawn = self._drawn()
        if drawn is None:
            return ""
        want, yours, right = drawn
        rows, columns = want.shape
        width, height = columns * CELL_WIDTH + 4, 2 * (rows * CELL_HEIGHT + GAP) + 4
        grids = _grid("expected", want, np.ones_like(right), 0)
        grids += _grid("yours", yours, right, rows * CELL_HEIGHT + GAP)
        label = f"Expected and yours: {int((~right).sum())} of {right.size} entries differ"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" role="img" aria-label="{label}" font-family="system-ui" '
            f'font-size="12">{grids}</svg>'
        )

    def _drawn(self):
        """Two matrices and where they agree, of the first case that is wrong; or of all cases, one
        beside the other, where each is a number."""
        shown = self.wrong or self.cases
        if not shown or not self.exercise.cases or shown[0].complaint:
            return None
        if any(y.dtype.kind == "U" for case in shown for y in case.expected):  # words are told
            return None
        in_form = not any(case.complaint for case in self.cases)
        as_many = len({len(case.expected) for case in self.cases}) == 1
        if in_form and as_many and all(y.ndim == 0 for c in self.cases for y in c.expected):
            cases = [case for case in self.cases if case.framework == shown[0].framework]
            yours, want = (
                np.array(rows).T
                for rows in zip(*((c.yours, c.expected) for c in cases), strict=True)
            )
        else:
            yours, want = (_matrix(x) for x in shown[0].differing[1:])
        yours, want = yours[:ROWS, :COLUMNS], want[:ROWS, :COLUMNS]
        return (want, yours, close(yours, want, shown[0].tolerance)) if want.size else None


def _matrix(x):
    return x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x.reshape(1, -1)


def _part(y, want, tolerance):
    """Both in words; where those are the same, the first entry that is not, and its place."""
    if want.dtype.kind == "U":
        return "", y, want
    if short(y) == short(want):
        k = tuple(np.argwhere(~close(y, want, tolerance))[0].tolist())
        return f" at {list(k)}", number(y[k].item()), number(want[k].item())
    return "", short(y), short(want)


def _told(x):
    return short(x) if isinstance(x, np.ndarray) else getattr(x, "__name__", None) or repr(x)


# ----- the picture -----
def _grid(title, values, right, top):
    cells = [f'<text x="2" y="{top + 14}" fill="{use("faint")}">{title}</text>']
    for (i, j), x in np.ndenumerate(values):
        at = 2 + j * CELL_WIDTH, top + 20 + i * CELL_HEIGHT
        cells.append(_cell(*at, number(x.item()), right[i, j]))
    return "".join(cells)


def _cell(x, y, text, right):
    rim, wide = (GREEN, 1) if right else (VERMILLION, 2.5)
    w, h = CELL_WIDTH - 4, CELL_HEIGHT - 4
    cross = f'<path d="M{x} {y}l{w} {h}m0 -{h}l-{w} {h}" stroke="{rim}"/>' * (not right)
    return (
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{use("card")}" stroke="{rim}" '
        f'stroke-width="{wide}"/>{cross}<text x="{x + w / 2}" y="{y + 14}" text-anchor="middle" '
        f'fill="{use("ink")}">{text}</text>'
    )
