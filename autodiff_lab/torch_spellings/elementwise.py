"""Spellings of elementwise rows that take more than the row's inputs."""

import math


def _clamp(input, min=None, max=None):
    return (input, -math.inf if min is None else min, math.inf if max is None else max), {}


def _order_first(a, b):
    """torch.polygamma(n, x), and the method x.polygamma(n)."""
    return ((a, b) if isinstance(a, int) else (b, a)), {}


SIGNATURES = {
    "clamp": ("clamp", _clamp), "clip": ("clamp", _clamp),
    "clamp_min": ("clamp", lambda input, min: _clamp(input, min=min)),
    "clamp_max": ("clamp", lambda input, max: _clamp(input, max=max)),
    "polygamma": ("polygamma", _order_first),
}  # fmt: skip
