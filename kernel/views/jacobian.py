"""A Jacobian: where it can have entries at all, and what they are at this point.

An entry outside of the pattern is zero for all values; one inside may be zero by accident. The two
are drawn apart: no cell, and a cell of the card's own colour.
"""

import inspect
import itertools
import math

from ..plots.heat_map import Heat, reduced
from ..values import number, numpy_of


def jacobian_view(f, *args, argnums=0):
    """Draw the Jacobian of `f` at `args`: its pattern and its values.

    Several arrays in the output, or in the arguments, stand one after the other, each flattened.

    >>> import torch
    >>> from kernel import jacobian_view
    >>> jacobian_view(lambda x: x[1:] * x[:-1], torch.tensor([1.0, 2.0, 3.0]))
    Jacobian. 4 of 2 x 3 entries can differ from zero; here they go from 1 to 3. One by one its\
 columns take 3 walks, coloured 2 (forward 2, reverse 2, mixed 2).
          x[0]  x[1]  x[2]
    ----  ----  ----  ----
    y[0]  2     1     none
    y[1]  none  3     2
    """
    import autodiff_lab as ad
    from autodiff_lab import trees

    sparse = ad.jacobian(f, argnums, sparse=True)
    ys, y_paths, _ = trees.flatten(f(*args))
    xs, x_names = _inputs(f, args, argnums)
    wrong = next((v for v in [*xs, *ys] if not hasattr(v, "shape")), None)
    if wrong is not None:
        raise TypeError(
            "jacobian_view(f, x) needs arrays of torch or jax in x and in f(x), "
            f"and got {type(wrong).__name__}"
        )
    columns = _entry_names(x_names, xs)
    rows = _entry_names([f"y{path}" for path in y_paths], ys)
    found = trees.flatten(sparse(*args), is_leaf=lambda t: t is None or isinstance(t, _sparse()))[0]
    grid = _grid(found, ys, xs)
    cells, (down, across) = reduced(grid)
    told = _told(grid, len(rows), len(columns), sparse.cost(*args))
    if (down, across) != (1, 1):
        told += f" Each cell shows the largest entry of {down} x {across}."
    return Heat(cells, tuple(rows[::down]), tuple(columns[::across]), "Jacobian",
                block=(down, across), shape=(len(rows), len(columns)), told=told)  # fmt: skip


def _sparse():
    from autodiff_lab.jacobians import Sparse

    return Sparse


def _inputs(f, args, argnums):
    """The arrays that are differentiated by, and what each is called."""
    from autodiff_lab import trees

    chosen = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    arrays, names = [], []
    for i in chosen:
        leaves, paths, _ = trees.flatten(args[i])
        arrays += leaves
        names += [_parameter(f, i) + path for path in paths]
    return arrays, names


def _parameter(f, i):
    try:
        return list(inspect.signature(f).parameters)[i]
    except (TypeError, ValueError, IndexError):  # built-in functions, or *args
        return f"x{i}" if i else "x"


def _entry_names(names, arrays):
    """`x[0, 1]` for each entry; the name alone for a number."""
    return [
        f"{name}[{', '.join(map(str, index))}]" if index else name
        for name, x in zip(names, arrays, strict=True)
        for index in itertools.product(*map(range, x.shape))
    ]


def _grid(found, ys, xs):
    """The matrix of all outputs by all inputs, as rows; None where there can be no entry."""
    width = sum(math.prod(x.shape) for x in xs)
    grid, found = [], iter(found)
    for y in ys:
        rows = [[None] * width for _ in range(math.prod(y.shape))]
        left = 0
        for x in xs:
            block = next(found)
            if block is None:  # no derivative flows into this output: one None for all inputs
                break
            _fill(rows, block, len(y.shape), left)
            left += math.prod(x.shape)
        grid += rows
    return grid


def _fill(rows, block, rank, left):
    indices, values = numpy_of(block.indices), numpy_of(block.values).tolist()
    for place, value in zip(indices.T.tolist(), values, strict=True):
        row = _flat(place[:rank], block.shape[:rank])
        rows[row][left + _flat(place[rank:], block.shape[rank:])] = value


def _flat(place, shape):
    at = 0
    for i, n in zip(place, shape, strict=True):
        at = at * n + i
    return at


def _told(grid, rows, columns, cost):
    inside = [v for row in grid for v in row if v is not None]
    head = f"{len(inside)} of {rows} x {columns} entries can differ from zero"
    kept = [v for v in inside if math.isfinite(v)]
    if kept:
        head += f"; here they go from {number(min(kept))} to {number(max(kept))}"
    zero, bad = sum(v == 0 for v in inside), len(inside) - len(kept)
    head += f", {zero} of them {'is' if zero == 1 else 'are'} zero" if zero else ""
    head += f", {bad} {'is' if bad == 1 else 'are'} not finite" if bad else ""
    ways = ", ".join(f"{way} {n}" for way, n in cost.items())
    alone = f"One by one its columns take {columns} walks, coloured {min(cost.values())} ({ways})."
    return f"{head}. {alone}"
