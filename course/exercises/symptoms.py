"""What an answer that is no known slip looks like: its form, its sign, its factor, its order.

A slip knows the cause. Where none fits, the numbers still point somewhere, whatever the exercise.
"""

import numpy as np

from .case import close


def symptom(cases):
    """A sentence on what all wrong cases have in common, or None."""
    wrong = [case for case in cases if not case.right]
    return _of_raising(wrong) or _of_form(cases, wrong) or _of_numbers(cases, wrong)


def _of_raising(wrong):
    raised = wrong[0].raised
    if "RecursionError" in raised:
        return "The recursion never ends: which case is answered without another call?"
    if "ambiguous" in raised:  # torch: Boolean value of Tensor; jax: truth value of an array
        return "`if`, `and` and a < b < c ask a whole array one question; `where` asks each entry."
    return None


def _of_form(cases, wrong):
    alone = {case.framework for case in wrong}
    if wrong[0].raised and len(alone) == 1 and len(alone) < len({c.framework for c in cases}):
        return f"It works on the other framework: not all of its functions are {alone.pop()}'s."
    if any(not case.yours and not case.raised for case in wrong):
        return "In some cases nothing came back: is there a `return` on every way through?"
    return None


def _of_numbers(cases, wrong):
    if any(case.complaint for case in cases):
        return None
    if all(_same(case, case.yours[::-1]) for case in cases):
        return "These are the right numbers, the last one first."
    yours, want = (np.concatenate([x.ravel() for case in cases for x in part(case)])
                   for part in (lambda c: c.yours, lambda c: c.expected))  # fmt: skip
    if not {yours.dtype.kind, want.dtype.kind} <= set("iuf"):
        return None
    nan = np.isnan(yours) & ~np.isnan(want)
    if 0 < nan.sum() < nan.size and close(yours[~nan], want[~nan], wrong[0].tolerance).all():
        return "Right but for the NaNs: somewhere 0 is divided by 0, or meets an infinite slope."
    return _factor(yours, want, wrong[0].tolerance)


def _factor(yours, want, tolerance):
    """Is all of it so many times too large?"""
    most = np.argmax(np.abs(want))
    factor = yours[most] / want[most] if want[most] else 0.0
    if not np.isfinite(factor) or not factor or not close(yours, factor * want, tolerance).all():
        return None
    if close(factor, np.array(-1.0), tolerance):
        return "The sign is wrong, everywhere."
    return f"All of it is {factor:.4g} times what is expected."


def _same(case, values):
    pairs = list(zip(values, case.expected, strict=True))
    return all(y.shape == want.shape and close(y, want, case.tolerance).all() for y, want in pairs)
