"""What is run and timed for a strategy: the batched call, and a step of training.

PyTorch's gradient is not called from here: like all of Tapestry, the leaderboard differentiates by
`ad.value_and_grad`, which runs through every strategy. A caller who trains with PyTorch's own hands
it over (`backward=torch.Tensor.backward`), and then that is what is timed.
"""

import autodiff_lab as ad

from .gate import score


class Contender:
    """`forward(floats)` gives the result, `training(floats)` the gradients; `leaves` see `Case`."""

    compiled = False

    def __init__(self, case, strategy, backward=None):
        self.case, self.strategy, self.backward = case, strategy, backward

    def forward(self, floats, leaves=None):
        return self.case.run(floats, self.strategy, leaves)

    def training(self, floats, leaves=None):
        if self.backward is not None:
            return self._by_the_callers(floats, leaves)
        return ad.value_and_grad(lambda new: self.loss(new, leaves))(floats)[1]

    def loss(self, floats, leaves=None):
        return score(self.forward(floats, leaves))

    def _by_the_callers(self, floats, leaves):
        new = [x.detach().requires_grad_() for x in floats]
        self.backward(self.loss(new, leaves))
        return [x.new_zeros(x.shape) if x.grad is None else x.grad for x in new]

    def peak_bytes(self, training):
        """The most bytes that are alive at once, beyond the arguments; None if nobody knows."""
        step = self.training if training else self.forward
        return ad.memory(step, self.case.floats).peak_bytes or None
