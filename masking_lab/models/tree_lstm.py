"""A binary Tree-LSTM (Tai, Socher and Manning 2015): recursion over a tree of one's own."""

import numpy as np

from .cells import sigmoid

WORDS = 50


def tree_lstm(lib, words, kids, w):
    """What a sentence means: the state at the root of its tree.

    `kids` has a row for each node, its two children, and the root is the last; a leaf has
    (-1, -1), and its word at the same place in `words`.
    """

    def at(i):
        if kids[i, 0] < 0:
            return leaf(lib, w["words"][words[i]], w)
        return join(lib, at(kids[i, 0]), at(kids[i, 1]), w)

    return at(len(kids) - 1)[0]


def leaf(lib, x, w):
    """h and c of one word."""
    c = lib.tanh(x @ w["leaf"])
    return lib.tanh(c), c


def join(lib, left, right, w):
    """h and c of two parts. Each child has a forget gate of its own."""
    (h, c), (k, d) = left, right
    n = h.shape[0]
    gates = h @ w["left"] + k @ w["right"] + w["b"]
    i, f, g, o = (sigmoid(lib, gates[m * n : (m + 1) * n]) for m in range(4))
    c = f * c + g * d + i * lib.tanh(gates[4 * n :])
    return o * lib.tanh(c), c


def random_tree(random, leaves):
    """Children of each node: neighbours are joined at random until one is left."""
    kids, roots = [[-1, -1]] * leaves, list(range(leaves))
    while len(roots) > 1:
        k = int(random.integers(len(roots) - 1))
        kids.append(roots[k : k + 2])
        roots[k : k + 2] = [len(kids) - 1]
    return np.asarray(kids)


def examples(random, count, longest=7):
    """Sentences with their trees; inner nodes have no word, and 0 stands there."""
    found = []
    for n in random.integers(1, longest + 1, count):
        kids = random_tree(random, int(n))
        words = np.where(kids[:, 0] < 0, random.integers(0, WORDS, len(kids)), 0)
        found.append((words, kids))
    return found


def weights(random, size=4):
    return {
        "words": random.normal(size=(WORDS, size)),
        "leaf": random.normal(size=(size, size)) / size**0.5,
        "left": random.normal(size=(size, 5 * size)) / size**0.5,
        "right": random.normal(size=(size, 5 * size)) / size**0.5,
        "b": random.normal(size=5 * size) / 2,
    }
