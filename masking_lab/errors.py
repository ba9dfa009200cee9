"""The one public exception of this lab."""


class MaskError(Exception):
    """Something cannot be batched with a mask, and the message says what to do instead."""


class NeedsValues(MaskError):
    """Tracing met a decision: the function has to be run operation by operation."""
