"""`ad.functional`: modules of torch.nn as functions of their parameters, their code unchanged."""

import copy

import pytest

import autodiff_lab as ad
from tests.autodiff_lab.test_errors import refused

torch = pytest.importorskip("torch")
nn = torch.nn


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up = nn.Linear(4, 4, bias=False), nn.Linear(4, 4)
        self.up.weight = self.down.weight

    def forward(self, x):
        return self.up(torch.tanh(self.down(x)))


class TiedEmbedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(7, 3), nn.Linear(3, 7, bias=False)
        self.out.weight = self.table.weight

    def forward(self, i):
        return self.out(self.table(i))


def batch(*shape):
    return torch.linspace(-1.0, 2.0, torch.Size(shape).numel()).sin().reshape(shape)


IDS = torch.tensor([[1, 2], [3, 1]])
MODULES = {
    "Linear": (lambda: nn.Linear(6, 3), (batch(4, 6),)),
    "MLP": (lambda: nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 2)), (batch(4, 6),)),
    "tied weights": (Tied, (batch(2, 4),)),
    "tied embedding": (TiedEmbedding, (torch.tensor([1, 2, 3]),)),
    "Conv2d": (lambda: nn.Conv2d(2, 3, 3, padding=1, stride=2), (batch(2, 2, 6, 6),)),
    "BatchNorm1d": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh()),
        (batch(4, 6),),
    ),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(2), (batch(2, 2, 5, 5),)),
    "BatchNorm eval": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5)).eval(),
        (batch(4, 6),),
    ),
    "LayerNorm": (lambda: nn.LayerNorm(6), (batch(4, 6),)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 6), (batch(4, 6),)),
    "Embedding": (lambda: nn.Embedding(7, 3), (IDS,)),
    "LSTM": (lambda: nn.LSTM(6, 3, 2), (batch(5, 4, 6),)),
    "GRU": (
        lambda: nn.GRU(6, 3, batch_first=True, bidirectional=True),
        (batch(5, 4, 6),),
    ),
    "LSTMCell": (lambda: nn.LSTMCell(6, 3), (batch(4, 6),)),
    "MultiheadAttention": (
        lambda: nn.MultiheadAttention(6, 2, batch_first=True),
        (batch(2, 5, 6),) * 3,
    ),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True),
        (batch(2, 5, 6),),
    ),
}


def loss_of(y):
    y = y[0] if isinstance(y, tuple) else y
    return (y * batch(*y.shape)).tanh().sum()


@pytest.mark.parametrize("label", MODULES)
def test_gradients_and_buffers_are_those_of_the_module(label):
    make, args = MODULES[label]
    torch.manual_seed(0)
    ours = make().double()
    args = [x.double() if x.is_floating_point() else x for x in args]
    theirs = copy.deepcopy(ours)
    f, params = ad.functional(ours)
    value, grads = ad.value_and_grad(lambda p: loss_of(f(p, *args)))(params)
    expected = loss_of(theirs(*args))
    expected.backward()
    torch.testing.assert_close(value, expected.detach())
    assert set(grads) == {name for name, _ in theirs.named_parameters()}
    for name, p in theirs.named_parameters():
        torch.testing.assert_close(grads[name], p.grad, rtol=1e-8, atol=1e-9)
    for mine, its in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, its)
    assert all(p.grad is None and type(p) is nn.Parameter for p in ours.parameters())


def test_the_module_is_left_as_it_was_even_after_an_exception():
    class Breaks(nn.Linear):
        def forward(self, x):
            super().forward(x)
            raise ZeroDivisionError

    module = Breaks(2, 2)
    before = dict(module.named_parameters())
    f, params = ad.functional(module)
    with pytest.raises(ZeroDivisionError):
        ad.grad(lambda p: f(p, torch.ones(2)).sum())(params)
    after = dict(module.named_parameters())
    assert after.keys() == before.keys() and all(after[k] is before[k] for k in before)


def test_second_order_and_forward_mode_through_a_module():
    f, params = ad.functional(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double())
    x = torch.tensor([0.3, -0.7], dtype=torch.float64)
    loss = lambda p: f(p, x).square().sum()  # noqa: E731
    v = {name: torch.ones_like(p) for name, p in params.items()}
    product = ad.hvp(loss, (params,), (v,))
    names = list(params)
    theirs = torch.autograd.functional.hvp(
        lambda *ps: torch.func.functional_call(
            nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double(),
            dict(zip(names, ps, strict=True)), (x,)).square().sum(),
        tuple(params.values()), tuple(v.values()))[1]  # fmt: skip
    for name, expected in zip(names, theirs, strict=True):
        torch.testing.assert_close(product[name], expected)
    assert ad.check(loss, params)


def test_what_is_no_module_and_no_parameter():
    refused(lambda: ad.functional(lambda x: x), "not a function")
    f, params = ad.functional(nn.Linear(2, 2))
    refused(lambda: f({"wheight": params["weight"]}, torch.ones(2)), "no parameter 'wheight'")
