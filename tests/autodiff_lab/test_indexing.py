"""Advanced indexing, gather, scatter, sorting, pieces: each framework's words and gradients."""

import numpy as np
import pytest

import autodiff_lab as ad
from tests.helpers import allclose, array, native_grad

X = np.random.default_rng(0).normal(size=(4, 5))


def check(f, *xs):
    """Reverse, forward and second order against the framework's own gradient."""
    at = tuple(range(len(xs)))

    def loss(*xs):
        y = f(*xs)
        w = array(name_of(y), np.cos(np.arange(y.size if hasattr(y, "at") else y.numel())))
        return (y * y * w.reshape(y.shape)).sum()

    ours, theirs = ad.grad(loss, at)(*xs), native_grad(loss, at)(*xs)
    for a, b in zip(ours, theirs, strict=True):
        allclose(a, b, "float64")
    slope = ad.jvp(loss, xs, xs)[1]
    assert float(slope) == pytest.approx(
        sum(float((g * x).sum()) for g, x in zip(ours, xs, strict=True))
    )

    def native_slope(x):
        inner = native_grad(lambda x: loss(x, *xs[1:]), (0,), create_graph=True)
        return (inner(x)[0] * x).sum()

    twice = ad.grad(lambda x: (ad.grad(lambda x: loss(x, *xs[1:]))(x) * x).sum())(xs[0])
    allclose(twice, native_grad(native_slope, (0,))(xs[0])[0], "float64")


def name_of(y):
    return "torch" if hasattr(y, "numel") else "jax"


TORCH = {
    "list": lambda t, x: x[[0, 2, 2]],
    "tensor": lambda t, x: x[:, t.tensor([[0, -1], [1, 1]])],
    "two tensors": lambda t, x: x[t.tensor([0, 1]), t.tensor([[2], [3]])],
    "int beside a tensor": lambda t, x: x[1, t.tensor([0, 0])],
    "tensors apart": lambda t, x: x[None].expand(3, 4, 5)[t.tensor([0, 1]), :, t.tensor([1, 1])],
    "None beside a tensor": lambda t, x: x[None, t.tensor([1, 2])],
    "ellipsis": lambda t, x: x[..., t.tensor([1, 0])],
    "mask": lambda t, x: x[x > 0],
    "row mask": lambda t, x: x[t.tensor([True, False, True, True])],
    "mask of the whole and None": lambda t, x: x[:, None][t.tensor([True, False, True, True])],
    "index_select": lambda t, x: x.index_select(1, t.tensor([3, 3, 0])),
    "take": lambda t, x: t.take(x, t.tensor([[0, 7], [7, 3]])),
    "embedding": lambda t, x: t.nn.functional.embedding(t.tensor([[0, 1], [1, 3]]), x),
    "embedding with padding": lambda t, x: t.nn.functional.embedding(
        t.tensor([0, 1, 1]), x, padding_idx=1
    ),
    "gather": lambda t, x: x.gather(1, t.tensor([[0, 0], [1, 2], [4, 4]])),
    "take_along_dim": lambda t, x: t.take_along_dim(x, t.tensor([[0], [1], [2], [0]]), 1),
    "masked_fill": lambda t, x: x.masked_fill(x > 0, 2.0),
    "masked_select": lambda t, x: t.masked_select(x, x[0] > 0),
    "sort": lambda t, x: x.sort(1, descending=True).values,
    "sort, unpacked": lambda t, x: t.sort(x, dim=0)[0],
    "topk": lambda t, x: x.topk(3, dim=1).values,
    "smallest": lambda t, x: t.topk(x, 2, 0, largest=False)[0],
    "kthvalue": lambda t, x: x.kthvalue(2, 1)[0],
    "max along": lambda t, x: x.max(1).values,
    "min along": lambda t, x: t.min(x, dim=0, keepdim=True)[0],
    "median": lambda t, x: x.median(),
    "median along": lambda t, x: x.median(1)[0],
    "mode": lambda t, x: x.mode(1)[0],
    "cummax": lambda t, x: x.cummax(1)[0],
    "argsort": lambda t, x: x.gather(1, x.argsort(1)),
    "cumsum": lambda t, x: x.cumsum(0),
    "cumprod": lambda t, x: x.cumprod(1),
    "logcumsumexp": lambda t, x: x.logcumsumexp(1),
    "split": lambda t, x: t.cat(x.split(2, 1)[::-1], 1),
    "split by sizes": lambda t, x: x.split([1, 3, 1], 1)[1],
    "chunk": lambda t, x: x.chunk(3, 1)[2],
    "tensor_split": lambda t, x: t.tensor_split(x, 3, 1)[1],
    "unbind": lambda t, x: t.stack(x.unbind(1)[1:], 0),
    "roll": lambda t, x: x.roll((1, -2), (0, 1)),
    "roll all": lambda t, x: x.roll(3),
    "repeat": lambda t, x: x.repeat(2, 1, 2),
    "tile": lambda t, x: x.tile(2),
    "repeat_interleave": lambda t, x: x.repeat_interleave(2, 1),
    "diagonal": lambda t, x: x.diagonal(1),
    "diag_embed": lambda t, x: t.diag_embed(x, 1),
    "diag": lambda t, x: t.diag(x[0]),
    "tril": lambda t, x: x.tril(-1),
    "triu": lambda t, x: x.triu(1),
    "unfold": lambda t, x: x.unfold(1, 3, 2),
    "movedim": lambda t, x: x[None].movedim(0, 2),
    "rot90": lambda t, x: t.rot90(x, 3),
    "prod": lambda t, x: t.relu(x).prod(1),
    "std": lambda t, x: t.std_mean(x, 1)[0],
    "norm": lambda t, x: x.norm(3, 1),
    "nansum": lambda t, x: t.nansum(x, 1),
    "logsumexp": lambda t, x: x.logsumexp((0, 1)),
}


@pytest.mark.parametrize("name", TORCH)
def test_one_input_in_torchs_words(name):
    torch = pytest.importorskip("torch")
    check(lambda x: TORCH[name](torch, x), torch.tensor(X))


TWO = {
    "scatter": lambda t, x, b: x.scatter(
        1, t.tensor([[0, 1, 2, 3, 4], [2, 3, 4, 0, 1], [4, 3, 2, 1, 0]]), b
    ),
    "scatter_add": lambda t, x, b: x.scatter_add(
        0, t.tensor([[0, 0, 1, 3, 3], [0, 1, 1, 3, 2], [0, 1, 1, 0, 0]]), b
    ),
    "index_add": lambda t, x, b: x.index_add(0, t.tensor([1, 1, 3]), b, alpha=2),
    "index_copy": lambda t, x, b: x.index_copy(0, t.tensor([3, 0, 1]), b),
    "index_put": lambda t, x, b: x.index_put((t.tensor([0, 1, 2]),), b),
    "index_put, adding": lambda t, x, b: x.index_put((t.tensor([1, 1, 1]),), b, accumulate=True),
    **{
        f"scatter_reduce, {how}{', without itself' * (not own)}": lambda t, x, b, how=how, own=own:
        x.scatter_reduce(
            0, t.tensor([[0, 0, 1, 3, 3], [0, 1, 1, 3, 2], [0, 1, 1, 0, 0]]), b, how,
            include_self=own,
        )
        for how in ("sum", "mean", "amax", "amin") for own in (True, False)
    },
    "lstsq, tall": lambda t, x, b: t.linalg.lstsq(x.mT, b.mT).solution,
    "lstsq, wide": lambda t, x, b: t.linalg.lstsq(x[:3] + b, b[:, 0]).solution,
    "lstsq, residuals": lambda t, x, b: t.linalg.lstsq(x.mT, b.mT, driver="gels").residuals,
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
def test_two_inputs_in_torchs_words(name):
    torch = pytest.importorskip("torch")
    check(lambda x, b: TWO[name](torch, x, b), torch.tensor(X), torch.tensor(X[:3] ** 2))


def test_what_has_no_derivative_there_is_refused():
    torch = pytest.importorskip("torch")
    x, ones = torch.tensor(X), torch.ones(4, 2, dtype=torch.float64)
    with pytest.raises(ad.AutodiffError, match="lstsq of a matrix without full rank"):
        ad.grad(lambda a: torch.linalg.lstsq(a, x).solution.sum())(ones)
    with pytest.raises(ad.AutodiffError, match="scatter_reduce by 'prod' has no row"):
        ad.grad(lambda a: a.scatter_reduce(0, torch.zeros(1, 5).long(), a, "prod").sum())(x)


def test_ties_of_torch_go_where_torch_sends_them():
    torch = pytest.importorskip("torch")
    x = torch.tensor([1.0, 3.0, 3.0, 0.0, 0.0], dtype=torch.float64)
    for f in (
        lambda x: x.max(0)[0], lambda x: x.max(), lambda x: x.amin(), lambda x: x.median(),
        lambda x: x.cummax(0)[0].cumsum(0).sum(), lambda x: x.topk(2)[0][1], lambda x: x.prod(),
        lambda x: torch.linalg.vector_norm(x[3:]), lambda x: x[3:].std(),
        lambda x: x.cumprod(0)[-2],
    ):  # fmt: skip
        allclose(ad.grad(f)(x), native_grad(f, (0,))(x)[0], "float64")


JAX = {
    "x[array]": lambda j, x: x[j.numpy.array([0, 2, 2])],
    "x[:, array]": lambda j, x: x[:, j.numpy.array([[0, -1], [1, 1]])],
    "two arrays": lambda j, x: x[j.numpy.array([0, 1]), j.numpy.array([[2], [3]])],
    "take_along_axis": lambda j, x: j.numpy.take_along_axis(x, j.numpy.argsort(x, 1), 1),
    "take": lambda j, x: j.numpy.take(x, j.numpy.array([0, 3, 3]), axis=1),
    "out of bounds": lambda j, x: x.at[j.numpy.array([0, 9])].get(mode="fill", fill_value=0.0),
    "add": lambda j, x: x.at[j.numpy.array([0, 0, 3])].add(2 * x[:3]),
    "set": lambda j, x: x.at[j.numpy.array([0, 2])].set(x[1:3] * x[:2]),
    "set the same twice": lambda j, x: x.at[j.numpy.array([1, 1])].set(x[1:3] * x[:2]),
    "dynamic_slice": lambda j, x: j.lax.dynamic_slice(
        x, (j.numpy.int32(1), j.numpy.int32(9)), (2, 2)
    ),
    "dynamic index": lambda j, x: j.lax.dynamic_index_in_dim(x, 2, 0),
    "dynamic_update_slice": lambda j, x: j.lax.dynamic_update_slice(x, x[:2, :2] * 3, (1, 2)),
    "sort": lambda j, x: j.numpy.sort(x, 1),
    "sort by keys": lambda j, x: j.lax.sort((j.numpy.round(x), x * 2, x), num_keys=2)[2],
    "top_k": lambda j, x: j.lax.top_k(x, 2)[0],
    "split": lambda j, x: j.numpy.split(x, [2], 1)[1] * j.numpy.split(x, [2, 4], 1)[0][:, :1],
    "median": lambda j, x: j.numpy.median(x, 1),
    "quantile": lambda j, x: j.numpy.quantile(x, 0.3, axis=1),
    "roll": lambda j, x: j.numpy.roll(x, 2, 1),
    "diagonal": lambda j, x: j.numpy.diagonal(x),
    "tril": lambda j, x: j.numpy.tril(x),
    "repeat": lambda j, x: j.numpy.repeat(x, 2, axis=1),
    "cumsum": lambda j, x: j.numpy.cumsum(x, 1),
    "cumprod with zeros": lambda j, x: j.numpy.cumprod(j.nn.relu(x), 1),
    "cummax with ties": lambda j, x: j.lax.cummax(j.numpy.round(x) + 0 * x, 1) * x,
    "cummin, reversed": lambda j, x: j.lax.cummin(x, 1, reverse=True),
    "cumlogsumexp": lambda j, x: j.lax.cumlogsumexp(x, 1),
    "prod with zeros": lambda j, x: j.numpy.prod(j.nn.relu(x), 1),
    "max": lambda j, x: j.numpy.max(x, 1),
    "logsumexp": lambda j, x: j.nn.logsumexp(x, 1),
    "norm": lambda j, x: j.numpy.linalg.norm(x, axis=1),
    "std": lambda j, x: j.numpy.std(x, 1),
    "clip": lambda j, x: j.numpy.clip(x, -0.5, 0.5),
}


@pytest.mark.parametrize("name", JAX)
def test_jaxs_words(name):
    jax = pytest.importorskip("jax")
    check(lambda x: JAX[name](jax, x), jax.numpy.asarray(X))
