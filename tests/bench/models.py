"""The functions that are timed, written as a person would write them for speed."""

import numpy as np

STEPS, BATCH, FEATURES, UNITS = 100, 16, 32, 64
IMAGES, SIDE, CLASSES = 32, 16, 10


def normal(seed):
    random = np.random.default_rng(seed)
    return lambda *shape: random.normal(size=shape).astype(np.float32)


def lstm_params(array):
    draw = normal(1)
    params = {
        "w": draw(FEATURES, 4 * UNITS) / FEATURES**0.5,
        "u": draw(UNITS, 4 * UNITS) / UNITS**0.5,
        "b": draw(4 * UNITS),
    }
    return {name: array(value) for name, value in params.items()}, array(
        draw(STEPS, BATCH, FEATURES)
    )


def lstm_torch():
    """100 steps of an LSTM (Hochreiter and Schmidhuber 1997); all gates in one product."""
    import torch

    params, xs = lstm_params(torch.asarray)

    def loss(p):
        h = c = torch.zeros(BATCH, UNITS)
        for x in xs.unbind():
            z = torch.addmm(p["b"], x, p["w"]) + h @ p["u"]
            i, f, o, n = z.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(n)
            h = torch.sigmoid(o) * torch.tanh(c)
        return (h * h).sum()

    return loss, params


def cnn_params(array):
    draw = normal(2)
    params = {
        "k1": draw(8, 1, 3, 3) / 3,
        "c1": draw(8),
        "k2": draw(16, 8, 3, 3) / 72**0.5,
        "c2": draw(16),
        "w": draw(16 * SIDE * SIDE // 16, CLASSES) / 32,
        "b": draw(CLASSES),
    }
    labels = np.eye(CLASSES, dtype=np.float32)[
        np.random.default_rng(3).integers(CLASSES, size=IMAGES)
    ]
    images = draw(IMAGES, 1, SIDE, SIDE)
    return {n: array(v) for n, v in params.items()}, array(images), array(labels)


def cnn_torch():
    """Two convolutions with pooling and a linear layer, cross entropy."""
    import torch
    import torch.nn.functional as F

    params, images, labels = cnn_params(torch.asarray)

    def loss(p):
        x = F.max_pool2d(torch.relu(F.conv2d(images, p["k1"], p["c1"], padding=1)), 2)
        x = F.max_pool2d(torch.relu(F.conv2d(x, p["k2"], p["c2"], padding=1)), 2)
        y = F.log_softmax(torch.addmm(p["b"], x.flatten(1), p["w"]), 1)
        return -(y * labels).sum() / IMAGES

    return loss, params
