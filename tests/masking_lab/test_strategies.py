"""Every strategy against the plain loop: values, gradients, and padding of all four kinds."""

import numpy as np
import pytest

import masking_lab as ml
from masking_lab.strategies import STRATEGIES
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab.programs import PROGRAMS
from tests.masking_lab.test_lifting import POISON, _of, _same, examples, poisoned, total

OTHERS = sorted(set(STRATEGIES) - {"loop", "masked"})  # test_lifting is about masked
# The list is empty for some examples and then the sum is Python's 0: whole where others are not.
KINDS_DIFFER = {"lists_that_grow"}
ALONE = {"lazy"}  # strategies that run each example by itself


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("strategy", OTHERS)
def test_the_loop_is_the_meaning(strategy, name, f):
    xs, w, lib = examples(name), array(name, 0.8), module(name)
    if f.__name__ in KINDS_DIFFER and strategy in ALONE:
        with pytest.raises(ml.MaskError, match="different dtypes"):
            ml.autobatch(f, strategy)(lib, ml.batch(xs), w)
        return
    want = [f(lib, x, w) for x in xs]
    slope = native_grad(lambda w: sum(total(f(lib, x, w)) for x in xs), (0,))(w)[0]
    found, slopes = [], []
    for fill in POISON if name == "torch" else POISON[:2]:  # on JAX each call compiles
        b = poisoned(ml.batch(xs), fill)
        found.append(ml.autobatch(f, strategy)(lib, b, w))
        slopes.append(
            to_numpy(
                native_grad(lambda w, b=b: _sum(ml.autobatch(f, strategy)(lib, b, w)), (0,))(w)[0]
            )
        )
    for i, expected in enumerate(want):
        _same(_of(found[0], i), expected)
    np.testing.assert_allclose(slopes[0], to_numpy(slope), rtol=1e-10, atol=1e-12)
    assert all((g == slopes[0]).all() for g in slopes)
    assert all(_bits(y) == _bits(found[0]) for y in found)


def _parts(found):
    return list(found.values()) if isinstance(found, dict) else [found]


def _sum(found):
    return sum(1.0 * y.sum() for part in _parts(found) for y in part.unbatch())


def _bits(found):
    return [to_numpy(y).tobytes() for part in _parts(found) for y in part.unbatch()]
