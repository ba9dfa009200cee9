"""What a stencil reads: `applied` for the verbs `stencil` and `taps` of both frameworks.

A stencil reads x at fixed offsets from each place. Near the border it reads outside: there lies a
halo, which the boundary makes from x itself (`extended`); the transpose of that adds the halo's
cotangents back to where its values came from (`folded`). Between the two, both directions are sums
of shifted arrays (`shifted_sum`, the verb that each framework has its own way for):

    forward    y[i] = sum of w x[s i + o]          reads x at the offsets o, with stride s
    backward   x[j] = sum of w g[(j - o) / s]      reads g at the reflected offsets, where s divides

So the adjoint gathers as the stencil itself does: each entry of the result is a sum of a few
entries that it reads, and nothing is written to an index that was computed. (Hueckelheim et al.
2019, "Automatic differentiation for adjoint stencil loops"; Li et al. 2018, "Differentiable
programming for image processing and deep learning in Halide".)
"""

import itertools

from ..errors import AutodiffError

# What lies left and right of n entries: (start, stop, how) of the part of x that is copied there.
BOUNDARIES = {
    "zero": None,
    "wrap": lambda n, low, high: ((n - low, n, "copy"), (0, high, "copy")),
    "edge": lambda n, low, high: ((0, 1, "repeat"), (n - 1, n, "repeat")),
    "reflect": lambda n, low, high: ((1, low + 1, "flip"), (n - 1 - high, n - 1, "flip")),
    "symmetric": lambda n, low, high: ((0, low, "flip"), (n - high, n, "flip")),
}


def applied(xp, xs, taps, boundary, stride, back):
    """The stencil of some inputs, or, if `back` is the size of its inputs, its transpose."""
    n = back or tuple(xs[0].shape[-len(stride) :])
    if boundary == "wrap" and xp.name == "torch" and 0 not in n:
        taps, boundary = [unrolled(table, n) for table in taps], "zero"
    plan = Plan(n, [o for table in taps for o, _ in table], boundary, stride)
    reads = [(k, plan.place(o), weight) for k, table in enumerate(taps) for o, weight in table]
    if back is None:
        xs = [extended(xp, x, plan) for x in xs]
        return xp.shifted_sum(xs, reads, plan.out, stride)
    reads = [(k, tuple(-a for a in o), weight) for k, o, weight in reads]
    return folded(xp, xp.shifted_sum(xs, reads, plan.wide, spread=stride), plan)


def unrolled(table, n):
    """On a ring of n places another offset finds the same: with both, nothing lies outside.

    >>> unrolled([((1,), 0.5)], (10,))
    [((1,), 0.5), ((-9,), 0.5)]
    """
    found = []
    for offset, weight in table:
        rest = [o % a for o, a in zip(offset, n, strict=True)]
        both = [(o, o - a) if o else (0,) for o, a in zip(rest, n, strict=True)]
        found += [(o, weight) for o in itertools.product(*both)]
    return found


def windows(xp, x, offsets, boundary, stride):
    """x as each of the offsets sees it: views of one array."""
    plan = Plan(tuple(x.shape[-len(stride) :]), offsets, boundary, stride, whole=True)
    x = extended(xp, x, plan)
    ends = [(m - 1) * s + 1 if m else 0 for m, s in zip(plan.out, stride, strict=True)]
    lead = len(x.shape) - len(stride)
    found = []
    for o in map(plan.place, offsets):
        stop = [a + end for a, end in zip(o, ends, strict=True)]
        found.append(xp.slice(x, (0,) * lead + o, (*x.shape[:lead], *stop), (1,) * lead + stride))
    return tuple(found)


class Plan:
    """How far the offsets read outside an array of size n, and the sizes that follow."""

    def __init__(self, n, offsets, boundary, stride, whole=False):
        self.n, self.boundary = n, boundary
        self.out = tuple(-(-a // s) for a, s in zip(n, stride, strict=True))
        self.low = self.high = (0,) * len(n)
        if 0 not in n and (whole or boundary != "zero"):  # `shifted_sum` reads zeros by itself
            last = [(m - 1) * s for m, s in zip(self.out, stride, strict=True)]
            offsets = [self.near(o) for o in offsets]
            self.low = tuple(max(0, -min(o)) for o in zip(*offsets, strict=True))
            self.high = tuple(
                max(0, end + max(o) - (a - 1))
                for end, a, o in zip(last, n, zip(*offsets, strict=True), strict=True)
            )
            self._check()
        self.wide = tuple(sum(w) for w in zip(self.low, n, self.high, strict=True))

    def near(self, offset):
        """Around a ring it is not further than half of it."""
        if self.boundary != "wrap" or 0 in self.n:
            return offset
        return tuple((o + a // 2) % a - a // 2 for o, a in zip(offset, self.n, strict=True))

    def place(self, offset):
        """The offset in the array with its halo."""
        return tuple(o + low for o, low in zip(self.near(offset), self.low, strict=True))

    def _check(self):
        most = {"reflect": -1, "symmetric": 0}.get(self.boundary)
        for a, low, high in zip(self.n, self.low, self.high, strict=True):
            if most is not None and max(low, high) > a + most:
                raise AutodiffError(
                    f"the boundary {self.boundary!r} mirrors {max(0, a + most)} entries of an axis "
                    f"of size {a}, and this stencil reads {max(low, high)} outside; use another "
                    "boundary, or a larger array"
                )

    def sides(self, axis):
        """The two parts of the halo along an axis: where they come from, how, and how many."""
        n, low, high = self.n[axis], self.low[axis], self.high[axis]
        sides = BOUNDARIES[self.boundary](n, low, high)
        return [(*side, count) for side, count in zip(sides, (low, high), strict=True)]


def extended(xp, x, plan):
    """x with its halo, one axis after the other."""
    lead = len(x.shape) - len(plan.n)
    if not any(plan.low + plan.high):
        return x
    if plan.boundary == "zero":
        none = (0,) * lead
        return xp.pad(x, 0, none + plan.low, none + plan.high, (0,) * len(x.shape))
    for axis in range(len(plan.n)):
        left, right = (_halo(xp, x, lead + axis, *side) for side in plan.sides(axis))
        parts = [part for part in (left, x, right) if part is not None]
        x = xp.concat(parts, lead + axis) if len(parts) > 1 else x
    return x


def _halo(xp, x, axis, start, stop, how, count):
    if not count:
        return None
    part = _between(xp, x, axis, start, stop)
    if how == "repeat":
        shape = [count if k == axis else m for k, m in enumerate(x.shape)]
        return xp.broadcast(part, tuple(shape), tuple(range(len(shape))))
    return xp.flip(part, (axis,)) if how == "flip" else part


def folded(xp, g, plan):
    """The transpose of `extended`: the halo goes back to the entries that it was made from."""
    lead, rank = len(g.shape) - len(plan.n), len(plan.n)
    for axis in reversed(range(rank)):
        low, n, high = plan.low[axis], plan.n[axis], plan.high[axis]
        if not low + high:
            continue
        parts = [_between(xp, g, lead + axis, low, low + n)]
        starts = [0]
        for at, (start, _, how, count) in zip((0, low + n), plan.sides(axis), strict=True):
            if count:
                part = _between(xp, g, lead + axis, at, at + count)
                parts.append(_gathered(xp, part, lead + axis, how))
                starts.append(start)
        reads = [
            (k, tuple(-start if i == axis else 0 for i in range(rank)), 1)
            for k, start in enumerate(starts)
        ]
        g = xp.shifted_sum(parts, reads, tuple(parts[0].shape[lead:]))
    return g


def _gathered(xp, part, axis, how):
    if how == "repeat":
        return xp.sum(part, (axis,), True)
    return xp.flip(part, (axis,)) if how == "flip" else part


def _between(xp, x, axis, start, stop):
    first, last = [0] * len(x.shape), list(x.shape)
    first[axis], last[axis] = start, stop
    return xp.slice(x, tuple(first), tuple(last), (1,) * len(first))


def overlap(n, m, offset, step):
    """The i below n for which j = step i + offset is an index below m, and those j: two slices.

    >>> overlap(5, 5, -1, 1)
    (slice(1, 5, None), slice(0, 4, 1))
    """
    first, end = max(0, -(offset // step)), min(n, (m - 1 - offset) // step + 1)
    if end <= first:
        return None
    j = step * first + offset
    return slice(first, end), slice(j, step * (end - 1) + offset + 1, step)


def regions(out, size, offset, stride, spread):
    """Where y[i] reads x[(stride i + offset) / spread]: slices of y and of x, or None."""
    found = []
    for n, m, o, s, t in zip(out, size, offset, stride, spread, strict=True):
        both = overlap(n, m, o, s) if t == 1 else overlap(m, n, -o, t)
        if both is None:
            return None
        found.append(both if t == 1 else both[::-1])
    return tuple(i for i, _ in found), tuple(j for _, j in found)
