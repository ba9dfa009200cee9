"""What people write along a ragged dim is right, or refused by name; nothing is silently wrong.

`spellings` holds the programs, `coverage` judges one: values and gradients against the loop, and
the padding's filling is never seen. What is refused stands here, so that it cannot pass unnoticed.
"""

import numpy as np
import pytest

import masking_lab as ml
from autodiff_lab.table import ROWS
from tests.helpers import FRAMEWORKS, array, to_numpy
from tests.masking_lab import coverage
from tests.masking_lab.spellings import SAYS

REFUSED = {
    "torch": {
        "pad cut", "pad replicate", "conv_transpose1d", "histc", "unique", "eigvalsh", "svdvals",
        "fft",
    },
    "jax": {
        "convolve", "linspace", "eigvalsh", "pinv", "fft", "searchsorted",
        "associative_scan", "unique", "interp", "squeeze all", "pad cut",
    },
}  # fmt: skip
# Rows that no mask rule is known for.
UNKNOWN = {"pool_gather", "pool_scatter", "conv_input", "conv_weight", "svd", "qr"}

SPELLINGS = {name: SAYS[name]() for name in FRAMEWORKS if coverage.is_installed(name)}
CASES = [(name, title) for name, spelt in SPELLINGS.items() for title in spelt]


def judged(name, title, lengths, others):
    examples = list(coverage.inputs(name, lengths, others))
    return coverage.verdict(name, SPELLINGS[name][title], examples)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, title", CASES, ids=lambda v: v)
def test_a_spelling_is_right_or_refused_by_name(name, title):
    told = judged(name, title, (4, 2, 3), (2, 5, 1))
    if title in REFUSED[name]:
        assert told.startswith("refused"), told
    else:
        assert told == "right"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("title", SPELLINGS.get("torch", ()))
@pytest.mark.parametrize("lengths", [(1, 3), (0, 3)], ids=str)
def test_a_spelling_at_sizes_of_one_and_none(title, lengths):
    """What the loop refuses we may refuse too; `squeeze` drops a dim of some examples only."""
    told = judged("torch", title, lengths, (2, 2))
    allowed = ("right", "loop", "refused") if 0 in lengths else ("right", "loop")
    assert told.startswith(allowed) or title in {*REFUSED["torch"], "squeeze all"}, told


@pytest.mark.filterwarnings("ignore")
def test_sizes_that_pytorch_does_not_ask_are_asked(monkeypatch):
    """Before 2.7; the road that is taken there is here on every version."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr("masking_lab.on_torch.asking.asks_sizes", lambda: False)

    def rolled(x, q, i):
        return torch.roll(torch.reshape(x, (len(x), 1, 3)), len(x) - 1, 0)

    examples = list(coverage.inputs("torch", (4, 2, 3), (2, 5, 1)))
    assert coverage.verdict("torch", rolled, examples) == "right"


def test_every_row_has_a_mask_rule_or_is_named_here():
    without = {r.name for r in ROWS.values() if r.axes is r.along is None}
    assert without - {r.name for r in ROWS.values() if r.kind == "composite"} == UNKNOWN


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_size_that_is_a_power_of_a_size(name):
    """JAX prints a power as `n0^2`; read as Python that is an exclusive or."""
    xs = [array(name, np.ones((n, 3))) for n in (4, 2, 3)]
    squares = ml.autobatch(lambda x: (x @ x.T).sum() / x.shape[0] ** 2)(ml.batch(xs))
    assert to_numpy(squares.data).tolist() == [3.0, 3.0, 3.0]


@pytest.mark.parametrize("name", ["torch"])
def test_an_index_that_one_example_does_not_have(name):
    xs = [array(name, np.ones(n)) for n in (3, 1, 0)]
    i = array(name, np.array([0, -1]))
    with pytest.raises(IndexError, match=r"examples \[2\]"):
        ml.autobatch(lambda x: x[i])(ml.batch(xs))
    with pytest.raises(RuntimeError, match=r"out of range: 2 entries .* examples \[1, 2\]"):
        ml.autobatch(lambda x: x.topk(2)[0])(ml.batch(xs))
