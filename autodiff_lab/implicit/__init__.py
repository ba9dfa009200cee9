"""`implicit`: differentiate what a solver found, and not how it found it.

A solver's answer is known by the equation it solves, and that is all its derivative needs
(`equation`). So the gradient is the same for any solver, after any number of steps, and nothing is
kept of them. Blondel et al. 2022, "Efficient and modular implicit differentiation", has this
interface; Bell and Burke 2008 and Christianson 1998 the mathematics. `odeint` (`ode`) does the same
for the end point of a differential equation.
"""

import functools

from .. import trees, xp
from ..errors import AutodiffError
from ..reverse import grad
from .equation import Equation
from .flat import as_state, fill, shaped
from .ode import Flow, end_point, odeint
from .told import settled

__all__ = ["implicit", "odeint"]
SOLVERS = (None, "dense", "cg")


def implicit(
    solver=None,
    *,
    root=None,
    fixed_point=None,
    argmin=None,
    ode=None,
    linear_solver=None,
    tol=1e-3,
):
    """Give a solver the derivative of the equation it solves. State one of these:

        root         F(x, *params), zero at the solution: one entry for each entry of x
        fixed_point  T(x, *params), equal to x there
        argmin       the scalar objective(x, *params), smallest there, with a regular Hessian
        ode          f(t, y, *params): solver(y0, t0, t1, *params) gives the end of dy/dt = f, which
                     has a derivative by y0, t0 and t1 too (`odeint` is this with our own solver)

    `solver(x0, *params)` may be any code: loops, writes in place, NumPy, SciPy. It starts at x0 and
    returns x, a container of x0's shapes; x0 has no gradient. The params are containers too. A
    recorded value that is used without being passed is refused. Keyword arguments go to the solver
    alone. Under `jax.jit`, a solver that has to look at its values is called on the host, with
    NumPy arrays.

    A linear system is solved for each derivative, by its matrix for up to 500 unknowns and else by
    conjugate gradients; `linear_solver` "dense" or "cg" insists. An answer that is further from the
    solution than `tol`, relative to 1 + |x|, is refused when it is differentiated (under `jit` and
    `vmap`, where nothing can be raised, the derivative is NaN), and so is a singular system.

    >>> import torch
    >>> @implicit(root=lambda x, a: x * x - a)
    ... def square_root(x, a):
    ...     while abs(x * x - a) > 1e-6:
    ...         x = (x + a / x) / 2
    ...     return x
    >>> from autodiff_lab import grad
    >>> grad(lambda a: square_root(torch.tensor(1.0), a))(torch.tensor(4.0))
    tensor(0.2500)
    """
    stated = {"root": root, "fixed_point": fixed_point, "argmin": argmin, "ode": ode}
    if solver is None:
        return functools.partial(implicit, **stated, linear_solver=linear_solver, tol=tol)
    kind, f = _one_of(solver, stated)
    if kind == "ode":
        return _end_of(solver, f, tol)
    equation = Equation(solver, _EQUATIONS[kind](f), kind == "argmin", linear_solver, tol)
    _check_solver(equation)

    @functools.wraps(solver)
    def solve(x0, *params, **static):
        _check_static(equation.name, static)
        arrays = [x for x in trees.leaves(params) if xp.framework_of(x)]
        if xp.framework(trees.leaves(x0) + arrays) is None:
            return solver(x0, *params, **static)
        x0 = settled(as_state(x0, arrays, f"the start x0 of {equation.name}"))
        return shaped(equation.solution(x0, *params, **static), x0)

    return solve


def _one_of(solver, stated):
    given = [(kind, f) for kind, f in stated.items() if f is not None]
    if len(given) != 1:
        name = getattr(solver, "__name__", "the solver")
        words = " and ".join(f"{kind}=" for kind, _ in given) or "nothing"
        raise AutodiffError(
            f"implicit({name}) was given {words}; say what it solves by one of root=, "
            "fixed_point=, argmin= and ode=, for example root=lambda x, a: x * x - a"
        )
    return given[0]


def _end_of(solver, f, tol):
    flow = Flow(f, solver, tol)

    @functools.wraps(solver)
    def solve(y0, t0, t1, *params):
        return end_point(flow, y0, t0, t1, params, {"rtol": None, "atol": None, "steps": None})

    return solve


# ----- the function that is zero at the solution -----
def _difference(f, x, *params):
    images = fill(x, f(x, *params), "what fixed_point= returned")
    leaves, _, rebuild = trees.flatten(x)
    return rebuild([a - b for a, b in zip(leaves, trees.leaves(images), strict=True)])


_EQUATIONS = {
    "root": lambda f: f,
    "argmin": grad,
    "fixed_point": lambda f: functools.partial(_difference, f),
}


def _check_solver(equation):
    if not callable(equation.solver):
        raise AutodiffError(
            f"implicit takes a solver(x0, *params), a function, and was given {equation.solver!r}"
        )
    if equation.linear_solver not in SOLVERS:
        raise AutodiffError(
            f"linear_solver={equation.linear_solver!r} of {equation.name}: say 'dense', 'cg', or "
            "None to choose by size"
        )


def _check_static(name, static):
    for key, value in static.items():
        if xp.framework(trees.leaves(value)):
            raise AutodiffError(
                f"{name} was given an array as the keyword argument {key}; pass it by position: "
                "keyword arguments go to the solver alone and have no derivative"
            )
