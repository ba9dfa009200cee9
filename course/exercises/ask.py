"""What a learner calls: `check`, `hint`, `solution`."""

import ast
import importlib
import os
from collections import Counter
from difflib import get_close_matches
from importlib.resources import files

from .compare import compare
from .exercise import EXERCISES
from .report import Told

_asked: Counter = Counter()  # how far a learner has gone in hints and stages


class Unsolved(AssertionError):
    """What a check says, where nobody reads it: nbgrader gives no points for a cell that raises."""

    def _render_traceback_(self):
        return str(self).splitlines()


def check(name, answer):
    """Hold an answer against the exercise: what is wrong, where, and why if that is known.

    While nbgrader validates or grades, an answer that is not right raises what is wrong with it.
    """
    report = compare(find(name), answer)
    if "NBGRADER_EXECUTION" in os.environ and not report:
        raise Unsolved(repr(report))
    return report


def hint(name):
    """The next of three hints."""
    exercise, step = find(name), _next("hint", name, 3)
    more = f'\n\nhint("{name}") gives another.' if step < 3 else (
        f'\n\nThat was the last one; solution("{name}") shows the plan.')  # fmt: skip
    return Told(f"Hint {step} of 3. {exercise.hints[step - 1]}{more}")


def solution(name):
    """First the plan: the solution with its steps left out. Then, if called again, the whole."""
    exercise, step = find(name), _next("solution", name, 2)
    if step == 1:
        return Told(f'{plan(exercise.solution)}\n\n# solution("{name}") once more shows it all.')
    return Told(exercise.solution)


def plan(source):
    """A solution without its steps: headers and comments stay, every other line is dots."""
    lines, kept = source.splitlines(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(getattr(node, "body", None), list) and hasattr(node, "lineno"):
            kept |= set(range(node.lineno, node.body[0].lineno))
    return "\n".join(_planned(n, line, kept) for n, line in enumerate(lines, 1) if line.strip())


def _planned(n, line, kept):
    if n in kept or line.lstrip().startswith("#"):
        return line
    return line[: len(line) - len(line.lstrip())] + "..."


def names():
    """All exercises, in the order of the lessons."""
    for path in files(__package__).iterdir():
        if path.name.startswith("lesson_"):
            importlib.import_module(f"{__package__}.{path.name.removesuffix('.py')}")
    return sorted(EXERCISES, key=lambda name: name.split(".")[0])


def find(name):
    """The exercise of this name; a lesson's exercises are read when the first is asked for."""
    if not isinstance(name, str) or "." not in name:
        raise ValueError(f'{name!r} is no exercise; its name looks like "04.fan_out"')
    if name not in EXERCISES and name not in names():
        near = get_close_matches(name, EXERCISES, 3, 0.3) or sorted(EXERCISES)
        raise ValueError(f"there is no exercise {name}; there is {', '.join(near)}")
    return EXERCISES[name]


def _next(kind, name, most):
    _asked[kind, name] = min(_asked[kind, name] + 1, most)
    return _asked[kind, name]
