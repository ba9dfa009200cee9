"""Ways to batch, against the plain loop: 64 examples, forward and backward."""

import masking_lab as ml
from masking_lab import models
from tests.bench.harness import bench

LOOP = "loop over the examples"
D = 128


def runs(name, *strategies, longest):
    """Forward and backward, with every weight's gradient; a sum of what is returned first."""
    import torch
    from torch.utils import _pytree as pytree

    f, lib, examples, w = models.load(name, "torch", 64, dtype="float32", size=D, longest=longest)
    batches, floats = (
        ml.batch(examples),
        [x for x in pytree.tree_leaves(w) if x.is_floating_point()],
    )
    for one in floats:
        one.requires_grad_()

    def first(result):
        return result[0] if isinstance(result, tuple) else result

    def loop():
        found = [first(f(lib, *e, w)) for e in examples]
        return torch.autograd.grad(torch.stack(found).mean(), floats, allow_unused=True)

    def batched(strategy):
        def run():
            found = first(ml.autobatch(f, strategy)(lib, *batches, w))
            return torch.autograd.grad(found.data.mean(), floats, allow_unused=True)

        return run

    return {LOOP: loop, **{s: batched(s) for s in strategies}}


@bench("Tree-LSTM, 64 trees, torch", baseline=LOOP, needs=("torch",), must={"lazy": 1 / 6})
def tree_lstm_torch():
    return runs("tree_lstm", "lazy", "fold", longest=24)


@bench(
    "shift-reduce parser, 64 sentences, torch",
    baseline=LOOP,
    needs=("torch",),
    must={"lazy": 1 / 3},
)
def parser_torch():
    return runs("parser", "lazy", longest=24)
