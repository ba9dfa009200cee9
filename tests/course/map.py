"""`python -m tests.course.map`: draws the map of the lessons, and says it in the index's alt text.

Titles, minutes and what a lesson comes after stand once, in the table of the index; how many
exercises it has is known to `course.exercises`. A lesson stands to the right of all that it comes
after; the second track runs along the bottom.
"""

import html
import re
import textwrap
from dataclasses import dataclass
from statistics import mean

import nbformat

from course.exercises import names
from kernel import palette
from tests.course.form import COURSE
from tests.course.rerun import tidy

INDEX, PATH = COURSE / "index.ipynb", COURSE / "map.svg"
WIDE, HIGH, STEP_X, STEP_Y, EDGE = 168, 60, 200, 74, 10
TRACKS = {"": palette.GREEN, "Derivatives": palette.BLUE, "Batches": palette.VERMILLION}
IMAGE = re.compile(r"!\[([^\]]*)\]\(map\.svg\)")


@dataclass
class Lesson:
    number: str
    title: str
    minutes: str
    after: tuple
    track: str


def lessons(text):
    """The rows of the index's table, and the track under whose name each stands."""
    found, track = [], ""
    for line in text.splitlines():
        if heading := re.match(r"\| \*\*(\w+)\*\*", line):
            track = heading[1]
        elif row := re.match(r"\| \[(\d\d) ([^]]+)\]\([^)]*\) \| (\d+) \| ([\d, ]*)\|", line):
            number, title, minutes, after = row.groups()
            found.append(Lesson(number, title, minutes, tuple(re.findall(r"\d+", after)), track))
    return {lesson.number: lesson for lesson in found}


# ----- where each stands -----
def places(found):
    """`{number: (column, row)}`; who many come after stands last, near the other track."""
    column, row = {}, {}
    for n, lesson in found.items():
        column[n] = 1 + max((column[a] for a in lesson.after), default=-1)
    for c in range(max(column.values()) + 1):
        here = [n for n in found if column[n] == c and found[n].track != "Batches"]
        above = {n: mean(row[a] for a in found[n].after) if found[n].after else 0 for n in here}
        here.sort(key=lambda n: (above[n], len(_next(found, n)), n))
        top = (mean(above.values()) if above else 0) - (len(here) - 1) / 2
        row |= {n: top + k for k, n in enumerate(here)}
    low, high = min(row.values()), max(row.values())
    return {n: (column[n], row.get(n, high + 1) - low) for n in found}


def _next(found, number):
    return [n for n, lesson in found.items() if number in lesson.after]


# ----- as a picture, and in words -----
def svg(found):
    at = {n: (EDGE + STEP_X * c, EDGE + STEP_Y * r) for n, (c, r) in places(found).items()}
    right, bottom = (max(xs) for xs in zip(*at.values(), strict=True))
    wide, high = round(right + WIDE + EDGE), round(bottom + HIGH + EDGE)
    drawn = [_edge(at[a], at[n]) for n, lesson in found.items() for a in lesson.after]
    drawn += [_box(lesson, *at[n]) for n, lesson in found.items()]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" role="img" aria-label="{alt(found)}" '
        'font-family="system-ui, sans-serif" font-size="12.5" text-anchor="middle">'
    )
    return "\n".join([head, *drawn, "</svg>\n"])


def _edge(a, b):
    """From the right of one to the left of the other; it bends just before."""
    (x, y), (u, v) = (a[0] + WIDE, a[1] + HIGH / 2), (b[0], b[1] + HIGH / 2)
    bend = f"H{u - 32}C{u - 16:g} {y:g} {u - 16:g} {v:g} {u} {v:g}"
    return f'<path d="M{x} {y:g}{bend}" fill="none" stroke="{palette.LINES}" stroke-width="1.5"/>'


def _box(lesson, x, y):
    ink, faint = palette.LIGHT["ink"], palette.LIGHT["faint"]
    lines = textwrap.wrap(f"{lesson.number} {lesson.title}", 23)
    count = sum(name.startswith(lesson.number) for name in names())
    under = f"{lesson.minutes} min, {count} exercise{'s' * (count != 1)}"
    tops = [y + HIGH / 2 + 4 + 15 * (k - len(lines) / 2) for k in range(len(lines) + 1)]
    texts = [(line, ink, 12.5) for line in lines] + [(under, faint, 11)]
    return (
        f'<rect x="{x}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="6" '
        f'fill="{palette.LIGHT["card"]}" stroke="{TRACKS[lesson.track]}" stroke-width="2"/>'
    ) + "".join(
        f'<text x="{x + WIDE / 2:g}" y="{top:g}" fill="{colour}" font-size="{size}">'
        f"{html.escape(line)}</text>"
        for top, (line, colour, size) in zip(tops, texts, strict=True)
    )


def alt(found):
    ways = {n: _next(found, n) for n in found}
    told = [f"from {n} to {_listed(after)}" for n, after in ways.items() if after]
    return f"Which lesson comes after which, with its minutes and exercises: {'; '.join(told)}"


def _listed(words):
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def told(notebook):
    """The text of the index; in it stand the table and the alt text."""
    return "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def main():
    notebook = nbformat.read(INDEX, 4)
    found = lessons(told(notebook))
    PATH.write_text(svg(found), encoding="utf-8")
    for cell in notebook.cells:
        cell.source = IMAGE.sub(f"![{alt(found)}](map.svg)", cell.source)
    tidy(notebook, INDEX.stem)
    nbformat.write(notebook, INDEX)


if __name__ == "__main__":
    main()
