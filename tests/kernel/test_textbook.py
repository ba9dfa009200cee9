"""The textbook's derivatives on the cards of composite rows, against the engine's on both sides."""

import math

import numpy as np
import pytest

import autodiff_lab as ad
from kernel import textbook
from kernel.card import card
from tests.helpers import FRAMEWORKS, array, to_numpy
from tests.kernel.test_card import ROWS

AXIS, EPS = 1, 1e-5
rng = np.random.default_rng(7)


def normal(*shape):
    return rng.standard_normal(shape)


class Numbers:
    """The language of the forms, on NumPy's arrays; sums and means go along `axis`."""

    exp, log, tanh, sqrt, abs, sign = np.exp, np.log, np.tanh, np.sqrt, np.abs, np.sign
    where = staticmethod(np.where)
    product, entrywise = staticmethod(np.matmul), staticmethod(np.multiply)
    turned = staticmethod(np.transpose)
    one = 1.0

    def __init__(self, axis=AXIS, n=None, epsilon=EPS):
        self.axis, self.n, self.epsilon = axis, n, epsilon
        self.count = n and n - 1

    def sum(self, x):
        return x.sum(self.axis, keepdims=True)

    def mean(self, x):
        return x.mean(self.axis, keepdims=True)

    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))

    def normal(self, x):
        return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    def density(self, x):
        return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)

    def softmax(self, x):
        e = np.exp(x - x.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def later(self, x):
        return np.flip(np.cumsum(np.flip(x, self.axis), self.axis), self.axis)

    def chosen(self, t, x):
        return t

    def let(self, name, value):
        return value

    def shared(self, value, like):
        """Summed over the axes along which `like` is repeated."""
        extra = value.sum(tuple(range(value.ndim - like.ndim)))
        short = tuple(i for i, n in enumerate(like.shape) if n == 1 and extra.shape[i] > 1)
        return extra.sum(short, keepdims=True)


# ----- entry by entry -----
SETTINGS = {  # parameters where the row has some
    "elu": {"alpha": 1.5}, "celu": {"alpha": 1.5}, "leaky_relu": {"slope": 0.2},
    "softplus": {"beta": 2.0}, "hardtanh": {"low": -0.5, "high": 1.0},
    "softshrink": {"bound": 0.5}, "hardshrink": {"bound": 0.5}, "threshold": {"bound": 0.5},
}  # fmt: skip
MORE = {"threshold": {"value": 3.0}}  # parameters that its slope does not depend on


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", textbook.SLOPES)
def test_the_slope_on_the_card_is_the_slope(name, framework):
    x, row = 3 * normal(4, 5), ad.table.ROWS[name]
    params = SETTINGS.get(name, {})
    y, back = ad.vjp(
        lambda x: row(x, **params, **MORE.get(name, {})), array(framework, x, "float64")
    )
    slope = textbook.SLOPES[name](Numbers(), to_numpy(y), x, **params)
    close(back(array(framework, np.ones_like(x), "float64"))[0], slope)


# ----- what mixes entries -----
KEEP = {"axis": (AXIS,), "keepdims": True}
MEAN, LAST = {"reduction": "mean"}, {"axis": (AXIS,)}
CLASSES = {"axis": 1, "ignore": -100, "reduction": "mean"}
X, A, ROW, CHANNEL = normal(4, 5), normal(4, 5), normal(5), normal(1, 5)
ONE_HOT = np.eye(5)[[3, 0, 2, 1]]
HALF = np.abs(normal(4, 5)) + 0.1
BLOCK, OVER_ALL = normal(2, 3, 4), (0, 2)
N = {"n": 20}
CASES = {  # name: inputs of the row, its parameters, and what Numbers are told
    "lerp": ((X, A, HALF), {}, {}),
    "addcmul": ((X, A, HALF), {"value": 2.0}, {}),
    "addcdiv": ((X, A, HALF), {"value": 2.0}, {}),
    "mean": ((X,), KEEP, {"n": 5}),
    "var": ((X,), KEEP, {"n": 5}),
    "std": ((X,), KEEP, {"n": 5}),
    "norm": ((X,), KEEP | {"p": 3.0}, {}),
    "softmax": ((X,), LAST, {}),
    "log_softmax": ((X,), LAST, {}),
    "cumprod": ((X,), {"axis": 1}, {}),
    "cumlogsumexp": ((X,), {"axis": 1}, {}),
    "linear": ((X, normal(3, 5), normal(3)), {}, {}),
    "add_product": ((normal(4, 3), X, normal(5, 3)), {}, {}),
    "layer_norm": ((X, ROW, normal(5)), LAST | {"eps": EPS}, {}),
    "rms_norm": ((X, ROW), LAST | {"eps": EPS}, {}),
    "batch_norm": ((X, ROW, normal(5)), {"eps": EPS}, {"axis": 0}),
    "batch_norm_known": ((X, ROW, HALF[0], normal(5)), {"eps": EPS}, {}),
    "instance_norm": ((BLOCK, normal(3), normal(3)), {"eps": EPS}, {"axis": 2}),
    "group_norm": ((normal(2, 4), normal(4), normal(4)), {"eps": EPS, "groups": 1}, {}),
    "attention": ((X, normal(3, 5), normal(3, 2)), {"scale": 0.5, "causal": False}, {}),
    "rnn_cell": ((X, normal(4, 3), normal(3, 5), normal(3, 3), normal(3)), {"squash": "tanh"}, {}),
    "mse_loss": ((X, A), MEAN, N),
    "l1_loss": ((X, A), MEAN, N),
    "huber_loss": ((X, A), MEAN | {"delta": 0.7}, N),
    "smooth_l1_loss": ((X, A), MEAN | {"beta": 0.7}, N),
    "nll_loss": ((X, ONE_HOT), CLASSES, {"n": 4}),
    "cross_entropy": ((X, ONE_HOT), CLASSES | {"smoothing": 0.0}, {"n": 4}),
    "binary_cross_entropy_with_logits": ((X, HALF), {}, {}),
    "kl_div": ((X, HALF), {"log_target": False}, {}),
    "cosine_similarity": ((X, A), LAST | {"eps": 1e-8}, {}),
}  # fmt: skip


def close(found, told):
    """Told may lack the axes of size 1, or repeat along an axis what is there once."""
    found = to_numpy(found)
    told = np.reshape(told, found.shape) if np.size(told) == found.size else told
    np.testing.assert_allclose(found, np.broadcast_to(told, found.shape), rtol=1e-9, atol=1e-12)


def asked(name, framework):
    """The row as a function of arrays, these, and the inputs as the numbers of a form see them."""
    inputs, params, told = CASES[name]
    arrays = [array(framework, v, "float64") for v in inputs]
    if name == "nll_loss":  # it takes class numbers, and its form the one-hot rows
        arrays[1] = array(framework, inputs[1].argmax(1))
    if name == "instance_norm":  # a weight for each channel
        inputs = [v[:, None] if v.ndim == 1 else v for v in inputs]
    return lambda *xs: ad.table.ROWS[name](*xs, **params), arrays, inputs, Numbers(**told)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", textbook.BACK)
def test_the_cotangents_on_the_card_are_the_cotangents(name, framework):
    row, arrays, inputs, t = asked(name, framework)
    y, back = ad.vjp(row, *arrays)
    g, form = normal(*y.shape), textbook.BACK[name]
    found = dict(zip(textbook._names(ad.table.ROWS[name]), back(array(framework, g, "float64")),
                     strict=False))  # fmt: skip
    lost = (slice(None), None) if name == "cosine_similarity" else ...  # forms keep their axis
    named = inputs[: form.__code__.co_argcount - 3]  # a form need not name all inputs
    params = {k: CASES[name][1][k] for k in textbook._parameters(form)}
    for x, value in form(t, to_numpy(y)[lost], g[lost], *named, **params).items():
        close(found[x], value)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", textbook.FORWARD)
def test_the_tangent_on_the_card_is_the_tangent(name, framework):
    row, arrays, inputs, t = asked(name, framework)
    dx, form = normal(*inputs[0].shape), textbook.FORWARD[name]
    y, dy = ad.jvp(lambda x: row(x, *arrays[1:]), (arrays[0],), (array(framework, dx, "float64"),))
    weights = inputs[1 : form.__code__.co_argcount - 3]
    close(dy, form(t, to_numpy(y), inputs[0], dx, *weights))


def test_each_form_belongs_to_a_composite_row_and_stands_on_its_card():
    composite = {row.name for row in ROWS if row.kind == "composite"}
    assert set(CASES) == set(textbook.BACK)
    assert {*textbook.SLOPES, *textbook.BACK, *textbook.FORWARD, *textbook.SAID} <= composite
    for name in (*textbook.SLOPES, *textbook.BACK):
        assert r"\text{follows" not in card(ad.table.ROWS[name]).reverse


def test_the_famous_ones_read_as_in_the_book():
    assert card(ad.table.ROWS["softmax"]).reverse == r"\bar x = y \, \left(g - \sum y \, g\right)"
    assert (
        r"\operatorname{softmax}\left(x\right) - t" in card(ad.table.ROWS["cross_entropy"]).reverse
    )
