"""`jax.lax.custom_linear_solve` on a tape: A x = b, where A is a function and the solver too.

    pushed: A dx = db - dA x       pulled: A' w = g, then w for b and -w x' for A
    series: A_0 x_k = b_k - (A_1 x_{k-1} + ... + A_k x_0)

The solver itself is not differentiated: what it computes is known by the equation it solves
(Christianson 1998, "Reverse accumulation and implicit functions"). `jnp.linalg.solve` and
`jax.scipy.sparse.linalg.cg` are such calls.
"""

from typing import NamedTuple

from ..errors import AutodiffError
from ..tape import Tape
from . import bodies, front
from .bodies import pick, split, spread

SOLVE = bodies.row("custom_linear_solve", r"x: A x = b")


class Problem(NamedTuple):
    """The four functions as jaxprs, the operands that each of them closes over, and b."""

    jaxprs: object
    matvec: list
    vecmat: list
    solve: list
    transpose_solve: list
    b: list


def parts(params, operands):
    lengths, found = params["const_lengths"], []
    for n in (lengths.matvec, lengths.vecmat, lengths.solve, lengths.transpose_solve):
        taken, operands = split(operands, n)
        found.append(taken)
    return Problem(params["jaxprs"], *found, operands)


def linear_solve(site):
    values, active = parts(site.eqn.params, site.values), parts(site.eqn.params, site.active)
    results = front.rebind(site.eqn, site.values)
    x, n = results[: len(values.b)], len(results)
    outs = (True,) * len(x) + (False,) * (n - len(x))  # what else the solver tells is not active
    if site.tape.reverse:
        return site.record(SOLVE, results, outs, _pull(site, values, active, x))
    forward = _push if site.tape.order is None else _series
    return site.push(SOLVE, results, forward(site, values, active, x, n))


def _push(site, values, active, x, n):
    """Solve once more, with db - dA x on the right."""
    tangents = parts(site.eqn.params, site.tangents)
    pushed = bodies.push(values.jaxprs.matvec, (*active.matvec, *(False for _ in x)))
    _, moved = pushed([*values.matvec, *x], pick(active.matvec, tangents.matvec))
    moved = spread(pushed.outs, moved)
    right = [bodies.or_zeros(db, b) for db, b in zip(tangents.b, values.b, strict=True)]
    right = [r if m is None else r - m for r, m in zip(right, moved, strict=True)]
    return [*_solved(site, right), *(None for _ in range(n - len(x)))]


def _solved(site, right):
    """The same equation with another right side."""
    return front.rebind(site.eqn, [*site.values[: -len(right)], *right])[: len(right)]


def _series(site, values, active, x, n):
    """A x with only the known coefficients of x leaves what b_k asks of the next one."""
    order, tangents = site.tape.order, parts(site.eqn.params, site.tangents)
    mask = (*active.matvec, *(True for _ in x))
    pushed = bodies.push(values.jaxprs.matvec, mask, order)
    bs = [bodies.or_zeros(db, b, order) for db, b in zip(tangents.b, values.b, strict=True)]
    known = [bodies.or_zeros(None, v, order) for v in x]
    for k in range(order):
        _, ax = pushed([*values.matvec, *x], [*pick(active.matvec, tangents.matvec), *known])
        found = _solved(site, [b[k] - c[k] for b, c in zip(bs, ax, strict=True)])
        known = [(*cs[:k], c, *cs[k + 1 :]) for cs, c in zip(known, found, strict=True)]
    return [*known, *(None for _ in range(n - len(x)))]


def _pull(site, values, active, x):
    if values.jaxprs.transpose_solve is None:
        place = site.place

        def refuse(gs):
            raise AutodiffError(
                f"reverse mode came to a custom_linear_solve ({place}) that was given no "
                "transpose_solve; pass one (or symmetric=True), or use ad.jvp"
            )

        return refuse

    def pull(gs):
        w = _solve_transposed(values, gs[: len(x)])
        into_a = _through_a(site, values, active, x, [-v for v in w])
        middle = len(values.vecmat) + len(values.solve) + len(values.transpose_solve)
        return [*into_a, *(None for _ in range(middle)), *w]

    return pull


def _solve_transposed(values, gs):
    """Itself a custom_linear_solve, so that it can be differentiated again."""
    import jax

    jaxprs, n = values.jaxprs, len(gs)
    return jax.lax.custom_linear_solve(
        lambda w: bodies.call(jaxprs.vecmat, *values.vecmat, *w),
        list(gs),
        solve=lambda _, g: bodies.call(jaxprs.transpose_solve, *values.transpose_solve, *g)[:n],
        transpose_solve=lambda _, b: bodies.call(jaxprs.solve, *values.solve, *b)[:n],
    )


def _through_a(site, values, active, x, gs):
    """Cotangents of what the matrix is made of: those of A x with x held fast."""
    tape, n = Tape(site.verbs), len(x)
    jaxpr, consts = front.opened(values.jaxprs.matvec)
    mask = (*active.matvec, *(False for _ in x))
    outputs = bodies.record(tape, jaxpr, consts, [*values.matvec, *x], mask)
    return spread(mask, bodies.pull_back(tape, [node for _, node in outputs], gs))[:-n]
