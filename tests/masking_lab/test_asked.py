"""Which strategies are there, and does one apply? The answers are true."""

import numpy as np
import pytest

import masking_lab as ml
from masking_lab.strategies import STRATEGIES
from tests.helpers import FRAMEWORKS, array, module

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def ragged(name, *lengths):
    random = np.random.default_rng(0)
    return ml.batch([array(name, random.normal(size=(n, 2))) for n in lengths])


def test_each_strategy_says_what_it_does(name):
    told = ml.strategies()
    assert list(told) == list(STRATEGIES)
    assert all(len(line) > 20 and line.endswith(".") for line in told.values()), told


def test_a_strategy_that_applies_has_no_reason(name):
    assert ml.why_not("masked", lambda x: x.sum(), ragged(name, 3, 1)) is None
    assert ml.why_not("loop", lambda x: x.sum(), ragged(name, 3, 1)) is None


def test_a_strategy_that_does_not_apply_has_one(name):
    def decides(x):
        return x.sum() if x[0, 0] > 0 else x[0, 0]

    assert "a computed value decides" in ml.why_not("fold", decides, ragged(name, 3, 1))
    none = ml.batch([], like=array(name, np.ones(2)))
    assert "no examples" in ml.why_not("loop", lambda x: x.sum(), none)
    assert ml.why_not("masked", lambda x: x.sum(), none) is None


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_error_of_the_function_is_its_own(name, strategy):
    def f(x):
        if len(x) == 3:
            raise ValueError("three entries")
        return x.sum()

    with pytest.raises(ValueError, match="three entries"):
        ml.why_not(strategy, f, ragged(name, 2, 3))


def test_a_strategy_that_breaks_off_is_told_from_the_function(name):
    def broken(f, args, kwargs, count):
        raise KeyError("nobody")

    told = ml.why_not(broken, lambda x: x.sum(), ragged(name, 2))
    assert told == "strategy='broken' breaks off with KeyError: 'nobody'"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_call_that_cannot_be_is_no_reason(name, strategy):
    with pytest.raises(ml.MaskError, match="without a MaskedBatch"):
        ml.why_not(strategy, lambda x: x.sum(), array(name, np.ones(2)))
    with pytest.raises(ml.MaskError, match="1 and 2 examples"):
        ml.why_not(strategy, lambda x, y: x + y, ragged(name, 2, 2), ragged(name, 2))


def test_a_typo_lists_the_names(name):
    with pytest.raises(ml.MaskError, match="no strategy 'mask'; choose one of .*, masked"):
        ml.autobatch(lambda x: x, "mask")
    with pytest.raises(ml.MaskError, match="'mask'.*loop"):
        ml.why_not("mask", lambda x: x, ragged(name, 2))


def test_options_are_the_strategys_own(name):
    lib, b = module(name), ragged(name, 3, 1)
    f = lambda x: lib.tanh(x).sum()  # noqa: E731
    found = ml.autobatch(f, "lazy", order="depth")(b).data
    np.testing.assert_allclose(found, ml.autobatch(f)(b).data)
    with pytest.raises(ml.MaskError, match="'lazy' has no option 'orders'; it has order, whole"):
        ml.autobatch(f, "lazy", orders="depth")
    with pytest.raises(ml.MaskError, match="'loop' has no option 'order'; it has none"):
        ml.autobatch(f, "loop", order="depth")
