"""Control flow: what is recorded, and what both branches of a `where` do."""

import numpy as np

from autodiff_lab import grad, record

from .exercise import exercise, guess


def _multiplications(power, n):
    import torch

    tape = record(lambda x: power(x, n), torch.tensor(1.1, dtype=torch.float64))
    return sum(node.op == "multiply" for node in tape.nodes)


def _too_many(power):
    found = _multiplications(power, 100)
    if found > 13:
        return (f"The value is right, but x**100 took {found} multiplications; "
                "squaring halves of it takes 8 to 13.")  # fmt: skip
    return None


exercise(
    "05.power",
    stub="""
    def power(x, n): ...  # fill in: x to the n-th (n is 1 or more), by calling yourself
    """,
    cases=lambda random: [(np.array(1.5), n) for n in (1, 2, 3, 6, 13)],
    ask=lambda answer, inputs, xp: answer(*inputs),
    expected=lambda x, n: np.array(np.prod(np.full(n, x))),
    judge=_too_many,
    frameworks=("torch",),
    hints=(
        "x**6 is the square of x**3: compute the half once, and multiply it with itself.",
        "If n is odd, one factor is left over: x**13 is x**6 squared, times x.",
        "half = power(x, n // 2), and the recursion ends where n is 1.",
    ),
    solution="""
    def power(x, n):
        if n == 1:
            return x
        # the half is computed once, and read twice
        half = power(x, n // 2)
        return half * half if n % 2 == 0 else half * half * x
    """,
    slips={
        "for odd n one factor x is left over.": """
        def power(x, n):
            if n == 1:
                return x
            half = power(x, n // 2)
            return half * half
        """,
        "half plus half is 2 times half; the power wants half times half.": """
        def power(x, n):
            if n == 1:
                return x
            half = power(x, n // 2)
            return half + half if n % 2 == 0 else half * half * x
        """,
        "there is a factor x too many when n is even.": """
        def power(x, n):
            if n == 1:
                return x
            half = power(x, n // 2)
            return half * half * x
        """,
        "that is x times n.": """
        def power(x, n):
            return x * n
        """,
        "one factor is missing, or one too many: at n = 1 the answer is x.": """
        def power(x, n):
            return x if n == 0 else x * power(x, n - 1)
        """,
    },
)

exercise(
    "05.root",
    stub="""
    def root(xp, x): ...  # fill in: sqrt(x), but 0 where x <= 0, with slope 0 there
    """,
    cases=lambda random: [(np.array(v),) for v in ([4.0, 0.25], [4.0, 0.0, -1.0], [-2.0, 9.0])],
    ask=lambda answer, inputs, xp: _value_and_slope(lambda x: answer(xp, x), inputs[0]),
    expected=lambda x: (
        np.sqrt(np.where(x > 0, x, 0)),
        np.where(x > 0, 0.5 / np.sqrt(np.where(x > 0, x, 1)), 0),
    ),
    hints=(
        "xp.where computes both sides everywhere. What is the slope of sqrt at 0 and at -1?",
        "inf times 0 is NaN. So sqrt must never see a number that it cannot bear.",
        "Two wheres: one makes x safe (put 1 where it is not positive), one chooses the result.",
    ),
    solution="""
    def root(xp, x):
        # what is not positive is made harmless before the root, and thrown away after it
        safe = xp.where(x > 0, x, 1 + 0 * x)
        return xp.where(x > 0, xp.sqrt(safe), 0 * x)
    """,
    slips={
        "the branch that is not taken has a slope too: 0 times inf is NaN. Make x safe before.": """
        def root(xp, x):
            return xp.where(x > 0, xp.sqrt(x), 0 * x)
        """,
        "at 0 itself the slope is infinite: x = 0 belongs to the side that is made safe.": """
        def root(xp, x):
            safe = xp.where(x >= 0, x, 1 + 0 * x)
            return xp.where(x >= 0, xp.sqrt(safe), 0 * x)
        """,
        "x is safe now, but the result is not chosen: where x <= 0 the answer must be 0.": """
        def root(xp, x):
            return xp.sqrt(xp.where(x > 0, x, 1 + 0 * x))
        """,
        "a small number under the root hides the NaN, and changes every value a little.": """
        def root(xp, x):
            safe = xp.where(x > 0, x, 0 * x) + 0.001
            return xp.sqrt(safe)
        """,
        "the root of |x| is not 0 for a negative x.": """
        def root(xp, x):
            return xp.sqrt(abs(x))
        """,
    },
)


def _value_and_slope(f, x):
    y = f(x)
    return (y, grad(lambda x: f(x).sum())(x)) if hasattr(y, "shape") else ...


guess(
    "05.cases",
    "seen",
    say='Fill in how many "multiply" nodes the tape has',
    answers={
        "for _ in range(4): x = x * x": 4,
        "x * x if x > 0 else x, at x = -1": 0,
        "while x < 100: x = x * 10, from x = 1": 2,
        "(x * x) if True and x > 0 else (x * x * x), at x = -1": 2,
    },
    why="what is done counts: trips that are made, sides that are taken",
    hints=(
        "The tape holds what was done to numbers, and nothing else.",
        "A side that is not taken leaves no node; a loop leaves its body once for each trip.",
        "Try it: sum(n.op == 'multiply' for n in ad.record(f, x).nodes).",
    ),
    slips={
        "a loop leaves its body once for each trip, not once.": {
            "for _ in range(4): x = x * x": 1,
            "while x < 100: x = x * 10, from x = 1": 1,
        },
        "the side that is not taken leaves nothing: at x = -1 nothing is multiplied.": {
            "x * x if x > 0 else x, at x = -1": 1
        },
        "1, 10, 100: the loop ends when x is no longer below 100, so it makes two trips.": {
            "while x < 100: x = x * 10, from x = 1": 3
        },
        "x is negative, so the second side is taken: x * x * x multiplies twice.": {
            "(x * x) if True and x > 0 else (x * x * x), at x = -1": 1
        },
        "only one side is ever taken; both were counted.": {
            "x * x if x > 0 else x, at x = -1": 1,
            "(x * x) if True and x > 0 else (x * x * x), at x = -1": 3,
        },
    },
)
