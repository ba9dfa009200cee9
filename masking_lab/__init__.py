"""masking_lab: write code for one example, run it on a ragged batch, on PyTorch and JAX.

    import masking_lab as ml

    b = ml.batch([x0, x1, x2])              arrays of different lengths, padded to the longest
    y = ml.autobatch(f)(b, w).unbatch()     equals [f(x, w) for x in (x0, x1, x2)]

The mask rules are not stated here: `rules` derives them from autodiff_lab's table. Read
`masked_batch`, `strategies/`, `lane`, `rules`, then the two roads that lead to them: `torch_road`
(every operation understands masks as it runs) and `jax_road` (trace one example with symbolic
sizes, then interpret). Importing this package imports neither framework.
"""

from .autobatch import autobatch
from .errors import MaskError
from .masked_batch import MaskedBatch, batch

__all__ = ["MaskError", "MaskedBatch", "autobatch", "batch"]
