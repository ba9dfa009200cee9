"""Masks: what a dead entry becomes, and masks from lengths."""

import numpy as np

from .exercise import exercise, guess

INF = float("inf")

guess(
    "12.identity",
    "fill",
    say="Which number changes nothing?",
    answers={
        "sum": 0.0,
        "prod": 1.0,
        "max": -INF,
        "all": True,
        "logsumexp": -INF,
    },
    why="op(x, fill) = x",
    hints=(
        "op(x, fill) must be x, whatever x is.",
        "A maximum ignores what is smaller than everything. Which entry does `all` ignore?",
        "logsumexp is a sum of exponentials: which number has exponential 0?",
    ),
    slips={
        "0 makes a product 0: it is 1 that changes nothing there.": {"prod": 0.0},
        "0 is larger than a negative maximum: fill with what is smaller than everything.": {
            "max": 0.0
        },
        "`all` with one False is False: the entry that changes nothing is True.": {"all": False},
        "logsumexp adds exponentials, and exp(0) is 1: fill with what has exponential 0.": {
            "logsumexp": 0.0
        },
        "0 changes nothing for a sum, and for nothing else here.": {
            "prod": 0.0,
            "max": 0.0,
            "all": False,
            "logsumexp": 0.0,
        },
    },
)

exercise(
    "12.mask",
    stub="""
    def valid(lengths, size, side): ...  # fill in: lists of True and False; padded on this side
    """,
    cases=lambda random: [((2, 4, 0), 4, "right"), ((2, 4, 0), 4, "left"), ((1, 3), 3, "left")],
    ask=lambda answer, inputs, xp: _matrix(answer(*inputs)),
    expected=lambda lengths, size, side: np.array(
        [[True] * n + [False] * (size - n) if side == "right" else
         [False] * (size - n) + [True] * n for n in lengths]
    ),
    frameworks=("torch",),
    hints=(
        "A row for each length n, and in it an entry for each place from 0 to size - 1.",
        "Padded on the right, the valid places are those with place < n.",
        "Padded on the left, the first valid place is size - n.",
    ),
    solution="""
    def valid(lengths, size, side):
        if side == "right":
            return [[place < n for place in range(size)] for n in lengths]
        # the n valid places are the last ones
        return [[place >= size - n for place in range(size)] for n in lengths]
    """,
    slips={
        "True is for what is valid; here it is for the padding.": """
        def valid(lengths, size, side):
            if side == "right":
                return [[place >= n for place in range(size)] for n in lengths]
            return [[place < size - n for place in range(size)] for n in lengths]
        """,
        "one place too many: a row of n entries has them at 0, ..., n - 1.": """
        def valid(lengths, size, side):
            if side == "right":
                return [[place <= n for place in range(size)] for n in lengths]
            return [[place >= size - n - 1 for place in range(size)] for n in lengths]
        """,
        "the side on which is *padded* is the side where nothing is valid.": """
        def valid(lengths, size, side):
            if side == "left":
                return [[place < n for place in range(size)] for n in lengths]
            return [[place >= size - n for place in range(size)] for n in lengths]
        """,
        "the side is not looked at.": """
        def valid(lengths, size, side):
            return [[place < n for place in range(size)] for n in lengths]
        """,
        "on the left the first valid place is size - n, not n.": """
        def valid(lengths, size, side):
            if side == "right":
                return [[place < n for place in range(size)] for n in lengths]
            return [[place >= n for place in range(size)] for n in lengths]
        """,
    },
)  # fmt: skip


def _matrix(rows):
    return rows if rows in (None, ...) else np.array(rows)


exercise(
    "12.max",
    stub="""
    def masked_max(xp, x, mask): ...  # fill in: the largest valid entry of each row
    """,
    cases=lambda random: [
        (np.array([[-2.0, -4.0, 0.0], [-1.0, -3.0, -2.0]]), np.array([[1, 1, 0], [1, 1, 1]], bool)),
        (np.array([[1.0, np.nan], [3.0, 7.0]]), np.array([[1, 0], [1, 1]], bool)),
        (np.array([[5.0, np.inf], [3.0, 7.0]]), np.array([[1, 0], [1, 1]], bool)),
    ],
    ask=lambda answer, inputs, xp: answer(xp, *inputs),
    expected=lambda x, mask: np.array([row[m].max() for row, m in zip(x, mask, strict=True)]),
    hints=(
        "All entries may be negative, and then 0 wins.",
        "Fill with what is smaller than every number, before the maximum.",
        'xp.where(mask, x, float("-inf")), then xp.max(..., (1,)).',
    ),
    solution="""
    def masked_max(xp, x, mask):
        # the identity of a maximum; where replaces also NaN and inf
        return xp.max(xp.where(mask, x, float("-inf")), (1,))
    """,
    slips={
        "0 is larger than a negative entry: it wins where all are negative.": """
        def masked_max(xp, x, mask):
            return xp.max(xp.where(mask, x, 0.0), (1,))
        """,
        "padding takes part.": """
        def masked_max(xp, x, mask):
            return xp.max(x, (1,))
        """,
        "0 times NaN is NaN, and 0 times inf as well: replace, do not multiply.": """
        def masked_max(xp, x, mask):
            return xp.max(x * mask, (1,))
        """,
        "the maximum of each *row* is asked: along axis 1.": """
        def masked_max(xp, x, mask):
            return xp.max(xp.where(mask, x, float("-inf")), (0,))
        """,
        "that is the smallest.": """
        def masked_max(xp, x, mask):
            return xp.min(xp.where(mask, x, float("inf")), (1,))
        """,
    },
)
