"""Linear systems: a matrix where it is small, else only what it does to a vector.

Conjugate gradients are Hestenes and Stiefel's (1952); where A is not symmetric they run on the
normal equations A' A u = A' b, in the form that never builds A' A (CGLS; Bjorck 1996).
"""

from .. import xp
from .told import accepted, norm

DENSE = 500  # unknowns up to which the matrix is built
LIMIT = 10_000  # steps of conjugate gradients

SINGULAR = (
    "the equation that {name} solves has a singular derivative at its solution (condition number "
    "{0:.2g}), so the solution does not follow the parameters smoothly; is it a double root, a "
    "flat minimum, or one equation too few?"
)
STUCK = (
    "the linear system behind the derivative of {name} could not be solved: after {0:.0f} steps "
    "of conjugate gradients the residual is {1:.2g} of the right side; its matrix is singular or "
    "ill conditioned (linear_solver='dense' would build it)"
)


def dense(a, b, name):
    """By the inverse, which also tells the condition number."""
    verbs = xp.of(a)
    inverse = _inverse(verbs, a)
    u = inverse @ b
    u = u + inverse @ (b - a @ u)  # refined once
    condition = _norm(a) * _norm(inverse)
    condition = verbs.where(condition == condition, condition, float("inf"))
    holds = condition < 0.1 / verbs.lib.finfo(a.dtype).eps
    holds = holds | ~verbs.isfinite(a.sum() + b.sum())  # NaN came in: the residual will tell
    return accepted(u, holds, SINGULAR, name, (condition,))


def _norm(a):
    """The 1-norm: the largest sum of a column."""
    return abs(a).sum(0).max()


def _inverse(verbs, a):
    if verbs.name == "jax":
        return verbs.inv(a)
    inverse, info = verbs.lib.linalg.inv_ex(a)  # which raises nothing
    return verbs.where(info == 0, inverse, float("nan"))


def conjugate_gradients(a, at, b, name):
    """u with A u = b; `a(u)` is A u, and `at(u)` is A' u, or None if A is symmetric and positive.

    r is what is left of b, p the direction, s the steepest descent that it is made of.
    """
    verbs = xp.of(b)
    eps = float(verbs.lib.finfo(b.dtype).eps)
    steepest = at or (lambda r: r)

    def step(state):
        k, u, r, p, ss = state
        q = a(p)
        alpha = ss / ((q if at else p) * q).sum()
        r = r - alpha * q
        s = steepest(r)
        return k + 1, u + alpha * p, r, s + (s * s).sum() / ss * p, (s * s).sum()

    def going(state):
        k, _, r, _, ss = state
        return (k < LIMIT) & (norm(r) > eps**0.75 * norm(b)) & (ss > 0)

    s = steepest(b)
    zero = (b * 0).sum()
    k, u, r, _, _ = verbs.while_loop(going, step, (zero, b * 0, b, s, (s * s).sum()))
    left = norm(r) / (norm(b) + (norm(b) == 0))
    return accepted(u, left <= eps**0.5, STUCK, name, (k, left))
