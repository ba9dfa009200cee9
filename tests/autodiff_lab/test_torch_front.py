"""What only torch can do wrong: in-place writes, no_grad, spellings, half precision."""

import pytest

import autodiff_lab as ad
from tests.helpers import allclose, native_grad

torch = pytest.importorskip("torch")
F = torch.nn.functional

X = torch.tensor([[0.3, -1.2, 2.0], [1.5, 0.7, -0.4]], dtype=torch.float64)
POSITIVE = X.abs() + 0.5

SPELLINGS = {
    "mT": lambda x: (x.mT * x.T).sum(),
    "narrow from the end": lambda x: x.narrow(1, -2, 2).square().sum(),
    "select and stack": lambda x: torch.stack([x.select(0, 1), x[0]], -1).square().sum(),
    "slices": lambda x: (x[..., ::2] * x[:, None, -1]).sum(),
    "a number to a power": lambda x: (2**x + torch.pow(2.0, x) + 0 ** x.abs()).sum(),
    "remainder": lambda x: (x % 0.7 + torch.fmod(x, 0.7 + x * x)).sum(),
    "unary plus": lambda x: (+x * x).sum(),
    "rsub with alpha": lambda x: torch.rsub(x, x * x, alpha=2).sum(),
    "where as a method": lambda x: x.where(x > 0, x * x).sum(),
    "pad with a value": lambda x: (F.pad(x, (1, 2), value=5.0) ** 2).sum(),
    "var": lambda x: x.var() + x.var(1, correction=0).sum() + x.var(0, unbiased=False).sum(),
    "max of everything": lambda x: torch.max(x) * torch.max(x, x * x).sum(),
    "logical": lambda x: torch.where(torch.logical_not(x > 0) | (x > 1), x * x, x).sum(),
    "compared with None": lambda x: (x * x).sum() if x != None else x.sum(),  # noqa: E711
    "detach and data": lambda x: (x * x.detach() + x * x.data).sum(),
    "chunks of rows": lambda x: torch.cat([x[:1], x[1:] * 3]).square().sum(),
    "layer norm": lambda x: (F.layer_norm(x, (3,), X[0], X[1]) * X).sum(),
    "linear": lambda x: (F.linear(x, X, X[:, 0]) ** 2).sum(),
    "einsum": lambda x: torch.einsum("ij,kj->ik", x, x * x).sum(),
    "flatten and squeeze": lambda x: (x[None].squeeze(0).flatten() ** 3).sum(),
    "einsum that stretches": lambda x: torch.einsum("ij,jk->ik", x[:, :1], x.T).square().sum(),
    "cat with nothing": lambda x: torch.cat([torch.zeros(0, dtype=x.dtype), x]).square().sum(),
    "mH and real": lambda x: (x.mH * x.real.T).sum(),
    "branches and numbers": lambda x: (x * x).sum() if x.sum() > 0 else x.sum() * float(x[0, 0]),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling_has_torchs_gradient(spelling):
    f = SPELLINGS[spelling]
    expected = native_grad(f, (0,))(X)[0]
    allclose(ad.grad(f)(X), expected, "float64")
    direction = torch.cos(X)
    dy = ad.jvp(f, (X,), (direction,))[1]
    assert float(dy) == pytest.approx(float((expected * direction).sum()), rel=1e-9)


def test_no_grad_inside_a_function_is_honoured():
    def f(x):
        with torch.no_grad():
            target = x * 2
        return (x * target).sum()

    allclose(ad.grad(f)(X), native_grad(f, (0,))(X)[0], "float64")
    with torch.no_grad():  # around the call it changes nothing
        allclose(ad.grad(lambda x: (x * x).sum())(X), 2 * X, "float64")
    allclose(ad.grad(lambda x: (ad.grad(lambda y: (y**3).sum())(x)).sum())(X), 6 * X, "float64")


def test_torchs_own_graph_is_never_built():
    w = X.clone().requires_grad_()
    y, pullback = ad.vjp(lambda x: x * w, X)
    (g,) = pullback(w)
    assert not y.requires_grad and not g.requires_grad
    value, gradient = ad.value_and_grad(lambda w: (w * w).sum())(w)
    assert not value.requires_grad and not gradient.requires_grad


def test_a_value_changed_in_place_after_it_was_recorded():
    def f(x):
        buffer = torch.ones(2, 3, dtype=torch.float64)
        y = x * buffer
        buffer.add_(1)
        return y.sum()

    with pytest.raises(ad.AutodiffError, match="changed in place after it was recorded"):
        ad.grad(f)(X)
    z = X.clone()
    _, pullback = ad.vjp(lambda a: (a * a).sum(), z)
    z.add_(100)
    with pytest.raises(ad.AutodiffError, match="changed in place"):
        pullback(torch.ones((), dtype=torch.float64))
    tape = ad.record(torch.exp, X)
    tape.output.zero_()
    with pytest.raises(ad.AutodiffError, match="changed in place"):
        tape.backward(torch.ones_like(X))


def test_writing_a_recorded_value_into_a_plain_tensor_is_refused_before_it_happens():
    buffer = torch.zeros(3, dtype=torch.float64)

    def f(x):
        buffer[0] = x[0, 0]
        return buffer.sum()

    with pytest.raises(
        ad.AutodiffError, match=r"in-place x\[...\] = .* collect the values in a list"
    ):
        ad.grad(f)(X)
    assert buffer.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.narrow(0, 1, 9).sum(),
        lambda x: x.select(2, 0).sum(),
        lambda x: torch.stack([x, x], 5).sum(),
        lambda x: x.unsqueeze(7).sum(),
        lambda x: x.transpose(0, 5).sum(),
        lambda x: x[True].sum(),
        lambda x: F.relu(x, inplace=True).sum(),
    ],
)
def test_what_is_not_understood_is_refused_and_never_guessed(f):
    with pytest.raises(ad.AutodiffError) as caught:
        ad.grad(f)(X)
    assert "\n" not in str(caught.value) and "_one" not in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_bodies_compute_in_float32(dtype):
    h = (X * 1000).to(dtype)
    weights = X.to(dtype)

    def f(x):
        return (F.layer_norm(x, (3,)) * weights).sum()

    ours, theirs = ad.grad(f)(h), native_grad(f, (0,))(h)[0]
    assert torch.allclose(ours.float(), theirs.float(), rtol=2e-2, atol=2e-5)


def test_numbers_serve_as_tangents_and_cotangents():
    x = torch.tensor(3.0)
    assert ad.jvp(lambda x: x + 1, (x,), (1.0,))[1] == 1.0
    assert ad.vjp(lambda x: x + 1, x)[1](2.0)[0] == 2.0
    with pytest.raises(ad.AutodiffError, match="takes tuples"):
        ad.jvp(torch.sin, x, x)


def test_a_row_defined_again_replaces_the_first():
    """A learner who mends a row in a notebook runs its cell again."""
    from autodiff_lab.table.row import CACHES, ROWS, pointwise

    try:
        for slope in (100, 7):
            pointwise(
                "erfcx", lambda xp, x: xp.erfcx(x), lambda xp, y, x, s=slope: s + 0 * x,
                torch="torch.special.erfcx",
            )  # fmt: skip
            assert ad.grad(torch.special.erfcx)(torch.tensor(0.5)) == slope
    finally:
        del ROWS["erfcx"]
        for cache in CACHES:
            cache.clear()


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.register_hook(lambda g: 2 * g),
        lambda x: (x * 2).retain_grad(),
        lambda x: x.sum().backward(),
        lambda x: torch.autograd.grad(x.sum(), x),
    ],
    ids=["hook", "retain", "backward", "grad"],
)
def test_torchs_own_engine_knows_nothing_of_recorded_tensors(ask):
    """A hook that is never called would be a silent wrong gradient."""
    with pytest.raises(ad.AutodiffError, match="PyTorch's own engine"):
        ad.grad(lambda x: (ask(x), (x * x).sum())[1])(X)


def test_inside_torch_func_a_derivative_would_be_lost():
    with pytest.raises(ad.AutodiffError, match=r"torch\.func"):
        torch.func.grad(lambda x: ad.grad(lambda y: (y**3).sum())(x).sum())(X)
    with pytest.raises(ad.AutodiffError, match=r"torch\.func"):
        torch.func.grad(lambda x: ad.grad(lambda y: (y * x).sum())(X).sum())(X)


def test_inference_tensors_have_no_versions():
    with torch.inference_mode():
        z = X * 2
        assert torch.allclose(ad.grad(lambda x: (x.sin() * x * z).sum())(X), _chain(X, z))
    assert torch.allclose(ad.grad(lambda x: (x.sin() * x * z).sum())(X), _chain(X, z))
    assert torch.allclose(ad.grad(lambda x: (x.sin() * x).sum())(z), _chain(z, 1))


def _chain(x, z):
    return (x.cos() * x + x.sin()) * z


def test_what_lstm_cannot_say_is_refused():
    model, params = ad.functional(torch.nn.LSTM(3, 4, proj_size=2))
    batch = torch.ones(5, 2, 3)
    with pytest.raises(ad.AutodiffError, match="proj_size"):
        ad.grad(lambda p: model(p, batch)[0].sum())(params)
    model, params = ad.functional(torch.nn.LSTM(3, 4))
    packed = torch.nn.utils.rnn.pack_padded_sequence(batch, [5, 3])
    with pytest.raises(ad.AutodiffError, match="packed"):
        ad.grad(lambda p: model(p, packed)[0].data.sum())(params)


def test_a_factor_with_its_report():
    """`torch.distributions` reads the report of `cholesky_ex` by its name."""
    mean, root = torch.zeros(3, dtype=X.dtype), X.T @ X + torch.eye(3, dtype=X.dtype)

    def f(cov):
        return torch.distributions.MultivariateNormal(mean, cov).log_prob(mean + 1)

    assert torch.allclose(ad.grad(f)(root), native_grad(f, (0,))(root)[0])


# ----- calls that look alike are understood once (`plans`); those that do not, are not -----
x23 = torch.tensor([[0.5, -1.0, 2.0], [3.0, 0.1, -0.7]])
ALIKE = {
    "axes": lambda x: [x.sum(1), x.sum(0), x.sum(), x.sum(1, True), x.sum(-1), x.sum(dim=1)],
    "shapes": lambda x: [x.reshape(-1), x[:1].reshape(-1), x.sum(-1), x[0].sum(-1), x.T.flatten()],
    "dtypes": lambda x: [x.sum(0), x.double().sum(0).float(), x.bfloat16().float()],
    "sizes": lambda x: [x.reshape(3, 2), x.reshape(6), x.reshape((3, 2)), x.reshape(-1)],
    "pieces": lambda x: [*x.chunk(2, 1), *x.chunk(3, 1), *x.split([1, 2], 1), *x.split((2, 1), 1)],
    "constants": lambda x: [torch.where(x23 > 0, x, x23), torch.addmm(x23[0], x, x23.T @ x23)],
    "numbers": lambda x: [x.clamp(0, 1), x.clamp(0.0, 0.5), x.clamp(min=0), x.clamp(max=0.2)],
    "both orders": lambda x: [torch.cat((x, x23)), torch.cat([x23, x]), torch.cat((x, x), 1)],
    "the same": lambda x: [x.contiguous() * 1, x.reshape(2, 3), x.flatten(1), x.T.contiguous()],
    "addmm": lambda x: [torch.addmm(x, x, x23.T @ x, beta=b, alpha=a)
                        for a, b in ((1, 1), (2, 1), (1, 0), (1, 1))],
}  # fmt: skip


@pytest.mark.parametrize("name", list(ALIKE))
def test_calls_that_look_alike(name):
    def loss(x):
        return sum(((i + 1) * y**2).sum() for i, y in enumerate(ALIKE[name](x)))

    for _ in range(2):  # understood, and remembered
        torch.testing.assert_close(ad.grad(loss)(x23), torch.func.grad(loss)(x23))


def test_calls_that_look_alike_on_two_tapes():
    def loss(grad):
        return lambda x: (grad(lambda y: (y.sum(1) * x.sum(1) * y.sum()).sum())(x23) * x).sum()

    for _ in range(2):
        found = ad.grad(loss(ad.grad))(x23)
        torch.testing.assert_close(found, torch.func.grad(loss(torch.func.grad))(x23))


def test_a_call_that_looks_alike_is_checked_for_its_classes():
    grad = ad.grad(lambda x, t: F.cross_entropy(x, t))
    for t in ([0, 2], [1, 1]):
        given = x23.clone().requires_grad_()
        F.cross_entropy(given, torch.tensor(t)).backward()
        torch.testing.assert_close(grad(x23, torch.tensor(t)), given.grad)
    with pytest.raises((ad.AutodiffError, IndexError), match="out of bounds"):
        grad(x23, torch.tensor([0, 3]))


def test_a_call_that_looks_alike_may_write():
    def loss(x):
        y = x * 2
        F.elu(y, inplace=True)
        return (F.elu(x) * y).sum()

    for _ in range(2):
        torch.testing.assert_close(ad.grad(loss)(x23), torch.func.grad(loss)(x23))


class Above:
    """A value that outranks a box, as a masked batch's lane does."""

    rank = 9

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return "above"


def test_a_method_leaves_the_answer_to_who_outranks_it():
    seen = []

    def f(x):
        seen.append(x.mul(Above()))
        return x.mul(x).sum()

    for _ in range(2):
        ad.grad(f)(x23)
    assert seen == ["above", "above"]
