"""What a walk keeps alive, against the tensors that PyTorch saves for its own backward."""

import pytest

from autodiff_lab.tape import Tape
from autodiff_lab.trace import trace

torch = pytest.importorskip("torch")
F = torch.nn.functional


def kept(f, params):
    tape = trace(Tape, f, (params,))
    return _bytes(_tensors([(node.kept, node.residuals) for node in tape.nodes]), params)


def saved(f, params):
    found = []
    given = {name: p.clone().requires_grad_() for name, p in params.items()}

    def pack(x):
        found.append(x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        y = f(given)
    del y
    return _bytes(found, given)


def _tensors(x):
    if isinstance(x, torch.Tensor):
        return [x]
    return [t for part in x for t in _tensors(part)] if isinstance(x, (list, tuple)) else []


def _bytes(tensors, params):
    """Of every storage once; the parameters are there anyway."""
    there = {p.untyped_storage().data_ptr() for p in params.values()}
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(n for at, n in storages.items() if at not in there)


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)) / 4


X, LABELS, IMAGES = draw(32, 20), torch.arange(32) % 10, draw(32, 1, 12, 12)


def mlp(p):
    h = F.gelu(F.linear(X, p["w1"], p["b1"]))
    return F.cross_entropy(torch.tanh(h) @ p["w2"] + p["b2"], LABELS)


def cnn(p):
    h = F.max_pool2d(F.relu(F.conv2d(IMAGES, p["k1"], p["c1"], padding=1)), 2)
    h = F.batch_norm(F.conv2d(h, p["k2"], p["c2"], padding=1), None, None, training=True)
    return F.cross_entropy(F.linear(F.max_pool2d(F.silu(h), 2).flatten(1), p["w"]), LABELS)


def transformer(p):
    x = X.reshape(4, 8, 20)
    q, k, v = (F.linear(x, p[n]) for n in ("q", "k", "v"))
    a = torch.softmax(q @ k.transpose(1, 2) / 4.5, -1) @ v
    x = F.layer_norm(x + a, (20,), p["s"], p["t"])
    return F.mse_loss(F.linear(F.gelu(F.linear(x, p["u"])), p["d"]), x)


MODELS = {
    "mlp": (mlp, {"w1": draw(64, 20), "b1": draw(64), "w2": draw(64, 10), "b2": draw(10)}),
    "cnn": (cnn, {"k1": draw(4, 1, 3, 3), "c1": draw(4), "k2": draw(6, 4, 3, 3), "c2": draw(6),
                  "w": draw(10, 54)}),
    "transformer layer": (transformer, {"q": draw(20, 20), "k": draw(20, 20), "v": draw(20, 20),
                                        "s": draw(20), "t": draw(20), "u": draw(80, 20),
                                        "d": draw(20, 80)}),
}  # fmt: skip


@pytest.mark.parametrize("name", list(MODELS))
def test_a_walk_keeps_no_more_than_pytorch_saves(name):
    f, params = MODELS[name]
    trace(Tape, f, (params,))  # from now on each function goes the short way
    ours, theirs = kept(f, params), saved(f, params)
    assert 0 < ours <= theirs, (ours, theirs)
