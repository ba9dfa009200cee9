"""The cheapest way from one word to another (Wagner and Fischer 1974), with costs to be learnt.

Two nested loops, the inner as long as the other word; each entry is the smallest of three.
"""

LETTERS = 26


def edit_distance(lib, a, b, w):
    """The cost of the cheapest edits that make `b` of `a`."""
    row = [w["insert"] * j for j in range(len(b) + 1)]
    for x in a:
        new = [row[0] + w["delete"]]
        for j in range(len(b)):
            change = row[j] + w["change"][x, b[j]]
            new.append(min(change, row[j + 1] + w["delete"], new[j] + w["insert"]))
        row = new
    return row[-1]


def examples(random, count, longest=5):
    """Pairs of words: the numbers of their letters."""
    word = lambda: random.integers(0, LETTERS, random.integers(0, longest + 1))  # noqa: E731
    return [(word(), word()) for _ in range(count)]


def weights(random):
    return {
        "insert": random.uniform(1, 2, ()),
        "delete": random.uniform(1, 2, ()),
        "change": random.uniform(0, 3, (LETTERS, LETTERS)),
    }
