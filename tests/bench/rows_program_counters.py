"""Program counters against the plain loop: 64 examples, forward and backward, on PyTorch."""

import numpy as np

import masking_lab as ml
from masking_lab.models.tree_lstm import random_tree
from tests.bench.harness import bench
from tests.bench.rows_strategies import LOOP, D, tree_lstm


def compared(f, columns, w):
    """The ways to run `f(torch, *own, w)` for all examples and to get the weights' gradient."""
    import torch

    batches = list(map(ml.batch, columns))

    def loop():
        found = [f(torch, *own, w) for own in zip(*columns, strict=True)]
        return torch.autograd.grad(torch.stack(found).mean(), w)

    def by(strategy):
        def run():
            found = ml.autobatch(f, strategy)(torch, *batches, w)
            return torch.autograd.grad(found.data.mean(), w)

        return run

    return {LOOP: loop, "pc": by("pc"), "lazy": by("lazy")}


def weights(count, random):
    import torch

    found = [torch.tensor((random.normal(size=(D, D)) / 12).astype("float32"))
             for _ in range(count)]  # fmt: skip
    return [w.requires_grad_() for w in found]


@bench("Tree-LSTM by pc, 64 trees, torch", baseline=LOOP, needs=("torch",), must={"pc": 1 / 3})
def tree_lstm_pc():
    import torch

    random = np.random.default_rng(0)
    kids = [random_tree(random, int(n)) for n in random.integers(5, 25, 64)]
    xs = [torch.tensor(random.normal(size=(len(k), D)).astype("float32")) for k in kids]
    return compared(tree_lstm, (xs, [torch.tensor(k) for k in kids]), weights(11, random))


def parse(lib, x, noise, w):
    """A shift-reduce parser that samples its actions (after Bowman et al.'s SPINN, 2016)."""
    stack, i, t, score = [], 0, 0, 0.0
    while i < len(x) or len(stack) > 1:
        if len(stack) < 2:
            shift = True
        elif i == len(x):
            shift = False
        else:
            z = lib.tanh(stack[-1] @ w[3] + stack[-2] @ w[4] + x[i] @ w[5])
            p = 1 / (1 + lib.exp(-z.sum()))
            shift = noise[t] < p
            score = score + lib.log(lib.where(shift, p, 1 - p))
            t += 1
        if shift:
            stack.append(lib.tanh(x[i] @ w[0]))
            i += 1
        else:
            right = stack.pop()
            left = stack.pop()
            stack.append(lib.tanh(left @ w[1] + right @ w[2]))
    return stack[0].sum() + score


@bench("sampling shift-reduce parser, 64 sentences, torch", baseline=LOOP, needs=("torch",),
       must={"pc": 1 / 3})  # fmt: skip
def parser():
    import torch

    random = np.random.default_rng(0)
    lengths = random.integers(5, 25, 64)
    xs = [torch.tensor(random.normal(size=(n, D)).astype("float32")) for n in lengths]
    noise = [torch.tensor(random.uniform(size=2 * n).astype("float32")) for n in lengths]
    return compared(parse, (xs, noise), weights(6, random))
