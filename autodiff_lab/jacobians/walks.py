"""Whole Jacobians by walking the tape along the standard basis; Hessians times a vector.

jacfwd  : (a -> b)       ->  (a -> T b per entry of a)     one column per walk, forward
jacrev  : (a -> b)       ->  (a -> T a per entry of b)     one row per walk, reverse
hvp     : (a -> R), a, T a  ->  Hessian times tangent, without the Hessian (Pearlmutter 1994)

The tape of one run is walked along the standard basis, many basis vectors at a time: `vmap` only
batches the walk and differentiates nothing.
"""

import contextlib
import functools
import math

from .. import trees, xp
from ..errors import AutodiffError
from ..forward import jvp
from ..linearize import LinearTape, pulled, pushed
from ..reverse import vjp
from ..trace import as_argnums, trace
from . import complex_numbers

BYTES = 2**28  # what one chunk of basis vectors may occupy, along the whole tape


def jacfwd(f, argnums=0, has_aux=False, chunk_size=None, holomorphic=False):
    """A function that returns the Jacobian of `f`, computed column by column.

    Each array `y` of the output is replaced by the tree of the argument (of the arguments, if
    `argnums` is a tuple), and each array `x` in it by an array of shape `y.shape + x.shape`: the
    derivative of every entry of `y` by every entry of `x`. With `has_aux`, `(Jacobian, aux)`.
    Costs one forward walk per entry of the argument, `chunk_size` of them at a time.

    With `holomorphic`, arguments and outputs are complex, and the Jacobian is dy/dz on both
    frameworks. A function that is not holomorphic is refused.

    >>> import torch
    >>> jacfwd(lambda x: x * x)(torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    >>> jacfwd(lambda z: z * z, holomorphic=True)(torch.tensor(1 + 2j))
    tensor(2.+4.j)
    """
    return _jacobian(f, argnums, has_aux, chunk_size, _columns, holomorphic)


def jacrev(f, argnums=0, has_aux=False, chunk_size=None, holomorphic=False):
    """A function that returns the Jacobian of `f`, computed row by row; shapes as in `jacfwd`.

    Costs one reverse walk per entry of the output, `chunk_size` of them at a time. With
    `holomorphic` it is dy/dz on both frameworks, as that of `jacfwd` is: one row of it is what JAX
    pulls back, and the conjugate of what PyTorch does.

    >>> import torch
    >>> jacrev(lambda x: {"sum": x.sum()})(torch.tensor([1.0, 2.0]))
    {'sum': tensor([1., 1.])}
    >>> z = torch.tensor(1 + 2j)
    >>> jacrev(lambda z: z * z, holomorphic=True)(z), vjp(lambda z: z * z, z)[1](1.0)
    (tensor(2.+4.j), (tensor(2.-4.j),))
    """
    return _jacobian(f, argnums, has_aux, chunk_size, _rows, holomorphic)


def hvp(f, primals, tangents):
    """The Hessian of the scalar `f` at `primals`, times `tangents`, and nothing else.

    As with `argnums`: for one primal the product has its structure, for several it is a tuple of
    such. It costs a few evaluations of `f` and never builds the Hessian: forward over reverse.

    >>> import torch
    >>> hvp(lambda x: x[0] ** 2 * x[1], (torch.tensor([1.0, 3.0]),), (torch.tensor([1.0, 0.0]),))
    tensor([6., 2.])
    """

    def gradient(*xs):
        y, pullback = vjp(f, *xs)
        if tuple(getattr(y, "shape", (0,))) != ():
            raise AutodiffError(
                f"hvp needs a scalar, but {_name(f)} returned {_kind(y)}; reduce it, for example "
                "with .sum() or .mean()"
            )
        return pullback(1.0)

    products = jvp(gradient, primals, tangents)[1]
    return products[0] if len(products) == 1 else products


# ----- one tape, many walks -----
def _jacobian(f, argnums, has_aux, chunk_size, blocks, holomorphic):
    if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size < 1):
        raise AutodiffError(
            f"chunk_size={chunk_size!r}: say how many basis vectors go together, 1 or more, or None"
        )

    @functools.wraps(f)
    def jacobian(*args, **kwargs):
        chosen = as_argnums(f, args, argnums)
        tape = trace(LinearTape, f, args, kwargs, argnums=chosen)
        output, aux = _without_aux(f, tape.output, has_aux)
        ys = trees.leaves(output)
        complex_numbers.check(f, tape, ys, blocks is _columns, holomorphic)
        tape.push = _forward_walk(tape, f, args, kwargs, chosen)
        if holomorphic:
            complex_numbers.check_holomorphic(f, tape, ys, blocks is _columns)
        found = blocks(tape, ys, chunk_size or _chunk(tape))
        jac = trees.flatten(output)[2]([_like_arguments(tape, b, chosen, argnums) for b in found])
        return (jac, aux) if has_aux else jac

    jacobian.differentiates = f
    return jacobian


def _forward_walk(tape, f, args, kwargs, chosen):
    """From one tangent per input to one per output.

    On torch the recorded tape is walked, so that chance strikes once. A JAX function is pure, and
    its loops and custom rules are pushed while they are traced, so there it is traced again.
    """
    if tape.framework == "torch":
        return lambda dxs: pushed(tape, dxs)

    def of_chosen(*some):
        new = list(args)
        for i, x in zip(chosen, some, strict=True):
            new[i] = x
        return f(*new, **kwargs)

    def push(dxs):
        tangents = tape.in_arguments(dxs)
        primals = [args[i] for i in chosen]
        return trees.leaves(jvp(of_chosen, primals, [tangents[i] for i in chosen])[1])

    return push


def _like_arguments(tape, blocks, chosen, argnums):
    """One block per input, in the structure of the arguments that were asked for."""
    if blocks is None:
        return None
    found = tape.in_arguments(blocks)
    picked = tuple(found[i] for i in chosen)
    return picked[0] if isinstance(argnums, int) else picked


def _rows(tape, ys, chunk):
    """For each output leaf its blocks, one per input; None for an output that has no derivative."""
    return [_rows_of(tape, at, y, chunk) if _flows(tape, y) else None for at, y in enumerate(ys)]


def _rows_of(tape, at, y, chunk):
    def pull(g):
        return pulled(tape, [g if i == at else None for i in range(len(tape.outputs))])

    found = _along_basis(tape, pull, y, tape.leaves, chunk)
    return [
        tape.xp.reshape(b, (*y.shape, *x.shape)) for b, x in zip(found, tape.leaves, strict=True)
    ]


def _columns(tape, ys, chunk):
    wanted = [y for y in ys if _flows(tape, y)]
    by_input = [_columns_of(tape, at, x, ys, wanted, chunk) for at, x in enumerate(tape.leaves)]
    by_output = iter(zip(*by_input, strict=True))
    return [list(next(by_output)) if _flows(tape, y) else None for y in ys]


def _columns_of(tape, at, x, ys, wanted, chunk):
    def push(dx):
        dys = tape.push([dx if i == at else None for i in range(len(tape.inputs))])
        return [dy for y, dy in zip(ys, dys, strict=False) if _flows(tape, y)]

    found = _along_basis(tape, push, x, wanted, chunk)
    return [_last(tape.xp, b, y, x) for b, y in zip(found, wanted, strict=True)]


def _last(verbs, block, y, x):
    """(entries of x, *y.shape) -> (*y.shape, *x.shape)"""
    n = len(y.shape)
    turned = verbs.permute(block, (*range(1, n + 1), 0))
    return verbs.reshape(turned, (*y.shape, *x.shape))


def _flows(tape, y):
    return xp.framework_of(y) is not None and tape.xp.is_inexact(y.dtype)


# ----- the standard basis, in chunks -----
def _along_basis(tape, linear, like, results, chunk):
    """`linear` of every unit vector of `like`'s shape: for each result one array, stacked."""
    verbs, n = tape.xp, math.prod(like.shape)
    if n == 0:
        return [verbs.zeros((0, *r.shape), r.dtype, like) for r in results]
    parts = [
        _together(tape, linear, _units(verbs, like, n, start, min(start + chunk, n)))
        for start in range(0, n, chunk)
    ]
    if len(parts) == 1:
        return parts[0]
    return [verbs.concat(column, 0) for column in zip(*parts, strict=True)]


def _units(verbs, like, n, start, stop):
    shape = (stop - start, n)
    mine = verbs.arange(shape, 0, "int32", like) + start == verbs.arange(shape, 1, "int32", like)
    return verbs.reshape(verbs.astype(mine, like.dtype), (stop - start, *like.shape))


def _together(tape, linear, units):
    """All units at once under the framework's vmap; one by one where that cannot reach."""
    if tape.framework == "jax":
        import jax

        return jax.vmap(linear)(units)
    if len(units) > 1 and not _holds_boxes(tape):
        import torch

        # an operation without a batching rule, such as a write in place, raises
        with contextlib.suppress(RuntimeError, ValueError):
            return torch.vmap(linear)(units)
    each = [linear(unit) for unit in units]
    return [tape.xp.stack(column, 0) for column in zip(*each, strict=True)]


def _holds_boxes(tape):
    """Does an outer tape record this walk? It must not see vmap's own tensors."""
    from torch.overrides import has_torch_function

    return any(node.xs is not None and has_torch_function(node.xs) for node in tape.nodes)


def _chunk(tape):
    alive = sum(node.bytes for node in tape.nodes if all(type(n) is int for n in node.shape))
    return max(1, BYTES // max(alive, 1))


# ----- words -----
def _without_aux(f, output, has_aux):
    if not has_aux:
        return output, None
    if not isinstance(output, tuple) or len(output) != 2:
        raise AutodiffError(f"has_aux=True, but {_name(f)} did not return a pair (value, aux)")
    return output


def _name(f):
    return getattr(f, "__name__", "the function")


def _kind(y):
    return f"shape {tuple(y.shape)}" if hasattr(y, "shape") else f"a {type(y).__name__}"
