"""Recorded values that a function has in its closure, or a module as its parameters.

They are found before the function is called, and made arguments of it: a derivative reaches them
like any other argument (closure conversion, as in Pearlmutter and Siskind 2008).
"""

import functools
import types

import torch

from ... import trees
from ..box import Box


def opened(f, seen=()):
    """`(boxes, rebuild)`: the recorded values in f's reach, and f with others in their place."""
    if any([f is known for known in seen]):  # a function that calls itself
        return [], lambda new: f
    if isinstance(f, torch.nn.Module):
        return _module(f)
    if isinstance(f, functools.partial):
        return _parts([f.func, f.args, f.keywords], (*seen, f),
                      lambda p: functools.partial(p[0], *p[1], **p[2]), f)  # fmt: skip
    if isinstance(f, types.FunctionType) and f.__closure__:
        cells = [c.cell_contents for c in f.__closure__ if not is_empty(c)]
        return _parts(cells, (*seen, f), lambda new: _copy(f, iter(new)), f)
    leaves, _, rebuild = trees.flatten(f)
    at = [i for i, x in enumerate(leaves) if type(x) is Box]

    def put(new):
        given = list(leaves)
        for i, x in zip(at, new, strict=True):
            given[i] = x
        return rebuild(given)

    return [leaves[i] for i in at], put if at else lambda new: f


def _parts(parts, seen, build, f):
    found = [opened(part, seen) for part in parts]
    boxes = [box for inside, _ in found for box in inside]

    def rebuild(new):
        new = iter(new)
        return build([put([next(new) for _ in inside]) for inside, put in found])

    return boxes, rebuild if boxes else lambda new: f


def _module(f):
    named = [*f.named_parameters(), *f.named_buffers()]
    named = {name: x for name, x in named if type(x) is Box}

    def rebuild(new):
        tensors = dict(zip(named, new, strict=True))
        return lambda *args, **kwargs: torch.func.functional_call(f, tensors, args, kwargs)

    return list(named.values()), rebuild if named else lambda new: f


def _copy(f, contents):
    """The same function with other contents in its cells, which others may share."""
    cells = tuple(c if is_empty(c) else types.CellType(next(contents)) for c in f.__closure__)
    copy = types.FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, cells)
    copy.__kwdefaults__ = f.__kwdefaults__
    return copy


def is_empty(cell):
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return True
    return False
