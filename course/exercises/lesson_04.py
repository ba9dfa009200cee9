"""Reverse mode: rules that pull back, and a walk that adds up."""

import numpy as np

from .exercise import exercise
from .oracles import slopes

exercise(
    "04.divide",
    stub="""
    def pull_divide(g, y, a, b): ...  # fill in: return what a and b get, as a pair
    """,
    cases=lambda random: [tuple(random.uniform(0.5, 2, (3, n))) for n in (1, 4, 4)],
    ask=lambda answer, inputs, xp: answer(inputs[0], inputs[1] / inputs[2], *inputs[1:]),
    expected=lambda g, a, b: tuple(
        slopes(lambda a, b: (g * (a / b)).sum(), a, b, argnum=k) for k in (0, 1)
    ),
    hints=(
        "With b held still, a / b is a times a constant. What does a get?",
        "With a held still, a / b is a times b to the power of -1. What is its derivative?",
        "Both answers carry g. The second can be said with y: -g * y / b.",
    ),
    solution="""
    def pull_divide(g, y, a, b):
        # a / b is linear in a; the derivative of 1 / b is -1 / b**2, and y is at hand
        return g / b, -g * y / b
    """,
    slips={
        "the derivative of 1 / b is -1 / b**2: b is missing once.": """
        def pull_divide(g, y, a, b):
            return g / b, -g * a / b
        """,
        "y has one division by b in it already: -g * y / b.": """
        def pull_divide(g, y, a, b):
            return g / b, -g * y / b**2
        """,
        "what b gets lacks the incoming g.": """
        def pull_divide(g, y, a, b):
            return g / b, -a / b**2
        """,
        "what a gets lacks the incoming g.": """
        def pull_divide(g, y, a, b):
            return 1 / b, -g * y / b
        """,
        "two inputs, so two cotangents: their sum is what a *tangent* would be.": """
        def pull_divide(g, y, a, b):
            return g / b - g * y / b
        """,
        "b has to get something, too: return a pair.": """
        def pull_divide(g, y, a, b):
            return g / b
        """,
        "only b pulls the other way: a larger a makes a larger quotient.": """
        def pull_divide(g, y, a, b):
            return -g / b, -g * y / b
        """,
        "b is divided by, not a: the second is -g * y / b.": """
        def pull_divide(g, y, a, b):
            return g / b, -g * y / a
        """,
        "a / b is linear in a with slope 1 / b, not b.": """
        def pull_divide(g, y, a, b):
            return g * b, -g * y / b
        """,
        "b gets the wrong sign: a larger divisor makes the quotient smaller.": """
        def pull_divide(g, y, a, b):
            return g / b, g * y / b
        """,
        "b gets -g / b**2: the numerator a is missing.": """
        def pull_divide(g, y, a, b):
            return g / b, -g / b**2
        """,
        "these are the partial derivatives, and the incoming g is not in them.": """
        def pull_divide(g, y, a, b):
            return 1 / b, -a / b**2
        """,
        "the two are the wrong way round: the first is for a.": """
        def pull_divide(g, y, a, b):
            return -g * y / b, g / b
        """,
        "that is the rule of a * b.": """
        def pull_divide(g, y, a, b):
            return g * b, g * a
        """,
    },
)

exercise(
    "04.fan_out",
    given="""
    # A tape of numbers: node k has parents, and for each parent the slope of k with respect to it.
    square_plus_x = [((), ()), ((0, 0), (3.0, 3.0)), ((1, 0), (1.0, 1.0))]  # x=3, x*x, x*x + x
    """,
    stub="""
    def adjoints(tape):
        found = [0.0] * len(tape)
        found[-1] = 1.0
        ...  # fill in: walk back, and let every node give to its parents
        return ...
    """,
    cases=lambda random: [([((), ()), ((0, 0), (3.0, 3.0)), ((1, 0), (1.0, 1.0))],), *(
        (_random_tape(random, n),) for n in (3, 6, 9))],
    expected=lambda tape: tuple(_by_paths(tape)),
    ask=lambda answer, inputs, xp: tuple(_values(answer(*inputs))),
    frameworks=("torch",),
    hints=(
        "Every node must have all of its own adjoint before it gives: which order is that?",
        "Node k gives to parent p its own adjoint times the slope that stands beside p.",
        "A parent may be there twice, or get from several nodes: what comes is added (+=).",
    ),
    solution="""
    def adjoints(tape):
        found = [0.0] * len(tape)
        found[-1] = 1.0
        # from the end to the beginning: whoever reads a node comes after it
        for k in reversed(range(len(tape))):
            parents, slopes = tape[k]
            for p, slope in zip(parents, slopes):
                # a value that is read twice gets twice
                found[p] += found[k] * slope
        return found
    """,
    slips={
        "the slope beside the parent is missing: it multiplies what the parent gets.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[-1] = 1.0
            for k in reversed(range(len(tape))):
                for p, slope in zip(*tape[k]):
                    found[p] += found[k]
            return found
        """,
        "nothing has reached the parents: each gets found[k] * slope, added to what it has.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[-1] = 1.0
            for k in reversed(range(len(tape))):
                for p, slope in zip(*tape[k]):
                    found[k] += found[p] * slope
            return found
        """,
        "the end has adjoint 1, or there is nothing to give.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            pass
            for k in reversed(range(len(tape))):
                for p, slope in zip(*tape[k]):
                    found[p] += found[k] * slope
            return found
        """,
        "the walk begins at the end: the *last* node has adjoint 1.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[0] = 1.0
            for k in reversed(range(len(tape))):
                for p, slope in zip(*tape[k]):
                    found[p] += found[k] * slope
            return found
        """,
        "that is the input's adjoint; return those of all nodes.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[-1] = 1.0
            for k in reversed(range(len(tape))):
                for p, slope in zip(*tape[k]):
                    found[p] += found[k] * slope
            return found[0]
        """,
        "a node gives to *all* of its parents, not only to the first.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[-1] = 1.0
            for k in reversed(range(len(tape))):
                for p, slope in zip(*tape[k]):
                    found[p] += found[k] * slope if p == tape[k][0][0] else 0.0
            return found
        """,
        "you kept the last cotangent that came, but x is read more than once: what comes adds up.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[-1] = 1.0
            for k in reversed(range(len(tape))):
                for p, slope in zip(*tape[k]):
                    found[p] = found[k] * slope
            return found
        """,
        "you walk forward: a node then gives before it has got anything itself.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[-1] = 1.0
            for k in range(len(tape)):
                for p, slope in zip(*tape[k]):
                    found[p] += found[k] * slope
            return found
        """,
        "each parent got its slope alone: it is multiplied by the adjoint of the node that gives.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[-1] = 1.0
            for k in reversed(range(len(tape))):
                for p, slope in zip(*tape[k]):
                    found[p] += slope
            return found
        """,
        "you added the cotangent once, but `x` is used twice by one node: give for each place.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[-1] = 1.0
            for k in reversed(range(len(tape))):
                for p, slope in dict(zip(*tape[k])).items():
                    found[p] += found[k] * slope
            return found
        """,
        "the adjoint was added where it is multiplied by the slope.": """
        def adjoints(tape):
            found = [0.0] * len(tape)
            found[-1] = 1.0
            for k in reversed(range(len(tape))):
                for p, slope in zip(*tape[k]):
                    found[p] += found[k] + slope
            return found
        """,
    },
)  # fmt: skip


def _random_tape(random, n):
    """n nodes after one input, each reading one or two that came before."""
    tape = [((), ())]
    for k in range(1, n):
        parents = (k - 1, *random.integers(0, k, 1).tolist())
        tape.append((parents, tuple(random.uniform(0.5, 2, 2).round(2).tolist())))
    return tape


def _by_paths(tape):
    """The adjoint as Bauer (1974) has it: over all paths to the end, the product of the slopes."""

    def paths(start, end):
        if start == end:
            return 1.0
        reads = ((p, s) for p, s in zip(*tape[end], strict=True))
        return sum(slope * paths(start, p) for p, slope in reads if p >= start)

    return [np.array(paths(k, len(tape) - 1)) for k in range(len(tape))]


def _values(found):
    return found if isinstance(found, list) else [found]


exercise(
    "04.unbroadcast",
    stub="""
    def unbroadcast(g, shape): ...  # fill in: what an input of this shape gets, if g is the larger
    """,
    cases=lambda random: [
        (random.normal(size=big), small)
        for big, small in (((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), ()), ((2, 3), (2, 3)),
                           ((4, 2, 3), (2, 1)), ((4, 2, 3), (1, 3)))
    ],
    expected=lambda g, shape: slopes(
        lambda x: (g * x).sum(), np.ones(shape)
    ).reshape(shape),
    hints=(
        "An entry that was copied to many places is read many times: its cotangents add up.",
        "Dimensions that are only in g are summed away; those of size 1 are summed and kept.",
        "First sum over the leading dims while g.ndim > len(shape); then, where shape[d] == 1, "
        "sum over d and put the dim of size 1 back by reshape(shape).",
    ),
    solution="""
    def unbroadcast(g, shape):
        # dims that broadcasting put in front
        while g.ndim > len(shape):
            g = g.sum(0)
        # dims of size 1 that it made longer; going backwards, the numbers of the others stay
        for d in reversed(range(len(shape))):
            if shape[d] == 1:
                g = g.sum(d)
        return g.reshape(shape)
    """,
    slips={
        "the first dim is summed, always: only those that were broadcast are.": """
        def unbroadcast(g, shape):
            return g.sum(0)
        """,
        "a reshape moves entries and adds none up: sum over what was copied, first.": """
        def unbroadcast(g, shape):
            return g.reshape(shape)
        """,
        "dims are put in *front* by broadcasting; you sum from the back.": """
        def unbroadcast(g, shape):
            while g.ndim > len(shape):
                g = g.sum(-1)
            return g
        """,
        "a dim of size 1 is summed and kept: bring it back by reshape(shape).": """
        def unbroadcast(g, shape):
            while g.ndim > len(shape):
                g = g.sum(0)
            for d in reversed(range(len(shape))):
                if shape[d] == 1:
                    g = g.sum(d)
            return g
        """,
        "there may be several dims in front: `while`, not `if`.": """
        def unbroadcast(g, shape):
            if g.ndim > len(shape):
                g = g.sum(0)
            for d in reversed(range(len(shape))):
                if shape[d] == 1 and d < g.ndim:
                    g = g.sum(d)
            return g.reshape(shape) if g.ndim <= len(shape) else g
        """,
        "the input gets zeros: nothing of g is left.": """
        def unbroadcast(g, shape):
            while g.ndim > len(shape):
                g = g.sum(0)
            for d in reversed(range(len(shape))):
                if shape[d] == 1:
                    g = g.sum(d)
            return 0 * g.reshape(shape)
        """,
        "the dims in front are still there: sum over those first.": """
        def unbroadcast(g, shape):
            for d in range(len(shape)):
                if shape[d] == 1 and g.ndim == len(shape):
                    g = g.sum(d, keepdims=True)
            return g
        """,
        "you took the mean: each copy has its own share of the output, so the shares add up.": """
        def unbroadcast(g, shape):
            n = 1
            for size in shape:
                n = n * size
            total = 1
            for size in g.shape:
                total = total * size
            lead = g.ndim - len(shape)
            for d in reversed(range(g.ndim)):
                if d < lead or shape[d - lead] == 1:
                    g = g.sum(d)
            return g.reshape(shape) * (n / total)
        """,
        "everything is summed: only the dims that were broadcast are.": """
        def unbroadcast(g, shape):
            return g.sum() + 0 * g.reshape(-1)[: (shape + (1,))[0]].sum()
        """,
        "the leading dims are gone, but dims of size 1 that were made longer are summed too.": """
        def unbroadcast(g, shape):
            while g.ndim > len(shape):
                g = g.sum(0)
            return g
        """,
        "one copy was taken, where all copies add up.": """
        def unbroadcast(g, shape):
            while g.ndim > len(shape):
                g = g[0]
            for d in range(len(shape)):
                if shape[d] == 1 and g.shape[d] != 1:
                    g = g[:1] if d == 0 else g[:, :1]
            return g
        """,
        "g has to become as small as the input was; it is as large as it came.": """
        def unbroadcast(g, shape):
            return g
        """,
    },
)  # fmt: skip
