"""What several models are made of. Arrays of one example: no batch axis anywhere."""


def sigmoid(lib, x):
    return 0.5 + 0.5 * lib.tanh(0.5 * x)


def log_softmax(lib, x):
    """The logarithms of the probabilities that a vector of scores stands for."""
    x = x - lib.amax(x)
    return x - lib.log(lib.exp(x).sum())


def lstm(lib, x, state, w):
    """One step of an LSTM (Hochreiter and Schmidhuber 1997): the new h and c."""
    h, c = state
    n = h.shape[0]
    gates = x @ w["x"] + h @ w["h"] + w["b"]
    i, f, o = (sigmoid(lib, gates[k * n : (k + 1) * n]) for k in range(3))
    c = f * c + i * lib.tanh(gates[3 * n :])
    return o * lib.tanh(c), c


def lstm_weights(random, inputs, size):
    """Of one LSTM, and its first state."""
    return {
        "x": random.normal(size=(inputs, 4 * size)) / inputs**0.5,
        "h": random.normal(size=(size, 4 * size)) / size**0.5,
        "b": random.normal(size=4 * size) / 2,
        "start": random.normal(size=size) / 2,
    }
