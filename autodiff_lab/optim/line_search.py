"""How far along a direction? Until the value has sunk enough and the slope is nearly gone.

These are the strong Wolfe conditions. The search doubles the step until an interval must hold a
good one, and then narrows the interval by cubics (Nocedal and Wright 2006, algorithms 3.5 and 3.6).
"""

import math
from typing import NamedTuple

from .. import xp

ENOUGH, FLAT = 1e-4, 0.9  # their c1 and c2, for directions of Newton's kind
TRIALS = 30


class Point(NamedTuple):
    flat: object
    value: float
    gradient: object


class Step(NamedTuple):
    """A point of the line: how far, how high, how steep, and the point itself."""

    length: float
    value: float
    slope: float
    point: Point


def strong_wolfe(evaluate, start, along):
    """The point that the search ends at, or None if nothing lower was found."""
    verbs = xp.of(along)

    def slope_of(point):
        return float(verbs.sum(point.gradient * along, (0,)))

    def at(length):
        point = evaluate(start.flat + length * along)
        return Step(length, point.value, slope_of(point), point)

    begin = Step(0.0, start.value, slope_of(start), start)
    if not begin.slope < 0:
        return None
    found = _search(at, begin)
    return found.point if found.value < begin.value else None


def _search(at, begin):
    """Longer steps, until one is good or too far (algorithm 3.5)."""
    before, length = begin, 1.0
    for trial in range(TRIALS):
        step = at(length)
        if _too_high(step, begin) or (trial and step.value >= before.value):
            return _zoom(at, begin, before, step)
        if abs(step.slope) <= -FLAT * begin.slope:
            return step
        if step.slope >= 0:
            return _zoom(at, begin, step, before)
        before, length = step, 2 * length
    return before


def _zoom(at, begin, low, high):
    """Between two steps, the lower of which is `low`, there is a good one (algorithm 3.6)."""
    for _ in range(TRIALS):
        step = at(_between(low, high))
        if _too_high(step, begin) or step.value >= low.value:
            high = step
            continue
        if abs(step.slope) <= -FLAT * begin.slope:
            return step
        if step.slope * (high.length - low.length) >= 0:
            high = low
        low = step
    return low


def _too_high(step, begin):
    """Not lower by a share of what the first slope promised; NaN and inf are too high as well."""
    return not step.value <= begin.value + ENOUGH * step.length * begin.slope


def _between(a, b):
    """The minimum of the cubic through both ends, or the middle if that is near an end."""
    middle, width = (a.length + b.length) / 2, abs(b.length - a.length)
    if not math.isfinite(b.value) or not math.isfinite(b.slope):
        return middle
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.length - b.length)
    inside = d1 * d1 - a.slope * b.slope
    if inside < 0:
        return middle
    d2 = math.copysign(math.sqrt(inside), b.length - a.length)
    under = b.slope - a.slope + 2 * d2
    if under == 0:
        return middle
    found = b.length - (b.length - a.length) * (b.slope + d2 - d1) / under
    return found if abs(found - middle) <= 0.4 * width else middle
