"""`odeint`: the end point of an ordinary differential equation, as a function of all it depends on.

With y' = f(t, y, p) from y0 at t0 to y1 at t1, two more equations of the same kind are solved:

    pushed:  dy' = f_y dy + f_p dp        along with y, from t0 to t1
    pulled:  a' = -f_y' a, p' = -f_p' a   along with y, from t1 back to t0; a ends as y0's cotangent

(the variational equation, and Pontryagin's adjoint of 1962, which Chen et al. 2018 made a layer).
Nothing is kept but the two ends, whatever the number of steps. Both are calls of `odeint` again, so
everything nests.
"""

import functools

from .. import trees, xp
from ..custom import custom_rule
from ..errors import AutodiffError
from ..forward import jvp
from ..reverse import transposed_trees
from .equation import only_floats
from .flat import as_array, as_state, fill, flat, flows, shaped
from .host import run_anywhere
from .integrate import dormand_prince, rk4
from .told import accepted, norm, refuse_recorded, settled

DRIFT = (
    "the end point of {name} was followed back from t1 to t0 and came out {0:.2g} away from where "
    "it began (|y0| is {1:.2g}): the equation forgets its start too fast, or the end point is "
    "wrong, and so would be the derivative; ask for smaller rtol= and atol=, cut the interval, or "
    "differentiate through autodiff_lab.implicit.integrate.rk4"
)


def odeint(f, y0, t0, t1, *params, rtol=None, atol=None, steps=None):
    """The state at t1 of dy/dt = f(t, y, *params) with the state y0 at t0.

    States and params are containers of arrays; t1 may lie before t0. There is a derivative by y0,
    t0, t1 and the params, found by solving the adjoint equation: nothing is kept on the way. A
    recorded value that `f` uses without being passed is refused. Steps are chosen for an error of
    atol + rtol |y| in each (1e-8 in double, 1e-5 in single precision); with `steps` they are equal,
    by Runge and Kutta's method of order 4. On JAX, call it under `jax.jit`: else its loops are
    compiled anew in every call.

    >>> import torch
    >>> from autodiff_lab import grad
    >>> decay = lambda t, y, rate: -rate * y
    >>> end = lambda rate: odeint(decay, torch.tensor(1.0), 0.0, 2.0, rate)
    >>> end(torch.tensor(0.5)), grad(end)(torch.tensor(0.5))  # exp(-1) and -2 exp(-1)
    (tensor(0.3679), tensor(-0.7358))
    """
    if steps is not None and (not isinstance(steps, int) or steps < 1):
        raise AutodiffError(f"steps={steps!r} of odeint: say how many equal steps, 1 or more")
    for name, x in (("rtol", rtol), ("atol", atol)):
        if x is not None and not (isinstance(x, (int, float)) and x > 0):
            raise AutodiffError(f"{name}={x!r} of odeint: give a number greater than 0, or None")
    return end_point(_flow(f), y0, t0, t1, params, {"rtol": rtol, "atol": atol, "steps": steps})


def _flow(f):
    try:
        return _known_flow(f)
    except TypeError:  # something that cannot be a key
        return Flow(f)


@functools.lru_cache(maxsize=64)
def _known_flow(f):
    return Flow(f)


def end_point(flow, y0, t0, t1, params, how):
    arrays = [x for x in trees.leaves((t0, t1, params)) if xp.framework_of(x)]
    leaves = trees.leaves(y0)
    if xp.framework(leaves + arrays) is None:
        raise AutodiffError(
            f"odeint of {flow.name} was given a {type(y0).__name__} as y0 and no array at all; "
            "pass the start as a torch.Tensor or a JAX array"
        )
    y0 = as_state(y0, arrays, f"the start y0 of {flow.name}")
    times = [_time(t, y0, name) for t, name in ((t0, "t0"), (t1, "t1"))]
    return shaped(flow.end(y0, *times, *params, **how), y0)


def _time(t, y0, name):
    if isinstance(t, (int, float)):
        return float(t)
    if getattr(t, "shape", None) != ():
        found = f"shape {tuple(t.shape)}" if hasattr(t, "shape") else f"type {type(t).__name__}"
        raise AutodiffError(f"{name} of odeint has {found}; give one number, or a scalar array")
    if xp.framework_of(t) is None:
        return float(t)
    dtype = trees.leaves(y0)[0].dtype
    return t if t.dtype == dtype else xp.of(t).astype(t, dtype)


class Flow:
    """The end point of one equation, with its two companions made when somebody asks."""

    def __init__(self, f, solver=None, tol=1e-3):
        self.f, self.solver, self.tol = f, solver, tol
        self.name = getattr(solver or f, "__name__", "the equation")

        def end_point(y0, t0, t1, *params, **how):
            return self.value(y0, t0, t1, params, how)

        functools.update_wrapper(end_point, solver or f, updated=())
        self.end = custom_rule(end_point, jvp=self.push, vjp=self.pull)

    def field(self, t, y, like, params):
        """f on vectors."""
        return flat(fill(like, self.f(t, shaped(y, like), *params), f"the slope of {self.name}"))

    def value(self, y0, t0, t1, params, how):
        y, verbs, given = flat(y0), xp.of(*trees.leaves(y0)), (y0, t0, t1, params)
        t0, t1 = (as_array(verbs, t, y.dtype, y) if type(t) is float else t for t in (t0, t1))
        refuse_recorded(self.field(t0, y, y0, params), self.name, given)
        if self.solver is not None:
            return flat(run_anywhere(self.solver, y0, (t0, t1, *params), {}))
        f = lambda t, y: self.field(t, y, y0, params)  # noqa: E731
        if how["steps"] is not None:
            return rk4(f, y, t0, t1, how["steps"])
        return dormand_prince(f, y, t0, t1, *tolerances(verbs, y, how), self.name)

    # ----- forward -----
    @functools.cached_property
    def variational(self):
        """(y, dy)' = (f, df)."""

        def moved(t, pair, params, tangents):
            y, dy = pair
            found, change = jvp(self.f, (t, y, *params), (None, dy, *only_floats(tangents, params)))
            return found, change

        return Flow(functools.update_wrapper(moved, self.f, updated=()))

    def push(self, *tangents_y1_args, **how):
        n = len(tangents_y1_args) // 2
        (dy0, dt0, dt1, *dparams), y1 = tangents_y1_args[:n], tangents_y1_args[n]
        y0, t0, t1, *params = tangents_y1_args[n + 1 :]
        dy0 = flat(dy0)
        if xp.framework_of(t0):
            dy0 = dy0 - dt0 * self.field(t0, flat(y0), y0, params)
        size = _size([dy0, *trees.leaves(only_floats(dparams, params))])
        down = lambda dx: dx / size if xp.framework_of(dx) else dx  # noqa: E731
        start = y0, shaped(dy0 / size, y0)
        flow = self.variational
        end, dy = end_point(flow, start, t0, t1, (tuple(params), trees.map(down, dparams)), how)
        dy = self.checked(size * flat(dy), flat(end), y1)
        return dy + dt1 * self.field(t1, y1, y0, params) if xp.framework_of(t1) else dy

    # ----- reverse -----
    @functools.cached_property
    def adjoint(self):
        """(y, a, p)' = (f, -f_y' a, -f_p' a), where p is a list: one entry per array of params."""

        def back(t, state, *params):
            y, a, _ = state
            f = lambda y, params: self.field(t, y, a, params)  # noqa: E731
            y = flat(y)
            into_y, into_params = transposed_trees(f, (y, params), flat(a))
            into_params = [-c for c in trees.leaves(into_params) if c is not None]
            return shaped(f(y, params), a), shaped(-into_y, a), into_params

        return Flow(functools.update_wrapper(back, self.f, updated=()))

    def pull(self, g, y1, y0, t0, t1, *params, **how):
        size = _size([g])
        leaves, _, rebuild = trees.flatten(params)
        nothing = [x * 0 for x in leaves if flows(x)]
        end = shaped(y1, y0), shaped(g / size, y0), nothing
        start, a, into_params = end_point(self.adjoint, end, t1, t0, tuple(params), how)
        a = self.checked(size * flat(a), flat(start), flat(y0))
        found = iter([size * c for c in into_params])
        into_params = rebuild([next(found) if flows(x) else None for x in leaves])
        into_t0 = -(a * self.field(t0, flat(y0), y0, params)).sum() if xp.framework_of(t0) else None
        into_t1 = (g * self.field(t1, y1, y0, params)).sum() if xp.framework_of(t1) else None
        return (shaped(a, y0), into_t0, into_t1, *into_params)

    def checked(self, u, found, wanted):
        """`u`, unless following the equation once more came to another state."""
        found, wanted, u_ = settled((found, wanted, u))
        off, size = norm(found - wanted), norm(wanted)
        return accepted(u, off <= self.tol * (1 + size), DRIFT, self.name, (off, size))


def tolerances(verbs, y, how):
    fine = 1e-8 if y.dtype == verbs.dtype("float64") else 1e-5
    return (fine if how[k] is None else how[k] for k in ("rtol", "atol"))


def _size(xs):
    """The largest entry, as a constant: a linear equation is solved for a right side of size 1."""
    largest = settled([abs(x).max() for x in xs])
    size = functools.reduce(lambda a, b: xp.of(a).where(a > b, a, b), largest)
    return xp.of(size).where(size > 0, size, size * 0 + 1)
