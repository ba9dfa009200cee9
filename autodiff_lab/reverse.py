"""Reverse mode: cotangents travel back along the tape (Linnainmaa 1970).

vjp            : (a -> b), a    ->  (b, CT b -> (CT a,))
grad           : (a -> R)       ->  (a -> CT a)
value_and_grad : (a -> R)       ->  (a -> (R, CT a))
"""

import functools

from . import trees, xp
from .calculus import pull_alike, pull_node
from .collector import held_off
from .errors import AutodiffError
from .table.fused import Product
from .tape import Tape, changed
from .trace import as_argnums, as_array_like, trace


def walk(tape, cotangents, once=False, sums=None):
    """The reverse walk: `cotangents` maps node indices to what arrives there; it is filled in.

    What arrives is never written to: two parents may hold the same cotangent. Only the sums that
    the walk itself has made are its own. A walk that happens `once` lets go of everything as soon
    as it has been read. `sums` are the indices whose sums an earlier walk has made and hands over.
    """
    verbs, kernels, sums = tape.xp, tape.xp.kernels_for, set() if sums is None else sums
    for node in reversed(tape.nodes):
        if node.xs is None:  # an input, a constant, or not the first of a group
            continue
        here = node.index
        g = cotangents[here] if node.group is None else _of_group(verbs, node, cotangents)
        if g is None:
            continue
        writes = node.writes
        if writes is not None:  # as `tape.written` counts, without a call per node
            for x in node.kept:
                writes -= x._version
            if writes:
                raise changed(node)
        if node.alike:
            found = pull_alike(node, verbs, g, type(g) is kernels)
        else:
            found = pull_node(node, verbs, g)
        if once:
            cotangents[here] = node.xs = node.y = node.kept = node.residuals = None
            node.params = None  # a checkpointed function's holds its arguments
            if node.group is not None:
                _release(node.group, cotangents)
        for parent, c in zip(node.parents, found):  # noqa: B905
            if c is not None:
                index = parent.index
                before = cotangents[index]
                if before is None:
                    cotangents[index] = c() if type(c) is Product else c
                elif index in sums:
                    summed = c.add_to(before) if type(c) is Product else verbs.add_to(before, c)
                    cotangents[index] = summed
                else:
                    cotangents[index] = before + c
                    sums.add(index)
    return cotangents


def _of_group(verbs, first, cotangents):
    """One cotangent per output of a row with many: zeros where nothing arrived."""
    gs = [cotangents[node.index] for node in first.group]
    missing = [g is None for g in gs]
    if all(missing):
        return None
    if not any(missing):
        return tuple(gs)
    like = next(g for g in gs if g is not None)
    return tuple(
        verbs.zeros(tuple(n.shape), n.dtype, like) if g is None and n.active else g
        for g, n in zip(gs, first.group, strict=True)
    )


def _release(group, cotangents):
    """Nodes that know each other keep each other: only the cyclic collector would find them."""
    for node in group:
        cotangents[node.index] = None
    group.clear()


def _pull_back(tape, seeds, once=False):
    """Cotangents of all nodes, given one seed per output leaf."""
    cotangents = [None] * len(tape.nodes)
    for node, g in zip(tape.outputs, seeds, strict=True):
        if node is not None and g is not None:
            before = cotangents[node.index]
            cotangents[node.index] = g if before is None else before + g
    return walk(tape, cotangents, once)


def transposed(f, primals, g):
    """The cotangents of `primals` for the cotangent `g` of `f(*primals)`."""
    return _transposed(f, primals, g)[0]


def transposed_trees(f, primals, g):
    """The same in the structure of `primals`; None for what has no derivative."""
    found, tape = _transposed(f, primals, g)
    return tape.in_arguments(found)


def _transposed(f, primals, g):
    tape = trace(Tape, f, primals)
    return _or_zeros(tape, _pull_back(tape, trees.leaves(g), once=True)), tape


def vjp(f, *primals):
    """Return `(f(*primals), pullback)`; `pullback(g)` gives a tuple with one cotangent per primal.

    The cotangent of an integer array, or of anything else that has no derivative, is None.

    >>> import torch
    >>> y, pullback = vjp(torch.multiply, torch.tensor(2.0), torch.tensor(5.0))
    >>> pullback(torch.tensor(1.0))
    (tensor(5.), tensor(2.))
    """
    tape = trace(Tape, f, primals)

    def pullback(g):
        """The cotangents of the arguments, for a cotangent `g` of the output."""
        cotangents = _pull_back(tape, _seeds(tape, g))
        return tape.in_arguments(_as_frameworks(tape.xp, _or_zeros(tape, cotangents)))

    return tape.output, pullback


def value_and_grad(f, argnums=0, has_aux=False):
    """A function that returns `(f(...), gradient)`; with `has_aux`, `((f(...), aux), gradient)`."""

    @functools.wraps(f)
    def value_and_gradient(*args, **kwargs):
        with held_off:
            return both(Tape, f, args, kwargs, argnums, has_aux, value_and_gradient)

    # what the help card of a gradient tells: its function, and what the last call did
    value_and_gradient.differentiates, value_and_gradient.last = f, None
    return value_and_gradient


def both(make_tape, f, args, kwargs, argnums, has_aux, told=None):
    """Value and gradient by one tape and one walk; `told.last` becomes the rows on the tape."""
    chosen = as_argnums(f, args, argnums)
    tape = trace(make_tape, f, args, kwargs, argnums=chosen)
    value = _scalar(f, tape, has_aux)
    seed = tape.xp.ones((), value.dtype, value)
    seeds = [seed] + [None] * (len(tape.outputs) - 1)
    cotangents = _or_zeros(tape, _pull_back(tape, seeds, once=True))
    found = tape.in_arguments(_as_frameworks(tape.xp, cotangents))
    grads = tuple(found[i] for i in chosen)
    if told is not None:
        told.last = [node.row for node in tape.nodes]
    return tape.output, grads[0] if isinstance(argnums, int) else grads


def grad(f, argnums=0, has_aux=False):
    """A function that returns the gradient of the scalar `f`; with `has_aux`, `(gradient, aux)`.

    `argnums` is the position of the argument to differentiate, or a tuple of positions. The result
    has that argument's structure. Works on torch tensors and JAX arrays, and nests.

    >>> import torch
    >>> grad(grad(torch.sin))(torch.tensor(0.5)), -torch.sin(torch.tensor(0.5))
    (tensor(-0.4794), tensor(-0.4794))
    """
    value_and_gradient = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args, **kwargs):
        value, grads = value_and_gradient(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    gradient.differentiates, gradient.by = f, value_and_gradient
    return gradient


def backward(tape, g=None):
    """`Tape.backward`: the reverse walk that also writes every node's adjoint."""
    cotangents = _pull_back(tape, _seeds(tape, g))
    for node, c in zip(tape.nodes, _as_frameworks(tape.xp, cotangents), strict=True):
        node.adjoint = c
    return tape.in_arguments(_as_frameworks(tape.xp, _or_zeros(tape, cotangents)))


# ----- seeds and results -----
def _seeds(tape, g):
    leaves = trees.leaves(tape.output)
    if g is None:
        if len(leaves) != 1 or tuple(getattr(leaves[0], "shape", (0,))) != ():
            raise AutodiffError(
                f"the output has {_shapes(leaves)}; give its cotangent, as in backward(g), or "
                "record a function that returns a scalar"
            )
        return [tape.xp.ones((), leaves[0].dtype, leaves[0])]
    seeds = [
        as_array_like(tape.xp, s, y)
        for s, y in zip(trees.flatten_like(tape.output, g), leaves, strict=True)
    ]
    for leaf, seed in zip(leaves, seeds, strict=True):
        shape = tuple(getattr(leaf, "shape", ()))
        if seed is not None and tuple(getattr(seed, "shape", ())) != shape:
            raise AutodiffError(
                f"the cotangent has shape {tuple(getattr(seed, 'shape', ()))}, but the output has "
                f"shape {shape}; they must agree"
            )
    return _as_frameworks(tape.xp, seeds)


def _scalar(f, tape, has_aux):
    name = getattr(f, "__name__", "the function")
    output = tape.output
    if has_aux:
        if not isinstance(output, tuple) or len(output) != 2:
            raise AutodiffError(f"has_aux=True, but {name} did not return a pair (value, aux)")
        output = output[0]
    if xp.framework_of(output) is None or tuple(output.shape) != ():
        raise AutodiffError(
            f"grad needs a scalar, but {name} returned {_shapes(trees.leaves(output))}; "
            "reduce it, for example with .sum() or .mean(), or use vjp"
        )
    if not tape.xp.is_float(output.dtype):
        raise AutodiffError(
            f"grad needs a real floating-point scalar, but {name} returned dtype {output.dtype}; "
            "take its real or imaginary part, or use vjp"
        )
    return output


def _shapes(leaves):
    shapes = [
        f"shape {tuple(x.shape)}" if hasattr(x, "shape") else type(x).__name__ for x in leaves
    ]
    return ", ".join(shapes) or "nothing"


def _as_frameworks(verbs, cotangents):
    """Between the walk's convention and the framework's: PyTorch conjugates complex cotangents."""
    if verbs.name != "torch":
        return cotangents
    return [verbs.conj(c) if c is not None and c.dtype.is_complex else c for c in cotangents]


def _or_zeros(tape, cotangents):
    """The inputs' cotangents; zeros where nothing arrived, None where there is no derivative."""
    pairs = zip(tape.inputs, tape.leaves, strict=True)
    return [
        c
        if (c := cotangents[node.index]) is not None or not node.active
        else tape.xp.zeros(node.shape, node.dtype, x)
        for node, x in pairs
    ]
