"""One question of a check, and what came back."""

from dataclasses import dataclass

import numpy as np


class Unreadable(ValueError):
    """What came back has not the form that was asked; the message says which."""


@dataclass(frozen=True)
class Case:
    """One question, and what came back: lists of NumPy arrays."""

    number: int
    framework: str
    inputs: tuple
    expected: list
    yours: list
    tolerance: float
    raised: str = ""  # what came instead of values, in words
    odd: str = ""  # the type of what is neither number nor word
    printed: bool = False
    written: bool = False  # did it write into what it was given?
    left: bool = False  # did NumPy's arrays come back for a framework's?

    @property
    def complaint(self):
        """What is wrong with the form of the answer, if it is the form."""
        if self.raised:
            return self.raised
        if self.odd and all(y is None for y in self.yours):
            return f"what came back is no number, it is a {self.odd}"
        if len(self.yours) != len(self.expected):
            came = len(self.yours)
            s, were = "s" * (came != 1), "were" if len(self.expected) != 1 else "was"
            return f"{came} value{s} came back where {len(self.expected)} {were} expected"
        for y, want in zip(self.yours, self.expected, strict=True):
            if y is None or _is_word(y) != _is_word(want):
                kind, came = ("word", "") if _is_word(want) else ("number", ", it is text")
                return f"what came back is no {kind}{came * (y is not None)}"
            if y.shape != want.shape:
                return f"the shape is {y.shape} where {want.shape} was expected"
        return None

    @property
    def right(self):
        return not self.complaint and all(map(self.right_at, range(len(self.expected))))

    def right_at(self, k):
        y = self.yours[k]
        readable = y is not None and _is_word(y) == _is_word(self.expected[k])
        return readable and bool(close(y, self.expected[k], self.tolerance).all())

    @property
    def differing(self):
        """The first value that is not as expected, else the first: `(which, yours, expected)`."""
        k = next((k for k in range(len(self.expected)) if not self.right_at(k)), 0)
        return k + 1, self.yours[k], self.expected[k]


def _is_word(x):
    return x.dtype.kind == "U"


def close(y, want, tolerance):
    if _is_word(y) or _is_word(want):
        return np.equal(y, want) if _is_word(y) and _is_word(want) else np.zeros(np.shape(y), bool)
    return np.isclose(y, want, rtol=tolerance, atol=tolerance, equal_nan=True)
