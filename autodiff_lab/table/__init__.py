"""The table of operations: one row per meaning, and the only place where mathematics is stated.

Read the sections in this order: `constant`, `pointwise`, `special`, `activation`,
`complex_numbers`, `shape`, `indexing`, `reduction`, `scan`, `sorting`, `contraction`, `composite`.
What a row is, and what its one statement of the derivative means, is in `row`.
"""
# ruff: noqa: I001  (the sections are imported in the order of the table)

import sys

from . import constant, pointwise, special, activation, complex_numbers  # noqa: F401
from . import shape, indexing, sorting, scan, reduction, contraction, convolution, pooling, stencil  # noqa: F401
from . import linalg, decomposition, fourier, composite  # noqa: F401
from . import normalisation, loss, attention  # noqa: F401
from .row import CACHES, ROWS, Row

__all__ = ["ROWS", "Row", "find"]

_SPELLINGS: dict = {}
CACHES.append(_SPELLINGS)


def find(thing):
    """The row of a function or of a spelling: `find(torch.tanh)`, `find("jnp.tanh")`, or None.

    >>> find("torch.tanh"), find("jnp.tanh"), find("tanh")
    (<row tanh: pointwise>, <row tanh: pointwise>, <row tanh: pointwise>)
    """
    if isinstance(thing, str):
        name = thing.replace("jnp.", "jax.numpy.") if thing.startswith("jnp.") else thing
        name = name.replace("F.", "torch.nn.functional.") if name.startswith("F.") else name
        name = "jax." + name if name.startswith(("lax.", "nn.")) else name
        name = "torch." + name if name.startswith("Tensor.") else name
        return ROWS.get(name) or _by_spelling().get(name)
    try:
        return _by_identity(thing)
    except Exception:  # an object with a hostile __eq__ or __hash__ has no row
        return None


def _by_spelling():
    if not _SPELLINGS:
        _SPELLINGS.update((s, row) for row in ROWS.values() for s in row.torch + row.jax)
    return _SPELLINGS


def _by_identity(thing):
    if not callable(thing):
        return None
    for spelling, row in _by_spelling().items():
        if _resolve(spelling) is thing:
            return row
    return None


def _resolve(spelling):
    """The object a dotted name stands for, if its framework is already imported."""
    first, *rest = spelling.split(".")
    found = sys.modules.get(first)
    for part in rest:
        found = getattr(found, part, None)
    return found
