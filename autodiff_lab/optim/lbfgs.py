"""L-BFGS: a Newton method that remembers a few steps instead of a Hessian (Nocedal 1980).

The inverse Hessian is known by what it did to the last steps: it takes the change of the gradient
to the change of the point. `direction` multiplies it with a gradient in two loops over these pairs
(Nocedal and Wright, "Numerical Optimization", 2006, algorithm 7.4). `lbfgs` is an optimiser like
the others; `minimize` chooses the length of each step by a line search.
"""

from typing import NamedTuple

from .. import xp
from ..errors import AutodiffError
from ..reverse import value_and_grad
from .first_order import Optimiser, _checked
from .line_search import Point, strong_wolfe


def direction(gradient, pairs):
    """Minus the inverse Hessian times the gradient. `pairs` of (step, change), oldest first."""
    verbs, q, seen, scale = xp.of(gradient), gradient, [], 1.0
    for s, y in pairs:
        rho, size = _curvature(verbs, s, y)
        scale = verbs.where(rho > 0, size, scale)  # of the newest that curves (equation 7.20)
        seen.append((s, y, rho))
    alphas = []
    for s, y, rho in reversed(seen):
        alphas.append(rho * verbs.sum(s * q, (0,)))
        q = q - alphas[-1] * y
    q = q * scale
    for (s, y, rho), alpha in zip(seen, reversed(alphas), strict=True):
        q = q + s * (alpha - rho * verbs.sum(y * q, (0,)))
    return -q


def _curvature(verbs, s, y):
    """1 / (s . y), and s . y / (y . y): the size of the inverse Hessian along this step.

    Both are 0 for a pair that does not curve upwards: it says nothing about a minimum.
    """
    curvature, square = verbs.sum(s * y, (0,)), verbs.sum(y * y, (0,))
    upwards = curvature > 1e-10 * square
    rho = verbs.where(upwards, 1.0 / verbs.where(upwards, curvature, 1.0), 0.0)
    return rho, verbs.where(upwards, curvature / verbs.where(upwards, square, 1.0), 0.0)


class Memory(NamedTuple):
    """The last point and gradient (None at first) and the pairs between them, oldest first."""

    flat: object = None
    gradient: object = None
    pairs: tuple = ()


def lbfgs(rate=1.0, memory=10):
    """L-BFGS with steps of fixed length `rate`: for gradients without noise.

    The first step is a gradient step, no longer than 1 in the sum of its entries, as in
    torch.optim.LBFGS. Under `jax.jit` the first calls compile anew, until the memory is full.
    """

    def update(state, flat, gradient):
        pairs = state.pairs
        if state.flat is not None:
            pairs = (*pairs, (flat - state.flat, gradient - state.gradient))[-memory:]
        step = direction(gradient, pairs) if pairs else -_at_most_one(gradient)
        return flat + rate * step, Memory(flat, gradient, pairs)

    return Optimiser(lambda flat: Memory(), _checked(update, Memory))


def _at_most_one(gradient):
    verbs = xp.of(gradient)
    size = verbs.sum(verbs.abs(gradient), (0,))
    return gradient / verbs.where(size > 1.0, size, 1.0)


class Found(NamedTuple):
    """Where `minimize` ended: did the gradient vanish, and what did it cost?"""

    flat: object
    value: float
    gradient: object
    converged: bool
    steps: int
    evaluations: int


def minimize(f, flat, memory=10, steps=200, tolerance=1e-5):
    """Minimise the scalar `f` from the vector `flat` on, by L-BFGS with a strong-Wolfe search.

    It stops when the largest entry of the gradient is at most `tolerance`, after `steps` steps, or
    when no step along the direction makes the value smaller (then `converged` says whether it is).

    >>> import torch
    >>> found = minimize(lambda x: ((x - 3.0) ** 2).sum(), torch.zeros(2))
    >>> found.flat, found.converged
    (tensor([3., 3.]), True)
    """
    evaluate = _counted(value_and_grad(f))
    at, pairs, taken = evaluate(flat), (), 0
    if at.value != at.value:
        raise AutodiffError("the function is NaN where minimize starts; start it elsewhere")
    while taken < steps and not _small(at, tolerance):
        along = direction(at.gradient, pairs) if pairs else -_at_most_one(at.gradient)
        found = strong_wolfe(evaluate, at, along)
        if found is None and not pairs:
            break
        if found is None:  # what was remembered misleads: forget it, and try straight downhill
            pairs = ()
            continue
        pairs = (*pairs, (found.flat - at.flat, found.gradient - at.gradient))[-memory:]
        at, taken = found, taken + 1
    done = _small(at, tolerance)
    return Found(at.flat, at.value, at.gradient, done, taken, evaluate.count[0])


def _small(at, tolerance):
    return float(xp.of(at.gradient).abs(at.gradient).max()) <= tolerance


def _counted(both):
    """The value at a point as a number, and the gradient; `count` says how often it was asked."""

    def evaluate(flat):
        evaluate.count[0] += 1
        value, gradient = both(flat)
        return Point(flat, float(value), gradient)

    evaluate.count = [0]
    return evaluate
