"""An LSTM over words, each of which an LSTM has spelled out (Ling et al. 2015).

Words are of different length, in sentences of different length.
"""

from .cells import lstm, lstm_weights

LETTERS = 26


def characters(lib, sentence, w):
    """What the sentence means: the last state of the words' LSTM."""
    state = w["words"]["start"], w["words"]["start"]
    for word in sentence:
        state = lstm(lib, spelled(lib, word, w), state, w["words"])
    return state[0]


def spelled(lib, word, w):
    """What the word means: the last state of the letters' LSTM."""
    state = w["letters"]["start"], w["letters"]["start"]
    for letter in word:
        state = lstm(lib, w["alphabet"][letter], state, w["letters"])
    return state[0]


def examples(random, count, longest=5, longest_word=6):
    """Sentences: lists of words, each the numbers of its letters."""
    lengths = random.integers(1, longest + 1, count)
    word = lambda: random.integers(0, LETTERS, random.integers(1, longest_word + 1))  # noqa: E731
    return [([word() for _ in range(n)],) for n in lengths]


def weights(random, size=4):
    return {
        "alphabet": random.normal(size=(LETTERS, size)),
        "letters": lstm_weights(random, size, size),
        "words": lstm_weights(random, size, size),
    }
