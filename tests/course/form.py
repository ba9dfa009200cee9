"""`python -m tests.course.form [NOTEBOOK ...]`: what keeps a lesson from being a good one, in form.

A lesson holds one idea: 20 to 30 code cells of a few lines, 900 to 1,500 words, small outputs that
are the same each time, pictures with words for those who cannot see them, and exercises as they are
stated in `course.exercises`. What the cells compute is nbval's business.
"""

import re
import statistics
import sys
from pathlib import Path

import nbformat

from course.exercises.ask import find, names

COURSE = Path(__file__).resolve().parents[2] / "course"
NOTEBOOKS = sorted(COURSE.glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if re.match(r"(?!00)\d\d_", path.stem)]

LONGEST_OUTPUT = 160_000  # a tape's picture in all its forms
PATHS = re.compile(r"(?<![\w.])/(?:home|tmp|root|work|Users|mnt|usr)/|[A-Z]:\\\\")
IMAGE = re.compile(r"!\[(.*?)\]\(")
PICTURE = re.compile(r"<(?:img|svg)\b[^>]*>")
NAMED = re.compile(r"\b(alt|aria-label|aria-labelledby|aria-hidden)=")


def faults(path):
    """Everything that is to be mended, a sentence each."""
    cells = nbformat.read(path, 4).cells
    code, text = ([c for c in cells if c.cell_type == kind] for kind in ("code", "markdown"))
    found = [*_headings(text), *_runs(code), *_outputs(code), *_alternatives(code, text)]
    found += _exercises(path.stem[:2], code) + _formulas(text)
    return found + (_lesson(code, text) if path in LESSONS else [])


def _lesson(code, text):
    """What holds for the numbered lessons, not for the tour and the index."""
    words, lines = word_count(text), [len(c.source.splitlines()) for c in code]
    found = [] if 900 <= words <= 1500 else [f"{words} words of text; 900 to 1,500 are readable"]
    found += [] if 20 <= len(code) <= 30 else [f"{len(code)} code cells; 20 to 30 are one idea"]
    found += [] if statistics.median(lines) <= 8 else ["half of the cells have over 8 lines"]
    found += [f"a cell of {n} lines; split it, 25 at most" for n in lines if n > 25]
    first = "".join(c.source for c in code[:3])
    found += [] if "google.colab" in code[0].source else ["the first cell does not serve Colab"]
    found += [
        f"{name} is not imported" for name in ("torch", "jax") if f"import {name}" not in first
    ]
    return found


def word_count(text):
    """Words of prose: no code, no tables' lines."""
    prose = re.sub(r"```.*?```|`[^`]*`", " x ", _source(text), flags=re.S)
    return len(re.findall(r"[A-Za-z][\w'-]*", prose))


def _source(cells):
    return "\n\n".join(c.source for c in cells)


def _headings(text):
    lines = re.sub(r"```.*?```", "", _source(text), flags=re.S).splitlines()
    levels = [len(li) - len(li.lstrip("#")) for li in lines if re.match(r"#+ ", li)]
    found = [] if levels.count(1) == 1 and levels[0] == 1 else ["not one title, at the top"]
    jumps = any(b - a > 1 for a, b in zip(levels, levels[1:], strict=False))
    return found + ["a heading skips a level"] * jumps


def _formulas(text):
    """In letters, as in lesson 02: without a network an exported page has no MathJax."""
    tex = re.findall(r"\$[^$`\n]+\$", re.sub(r"```.*?```|`[^`]*`", "", _source(text), flags=re.S))
    return [f"a formula in TeX: {formula}" for formula in tex]


def _runs(code):
    counts = [c.execution_count for c in code]
    found = [] if counts == list(range(1, len(counts) + 1)) else ["not run from top to bottom"]
    raised = (o for c in code for o in c.outputs if o.output_type == "error")
    allowed = {o.ename for c in code if "raises-exception" in c.metadata.get("tags", ()) for o in
               c.outputs if o.output_type == "error"}  # fmt: skip
    found += [f"a cell raises {o.ename}" for o in raised if o.ename not in allowed]
    timed = any("execution" in c.metadata for c in code)
    return found + ["times of execution are saved: run it by `make notebooks`"] * timed


def _outputs(code):
    found = []
    for n, cell in enumerate(code, 1):
        size, text = len(str(cell.outputs)), f"{cell.source} {cell.outputs}"
        found += [f"cell {n} has {size:,} characters of output"] * (size > LONGEST_OUTPUT)
        found += [f"cell {n} names a path of one machine"] * bool(PATHS.search(text))
        found += [f"cell {n} writes to stderr"] * any(
            o.get("name") == "stderr" for o in cell.outputs
        )
    return found


def _alternatives(code, text):
    """Every picture has words: alt text, a label, or a table beside it."""
    found = [
        f"an image without alt text: {alt!r}" for alt in IMAGE.findall(_source(text)) if not alt
    ]
    for n, cell in enumerate(code, 1):
        for output in cell.outputs:
            data = output.get("data", {})
            drawn = any(kind.startswith("image/") for kind in data)
            found += [f"cell {n} has a picture without text"] * (drawn and "text/plain" not in data)
            shown = PICTURE.findall(data.get("text/html", "") + data.get("image/svg+xml", ""))
            table = "<table" in data.get("text/html", "")  # says the same in words
            nameless = [p for p in shown if not table and not NAMED.search(p)]
            found += [f"cell {n} has a picture without a name: {p[:60]}" for p in nameless[:1]]
    return found


def _exercises(lesson, code):
    """The cells of the exercises are what `course.exercises` says they are."""
    sources, found = [c.source.strip() for c in code], []
    wanted = [name for name in names() if name.startswith(f"{lesson}.")]
    for name in wanted:
        exercise = find(name)
        asked = [c for c in code if f'check("{name}", {exercise.answer_name})' in c.source]
        stubs = [c for c in code if c.source.strip() == exercise.stub]
        found += [] if asked else [f'no cell calls check("{name}", {exercise.answer_name})']
        found += [] if stubs else [f"no cell is the stub of {name}"]
        given = not exercise.given or any(exercise.given in source for source in sources)
        found += [] if given else [f"no cell holds what is given with {name}"]
        found += [] if _graded(asked, stubs, name) else [f"{name} lacks nbgrader's metadata"]
    if f"{lesson}_" in [path.stem[:3] for path in LESSONS] and not 2 <= len(wanted) <= 5:
        found.append(f"{len(wanted)} exercises; 2 to 5 are asked")
    return found


def _graded(asked, stubs, name):
    """The stub is a solution cell, the check is worth points; their ids are the exercise's."""
    own = [c.metadata.get("nbgrader", {}) for c in (*stubs[:1], *asked[:1])]
    ids = [(m.get("grade_id"), m.get("solution"), m.get("grade")) for m in own]
    word = name.replace(".", "-")
    return ids == [(word, True, False), (f"{word}-check", False, True)]


def main(paths):
    found = {path: faults(path) for path in paths}
    for path, sentences in found.items():
        print(path.name, "\n".join(f"\n  {s}" for s in sentences) if sentences else "in form")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main([Path(arg).resolve() for arg in sys.argv[1:]] or NOTEBOOKS))
