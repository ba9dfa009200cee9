"""What an answer that is no known slip looks like: its form, its sign, its factor, its order.

A slip knows the cause. Where none fits, the numbers still point somewhere, whatever the exercise.
"""

import numpy as np

from .case import close
from .running import ENDLESS

SIGN = "The sign is wrong, everywhere."


def symptom(cases):
    """A sentence on what all wrong cases have in common, or None."""
    wrong = [case for case in cases if not case.right]
    of_either = _of_raising(wrong) or _of_writing(wrong) or _of_form(cases, wrong)
    return of_either or _of_shapes(cases) or _of_numbers(cases, wrong) or _of_sizes(cases, wrong)


def _of_raising(wrong):
    raised = wrong[0].raised
    if "RecursionError" in raised:
        return "The recursion never ends: which case is answered without another call?"
    if ENDLESS in raised:
        return "Does it ever end? What a loop asks has to change on every trip."
    if "SystemExit" in raised:
        return "An answer does not exit: what it `return`s is asked."
    if "immutable" in raised:
        return "JAX's arrays are never written into: make a new one, with `where` or `xp.stack`."
    if "ambiguous" in raised:  # torch: Boolean value of Tensor; jax: truth value of an array
        return "`if`, `and` and a < b < c ask a whole array one question; `where` asks each entry."
    return None


def _of_writing(wrong):
    if any(case.written for case in wrong):
        return "It writes into what it was given; what reads it after that gets other numbers."
    return None


def _of_form(cases, wrong):
    alone = {case.framework for case in wrong}
    if wrong[0].raised and len(alone) == 1 and len(alone) < len({c.framework for c in cases}):
        return f"It works on the other framework: not all of its functions are {alone.pop()}'s."
    if any(not case.yours and not case.raised for case in wrong):
        return "In some cases nothing came back: is there a `return` on every way through?"
    return None


def _of_shapes(cases):
    """Are these the right numbers in the wrong form?"""
    forms = (told for form, told in FORMS.items() if all(_fits(case, form) for case in cases))
    return next(forms, None)


def _of_sizes(cases, wrong):
    sizes = [{_shapes(case) for case in some} for some in (wrong, [c for c in cases if c.right])]
    if sizes[1] and not sizes[0] & sizes[1] and any(map(any, sizes[0])):
        return "Right for inputs of one size, and wrong for others: is a size written down in it?"
    return None


def _fits(case, form):
    words = any(y.dtype.kind == "U" for y in case.expected)
    if case.raised or words or any(y is None for y in case.yours):
        return False
    found = form(case.yours, case.expected)
    return found is not None and bool(close(*found, case.tolerance).all())


def _listed(yours, want):
    alone = len(want) == 1 and want[0].ndim and len(yours) == want[0].size
    return (np.array(yours).ravel(), want[0].ravel()) if alone and _all_scalars(yours) else None


def _reshaped(yours, want):
    pairs = list(zip(yours, want, strict=False))
    alike = len(yours) == len(want) and all(y.size == w.size for y, w in pairs)
    other = any(y.shape != w.shape for y, w in pairs)
    return tuple(map(_flat, (yours, want))) if alike and other else None


def _all_scalars(values):
    return all(v.ndim == 0 for v in values)


def _flat(values):
    return np.concatenate([v.ravel() for v in values])


def _reduced(how):
    def form(yours, want):
        other = len(yours) == len(want) and _all_scalars(yours) and not _all_scalars(want)
        return (_flat(yours), np.array([how(w) for w in want])) if other else None

    return form


FORMS = {
    _listed: "These are the right numbers, in a list: one array is asked; `xp.stack` makes one.",
    _reshaped: "The numbers are right, in another shape.",
    _reduced(np.sum): "It has been added up: an entry for each is asked, without the `sum`.",
    _reduced(np.mean): "It has been averaged: an entry for each is asked, without the `mean`.",
}


def _shapes(case):
    return tuple(x.shape for x in case.inputs if isinstance(x, np.ndarray))


def _of_numbers(cases, wrong):
    if any(case.complaint for case in cases):
        return None
    if all(_same(case, case.yours[::-1]) for case in cases):
        return "These are the right numbers, the last one first."
    yours, want = (np.concatenate([x.ravel() for case in cases for x in part(case)])
                   for part in (lambda c: c.yours, lambda c: c.expected))  # fmt: skip
    if not {yours.dtype.kind, want.dtype.kind} <= set("iuf"):
        return None
    if np.isnan(yours).all() and not np.isnan(want).any():
        return "Nothing but NaN: 0 / 0, infinity less infinity, or a NaN that was handed on."
    nan = np.isnan(yours) & ~np.isnan(want)
    if 0 < nan.sum() < nan.size and close(yours[~nan], want[~nan], wrong[0].tolerance).all():
        return "Right but for the NaNs: somewhere 0 is divided by 0, or meets an infinite slope."
    if close(np.abs(yours), np.abs(want), wrong[0].tolerance).all() and (yours > 0).any():
        return "Right but for the sign, in some places." if (yours * want > 0).any() else SIGN
    if _never_changes(cases):
        return "It gives the same each time, whatever it is asked: is a number written down in it?"
    if yours.dtype.kind in "iu" and want.dtype.kind == "f" and (want % 1).any():
        return "Whole numbers came back: is there an `int`, a `//`, or an array of integers in it?"
    if close(yours, want, 30 * wrong[0].tolerance).all():
        return "Right to three digits or so: an approximation, or a dtype with fewer of them?"
    return _shift(yours - want) or _factor(yours, want, wrong[0].tolerance)


def _shift(apart):
    """Is all of it off by the same whole number, as by a count that begins at the wrong end?"""
    by = np.round(apart[0])
    if not by or not np.abs(by) < 10 or not np.allclose(apart, by, atol=1e-4):
        return None
    return f"All of it is {abs(by):.0f} too {'large' if by > 0 else 'small'}."


def _never_changes(cases):
    first = cases[0].yours
    same = all(len(case.yours) == len(first) and all(map(np.array_equal, case.yours, first))
               for case in cases)  # fmt: skip
    return same and len(cases) > 2 and any(not case.right for case in cases)


def _factor(yours, want, tolerance):
    """Is all of it so many times too large?"""
    most = np.argmax(np.abs(want))
    factor = yours[most] / want[most] if want[most] else 0.0
    if not np.isfinite(factor) or not factor or not close(yours, factor * want, tolerance).all():
        return None
    if close(factor, np.array(-1.0), tolerance):
        return SIGN
    return f"All of it is {factor:.4g} times what is expected."


def _same(case, values):
    pairs = list(zip(values, case.expected, strict=True))
    return all(y.shape == want.shape and close(y, want, case.tolerance).all() for y, want in pairs)
