"""What was done while a function was watched: which plans ran, on what; did anybody look at values?

`lifting.straight` makes a straight line of it.
"""

from .lane import WATCHING, Lane


class Watch:
    """The operations of one call, in order. `inputs` are the lanes that were given."""

    def __init__(self, inputs):
        self.names = {id(x): f"a{i}" for i, x in enumerate(inputs)}
        self.steps, self.kept, self.broken = [], list(inputs), False

    def __enter__(self):
        WATCHING.append(self)
        return self

    def __exit__(self, *_):
        WATCHING.pop()

    def note(self, plan, xs, ys):
        """`plan` gave `ys`, a list, of `xs`."""
        known = [self.names.get(id(x)) if isinstance(x, Lane) else None for x in xs]
        lost = any(isinstance(x, Lane) and n is None for x, n in zip(xs, known, strict=True))
        if lost or plan.ways is not None or plan.spread or plan.row.told:
            self.broken = True
        for y in ys:
            self.names[id(y)] = f"v{len(self.names)}"
        self.kept += [*xs, *ys]
        self.steps.append((plan, xs, known, [self.names[id(y)] for y in ys]))

    def same(self, other):
        """Was the same done with the same?"""
        return len(self.steps) == len(other.steps) and all(
            p.row is q.row and p.params == q.params and known == names and new == made
            and all(n is not None or _is(x, y) for n, x, y in zip(known, xs, ys, strict=True))
            for (p, xs, known, new), (q, ys, names, made)
            in zip(self.steps, other.steps, strict=True)
        )  # fmt: skip


def _is(x, y):
    return x is y or (type(x) is type(y) in (int, float, bool) and x == y)
