"""Beam search: the few best sentences so far are kept, and each example stops on its own."""

from .cells import log_softmax

WORDS, END, BEAMS = 8, 0, 3


def beam_search(lib, x, longest, w):
    """The words of the best sentence that a recurrent network says of x, and its score.

    It ends when the best sentence has ended, or is as long as may be.
    """
    states = x + 0 * w["begin"]  # (beams, features)
    scores, words, path = w["first"], w["none"], []
    while len(path) < longest:
        states = lib.tanh(states @ w["state"] + w["words"][words])
        total = scores[:, None] + log_probabilities(lib, states @ w["next"])
        best = lib.argsort(-total.reshape(-1))[:BEAMS]
        parents, words = best // WORDS, best % WORDS
        scores, states = total.reshape(-1)[best], states[parents]
        path.append((words, parents))
        if words[0] == END:
            break
    return lib.stack(sentence(path)), scores[0]


def log_probabilities(lib, scores):
    return lib.stack([log_softmax(lib, scores[k]) for k in range(BEAMS)])


def sentence(path):
    """The words of the best beam, from the last to the first: each knows where it came from."""
    found, beam = [], 0
    for words, parents in reversed(path):
        found.append(words[beam])
        beam = parents[beam]
    return found


def examples(random, count, size=4, longest=6):
    """What to speak about, and with how many words at most."""
    lengths = random.integers(1, longest + 1, count)
    return [(random.normal(size=size), n) for n in lengths]


def weights(random, size=4):
    return {
        "begin": random.normal(size=(BEAMS, size)),
        "first": -1e3 * (random.uniform(size=BEAMS).cumsum() - 1) ** 2,
        "none": random.integers(1, WORDS, BEAMS),
        "state": random.normal(size=(size, size)),
        "words": random.normal(size=(WORDS, size)),
        "next": random.normal(size=(size, WORDS)),
    }
