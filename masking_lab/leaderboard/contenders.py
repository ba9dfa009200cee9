"""What is run and timed for a strategy: the batched call, and a step of training."""

import autodiff_lab as ad

from .gate import score


class Contender:
    """`forward(floats)` gives the result, `training(floats)` the gradients; `leaves` see `Case`."""

    compiled = False

    def __init__(self, case, strategy):
        self.case, self.strategy = case, strategy

    def forward(self, floats, leaves=None):
        return self.case.run(floats, self.strategy, leaves)

    def training(self, floats, leaves=None):
        return self.case.gradient(lambda new: score(self.forward(new, leaves)), floats)

    def peak_bytes(self, training):
        """The most bytes that are alive at once, beyond the arguments; None if nobody knows."""
        step = self.training if training else self.forward
        shown = [b.data for b in self.case.batches]  # which framework it is
        return ad.memory(lambda _: step(self.case.floats), shown).peak_bytes or None
