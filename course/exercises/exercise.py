"""What an exercise is: data, from which the notebook, the check and the tests are made.

A *slip* is a wrong answer that people give, with the sentence that would have helped them. An
answer that gives the same numbers as a slip is that slip: so the check can name the cause.
"""

import ast
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isinf
from textwrap import dedent

import numpy as np

EXERCISES: dict[str, "Exercise"] = {}


@dataclass(frozen=True)
class Exercise:
    name: str  # "04.fan_out": lesson and word
    stub: str  # the cell that a learner starts from
    solution: str
    expected: object  # a function of the inputs as NumPy arrays in float64; or the answer itself
    hints: tuple[str, ...]
    cases: Callable | None  # of a random generator: the inputs, a tuple for each case
    slips: Mapping[str, str]  # what to say -> the wrong answer
    given: str  # the code of an earlier cell, if stub and solution stand on it
    ask: Callable  # of an answer, inputs, and the table's namespace `xp`: what is compared
    judge: Callable | None  # of an answer: a complaint that no number shows, or None
    frameworks: tuple[str, ...]
    tolerance: float

    @property
    def answer_name(self):
        """The name that the solution binds last: what `check` is called with."""
        last = ast.parse(self.solution).body[-1]
        return last.targets[0].id if isinstance(last, ast.Assign) else last.name

    def inputs(self, seed=0):
        """The inputs of all cases; other seeds give fresh ones of the same kind."""
        return list(self.cases(np.random.default_rng(seed))) if self.cases else [()]

    def answer(self, source):
        """The answer that some source binds, beside what the lesson has imported and given."""
        names = _imported(self.frameworks)
        for title, code in (("given", self.given), ("answer", source)):
            exec(compile(code, f"<{title} of {self.name}>", "exec"), names)
        return names[self.answer_name]


def exercise(name, *, stub, solution, expected, hints, slips=None, given="", cases=None,
             ask=lambda answer, inputs, xp: answer(*inputs), judge=None,
             frameworks=("torch", "jax"), tolerance=1e-4):  # fmt: skip
    """State an exercise. Its code is text: it is shown, run, and compared with the notebook."""
    if name in EXERCISES:
        raise ValueError(f"there is an exercise {name} already; choose another word")
    slips = {said: _code(wrong) for said, wrong in (slips or {}).items()}
    EXERCISES[name] = Exercise(name, _code(stub), _code(solution), expected, tuple(hints), cases,
                               slips, _code(given), ask, judge, frameworks, tolerance)  # fmt: skip


def guess(name, variable, *, say, answers, why, hints, slips):
    """State an exercise in which a dict is filled in: what is true, before it is tried.

    `answers` has the right answer to each question; a slip says what is wrong in it, no more.
    """

    def written(comment, values):
        lines = (f'    "{q}": {_literal(v)},' for q, v in values.items())
        return "\n".join([f"# {comment}", f"{variable} = {{", *lines, "}"])

    slips = {said: written(said, answers | wrong) for said, wrong in slips.items()}
    exercise(name, stub=written(say, dict.fromkeys(answers, ...)), solution=written(why, answers),
             expected=answers, hints=hints, slips=slips, frameworks=("torch",))  # fmt: skip


def _literal(value):
    if value is ...:
        return "..."
    if isinstance(value, float) and isinf(value):
        return f'float("{value}")'
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _code(text):
    return dedent(text).strip("\n")


def _imported(frameworks):
    """The names that a lesson's first cells bind."""
    names = {"ad": "autodiff_lab", "ml": "masking_lab", "np": "numpy"}
    for framework in frameworks:
        names |= {"torch": {"torch": "torch"}, "jax": {"jax": "jax", "jnp": "jax.numpy"}}[framework]
    return {short: importlib.import_module(long) for short, long in names.items()}
