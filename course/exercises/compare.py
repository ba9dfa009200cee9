"""Hold an answer against the oracle, on every framework at hand, and against the known slips."""

import sys

import numpy as np

from autodiff_lab import trees, xp
from kernel.values import numpy_of

from .case import Case, close
from .report import Report


def compare(exercise, answer):
    """A `Report` on an answer."""
    if _empty(answer):
        return Report(exercise, [], "Not there yet: the answer is still empty.")
    cases = outcomes(exercise, answer)
    if all(_nothing(case) for case in cases):
        return Report(exercise, [], "Not there yet: nothing came back. Did you forget `return`?")
    if all(case.right for case in cases):
        return Report(exercise, cases, exercise.judge and exercise.judge(answer))
    return Report(exercise, cases, slip(exercise, cases))


def outcomes(exercise, answer, seed=0):
    """All cases, on all frameworks that are imported; a plain value has one case."""
    if exercise.cases is None:
        want = trees.leaves(exercise.expected)
        return [Case(1, "", (), _arrays(want), _arrays(trees.leaves(answer)), exercise.tolerance)]
    found = []
    for framework in _at_hand(exercise):
        for number, inputs in enumerate(exercise.inputs(seed), 1):
            want = exercise.expected(*inputs)
            yours = exercise.ask(answer, _given(framework, inputs), xp.verbs(framework))
            wanted, got = _arrays(trees.leaves(want)), _arrays(trees.leaves(yours))
            found.append(Case(number, framework, inputs, wanted, got, exercise.tolerance))
    return found


def slip(exercise, cases):
    """What to say if these are the numbers of a known slip."""
    for said, source in exercise.slips.items():
        try:
            theirs = outcomes(exercise, exercise.answer(source))
        except Exception:  # a slip may well raise: then it is not this one
            continue
        pairs = zip(cases, theirs, strict=True)
        if all(_same(case.yours, other.yours, case.tolerance) for case, other in pairs):
            return said
    return None


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
    return trees.map(lambda x: verbs.asarray(x, like) if isinstance(x, np.ndarray) else x, inputs)


def _one(framework):
    """An array of the dtype that checks are made in."""
    if framework == "torch":
        import torch

        return torch.zeros((), dtype=torch.float64)
    import jax.numpy as jnp

    return jnp.zeros(())


def _arrays(values):
    return [None if x is ... else numpy_of(x) for x in values]


def _empty(answer):
    return answer is ... or all(x is ... for x in trees.leaves(answer))


def _nothing(case):
    return all(y is None for y in case.yours)
