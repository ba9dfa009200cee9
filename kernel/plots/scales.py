"""From numbers to pixels, and the round numbers in between that an axis tells."""

import math

from ..values import number


class Scale:
    """Maps `low .. high` to pixels `start .. end`, by difference or (`log`) by ratio."""

    def __init__(self, values, start, end, log=False, zero=False):
        self.log, self.start, self.end = log, start, end
        kept = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
        kept = kept or [1.0]
        low, high = min(kept), max(kept)
        if zero and not log:
            low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
        self.low, self.high = low, high

    def widened(self, share=0.04):
        """With some air at both ends, so that no mark lies on the rim."""
        if self.log:
            by = (self.high / self.low) ** share
            self.low, self.high = self.low / by, self.high * by
        else:
            by = (self.high - self.low) * share
            self.low, self.high = self.low - by, self.high + by
        return self

    def __call__(self, v):
        if not math.isfinite(v) or (self.log and v <= 0):
            return None
        if self.log:
            share = math.log(v / self.low) / math.log(self.high / self.low)
        else:
            share = (v - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about=5):
        found = self._decades() if self.log else _rounds(self.low, self.high, about)
        return [v for v in found if self.low <= v * (1 + 1e-12) and v <= self.high * (1 + 1e-12)]

    def _decades(self):
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        if last - first <= 3:
            return [m * 10.0**k for k in range(first, last + 1) for m in (1, 2, 5)]
        step = 1 + (last - first) // 7
        return [10.0**k for k in range(first, last + 1, step)]


def _rounds(low, high, about):
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def told(v):
    """A number of the caller's in words: four digits, but of whole numbers all."""
    if math.isfinite(v) and 1e4 <= abs(v) < 1e9 and v == int(v):
        return f"{int(v):,}"
    return number(v)


def tick_label(v):
    return told(float(f"{v:.10g}"))
