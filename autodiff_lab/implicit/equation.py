"""Functions that are known by the equation they solve, not by the way they were computed.

Where F(x, p) = 0 defines x as a function of p, with A = dF/dx at the solution,

    pushed: A dx = -F_p dp         pulled: A' w = g, then -F_p' w for p

(the implicit function theorem; Christianson 1998, "Reverse accumulation and implicit functions").
How x was found does not enter: the solver may loop, branch, write in place or leave the framework.
A u = b is such an equation itself, with the same A, and so everything nests to any order.
"""

import functools

from .. import trees, xp
from ..custom import custom_rule
from ..errors import AutodiffError
from ..forward import jvp
from ..jacobians import jacfwd, jacrev
from ..linearize import LinearTape, pulled, pushed
from ..reverse import transposed, transposed_trees
from ..trace import trace
from . import linear
from .flat import flat, flows, shaped
from .host import run_anywhere
from .told import accepted, norm, refuse_recorded, settled


class Solved:
    """x with `residual(x, *args) = 0`: how its derivative follows. Subclasses say how to solve."""

    def rule(self, value, free):
        """`value` with the derivative of an implicit function; `free`: no derivative by args[0]."""
        self.free = free
        return custom_rule(value, jvp=self.push, vjp=self.pull)

    def push(self, *tangents_x_args, **_):
        n = len(tangents_x_args) // 2
        tangents, x, args = tangents_x_args[:n], tangents_x_args[n], tangents_x_args[n + 1 :]
        tangents = [
            None if i < self.free else only_floats(dx, a)
            for i, (dx, a) in enumerate(zip(tangents, args, strict=True))
        ]
        moved = jvp(lambda *args: self.residual(x, *args), args, tangents)[1]
        return self.checked(self.solve(-moved, x, *args), moved, x, *args)

    def pull(self, g, x, *args, **_):
        start, params = args[: self.free], args[self.free :]
        w = self.checked(self.solve_transposed(g, x, *args), g, x, *args)
        found = transposed_trees(lambda *params: self.residual(x, *start, *params), params, -w)
        return (*(None for _ in start), *found)


class Equation(Solved):
    """x(p) with `equations(x, *p) = 0`, found by `solver(x0, *p)`; trees in, a vector inside."""

    def __init__(self, solver, equations, symmetric, linear_solver, tol):
        self.solver, self.equations, self.tol = solver, equations, tol
        self.symmetric, self.linear_solver = symmetric, linear_solver
        self.name = getattr(solver, "__name__", "the solver")

        def value(x0, *params, **static):
            x = flat(run_anywhere(solver, x0, params, static))
            refuse_recorded(self.residual(x, x0, *params), self.name, (x0, params))
            return x

        self.solution = self.rule(functools.update_wrapper(value, solver, updated=()), free=1)
        self.inverse = Linear(self)
        self.transposed = self.inverse if symmetric else Linear(self, self.inverse)

    def residual(self, x, x0, *params):
        """One entry for each entry of x."""
        found = self.equations(shaped(x, x0), *params)
        odd = [y for y in trees.leaves(found) if xp.framework_of(y) is None]
        if odd or not trees.leaves(found):
            raise AutodiffError(
                f"the equation that {self.name} solves returned {odd or found!r}, where arrays "
                "were expected"
            )
        found = flat(found)
        if found.shape != x.shape:
            raise AutodiffError(
                f"{self.name} solves {found.shape[0]} equation(s) for {x.shape[0]} unknown(s); "
                "give one equation for each unknown"
            )
        return found

    def solve(self, b, x, *args):
        return self.inverse.solution(b, x, *args)

    def solve_transposed(self, b, x, *args):
        return self.transposed.solution(b, x, *args)

    def checked(self, u, b, x, *args):
        """`u`, unless x is no solution: |F(x)| |u| / |b| is about how far away the solution is."""
        x, args, size, right = settled((x, args, u, b))
        residual = norm(self.residual(x, *args))
        distance = residual * norm(size) / (norm(right) + (norm(right) == 0))
        return accepted(
            u,
            distance <= self.tol * (1 + norm(x)),
            "what {name} returned does not solve its equation: the residual is {0:.2g}, and the "
            "solution about {1:.2g} away (|x| is {2:.2g}), so the implicit derivative would be "
            "wrong; run the solver to convergence, or allow it with tol=",
            self.name,
            (residual, distance, norm(x)),
        )


class Linear(Solved):
    """u with A u = b, where A (or its transpose) belongs to an equation at its solution x."""

    def __init__(self, equation, other=None):
        self.equation, self.transposed = equation, other is not None
        self.other = other or self
        if other is not None:
            other.other = self

        def solved(b, x, *args):
            return self.value(b, x, *args)

        self.solution = self.rule(solved, free=0)

    def residual(self, u, b, x, *args):
        f = self._of_x(args)
        if self.transposed:
            return transposed(f, (x,), u)[0] - b
        return jvp(f, (x,), (u,))[1] - b

    def solve(self, b, u, _, x, *args):
        return self.solution(b, x, *args)

    def solve_transposed(self, b, u, _, x, *args):
        return self.other.solution(b, x, *args)

    def checked(self, u, *_):
        return u  # the value was, when it was computed

    def value(self, b, x, *args):
        of, name = self.equation, self.equation.name
        if of.linear_solver == "dense" or (of.linear_solver is None and len(x) <= linear.DENSE):
            a = (jacfwd if of.symmetric else jacrev)(self._of_x(args))(x)
            return linear.dense(a.T if self.transposed else a, b, name)
        forward, back = self._operator(x, args)
        a, at = (back, forward) if self.transposed else (forward, back)
        return linear.conjugate_gradients(a, None if of.symmetric else at, b, name)

    def _of_x(self, args):
        return lambda x: self.equation.residual(x, *args)

    def _operator(self, x, args):
        """u -> A u and u -> A' u, from one tape where it can be walked forward again."""
        f = self._of_x(args)
        tape = trace(LinearTape, f, (x,))
        if tape.framework == "torch":
            forward = lambda u: pushed(tape, [u])[0]  # noqa: E731
        else:
            forward = lambda u: jvp(f, (x,), (u,))[1]  # noqa: E731
        return forward, lambda u: pulled(tape, [u])[0]


def only_floats(tangents, primals):
    """A custom rule fills in what has no tangent (integers, Python's numbers): None again."""
    leaves, _, rebuild = trees.flatten(primals)
    given = trees.flatten_like(primals, tangents)
    return rebuild([dx if flows(x) else None for dx, x in zip(given, leaves, strict=True)])
