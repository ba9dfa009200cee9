"""Who looks at entries of an array looks in each trip: that is no straight line."""

import pytest

import masking_lab as ml
from masking_lab.lane import Lane, certainly
from masking_lab.lifting.leader import known
from masking_lab.watch import Watch
from tests.masking_lab.test_straight import (
    STRATEGIES,
    D,
    as_in_the_loop,
    examples,
    torch,
    walk,
)


def branches(v, h):
    return torch.tanh(v + h) if v.sum() > 0 else h - v


def asserts(v, h):
    assert v.sum() < 90, "too large"
    return torch.tanh(v + h)


def asserts_a_number(v, h):
    assert v[0] < 90, "too large"
    return torch.tanh(v + h)


def looks_for_any(v, h):
    return torch.tanh(v + h) if any([v[0] > 1, h[0] > 0]) else h


def both(v, h):
    return torch.tanh(v + h) * (1 if v[0] > 0 and h[0] > -1 else 2)


LOOKING = [branches, asserts, asserts_a_number, looks_for_any, both]


@pytest.mark.parametrize("cell", LOOKING, ids=lambda f: f.__name__)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_who_looks_at_entries_looks_in_each_trip(strategy, cell, runs):
    """All go one way at first, and not at the fourth item."""
    xs = [x.abs() for x in examples((6, 6, 6, 5))]
    for x, sign in zip(xs, (1, -1, 1, -1), strict=True):
        x[3:] *= sign
    as_in_the_loop(walk(cell), strategy=strategy, xs=xs)
    assert cell not in runs


@pytest.mark.parametrize("cell", [asserts, asserts_a_number])
def test_an_assertion_that_fails_late(cell):
    xs = examples((6, 6, 5))
    xs[1][4] = 100.0
    with pytest.raises(AssertionError, match=r"too large \(on examples \[1\]\)"):
        ml.autobatch(walk(cell), "shrink")(ml.batch(xs))


def test_a_test_of_entries_is_a_look():
    """Of itself: nobody relies on PyTorch telling."""
    x = Lane(torch.ones(2, D), (None,))
    for asked in (lambda: known(x.data[:, 0] > 0), lambda: certainly(x.data.sum() > 0)):
        with Watch([x], 2) as seen:
            assert not seen.broken
            asked()
        assert seen.broken
