"""The frames of one function's calls, as a table: a row is a frame, a column a variable.

A cell holds the number of a value (see `log`), -1 where there is none yet. `caller` is the frame
that called, `back` the block that did, and `outer` the frame of the function around this one. The
rows of a stack are linked by `caller`; a frame is never used twice, since functions that were made
in it may look at it later.
"""

import numpy as np

LINKS = ("caller", "back", "outer")


class Frames:
    def __init__(self, names):
        self.count = 0
        self.values = {n: np.full(64, -1) for n in names}
        self.links = {n: np.full(64, -1) for n in LINKS}

    def new(self, count):
        """The numbers of so many new frames."""
        start, self.count = self.count, self.count + count
        while self.count > len(self.links["back"]):
            for table in (self.values, self.links):
                for n, column in table.items():
                    table[n] = np.concatenate([column, np.full_like(column, -1)])
        return np.arange(start, self.count)
