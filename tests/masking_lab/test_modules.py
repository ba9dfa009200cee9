"""Modules and containers as arguments: what people have already, called on one example.

The oracle is the same module in a plain loop; gradients are those of its parameters.
"""

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, allclose, array, module, native_grad

torch = pytest.importorskip("torch")
nn = torch.nn


def recurrent(cell, x, h):
    for v in x:
        h = cell(v, h)
    return h


def tokens(x, m):
    """Positions as token numbers, where a module wants them."""
    return m((x[:, 0].abs() * 3).long())


ON_TORCH = {
    "Linear": (lambda: nn.Linear(4, 2), lambda x, m: m(x)),
    "LayerNorm": (lambda: nn.LayerNorm(4), lambda x, m: m(x)),
    "Sequential": (lambda: nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)),
                   lambda x, m: m(x)),
    "Softmax over tokens": (lambda: nn.Sequential(nn.Linear(4, 2), nn.Softmax(0)),
                            lambda x, m: m(x)),
    "Embedding": (lambda: nn.Embedding(20, 3, padding_idx=0), tokens),
    "GRUCell": (lambda: nn.GRUCell(4, 3), lambda x, m: recurrent(m, x, torch.zeros(3).double())),
    "LSTMCell": (lambda: nn.LSTMCell(4, 3), lambda x, m: recurrent(m, x, None)[0]),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2), lambda x, m: m(x, x, x)),
    "without weights": (lambda: nn.MultiheadAttention(4, 2),
                        lambda x, m: m(x, x, x, need_weights=False)[0]),
}  # fmt: skip


@pytest.mark.parametrize("key", ON_TORCH)
@pytest.mark.parametrize("how", ["shared", "closure"])
def test_a_module_of_torchs(key, how):
    torch.manual_seed(0)
    make, f = ON_TORCH[key]
    m = make().double()
    xs = [torch.randn(n, 4, dtype=torch.float64) for n in (3, 1, 4)]
    call = ml.autobatch(f if how == "shared" else lambda x: f(x, m))
    found = call(ml.batch(xs), *[m] * (how == "shared"))
    ours = (
        list(zip(*[y.unbatch() for y in found], strict=True))
        if type(found) is tuple
        else found.unbatch()
    )
    theirs = [f(x, m) for x in xs]
    for a, b in zip(ours, theirs, strict=True):
        for y, z in zip(*((a, b) if type(b) is tuple else ((a,), (b,))), strict=True):
            allclose(y, z, "float64")
    first = [y[0] if type(y) is tuple else y for y in theirs]
    mine = [y[0] if type(y) is tuple else y for y in ours]
    gradients = [
        torch.autograd.grad(sum((y * y).sum() for y in ys), list(m.parameters()))
        for ys in (mine, first)
    ]
    for a, b in zip(*gradients, strict=True):
        allclose(a, b, "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_weights_in_containers_and_batches_in_dicts(name):
    np_, rng = module(name), np.random.default_rng(0)
    w = {"a": array(name, rng.normal(size=(4, 3))), "bs": [array(name, rng.normal(size=3))], "k": 2}
    xs = [{"q": array(name, rng.normal(size=(n, 4))), "k": array(name, rng.normal(size=(m, 4)))}
          for n, m in ((2, 3), (1, 1), (3, 2))]  # fmt: skip

    def f(e, w, scale=1.0):
        h = np_.tanh(e["q"] @ w["a"] + w["bs"][0]) * scale
        return {"h": h, "scores": h @ (e["k"] @ w["a"]).T / w["k"]}

    b = {"q": ml.batch([x["q"] for x in xs]), "k": ml.batch([x["k"] for x in xs])}
    ours = ml.autobatch(f)(b, w, scale=2.0)
    for i, x in enumerate(xs):
        allclose(ours["scores"][i], f(x, w, 2.0)["scores"], "float64")
    assert [tuple(n.tolist()) for n in ours["scores"].lengths] == [(2, 1, 3), (3, 1, 2)]

    def loss(a, run):
        return sum((y * y).sum() for y in run({**w, "a": a}))

    found = [
        native_grad(lambda a, run=run: loss(a, run), (0,))(w["a"])[0]
        for run in (lambda w: ml.autobatch(f)(b, w)["scores"].unbatch(),
                    lambda w: [f(x, w)["scores"] for x in xs])
    ]  # fmt: skip
    allclose(*found, "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_side_goes_through(name):
    b = ml.batch([array(name, [1.0, 2.0]), array(name, [3.0])], side="left")
    y = ml.autobatch(lambda x: x * 2)(b)
    assert y.side == "left" and y.to_padded()[0].tolist() == [[2.0, 4.0], [0.0, 6.0]]


class Twice(nn.Module):
    def forward(self, x):
        return 2 * x.sum(0)


@pytest.mark.parametrize("strategy", ["masked", "shrink", "packed", "lazy", "pc"])
@pytest.mark.parametrize("make", [Twice, nn.Tanh])
def test_a_forward_that_was_replaced_on_one_module_is_what_runs(make, strategy):
    m = make()
    m.forward = lambda x: 3 * x.mean(0)
    xs = [torch.randn(n, 2, dtype=torch.float64) for n in (3, 1)]
    found = ml.autobatch(lambda x: m(x) + 1, strategy)(ml.batch(xs)).unbatch()
    assert all(torch.allclose(y, m(x) + 1) for y, x in zip(found, xs, strict=True))
