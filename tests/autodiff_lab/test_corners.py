"""NaN, inf, ties, bounds: each row against its own framework's gradient, corner by corner.

Where the frameworks disagree (the table's `kinks` say so) each side has to match its own.
"""

import importlib
import itertools
import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab.table import ROWS
from tests.helpers import FRAMEWORKS, array, native_grad, to_numpy

NAN, INF = math.nan, math.inf
CORNERS = (NAN, INF, -INF, 0.0, -0.0, 1.0, -2.0, 0.5)


def own(row, name):
    """The framework's own function of a row, by its first spelling."""
    from autodiff_lab.table import _resolve

    importlib.import_module({"torch": "torch", "jax": "jax.scipy.special"}[name])
    return _resolve(getattr(row, name)[0])


def rows(arity):
    return [r for r in ROWS.values() if r.kind == "pointwise" and r.arity == arity]


def grads(f, points, name):
    xs = [array(name, np.array(v)) for v in zip(*points, strict=True)]
    at = tuple(range(len(xs)))
    try:
        ours = ad.grad(lambda *xs: f(*xs).sum(), at)(*xs)
    except ad.AutodiffError as refusal:  # JAX's own function holds a loop or a rule by itself
        assert name == "jax" and ("custom" in str(refusal) or "control flow" in str(refusal))
        pytest.skip(str(refusal))
    theirs = native_grad(lambda *xs: f(*xs).sum(), at)(*xs)
    return [to_numpy(g) for g in ours], [to_numpy(g) for g in theirs]


def check(ours, theirs, points):
    for a, b in zip(ours, theirs, strict=True):
        for point, x, y in zip(points, a, b, strict=True):
            assert np.isclose(x, y, rtol=1e-7, atol=1e-9, equal_nan=True), (
                f"at {point}: {x} instead of {y}"
            )


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row", rows(1), ids=lambda r: r.name)
def test_one_input(row, name):
    if not getattr(row, name):
        pytest.skip(f"{name} has no {row.name} of its own")
    points = [(x,) for x in CORNERS]
    check(*grads(own(row, name), points, name), points)


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row", rows(2), ids=lambda r: r.name)
def test_two_inputs(row, name):
    if row.name in ("polygamma", "zeta", "igamma", "igammac", "remainder", "fmod"):
        pytest.skip("the first input is a number, or the corners are jumps")
    points = list(itertools.product(CORNERS, repeat=2))
    check(*grads(own(row, name), points, name), points)
