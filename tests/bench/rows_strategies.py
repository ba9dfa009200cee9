"""Ways to batch, against the plain loop: 64 examples, forward and backward."""

import numpy as np

import masking_lab as ml
from tests.bench.harness import bench

LOOP = "loop over the examples"
D = 128


def tree_of(leaves, random):
    """Children of each node of a random binary tree, -1 for those of leaves; the root is last."""
    kids, roots = [[-1, -1]] * leaves, list(range(leaves))
    while len(roots) > 1:
        k = int(random.integers(len(roots) - 1))
        kids.append(roots[k : k + 2])
        roots[k : k + 2] = [len(kids) - 1]
    return kids


def leaf(lib, x, w):
    c = lib.tanh(x @ w[0])
    return lib.tanh(c), c


def join(lib, left, right, w):
    """A binary Tree-LSTM (Tai, Socher and Manning 2015): one forget gate for each child."""
    (h, c), (k, d) = left, right
    i, f, g, o = (1 / (1 + lib.exp(-(h @ w[n] + k @ w[n + 1]))) for n in (1, 3, 5, 7))
    e = f * c + g * d + i * lib.tanh(h @ w[9] + k @ w[10])
    return o * lib.tanh(e), e


def tree_lstm(lib, x, kids, w):
    def go(i):
        if kids[i][0] < 0:
            return leaf(lib, x[i], w)
        return join(lib, go(kids[i][0]), go(kids[i][1]), w)

    return go(len(kids) - 1)[0]


@bench("Tree-LSTM, 64 trees, torch", baseline=LOOP, needs=("torch",), must={"lazy": 1 / 6})
def tree_lstm_torch():
    import torch

    random = np.random.default_rng(0)
    kids = [tree_of(int(n), random) for n in random.integers(5, 25, 64)]
    xs = [torch.tensor(random.normal(size=(len(k), D)).astype("float32")) for k in kids]
    w = [torch.tensor((random.normal(size=(D, D)) / 12).astype("float32")) for _ in range(11)]
    batches = ml.batch(xs), ml.batch([torch.tensor(k) for k in kids])
    for one in w:
        one.requires_grad_()

    def loop():
        h = [tree_lstm(torch, x, k, w) for x, k in zip(xs, kids, strict=True)]
        return torch.autograd.grad(torch.stack(h).mean(), w)

    def lazy():
        h = ml.autobatch(tree_lstm, "lazy")(torch, *batches, w)
        return torch.autograd.grad(h.data.mean(), w)

    return {LOOP: loop, "lazy": lazy}
