"""Slopes measured from outside: central differences, extrapolated (Richardson 1911).

With steps h, h/2 and h/4 on both sides the error falls from h^2 to h^4, and the best step is about
the fifth root of the machine precision: 7e-4 in float64. The two one-sided slopes tell a kink from
a smooth place, where their gap would shrink along with the step.
"""

from typing import NamedTuple

import numpy as np


class Slope(NamedTuple):
    """What was measured, entry by entry of one output."""

    value: np.ndarray
    error: np.ndarray  # how far two extrapolations disagree
    left: np.ndarray
    right: np.ndarray
    kink: np.ndarray  # the one-sided slopes do not approach each other
    noise: float  # what rounding alone may do


def measure(f, scale, eps):
    """The slopes at 0 of `f(t)`, a function from a number to a list of arrays."""
    h = eps**0.2 * scale
    middle = f(0.0)
    sides = [(f(h / k), f(-h / k)) for k in (1, 2, 4)]
    return [
        _one(y, [(plus[i], minus[i]) for plus, minus in sides], h, eps)
        for i, y in enumerate(middle)
    ]


def _one(y, sides, h, eps):
    with np.errstate(all="ignore"):
        steps = (h, h / 2, h / 4)
        d1, d2, d4 = [(p - m) / (2 * s) for (p, m), s in zip(sides, steps, strict=True)]
        coarse, fine = (4 * d2 - d1) / 3, (4 * d4 - d2) / 3
        rights = [(p - y) / s for (p, _), s in zip(sides, steps, strict=True)]
        lefts = [(y - m) / s for (_, m), s in zip(sides, steps, strict=True)]
        gaps = [abs(r - l) for r, l in zip(rights, lefts, strict=True)]  # noqa: E741
        noise = 8 * eps * float(np.max(abs(y), initial=0.0)) / steps[2]
        kink = (gaps[2] > 0.7 * gaps[0]) & (gaps[2] > 1e-3 * abs(fine) + 8 * noise)
        return Slope(coarse, abs(fine - coarse), lefts[2], rights[2], kink, noise)


def judge(ours, slope, rtol, atol=None):
    """For each entry: 0 right, 1 wrong, 2 at a kink and between its slopes, 3 not measurable."""
    with np.errstate(all="ignore"):
        size = float(np.max(abs(slope.value[np.isfinite(slope.value)]), initial=0.0))
        near = rtol * (abs(slope.value) + 0.1 * size) + slope.noise
        near = near if atol is None else near + atol
        far = ~(abs(ours - slope.value) <= near)
        verdict = np.where(far, 1, 0)
        verdict[far & ~np.isfinite(slope.value)] = 3
        verdict[far & (abs(ours - slope.value) <= 2 * slope.error)] = 3
        verdict[far & slope.kink & _between(ours, slope, near)] = 2
        return verdict


def _between(ours, slope, near):
    """Is a derivative one of the subgradients, from the smaller to the larger slope?"""
    if np.iscomplexobj(ours) or np.iscomplexobj(slope.value):
        return np.ones(np.shape(ours), bool)
    low, high = np.minimum(slope.left, slope.right), np.maximum(slope.left, slope.right)
    return (ours >= low - near) & (ours <= high + near)
