"""Dispatch: on torch, every operation inside `f` understands lanes as it runs.

PyTorch hands each call on a `Lane` to `call`; the spelling is lowered to a row exactly as it is for
autodiff's tape, and the row's mask rule does the rest.
"""

import torch

from autodiff_lab import source, xp
from autodiff_lab.on_torch.spellings import lower

from .. import rules
from ..batches.randomness import DROPOUTS, SHARED, dropout, refuse
from ..errors import MaskError
from ..lane import Lane, lanes_in, refuse_nested, size
from ..lifting.builtins import number
from ..lifting.joins import joined, joins
from ..rules import along
from . import plans
from .checks import CHECKS, OF_SOMETHING, inside, refuse_nothing
from .layers import LAYERS
from .own_functions import refuse_inside
from .places import PLACES
from .recurrent import NETWORKS
from .sizes import SIZES


def call(func, args, kwargs):
    """One PyTorch call with lanes among its arguments."""
    if not torch.is_grad_enabled():
        refuse_inside(args)
    remembered = plans.at_once(func, args) if args and not kwargs else None
    if remembered is not None:
        return remembered.run(args)
    seen = plans.Call(func, args, kwargs)
    remembered = plans.PLANS.get(seen.key)
    if remembered is not None:
        return remembered.run(seen.inputs)
    name = _name(func)
    if name in ANSWERS and not hasattr(func, "is_verb"):
        if name not in ("size", "dim", "is_floating_point"):
            refuse_nested(f"torch.{name}", lanes_in((*args, *kwargs.values())))
        return ANSWERS[name](*args, **kwargs)
    if name == "size":
        return size(*args)
    if joins(func, args):
        return joined(func, *args, **kwargs)
    if name in CHECKS and not hasattr(func, "is_verb"):
        CHECKS[name](*args, **kwargs)
    lowered = lower(func, args, kwargs)
    if lowered is None:
        raise MaskError(
            f"torch.{name} at {source.here()} has no row, so nobody knows what a mask does to it; "
            "write it with operations that have one"
        )
    if lowered.rewritten is not None:
        return lowered.rewritten()
    refuse_nothing(lowered.row.name, lowered.xs, lowered.params)
    # whose entries or lengths somebody had to look at is not remembered
    keep = seen.key is not None and name not in CHECKS and lowered.row.name not in OF_SOMETHING
    return _applied(lowered.row, lowered.xs, lowered.params, seen if keep else None)


def _name(func):
    name = func.__name__.split(".")[0]
    if name == "unfold" and not hasattr(func, "__code__"):  # the method: windows along one dim
        return "Tensor.unfold"
    return name


def _applied(row, xs, params, seen):
    """A row on lanes; if it comes to one plan, that is remembered for the call that was `seen`."""
    verbs, packing = xp.verbs("torch"), rules.packed.is_packing()
    count = _count((*xs, *params.get("shape", ())))
    if packing:
        y = rules.packed.apply(row, verbs, count, xs, params)
        if y is not None:
            return y
    if row.along is not None and along.concerns(row, xs, params):
        with inside(row):
            y = rules.by_place(row, verbs, count, xs, params)
            return rules.packed.settled(y) if packing else y
    understand = rules.whole if row.kind == "composite" else rules.understand
    opened = packing and rules.packed.reduces(row, xs, params)
    found = None if opened else understand(row, verbs, count, xs, params)
    if found is None:  # a composite row whose body is run on lanes
        with inside(row):
            return row.fn(verbs, *xs, **params)
    plan, sizes = found
    y = plan.run(verbs, xs, sizes)
    if seen is not None:
        plans.remember(seen, plan, xs, sizes, y)
    return rules.packed.settled(y) if packing else y


def _count(xs):
    counts = {x.examples for x in xs if isinstance(x, Lane)}
    if len(counts) > 1:
        raise MaskError(f"batches of {' and '.join(map(str, sorted(counts)))} examples met; "
                        "call f with batches of the same examples")  # fmt: skip
    return counts.pop()


def _size(x, dim=None):
    return x.shape if dim is None else x.shape[dim]


ANSWERS = {
    "size": _size,
    "dim": lambda x: x.ndim,
    **PLACES,
    **SIZES,
    **LAYERS,
    **NETWORKS,
    "item": number,
    "tolist": number,
    "is_floating_point": lambda x: x.data.is_floating_point(),
    **{name: refuse(name) for name in SHARED},
    **{name: dropout(name) for name in DROPOUTS},
}
