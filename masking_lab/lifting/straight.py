"""A cell that is called in each trip of a loop, as a straight line of operations.

Finding the rule of an operation costs as much as a small operation itself, and a loop asks for the
same rules in every trip. So a function that only computes (no decision, nothing written, see
`cells`) is watched twice. If it did the same both times, with the same weights, further calls are
these operations and nothing else. What was the same for two numbers of examples does not depend on
how many there are; what was seen with one number only is good for that one.

A line is kept as long as its function. Before it runs it is made sure that the function still finds
the same outside itself (`outside`): the variables around it, globals, a module's parameters.
"""

import inspect
import sys
import weakref

from autodiff_lab import trees, xp

from ..lane import WATCHING, Lane, Length, looked
from ..on_torch.plans import autocasts
from ..watch import COUNT, Watch
from . import calls, effects, outside
from .cells import is_cell
from .leader import Led, reads_lanes

MANY = 16  # lines that are kept of one function
_lines: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class Cells:
    """The functions that one loop calls, each as a `Line` where it is one."""

    def __init__(self):
        self.checked, self.writes = set(), effects.count()

    def call(self, f, args, kwargs):
        """What a call in the loop's body means."""
        if WATCHING:
            WATCHING[-1].broken |= not (outside.is_pure(f) or WATCHING[-1].follows(f))
            return calls.made(f, args, kwargs)
        if autocasts():
            return calls.made(f, args, kwargs)
        lines = None if kwargs else _lines_of(f)
        if lines is None:
            return calls.made(f, args, kwargs)
        flat, held = _flat(args)
        key = _key(held, flat)
        if key is None:
            return calls.made(f, args, kwargs)
        if key not in lines or not self._is_valid(lines[key], f):
            if len(lines) >= MANY:
                lines.clear()
            lines[key] = Line(f, flat)
        return lines[key](f, args, flat)

    def _is_valid(self, line, f):
        """Does the function find what it found? Modules are asked once in a loop, and again when
        something was written."""
        if self.writes != effects.count():
            self.checked, self.writes = set(), effects.count()
        if not line.is_steady:  # it never runs
            return True
        if not all(map(outside.same, line.around, line.now_around(f))):
            return False
        if id(line) not in self.checked:
            self.checked.add(id(line))
            return outside.same(line.inside, outside.inside(f, line.outside))
        return True


def _lines_of(f):
    """The lines of a function that may have some, else None."""
    try:
        if f not in _lines:
            _lines[f] = {} if _may_be_kept(f) else None
        return _lines[f]
    except TypeError:  # it cannot be remembered
        return None


def _may_be_kept(f):
    if isinstance(f, sys.modules["torch"].nn.Module):
        return is_cell(f)
    users = inspect.isfunction(f) and calls.callee(f) is not f
    return users and is_cell(f) and not reads_lanes(f, set())


def _called(f):
    """The user's own functions among the globals of a function, and among theirs."""
    found = [f]
    for g in found:  # it grows
        values, _ = outside.around(g, outside.read_globals(g))
        found += [x for x in values if inspect.isfunction(x) and x not in found
                  and calls.is_users(x) and _may_be_kept(x)]  # fmt: skip
    return found[1:]


def _flat(args):
    """The arguments, with those in a pair of states or a dict of weights; and how they are held."""
    flat, held = [], []
    for x in args:
        kind = type(x)
        if kind is tuple or kind is list:
            flat += x
            held += kind, len(x)
        elif kind is dict:
            flat += x.values()
            held += dict, *x
        else:
            flat.append(x)
            held.append(kind)
    return flat, held


def _key(held, flat):
    """What a call looks like, but for the number of examples; None where that is not plain."""
    found, lanes, names = held, 0, [*map(id, flat)]
    for x in flat:
        kind = type(x)
        if kind is Lane or kind is Led:
            if any([n is not None for n in x.sizes]):
                return None
            data = x.data
            found += type(data), data.shape[1:], data.dtype, data.device, x.weak
            lanes += 1
        elif kind in outside.NUMBERS:
            found += kind, repr(x)
        elif isinstance(x, Lane) and kind is not Length:
            return None
        elif xp.framework_of(x) is not None:
            found += kind, x.shape, x.dtype, x.device
        elif inspect.ismodule(x) and outside.is_library(x):
            found.append(x)
        else:
            return None
    if len(set(names)) < len(names):  # one thing given twice
        found.append(tuple([names.index(i) for i in names]))
    return tuple(found) if lanes else None


class Line:
    """One function, for arguments of one look: which of them are lanes, and which arrays."""

    def __init__(self, f, flat):
        self.called = _called(f)  # the user's own functions that it may call
        self.reads = [outside.read_globals(g) for g in (f, *self.called)]
        self.around = self.now_around(f)
        self.outside = [x for found, _ in self.around for x in found]
        self.inside = outside.inside(f, self.outside)
        self.found = [*self.outside, *self.inside[0]]
        asks = any(map(outside.asks_pytorch, (f, *self.called)))
        self.is_steady = not asks and all(map(outside.is_steady, self.found))
        self.lanes = [i for i, x in enumerate(flat) if isinstance(x, Lane)]
        self.arrays = [i for i, x in enumerate(flat) if xp.framework_of(x) and i not in self.lanes]
        self.watched = self.only = None
        self.run = None if self.is_steady else False

    def now_around(self, f):
        """What it finds around it, and what those find that it calls."""
        return list(map(outside.around, (f, *self.called), self.reads))

    def __call__(self, f, args, flat):
        if self.run is False:
            return calls.made(f, args, {})
        lanes, arrays = [flat[i] for i in self.lanes], [flat[i] for i in self.arrays]
        count = lanes[0].data.shape[0]
        if self.run and self.only in (None, count):
            found = self.run(*[x.data for x in lanes], *arrays)
            pairs = zip(found, self.looks, strict=True)
            return self.rebuild([Lane(y, sizes, None, weak) for y, (sizes, weak) in pairs])
        return self._watched(f, args, [*lanes, *arrays], count)

    def _watched(self, f, args, inputs, count):
        with Watch(inputs, count, self.called) as seen, outside.told_of_looks(looked):
            seen.broken = any(x is y for x in inputs for y in self.found)
            result = calls.made(f, args, {})
        leaves, _, rebuild = trees.flatten(result)
        known = [seen.names.get(id(y)) if isinstance(y, Lane) else None for y in leaves]
        before, self.watched, self.run, self.only = self.watched, seen, None, None
        if seen.broken or None in known or (before and not seen.same(before)):
            self.run, self.watched = False, None
        elif before:
            self.rebuild, self.looks = rebuild, [(y.sizes, y.weak) for y in leaves]
            self.run, self.watched = _written(seen, known), None
            self.only = count if before.count == count else None
        return result


def _written(seen, results):
    """The steps as a function of arrays."""
    names = {"xp": xp.verbs("torch")}
    lines = [f"def line({', '.join(seen.given)}):"]
    for k, step in enumerate(seen.steps):
        names[f"f{k}"], words = step.fn, ["xp"]
        for i, (x, name) in enumerate(zip(step.inputs, step.known, strict=True)):
            if name is None:
                names[f"c{k}_{i}"] = x
            words.append(name or f"c{k}_{i}")
        for name, value in step.params.items():
            is_shape = type(value) is tuple and value[:1] == (COUNT,)
            names[f"{name}{k}"] = value
            words.append(f"{name}={_shape(seen, value) if is_shape else f'{name}{k}'}")
        made = ", ".join(step.made) + "," * step.many
        lines.append(f"    {made} = f{k}({', '.join(words)})")
    exec("\n".join([*lines, f"    return [{', '.join(results)}]"]), names)
    return names["line"]


def _shape(seen, value):
    return f"({seen.lane}.shape[0], {', '.join(map(str, value[1:]))})"
