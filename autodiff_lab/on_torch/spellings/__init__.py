"""PyTorch's spellings, lowered to rows: what `torch.sum(x, dim=-1)` means in the table's words.

Functions, methods and operators that mean the same have the same name after `_name`, and one
signature serves them all: the sections beside this page hold them, as `name: (row, signature)`. A
signature takes the call's arguments and gives the row's inputs and parameters. A spelling that
means several rows is *rewritten*: plain PyTorch on the boxed value, recorded call by call.
"""

import functools
import inspect
from typing import NamedTuple

from ... import source
from ...add_row import ADDED
from ...errors import AutodiffError
from ...table.row import CACHES, ROWS
from .. import rewrites
from . import (
    contractions,
    elementwise,
    indexing,
    layers,
    linalg,
    places,
    recurrent,
    reductions,
    shapes,
    windows,
)

SECTIONS = (
    elementwise, shapes, indexing, places, reductions, contractions, windows, linalg, layers,
    recurrent,
)  # fmt: skip
SIGNATURES = {name: entry for section in SECTIONS for name, entry in section.SIGNATURES.items()}
REWRITES = dict(rewrites.REWRITES)
for _section in SECTIONS:
    REWRITES.update(getattr(_section, "REWRITES", {}))
# What is rewritten in general and, called as it mostly is, one row: for the short way.
DIRECTLY = windows.DIRECTLY | layers.DIRECTLY | contractions.DIRECTLY


class Unspelled(AutodiffError):
    """The table knows the operation, but not with these arguments."""


class Lowered(NamedTuple):
    row: object = None
    xs: tuple = ()
    params: dict = {}
    rewritten: object = None  # a thunk


# Answered on the value: Python numbers, not tensors.
QUERIES = frozenset(
    "size dim numel nelement len item tolist stride storage_offset is_floating_point is_complex "
    "is_contiguous get_device element_size data_ptr __len__ len __bool__ __float__ __int__ "
    "is_cuda is_cpu is_mps is_meta is_leaf is_sparse is_quantized is_nested layout itemsize nbytes "
    "names grad grad_fn is_inference is_conj is_neg is_same_size sym_size sym_numel "
    "sym_stride sym_storage_offset".split()
)
# Keyword arguments that change nothing when they have this value.
NEUTRAL = {
    "out": None, "dtype": None, "inplace": False, "alpha": 1, "rounding_mode": None,
    "memory_format": None, "non_blocking": False, "copy": False,
}  # fmt: skip


def lower(func, args, kwargs):
    """The row this call means, with its inputs and parameters; None if the table has none."""
    if hasattr(func, "custom_row"):  # ad.custom_rule
        return Lowered(func.custom_row, args, kwargs)
    name, row, signature = meaning = MEANINGS.get(func) or _meaning(func)
    kwargs = meant(kwargs) if kwargs else kwargs
    try:
        if row is not None:
            xs, params = signature(*args, **kwargs)
            return Lowered(row, tuple(xs), params)
        return signature and Lowered(rewritten=functools.partial(_rewrite, meaning, args, kwargs))
    except TypeError as e:
        raise Unspelled(unspelled(name, e)) from None


def meant(kwargs):
    """Keyword arguments without those that change nothing."""
    kwargs = {k: v for k, v in kwargs.items() if k not in NEUTRAL or v is not NEUTRAL[k]}
    kwargs.pop("memory_format", None)  # how a result is stored changes no derivative
    kwargs.pop("_stacklevel", None)  # nor does whom a warning would point at
    return kwargs


MEANINGS: dict = {}  # function of PyTorch -> (its name, its row or None, signature or rewriting)


def _meaning(func):
    name = _name(func)
    MEANINGS[func] = (name, *_row_and_signature(func, name))
    return MEANINGS[func]


def _row_and_signature(func, name):
    if hasattr(func, "is_verb"):
        return ROWS[name], _verb(ROWS[name])
    if name == "where" and hasattr(func, "__objclass__"):  # the method: x.where(condition, other)
        return ROWS[name], lambda x, condition, other: ((condition, x, other), {})
    if name in REWRITES:
        return None, REWRITES[name]
    if name in SIGNATURES:
        row, signature = SIGNATURES[name]
        return ROWS[row], signature
    row = _pointwise_row(func, name)
    if row is not None:
        return row, functools.partial(_plain, row)
    if name in ADDED:
        return ADDED[name], _verb(ADDED[name])
    return None, None


def _rewrite(meaning, args, kwargs):
    name, _, rewriting = meaning
    try:
        return rewriting(*args, **kwargs)
    except TypeError as e:
        raise Unspelled(unspelled(name, e)) from None


def unspelled(name, e):
    return (
        f"torch.{name} was called in a way that has no row yet ({source.here()}): "
        f"{str(e).split('() ')[-1]}; leave that argument out, or write it in simpler operations"
    )


def spoken(func):
    """What a function of PyTorch, a property or an operation of the dispatcher is called."""
    name = func.__name__
    return func.__self__.__name__ if name in ("__get__", "__set__") else name.split(".")[0]


def _name(func):
    name = spoken(func)
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
    name = name.removeprefix("special_")  # torch.special.psi calls itself special_psi
    if name == "unfold" and not hasattr(func, "__code__"):  # the method: windows along one dim
        return "Tensor.unfold"
    return ALIASES.get(name, name)


ALIASES = {
    "truediv": "div", "floordiv": "floor_divide", "mod": "remainder", "and_": "bitwise_and",
    "or_": "bitwise_or", "and": "bitwise_and", "or": "bitwise_or", "invert": "bitwise_not",
    "xor": "bitwise_xor", "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
    "log_sigmoid": "logsigmoid", "radd": "add", "rmul": "mul",
}  # fmt: skip


# Functions that take a pointwise row's inputs and nothing else, and the names of such rows.
PLAIN: dict = {}
_NAMES: dict = {}
CACHES.extend([PLAIN, _NAMES, MEANINGS])


def _pointwise_row(func, name):
    if not _NAMES:
        rows = [row for row in ROWS.values() if row.elementwise and row.kind != "linear"]
        _NAMES.update((s.rsplit(".", 1)[-1], row) for row in rows for s in row.torch)
    row = _NAMES.get(name)
    if row is not None:
        PLAIN[func] = row
    return row


def _plain(row, *xs, input=None, other=None, exponent=None):
    """Pointwise rows take their inputs in order; that is their whole signature."""
    xs += tuple(x for x in (input, other, exponent) if x is not None)
    if len(xs) != row.arity:
        raise TypeError(f"{len(xs)} inputs instead of {row.arity}")
    return xs, {}


# ----- verbs of `xp` speak the table's words already: only parameter names are added -----
def _verb(row):
    parameters = inspect.signature(row.fn).parameters.values()
    names = [p.name for p in parameters if p.kind == p.KEYWORD_ONLY]

    def signature(*args, **kwargs):
        rest = args[row.arity :] if row.arity is not None else ()
        return args[: row.arity], dict(zip(names, rest, strict=False)) | kwargs

    return signature
