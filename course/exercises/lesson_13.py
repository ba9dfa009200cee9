"""Loops and branches for a batch: by hand, and by program counter."""

import numpy as np

from .exercise import exercise, guess


def _steps(n):
    count = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        count += 1
    return count


exercise(
    "13.steps",
    stub="""
    def collatz(xp, n): ...  # fill in: how many steps each n takes to 1; no loop over the examples
    """,
    cases=lambda random: [
        (np.array(v, float),) for v in ([1, 2, 4], [6, 1, 7, 3], random.integers(1, 12, 5))
    ],
    ask=lambda answer, inputs, xp: answer(xp, *inputs),
    expected=lambda n: np.array([_steps(int(k)) for k in n]),
    hints=(
        "Repeat while *any* example is not yet at 1: while bool((n > 1).any()).",
        "Those that are done stand still: xp.where(active, new, old), for n and for the count.",
        "new = xp.where(n % 2 == 0, n / 2, 3 * n + 1); the count grows by 1 where active.",
    ),
    solution="""
    def collatz(xp, n):
        count = 0 * n
        while bool((n > 1).any()):
            active = n > 1
            # both sides of the branch, for all; then each example takes its own
            new = xp.where(n % 2 == 0, n / 2, 3 * n + 1)
            # who is done stands still
            n, count = xp.where(active, new, n), xp.where(active, count + 1, count)
        return count
    """,
    slips={
        "the count goes on for those that are done: only active examples make a step.": """
        def collatz(xp, n):
            count = 0 * n
            while bool((n > 1).any()):
                active = n > 1
                new = xp.where(n % 2 == 0, n / 2, 3 * n + 1)
                n, count = xp.where(active, new, n), count + 1
            return count
        """,
        "the loop ends when the *first* example is done; it has to go on while any is active.": """
        def collatz(xp, n):
            count = 0 * n
            while bool((n > 1).all()):
                new = xp.where(n % 2 == 0, n / 2, 3 * n + 1)
                n, count = new, count + 1
            return count
        """,
        "the count is asked, not the number that was reached.": """
        def collatz(xp, n):
            while bool((n > 1).any()):
                n = xp.where(n > 1, xp.where(n % 2 == 0, n / 2, 3 * n + 1), n)
            return n
        """,
        "the count is one too high: the last number, 1, is where one stops, not a step.": """
        def collatz(xp, n):
            count = 0 * n + 1
            while bool((n > 1).any()):
                active = n > 1
                new = xp.where(n % 2 == 0, n / 2, 3 * n + 1)
                n, count = xp.where(active, new, n), xp.where(active, count + 1, count)
            return count
        """,
        "one step for the whole batch at a time, and only one is made: repeat it.": """
        def collatz(xp, n):
            return xp.where(n > 1, 0 * n + 1, 0 * n)
        """,
        "one too few: the step to 1 is a step, too (do you stop at 2?).": """
        def collatz(xp, n):
            count = 0 * n
            while bool((n > 2).any()):
                active = n > 2
                new = xp.where(n % 2 == 0, n / 2, 3 * n + 1)
                n, count = xp.where(active, new, n), xp.where(active, count + 1, count)
            return count
        """,
        "one number came back for the whole batch; each example has its own count.": """
        def collatz(xp, n):
            count = 0 * n[0]
            while bool((n > 1).any()):
                n = xp.where(n > 1, xp.where(n % 2 == 0, n / 2, 3 * n + 1), n)
                count = count + 1
            return count
        """,
        "only the steps of even numbers are counted; an odd one makes a step, too.": """
        def collatz(xp, n):
            count = 0 * n
            while bool((n > 1).any()):
                active, even = n > 1, n % 2 == 0
                count = xp.where(active, xp.where(even, count + 1, count), count)
                n = xp.where(active, xp.where(even, n / 2, 3 * n + 1), n)
            return count
        """,
    },
)

PATHS = (
    (("a", "b", "d"), ("a", "c", "d"), ("a", "b", "d")),
    (("a", "a", "a", "b"), ("a", "b"), ("a", "a", "b")),
    (("b",), ("a", "c", "b"), ("a", "b")),
)


def _earliest(paths):
    at, turns = [0] * len(paths), 0
    while any(k < len(p) for k, p in zip(at, paths, strict=True)):
        block = min(p[k] for k, p in zip(at, paths, strict=True) if k < len(p))
        at = [k + (k < len(p) and p[k] == block) for k, p in zip(at, paths, strict=True)]
        turns += 1
    return turns


exercise(
    "13.turns",
    stub="""
    def turns(paths): ...  # fill in: how many turns the machine makes; the earliest block goes first
    """,
    cases=lambda random: [(paths,) for paths in PATHS],
    ask=lambda answer, inputs, xp: answer([list(path) for path in inputs[0]]),
    expected=lambda paths: np.array(_earliest(paths)),
    frameworks=("torch",),
    hints=(
        "A counter for each example says how far it is; path[counter] is the block it waits at.",
        "One turn: find the smallest block that anybody waits at, and move all who wait there.",
        "Repeat until nobody has anything left, and count.",
    ),
    solution="""
    def turns(paths):
        count = 0
        while any(paths):
            # the block that comes first in the program, of those that somebody waits at
            block = min(path[0] for path in paths if path)
            # all who are at it go on together
            paths = [path[1:] if path and path[0] == block else path for path in paths]
            count += 1
        return count
    """,
    slips={
        "that is the longest path: those who wait at another block cannot run in the same turn.": """
        def turns(paths):
            return max(len(path) for path in paths)
        """,
        "that is the plain loop: all who are at the same block go on together.": """
        def turns(paths):
            return sum(len(path) for path in paths)
        """,
        "a block may be needed again, for those who come to it later or are in a loop.": """
        def turns(paths):
            return len({block for path in paths for block in path})
        """,
        "the block that is *latest* goes first in yours: then the others have not caught up.": """
        def turns(paths):
            count = 0
            while any(paths):
                block = max(path[0] for path in paths if path)
                paths = [path[1:] if path and path[0] == block else path for path in paths]
                count += 1
            return count
        """,
        "you take the block of the first example that is not done; take the earliest of all.": """
        def turns(paths):
            count = 0
            while any(paths):
                block = next(path[0] for path in paths if path)
                paths = [path[1:] if path and path[0] == block else path for path in paths]
                count += 1
            return count
        """,
        "the block at which most wait goes first in yours; here it is the earliest.": """
        def turns(paths):
            count = 0
            while any(paths):
                waiting = [path[0] for path in paths if path]
                block = max(waiting, key=waiting.count)
                paths = [path[1:] if path and path[0] == block else path for path in paths]
                count += 1
            return count
        """,
        "all blocks at which somebody waits were run, and all went on: one block in each turn.": """
        def turns(paths):
            count = 0
            while any(paths):
                count += len({path[0] for path in paths if path})
                paths = [path[1:] for path in paths]
            return count
        """,
        "the machine stops when the *first* is done; it goes on while anybody has something left.": """
        def turns(paths):
            count = 0
            while all(paths):
                block = min(path[0] for path in paths)
                paths = [path[1:] if path[0] == block else path for path in paths]
                count += 1
            return count
        """,
        "as often as one example needs a block is not enough: others may come to it later.": """
        def turns(paths):
            blocks = {block for path in paths for block in path}
            return sum(max(path.count(block) for path in paths) for block in blocks)
        """,
        "one too many: when all paths are empty no turn is made.": """
        def turns(paths):
            count = 1
            while any(paths):
                block = min(path[0] for path in paths if path)
                paths = [path[1:] if path and path[0] == block else path for path in paths]
                count += 1
            return count
        """,
    },
)


guess(
    "13.vmap",
    "vmap_can",
    say="torch.vmap alone, on padded data: True if it can do this at all, else False.",
    answers={
        "a loop over the words of a sentence": True,
        "a while loop until it is good enough": False,
        "a function that calls itself on both halves of a tree": False,
        "an action is sampled, and decides which network runs next": False,
    },
    why="what Python decides, it decides once for all",
    hints=(
        "vmap runs your Python once, for all examples together.",
        "So whatever Python decides, it decides for all: no value may decide.",
        "A padded sentence has the same number of places for all (with masks by hand).",
    ),
    slips={
        "over padded data the number of words is the same for all: that loop is no decision.": {
            "a loop over the words of a sentence": False
        },
        "until when is decided by a value, and each example has its own.": {
            "a while loop until it is good enough": True
        },
        "each example has a tree of its own, so each would call itself differently.": {
            "a function that calls itself on both halves of a tree": True
        },
        "a sampled action is a value, and Python would have to decide by it.": {
            "an action is sampled, and decides which network runs next": True
        },
    },
)
