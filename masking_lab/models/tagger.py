"""A BiLSTM tagger: each word is read in the light of all others (Huang, Xu and Yu 2015)."""

from .cells import lstm, lstm_weights

WORDS, TAGS = 50, 5


def tagger(lib, words, w):
    """A score of each tag for each word: (words, tags)."""
    vectors = [w["words"][word] for word in words]
    before = states(lib, vectors, w["right"])
    after = states(lib, reversed(vectors), w["left"])
    scores = []
    for b, a in zip(before, reversed(after), strict=True):
        scores.append(score(lib, b, a, w))
    return lib.stack(scores)


def states(lib, vectors, w):
    """What an LSTM has in mind after each vector."""
    state, found = (w["start"], w["start"]), []
    for x in vectors:
        state = lstm(lib, x, state, w)
        found.append(state[0])
    return found


def score(lib, before, after, w):
    return lib.tanh(before @ w["before"] + after @ w["after"]) @ w["tags"]


def examples(random, count, longest=9):
    """Sentences: the numbers of their words."""
    lengths = random.integers(1, longest + 1, count)
    return [(random.integers(0, WORDS, n),) for n in lengths]


def weights(random, size=4):
    return {
        "words": random.normal(size=(WORDS, size)),
        "right": lstm_weights(random, size, size),
        "left": lstm_weights(random, size, size),
        "before": random.normal(size=(size, size)) / size**0.5,
        "after": random.normal(size=(size, size)) / size**0.5,
        "tags": random.normal(size=(size, TAGS)) / size**0.5,
    }
