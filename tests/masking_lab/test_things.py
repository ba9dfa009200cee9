"""What a program makes and changes: each example's own under every strategy, or refused."""

import contextlib

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import array, to_numpy
from tests.masking_lab import things

WAYS = [("torch", way) for way in ("masked", "shrink", "packed", "lazy", "pc")]
WAYS += [("jax", "masked"), ("jax", "lazy")]  # the rest of lifting is one for both
XS = ([[-1.0, 0.0], [1.0, 2.0]], [[-0.5, 0.5], [1.5, 2.5], [3.5, 4.5]], [[2.0, -3.0]])


def inputs(name):
    return [array(name, np.asarray(x)) for x in XS]


def same(found, f, name):
    for y, x in zip(found.unbatch(), inputs(name), strict=True):
        np.testing.assert_allclose(to_numpy(y), to_numpy(f(x)), atol=1e-12)


@pytest.mark.parametrize(("name", "way"), WAYS)
@pytest.mark.parametrize("f", things.KEPT, ids=lambda f: f.__name__)
def test_each_example_has_its_own(name, f, way):
    same(ml.autobatch(f, way)(ml.batch(inputs(name))), f, name)


@pytest.mark.parametrize(("name", "way"), WAYS)
@pytest.mark.parametrize("f", things.UNFOLLOWED + things.IN_CONDITIONS, ids=lambda f: f.__name__)
def test_what_is_not_followed_is_refused_or_right(name, f, way):
    with contextlib.suppress(ml.MaskError):
        same(ml.autobatch(f, way)(ml.batch(inputs(name))), f, name)


@pytest.mark.parametrize("f", things.IN_CONDITIONS, ids=lambda f: f.__name__)
def test_a_condition_that_changes_something_runs_for_each_example_alone(f):
    same(ml.autobatch(f, "lazy")(ml.batch(inputs("torch"))), f, "torch")
    with pytest.raises(ml.MaskError, match="is changed at line"):
        ml.autobatch(f, max_trips=9)(ml.batch(inputs("torch")))


@pytest.mark.parametrize("f", things.UNFOLLOWED[:-1], ids=lambda f: f.__name__)
def test_a_refusal_says_what_and_where(f):
    with pytest.raises(ml.MaskError, match=r"line \d+: `.+`, where each example goes its own way"):
        ml.autobatch(f)(ml.batch(inputs("torch")))
