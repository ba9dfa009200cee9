"""Optimisers: pure functions on one flat vector of parameters.

    flat, unflatten = ad.optim.flatten(params)       one vector; unflatten(flat) is the tree again
    opt = ad.optim.adam(1e-3)
    state = opt.init(flat)
    ...
    gradient, _ = ad.optim.flatten(ad.grad(loss)(unflatten(flat), x))
    flat, state = opt.update(state, flat, gradient)

An optimiser does not know what a layer is: to it a model is a point in a space of many dimensions.
That makes each of them a few lines of vector arithmetic, the same on both frameworks, under
`jax.jit` too. `minimize` is for functions that are the same at every step: L-BFGS with a line
search.

    flat          the vector and the way back
    first_order   sgd, momentum, adagrad, adam
    lbfgs         the two-loop recursion; `line_search`, strong Wolfe conditions
"""

from .first_order import Optimiser, adagrad, adam, momentum, sgd
from .flat import flatten
from .lbfgs import lbfgs, minimize

__all__ = ["Optimiser", "adagrad", "adam", "flatten", "lbfgs", "minimize", "momentum", "sgd"]
