"""What has no row: enter the function, and meet the operations it is made of.

A function of PyTorch that the table does not know is run as it is, on the boxes. What it does
arrives from the dispatcher, one operation (`aten`) at a time, and each is lowered by its name. One
that has no row either may have a definition in simpler operations: PyTorch keeps such definitions
for its own compiler (`torch._decomp`). Only these definitions of the *value* are used; derivatives
come from the rows they end in. Whatever is left is refused.
"""

import functools
import threading

import torch

from .. import source
from ..errors import AutodiffError
from . import aten
from .spellings import spoken

DEEPEST = 20  # functions within functions: beyond that, one ends in itself


def enter(func, args, kwargs):
    """Run the function itself on the boxes; what it does arrives in `record_inside`."""
    try:
        with _deeper(func), torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)
    except AutodiffError as e:
        if str(e).startswith("inside torch."):
            raise
        raise AutodiffError(f"inside torch.{spoken(func)}: {e}") from None
    except TypeError as e:
        if "__torch_dispatch__" not in str(e):
            raise
        raise AutodiffError(no_row(func)) from None


def as_outside():
    """Below the dispatcher, lazy conjugates and negatives are read as if they were none.

    Those layers lie behind us there, and so do the counters of writes: they are called back.
    """
    keys = torch._C.DispatchKey
    without = torch._C._dispatch_tls_local_exclude_set()
    for key in (keys.Conjugate, keys.Negative, keys.ZeroTensor, keys.ADInplaceOrView):
        without = without.remove(key)
    return torch._C._ForceDispatchKeyGuard(torch._C._dispatch_tls_local_include_set(), without)


def spelled(op):
    """What an operation means whose arguments only the dispatcher knows, or None."""
    prims = op.namespace == "prims"
    return (aten.PRIMS if prims else aten.REWRITES).get(spoken(op))


def is_by_name(op):
    """Does the name mean what it means among PyTorch's functions?"""
    return spoken(op) not in aten.OTHERWISE


def decompose(unbox, op, args, kwargs):
    """`op` in simpler operations, by PyTorch's definition; or its value, if that is discrete."""
    if spoken(op) in WITHOUT_DERIVATIVE:
        return op(*unbox(args), **unbox(kwargs))
    definition = _definition(op)
    if definition is not None:
        with _deeper(op), torch._C.DisableTorchFunctionSubclass():
            found = definition(*args, **kwargs)
        if found is not NotImplemented:
            return found
    if _answers_are_discrete(op):
        return op(*unbox(args), **unbox(kwargs))
    raise AutodiffError(no_row(op))


@functools.cache
def _definition(op):
    """Some operations are written in others in C++, some have a definition in Python."""
    from torch._decomp import decomposition_table

    if torch._C._dispatch_has_kernel_for_dispatch_key(op.name(), "CompositeImplicitAutograd"):
        return op.decompose
    return decomposition_table.get(op)


_here = threading.local()


class _deeper:
    def __init__(self, func):
        self.func = func

    def __enter__(self):
        self.depth = getattr(_here, "depth", 0)
        if self.depth >= DEEPEST:
            raise AutodiffError(no_row(self.func))
        _here.depth = self.depth + 1

    def __exit__(self, *_):
        _here.depth = self.depth


# ----- what has no derivative, and needs no row to say so -----
# Made beside the input, of which only shape and dtype count; or drawn at random, where PyTorch
# gives the parameters a zero derivative.
WITHOUT_DERIVATIVE = frozenset(
    "empty_like full_like rand_like randn_like randint_like zeros_like ones_like new_zeros "
    "new_ones new_full new_empty new_empty_strided empty_permuted bernoulli normal poisson "
    "binomial "
    "multinomial is_same_size".split()
)


def _answers_are_discrete(op):
    """Integers and booleans have no derivative: `argsort`, `isnan`, `searchsorted`."""
    return spoken(op) in DISCRETE and not op._schema.is_mutable


DISCRETE = frozenset(
    "isnan isinf isposinf isneginf signbit all any nonzero nonzero_static argmax argmin argsort "
    "bucketize searchsorted count_nonzero isin isclose allclose equal bincount unique_dim _unique2 "
    "unique_consecutive isreal triu_indices tril_indices".split()
)


# ----- errors -----
def no_row(func):
    name = spoken(func)
    return (
        f"no row for torch.{name} ({source.here()}); write it with operations that have one, or "
        f"add it: ad.row({name!r}, lambda xp, x: xp.{name}(x), d=lambda xp, y, x: <its derivative>)"
    )
