"""Second derivatives, series, one gradient for each example."""

import numpy as np

from .exercise import exercise
from .oracles import jacobian, slopes


def bowl(x):
    """Of any framework's array, or NumPy's."""
    return (x[1:] ** 3 * x[:-1] ** 2).sum() + (x * x).sum()


exercise(
    "07.hvp",
    stub="""
    def hvp(f, x, v): ...  # fill in: the Hessian of f at x, times v; two walks, no matrix
    """,
    cases=lambda random: [(random.normal(size=4).round(2), random.normal(size=4)) for _ in "ab"],
    ask=lambda answer, inputs, xp: answer(bowl, *inputs),
    expected=lambda x, v: jacobian(lambda x: slopes(bowl, x, h=1e-4), x, h=1e-4) @ v,
    tolerance=1e-3,
    hints=(
        "A Hessian is the Jacobian of the gradient. Which walk multiplies a Jacobian with a vector?",
        "ad.grad(f) is a function like any other: ask how it moves if x moves along v.",
        "ad.jvp(ad.grad(f), (x,), (v,)) gives the gradient and its tangent.",
    ),
    solution="""
    def hvp(f, x, v):
        # forward over reverse: how does the gradient move along v?
        gradient, along = ad.jvp(ad.grad(f), (x,), (v,))
        return along
    """,
    slips={
        "that is the gradient times v, entry by entry: only one derivative was taken.": """
        def hvp(f, x, v):
            return ad.grad(f)(x) * v
        """,
        "that is how f moves along v, one number: walk over the *gradient* of f.": """
        def hvp(f, x, v):
            return ad.jvp(f, (x,), (v,))[1]
        """,
        "ad.jvp gives a pair, value and tangent; the first is the gradient, the second is asked.": """
        def hvp(f, x, v):
            return ad.jvp(ad.grad(f), (x,), (v,))[0]
        """,
        "that differentiates at v, in the direction x: the point comes first.": """
        def hvp(f, x, v):
            return ad.jvp(ad.grad(f), (v,), (x,))[1]
        """,
        "that is the gradient at x + v less the gradient at x: only for a square is it the same.": """
        def hvp(f, x, v):
            return ad.grad(f)(x + v) - ad.grad(f)(x)
        """,
    },
)

exercise(
    "07.newton",
    stub="""
    def newton(f, x): ...  # fill in: where one step of Newton's method leads, for numbers x
    """,
    cases=lambda random: [(np.array(x),) for x in (0.3, -0.7, 2.0)],
    ask=lambda answer, inputs, xp: answer(lambda x: x**4 / 4 + x * x - x, inputs[0]),
    expected=lambda x: x - (x**3 + 2 * x - 1) / (3 * x**2 + 2),
    hints=(
        "Near x the function is a parabola with the same slope and the same bend. Where is its floor?",
        "The slope is to become 0: slope + bend * step = 0.",
        "The slope is ad.grad(f)(x), the bend ad.grad(ad.grad(f))(x).",
    ),
    solution="""
    def newton(f, x):
        # the slope falls to 0 after slope / bend
        return x - ad.grad(f)(x) / ad.grad(ad.grad(f))(x)
    """,
    slips={
        "you walk uphill: the step goes against the slope.": """
        def newton(f, x):
            return x + ad.grad(f)(x) / ad.grad(ad.grad(f))(x)
        """,
        "that is Newton's method for a *root* of f; here the slope is to be 0.": """
        def newton(f, x):
            return x - f(x) / ad.grad(f)(x)
        """,
        "that is the step; it starts from x.": """
        def newton(f, x):
            return -ad.grad(f)(x) / ad.grad(ad.grad(f))(x)
        """,
        "the step is longer where the bend is *smaller*: divide by it.": """
        def newton(f, x):
            return x - ad.grad(f)(x) * ad.grad(ad.grad(f))(x)
        """,
        "that is one step of plain gradient descent.": """
        def newton(f, x):
            return x - ad.grad(f)(x)
        """,
    },
)

exercise(
    "07.series",
    stub="""
    def times(a, b): ...  # fill in: a[0] + a[1] t + a[2] t**2 ... times b, up to the same order
    """,
    cases=lambda random: [
        (a.tolist(), b.tolist()) for a, b in (random.integers(1, 6, (2, n)) for n in (2, 3, 5))
    ],
    ask=lambda answer, inputs, xp: tuple(answer(*inputs) or ()),
    expected=lambda a, b: tuple(map(np.array, np.polymul(a[::-1], b[::-1])[::-1][: len(a)])),
    frameworks=("torch",),
    hints=(
        "Which pairs of terms give t**2? a[0] b[2], a[1] b[1], a[2] b[0].",
        "Entry k is the sum of a[i] * b[k - i] for i from 0 to k.",
        "Terms of a higher order than the last of a are dropped: the result is as long as a.",
    ),
    solution="""
    def times(a, b):
        # t**i times t**(k - i) is t**k
        return [sum(a[i] * b[k - i] for i in range(k + 1)) for k in range(len(a))]
    """,
    slips={
        "t**1 times t**1 is t**2: the terms do not multiply one by one.": """
        def times(a, b):
            return [x * y for x, y in zip(a, b)]
        """,
        "the sum ends one too early: i goes up to k itself.": """
        def times(a, b):
            return [sum(a[i] * b[k - i] for i in range(k)) for k in range(len(a))]
        """,
        "terms of a higher order are to be dropped: the answer is as long as a.": """
        def times(a, b):
            out = [0] * (2 * len(a) - 1)
            for i, x in enumerate(a):
                for j, y in enumerate(b):
                    out[i + j] += x * y
            return out
        """,
        "only the first order is right: that is the product rule, and t**2 has three terms.": """
        def times(a, b):
            return [a[0] * b[0]] + [a[0] * b[k] + a[k] * b[0] for k in range(1, len(a))]
        """,
        "that is the sum.": """
        def times(a, b):
            return [x + y for x, y in zip(a, b)]
        """,
    },
)
