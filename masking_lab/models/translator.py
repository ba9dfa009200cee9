"""A Transformer that translates greedily (Vaswani et al. 2017): it stops when it says so.

One block on each side and one head, and norms left out, so that all of it is seen at once.
"""

import numpy as np

from .cells import log_softmax

WORDS, START, END = 20, 0, 1


def translator(lib, words, w):
    """The words of the translation, and the logarithm of their probability."""
    source = []
    for place, word in enumerate(words):
        source.append(embedded(w, word, place))
    source = lib.stack(source)
    source = block(lib, source, source, w["reader"])
    token, states, said, total = START, [], [], 0.0
    while token != END and len(said) <= len(words):
        states.append(embedded(w, token, len(said)))
        scores = log_softmax(lib, speak(lib, states, source, w))
        token = scores.argmax()
        said.append(token)
        total = total + scores[token]
    return lib.stack(said), total


def embedded(w, word, place):
    return w["words"][word] + w["places"][place]


def speak(lib, states, source, w):
    """Scores for the next word: the last state looks at those before it, then at the source."""
    target = lib.stack(states)
    own = block(lib, target[-1:], target, w["speaker"])
    return (block(lib, own, source, w["listener"]) @ w["next"])[0]


def block(lib, x, y, w):
    """Each row of x looks at all rows of y; then a small network at each place."""
    scores = (x @ w["query"]) @ (y @ w["key"]).T / y.shape[1] ** 0.5
    x = x + softmax(lib, scores) @ (y @ w["value"])
    return x + lib.tanh(x @ w["in"]) @ w["out"]


def softmax(lib, scores):
    scores = lib.exp(scores - lib.amax(scores, 1)[:, None])
    return scores / scores.sum(1)[:, None]


def examples(random, count, longest=6):
    """Sentences: the numbers of their words."""
    lengths = random.integers(1, longest + 1, count)
    return [(random.integers(2, WORDS, n),) for n in lengths]


def weights(random, size=4, longest=6):
    names = "query", "key", "value", "in", "out"
    square = lambda: random.normal(size=(size, size)) / size**0.5  # noqa: E731
    blocks = {b: {n: square() for n in names} for b in ("reader", "speaker", "listener")}
    scores = random.normal(size=(size, WORDS)) / 2
    scores[:, 3:] *= 0.2  # few words are at all likely, so that sentences end
    return {
        "words": random.normal(size=(WORDS, size)),
        "places": np.sin(np.arange(longest + 1)[:, None] / 3.0 ** np.arange(size)),
        "next": scores,
        **blocks,
    }
