"""Instant checks for exercises: what is wrong, where, and a picture of it.

A check runs on the learner's machine and says no more than the learner could find out with a
pencil: it compares with central differences, and knows no solution.
"""

import math
from dataclasses import dataclass

POINTS = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]


def check_partial(f, d, points=POINTS):
    """Is `d(xp, y, x)` the derivative of `y = f(xp, x)`? Compares on every framework at hand."""
    from autodiff_lab import xp

    frameworks = _imported()
    if not frameworks:
        raise RuntimeError("import torch or jax before you call check_partial")
    rows = []
    for name in frameworks:
        verbs, array = xp.verbs(name), _array(name)
        for point in points:
            yours = d(verbs, f(verbs, array(point)), array(point))
            rows.append(Point(name, point, _slope(f, verbs, array, point), _number(yours)))
    return Report(rows)


@dataclass
class Point:
    framework: str
    x: float
    expected: float
    yours: float | None

    @property
    def right(self):
        return self.yours is not None and math.isclose(
            self.yours, self.expected, rel_tol=1e-4, abs_tol=1e-4
        )


class Report:
    """The result of a check: text first, and a picture where pictures are shown."""

    def __init__(self, points):
        self.points = points

    @property
    def passed(self):
        return all(p.right for p in self.points)

    def __bool__(self):
        return self.passed

    def __repr__(self):
        frameworks = " and ".join(dict.fromkeys(p.framework for p in self.points))
        if all(p.yours is None for p in self.points):
            return "Not there yet: your function returns no number. Did you forget `return`?"
        if self.passed:
            return (
                f"Right, at every point, on {frameworks}: forward and reverse rule are both done."
            )
        wrong = [p for p in self.points if not p.right]
        lines = [f"{len(wrong)} of {len(self.points)} points are wrong."]
        lines += [
            f"  {p.framework:5}  x = {p.x:4.1f}   yours {_told(p.yours):>8}   "
            f"central differences {p.expected:8.4f}"
            for p in wrong[:4]
        ]
        return "\n".join(lines)

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {"text/plain": repr(self)}
        if any(p.yours is not None for p in self.points):
            bundle["text/html"] = f"<pre>{repr(self)}</pre>{self.picture()}"
        return bundle

    def picture(self):
        """The two slopes as curves: the expected one thick, yours as dots, wrong ones crossed."""
        framework = self.points[0].framework
        points = [p for p in self.points if p.framework == framework]
        values = [p.expected for p in points] + [p.yours for p in points if p.yours is not None]
        low, high = min(values), max(values)
        span = (high - low) or 1.0

        def place(x, y):
            return 30 + 270 * (x - points[0].x) / (points[-1].x - points[0].x), 110 - 90 * (
                y - low
            ) / span

        curve = " ".join("{:.1f},{:.1f}".format(*place(p.x, p.expected)) for p in points)
        marks = "".join(_mark(*place(p.x, p.yours), p.right) for p in points if p.yours is not None)
        said = "all dots lie on the curve" if self.passed else "some dots miss the curve"
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 330 130" width="330" height="130"'
            f' role="img" aria-label="Slope by central differences, and yours: {said}">'
            f'<polyline points="{curve}" fill="none" stroke="#56B4E9" stroke-width="3"/>'
            f"{marks}</svg>"
        )


def _mark(x, y, right):
    if right:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#009E73"/>'
    return (
        f'<path d="M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10" stroke="#D55E00" stroke-width="3"/>'
    )


def _imported():
    import sys

    return [name for name in ("torch", "jax") if name in sys.modules]


def _array(name):
    if name == "torch":
        import torch

        return lambda x: torch.tensor(x, dtype=torch.float64)
    import jax.numpy as jnp

    return jnp.asarray


def _slope(f, verbs, array, x):
    """Central differences; the step is wide enough for JAX's float32."""
    h = 1e-5 if verbs.name == "torch" else 1e-2
    slope = (float(f(verbs, array(x + h))) - float(f(verbs, array(x - h)))) / (2 * h)
    if verbs.name == "torch":
        return slope
    half = (float(f(verbs, array(x + h / 2))) - float(f(verbs, array(x - h / 2)))) / h
    return (4 * half - slope) / 3  # Richardson: the error falls from h^2 to h^4


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _told(value):
    return "nothing" if value is None else f"{value:.4f}"
