"""What the strategies are run on: a function, its batches, and the numbers in all of them.

The floating-point arrays are pulled out of the arguments, and the parameters out of the PyTorch
modules that the function is or calls. So every strategy is a function of one list of arrays, which
can be timed, recorded and differentiated in the same way.
"""

import sys

import autodiff_lab as ad
from autodiff_lab import trees, xp

from ..autobatch import autobatch, count_of
from ..batches.masked_batch import MaskedBatch, is_batch
from ..errors import MaskError


class Case:
    """`run(floats, strategy)` is the batched call; `floats` are its arrays as they were given."""

    def __init__(self, f, args, kwargs, max_trips=None, backward=None):
        self.count = count_of(f, args, kwargs)
        self.max_trips, self.backward = max_trips, backward
        if not self.count:
            raise MaskError("leaderboard was given batches of no examples; there is nothing to "
                            "compare, since the plain loop has no result")  # fmt: skip
        self.name = getattr(f, "__name__", type(f).__name__)
        self.leaves, _, self.rebuild = trees.flatten((f, args, kwargs), is_leaf=is_batch)
        self.batches = [x for x in self.leaves if is_batch(x)]
        self.verbs = xp.of(self.batches[0].data)
        self.places = [i for i, x in enumerate(self.leaves) if self._is_inexact(x)]
        self.lend, params = lender(modules_in(f, self.leaves))
        own, self._names, self._params = trees.flatten(params)
        self.floats = [_data(self.leaves[i]) for i in self.places] + own

    def _is_inexact(self, x):
        x = _data(x)
        return xp.framework_of(x) is not None and self.verbs.is_inexact(x.dtype)

    def run(self, floats, strategy, leaves=None):
        """The call of `autobatch(f, strategy)`; `leaves` are other arguments, under tracing."""
        f, args, kwargs = self.rebuild(self.filled(floats, leaves or self.leaves))
        call = autobatch(f, strategy, self.max_trips)
        return self.lent(floats, lambda: call(*args, **kwargs))

    def alone(self, floats, leaves):
        """The call of `f` itself on one example, whose arguments are `leaves`."""
        f, args, kwargs = self.rebuild(self.filled(floats, leaves))
        return self.lent(floats, lambda: f(*args, **kwargs))

    def lent(self, floats, call):
        """`call()`, while the modules hold the parameters in `floats`."""
        return self.lend(self._params(floats[len(self.places) :]), call)

    def gradient(self, loss, floats):
        """The gradients of `loss(floats)`: ours, or the caller's (see `leaderboard`)."""
        if self.backward is None:
            return ad.grad(loss)(floats)
        if self.verbs.name == "jax":
            return self.backward(loss)(floats)
        new = [x.detach().requires_grad_() for x in floats]
        self.backward(loss(new))
        return [x.new_zeros(x.shape) if x.grad is None else x.grad for x in new]

    def filled(self, floats, leaves):
        leaves = list(leaves)
        for i, x in zip(self.places, floats, strict=False):  # behind them are the parameters
            before = leaves[i]
            leaves[i] = MaskedBatch(x, before.sizes, before.side) if is_batch(before) else x
        return leaves

    def example(self, i, floats=None, leaves=None):
        """`(floats, leaves)` of one example; where it is nested, its float is a list of arrays."""
        floats = floats or self.floats
        leaves = [x[i] if is_batch(x) else x for x in self.filled(floats, leaves or self.leaves)]
        return [leaves[k] for k in self.places] + floats[len(self.places) :], leaves

    def with_leaves(self, leaves):
        """The floats of a call with other arguments."""
        return [_data(leaves[i]) for i in self.places] + self.floats[len(self.places) :]

    def poisoned(self):
        """The floats with NaN in all padding, which no result may show."""
        found = list(self.floats)
        for k, i in enumerate(self.places):
            b = self.leaves[i]
            if is_batch(b) and any(n is not None for n in b.sizes):
                found[k] = self.verbs.where(b.mask_of_all_dims(), b.data, float("nan"))
        return found

    def with_other_lengths(self):
        """The leaves of a call with the shortest example in the place of the longest."""
        lengths = lengths_of(self.batches)
        order = list(range(self.count))
        order[lengths.index(max(lengths))] = lengths.index(min(lengths))
        return [x[order] if is_batch(x) else x for x in self.leaves]


def _data(x):
    return x.data if is_batch(x) else x


def lengths_of(batches):
    """How many entries along ragged dims each example has, in the batch that has most of them."""
    counts = [_entries(b) for b in batches]
    return max(counts, key=sum)


def _entries(b):
    mask = b.mask
    verbs, axes = xp.of(mask), tuple(range(1, mask.ndim))
    return verbs.sum(verbs.astype(mask, "int32"), axes).tolist() if axes else [1] * len(b)


# ----- PyTorch's modules hold arrays that no argument shows -----
def modules_in(f, leaves):
    """The modules that `f` is, is a method of, is given, or knows from outside."""
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    code = getattr(f, "__code__", None)
    outside = [f, getattr(f, "__self__", None), *leaves]
    outside += [cell.cell_contents for cell in getattr(f, "__closure__", None) or ()]
    outside += [f.__globals__.get(name) for name in code.co_names] if code else []
    found = {id(x): x for x in outside if isinstance(x, torch.nn.Module)}
    return list(found.values())


def lender(modules):
    """`(lend, params)`: `lend(params, call)` is `call()` while the modules hold the parameters."""
    if not modules:
        return lambda params, call: call(), {}
    torch = sys.modules["torch"]

    class Holder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.held = torch.nn.ModuleList(modules)

        def forward(self, call):
            return call()

    return ad.functional(Holder())
