"""A cell that is called in each trip of a loop, as a straight line of operations.

Finding the rule of an operation costs as much as a small operation itself, and a loop asks for the
same rules in every trip. So a function that only computes (no decision, nothing written, see
`cells`) is watched in two trips with different numbers of examples. If it did the same both times,
with the same weights, further trips are these operations and nothing else. (What is the same for
two numbers of examples does not depend on how many there are.)
"""

import inspect
import sys

from autodiff_lab import trees, xp

from ..lane import WATCHING, Lane
from ..watch import COUNT, Watch
from . import calls, effects
from .cells import is_cell
from .leader import Led, reads_lanes

_NUMBERS = (int, float, bool, type(None))


class Cells:
    """The functions that a loop calls, each as a `Line` where it is one."""

    def __init__(self):
        self.known, self.writes = {}, effects.count()

    def call(self, f, args, kwargs):
        """What a call in the loop's body means."""
        if WATCHING:
            WATCHING[-1].broken |= calls.is_lifted(calls.callee(f))
            return calls.made(f, args, kwargs)
        if self.writes != effects.count():  # something may be another weight now
            self.known, self.writes = {}, effects.count()
        key = None if kwargs else _key(f, args)
        if key is None:
            return calls.made(f, args, kwargs)
        if key not in self.known:
            self.known[key] = Line(f, args) if _may_be_kept(f) else None
        line = self.known[key]
        return line(args) if line else calls.made(f, args, kwargs)


def _key(f, args):
    """What a call looks like, but for the number of examples; None where that is not plain."""
    found, lanes = [id(f)], 0
    for x in _flat(args):
        kind = type(x)
        if kind is Lane or kind is Led:
            if any([n is not None for n in x.sizes]):
                return None
            data = x.data
            found.append((type(data), data.shape[1:], data.dtype, x.weak))
            lanes += 1
        elif kind in _NUMBERS:
            found.append((kind, x))
        elif xp.framework_of(x) is None and not inspect.ismodule(x):
            return None
        else:
            found.append(id(x))
    return (*found, *map(type, args)) if lanes else None


def _flat(args):
    """The arguments, and what is in a pair of states."""
    if tuple not in map(type, args):
        return args
    return [y for x in args for y in (x if type(x) is tuple else (x,))]


def _may_be_kept(f):
    torch = sys.modules["torch"]
    if isinstance(f, torch.nn.Module):
        return not f._forward_hooks and not f._forward_pre_hooks and is_cell(f)
    return inspect.isfunction(f) and calls.callee(f) is not f and is_cell(f) and not reads_lanes(
        f, set())  # fmt: skip


class Line:
    """One function, for arguments of one look."""

    def __init__(self, f, args):
        self.f, self.args = f, args  # what the key knows by its id stays alive
        self.around = self._around()
        self.watched, self.count, self.run = None, None, None

    def __call__(self, args):
        lanes = [x for x in _flat(args) if isinstance(x, Lane)]
        count = lanes[0].data.shape[0]
        if self.run is False or not self._as_it_was():
            return calls.made(self.f, args, {})
        if self.run:
            made = self.run(*[x.data for x in lanes])
            return self.rebuild([Lane(y, s, None, w) for y, (s, w) in zip(made, self.looks)])  # noqa: B905
        if count == self.count:
            return calls.made(self.f, args, {})
        return self._watched(args, lanes, count)

    def _watched(self, args, lanes, count):
        with Watch(lanes) as seen:
            result = calls.made(self.f, args, {})
        leaves, _, rebuild = trees.flatten(result)
        known = [seen.names.get(id(y)) for y in leaves]
        if seen.broken or None in known or (self.watched and not seen.same(self.watched)):
            self.run = False
        elif self.watched:
            self.rebuild, self.looks = rebuild, [(y.sizes, y.weak) for y in leaves]
            self.run = _written(seen.steps, len(lanes), known)
        self.watched, self.count = seen, count
        return result

    def _around(self):
        """What a function finds outside itself."""
        f = getattr(self.f, "__func__", self.f)
        if not inspect.isfunction(f):
            return []
        cells = [c.cell_contents for c in f.__closure__ or ()]
        return cells + [f.__globals__.get(name) for name in f.__code__.co_names]

    def _as_it_was(self):
        return all([x is y for x, y in zip(self._around(), self.around, strict=True)])


def _shape(value):
    return f"(a0.shape[0], {', '.join(map(str, value[1:]))})"


def _written(steps, count, results):
    """The steps as a function of arrays."""
    names = {"xp": xp.verbs("torch")}
    lines = [f"def line({', '.join(f'a{i}' for i in range(count))}):"]
    for k, step in enumerate(steps):
        names[f"f{k}"] = step.fn
        words = ["xp"]
        for i, (x, name) in enumerate(zip(step.inputs, step.known, strict=True)):
            names[f"c{k}_{i}"] = x
            words.append(name or f"c{k}_{i}")
        for name, value in step.params.items():
            names[f"{name}{k}"] = value
            is_shape = type(value) is tuple and value[:1] == (COUNT,)
            words.append(f"{name}={_shape(value) if is_shape else f'{name}{k}'}")
        made = ", ".join(step.made) + "," * step.many
        lines.append(f"    {made} = f{k}({', '.join(words)})")
    exec("\n".join([*lines, f"    return {', '.join(results)},"]), names)
    return names["line"]
