"""Control flow: what is recorded, and what both branches of a `where` do."""

import numpy as np

from autodiff_lab import grad, jvp, record

from .exercise import exercise, guess


def _operations(power, n):
    import torch

    tape = record(lambda x: power(x, n), torch.tensor(1.1, dtype=torch.float64))
    return sum(node.op not in ("input", "astype") for node in tape.nodes)


def _too_many(power):
    found = _operations(power, 100)
    if found < 8:  # the shortest chain to 100
        return (f"The value is right, but x**100 left {found} nodes on the tape, where 8 "
                "multiplications are the fewest: use * alone, and call yourself.")  # fmt: skip
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
        "at n = 0 you stop with x: one x too many.": """
        def power(x, n):
            if n == 0:
                return x
            half = power(x, n // 2)
            return half * half if n % 2 == 0 else half * half * x
        """,
        "at n = 1 the answer is x, not 1.": """
        def power(x, n):
            if n == 1:
                return 1 + 0 * x
            half = power(x, n // 2)
            return half * half if n % 2 == 0 else half * half * x
        """,
        "where a factor is left over it is multiplied, not added.": """
        def power(x, n):
            if n == 1:
                return x
            half = power(x, n // 2)
            return half * half if n % 2 == 0 else half * half + x
        """,
        "base and exponent have changed places.": """
        def power(x, n):
            return n**x
        """,
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
    ask=lambda answer, inputs, xp: _value_and_slopes(lambda x: answer(xp, x), inputs[0]),
    expected=lambda x: (np.sqrt(np.where(x > 0, x, 0)), _slope(x), _slope(x)),
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
        "backwards that is right, but a tangent of 0 meets sqrt's infinite slope at 0: put 1 there.": """
        def root(xp, x):
            return xp.sqrt(xp.where(x > 0, x, xp.zeros_like(x)))
        """,
        "what is cut off at 0 still goes through sqrt, whose slope there is infinite.": """
        def root(xp, x):
            return xp.sqrt(xp.clip(x, 0, None))
        """,
        "multiplying by 0 does not remove a NaN: choose with where, before the root.": """
        def root(xp, x):
            return xp.sqrt(x) * (x > 0)
        """,
        "nan_to_num mends the value; the slope of sqrt is still NaN or infinite.": """
        def root(xp, x):
            return xp.nan_to_num(xp.sqrt(x))
        """,
        "the answer has as many entries as x: choose with where instead of leaving some out.": """
        def root(xp, x):
            return xp.sqrt(x[x > 0])
        """,
        "two sides have changed places: 1 where x is *not* positive.": """
        def root(xp, x):
            safe = xp.where(x > 0, 1 + 0 * x, x)
            return xp.where(x > 0, xp.sqrt(safe), 0 * x)
        """,
        "the value is right, and its slope is cut off.": """
        def root(xp, x):
            safe = xp.where(x > 0, x, 1 + 0 * x)
            return xp.where(x > 0, ad.stop(xp.sqrt(safe)), 0 * x)
        """,
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


def _value_and_slopes(f, x):
    """Backward and forward: what one of them forgives the other may not."""
    y = f(x)
    if not hasattr(y, "shape"):
        return y
    return y, grad(lambda x: f(x).sum())(x), jvp(f, (x,), (1 + 0 * x,))[1]


def _slope(x):
    return np.where(x > 0, 0.5 / np.sqrt(np.where(x > 0, x, 1)), 0)


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
        "range(4) makes four trips, and each multiplies once.": {
            "for _ in range(4): x = x * x": 1,
        },
        "range(4) makes four trips, from 0 to 3.": {"for _ in range(4): x = x * x": 5},
        "the body multiplies in each trip, and there are two: 1 to 10, 10 to 100.": {
            "while x < 100: x = x * 10, from x = 1": 1,
        },
        "x * x * x has three factors and two multiplications.": {
            "(x * x) if True and x > 0 else (x * x * x), at x = -1": 3,
        },
        "a side is always taken, and both of these multiply.": {
            "(x * x) if True and x > 0 else (x * x * x), at x = -1": 0,
        },
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
