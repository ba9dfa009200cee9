"""The one public exception of this lab: a sentence that names the values and the next step."""


class AutodiffError(Exception):
    """Something cannot be recorded or differentiated, and the message says what to do instead."""


class AutodiffTypeError(AutodiffError, TypeError):
    """An argument has a type that has no derivative, such as an integer."""
