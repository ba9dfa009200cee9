"""Rows by name, for text that calls what is too long for a line.

    from autodiff_lab.writing.rows import conv, pull_conv

`conv(x, w, **params)` is what the row computes; `pull_conv(g, y, x, w, wanted=(True, False), ...)`
gives the cotangents of the wanted inputs: the only one, or a list.
"""

import functools

from .. import xp
from ..calculus import pull
from ..table.row import ROWS


def __getattr__(name):
    row = ROWS.get(name.removeprefix("pull_"))
    if row is None:
        raise AttributeError(f"no row is called {name}")
    return functools.partial(_pull if name.startswith("pull_") else _compute, row)


def _compute(row, *xs, **params):
    return row.fn(xp.of(*xs), *xs, **params)


def _pull(row, g, y, *xs, wanted, **params):
    found = pull(row, xp.of(*xs), g, y, xs, params, wanted)
    found = [c for c, w in zip(found, wanted, strict=True) if w]
    return found[0] if len(found) == 1 else found
