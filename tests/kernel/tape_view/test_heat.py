"""Heat maps and the colours of overlays: small letters with a meaning."""

import math

import pytest

from kernel.tape_view.heat import heat, strip
from kernel.tape_view.overlays import _adjoints, graded
from kernel.tape_view.scan import Scan
from tests.helpers import FRAMEWORKS, array

BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)


@BOTH
def test_signs_sizes_nan_and_inf_have_their_letters(framework):
    found = heat(array(framework, [[-2.0, 0.0, 1.0], [2.0, math.nan, math.inf]]), 256)
    assert tuple(found) == (2, 3, "AMSY!^", "±2", "")


@BOTH
@pytest.mark.parametrize("shape", [(1000,), (3, 1000), (1000, 3), (50, 60), (7, 8, 9, 10)])
def test_a_large_array_is_sampled_and_says_so(framework, shape):
    n = math.prod(shape)
    found = heat(array(framework, [float(k) for k in range(n)]).reshape(shape), 200)
    assert found.rows * found.columns == len(found.cells) <= 200
    assert found.shown == f"{len(found.cells)} of {n} entries"
    assert (found.cells[0], found.cells[-1]) == ("M", "Y")  # the corners are among them


def test_a_strip_fades_by_powers_of_ten():
    found = strip([1e-12, 1e-6, 1.0])
    assert tuple(found) == (1, 3, "MSY", "1e-12 to 1", "3 turns")
    assert len(strip([1.0] * 1000).cells) <= 48 and strip([0.0]) is None


@BOTH
def test_what_has_no_map_has_none(framework):
    assert heat(array(framework, 1.0), 256) is None
    assert heat(array(framework, []), 256) is None
    assert heat(None, 256) is None and heat(object(), 256) is None


def test_levels_are_shares_of_the_largest():
    assert graded([0, 1, 5, 10, None]) == "0025-"


class Boxed:
    def __init__(self, last):
        self.last = last


@pytest.mark.parametrize(
    "sizes, levels", [([1.0, 1e-2, 1e-4, 0.0, None], "543" + "0-"), ([1.0, 1e-30], "50")]
)
def test_adjoints_are_graded_by_powers_of_ten(sizes, levels):
    boxes = [Boxed(k) for k in range(len(sizes))]
    layer = _adjoints(Scan([], sizes), boxes)
    assert layer.levels == levels
    assert layer.words[-1] in ("not computed", "|d| 1e-30")
