"""PyTorch's spellings of products, linear algebra, convolutions, layers and losses.

The oracle is torch.autograd on the same call: value and gradient, and forward against reverse.
"""

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import linalg as L  # noqa: E402

import autodiff_lab as ad  # noqa: E402

T3, IDS = torch.tensor([1, 0, 2, 2]), torch.tensor([[1, 2], [0, 1]])
W3 = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)


def normal(*shape):
    return torch.randn(
        shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape))
    )


def regular(*shape):
    return normal(*shape) + 3 * torch.eye(shape[-1], dtype=torch.float64)


def definite(*shape):
    x = normal(*shape)
    return x @ x.mT + torch.eye(shape[-1], dtype=torch.float64)


def inside(*shape):
    return torch.sigmoid(normal(*shape))


EINSUMS = {
    "ij,jk,kl->il": [(2, 3), (3, 4), (4, 5)], "ii->i": [(3, 3)], "ii": [(3, 3)], "ij->": [(2, 3)],
    "ij,k->ik": [(2, 3), (4,)], "...ij,...jk->...ik": [(2, 5, 2, 3), (5, 3, 4)],
    "ij,jk": [(2, 3), (3, 4)], "i,i,i->i": [(3,), (3,), (3,)], "iij,j->i": [(2, 2, 3), (3,)],
    "ij,jk->ki": [(1, 3), (3, 4)], "ab,ab,c->": [(2, 3), (2, 3), (4,)], "i,->i": [(3,), ()],
    "ij,jk->ik": [(2, 1), (3, 4)],
}  # fmt: skip

CALLS = {
    "tensordot": (lambda a, b: torch.tensordot(a, b, ([1, 0], [0, 2])), normal(2, 3, 4),
                  normal(3, 4, 2)),
    "addmm": (lambda i, a, b: torch.addmm(i, a, b, beta=0.5, alpha=2), normal(2, 4), normal(2, 3),
              normal(3, 4)),
    "baddbmm": (torch.baddbmm, normal(5, 2, 4), normal(5, 2, 3), normal(5, 3, 4)),
    "addbmm": (torch.addbmm, normal(2, 4), normal(5, 2, 3), normal(5, 3, 4)),
    "addmv": (torch.addmv, normal(2), normal(2, 3), normal(3)),
    "addr": (torch.addr, normal(2, 3), normal(2), normal(3)),
    "inner": (torch.inner, normal(2, 3), normal(4, 3)),
    "outer": (torch.outer, normal(2), normal(3)),
    "bilinear": (F.bilinear, normal(5, 2), normal(5, 3), normal(4, 2, 3), normal(4)),
    "kron": (torch.kron, normal(2, 3), normal(3, 2)), "trace": (torch.trace, normal(3, 4)),
    "cross": (L.cross, normal(4, 3), normal(1, 3)),
    "cholesky upper": (lambda x: L.cholesky(x, upper=True), definite(2, 3, 3)),
    "cholesky_ex": (lambda x: L.cholesky_ex(x)[0], definite(3, 3)),
    "cholesky_solve": (torch.cholesky_solve, normal(3, 2), regular(3, 3)),
    "cholesky_inverse": (torch.cholesky_inverse, regular(3, 3)),
    "inv": (torch.inverse, regular(2, 3, 3)), "solve vector": (L.solve, regular(3, 3), normal(3)),
    "solve batch": (L.solve, regular(2, 3, 3), normal(3, 2)),
    "solve right": (lambda a, b: L.solve(a, b, left=False), regular(3, 3), normal(2, 3)),
    "solve_triangular": (lambda a, b: L.solve_triangular(a, b, upper=True), regular(3, 3),
                         normal(2, 3, 2)),
    "lu_solve": (lambda a, b: L.lu_solve(*L.lu_factor(a), b), regular(3, 3), normal(3, 2)),
    "det": (L.det, regular(2, 3, 3)), "slogdet": (lambda x: L.slogdet(x)[1], regular(2, 3, 3)),
    "logdet": (torch.logdet, definite(3, 3)), "matrix_exp": (L.matrix_exp, normal(2, 3, 3)),
    "matrix_power -2": (lambda x: L.matrix_power(x, -2), regular(3, 3)),
    "matrix_power 5": (lambda x: L.matrix_power(x, 5), regular(3, 3)),
    "eigh": (lambda x: L.eigh(x).eigenvalues + L.eigh(x)[1].square().sum(0), definite(3, 3)),
    "eigvalsh, all equal": (L.eigvalsh, torch.eye(3, dtype=torch.float64)),
    "svd": (lambda x: L.svd(x, full_matrices=False)[0].square(), normal(4, 3)),
    "svd, all equal": (lambda x: L.svd(x).S, torch.eye(3, dtype=torch.float64)),
    "svdvals": (L.svdvals, normal(2, 4, 3)), "qr": (lambda x: L.qr(x).Q, normal(4, 3)),
    "qr wide": (lambda x: L.qr(x).R, normal(2, 3)), "lu": (lambda x: L.lu(x).U, normal(3, 3)),
    "pinv": (L.pinv, normal(4, 3)), "nuclear": (lambda x: L.matrix_norm(x, "nuc"), normal(3, 3)),
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, 2, 1, 2, 2), normal(2, 4, 7), normal(6, 2, 3),
               normal(6)),
    "conv2d same": (lambda x, w: F.conv2d(x, w, padding="same", dilation=2), normal(2, 4, 7, 6),
                    normal(3, 4, 3, 2)),
    "conv3d alone": (F.conv3d, normal(4, 5, 4, 3), normal(3, 4, 2, 2, 1)),
    "conv_transpose2d": (lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1, 2),
                         normal(2, 4, 5, 4), normal(4, 3, 3, 2), normal(6)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), normal(2, 3, 7, 6)),
    "max_pool1d dilation": (lambda x: F.max_pool1d(x, 2, 1, 0, 2), normal(2, 3, 7)),
    "max_pool2d ties": (lambda x: F.max_pool2d(x, 2, 1), torch.ones(1, 1, 4, 4).double()),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), normal(2, 3, 7, 6)),
    "avg_pool3d inside": (lambda x: F.avg_pool3d(x, 3, 2, 1, True, False), normal(2, 3, 5, 4, 6)),
    "lp_pool2d": (lambda x: F.lp_pool2d(x, 2.0, 2), normal(2, 3, 4, 4)),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, 4)), normal(2, 3, 7, 6)),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, 2), normal(2, 3, 4, 6)),
    "interpolate": (lambda x: F.interpolate(x, scale_factor=1.5), normal(2, 3, 4, 6)),
    "bilinear resize": (lambda x: F.interpolate(x, (5, 3), mode="bilinear"), normal(2, 3, 4, 6)),
    "bicubic": (lambda x: F.interpolate(x, (5, 3), mode="bicubic", align_corners=True),
                normal(2, 3, 4, 6)),
    "unfold": (lambda x: F.unfold(x, (2, 3), 2, 1, (2, 1)), normal(2, 3, 7, 8)),
    "fold": (lambda x: F.fold(x, (5, 6), (2, 3), 1, 1, (2, 1)), normal(2, 12, 18)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), normal(2, 8, 3, 2)),
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), normal(4, 3, 2), W3,
                   W3),
    "batch_norm known": (lambda x: F.batch_norm(x, W3, W3), normal(4, 3)),
    "group_norm": (lambda x, w: F.group_norm(x, 1, w, w), normal(2, 3, 4), W3),
    "instance_norm": (lambda x: F.instance_norm(x), normal(2, 3, 4)),
    "rms_norm": (lambda x, w: F.rms_norm(x, (3,), w), normal(2, 3), W3),
    "local_response_norm": (lambda x: F.local_response_norm(x, 2, k=2.0), normal(2, 5, 4)),
    "attention": (F.scaled_dot_product_attention, normal(2, 3, 4), normal(2, 5, 4),
                  normal(2, 5, 4)),
    "attention causal": (lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True),
                         normal(2, 3, 4)),
    "attention all masked": (
        lambda q: F.scaled_dot_product_attention(q, q, q, torch.zeros(3, 3, dtype=torch.bool)),
        normal(2, 3, 4)),
    "attention groups": (lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True),
                         normal(2, 4, 3, 4), normal(2, 2, 5, 4)),
    "cosine_similarity": (F.cosine_similarity, normal(4, 3), normal(4, 3)),
    "cosine_similarity at 0": (F.cosine_similarity, torch.zeros(2, 3).double(), normal(2, 3)),
    "cdist": (torch.cdist, normal(2, 3, 4), normal(2, 5, 4)),
    "cdist to itself": (torch.cdist, torch.ones(2, 3).double(), torch.ones(2, 3).double()),
    "nll 2d": (lambda x: F.nll_loss(x, torch.ones(2, 4, dtype=torch.long)), normal(2, 3, 4)),
    "bce at the ends": (lambda x: F.binary_cross_entropy(x, 1 - x.detach()),
                        torch.tensor([0.0, 1.0]).double()),
}  # fmt: skip

LOSSES = {
    "mse": lambda x, **k: F.mse_loss(x, W3.expand(4, 3), **k),
    "l1": lambda x, **k: F.l1_loss(x, W3.expand(4, 3), **k),
    "huber": lambda x, **k: F.huber_loss(x, W3.expand(4, 3), delta=0.3, **k),
    "smooth_l1": lambda x, **k: F.smooth_l1_loss(x, W3.expand(4, 3), beta=0.3, **k),
    "nll": lambda x, **k: F.nll_loss(x, T3, W3, ignore_index=2, **k),
    "cross_entropy": lambda x, **k: F.cross_entropy(
        x, T3, W3, ignore_index=1, label_smoothing=0.1, **k),
    "cross_entropy of probabilities": lambda x, **k: F.cross_entropy(
        x, inside(4, 3), W3, label_smoothing=0.1, **k),
    "bce": lambda x, **k: F.binary_cross_entropy(torch.sigmoid(x), inside(4, 3), W3, **k),
    "bce_with_logits": lambda x, **k: F.binary_cross_entropy_with_logits(
        x, inside(4, 3), W3, pos_weight=W3, **k),
    "kl_div": lambda x, **k: F.kl_div(x, inside(4, 3), **k),
    "gaussian_nll": lambda x, **k: F.gaussian_nll_loss(x, inside(4, 3), x * x, full=True, **k),
    "hinge": lambda x, **k: F.hinge_embedding_loss(x, torch.sign(normal(4, 3)), **k),
    "cosine": lambda x, **k: F.cosine_embedding_loss(
        x, x.flip(0), torch.tensor([1, -1, 1, -1]), **k),
    "multi_margin": lambda x, **k: F.multi_margin_loss(x, T3, weight=W3, **k),
    "multilabel_margin": lambda x, **k: F.multilabel_margin_loss(
        x, torch.tensor([[1, 0, -1], [2, -1, 0], [0, 1, 2], [-1, 0, 0]]), **k),
    "triplet": lambda x, **k: F.triplet_margin_loss(x, x.flip(0), x * 2, **k),
}  # fmt: skip


def held_against_autograd(f, *xs):
    leaves = [x.clone().requires_grad_() for x in xs]
    y = f(*leaves)
    weights = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape)
    theirs = torch.autograd.grad((y * weights).sum(), leaves)
    value, ours = ad.value_and_grad(lambda *x: (f(*x) * weights).sum(), tuple(range(len(xs))))(*xs)
    torch.testing.assert_close(value, (y * weights).sum().detach())
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-9)
    tangents = [torch.sin(x + 1) for x in xs]
    dy = ad.jvp(lambda *x: (f(*x) * weights).sum(), xs, tangents)[1]
    total = sum((g * d).sum() for g, d in zip(ours, tangents, strict=True))
    torch.testing.assert_close(dy, total, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("equation", EINSUMS)
def test_einsum(equation):
    held_against_autograd(
        lambda *xs: torch.einsum(equation, *xs), *[normal(*s) for s in EINSUMS[equation]]
    )


@pytest.mark.parametrize("call", CALLS)
def test_value_and_gradient_are_torchs(call):
    held_against_autograd(*CALLS[call])


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # PyTorch on its own kl_div
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss, reduction):
    held_against_autograd(lambda x: LOSSES[loss](x, reduction=reduction), normal(4, 3))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("how", [{}, {"num_layers": 2, "bidirectional": True},
                                 {"batch_first": True, "bias": False}])  # fmt: skip
def test_recurrent_networks(kind, how):
    net = getattr(torch.nn, kind)(3, 4, **how).double()
    names, weights = zip(*net.named_parameters(), strict=True)

    def f(x, *ws):
        y, end = torch.func.functional_call(net, dict(zip(names, ws, strict=True)), (x,))
        end = end[0] + end[1] if kind == "LSTM" else end
        return torch.cat([y.reshape(-1), end.reshape(-1)])

    held_against_autograd(f, normal(5, 2, 3), *[w.detach() for w in weights])


def test_batch_norm_in_training_writes_the_running_statistics_once():
    ours, theirs = torch.nn.BatchNorm1d(3).double(), torch.nn.BatchNorm1d(3).double()
    x = normal(4, 3)
    ad.grad(lambda x: ours(x).square().sum())(x)
    theirs(x)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("f, words", [
    (lambda x: F.nll_loss(x, torch.tensor([7, 0, 0, 0])), "out of bounds"),
    (lambda x: F.instance_norm(x[None], W3.clone(), W3.clone()).sum(), "running statistics"),
    (lambda x: F.interpolate(x[None, None], (2, 2), mode="bilinear", antialias=True).sum(),
     "antialias"),
    (lambda x: L.svd(x).U.sum(), "full_matrices"),
    (lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5).sum(), "dropout"),
    (lambda x: F.adaptive_max_pool1d(x[None], 2).sum(), "divide"),
])  # fmt: skip
def test_what_has_no_rule_is_refused(f, words):
    with pytest.raises((ad.AutodiffError, IndexError), match=words):
        ad.grad(f)(normal(4, 3))
