"""What a call of PyTorch comes to, remembered: calls that look alike are understood once.

How a call is read, which row it means, with which parameters and what the reverse walk will want
of it, follows from the shapes and dtypes of its tensors and from its other arguments. So the short
way (`quick`) looks up what it found out the last time such a call was made. Only tensors of whole
numbers may be read for what is in them (is there such a class?): these calls are not remembered.
"""

from typing import NamedTuple

from torch import Tensor, dtype

from ..tape import Node
from .box import Box

MANY = 1000  # calls that are remembered per function
_WORDS = frozenset([int, bool, float, str, type(None), dtype])


class Plan(NamedTuple):
    """How the row's inputs are found among the call's tensors, and what is kept of them."""

    params: dict
    numbers: list  # inputs that are no tensors
    order: list | None  # places among the tensors and then the numbers; None: as they stand
    keep: tuple
    keep_fast: tuple | None  # where the row has a fast way that reaches


def look(args, named):
    """A call whose tensors are on one tape, or constant: `(tape, key, tensors, values, parents,
    args, named)`, the arguments opened. None if its tensors want a closer look."""
    x, rest = args[0], args[1:]
    if type(x) is Box and not named:
        kinds = tuple(map(type, rest))
        if _WORDS.issuperset(kinds):  # one tensor, as in x.sum(0)
            node, value = x.node, x.value
            of = type(value)
            if not node.active or not (of is Tensor or of is Box):
                return None
            key = node.shape, node.dtype, of, kinds, rest
            return x.tape, key, [x], [value], [node], (value, *rest), named
    return _look_around(args, named)


def _look_around(args, named):
    seen = key, tensors, values, parents = [], [], [], []
    opened = _look_at(args, *seen)
    if named and opened is not None:
        key.extend(named)
        more = _look_at(named.values(), *seen)
        opened, named = (None, None) if more is None else (opened, dict(zip(named, more)))  # noqa: B905
    if opened is None:
        return None
    tape = None
    for x in tensors:
        if type(x) is Box and x.tape is not tape:
            if tape is not None:
                return None
            tape = x.tape
    if tape is None:
        return None
    return tape, tuple(key), tensors, values, parents, opened, named


def _look_at(args, key, tensors, values, parents):
    opened = []
    for x in args:
        kind = type(x)
        if kind is Box or kind is Tensor:
            if kind is Box:
                node, value = x.node, x.value
                of = type(value)
                if not node.active or not (of is Tensor or of is Box):
                    return None  # an in-place write stopped the flow; a masked batch's lane
            elif x.requires_grad:
                return None
            else:
                value, of = x, None
                node = Node(None, (), {}, x.shape, x.dtype, False)
            key += node.shape, node.dtype, of
            tensors.append(x)
            values.append(value)
            parents.append(node)
            opened.append(value)
        elif kind in _WORDS:
            key += kind, x
            opened.append(x)
        elif kind is tuple or kind is list:
            key += kind, len(x)
            inner = _look_at(x, key, tensors, values, parents)
            if inner is None:
                return None
            opened.append(kind(inner))
        else:
            return None
    return opened


def understand(row, signature, args, named, tensors, values, parents):
    """The plan of a call, or None if its row has more to say."""
    if named.get("out") is not None or named.get("inplace"):
        return None
    try:
        xs, params = signature(*args, **named)
    except TypeError:
        return None
    numbers = [x for x in xs if type(x) in (int, float)]
    there = [*tensors, *numbers]
    order = [_place(x, there) for x in xs]
    if None in order or not order:
        return None
    active = tuple([i < len(parents) and parents[i].active for i in order])
    plain = all([type(v) is Tensor for v in values]) and not numbers
    reached = plain and row.fast and row.fast.reaches(active)
    return Plan(params, numbers, None if order == list(range(len(there))) else order,
                row.keep(active), row.fast.keep(active) if reached else None)  # fmt: skip


def _place(x, there):
    for i, t in enumerate(there):
        if t is x:
            return i
    return None


def remember(plans, key, plan, parents):
    if all([p.dtype.is_floating_point or p.dtype.is_complex for p in parents]):
        if len(plans) > MANY:
            plans.clear()
        plans[key] = plan
