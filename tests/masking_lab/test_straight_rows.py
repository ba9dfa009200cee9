"""What is done beside a row's own function has no straight line, and in a loop means the same."""

import pytest

from autodiff_lab import xp
from autodiff_lab.table import ROWS
from masking_lab.lane import Lane
from masking_lab.rules import apply
from masking_lab.watch import Watch

torch = pytest.importorskip("torch")

from tests.masking_lab.test_straight import (  # noqa: E402
    STRATEGIES,
    WEIGHT,
    D,
    as_in_the_loop,
    examples,
    walk,
)


def test_what_a_plan_does_beside_its_row_breaks_a_line():
    """A batch axis for what all share, an axis for a number, a mask for attention."""
    v, number = Lane(torch.ones(2, D), (None,)), Lane(torch.ones(2), ())
    q = Lane(torch.ones(2, 1, D), (None, None))
    plain, more = torch.ones(D), {"scale": 1.0, "causal": False}
    for row, xs, params, breaks in (
        ("multiply", [v, v], {}, False),
        ("multiply", [plain, plain], {}, True),
        ("multiply", [v, number], {}, True),
        ("attention", [q, q, q], more, True),
    ):
        with Watch([v, number, q], 2) as seen:
            apply(ROWS[row], xp.verbs("torch"), 2, xs, params)
        assert seen.broken == breaks, (row, xs)


def lines_up(v, h):
    """A number of each example beside a vector of each: it is given an axis first."""
    return torch.tanh(v * h.sum() + h)


def converts(v, h):
    return (torch.tanh(v.float() + 1) + h.float().sum().long()).double()


def shares(v, h):
    return torch.where(h[0] > 0, v.sum(), 1.0) * v


def attends(v, h):
    q = v[None] * h[:, None]
    return torch.nn.functional.scaled_dot_product_attention(q, q, q).sum(0) + v


def is_one_hot(v, h):
    return torch.nn.functional.one_hot(v.argmax(), D) + h


def adds_what_all_share(v, h):
    """A product of weights alone, inside of an operation on lanes: it is given a batch axis."""
    return torch.addcmul(v + h, WEIGHT[0], WEIGHT[1] + 1)


def contracts_what_all_share(v, h):
    return torch.tanh(torch.einsum("ij,jk,k->i", WEIGHT, WEIGHT, v) + h)


def adds_a_product(v, h):
    return torch.addmv(h, WEIGHT, WEIGHT.sum(0)) + v


CELLS = [lines_up, converts, shares, attends, is_one_hot,
        adds_what_all_share, contracts_what_all_share, adds_a_product]  # fmt: skip


@pytest.mark.parametrize("cell", CELLS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("lengths", [(3, 1, 6, 4, 7), (6, 6, 6), (2, 3, 3, 3)], ids=str)
def test_rows_do_more_than_their_functions(lengths, strategy, cell):
    """With as many examples as features too, where a missing axis would go unnoticed."""
    as_in_the_loop(walk(cell), strategy=strategy, xs=examples(lengths), steps=2)
