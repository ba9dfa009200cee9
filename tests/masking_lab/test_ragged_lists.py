"""A ragged list where Python goes through it by itself: there the masks are missing."""

import functools
import operator

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, array


def added(*vs):
    return functools.reduce(operator.add, vs)


def doubled(x):
    return [v * 2 for v in x]


def unpacked(x):
    first, *rest = doubled(x)
    return first + sum(rest)


RAGGED_LISTS = {
    "unpacked": unpacked,
    "as arguments": lambda x: added(*doubled(x)),
    "in a list": lambda x: sum([*doubled(x), x[0]]),
    "by a function of Python's": lambda x: functools.reduce(operator.add, doubled(x)),
    "by an iterator": lambda x: sum(iter(doubled(x))),
    "twice": lambda x: (doubled(x) * 2)[-1],
}


@pytest.mark.parametrize("f", RAGGED_LISTS.values(), ids=RAGGED_LISTS)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_ragged_list_is_not_gone_through_as_if_all_had_one_length(name, f):
    """Elements that only some examples have were added for all."""
    xs = [array(name, np.asarray(v)) for v in ([1.0, 2.0], [3.0, 4.0, 5.0], [6.0])]
    with pytest.raises(ml.MaskError, match="a list that has a length of its own in each example"):
        ml.autobatch(f)(ml.batch(xs))
