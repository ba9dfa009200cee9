"""Fast ways and fused kernels compute what their row says. A row added later is tested by itself.

The oracle is the row's own definition, recorded and walked piece by piece in float64.
"""

import itertools

import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from autodiff_lab.calculus import pull
from autodiff_lab.table import ROWS
from autodiff_lab.table.fused import Product
from autodiff_lab.tape import Tape
from autodiff_lab.trace import trace
from tests.autodiff_lab.test_table import ELEMENTWISE, draw

torch = pytest.importorskip("torch")
F = torch.nn.functional
VERBS = xp.verbs("torch")

CLASSES = {"axis": 1, "ignore": -100}
EXTRA = {
    "nll_loss": [({"reduction": how}, ws) for how in ("none", "mean", "sum") for ws in (0, 1)],
    "cross_entropy": [
        ({"reduction": how, "smoothing": 0.0}, ws) for how in ("none", "mean") for ws in (0, 1)
    ],
}
POOL = {
    "window": (1, 1, 2, 2), "stride": (1, 1, 2, 2), "dilation": (1,) * 4, "gaps": (1,) * 4,
    "padding": ((0, 0), (0, 0), (0, 1), (0, 0)),
}  # fmt: skip
MORE = {
    "linear": [([(2, 5, 3), (4, 3), (4,)], {}), ([(0, 3), (4, 3), (4,)], {})],
    "layer_norm": [([(2, 3, 4), (3, 4), (3, 4)], {"axis": (1, 2), "eps": 1e-5})],
    "softmax": [([(2, 3, 4)], {"axis": (1,)}), ([(0, 3)], {"axis": (1,)})],
    "mean": [([(0, 3)], {"axis": (1,), "keepdims": False})],
    "mse_loss": [([(4, 3), t], {"reduction": "sum"}) for t in ((4, 3), (3,))],
    "max_pool": [([(1, 2, 5, 4)], POOL)],
}


def given():
    for row in ROWS.values():
        if row.fast is not None:
            for i, (shapes, params) in enumerate([*row.cases, *MORE.get(row.name, [])]):
                yield pytest.param(row, _drawn(row, shapes), params, id=f"{row.name}-{i}")
            for i, (params, weights) in enumerate(EXTRA.get(row.name, [])):
                for space in ((), (2,)):
                    made, where = _classes(weights, space), f"{row.name}-c{i}{len(space)}"
                    yield pytest.param(row, made, CLASSES | params, id=where)


def _drawn(row, shapes):
    return lambda: draw(row, shapes, "torch", "float64")


def _classes(weights, space):
    def made():
        x = torch.sin(torch.arange(12.0, dtype=torch.float64)).reshape(4, 3)
        w = [x[0].abs() + 0.1] * weights
        x, t = (v.reshape(*v.shape, *[1 for _ in space]).expand(*v.shape, *space)
                for v in (x, torch.tensor([2, -100, 0, 1])))  # fmt: skip
        return [x, t, *w]

    return made


def exact(row, xs, params, g, at):
    """The row as it is defined, in float64, without its fast way."""
    ways, row.fast = row.fast, None
    try:
        wide = [x.double() if x.is_floating_point() else x for x in xs]
        f = lambda *some: row.fn(VERBS, *_placed(wide, at, some), **params)  # noqa: E731
        y, pullback = ad.vjp(f, *[wide[i] for i in at])
        return y, pullback(g.double())
    finally:
        row.fast = ways


def _placed(xs, at, some):
    xs = list(xs)
    for i, x in zip(at, some, strict=True):
        xs[i] = x
    return xs


def cotangent(y):
    return torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape).to(y.dtype)


TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-5, torch.float16: 1e-2, torch.bfloat16: 6e-2}


def close(a, b, dtype):
    torch.testing.assert_close(
        a.double(), b.double(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype], equal_nan=True
    )


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize("row, draw_them, params", list(given()))
def test_a_fast_way_is_its_row(row, draw_them, params, dtype):
    xs = [x.to(dtype) if x.is_floating_point() else x for x in draw_them()]
    able = [i for i, x in enumerate(xs) if x.is_floating_point()]
    for n in range(1, len(able) + 1):
        for at in itertools.combinations(able, n):
            wanted = [i in at for i in range(len(xs))]
            found = row.fast.forward(VERBS, *xs, **params) if row.fast.reaches(wanted) else None
            if found is not None:
                _compare(row, xs, params, at, wanted, dtype, *found)


def _compare(row, xs, params, at, wanted, dtype, y, residuals):
    g = cotangent(y)
    expected, slopes = exact(row, xs, params, g, at)
    assert y.dtype == dtype
    close(y, expected, dtype)
    keep_y, keep_xs = row.fast.keep(wanted)
    shapes = [x if k else torch.empty_like(x, device="meta")
              for x, k in zip(xs, keep_xs, strict=True)]  # fmt: skip
    result = y if keep_y else torch.empty_like(y, device="meta")
    cs = pull(row, VERBS, g, result, shapes, params, wanted, residuals)
    cs = [c() if type(c) is Product else c for c in cs]
    assert len(cs) == len(xs)
    for i, slope in zip(at, slopes, strict=True):
        assert cs[i].shape == xs[i].shape and cs[i].dtype == xs[i].dtype
        close(cs[i], slope, dtype)


# ----- as they are met in programs -----
x34 = torch.sin(torch.arange(12.0)).reshape(3, 4)
IMAGE = torch.sin(torch.arange(72.0)).reshape(1, 2, 6, 6)
W = torch.cos(torch.arange(8.0)).reshape(2, 4)
K = torch.cos(torch.arange(54.0)).reshape(3, 2, 3, 3)
LABELS = torch.tensor([0, 3, -100])
PROGRAMS = {
    "elu": (lambda x: F.elu(x, 1.5), x34), "selu": (torch.selu, x34),
    "celu": (lambda x: F.celu(x, 2.0), x34), "gelu": (F.gelu, x34), "silu": (F.silu, x34),
    "mish": (F.mish, x34), "hardswish": (F.hardswish, x34), "softplus": (F.softplus, x34),
    "leaky_relu": (F.leaky_relu, x34), "hardtanh": (F.hardtanh, x34),
    "softmax": (lambda x: torch.softmax(x, -1), x34),
    "log_softmax": (lambda x: F.log_softmax(x, 1), x34),
    "nll_loss": (lambda x: F.nll_loss(x, LABELS), x34),
    "cross_entropy": (lambda x: F.cross_entropy(x, LABELS), x34),
    "mse_loss": (lambda x: F.mse_loss(x, torch.zeros(3, 4)), x34),
    "mean": (lambda x: x.mean(1), x34),
    "layer_norm": (lambda x: F.layer_norm(x, (4,)), x34),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True), x34),
    "linear": (lambda x: F.linear(x, W), x34),
    "contract": (lambda x: x @ W.mT.to(x.dtype), x34),
    "add_product": (lambda x: torch.addmm(W[:, 0].to(x.dtype), x, W.mT.to(x.dtype)), x34),
    "conv_with_bias": (lambda x: F.conv2d(x, K.to(x.dtype), K[:, 0, 0, 0].to(x.dtype)), IMAGE),
    "max_pool": (lambda x: F.max_pool2d(x, 3, 2, 1), IMAGE),
}  # fmt: skip


def test_every_fast_way_has_a_program():
    assert set(PROGRAMS) == {row.name for row in ROWS.values() if row.fast is not None}


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_a_walk_goes_the_fast_way(name):
    f, x = PROGRAMS[name]
    for _ in range(2):  # the long way, and from then on the short one
        tape = trace(Tape, f, (x,))
        assert [node.op for node in tape.nodes] == ["input", name]
        assert tape.nodes[-1].residuals is not None


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_gradients_of_every_order_agree_with_torch(name):
    f, x = PROGRAMS[name]
    x = x.double()
    if name == "linear":
        f = lambda x: F.linear(x, W.double())  # noqa: E731
    if name == "mse_loss":
        f = lambda x: F.mse_loss(x, torch.zeros(3, 4).double())  # noqa: E731
    weights = cotangent(f(x))
    loss = lambda x: (f(x) ** 2 * weights).sum()  # noqa: E731
    given = x.clone().requires_grad_()
    (theirs,) = torch.autograd.grad(loss(given), given, create_graph=True)
    torch.testing.assert_close(ad.grad(loss)(x), theirs.detach())
    v = torch.cos(x)
    (second,) = torch.autograd.grad((theirs * v).sum(), given)
    torch.testing.assert_close(ad.hvp(loss, (x,), (v,)), second)
    torch.testing.assert_close(ad.grad(lambda x: (ad.grad(loss)(x) * v).sum())(x), second)


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_a_pullback_is_linear_and_can_be_differentiated(name):
    """The cotangent may be recorded although the values are not."""
    f, x = PROGRAMS[name]
    y, pullback = ad.vjp(f, x)
    g = cotangent(y)
    c, dc = ad.jvp(lambda g: pullback(g)[0], (g,), (2 * g,))
    torch.testing.assert_close(dc, 2 * c)


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n != "batch_norm"])
def test_per_example_gradients(name):
    f, x = PROGRAMS[name]
    batch = torch.stack([x, 2 * x])
    grad = ad.grad(lambda x: (f(x) * 3).sum())
    found = torch.func.vmap(grad)(batch)
    torch.testing.assert_close(found, torch.stack([grad(x) for x in batch]))


def test_a_fast_way_is_not_taken_under_autocast():
    w = torch.randn(4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        c = ad.grad(lambda w: F.linear(x34, w).float().sum())(w)
    assert c.dtype == torch.float32
    torch.testing.assert_close(c, x34.sum(0).expand(4, 4), rtol=2e-2, atol=2e-2)


# ----- a parameter that is used often: products are added to the sum as they are made -----
USES = {
    "matmul": lambda w, b: [x34 @ w.T for _ in range(4)],
    "linear": lambda w, b: [F.linear(x34[None], w, b).reshape(3, 2) for _ in range(4)],
    "addmm": lambda w, b: [torch.addmm(b, x34, w.mT) for _ in range(4)],
    "with others": lambda w, b: [w.sum() * x34 @ w.T, x34 @ torch.tanh(w).T, x34 @ w.T, x34 @ w.T],
}


@pytest.mark.parametrize("name", list(USES))
@pytest.mark.parametrize("batch", [False, True])
def test_a_parameter_that_is_used_often(name, batch):
    def loss(w, b):
        return sum((i + 1) * (y * y).sum() for i, y in enumerate(USES[name](w, b)))

    w, b = W, W[:, 0].clone()
    ours, theirs = ad.grad(loss, (0, 1)), torch.func.grad(loss, (0, 1))
    if batch:
        w, b = torch.stack([w, 2 * w]), torch.stack([b, -b])
        ours, theirs = torch.func.vmap(ours), torch.func.vmap(theirs)
    for found, expected in zip(ours(w, b), theirs(w, b), strict=True):
        torch.testing.assert_close(found, expected)


def test_a_product_under_autocast_has_its_cotangents():
    with torch.autocast("cpu", torch.bfloat16):
        ad.vjp(lambda x, w: x @ w, x34, W.mT)  # from now on it goes the short way
        y, pullback = ad.vjp(lambda x, w: x @ w, x34, W.mT)
    c, _ = pullback(torch.ones_like(y))
    torch.testing.assert_close(c, W.sum(0).expand(3, 4), rtol=2e-2, atol=2e-2)


# ----- pointwise kernels -----
def kernels():
    return [row for row in ROWS.values() if row.kernel is not None]


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize("row", kernels(), ids=lambda row: row.name)
def test_a_kernel_is_the_cotangent_times_the_partial(row, dtype):
    for shapes in ELEMENTWISE[row.arity]:
        xs = [x.to(dtype) for x in draw(row, shapes, "torch", "float64")]
        y = row.fn(VERBS, *xs)
        g = cotangent(y)
        keep_y, keep_xs = row.keep((True,))
        hidden = [x if k else x.to("meta") for x, k in zip(xs, keep_xs, strict=True)]
        c = row.kernel(VERBS, g, y if keep_y else y.to("meta"), *hidden)
        assert c.shape == xs[0].shape and c.dtype == dtype
        close(c, ad.vjp(lambda x, row=row: row.fn(VERBS, x), xs[0].double())[1](g.double())[0],
              dtype)  # fmt: skip


# ----- sums of cotangents are made in place, but never in what somebody else holds -----
def test_accumulation_leaves_seeds_and_siblings_alone():
    x, seed = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 10.0])
    y, pullback = ad.vjp(lambda a, b: (a + b) + a + (a + b) + a, x, 3 * x)
    first, second = pullback(seed), pullback(seed)
    assert seed.tolist() == [1.0, 10.0]
    for a, b in (first, second):
        assert a.tolist() == [4.0, 40.0] and b.tolist() == [2.0, 20.0]


def test_accumulation_under_vmap_of_what_is_batched_and_what_is_not():
    def f(x):
        return (2 * x + x + 3 * x + x * x + x).sum()

    batch = torch.arange(6.0).reshape(2, 3)
    found = torch.func.vmap(ad.grad(f))(batch)
    torch.testing.assert_close(found, 7 + 2 * batch)
    orders = torch.func.vmap(ad.grad(lambda x: (x * x + x + 3 * x + 2 * x + x).sum()))(batch)
    torch.testing.assert_close(orders, 7 + 2 * batch)
