"""What people write along a ragged dim, as each framework spells it: x has shape (n, 3).

Each entry is one function of one example, in PyTorch's words and in JAX's. `x` is a sequence of its
own length, `q` a second one of another length, `i` one whole number per entry of `x`, below n.
"""

import numpy as np

from tests.masking_lab.spellings_jax import jax_says


def torch_says():
    import torch
    import torch.nn.functional as F

    double = {"dtype": torch.float64}
    gru, lstm = torch.nn.GRU(3, 2, **double), torch.nn.LSTM(3, 2, 2, bidirectional=True, **double)
    for p in (*gru.parameters(), *lstm.parameters()):
        p.data.copy_(torch.sin(torch.arange(p.numel(), **double)).reshape(p.shape))

    def ones(*shape):
        return torch.ones(shape, **double)

    def table(n, m):
        return torch.arange(n * m, **double).reshape(n, m)

    def gram(x):
        """A positive definite matrix of the example's own size."""
        return x @ x.T + torch.eye(len(x), **double)

    def conv(x, w, **how):
        return F.conv1d(x.T[None], w, **how)[0].T

    return {
        "gru": lambda x, q, i: gru(x)[0],
        "gru's last state": lambda x, q, i: gru(x)[1],
        "lstm both ways": lambda x, q, i: lstm(x)[0],
        "lstm's last state": lambda x, q, i: lstm(x)[1][1],
        "flip": lambda x, q, i: x.flip(0),
        "flip both": lambda x, q, i: torch.flip(x, (0, 1)),
        "roll": lambda x, q, i: torch.roll(x, 1, 0),
        "roll back": lambda x, q, i: torch.roll(x, -2, 0),
        "roll flat": lambda x, q, i: x[:, 0].roll(1),
        "sort": lambda x, q, i: x.sort(0)[0],
        "sort down": lambda x, q, i: torch.sort(x, dim=0, descending=True)[0],
        "sort rows": lambda x, q, i: torch.sort(x, dim=1)[0],
        "argsort": lambda x, q, i: x.argsort(0),
        "argsort down": lambda x, q, i: torch.argsort(x, 0, descending=True),
        "top 1": lambda x, q, i: torch.topk(x, 1, 0)[0],
        "top places": lambda x, q, i: torch.topk(x[:, 0], 1)[1],
        "smallest": lambda x, q, i: torch.topk(x, 1, 0, largest=False)[0],
        "top of rows": lambda x, q, i: torch.topk(x, 2, 1)[0],
        "median": lambda x, q, i: x.median(0)[0],
        "median of all": lambda x, q, i: x.median(),
        "kthvalue": lambda x, q, i: x.kthvalue(1, 0)[0],
        "quantile": lambda x, q, i: torch.quantile(x, 0.3, 0),
        "cumsum": lambda x, q, i: x.cumsum(0),
        "cumsum back": lambda x, q, i: x.flip(0).cumsum(0).flip(0),
        "cumprod": lambda x, q, i: x.cumprod(0),
        "cummax": lambda x, q, i: x.cummax(0)[0],
        "cummin": lambda x, q, i: torch.cummin(x, 0)[0],
        "logcumsumexp": lambda x, q, i: torch.logcumsumexp(x, 0),
        "argmax": lambda x, q, i: x.argmax(0),
        "argmin": lambda x, q, i: torch.argmin(x, dim=0, keepdim=True),
        "argmax of all": lambda x, q, i: x[:, 0].argmax(),
        "argmax of matrix": lambda x, q, i: x.argmax(),
        "max with indices": lambda x, q, i: x.max(0)[0],
        "max's indices": lambda x, q, i: torch.max(x, 0)[1],
        "min with indices": lambda x, q, i: x.min(dim=0).values,
        "amax": lambda x, q, i: x.amax(0),
        "concat": lambda x, q, i: torch.cat([x, q]),
        "concat three": lambda x, q, i: torch.cat([x, q, x * 2], 0),
        "concat shared": lambda x, q, i: torch.cat([ones(2, 3), x], 0),
        "concat shared after": lambda x, q, i: torch.cat([x, ones(1, 3)], 0),
        "concat features": lambda x, q, i: torch.cat([x, x.exp()], 1),
        "stack": lambda x, q, i: torch.stack([x, x * 2], 1),
        "hstack": lambda x, q, i: torch.hstack([x[:, 0], q[:, 0]]),
        "vstack": lambda x, q, i: torch.vstack([x, q]),
        "pad": lambda x, q, i: F.pad(x, (0, 0, 1, 2)),
        "pad value": lambda x, q, i: F.pad(x, (1, 0, 0, 1), value=7.0),
        "pad cut": lambda x, q, i: F.pad(x, (0, 0, 1, -1)),
        "pad replicate": lambda x, q, i: F.pad(x.T[None], (1, 1), mode="replicate")[0],
        "index array": lambda x, q, i: x[i],
        "index matrix": lambda x, q, i: x[i[:, None], torch.tensor([0, 2])],
        "index list": lambda x, q, i: x[[0, -1, 0]],
        "index columns": lambda x, q, i: x[:, [2, 0]],
        "index pairs": lambda x, q, i: x[i, i * 0],
        "index with number": lambda x, q, i: x[i, 1],
        "gather": lambda x, q, i: x.gather(0, i[:, None]),
        "gather columns": lambda x, q, i: x.gather(1, i[:, None] * 0),
        "take_along_dim": lambda x, q, i: torch.take_along_dim(x, i[:, None], 0),
        "index_select": lambda x, q, i: x.index_select(0, i),
        "permuted by argsort": lambda x, q, i: x[x[:, 0].argsort()],
        "embedding": lambda x, q, i: F.embedding(i, table(10, 2)),
        "table lookup": lambda x, q, i: table(10, 2)[i],
        "one_hot": lambda x, q, i: F.one_hot(i, 9),
        "one_hot own": lambda x, q, i: F.one_hot(i, len(x)),
        "scatter_add": lambda x, q, i: table(9, 3).scatter_add(0, i[:, None].expand(-1, 3), x),
        "index_add": lambda x, q, i: table(9, 3).index_add(0, i, x),
        "scatter into own": lambda x, q, i: (x * 0).scatter_add(0, i[:, None].expand(-1, 3), x),
        "index_put": lambda x, q, i: x.index_put((i,), x * 0 + 5.0),
        "scatter": lambda x, q, i: x.scatter(1, i[:, None] * 0, 3.0),
        "masked_select": lambda x, q, i: x[:, 0].masked_select(x[:, 0] > 0),
        "boolean index": lambda x, q, i: x[x[:, 0] > 0],
        "boolean of matrix": lambda x, q, i: x[x > 0],
        "nonzero": lambda x, q, i: (x[:, 0] > 0).nonzero()[:, 0],
        "masked_fill": lambda x, q, i: x.masked_fill(x > 0, -1.0),
        "stride": lambda x, q, i: x[::2],
        "stride from": lambda x, q, i: x[1::3],
        "stride to": lambda x, q, i: x[:-1:2],
        "first two": lambda x, q, i: x[:2],
        "last two": lambda x, q, i: x[-2:],
        "diff": lambda x, q, i: torch.diff(x, dim=0),
        "differences": lambda x, q, i: x[1:] - x[:-1],
        "unfold": lambda x, q, i: x.unfold(0, 2, 1),
        "chunk": lambda x, q, i: torch.chunk(x, 3, 1)[1],
        "unbind": lambda x, q, i: torch.stack([row * 2 for row in x.unbind(0)]),
        "unbind features": lambda x, q, i: x.unbind(1)[1],
        "conv1d": lambda x, q, i: conv(x, ones(2, 3, 2)),
        "conv1d padded": lambda x, q, i: conv(x, ones(2, 3, 3), padding=1),
        "conv1d same": lambda x, q, i: F.conv1d(x.T, ones(2, 3, 3), padding="same"),
        "conv1d strided": lambda x, q, i: conv(x, ones(2, 3, 3), stride=2, padding=1),
        "conv1d dilated": lambda x, q, i: conv(x, ones(2, 3, 2), dilation=2, padding=2),
        "conv1d bias": lambda x, q, i: conv(x, ones(2, 3, 3), bias=ones(2), padding=1),
        "conv_transpose1d": lambda x, q, i: F.conv_transpose1d(x.T[None], ones(3, 2, 2), stride=2)[
            0
        ],
        "max_pool": lambda x, q, i: F.max_pool1d(x.T[None], 2, 1, 1)[0],
        "max_pool strided": lambda x, q, i: F.max_pool1d(x.T[None], 3, 2, 1)[0],
        "avg_pool": lambda x, q, i: F.avg_pool1d(x.T[None], 3, 1, 1)[0],
        "avg_pool valid": lambda x, q, i: F.avg_pool1d(x.T[None], 3, 2, 1, count_include_pad=False)[
            0
        ],
        "adaptive_avg_pool 1": lambda x, q, i: F.adaptive_avg_pool1d(x.T[None], 1)[0],
        "interpolate": lambda x, q, i: F.interpolate(x.T[None], scale_factor=2)[0],
        "bucketize": lambda x, q, i: torch.bucketize(x, torch.tensor([-0.5, 0.5]).double()),
        "searchsorted": lambda x, q, i: torch.searchsorted(x[:, 0].sort()[0], q[:, 0]),
        "bincount": lambda x, q, i: torch.bincount(i, minlength=9),
        "histc": lambda x, q, i: torch.histc(x[:, 0], 4, -2, 2),
        "unique": lambda x, q, i: torch.unique(i),
        "arange": lambda x, q, i: torch.arange(len(x)),
        "arange of shape": lambda x, q, i: torch.arange(x.shape[0]) * x[:, 0],
        "arange from": lambda x, q, i: torch.arange(1, len(x) + 1),
        "arange step": lambda x, q, i: torch.arange(0, len(x), 2),
        "arange down": lambda x, q, i: torch.arange(len(x) - 1, -1, -1),
        "entry at a shared place": lambda x, q, i: x[torch.tensor(-1)] + x[np.int64(0)],
        "linspace": lambda x, q, i: torch.linspace(0, 1, len(x)),
        "linspace to length": lambda x, q, i: torch.linspace(0.0, float(len(x)), 3).double() + x,
        "clamp by its own": lambda x, q, i: torch.clamp(x, max=x.mean(0)),
        "zeros": lambda x, q, i: torch.zeros(len(x), 2),
        "ones": lambda x, q, i: torch.ones(len(x)) + x[:, 0],
        "full": lambda x, q, i: torch.full((len(x),), 2.0),
        "new_zeros": lambda x, q, i: x.new_zeros(len(x), 2),
        "zeros_like": lambda x, q, i: torch.zeros_like(x),
        "ones_like": lambda x, q, i: torch.ones_like(x).sum(0),
        "full_like": lambda x, q, i: torch.full_like(x, 3.0),
        "eye": lambda x, q, i: torch.eye(len(x)),
        "tril of ones": lambda x, q, i: torch.tril(torch.ones(len(x), len(x))),
        "causal": lambda x, q, i: (
            torch.softmax(
                (x @ x.T).masked_fill(torch.ones(len(x), len(x)).triu(1) == 1, float("-inf")), -1
            )
            @ x
        ),
        "causal of arange": lambda x, q, i: (
            torch.softmax(
                torch.where(
                    torch.arange(len(x))[:, None] >= torch.arange(len(x)), x @ x.T, float("-inf")
                ),
                -1,
            )
            @ x
        ),
        "tril": lambda x, q, i: torch.tril(x @ x.T),
        "triu": lambda x, q, i: (x @ x.T).triu(1),
        "diagonal": lambda x, q, i: (x @ x.T).diagonal(),
        "diag of vector": lambda x, q, i: torch.diag(x[:, 0]),
        "trace": lambda x, q, i: (x @ x.T).trace(),
        "reshape to rows": lambda x, q, i: x.reshape(-1),
        "flatten": lambda x, q, i: x.flatten(),
        "flatten squares": lambda x, q, i: (x @ x.T).flatten(),
        "flatten ragged pair": lambda x, q, i: (x @ q.T).reshape(-1),
        "merge behind": lambda x, q, i: x.T.reshape(-1),
        "unflatten": lambda x, q, i: x.reshape(-1).reshape(-1, 3),
        "view with length": lambda x, q, i: x.view(len(x), 1, 3),
        "reshape to length": lambda x, q, i: torch.reshape(x, (len(x), 1, 3)),
        "narrow to length": lambda x, q, i: torch.narrow(x, 0, 0, len(x)),
        "roll by length": lambda x, q, i: torch.roll(x, len(x) - 1, 0),
        "expand what is shared": lambda x, q, i: torch.ones(1, 3).double().expand(len(x), 3) * x,
        "roll what is shared": lambda x, q, i: torch.arange(6.0).double().roll(len(x))[0] * x,
        "unflatten features": lambda x, q, i: x.unflatten(1, (3, 1)),
        "repeat": lambda x, q, i: x.repeat(1, 2),
        "repeat along": lambda x, q, i: x.repeat(2, 1),
        "tile": lambda x, q, i: x.tile(2),
        "repeat_interleave": lambda x, q, i: x.repeat_interleave(2, 0),
        "expand": lambda x, q, i: x[:, None].expand(-1, 2, -1),
        "squeeze": lambda x, q, i: x[:, :1].squeeze(1),
        "squeeze all": lambda x, q, i: x[:, None].squeeze(),
        "unsqueeze": lambda x, q, i: x.unsqueeze(0),
        "transpose": lambda x, q, i: x.T,
        "permute": lambda x, q, i: x[None].permute(2, 1, 0),
        "movedim": lambda x, q, i: x[None].movedim(1, 0),
        "einsum": lambda x, q, i: torch.einsum("id,jd->ij", x, q),
        "einsum three": lambda x, q, i: torch.einsum("id,jd,je->ie", x, q, q),
        "outer": lambda x, q, i: torch.outer(x[:, 0], q[:, 1]),
        "bmm": lambda x, q, i: torch.bmm(x[None], q.T[None])[0],
        "matmul": lambda x, q, i: x @ q.T @ q,
        "attention": lambda x, q, i: torch.softmax(x @ q.T / 2, -1) @ q,
        "sdpa": lambda x, q, i: F.scaled_dot_product_attention(x, q, q),
        "sdpa causal": lambda x, q, i: F.scaled_dot_product_attention(
            x[None], x[None], x[None], is_causal=True
        )[0],
        "sdpa masked": lambda x, q, i: F.scaled_dot_product_attention(
            x, x, x, attn_mask=torch.ones(len(x), len(x), dtype=torch.bool).tril()
        ),
        "cdist": lambda x, q, i: torch.cdist(x, q),
        "kron": lambda x, q, i: torch.kron(x[:, 0], q[:, 0]),
        "norm": lambda x, q, i: x.norm(),
        "norm 1": lambda x, q, i: x.norm(1, 0),
        "norm 3": lambda x, q, i: torch.linalg.vector_norm(x, 3, dim=0),
        "norm inf": lambda x, q, i: torch.linalg.vector_norm(x, float("inf"), dim=0),
        "normalize": lambda x, q, i: F.normalize(x, dim=0),
        "cosine_similarity": lambda x, q, i: F.cosine_similarity(x, x * 2 + 1, 0),
        "mean": lambda x, q, i: x.mean(0),
        "var": lambda x, q, i: x.var(0, unbiased=False),
        "std": lambda x, q, i: x.std(0, unbiased=False),
        "prod": lambda x, q, i: x.prod(0),
        "logsumexp": lambda x, q, i: x.logsumexp(0),
        "softmax": lambda x, q, i: x.softmax(0),
        "log_softmax": lambda x, q, i: F.log_softmax(x, 0),
        "softmin": lambda x, q, i: F.softmin(x, 0),
        "cross_entropy": lambda x, q, i: F.cross_entropy(x, i % 3),
        "cross_entropy none": lambda x, q, i: F.cross_entropy(x, i % 3, reduction="none"),
        "nll": lambda x, q, i: F.nll_loss(F.log_softmax(x, 1), i % 3, reduction="sum"),
        "mse": lambda x, q, i: F.mse_loss(x, x * 0),
        "l1": lambda x, q, i: F.l1_loss(x, x * 0),
        "smooth_l1": lambda x, q, i: F.smooth_l1_loss(x, x * 0),
        "huber": lambda x, q, i: F.huber_loss(x, x * 0),
        "bce": lambda x, q, i: F.binary_cross_entropy_with_logits(x, torch.sigmoid(x)),
        "kl": lambda x, q, i: F.kl_div(
            F.log_softmax(x, 1), F.softmax(x * 2, 1), reduction="batchmean"
        ),
        "layer_norm": lambda x, q, i: F.layer_norm(x, (3,)),
        "layer_norm all": lambda x, q, i: F.layer_norm(x.T, (len(x),)),
        "group_norm": lambda x, q, i: F.group_norm(x.T[None], 3)[0],
        "instance_norm": lambda x, q, i: F.instance_norm(torch.cat([x.T, 2 * x.T + 1], 1)[None])[0],
        "rms_norm": lambda x, q, i: F.rms_norm(x, (3,)),
        "glu": lambda x, q, i: F.glu(torch.cat([x, x], 1), 1),
        "det": lambda x, q, i: torch.linalg.det(gram(x)),
        "slogdet": lambda x, q, i: torch.linalg.slogdet(gram(x))[1],
        "inv": lambda x, q, i: torch.linalg.inv(gram(x)),
        "solve": lambda x, q, i: torch.linalg.solve(gram(x), x),
        "cholesky": lambda x, q, i: torch.linalg.cholesky(gram(x)),
        "eigvalsh": lambda x, q, i: torch.linalg.eigvalsh(gram(x)),
        "pinv": lambda x, q, i: torch.linalg.pinv(x),
        "svdvals": lambda x, q, i: torch.linalg.svdvals(x),
        "matrix_exp": lambda x, q, i: torch.matrix_exp(x @ x.T / 9),
        "fft": lambda x, q, i: torch.fft.rfft(x[:, 0]).abs(),
        "count_nonzero": lambda x, q, i: (x > 0).sum(0),
        "any": lambda x, q, i: (x > 1).any(0),
        "all": lambda x, q, i: (x > -1).all(),
        "allclose": lambda x, q, i: torch.isclose(x, x * 1.0).all(),
        "clamp": lambda x, q, i: x.clamp(-0.5, 0.5),
        "where": lambda x, q, i: torch.where(x > 0, x, 0.0),
        "where of two": lambda x, q, i: torch.where(i[:, None] > 0, x, 2 * x),
        "at the argmax": lambda x, q, i: x[x[:, 0].argmax()],
        "lerp": lambda x, q, i: torch.lerp(x, 2 * x, 0.3),
        "nan_to_num": lambda x, q, i: torch.nan_to_num(x / (x - x)),
        "nansum": lambda x, q, i: torch.nansum(x, 0),
        "cross": lambda x, q, i: torch.cross(x, 2 * x + 1, dim=1),
        "vander": lambda x, q, i: torch.stack([x[:, 0] ** k for k in range(3)], 1),
        "trapezoid": lambda x, q, i: torch.trapezoid(x[:, 0]),
        "meshgrid": lambda x, q, i: torch.meshgrid(x[:, 0], q[:, 0], indexing="ij")[0],
        "aminmax": lambda x, q, i: torch.aminmax(x, dim=0)[0],
        "numel": lambda x, q, i: x.sum() / x.numel(),
        "size": lambda x, q, i: x.sum() / x.size(0),
    }


SAYS = {"torch": torch_says, "jax": jax_says}
