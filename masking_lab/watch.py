"""What was done while a function was watched: which operations ran, on what; did anybody look?

`lifting.straight` makes a straight line of it.
"""

from typing import NamedTuple

from .lane import WATCHING, Lane


class Step(NamedTuple):
    """`made = fn(xp, *inputs, **params)`: `known` are the names of the inputs that are lanes."""

    what: object
    fn: object
    params: dict
    inputs: list
    known: list
    made: list
    many: bool


class Watch:
    """The operations of one call, in order. `inputs` are the lanes and arrays that were given, and
    `called` the functions that may be called in it: what they do belongs to it."""

    def __init__(self, inputs, count, called=()):
        self.called = called
        self.count, self.given = count, [f"a{i}" for i in range(len(inputs))]
        self.names = {id(x): name for x, name in zip(inputs, self.given, strict=True)}
        self.lane = next(n for x, n in zip(inputs, self.given, strict=True) if isinstance(x, Lane))
        self.steps, self.kept, self.broken = [], list(inputs), False

    def __enter__(self):
        WATCHING.append(self)
        return self

    def __exit__(self, *_):
        WATCHING.pop()

    def follows(self, f):
        return any([f is g for g in self.called])

    def ran(self, plan, xs, y):
        """A plan gave `y` of `xs`."""
        self.broken |= plan.ways is not None or plan.spread or plan.row.told is not None
        self.did(plan.row, plan.fn, plan.params, xs, y)

    def did(self, what, fn, params, xs, y):
        known = [self.names.get(id(x)) if hasattr(x, "shape") else None for x in xs]
        self.broken |= any(isinstance(x, Lane) and n is None
                           for x, n in zip(xs, known, strict=True))  # fmt: skip
        many = type(y) is tuple
        made = list(y) if many else [y]
        for part in made:
            self.names[id(part)] = f"v{len(self.names)}"
        self.kept += [*xs, *made]  # so that no other is known by its id
        new = [self.names[id(part)] for part in made]
        params = {k: _told(v, self.count) for k, v in params.items()}
        self.steps.append(Step(what, fn, params, xs, known, new, many))

    def same(self, other):
        """Was the same done with the same?"""
        return len(self.steps) == len(other.steps) and all(
            a.what is b.what and a.params == b.params and a.known == b.known and a.made == b.made
            and all(n is not None or _is(x, y)
                    for n, x, y in zip(a.known, a.inputs, b.inputs, strict=True))
            for a, b in zip(self.steps, other.steps, strict=True)
        )  # fmt: skip


COUNT = "count"


def _told(param, count):
    """A shape that begins with the number of examples, in words."""
    is_shape = type(param) is tuple and len(param) > 1 and param[0] == count
    return (COUNT, *param[1:]) if is_shape and all(type(n) is int for n in param) else param


def _is(x, y):
    return x is y or (type(x) is type(y) in (int, float, bool) and x == y)
