"""Bending the gradient: rules of one's own, kinks and ties."""

import numpy as np

from .exercise import exercise, guess

exercise(
    "06.surrogate",
    stub="""
    def pull_sign(g, y, x): ...  # fill in: what x gets; the slope is 1 where |x| <= 1, else 0
    """,
    cases=lambda random: [
        (random.normal(size=5).round(2), np.array([-1.5, -0.5, 0.25, 1.0, 3.0])) for _ in range(2)
    ],
    ask=lambda answer, inputs, xp: answer(inputs[0], xp.sign(inputs[1]), inputs[1]),
    expected=lambda g, x: np.where(np.abs(x) <= 1, g, 0),
    hints=(
        "In the middle g passes as it is; far out nothing passes.",
        "abs(x) <= 1 is an array of True and False. Multiplied with g it is 1 or 0.",
        "return g * (abs(x) <= 1)",
    ),
    solution="""
    def pull_sign(g, y, x):
        # the cotangent passes where the surrogate, a ramp from -1 to 1, is steep
        return g * (abs(x) <= 1)
    """,
    slips={
        "at |x| = 1 itself the slope is 1 still.": """
        def pull_sign(g, y, x):
            return g * (abs(x) < 1)
        """,
        "that looks at one side alone; the slope is 0 below -1 as well.": """
        def pull_sign(g, y, x):
            return g * (x <= 1)
        """,
        "that looks at one side alone; the slope is 0 above 1 as well.": """
        def pull_sign(g, y, x):
            return g * (x >= -1)
        """,
        "that multiplies by the ramp; its *slope* is asked, 1 or 0.": """
        def pull_sign(g, y, x):
            return g * x.clip(-1, 1)
        """,
        "g is clipped here; it is x that has to lie between -1 and 1.": """
        def pull_sign(g, y, x):
            return g.clip(-1, 1)
        """,
        "x decides whether g passes; what passes is g.": """
        def pull_sign(g, y, x):
            return x * (abs(x) <= 1)
        """,
        "the sign decides nothing: what passes is g.": """
        def pull_sign(g, y, x):
            return y * (abs(x) <= 1)
        """,
        "it is x that has to lie between -1 and 1, not g.": """
        def pull_sign(g, y, x):
            return g * (abs(g) <= 1)
        """,
        "everything passes; far from the step, where |x| > 1, nothing should.": """
        def pull_sign(g, y, x):
            return g
        """,
        "the incoming g is missing: this is the slope alone.": """
        def pull_sign(g, y, x):
            return 1.0 * (abs(x) <= 1)
        """,
        "that is the other half: it passes where |x| > 1.": """
        def pull_sign(g, y, x):
            return g * (abs(x) > 1)
        """,
        "g is multiplied by the value y; it wants the slope.": """
        def pull_sign(g, y, x):
            return g * y
        """,
        "the true slope of a sign is 0, and that is what we want to replace.": """
        def pull_sign(g, y, x):
            return 0 * g
        """,
    },
)

exercise(
    "06.length",
    stub="""
    def pull_length(xp, g, y, x): ...  # fill in: y is the length of x; what does x get?
    """,
    cases=lambda random: [
        (np.array(1.0), np.array([3.0, 4.0])),
        (np.array(-2.0), np.array([0.6, 0.0, -0.8])),
        (np.array(0.5), np.zeros(3)),
    ],
    ask=lambda answer, inputs, xp: answer(xp, inputs[0], (inputs[1] ** 2).sum() ** 0.5, inputs[1]),
    expected=lambda g, x: g * x / max(np.sqrt((x * x).sum()), 1e-300),
    hints=(
        "Away from 0 the gradient of the length is the direction: x divided by its length.",
        "At 0 that is 0 / 0. Any direction is as good as another; the even choice is none: 0.",
        "Divide by xp.where(y > 0, y, 1 + 0 * y): then 0 / 1 = 0.",
    ),
    solution="""
    def pull_length(xp, g, y, x):
        # at 0 there is no direction: 0 / 1 instead of 0 / 0
        return g * x / xp.where(y > 0, y, 1 + 0 * y)
    """,
    slips={
        "y is the length already, not its square: divide once.": """
        def pull_length(xp, g, y, x):
            return g * x / xp.where(y > 0, y, 1 + 0 * y) ** 2
        """,
        "the 2 of x**2 has been cancelled by the root.": """
        def pull_length(xp, g, y, x):
            return 2 * g * x / xp.where(y > 0, y, 1 + 0 * y)
        """,
        "the root halves and the square doubles: no factor is left.": """
        def pull_length(xp, g, y, x):
            return g * x / (2 * xp.where(y > 0, y, 1 + 0 * y))
        """,
        "that is the sign of each entry; the gradient is the direction of all together.": """
        def pull_length(xp, g, y, x):
            return g * xp.sign(x)
        """,
        "one number for all: each entry gets in proportion to x.": """
        def pull_length(xp, g, y, x):
            return g / xp.where(y > 0, y, 1 + 0 * y)
        """,
        "x has an entry that is negative or 0: ask whether the *length* is 0.": """
        def pull_length(xp, g, y, x):
            return xp.where(x > 0, g * x / y, 0 * x)
        """,
        "at 0 the even choice is 0: no direction is better than another.": """
        def pull_length(xp, g, y, x):
            return xp.where(y > 0, g * x / xp.where(y > 0, y, 1 + 0 * y), 1 + 0 * x)
        """,
        "x over y, not y over x.": """
        def pull_length(xp, g, y, x):
            return g * y / x
        """,
        "each entry of x gets its own: no sum.": """
        def pull_length(xp, g, y, x):
            return (g * x / xp.where(y > 0, y, 1 + 0 * y)).sum()
        """,
        "where the length is 0 the answer must still be as long as x: 0 * x.": """
        def pull_length(xp, g, y, x):
            return g * x / y if y > 0 else 0 * y
        """,
        "at x = 0 that is 0 / 0, which is NaN: divide by something else there.": """
        def pull_length(xp, g, y, x):
            return g * x / y
        """,
        "the incoming g is missing: this is the direction alone.": """
        def pull_length(xp, g, y, x):
            return x / xp.where(y > 0, y, 1 + 0 * y)
        """,
        "that is the gradient of the *square* of the length.": """
        def pull_length(xp, g, y, x):
            return 2 * g * x
        """,
        "x is not divided by its length: the gradient of a length has length 1.": """
        def pull_length(xp, g, y, x):
            return g * x
        """,
        "a small number in the divisor hides the NaN, and changes every gradient a little.": """
        def pull_length(xp, g, y, x):
            return g * x / (y + 0.001)
        """,
    },
)


guess(
    "06.ties",
    "first",
    say="Fill in the derivative with respect to x, or to its first entry.",
    answers={
        "torch.amax(x), x = [2, 2, 1]": 0.5,
        "torch.max(x, 0).values, x = [2, 2, 1]": 1.0,
        "jnp.max(x), x = [2, 2, 1]": 0.5,
        "torch.abs(x), x = 0": 0.0,
        "jnp.abs(x), x = 0": 1.0,
    },
    why="amax and jnp.max share; max along a dim has chosen; the two differ for abs",
    hints=(
        "Two of them share evenly between equal entries; one has to name a single index.",
        "torch.max along a dim also returns where the maximum was, so it has chosen one entry.",
        "At 0, |x| has slopes -1 and 1. One framework takes the middle, one the right.",
    ),
    slips={
        "amax names no index: the two equal entries share.": {"torch.amax(x), x = [2, 2, 1]": 1.0},
        "jnp.max shares between equal entries, as torch.amax does.": {
            "jnp.max(x), x = [2, 2, 1]": 1.0
        },
        "PyTorch takes the middle of the slopes -1 and 1 at |0|.": {"torch.abs(x), x = 0": 1.0},
        "it is the first of the two equal entries that torch.max along a dim names.": {
            "torch.max(x, 0).values, x = [2, 2, 1]": 0.0
        },
        "two entries share the maximum; the third is smaller and gets nothing.": {
            "torch.amax(x), x = [2, 2, 1]": 1 / 3,
            "jnp.max(x), x = [2, 2, 1]": 1 / 3,
        },
        "amax returns no index, so it has no reason to prefer one of two equal entries.": {
            "torch.amax(x), x = [2, 2, 1]": 1.0,
            "jnp.max(x), x = [2, 2, 1]": 1.0,
        },
        "torch.max along a dim has chosen an index, and only that entry gets something.": {
            "torch.max(x, 0).values, x = [2, 2, 1]": 0.5
        },
        "the two frameworks differ at |0|: PyTorch takes sign(0) = 0, JAX the slope on the right.": {
            "jnp.abs(x), x = 0": 0.0
        },
        "the two are the wrong way round at |0|: PyTorch takes the middle.": {
            "torch.abs(x), x = 0": 1.0,
            "jnp.abs(x), x = 0": 0.0,
        },
        "equal entries *share* one cotangent; each does not get all of it.": {
            "torch.amax(x), x = [2, 2, 1]": 1.0,
            "torch.max(x, 0).values, x = [2, 2, 1]": 0.5,
            "jnp.max(x), x = [2, 2, 1]": 1.0,
        },
    },
)
