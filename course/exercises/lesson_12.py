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
        "adding 1 changes a sum.": {"sum": 1.0},
        "that is for a minimum: nothing is larger than infinity, and a maximum would be infinite.": {
            "max": INF
        },
        "-1e9 is a number like others, and -2e9 would lose to it: only -inf is below everything.": {
            "max": -1e9
        },
        "exp(1) is added then: fill with what has exponential 0.": {"logsumexp": 1.0},
        "exp(inf) is infinite: fill with what has exponential 0.": {"logsumexp": INF},
        "exp(-1e9) is 0 beside larger scores only; beside -1e9 it is a share: take -inf.": {
            "logsumexp": -1e9
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
        "one too many, and the side is not looked at: the last valid place is n - 1.": """
        def valid(lengths, size, side):
            return [[place <= n for place in range(size)] for n in lengths]
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
        "rows padded on the left are one entry short: place size - n is valid, too.": """
        def valid(lengths, size, side):
            if side == "right":
                return [[place < n for place in range(size)] for n in lengths]
            return [[place > size - n for place in range(size)] for n in lengths]
        """,
        "rows padded on the right are one entry too long: place n is padding.": """
        def valid(lengths, size, side):
            if side == "right":
                return [[place <= n for place in range(size)] for n in lengths]
            return [[place >= size - n for place in range(size)] for n in lengths]
        """,
        "on the left it is turned round: from place size - n *on* all are valid.": """
        def valid(lengths, size, side):
            if side == "right":
                return [[place < n for place in range(size)] for n in lengths]
            return [[place < size - n for place in range(size)] for n in lengths]
        """,
        "the order of the examples is turned round; what changes sides is each row.": """
        def valid(lengths, size, side):
            rows = [[place < n for place in range(size)] for n in lengths]
            return rows if side == "right" else rows[::-1]
        """,
        "a row for each example and an entry for each place; yours is the other way.": """
        def valid(lengths, size, side):
            if side == "right":
                return [[place < n for n in lengths] for place in range(size)]
            return [[place >= size - n for n in lengths] for place in range(size)]
        """,
        "every row is padded on the left, whatever side says.": """
        def valid(lengths, size, side):
            return [[place >= size - n for place in range(size)] for n in lengths]
        """,
    },
)  # fmt: skip


def _matrix(rows):
    """A list of rows as an array; rows of different lengths are none."""
    if rows is None or rows is ... or hasattr(rows, "shape"):
        return rows
    sizes = {len(row) for row in rows if hasattr(row, "__len__")}
    if len(sizes) > 1:
        raise ValueError(
            "each row has `size` entries, the padding included; yours differ in length"
        )
    return np.array(rows)


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
        "+inf is larger than everything: padding wins.": """
        def masked_max(xp, x, mask):
            return xp.max(xp.where(mask, x, float("inf")), (1,))
        """,
        "NaN in place of padding makes the maximum NaN: -inf does not take part.": """
        def masked_max(xp, x, mask):
            return xp.max(xp.where(mask, x, float("nan")), (1,))
        """,
        "the mask is turned round: True is valid.": """
        def masked_max(xp, x, mask):
            return xp.max(xp.where(mask, float("-inf"), x), (1,))
        """,
        "to add -1e9 does not remove NaN or inf: replace them.": """
        def masked_max(xp, x, mask):
            return xp.max(x + xp.where(mask, 0.0, -1e9), (1,))
        """,
        "filled with the smallest of all entries: NaN is among them, and it is not below the rest.": """
        def masked_max(xp, x, mask):
            return xp.max(xp.where(mask, x, xp.min(x, (0, 1))), (1,))
        """,
        "one maximum for the whole batch came back; each row has its own.": """
        def masked_max(xp, x, mask):
            return xp.max(xp.where(mask, x, float("-inf")), (0, 1))
        """,
        "-1 is smaller than 0, and not than everything.": """
        def masked_max(xp, x, mask):
            return xp.max(xp.where(mask, x, -1.0), (1,))
        """,
        "PyTorch's .max(1) gives two things, values and places; xp.max(x, (1,)) gives the values.": """
        def masked_max(xp, x, mask):
            return xp.where(mask, x, float("-inf")).max(1)
        """,
    },
)
