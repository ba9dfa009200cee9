"""Whole Jacobians and Hessians, in every way there is.

    walks         one column per forward walk, or one row per reverse walk: jacfwd, jacrev, hessian
    elimination   vertex elimination on the tape, in the order that multiplies least: mixed mode
    sparse        where the Jacobian has entries, and few walks for all of them (colouring)

`jacobian` is the door to all three.
"""

import functools
import math

from .. import trees
from ..errors import AutodiffError
from ..reverse import grad
from ..trace import as_argnums
from . import elimination as _elimination
from . import sparse as _sparse
from .blocks import Unfit
from .complex_numbers import differentiable
from .elimination import MODES, Elimination, elimination
from .sparse import Pattern, Sparse, sparsity
from .walks import (
    _flows,
    _forward_walk,
    _like_arguments,
    _without_aux,
    hvp,
    jacfwd,
    jacrev,
)

__all__ = [
    "Elimination",
    "Pattern",
    "Sparse",
    "elimination",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "sparsity",
]


def jacobian(f, argnums=0, mode="auto", has_aux=False, sparse=False):
    """A function that returns the Jacobian of `f`, with as few multiplications as it can.

    Structure and shapes are those of `jacfwd`. `mode` says in which order the tape's vertices are
    eliminated: "forward", "reverse", "mixed" (the cheapest order that is found) or "auto" (the
    cheapest of these three). Where local Jacobians cannot be multiplied (too large, or complex) all
    but "mixed" walk instead, as `jacfwd` and `jacrev` do. `jacobian(f).cost(*args)` tells how many
    multiplications each order takes.

    With `sparse=True` each array is a `Sparse` and the tape is walked once per colour: forward
    ("forward"), in reverse ("reverse"), both ("mixed"), or whichever takes the fewest walks
    ("auto"). `jacobian(f, sparse=True).cost(*args)` tells how many each takes.

    >>> import torch
    >>> f, x = lambda x: x[1:] * x[:-1], torch.tensor([1.0, 2.0, 3.0])
    >>> jacobian(f)(x)
    tensor([[2., 1., 0.],
            [0., 3., 2.]])
    >>> jacobian(f, sparse=True)(x).values, jacobian(f, sparse=True).cost(x)
    (tensor([2., 1., 3., 2.]), {'forward': 2, 'reverse': 2, 'mixed': 2})
    """
    if mode not in ("auto", *MODES):
        modes = ", ".join(map(repr, MODES))
        raise AutodiffError(f"mode={mode!r}: choose one of 'auto', {modes}")
    way = _Sparsely if sparse else _Eliminating
    return way(f, argnums, mode, has_aux).wrapped()


def hessian(f, argnums=0, has_aux=False, chunk_size=None, sparse=False, holomorphic=False):
    """A function that returns the second derivatives of `f`: forward over reverse.

    `holomorphic` is that of `jacfwd`.

    With `sparse=True` each array is a `Sparse`: `f` must return a scalar, and each walk is a
    product with the Hessian. `hessian(f, sparse=True).cost(*args)` tells how many there are.

    >>> import torch
    >>> hessian(lambda x: x[0] ** 2 * x[1])(torch.tensor([1.0, 3.0]))
    tensor([[6., 2.],
            [2., 0.]])
    """
    if not sparse:
        first = jacrev(f, argnums, has_aux, chunk_size, holomorphic)
        return jacfwd(first, argnums, has_aux, chunk_size, holomorphic)
    in_order = isinstance(argnums, int) or sorted(argnums) == list(argnums)
    mode = "symmetric" if in_order else "auto"
    return _Sparsely(grad(f, argnums, has_aux), argnums, mode, has_aux).wrapped()


class _Way:
    """A function, its argnums and its mode; how, the subclasses know."""

    def __init__(self, f, argnums, mode, has_aux):
        self.f, self.argnums, self.mode, self.has_aux = f, argnums, mode, has_aux
        self.known = {}

    def wrapped(self):
        @functools.wraps(self.f)
        def jacobian_of_f(*args, **kwargs):
            return self.run(args, kwargs)

        jacobian_of_f.differentiates, jacobian_of_f.cost = self.f, self.cost
        return jacobian_of_f

    def traced(self, args, kwargs):
        chosen = as_argnums(self.f, args, self.argnums)
        tape = _elimination.linear_tape(self.f, args, kwargs, chosen)
        output, aux = _without_aux(self.f, tape.output, self.has_aux)
        return chosen, tape, output, aux, differentiable(self.f, tape, output)

    def answer(self, tape, output, aux, chosen, blocks):
        found = [_like_arguments(tape, b, chosen, self.argnums) for b in blocks]
        jac = trees.flatten(output)[2](found)
        return (jac, aux) if self.has_aux else jac


class _Eliminating(_Way):
    def run(self, args, kwargs):
        try:
            chosen, tape, output, aux, ys = self.traced(args, kwargs)
            blocks = _elimination.eliminated(tape, ys, self.mode, self.known)
        except Unfit as e:
            if self.mode == "mixed":
                raise _elimination.unfit(self.f, e) from None
            return self.walk(self.is_wide(tape, ys))(*args, **kwargs)
        except AutodiffError:
            if self.mode in ("reverse", "mixed"):
                raise
            return self.walk(forward=True)(*args, **kwargs)  # a while of JAX's goes only this way
        return self.answer(tape, output, aux, chosen, blocks)

    def walk(self, forward):
        return (jacfwd if forward else jacrev)(self.f, self.argnums, self.has_aux)

    def is_wide(self, tape, ys):
        """Are there more rows than columns?"""
        if self.mode != "auto":
            return self.mode == "forward"
        rows = [math.prod(y.shape) for y in ys if hasattr(y, "shape")]
        return sum(math.prod(x.shape) for x in tape.inputs) <= sum(rows)

    def cost(self, *args, **kwargs):
        """The number of multiplications of each order."""
        _, tape, _, _, ys = self.traced(args, kwargs)
        return _elimination.counted(self.f, tape, ys).cost


class _Sparsely(_Way):
    def run(self, args, kwargs):
        chosen, tape, output, aux, ys = self.traced(args, kwargs)
        walk = _forward_walk(tape, self.f, args, kwargs, chosen)

        def push(dxs):
            return [dy for y, dy in zip(ys, walk(dxs), strict=False) if _flows(tape, y)]

        blocks = _sparse.compressed(self.f, tape, ys, self.mode, push, self.known)
        return self.answer(tape, output, aux, chosen, blocks)

    def cost(self, *args, **kwargs):
        """The number of walks of each kind of colouring."""
        _, tape, _, _, ys = self.traced(args, kwargs)
        whole = _sparse.Whole(self.f, tape, ys)
        modes = ("symmetric",) if self.mode == "symmetric" else MODES
        return {mode: whole.colouring(mode, self.known).walks for mode in modes}
