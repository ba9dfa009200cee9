"""Running a solver that JAX may only be able to call, not to trace."""

from .. import trees, xp
from .flat import fill
from .told import is_traced


def run_anywhere(solver, x0, params, static):
    """`solver(x0, *params)` as a tree like x0. Where JAX traces, and Python or NumPy would have to
    look at a value, the solver is called on the host, with NumPy arrays, as the program runs.
    """
    what = f"what {getattr(solver, '__name__', 'the solver')} returned"
    if not is_traced((x0, params)):
        return fill(x0, solver(x0, *params, **static), what)
    import jax

    try:
        return fill(x0, solver(x0, *params, **static), what)
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError,
            jax.errors.TracerIntegerConversionError):  # fmt: skip
        return _on_host(jax, solver, x0, params, static, what)


def _on_host(jax, solver, x0, params, static, what):
    import numpy as np

    leaves, _, rebuild = trees.flatten((x0, params))
    at = [i for i, x in enumerate(leaves) if xp.framework_of(x)]

    def call(*arrays):
        filled = list(leaves)
        for i, x in zip(at, arrays, strict=True):
            filled[i] = np.asarray(x)
        start, given = rebuild(filled)
        found = trees.flatten_like(start, solver(start, *given, **static), what)
        return [np.asarray(y, x.dtype) for y, x in zip(found, trees.leaves(start), strict=True)]

    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in trees.leaves(x0)]
    arrays = [leaves[i] for i in at]
    found = jax.pure_callback(call, shapes, *arrays, vmap_method="sequential")
    return trees.flatten(x0)[2](found)
