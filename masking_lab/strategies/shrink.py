"""Shrinking: masked, but whoever is done is dropped.

Masking to the longest makes every example pay for the longest. Here each trip of a loop is made by
the examples that are still in it, and each side of a branch by those that take it: the work that is
done is the work that the loop over the examples does (`lifting.shrinking` tells how). It is the
idea of PyTorch's PackedSequence, for any loop.
"""

from autodiff_lab import trees

from ..batches.masked_batch import is_batch
from ..lifting.some import only_some
from . import STRATEGIES, strategy
from .packed import refuse_tracing


@strategy
def shrink(f, args, kwargs, count):
    """All examples at once, each as long as it takes: those that are done are dropped."""
    refuse_tracing("shrink", trees.flatten((args, kwargs), is_leaf=is_batch)[0])
    with only_some():
        return STRATEGIES["masked"](f, args, kwargs, count)
