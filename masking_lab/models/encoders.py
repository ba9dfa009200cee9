"""Several encoders in one batch, each for those examples that have something for it.

An example is a text, an image and a sound, and any of them may be absent (of length 0).
"""

from .cells import lstm, lstm_weights

WORDS, PATCH, TONES = 50, 6, 3


def encoders(lib, text, image, sound, w):
    """What is there, in one vector; one that is learnt where nothing is."""
    found, count = w["nothing"], 1
    if len(text) > 0:
        found, count = found + read(lib, text, w["text"]), count + 1
    if len(image) > 0:
        found, count = found + look(lib, image, w["image"]), count + 1
    if len(sound) > 0:
        found, count = found + listen(lib, sound, w["sound"]), count + 1
    return found / count


def read(lib, text, w):
    """An LSTM over words."""
    state = w["start"], w["start"]
    for word in text:
        state = lstm(lib, w["words"][word], state, w)
    return state[0]


def look(lib, image, w):
    """The mean of a small network at each patch."""
    return (lib.tanh(image @ w["in"]) @ w["out"]).mean(0)


def listen(lib, sound, w):
    """The strongest echo."""
    echo, strongest = w["silence"], w["silence"]
    for tones in sound:
        echo = lib.tanh(tones @ w["in"] + w["decay"] * echo)
        strongest = lib.maximum(strongest, echo)
    return strongest


def examples(random, count, longest=5):
    """Of 16 examples 3 have a text, 10 an image and 15 a sound."""
    has = [random.permutation(count) < -(-count * share // 16) for share in (3, 10, 15)]
    found = []
    for here in zip(*has, strict=True):
        n, m, t = here * random.integers(1, longest + 1, 3)
        image, sound = random.normal(size=(m, PATCH)), random.normal(size=(t, TONES))
        found.append((random.integers(0, WORDS, n), image, sound))
    return found


def weights(random, size=4):
    return {
        "nothing": random.normal(size=size),
        "text": {"words": random.normal(size=(WORDS, size)), **lstm_weights(random, size, size)},
        "image": {
            "in": random.normal(size=(PATCH, size)) / PATCH**0.5,
            "out": random.normal(size=(size, size)) / size**0.5,
        },
        "sound": {
            "in": random.normal(size=(TONES, size)) / TONES**0.5,
            "decay": random.uniform(size=size),
            "silence": random.normal(size=size) / 2,
        },
    }
