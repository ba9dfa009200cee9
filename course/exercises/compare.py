"""Hold an answer against the oracle, on every framework at hand, and against the known slips."""

import linecache
import sys
import traceback
from collections.abc import Mapping
from itertools import compress

import numpy as np

from autodiff_lab import trees, xp
from kernel.values import numpy_of

from .case import Case, Unreadable, close
from .report import Report
from .running import ENDLESS, PATIENCE, Endless, heard, left, patience, written
from .symptoms import symptom

AT = ", at line "  # where an exception came from
NOTHING = "nothing came back. Did you forget `return`?"
PRINTED = "it was printed, and nothing came back: `return` it."
LEFT = (
    "The numbers are right, but NumPy's arrays came back for a framework's: they have no gradient, "
    "and leave the device. Stay with operators and methods, or with what the framework offers."
)
WRITTEN = (
    "The numbers are right, but it has written into what it was given: whoever called it has other "
    "numbers now."
)


def compare(exercise, answer):
    """A `Report` on an answer."""
    said = _not_there(exercise, answer)
    if said:
        return Report(exercise, [], said)
    cases = outcomes(exercise, answer)
    if all(not case.yours and not case.raised for case in cases):
        said = PRINTED if any(case.printed for case in cases) else NOTHING
        return Report(exercise, [], f"Not there yet: {said}")
    if all(case.right for case in cases):
        return Report(exercise, cases, _objection(exercise, answer, cases))
    return Report(exercise, cases, slip(exercise, cases), exercise.cases and symptom(cases))


def _objection(exercise, answer, cases):
    """What is wrong with an answer that gives the right numbers."""
    if any(case.left for case in cases):
        return LEFT
    if any(case.written for case in cases):
        return WRITTEN
    try:
        return exercise.judge and exercise.judge(answer)
    except Exception as error:  # the learner's, where only the judge goes
        return f"The numbers are right, but {_told(error, answer)}"


def _not_there(exercise, answer):
    """What is said of an answer that cannot be held against anything."""
    if answer is ... or answer is None or all(x is ... for x in trees.leaves(answer)):
        return "Not there yet: the answer is still empty."
    if exercise.cases:
        name = exercise.answer_name
        return None if callable(answer) else (
            f'Not there yet: hand over the function itself, check("{exercise.name}", {name}), '
            f"and not what it gives.")  # fmt: skip
    if not isinstance(answer, Mapping) or set(answer) != set(exercise.expected):
        return "Not there yet: the answer is a dict with the questions that the cell above asks."
    for question, told in answer.items():
        if isinstance(told, str) and not isinstance(exercise.expected[question], str):
            return f"Not there yet: {told!r} in quotes is a word; truths and numbers have none."
    empty = sum(told is ... or told is None for told in answer.values())
    return f"Not there yet: still empty: {empty} of {len(answer)}." if empty else None


def outcomes(exercise, answer, seed=0):
    """All cases, on all frameworks that are imported; a plain value has one case."""
    if exercise.cases is None:
        want, yours = (_arrays([_word(told[k]) for k in exercise.expected])
                       for told in (exercise.expected, answer))  # fmt: skip
        return [Case(1, "", (), want, yours, exercise.tolerance)]
    found = []
    for framework in _at_hand(exercise):
        for number, inputs in enumerate(exercise.inputs(seed), 1):
            found.append(_outcome(exercise, answer, framework, number, inputs))
            if ENDLESS in found[-1].raised:  # the other cases would take as long
                return found
    return found


def _word(x):
    return x.strip().lower() if isinstance(x, str) else x


def _outcome(exercise, answer, framework, number, inputs):
    want, given = exercise.expected(*inputs), _given(framework, inputs)
    wanted, yours, raised = _arrays(trees.leaves(want)), (), ""
    with heard() as printed:
        try:
            with patience(PATIENCE):
                yours = exercise.ask(answer, given, xp.verbs(framework))
        except (Exception, SystemExit) as error:  # the learner's: it is told, others are asked
            raised = _told(error, answer)
    filled_in = [x for x in trees.leaves(yours) if x is not ...]
    got = _arrays(filled_in)
    odd = [type(x).__name__ for x, y in zip(filled_in, got, strict=True) if y is None]
    got = _entries(got) if isinstance(want, tuple) else got
    into = framework == "torch" and written(given, inputs)  # JAX's arrays cannot be written into
    return Case(number, framework, inputs, wanted, got, exercise.tolerance, raised,
                "".join(odd[:1]), bool(printed[0]), into, left(yours, inputs))  # fmt: skip


def _entries(got):
    """One row of numbers is as good as a tuple of them."""
    return list(got[0]) if len(got) == 1 and got[0] is not None and got[0].ndim == 1 else got


def _told(error, answer):
    """An exception in one line, with the line of the answer that it came from."""
    name = "" if isinstance(error, (Unreadable, Endless)) else f"{type(error).__name__}: "
    said = f"{name}{error}".split("\n")[0].rstrip(": ")
    file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    text = linecache.getline(file, lines[-1]).strip() if lines else ""
    return f"{said}{AT}{lines[-1]}: {text}" if text else said


def slip(exercise, cases):
    """What to say if these are the numbers of a known slip."""
    if exercise.cases is None:
        return _guessed(exercise, cases[0])
    raises = {case.framework for case in cases if case.raised}
    on_one = [case.framework not in raises for case in cases]  # `dim=` is torch's own, for example
    told = None
    for said, source in exercise.slips.items():
        alike = list(map(_alike, cases, outcomes(exercise, exercise.answer(source))))
        if all(alike):
            return said
        told = told or (said if any(on_one) and all(compress(alike, on_one)) else None)
    return told if any(not case.right for case in compress(cases, on_one)) else None


def _guessed(exercise, case):
    """Of the slips whose mistakes are all made here, the one that explains most."""
    made = {k for k in range(len(case.yours)) if not case.right_at(k)}
    found = {}
    for said, source in exercise.slips.items():
        theirs = outcomes(exercise, exercise.answer(source))[0]
        wrong = {k for k in range(len(theirs.yours)) if not theirs.right_at(k)}
        told = all(_same([case.yours[k]], [theirs.yours[k]], case.tolerance) for k in wrong)
        found |= {said: len(wrong)} if told and wrong <= made else {}
    return max(found, key=found.get, default=None)


def _alike(case, other):
    if case.raised or other.raised:  # the same message, of whichever line
        return case.raised.split(AT)[0] == other.raised.split(AT)[0]
    return _same(case.yours, other.yours, case.tolerance)


def _same(ours, theirs, tolerance):
    return len(ours) == len(theirs) and all(
        a is not None and b is not None and a.shape == b.shape and close(a, b, tolerance).all()
        for a, b in zip(ours, theirs, strict=True)
    )


def _at_hand(exercise):
    found = [name for name in exercise.frameworks if name in sys.modules]
    if not found:
        raise RuntimeError(f"import {' or '.join(exercise.frameworks)} before you call check")
    return found


def _given(framework, inputs):
    """The inputs as the framework's arrays; what is no array stays."""
    verbs, like = xp.verbs(framework), _one(framework)

    def given(x):  # a copy: an answer may write into it
        return verbs.asarray(x.copy(), like) if isinstance(x, np.ndarray) else x

    return trees.map(given, inputs)


def _one(framework):
    """An array of the dtype that checks are made in."""
    if framework == "torch":
        import torch

        return torch.zeros((), dtype=torch.float64)
    import jax.numpy as jnp

    return jnp.zeros(())


def _arrays(values):
    """As NumPy's arrays of numbers or words; None for what is neither."""
    arrays = (numpy_of(x) for x in values)
    return [x if x is not None and x.dtype.kind in "biufcU" else None for x in arrays]
