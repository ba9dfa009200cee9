"""A shift-reduce parser that samples what to do next (Dyer et al. 2015, Yogatama et al. 2017).

Its own values decide what is computed next, and each sentence draws with its own key.
"""

from autodiff_lab import random as draw

from .cells import sigmoid

WORDS = 50


def parser(lib, words, key, w):
    """What the sentence means by the tree that was drawn, and the logarithm of its probability.

    The stack is never written into: each of its entries knows the place of the one below it, so
    taking two away is to go down two places.
    """
    states, below, top = [w["nothing"], w["nothing"]], [0, 0], 1
    read, size, total = 0, 0, 0.0
    while read < len(words) or size > 1:
        shift = size < 2
        if size > 1 and read < len(words):
            score = shift_score(lib, states[below[top]], states[top], w["words"][words[read]], w)
            shift = draw.uniform(draw.fold_in(key, len(states)), (), like=w["b"]) < score
            total = total + lib.log(score if shift else 1 - score)
        if shift:
            states.append(w["words"][words[read]])
            below.append(top)
            read, size = read + 1, size + 1
        else:
            left = below[top]
            states.append(join(lib, states[left], states[top], w))
            below.append(below[left])
            size = size - 1
        top = len(states) - 1
    return states[top], total


def shift_score(lib, second, first, word, w):
    """How likely it is that the next word is read before anything is joined."""
    seen = lib.tanh(second @ w["second"] + first @ w["first"] + word @ w["word"])
    return sigmoid(lib, seen @ w["shift"])


def join(lib, left, right, w):
    return lib.tanh(left @ w["left"] + right @ w["right"] + w["b"])


def examples(random, count, longest=7):
    """Sentences, and a key for each."""
    lengths = random.integers(1, longest + 1, count)
    keys = draw.split(draw.key(int(random.integers(1000))), count).astype("int64")
    return [(random.integers(0, WORDS, n), key) for n, key in zip(lengths, keys, strict=True)]


def weights(random, size=4):
    square = lambda: random.normal(size=(size, size)) / size**0.5  # noqa: E731
    names = "second", "first", "word", "left", "right"
    return {
        "words": random.normal(size=(WORDS, size)),
        "nothing": random.normal(size=size),
        "shift": random.normal(size=size),
        "b": random.normal(size=size) / 2,
        **{name: square() for name in names},
    }
