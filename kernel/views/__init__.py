"""The pictures beside the tape's. Each is a `Drawing`: one model, and SVG, table and text of it.

    storage       where the entries of arrays lie in memory, and who shares them
    batch         a MaskedBatch: which entries are an example's, which are padding
    jacobian      where a Jacobian can have entries, and what they are here
    memory        bytes alive over time, for each checkpoint policy
    leaderboard   the strategies of masking_lab, by time, with what they did
    two_tapes     two tapes side by side, and where they part

`showing.VIEWS` says which of them `show` takes for which type.
"""

from .jacobian import jacobian_view
from .memory import memory_view
from .storage import strides
from .two_tapes import compare

__all__ = ["compare", "jacobian_view", "memory_view", "strides"]
