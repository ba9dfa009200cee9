"""masking_lab: write code for one example, run it on a ragged batch, on PyTorch and JAX.

    import masking_lab as ml

    b = ml.batch([x0, x1, x2])              arrays of different lengths, padded to the longest
    y = ml.autobatch(f)(b, w).unbatch()     equals [f(x, w) for x in (x0, x1, x2)]
    ml.autobatch(f, "lazy")(b, w)           another of ml.strategies(); ml.why_not: it cannot
    ml.leaderboard(f, b, shared=w)          all of them on your function and data, side by side
    ml.mask(f, "n, 4")(x, 3)                f of the first three rows of a padded x; for vmap
    ml.reduce(y, "token")                   the mean over all tokens of the batch
    print(ml.lifted_source(f))              what runs instead of f, where it branches and loops

The mask rules are not stated here: `rules` derives them from autodiff_lab's table. Read in this
order:

    batches/      `masked_batch`: padded data and lengths; making batches, means, batch norm, keys
    strategies/   the ways to run a function of one example on a batch; `loop` is the meaning
    lane          what the code inside `f` sees: one example's array, standing for all of them
    rules/        what an operation does to lanes: where ragged dims go, what dead entries become
    on_torch/     dispatch: each call finds its rule as it runs; `trace` reads a whole function
    on_jax/       transformation: trace one example with symbolic sizes, then interpret
    lifting/      Python's own branches and loops, made each example's own
    models/       nine models of one example that are hard to batch, to be read and run

Importing this package imports neither framework.
"""

from .autobatch import autobatch
from .batches.batch_norm import batch_norm, statistics
from .batches.batching import batch
from .batches.masked_batch import MaskedBatch
from .batches.padding_waste import waste
from .batches.randomness import keys
from .batches.reduce import count, reduce
from .errors import MaskError
from .leaderboard import leaderboard
from .lifting import lift, lifted_source
from .masking import mask
from .strategies import fold
from .strategies.asked import strategies, why_not

__all__ = ["MaskError", "MaskedBatch", "autobatch", "batch", "batch_norm", "count", "fold", "keys",
           "leaderboard", "lift", "lifted_source", "mask", "reduce", "statistics", "strategies",
           "waste", "why_not"]  # fmt: skip
