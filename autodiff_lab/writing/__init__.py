"""Writing Python: the other direction of `reading`.

expr         an expression that is written instead of computed
torch_text   the verbs of `xp` as PyTorch's text
jax_text     the same verbs as JAX's text
lines        straight lines of text: names, comments, dead lines taken out
tape         `to_source`: value and gradient of a tape
"""

import functools


@functools.cache
def verbs(framework):
    """The verbs that write one framework's Python."""
    if framework == "torch":
        from .torch_text import TorchText as Text
    else:
        from .jax_text import JaxText as Text
    return Text()
