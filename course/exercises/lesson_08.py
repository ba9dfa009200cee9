"""Memory for time: how far snapshots reach, and in which order matrices are multiplied."""

from itertools import pairwise
from math import comb

import numpy as np

from .exercise import exercise, guess

exercise(
    "08.reach",
    stub="""
    def reach(s, r): ...  # fill in: how long a chain; each step run r times at most, then recorded
    """,
    cases=lambda random: [(1, 1), (1, 4), (2, 2), (3, 2), (4, 3), (10, 3)],
    expected=lambda s, r: np.array(comb(s + r, s)),
    frameworks=("torch",),
    hints=(
        "Run a while, take a snapshot, and you have two shorter chains: what may each of them use?",
        "The second part has one snapshot less. The first is run once more, to get to the second.",
        "reach(s, r) = reach(s, r - 1) + reach(s - 1, r), and with r = 0 or s = 0 it is 1.",
    ),
    solution="""
    def reach(s, r):
        if s == 0 or r == 0:
            return 1
        # before the snapshot: run once already; after it: one snapshot is taken
        return reach(s, r - 1) + reach(s - 1, r)
    """,
    slips={
        "that grows like s times r; halving again and again does much better.": """
        def reach(s, r):
            return s * r + 1
        """,
        "both parts are longer than you allow: only one of them pays for each thing.": """
        def reach(s, r):
            if s == 0 or r == 0:
                return 1
            return 2 * reach(s - 1, r - 1)
        """,
        "the ends are off by one: with no snapshot to spare, or no run, one step can be reversed.": """
        def reach(s, r):
            if s == 0 or r == 0:
                return 0
            return reach(s, r - 1) + reach(s - 1, r) + 1
        """,
        "the parts are added, not multiplied: the chain is one after the other.": """
        def reach(s, r):
            return (s + 1) * (r + 1)
        """,
        "that is 2 to the power of s: it would need a run for every snapshot.": """
        def reach(s, r):
            return 2**s
        """,
        "that is 2 to the power of r: it would need a snapshot for every run.": """
        def reach(s, r):
            return 2**r
        """,
        "the run in which a step is recorded is not one of the r: you allow one too few.": """
        def reach(s, r):
            if s == 0 or r == 1:
                return 1
            return reach(s, r - 1) + reach(s - 1, r)
        """,
        "the part before the snapshot is reversed last, when all snapshots are free again.": """
        def reach(s, r):
            if s == 0 or r == 0:
                return 1
            return reach(s - 1, r - 1) + reach(s - 1, r)
        """,
        "without a snapshot to spare there is still the state that one starts from: one step.": """
        def reach(s, r):
            if s == 0:
                return 0
            return reach(s, r - 1) + reach(s - 1, r) if r else 1
        """,
        "nothing is added for the snapshot: the two parts are the whole chain.": """
        def reach(s, r):
            if s == 0 or r == 0:
                return 1
            return reach(s, r - 1) + reach(s - 1, r) + 1
        """,
        "one more step for each snapshot and each run is too modest: each part is parted again.": """
        def reach(s, r):
            return s + r
        """,
    },
)


def _multiplications(shapes):
    """Of a product of matrices from the left: columns are kept, or rows."""
    (rows, inner), *rest = shapes
    count = 0
    for _, columns in rest:
        count += rows * inner * columns
        inner = columns
    return count


def _both(sizes):
    jacobians = [(m, n) for n, m in pairwise(sizes)]  # of x0 -> x1 -> x2 ...
    reverse = _multiplications(jacobians[::-1])
    forward = _multiplications([(n, m) for m, n in jacobians])
    return np.array(forward), np.array(reverse)


exercise(
    "08.order",
    stub="""
    def multiplications(sizes): ...  # fill in: return (forward, reverse) for x0 -> x1 -> ... -> xn
    """,
    cases=lambda random: [((4, 3, 2),), ((2, 5, 3, 4),), ((9, 1, 9, 9),), ((1, 6, 6, 6, 1),)],
    expected=_both,
    frameworks=("torch",),
    hints=(
        "A (a by b) matrix times a (b by c) matrix takes a * b * c multiplications.",
        "Forward keeps a matrix with sizes[0] columns, and multiplies it from the left with each next.",
        "Forward adds sizes[0] * sizes[k] * sizes[k + 1] for k = 1, 2, ...; reverse is its mirror "
        "image with the last size.",
    ),
    solution="""
    def multiplications(sizes):
        first, last = sizes[0], sizes[-1]
        # forward: all columns of the inputs go along; the first Jacobian is there already
        forward = sum(first * a * b for a, b in zip(sizes[1:], sizes[2:]))
        # reverse: all rows of the outputs go back; the last Jacobian is there already
        reverse = sum(last * a * b for a, b in zip(sizes[:-2], sizes[1:-1]))
        return forward, reverse
    """,
    slips={
        "the first (or last) Jacobian need not be multiplied with anything: it is the start.": """
        def multiplications(sizes):
            first, last = sizes[0], sizes[-1]
            pairs = list(zip(sizes, sizes[1:]))
            return sum(first * a * b for a, b in pairs), sum(last * a * b for a, b in pairs)
        """,
        "the two are the wrong way round: forward carries the columns of the inputs.": """
        def multiplications(sizes):
            first, last = sizes[0], sizes[-1]
            forward = sum(first * a * b for a, b in zip(sizes[1:], sizes[2:]))
            reverse = sum(last * a * b for a, b in zip(sizes[:-2], sizes[1:-1]))
            return reverse, forward
        """,
        "what goes along is a matrix, not a vector: times the number of its columns or rows.": """
        def multiplications(sizes):
            forward = sum(a * b for a, b in zip(sizes[1:], sizes[2:]))
            reverse = sum(a * b for a, b in zip(sizes[:-2], sizes[1:-1]))
            return forward, reverse
        """,
        "all sizes multiplied together is not what a chain of products takes: they are added.": """
        def multiplications(sizes):
            product = 1
            for size in sizes:
                product *= size
            return product, product
        """,
        "what goes along has sizes[0] columns all the way; you took the current size instead.": """
        def multiplications(sizes):
            forward = sum(a * b * c for a, b, c in zip(sizes, sizes[1:], sizes[2:]))
            return forward, forward
        """,
        "columns of the inputs (sizes[0]) go forward, rows of the outputs (sizes[-1]) go back.": """
        def multiplications(sizes):
            first, last = sizes[0], sizes[-1]
            forward = sum(last * a * b for a, b in zip(sizes[1:], sizes[2:]))
            reverse = sum(first * a * b for a, b in zip(sizes[:-2], sizes[1:-1]))
            return forward, reverse
        """,
        "forward is right; reverse begins at the other end, and costs something else.": """
        def multiplications(sizes):
            forward = sum(sizes[0] * a * b for a, b in zip(sizes[1:], sizes[2:]))
            return forward, forward
        """,
        "additions are not counted here: a * b * c multiplications, not twice as many.": """
        def multiplications(sizes):
            first, last = sizes[0], sizes[-1]
            forward = sum(first * a * b for a, b in zip(sizes[1:], sizes[2:]))
            reverse = sum(last * a * b for a, b in zip(sizes[:-2], sizes[1:-1]))
            return 2 * forward, 2 * reverse
        """,
    },
)


guess(
    "08.policy",
    "policy",
    say='Fill in "all", "sqrt", "revolve" or "online".',
    answers={
        "everything fits into memory": "all",
        "a chain of 10,000 equal steps, and room for ten states": "revolve",
        "a chain whose length is known only at its end, and room for ten states": "online",
        "100 layers, room for twenty, and each may be run twice": "sqrt",
    },
    why="room decides, then what is known of the length, then how often a step may be run",
    hints=(
        "Whoever has room computes nothing twice.",
        "Revolve plans backwards from a known end, with a fixed number of snapshots.",
        "Every tenth of a hundred states is ten; with ten layers recorded that makes twenty.",
    ),
    slips={
        "where everything fits, computing again is wasted.": {
            "everything fits into memory": "sqrt"
        },
        "Revolve needs to know the end; where it is not known, snapshots are moved as one goes.": {
            "a chain whose length is known only at its end, and room for ten states": "revolve"
        },
        "every hundredth of 10,000 states is a hundred, and there is room for ten.": {
            "a chain of 10,000 equal steps, and room for ten states": "sqrt"
        },
        "Revolve would run layers more than twice; keeping every tenth does not.": {
            "100 layers, room for twenty, and each may be run twice": "revolve"
        },
        "all of 100 layers do not fit where there is room for twenty.": {
            "100 layers, room for twenty, and each may be run twice": "all"
        },
        "whose end is not known, of that nobody knows the square root.": {
            "a chain whose length is known only at its end, and room for ten states": "sqrt"
        },
        "where the end is known, snapshots can be placed at once and for good.": {
            "a chain of 10,000 equal steps, and room for ten states": "online"
        },
        "the two chains are mixed up: Revolve plans from a known end.": {
            "a chain of 10,000 equal steps, and room for ten states": "online",
            "a chain whose length is known only at its end, and room for ten states": "revolve",
        },
    },
)
