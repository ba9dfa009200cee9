"""One question of a check, and what came back."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """One question, and what came back: lists of NumPy arrays."""

    number: int
    framework: str
    inputs: tuple
    expected: list
    yours: list
    tolerance: float

    @property
    def complaint(self):
        """What is wrong with the form of the answer, if it is the form."""
        if len(self.yours) != len(self.expected):
            return f"{len(self.yours)} values came back where {len(self.expected)} were expected"
        for y, want in zip(self.yours, self.expected, strict=True):
            if y is None or y.dtype == object:
                return "what came back is no number"
            if y.shape != want.shape:
                return f"the shape is {y.shape} where {want.shape} was expected"
        return None

    @property
    def right(self):
        return not self.complaint and all(
            close(y, want, self.tolerance).all()
            for y, want in zip(self.yours, self.expected, strict=True)
        )

    @property
    def differing(self):
        """The first value that is not as expected, else the first: `(which, yours, expected)`."""
        pairs = list(zip(self.yours, self.expected, strict=True))
        wrong = (k for k, pair in enumerate(pairs) if not close(*pair, self.tolerance).all())
        k = next(wrong, 0)
        return k + 1, *pairs[k]


def close(y, want, tolerance):
    return np.isclose(y, want, rtol=tolerance, atol=tolerance, equal_nan=True)
