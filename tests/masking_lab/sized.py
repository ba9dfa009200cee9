"""Functions of one example x of shape (n, 4) and weights w, in PyTorch and in JAX.

They are the list by which a rebuilt `jax.mask` was once measured: what people do along a dim.
"""

NAMES = (
    "mean",
    "sum over n",
    "var",
    "std",
    "norm",
    "softmax",
    "logsumexp",
    "normalised",
    "mlp",
    "attention",
    "causal attention",
    "dot product attention",
    "tril",
    "outer",
    "argmax",
    "one hot",
    "sort",
    "median",
    "searchsorted",
    "flip",
    "roll",
    "shift",
    "diff",
    "last",
    "half",
    "concat",
    "pad",
    "reshape",
    "transpose and reshape",
    "cumsum",
    "reverse cumsum",
    "arange",
    "arange from",
    "conv",
    "max pool",
    "rnn",
    "rnn backwards",
    "while",
    "fori",
    "cond",
    "dropout",
)


def on_jax():
    import jax
    import jax.numpy as jnp
    from jax import lax

    def attention(x, w):
        return jax.nn.softmax((x @ w) @ x.T / jnp.sqrt(x.shape[-1])) @ x

    def causal(x, w):
        seen = jnp.tril(jnp.ones((x.shape[0], x.shape[0]), bool))
        return jax.nn.softmax(jnp.where(seen, x @ w @ x.T, -jnp.inf)) @ x

    def rnn(x, w, reverse=False):
        h = jnp.zeros(4, x.dtype)
        return lax.scan(lambda h, a: (jnp.tanh(h @ w + a), h), h, x, reverse=reverse)[0]

    def while_n(x, w):
        start = (0, (x @ w).sum(0))
        return lax.while_loop(
            lambda s: s[0] < x.shape[0], lambda s: (s[0] + 1, s[1] + jnp.sin(s[1])), start
        )[1]

    def pooled(x, w):
        return lax.reduce_window(x @ w, -jnp.inf, lax.max, (3, 1), (1, 1), "SAME")

    def conv(x, w):
        kernel = jnp.stack([w, w * w, w.T], -1)
        return lax.conv_general_dilated(x.T[None], kernel, (1,), [(1, 1)])[0]

    def normalised(x, w):
        centred = x @ w - (x @ w).mean(0)
        return centred / jnp.sqrt((centred**2).mean(0) + 1e-5)

    def dropout(x, w):
        return jnp.where(jax.random.bernoulli(jax.random.key(0), 0.5, x.shape), x @ w, 0.0).sum(0)

    return {
        "mean": lambda x, w: (x @ w).mean(0),
        "sum over n": lambda x, w: (x @ w).sum(0) / x.shape[0],
        "var": lambda x, w: (x @ w).var(),
        "std": lambda x, w: (x @ w).std(0),
        "norm": lambda x, w: jnp.linalg.norm(x @ w),
        "softmax": lambda x, w: jax.nn.softmax(x @ w, 0),
        "logsumexp": lambda x, w: jax.scipy.special.logsumexp(x @ w, 0),
        "normalised": normalised,
        "mlp": lambda x, w: jax.nn.gelu(jax.nn.relu(x @ w) @ w).sum(),
        "attention": attention,
        "causal attention": causal,
        "dot product attention": lambda x, w: jax.nn.dot_product_attention(
            *[(x @ w)[None, :, None]] * 3)[0, :, 0],
        "tril": lambda x, w: jnp.tril(x @ w @ x.T).sum(-1),
        "outer": lambda x, w: (x @ w)[:, 0][:, None] * x[:, 1][None],
        "argmax": lambda x, w: (x @ w).argmax(0),
        "one hot": lambda x, w: jax.nn.one_hot((x @ w).argmax(1), 4).sum(0),
        "sort": lambda x, w: jnp.sort(x @ w, 0),
        "median": lambda x, w: jnp.median(x @ w, 0),
        "searchsorted": lambda x, w: jnp.searchsorted(
            jnp.sort((x @ w)[:, 0]), 0.3, method="compare_all"),
        "flip": lambda x, w: (x @ w)[::-1],
        "roll": lambda x, w: jnp.roll(x @ w, 1, 0),
        "shift": lambda x, w: jnp.concatenate([(x @ w)[1:], x[:1]]),
        "diff": lambda x, w: jnp.diff(x @ w, axis=0),
        "last": lambda x, w: (x @ w)[-1],
        "half": lambda x, w: (x @ w)[: x.shape[0] // 2],
        "concat": lambda x, w: jnp.concatenate([x, x @ w]),
        "pad": lambda x, w: jnp.pad(x @ w, ((1, 2), (0, 0)), constant_values=7.0),
        "reshape": lambda x, w: (x @ w).reshape(-1),
        "transpose and reshape": lambda x, w: (x @ w).T.reshape(-1),
        "cumsum": lambda x, w: (x @ w).cumsum(0),
        "reverse cumsum": lambda x, w: lax.cumsum(x @ w, 0, reverse=True),
        "arange": lambda x, w: (jnp.arange(x.shape[0]) * (x @ w)[:, 0]).sum(),
        "arange from": lambda x, w: (x @ w)[:, 0].cumsum() / jnp.arange(1, len(x) + 1),
        "conv": conv,
        "max pool": pooled,
        "rnn": rnn,
        "rnn backwards": lambda x, w: rnn(x, w, reverse=True),
        "while": while_n,
        "fori": lambda x, w: lax.fori_loop(
            0, x.shape[0], lambda i, s: jnp.tanh(s @ w) + x[i] * i, jnp.zeros(4, x.dtype)),
        "cond": lambda x, w: lax.cond(
            x.sum() > 0, lambda y: (y @ w).mean(), lambda y: (y @ w).max(), x),
        "dropout": dropout,
    }  # fmt: skip


def on_torch():
    import torch
    import torch.nn.functional as F

    def causal(x, w):
        seen = torch.ones(x.shape[0], x.shape[0]).tril() == 1
        return F.softmax((x @ w @ x.T).masked_fill(~seen, -torch.inf), -1) @ x

    def rnn(x, w):
        h = x.new_zeros(4)
        for a in x:
            h = torch.tanh(h @ w + a)
        return h

    def backwards(x, w):
        h = x.new_zeros(4)
        for a in reversed(x):
            h = torch.tanh(h @ w + a)
        return h

    def while_n(x, w):
        i, s = 0, (x @ w).sum(0)
        while i < len(x):
            i, s = i + 1, s + torch.sin(s)
        return s

    def fori(x, w):
        s = x.new_zeros(4)
        for i in range(len(x)):
            s = torch.tanh(s @ w) + x[i] * i
        return s

    def conv(x, w):
        kernel = torch.stack([w, w * w, w.T], -1)
        return F.conv1d(x.T[None], kernel, padding=1)[0]

    def normalised(x, w):
        centred = x @ w - (x @ w).mean(0)
        return centred / torch.sqrt((centred**2).mean(0) + 1e-5)

    def dot_product(x, w):
        q = (x @ w)[None, None]
        return F.scaled_dot_product_attention(q, q, q)[0, 0]

    return {
        "mean": lambda x, w: (x @ w).mean(0),
        "sum over n": lambda x, w: (x @ w).sum(0) / x.shape[0],
        "var": lambda x, w: (x @ w).var(correction=0),
        "std": lambda x, w: (x @ w).std(0, correction=0),
        "norm": lambda x, w: torch.linalg.norm(x @ w),
        "softmax": lambda x, w: F.softmax(x @ w, 0),
        "logsumexp": lambda x, w: torch.logsumexp(x @ w, 0),
        "normalised": normalised,
        "mlp": lambda x, w: F.gelu(F.relu(x @ w) @ w).sum(),
        "attention": lambda x, w: F.softmax((x @ w) @ x.T / x.shape[-1] ** 0.5, -1) @ x,
        "causal attention": causal,
        "dot product attention": dot_product,
        "tril": lambda x, w: torch.tril(x @ w @ x.T).sum(-1),
        "outer": lambda x, w: (x @ w)[:, 0][:, None] * x[:, 1][None],
        "argmax": lambda x, w: (x @ w).argmax(0),
        "one hot": lambda x, w: F.one_hot((x @ w).argmax(1), 4).sum(0),
        "sort": lambda x, w: torch.sort(x @ w, 0).values,
        "median": lambda x, w: torch.median(x @ w, 0).values,
        "searchsorted": lambda x, w: torch.searchsorted(
            torch.sort((x @ w)[:, 0]).values, torch.tensor(0.3, dtype=x.dtype)),
        "flip": lambda x, w: (x @ w).flip(0),
        "roll": lambda x, w: torch.roll(x @ w, 1, 0),
        "shift": lambda x, w: torch.cat([(x @ w)[1:], x[:1]]),
        "diff": lambda x, w: torch.diff(x @ w, dim=0),
        "last": lambda x, w: (x @ w)[-1],
        "half": lambda x, w: (x @ w)[: x.shape[0] // 2],
        "concat": lambda x, w: torch.cat([x, x @ w]),
        "pad": lambda x, w: F.pad(x @ w, (0, 0, 1, 2), value=7.0),
        "reshape": lambda x, w: (x @ w).reshape(-1),
        "transpose and reshape": lambda x, w: (x @ w).T.reshape(-1),
        "cumsum": lambda x, w: (x @ w).cumsum(0),
        "reverse cumsum": lambda x, w: (x @ w).flip(0).cumsum(0).flip(0),
        "arange": lambda x, w: (torch.arange(x.shape[0]) * (x @ w)[:, 0]).sum(),
        "arange from": lambda x, w: (x @ w)[:, 0].cumsum(0) / torch.arange(1, len(x) + 1),
        "conv": conv,
        "max pool": lambda x, w: F.max_pool1d((x @ w).T[None], 3, 1, 1)[0],
        "rnn": rnn,
        "rnn backwards": backwards,
        "while": while_n,
        "fori": fori,
        "cond": lambda x, w: (x @ w).mean() if x.sum() > 0 else (x @ w).max(),
        "dropout": lambda x, w: F.dropout(x @ w, 0.5).sum(0),
    }  # fmt: skip
