"""Optimisers that look at one gradient at a time. Each is a pair of pure functions.

    init            : flat -> state
    update          : (state, flat, gradient) -> (flat, state)

A rate may be another one at every step: it is not in the state, so make the optimiser anew.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from .. import xp
from ..errors import AutodiffError


class Optimiser(NamedTuple):
    init: Callable
    update: Callable


def _checked(update, kind=None):
    """Refuse what is no vector, and a state of another kind of optimiser."""

    def checked(state, flat, gradient):
        if len(getattr(flat, "shape", (0, 0))) != 1 or (
            getattr(gradient, "shape", None) != flat.shape
        ):
            raise AutodiffError(
                f"update takes two vectors of one length, and the parameters are {_shown(flat)} "
                f"and the gradient is {_shown(gradient)}; flatten both: gradient, _ = "
                "ad.optim.flatten(gradient)"
            )
        if not (isinstance(state, kind) if kind else getattr(state, "shape", 0) == flat.shape):
            raise AutodiffError(
                f"update takes the state first, as init(flat) gives it for this optimiser, and not "
                f"{_shown(state)}"
            )
        return update(state, flat, gradient)

    return checked


def _shown(x):
    return f"of shape {tuple(x.shape)}" if hasattr(x, "shape") else f"a {type(x).__name__}"


def sgd(rate):
    """Downhill, by `rate` times the gradient (Robbins and Monro 1951).

    >>> import torch
    >>> opt = sgd(0.1)
    >>> flat = torch.tensor([1.0, 2.0])
    >>> opt.update(opt.init(flat), flat, 2 * flat)[0]
    tensor([0.8000, 1.6000])
    """

    def update(state, flat, gradient):
        return flat - rate * gradient, state

    return Optimiser(lambda flat: (), _checked(update, tuple))


def momentum(rate, decay=0.9, nesterov=False):
    """A heavy ball: gradients add up to a velocity (Polyak 1964).

    `nesterov`: the gradient counts as if it were taken one step ahead (Nesterov 1983, in the form
    of Sutskever et al. 2013).
    """

    def update(velocity, flat, gradient):
        velocity = decay * velocity + gradient
        step = gradient + decay * velocity if nesterov else velocity
        return flat - rate * step, velocity

    return Optimiser(_zeros, _checked(update))


def adagrad(rate, eps=1e-10):
    """Each entry is divided by the size of all its gradients so far (Duchi, Hazan, Singer 2011)."""

    def update(total, flat, gradient):
        total = total + gradient * gradient
        return flat - rate * gradient / (xp.of(flat).sqrt(total) + eps), total

    return Optimiser(_zeros, _checked(update))


class Adam(NamedTuple):
    """Running means of the gradient and of its square, and how many gradients they saw."""

    mean: object
    square: object
    seen: object


def adam(rate=1e-3, b1=0.9, b2=0.999, eps=1e-8):
    """The mean gradient, divided by its size, both of late (Kingma and Ba 2015, algorithm 1).

    The means start at 0, and are divided by what a mean of ones would have reached by now.
    """

    def init(flat):
        return Adam(_zeros(flat), _zeros(flat), _zeros(flat[:0].sum()))

    def update(state, flat, gradient):
        verbs = xp.of(flat)
        seen = state.seen + 1
        mean = b1 * state.mean + (1 - b1) * gradient
        square = b2 * state.square + (1 - b2) * gradient * gradient
        size = verbs.sqrt(square / _reached(verbs, b2, seen)) + eps
        flat = flat - rate / _reached(verbs, b1, seen) * mean / size
        return flat, Adam(mean, square, seen)

    return Optimiser(init, _checked(update, Adam))


def _reached(verbs, b, n):
    """1 - b**n, without the cancellation that float32 would suffer."""
    return -verbs.expm1(n * math.log(b)) if b else 1.0


def _zeros(flat):
    return xp.of(flat).zeros_like(flat)
