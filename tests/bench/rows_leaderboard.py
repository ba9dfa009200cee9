"""Every strategy that applies, on one model and the same lengths, against the plain loop."""

import masking_lab as ml
from masking_lab.leaderboard.work import calls_of
from tests.bench.harness import bench
from tests.bench.rows_masking import batch, plain_cell

LOOP, D = "loop over the examples", 128


def counting(call, run, data, weights):
    """`call`, which tells the operations that a batched call makes, as the tape counts them."""
    calls = calls_of(run, (data, [w.detach() for w in weights]))
    call.cost = {} if calls is None else {"calls": calls}
    return call


@bench("GRU, D=128, every strategy, torch", baseline=LOOP, needs=("torch",),
       must={"packed": 1 / 8})  # fmt: skip
def gru_by_all():
    import torch

    b, module = batch(D), torch.nn.GRUCell(D, D)
    weights = [module.weight_ih, module.weight_hh, module.bias_ih, module.bias_hh]

    def last(x, weights):
        h, cell = torch.zeros(D), plain_cell(weights)
        for x_t in x:
            h = cell(x_t, h)
        return h

    def by(strategy):
        auto = ml.autobatch(last, strategy)
        run = lambda data, weights: auto(ml.MaskedBatch(data, b.sizes), weights).data  # noqa: E731
        call = lambda: torch.autograd.grad(run(b.data, weights).square().mean(), weights)  # noqa
        return counting(call, run, b.data, weights)

    others = [name for name in ml.strategies() if ml.why_not(name, last, b, weights) is None]
    return {LOOP if name == "loop" else name: by(name) for name in others}
