"""masking_lab: write code for one example, run it on a ragged batch, on PyTorch and JAX.

    import masking_lab as ml

    b = ml.batch([x0, x1, x2])              arrays of different lengths, padded to the longest
    y = ml.autobatch(f)(b, w).unbatch()     equals [f(x, w) for x in (x0, x1, x2)]
    ml.mask(f, "n, 4")(x, 3)                f of the first three rows of a padded x; for vmap
    ml.reduce(y, "token")                   the mean over all tokens of the batch
    print(ml.lifted_source(f))              what runs instead of f, where it branches and loops

The mask rules are not stated here: `rules` derives them from autodiff_lab's table. Read
`masked_batch`, `strategies/`, `lane`, `rules`, then the roads that lead to them: dispatch, where
every operation understands masks as it runs (`torch_road`, `jax_dispatch`), and transformation
(`jax_road`: trace one example with symbolic sizes, then interpret); and `lifting/`, which makes
Python's own branches and loops each example's own. Importing this package imports neither
framework.
"""

from .autobatch import autobatch
from .batch_norm import batch_norm, statistics
from .batching import batch
from .errors import MaskError
from .lifting import lift, lifted_source
from .masked_batch import MaskedBatch
from .masking import mask
from .padding_waste import waste
from .randomness import keys
from .reduce import count, reduce

__all__ = ["MaskError", "MaskedBatch", "autobatch", "batch", "batch_norm", "count", "keys",
           "lift", "lifted_source", "mask", "reduce", "statistics", "waste"]  # fmt: skip
