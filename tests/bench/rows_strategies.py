"""Ways to batch, against the plain loop: 64 examples, forward and backward."""

import numpy as np

import masking_lab as ml
from masking_lab import models
from masking_lab.models.tree_lstm import random_tree
from tests.bench.harness import bench

LOOP = "loop over the examples"
D = 128


def of_model(name, *strategies):
    f, _, examples, w = models.load(name, "torch", 64, dtype="float32", size=D, longest=24)
    return runs(f, examples, w, *strategies)


def runs(f, examples, w, *strategies):
    """Forward and backward of all results: the gradients of every weight."""
    import torch
    from torch.utils import _pytree as pytree

    batches = ml.batch(examples)
    floats = [x for x in pytree.tree_leaves(w) if x.dtype.is_floating_point]
    for one in floats:
        one.requires_grad_()

    def parts(result):
        return result if isinstance(result, tuple) else (result,)

    def loop():
        columns = zip(*[map(torch.as_tensor, parts(f(torch, *e, w))) for e in examples],
                      strict=True)  # fmt: skip
        return torch.autograd.grad(sum(torch.stack(c).mean() for c in columns), floats,
                                   materialize_grads=True)  # fmt: skip

    def batched(strategy):
        def run():
            found = parts(ml.autobatch(f, strategy)(torch, *batches, w))
            return torch.autograd.grad(sum(part.data.mean() for part in found), floats,
                                       materialize_grads=True)  # fmt: skip

        return run

    return {LOOP: loop, **{s: batched(s) for s in strategies}}


def leaf(lib, x, w):
    c = lib.tanh(x @ w[0])
    return lib.tanh(c), c


def join(lib, left, right, w):
    """A Tree-LSTM as it is written down, a matrix for each gate (Tai, Socher and Manning 2015)."""
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
    kids = [random_tree(random, int(n)) for n in random.integers(5, 25, 64)]
    array = lambda *shape: torch.tensor(random.normal(size=shape).astype("float32"))  # noqa: E731
    examples = [(array(len(k), D), torch.tensor(k)) for k in kids]
    return runs(tree_lstm, examples, [array(D, D) / 12 for _ in range(11)], "lazy", "fold")


@bench("Tree-LSTM, one product for all gates, 64 trees, torch", baseline=LOOP, needs=("torch",))
def fused_tree_lstm_torch():
    return of_model("tree_lstm", "lazy", "fold")


@bench("shift-reduce parser, 64 sentences, torch", baseline=LOOP, needs=("torch",),
       must={"lazy": 1 / 3})  # fmt: skip
def parser_torch():
    return of_model("parser", "lazy", "pc")
