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
        "`ad.jvp` gives a pair, the gradient and its tangent; only the second is asked.": """
        def hvp(f, x, v):
            return ad.jvp(ad.grad(f), (x,), (v,))
        """,
        "that is the Hessian times ones: multiply the gradient by v before it is summed.": """
        def hvp(f, x, v):
            return ad.grad(lambda x: ad.grad(f)(x).sum())(x)
        """,
        "that sums each row of the Hessian and multiplies by v after: v comes before the sum.": """
        def hvp(f, x, v):
            return ad.grad(lambda x: ad.grad(f)(x).sum())(x) * v
        """,
        "that is one number, v times H times v: one of the two walks has to be a gradient.": """
        def hvp(f, x, v):
            return (v * ad.jvp(ad.grad(f), (x,), (v,))[1]).sum()
        """,
        "that is the whole Hessian; its product with v is asked, without it.": """
        def hvp(f, x, v):
            return ad.hessian(f)(x)
        """,
        "`*` multiplies entry by entry; a matrix times a vector is `@`. And it goes without the matrix.": """
        def hvp(f, x, v):
            return ad.hessian(f)(x) * v
        """,
        "the direction is v, not x.": """
        def hvp(f, x, v):
            return ad.jvp(ad.grad(f), (x,), (x,))[1]
        """,
        "that is the gradient at v; the point is x, and v the direction.": """
        def hvp(f, x, v):
            return ad.grad(f)(v)
        """,
        "that is the gradient times v, entry by entry: only one derivative was taken.": """
        def hvp(f, x, v):
            return ad.grad(f)(x) * v
        """,
        "that is how f moves along v, one number: walk over the *gradient* of f.": """
        def hvp(f, x, v):
            return ad.jvp(f, (x,), (v,))[1]
        """,
        "that is the gradient itself; of the pair that ad.jvp gives the second is asked, its tangent.": """
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
        "slope and bend have changed places: slope divided by bend.": """
        def newton(f, x):
            return x - ad.grad(ad.grad(f))(x) / ad.grad(f)(x)
        """,
        "that is f divided by its bend; it is the *slope* that is to become 0.": """
        def newton(f, x):
            return x - f(x) / ad.grad(ad.grad(f))(x)
        """,
        "that is how far; it starts from x, and goes against the slope.": """
        def newton(f, x):
            return ad.grad(f)(x) / ad.grad(ad.grad(f))(x)
        """,
        "brackets: only the slope is divided by the bend, not x.": """
        def newton(f, x):
            return (x - ad.grad(f)(x)) / ad.grad(ad.grad(f))(x)
        """,
        "half a step: the floor of the parabola is a whole one away.": """
        def newton(f, x):
            return x - 0.5 * ad.grad(f)(x) / ad.grad(ad.grad(f))(x)
        """,
        "two steps; one is asked.": """
        def newton(f, x):
            for _ in range(2):
                x = x - ad.grad(f)(x) / ad.grad(ad.grad(f))(x)
            return x
        """,
        "the bend is the derivative of the slope, not the slope squared.": """
        def newton(f, x):
            return x - ad.grad(f)(x) / ad.grad(f)(x) ** 2
        """,
        "ad.grad takes a function and gives a function: ad.grad(f)(x).": """
        def newton(f, x):
            return x - ad.grad(f(x)) / ad.grad(ad.grad(f(x)))
        """,
        "ad.grad(f) is a function: call it, ad.grad(f)(x).": """
        def newton(f, x):
            return x - ad.grad(f)
        """,
        "that is the function's value there; where it is, is asked.": """
        def newton(f, x):
            return f(x - ad.grad(f)(x) / ad.grad(ad.grad(f))(x))
        """,
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
    ask=lambda answer, inputs, xp: answer(*inputs),
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
        "each pair was counted twice: i from 0 to k meets them all.": """
        def times(a, b):
            return [sum(a[i] * b[k - i] + a[k - i] * b[i] for i in range(k + 1)) for k in range(len(a))]
        """,
        "the sum begins at i = 0.": """
        def times(a, b):
            return [sum(a[i] * b[k - i] for i in range(1, k + 1)) for k in range(len(a))]
        """,
        "b goes backwards where a goes forwards: b[k - i], not b[i].": """
        def times(a, b):
            return [sum(a[i] * b[i] for i in range(k + 1)) for k in range(len(a))]
        """,
        "only a[0] was multiplied; every a[i] meets a b.": """
        def times(a, b):
            return [a[0] * y for y in b]
        """,
        "b[k - i] with i beyond k counts from the end of b: i stops at k.": """
        def times(a, b):
            return [sum(a[i] * b[k - i] for i in range(len(a))) for k in range(len(a))]
        """,
        "that has the binomials of derivatives; coefficients have them inside already.": """
        def times(a, b):
            from math import comb
            return [sum(comb(k, i) * a[i] * b[k - i] for i in range(k + 1)) for k in range(len(a))]
        """,
        "these are the highest terms; the lowest are asked.": """
        def times(a, b):
            return np.convolve(a, b)[-len(a):].tolist()
        """,
        "these are the middle terms; the first are asked.": """
        def times(a, b):
            return np.convolve(a, b, "same").tolist()
        """,
        "all pairs, not yet sorted: those with i + j = k belong to t**k.": """
        def times(a, b):
            return np.outer(a, b)
        """,
        "the two lists stand one after the other; `+` does that to lists.": """
        def times(a, b):
            return a + b
        """,
        "one number: a series has a coefficient for each power of t.": """
        def times(a, b):
            return sum(a) * sum(b)
        """,
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
