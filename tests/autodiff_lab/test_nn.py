"""`ad.nn`: operations, layers and whole models give the same numbers, those of torch.nn too."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import nn, random, trees, xp
from autodiff_lab.table import ROWS
from tests.autodiff_lab.test_errors import refused
from tests.autodiff_lab.test_honest import poison  # noqa: F401  a fixture
from tests.helpers import FRAMEWORKS, array, to_numpy

both = pytest.mark.parametrize("name", FRAMEWORKS)
RNG = np.random.default_rng(0)
IMAGES, ROWS_OF, SEQUENCE = (RNG.normal(size=s) for s in ((3, 1, 8, 8), (4, 6), (2, 5, 6)))
IDS, LABELS = RNG.integers(0, 7, (2, 5)), np.array([2, 0, 1])
KEY = random.key(3)

MODELS = {
    "mlp": (lambda: nn.mlp([6, 5, 3], nn.tanh), ROWS_OF),
    "cnn": (lambda: nn.cnn((3, 4), 3, dropout=0.5), IMAGES),
    "norms": (
        lambda: nn.chain(
            nn.conv(3, bias=False), nn.batch_norm(), nn.silu, nn.avg_pool(2), nn.flatten,
            nn.layer_norm(), nn.dense(2),
        ),
        IMAGES,
    ),
    "gru": (lambda: nn.recurrent(4, 3), SEQUENCE),
    "lstm": (lambda: nn.recurrent(4, 3, nn.lstm), SEQUENCE),
    "rnn": (lambda: nn.recurrent(4, 3, nn.rnn), SEQUENCE),
    "transformer": (lambda: nn.transformer(7, 9, 8, heads=2, blocks=1), IDS),
}  # fmt: skip


def made(name, kind):
    make, x = MODELS[kind]
    model, x = make(), array(name, x)
    return model, model.init(KEY, x), x


def value_and_grad(name, f):
    """Ours; on JAX in one program, which is quicker to compile than each operation."""
    if name == "torch":
        return ad.value_and_grad(f)
    import jax

    return jax.jit(ad.value_and_grad(f))


def loss_of(model, x, key=None):
    return lambda params: (nn.tanh(model.apply(params, x, key)) ** 2).sum()


def numbers(tree):
    """The leaves by name: jit gives a dict back in another order."""
    leaves, paths, _ = trees.flatten(tree)
    pairs = sorted(zip(paths, leaves, strict=True), key=lambda pair: pair[0])
    return [to_numpy(leaf) for _, leaf in pairs]


def same(a, b, **tolerance):
    a, b = numbers(a), numbers(b)
    assert len(a) == len(b) > 0
    for x, y in zip(a, b, strict=True):
        if tolerance:
            np.testing.assert_allclose(x, y, **tolerance)
        else:
            np.testing.assert_array_equal(x, y)


# ----- three granularities -----
@both
def test_an_mlp_by_hand_by_layers_and_whole(name):
    x = array(name, ROWS_OF)
    model = nn.mlp([6, 5, 3])
    params = model.init(KEY, x)
    layers = [nn.dense(5), nn.dense(3)]

    def by_hand(p):
        h = ROWS["relu"](x @ p[0]["w"] + p[0]["b"])
        return h @ p[2]["w"] + p[2]["b"]

    def by_layers(p):
        return layers[1].apply(p[2], nn.relu(layers[0].apply(p[0], x)))

    three = (by_hand, by_layers, lambda p: model.apply(p, x))
    found = [value_and_grad(name, lambda p, f=f: (f(p) ** 2).sum())(params) for f in three]
    same(found[0], found[1])
    same(found[0], found[2])


@both
def test_a_cnn_by_rows_by_operations_and_whole(name):
    x, t = array(name, IMAGES), array(name, LABELS)
    model = nn.cnn((4,), 3)
    params = model.init(KEY, x)
    windows = {"window": (1, 1, 2, 2), "stride": (1, 1, 2, 2), "padding": ((0, 0),) * 4}
    ones = {"dilation": (1,) * 4, "gaps": (1,) * 4}
    plan = {"stride": (1, 1), "padding": ((1, 1),) * 2, "dilation": (1, 1)}

    def by_rows(p):
        w, b = p[0]["w"], p[0]["b"]
        shapes = tuple(x.shape), tuple(w.shape)
        y = ROWS["conv"](x, w, shapes=shapes, gaps=(1, 1), groups=1, **plan)
        y = ROWS["max_pool"](ROWS["relu"](y + b.reshape(4, 1, 1)), **windows, **ones)
        logits = y.reshape(3, -1) @ p[5]["w"] + p[5]["b"]
        logp = ROWS["log_softmax"](logits, axis=(1,))
        picked = logp * (t[:, None] == array(name, np.arange(3)))
        return -picked.sum() / 3

    def by_operations(p):
        y = nn.ops.max_pool(nn.relu(nn.ops.conv(x, p[0]["w"], p[0]["b"], padding="same")), 2)
        return nn.cross_entropy(y.reshape(3, -1) @ p[5]["w"] + p[5]["b"], t)

    def whole(p):
        return nn.cross_entropy(model.apply(p, x), t)

    found = [value_and_grad(name, f)(params) for f in (by_rows, by_operations, whole)]
    same(found[1], found[2])  # the same operations: to the last bit
    same(found[0], found[2], rtol=1e-12, atol=1e-14)  # other ones for the bias and the loss


@both
@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_a_recurrent_layer_is_its_cell_step_after_step(cell, name):
    model = getattr(nn, cell)(4)
    x = array(name, SEQUENCE)
    params = model.init(KEY, x)

    def by_hand(w):
        h = c = array(name, np.zeros((2, 4)))
        ys = []
        for i in range(5):
            if cell == "lstm":
                h, c = nn.ops.lstm_cell(x[:, i], h, c, w)
            else:
                h = getattr(nn.ops, cell + "_cell")(x[:, i], h, w)
            ys.append(h)
        return xp.of(*ys).lib.stack(ys, 1)

    weight = array(name, np.cos(np.arange(40.0)).reshape(2, 5, 4))
    found = [
        value_and_grad(name, lambda p, f=f: (f(p) * weight).sum())(params)
        for f in (by_hand, lambda p: model.apply(p, x))
    ]
    same(*found, rtol=1e-12, atol=1e-14)


# ----- two frameworks -----
@pytest.mark.parametrize("kind", MODELS)
def test_both_frameworks_start_from_the_same_bits_and_agree(kind):
    pytest.importorskip("torch"), pytest.importorskip("jax")
    found = {}
    for name in FRAMEWORKS:
        model, params, x = made(name, kind)
        key = random.key(8)  # dropout leaves out the same entries
        found[name] = params, value_and_grad(name, loss_of(model, x, key))(params)
    same(found["torch"][0], found["jax"][0])
    tolerance = {"rtol": 1e-9, "atol": 1e-10} if kind != "transformer" else {"atol": 2e-4}
    same(found["torch"][1], found["jax"][1], **tolerance)  # the transformer counts in float32


@both
@pytest.mark.parametrize("kind", MODELS)
def test_gradients_are_the_frameworks_own(kind, name):
    model, params, x = made(name, kind)
    f = loss_of(model, x)
    leaves, _, rebuild = trees.flatten(params)
    same(
        value_and_grad(name, f)(params)[1],
        rebuild(native(name, lambda new: f(rebuild(new)), leaves)),
        atol=3e-5,
    )


def native(name, f, leaves):
    if name == "jax":
        import jax

        return jax.jit(jax.grad(f))(leaves)
    import torch

    leaves = [x.clone().requires_grad_() for x in leaves]
    return torch.autograd.grad(f(leaves), leaves)


@both
def test_the_same_parameters_in_every_precision(name):
    half, single, double = (
        nn.dense(4).init(KEY, array(name, np.ones((1, 3)), dtype))["w"]
        for dtype in ("float16", "float32", "float64")
    )
    assert "float16" in str(half.dtype) and "float64" in str(double.dtype)
    np.testing.assert_array_equal(to_numpy(single).astype("float64"), to_numpy(double))
    np.testing.assert_array_equal(to_numpy(single).astype("float16"), to_numpy(half))


@both
def test_first_weights_keep_the_size_of_what_goes_through(name):
    """He et al. 2015: fifty layers of relu neither fade nor explode."""
    x = random.normal(random.key(0), (50, 200), like=name)
    model = nn.chain(*[part for _ in range(20) for part in (nn.dense(200), nn.relu)])
    y = to_numpy(model.apply(model.init(KEY, x), x))
    assert 0.2 < (y**2).mean() / (to_numpy(x) ** 2).mean() < 5


# ----- torch.nn, through ad.functional -----
def _linear(p, prefix):
    return {f"{prefix}weight": p["w"].T, f"{prefix}bias": p["b"]}


def _norm(p, prefix):
    return {f"{prefix}weight": p["scale"], f"{prefix}bias": p["shift"]}


def _cell(p, _):
    names = {"w_x": "weight_ih_l0", "w_h": "weight_hh_l0", "b_x": "bias_ih_l0", "b_h": "bias_hh_l0"}
    return {theirs: p[ours] for ours, theirs in names.items()}


def _block(p, _):
    attention, first, last = p[0][1], p[1][1], p[1][3]
    return {
        "self_attn.in_proj_weight": attention["w_in"].T,
        "self_attn.in_proj_bias": attention["b_in"],
        "self_attn.out_proj.weight": attention["w_out"].T,
        "self_attn.out_proj.bias": attention["b_out"],
        **_linear(first, "linear1."), **_linear(last, "linear2."),
        **_norm(p[0][0], "norm1."), **_norm(p[1][0], "norm2."),
    }  # fmt: skip


def _theirs():
    from torch import nn as theirs

    class Outputs(theirs.Module):  # a recurrent module without its last state
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x)[0]

    block = theirs.TransformerEncoderLayer(
        6, 2, 24, 0.0, "gelu", batch_first=True, norm_first=True
    )  # fmt: skip
    return {
        "dense": (nn.dense(3), theirs.Linear(6, 3), ROWS_OF, _linear),
        "conv": (
            nn.conv(4, (3, 2), stride=2, padding=1),
            theirs.Conv2d(1, 4, (3, 2), 2, 1),
            IMAGES,
            lambda p, _: {"weight": p["w"], "bias": p["b"]},
        ),
        "layer_norm": (nn.layer_norm(), theirs.LayerNorm(6), ROWS_OF, _norm),
        "batch_norm": (nn.batch_norm(), theirs.BatchNorm1d(6), ROWS_OF, _norm),
        "gru": (nn.gru(4), Outputs(theirs.GRU(6, 4, batch_first=True)), SEQUENCE, _cell),
        "lstm": (nn.lstm(4), Outputs(theirs.LSTM(6, 4, batch_first=True)), SEQUENCE, _cell),
        "rnn": (nn.rnn(4), Outputs(theirs.RNN(6, 4, batch_first=True)), SEQUENCE, _cell),
        "transformer": (nn.transformer_block(6, 2), block, SEQUENCE, _block),
    }


@pytest.mark.parametrize(
    "kind", ["dense", "conv", "layer_norm", "batch_norm", "gru", "lstm", "rnn", "transformer"]
)
def test_a_layer_is_the_module_of_torch_nn(kind):
    torch = pytest.importorskip("torch")
    ours, module, x, renamed = _theirs()[kind]
    x = torch.tensor(x)
    params = trees.map(lambda leaf: leaf + 0.1 * torch.cos(leaf), ours.init(KEY, x))
    f, known = ad.functional(module.double())
    prefix = "inner." if any(name.startswith("inner.") for name in known) else ""
    given = {prefix + name: value for name, value in renamed(params, "").items()}
    assert set(given) == set(known)
    weight = torch.cos(torch.arange(ours.apply(params, x).numel(), dtype=torch.float64))

    def through(apply):
        return lambda p, x: (apply(p, x).reshape(-1) * weight).sum()

    y, (_, dx) = ad.value_and_grad(through(ours.apply), (0, 1))(params, x)
    y2, (_, dx2) = ad.value_and_grad(through(f), (0, 1))(given, x)
    same((y, dx), (y2, dx2), rtol=1e-10, atol=1e-12)


@both
@pytest.mark.parametrize("kind", ["norms", "lstm"])
def test_no_layer_asks_the_frameworks_own_differentiation(kind, name, poison):  # noqa: F811
    model, params, x = made(name, kind)
    assert len(trees.leaves(value_and_grad(name, loss_of(model, x))(params))) > 2


# ----- state and keys are arguments -----
@both
def test_running_statistics_are_those_of_torch_nn(name):
    torch = pytest.importorskip("torch")
    theirs, model = torch.nn.BatchNorm2d(1).double(), nn.batch_norm()
    params = model.init(KEY, array(name, IMAGES))
    state = model.state(params)
    for scale in (1.0, 3.0):
        expected = theirs(torch.tensor(IMAGES * scale))
        y, state = model.step(params, array(name, IMAGES * scale), state)
        same(y, expected, atol=1e-12)
    same(state, (theirs.running_mean, theirs.running_var), rtol=1e-12)
    y = model.apply(params, array(name, IMAGES), state=state)
    same(y, theirs.eval()(torch.tensor(IMAGES)), atol=1e-12)


@both
def test_a_chain_carries_the_state_of_its_layers(name):
    model, params, x = made(name, "norms")
    before = model.state(params)

    def loss(params, state):
        y, state = model.step(params, x, state)
        return (y**2).sum(), state

    (_, after), g = ad.value_and_grad(loss, has_aux=True)(params, before)
    assert [s and sorted(s) for s in after] == [None, ["mean", "var"]] + [None] * 5
    assert float(before[1]["mean"][0]) == 0.0 != float(after[1]["mean"][0])
    assert len(trees.leaves(g)) == len(trees.leaves(params))
    trained, known = (to_numpy(model.apply(params, x, state=s)) for s in (None, after))
    assert not np.allclose(trained, known)


@both
def test_dropout_wants_a_key_and_keeps_the_mean(name):
    x = array(name, np.ones((100, 100)))
    layer = nn.dropout(0.25)
    assert layer.apply(None, x) is x
    y = to_numpy(layer.apply(None, x, random.key(1)))
    assert set(np.unique(y)) == {0.0, 1 / 0.75} and abs(y.mean() - 1) < 0.02
    assert (y == to_numpy(layer.apply(None, x, random.key(1)))).all()
    assert (y != to_numpy(layer.apply(None, x, random.key(2)))).any()


@both
def test_attention_that_is_causal_does_not_look_ahead(name):
    model, params, x = made(name, "transformer")
    changed = IDS.copy()
    changed[:, -1] = (changed[:, -1] + 1) % 7
    a, b = (to_numpy(model.apply(params, v)) for v in (x, array(name, changed)))
    np.testing.assert_array_equal(a[:, :-1], b[:, :-1])
    assert (a[:, -1] != b[:, -1]).any()


# ----- errors -----
@both
def test_what_does_not_fit_is_refused_with_the_layer_and_the_shapes(name):
    x, images, ids = (array(name, v) for v in (ROWS_OF, IMAGES, IDS))
    dense, conv = nn.dense(3).init(KEY, x), nn.conv(3).init(KEY, images)
    cases = (
        (lambda: nn.dense(3).apply(dense, x[:, :2]), r"dense\(3\)", "6 features", r"\(4, 2\)"),
        (lambda: nn.mlp([5, 3]).init(KEY, x), r"mlp\(\[5, 3\]\)", "5 features", r"\(4, 6\)"),
        (lambda: nn.conv(3).apply(conv, x), "channels, height, width", r"\(4, 6\)"),
        (lambda: nn.conv(3).init(KEY, ids), "conv", r"\(2, 5\)"),
        (lambda: nn.ops.conv(x, conv["w"]), r"\(3, 1, 3, 3\)", r"\(4, 6\)"),
        (lambda: nn.ops.max_pool(images, 9), "max_pool", r"\(9, 9\)", r"\(3, 1, 8, 8\)"),
        (lambda: nn.gru(3).init(KEY, x), r"gru\(3\)", "batch, time, features", r"\(4, 6\)"),
        (lambda: nn.attention(4).init(KEY, array(name, SEQUENCE)), "6 features among 4 heads"),
        (lambda: nn.dense(3).init(KEY, ids), "floats", "int64"),
        (lambda: nn.dense(3).init(KEY, ROWS_OF), "dense", "ndarray"),
        (lambda: nn.chain(nn.dense(3)).apply([], x), "1 layers", "for 0"),
        (lambda: nn.chain(nn.residual(nn.dense(3)), nn.relu).init(KEY, x), r"\(4, 6\) became"),
        (lambda: nn.chain(3), "not 3"),
        (lambda: nn.chain(nn.dropout).init(KEY, x), "dropout leaves out a share"),
        (lambda: nn.chain(lambda x: 3).init(KEY, x), "in a chain made a int of an array"),
        (lambda: nn.dropout(1.0), "not 1.0"),
        (lambda: nn.dense("3"), "dense: the number of outputs", "'3'"),
        (lambda: nn.dense(3)(x), r"dense\(3\) holds no parameters"),
        (lambda: nn.dense(3).apply({"w": x}, x), "params of w, b", "'w'"),
        (lambda: nn.chain(nn.dense).init(KEY, x), "dense: the number of outputs", "not a"),
        (lambda: nn.ops.conv(images, array(name, np.ones((1, 1, 9, 9)))), "does not fit"),
        (lambda: nn.mlp([6, 3]).init(0, x), "a key is a pair of integers.*not 0"),
        (lambda: nn.cross_entropy(x, [0, 1, 2, 3]), "no array"),
        (lambda: nn.chain(nn.add_position(3), nn.relu).init(KEY, array(name, SEQUENCE)), "of 5"),
        (lambda: nn.ops.embed(x, array(name, [9])), "row 9", "there are 4"),
        (lambda: nn.ops.embed(x, x), "integers", "float64"),
        (lambda: nn.cross_entropy(x, array(name, [0, 1, 2, 6])), "class 6", "there are 6"),
        (lambda: nn.cross_entropy(x, array(name, [0])), r"\(4, 6\)", r"\(1,\)"),
    )
    for f, *said in cases:
        refused(f, *said)


def test_under_jit_a_class_that_does_not_exist_gives_nan():
    jax = pytest.importorskip("jax")
    x = array("jax", ROWS_OF)
    loss, embed = jax.jit(nn.cross_entropy), jax.jit(nn.ops.embed)
    assert np.isnan(loss(x, array("jax", [0, 1, 2, 6]))) and loss(x, array("jax", [0, 1, 2, 3])) > 0
    assert np.isnan(embed(x, array("jax", [4]))).all()
