"""Padding: means, softmaxes and last entries that do not see it."""

import numpy as np

from .exercise import exercise

X = np.array([[2.0, 4.0, np.nan, np.nan], [1.0, 2.0, 3.0, 6.0], [5.0, np.nan, np.nan, np.nan]])
LENGTHS = (2, 4, 1)
FALLING = np.array([[7.0, 1.0, 2.0, 5.0], [4.0, 9.0, 6.0, 0.0], [8.0, 3.0, 2.0, 1.0]])


def _padded(random, fill):
    """Rows of different lengths, with `fill` in the padding, and where they are valid."""
    lengths = random.integers(1, 5, 3)
    mask = np.arange(5) < lengths[:, None]
    return np.where(mask, random.normal(size=(3, 5)).round(2), fill), mask


exercise(
    "11.mean",
    stub="""
    def masked_mean(xp, x, mask): ...  # fill in: the mean of each row, over its valid entries
    """,
    cases=lambda random: [
        (np.nan_to_num(X), ~np.isnan(X)),
        (X, ~np.isnan(X)),  # what padding holds is nobody's business
        (np.array([[0.0, 4.0, 9.0], [0.0, 0.0, 6.0]]), np.array([[1, 1, 0], [1, 1, 1]], bool)),
        _padded(random, 1e9),
    ],
    ask=lambda answer, inputs, xp: answer(xp, *inputs),
    expected=lambda x, mask: np.array([row[m].mean() for row, m in zip(x, mask, strict=True)]),
    hints=(
        "Each row is divided by the number of its *own* valid entries: a sum over the mask.",
        "NaN times 0 is NaN: what is not valid has to be replaced, not multiplied away.",
        "xp.where(mask, x, 0 * x) is no help, as 0 * NaN is NaN; xp.where(mask, x, 0.0) is.",
    ),
    solution="""
    def masked_mean(xp, x, mask):
        # replaced, not multiplied: NaN times 0 is NaN
        kept = xp.where(mask, x, 0.0)
        return kept.sum(1) / mask.sum(1)
    """,
    slips={
        "0 times NaN is NaN: what padding holds must be replaced (where), not multiplied away.": """
        def masked_mean(xp, x, mask):
            return (x * mask).sum(1) / mask.sum(1)
        """,
        "the sum is right; it is divided by the padded length, not by each row's own count.": """
        def masked_mean(xp, x, mask):
            kept = xp.where(mask, x, 0.0)
            return kept.sum(1) / x.shape[1]
        """,
        "the count is that of the whole batch; each row has its own.": """
        def masked_mean(xp, x, mask):
            kept = xp.where(mask, x, 0.0)
            return kept.sum(1) / mask.sum()
        """,
        "that is the sum.": """
        def masked_mean(xp, x, mask):
            return xp.where(mask, x, 0.0).sum(1)
        """,
        "padding is counted.": """
        def masked_mean(xp, x, mask):
            return x.sum(1) / x.shape[1]
        """,
        "a valid entry may be 0: count the mask, not what is not zero.": """
        def masked_mean(xp, x, mask):
            kept = xp.where(mask, x, 0.0)
            return kept.sum(1) / (kept != 0).sum(1)
        """,
        "NaN is gone, but other padding still counts: replace wherever the mask is False.": """
        def masked_mean(xp, x, mask):
            return xp.where(x == x, x, 0.0).sum(1) / mask.sum(1)
        """,
        "0 * x is NaN where x is NaN: put the number 0 in its place.": """
        def masked_mean(xp, x, mask):
            return xp.where(mask, x, 0 * x).sum(1) / mask.sum(1)
        """,
        "the mask is True where an entry is valid; you kept the others.": """
        def masked_mean(xp, x, mask):
            return xp.where(mask, 0.0, x).sum(1) / mask.sum(1)
        """,
        "the mask is turned round: True is valid.": """
        def masked_mean(xp, x, mask):
            return xp.where(~mask, x, 0.0).sum(1) / (~mask).sum(1)
        """,
        "one mean for the whole batch came back; each row has its own.": """
        def masked_mean(xp, x, mask):
            return xp.where(mask, x, 0.0).sum() / mask.sum()
        """,
        "that is a mean for each place; the mean of each *row* is asked, along axis 1.": """
        def masked_mean(xp, x, mask):
            return xp.where(mask, x, 0.0).sum(0) / mask.sum(0)
        """,
    },
)


def _softmax(z, mask):
    rows = []
    for row, m in zip(z, mask, strict=True):
        e = np.zeros(len(row))
        if m.any():
            e[m] = np.exp(row[m] - row[m].max())
            e = e / e.sum()
        rows.append(e)
    return np.array(rows)


exercise(
    "11.softmax",
    stub="""
    def masked_softmax(xp, z, mask): ...  # fill in: row by row, 0 at the padding
    """,
    cases=lambda random: [
        (np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]]), np.array([[1, 1, 0], [1, 1, 1]], bool)),
        (np.array([[-5.0, -6.0, 0.0], [3.0, 0.0, 0.0]]), np.array([[1, 1, 0], [0, 0, 0]], bool)),
        (np.array([[1.0, np.nan], [0.5, 2.0]]), np.array([[1, 0], [1, 1]], bool)),
    ],
    ask=lambda answer, inputs, xp: answer(xp, *inputs),
    expected=_softmax,
    hints=(
        "A padded entry must have weight 0. Which score has exp 0?",
        "exp(z) where it is valid and 0 elsewhere, divided by the row's sum.",
        "If nothing is valid the sum is 0: divide by xp.where(total > 0, total, 1.0). Sum with "
        "e.sum(1)[:, None].",
    ),
    solution="""
    def masked_softmax(xp, z, mask):
        # padding gets no weight before the division, so the rest adds up to 1
        e = xp.where(mask, xp.exp(z), 0.0)
        total = e.sum(1)[:, None]
        # where all is padding there is nothing to share out: 0 / 1
        return e / xp.where(total > 0, total, 1.0)
    """,
    slips={
        "padding has score 0, and exp(0) is 1: it takes its share.": """
        def masked_softmax(xp, z, mask):
            e = xp.exp(xp.where(mask, z, 0.0))
            return e / e.sum(1)[:, None]
        """,
        "right, but for the row without valid entries: 0 / 0 is NaN.": """
        def masked_softmax(xp, z, mask):
            e = xp.where(mask, xp.exp(z), 0.0)
            return e / e.sum(1)[:, None]
        """,
        "padding is taken away after the division: what is left no longer adds up to 1.": """
        def masked_softmax(xp, z, mask):
            e = xp.exp(z)
            return xp.where(mask, e / e.sum(1)[:, None], 0.0)
        """,
        "a row without valid entries has no weights to give: 0, not the same for all.": """
        def masked_softmax(xp, z, mask):
            e = xp.exp(xp.where(mask, z, -30.0))
            return e / e.sum(1)[:, None]
        """,
        "rows are shared out along the wrong axis: every *row* adds up to 1.": """
        def masked_softmax(xp, z, mask):
            e = xp.where(mask, xp.exp(z), 0.0)
            total = e.sum(0)
            return e / xp.where(total > 0, total, 1.0)
        """,
        "padding is multiplied away, and 0 times NaN is NaN: replace it (where).": """
        def masked_softmax(xp, z, mask):
            e = xp.exp(z) * mask
            total = e.sum(1)[:, None]
            return e / xp.where(total > 0, total, 1.0)
        """,
        "padding takes part, and its share is taken away later: what is left does not add up to 1.": """
        def masked_softmax(xp, z, mask):
            e = xp.exp(z)
            return e / e.sum(1)[:, None] * mask
        """,
        "a score times 0 is 0, and exp(0) is 1: padding takes its share (and NaN times 0 is NaN).": """
        def masked_softmax(xp, z, mask):
            e = xp.exp(z * mask)
            return e / e.sum(1)[:, None]
        """,
        "the mask is not looked at.": """
        def masked_softmax(xp, z, mask):
            e = xp.exp(z)
            return e / e.sum(1)[:, None]
        """,
        "the mask is turned round: True is valid.": """
        def masked_softmax(xp, z, mask):
            e = xp.where(mask, 0.0, xp.exp(z))
            total = e.sum(1)[:, None]
            return e / xp.where(total > 0, total, 1.0)
        """,
        "the exponentials are there; they are not yet divided by their sum.": """
        def masked_softmax(xp, z, mask):
            return xp.where(mask, xp.exp(z), 0.0)
        """,
        "the whole batch adds up to 1; each row should.": """
        def masked_softmax(xp, z, mask):
            e = xp.where(mask, xp.exp(z), 0.0)
            return e / e.sum()
        """,
        "scores are shared out as they are; a softmax shares out their exponentials.": """
        def masked_softmax(xp, z, mask):
            e = xp.where(mask, z, 0.0)
            total = e.sum(1)[:, None]
            return e / xp.where(total != 0, total, 1.0)
        """,
        "rows with something in them are right; one with nothing valid gets 0 everywhere.": """
        def masked_softmax(xp, z, mask):
            e = xp.where(mask, xp.exp(z), 0.0)
            total = e.sum(1)[:, None]
            return xp.where(total > 0, e / total, 1.0)
        """,
    },
)


def _row(xp, answer):
    """A list of entries is as good as an array of them."""
    return xp.stack(list(answer), 0) if isinstance(answer, (list, tuple)) else answer


exercise(
    "11.last",
    stub="""
    def last(xp, x, lengths): ...  # fill in: the last valid entry of each row
    """,
    cases=lambda random: [(X, LENGTHS), (FALLING, (2, 3, 4))],
    ask=lambda answer, inputs, xp: _row(xp, answer(xp, *inputs)),
    expected=lambda x, lengths: np.array([row[:n][-1] for row, n in zip(x, lengths, strict=True)]),
    hints=(
        "x[:, -1] is the last column, and for short rows that is padding.",
        "A row of n entries has them at 0, 1, ..., n - 1.",
        "xp.stack([x[i, n - 1] for i, n in enumerate(lengths)], 0)",
    ),
    solution="""
    def last(xp, x, lengths):
        # a row of n entries ends at n - 1
        return xp.stack([x[i, n - 1] for i, n in enumerate(lengths)], 0)
    """,
    slips={
        "the last column is padding for all but the longest row.": """
        def last(xp, x, lengths):
            return x[:, -1]
        """,
        "one too far: a row of n entries ends at n - 1.": """
        def last(xp, x, lengths):
            return xp.stack([x[i, min(n, x.shape[1] - 1)] for i, n in enumerate(lengths)], 0)
        """,
        "that is the first entry of each row.": """
        def last(xp, x, lengths):
            return x[:, 0]
        """,
        "counted from the wrong end: right padding stands behind.": """
        def last(xp, x, lengths):
            return xp.stack([x[i, -n] for i, n in enumerate(lengths)], 0)
        """,
        "all rows are read where the first one ends.": """
        def last(xp, x, lengths):
            return x[:, lengths[0] - 1]
        """,
        "all rows are read where the shortest ends; each row ends at its own length.": """
        def last(xp, x, lengths):
            return x[:, min(lengths) - 1]
        """,
        "one too early: the last of n entries stands at n - 1, not at n - 2.": """
        def last(xp, x, lengths):
            return xp.stack([x[i, n - 2] for i, n in enumerate(lengths)], 0)
        """,
        "that is the largest of each row, which need not be the last.": """
        def last(xp, x, lengths):
            return xp.stack([x[i, :n].max() for i, n in enumerate(lengths)], 0)
        """,
        "that is the sum of each row.": """
        def last(xp, x, lengths):
            return xp.stack([x[i, :n].sum() for i, n in enumerate(lengths)], 0)
        """,
        "padding need not be NaN: the lengths say where a row ends.": """
        def last(xp, x, lengths):
            return xp.stack([row[row == row][-1] for row in x], 0)
        """,
        "every row at every length came back: row i goes with lengths[i].": """
        def last(xp, x, lengths):
            return xp.stack([x[:, n - 1] for n in lengths], 1)
        """,
    },
)
