"""The one public exception of this lab."""


class MaskError(Exception):
    """Something cannot be batched with a mask, and the message says what to do instead."""
