"""What people write along a ragged dim, in JAX's words; see `spellings`."""

import numpy as np


def jax_says():
    import jax
    import jax.numpy as jnp
    from jax import lax

    def conv(x, w, **how):
        n = len(how.get("window_strides", (1,)))
        return lax.conv_general_dilated(
            x, w, **({"window_strides": (1,) * n, "padding": "VALID"} | how)
        )

    def gram(x):
        """A positive definite matrix of the example's own size."""
        return x @ x.T + jnp.eye(len(x))

    def window(x, initial, f, k, s, pad):
        return lax.reduce_window(x, initial, f, (k, 1), (s, 1), ((pad, pad), (0, 0)))

    return {
        "flip": lambda x, q, i: jnp.flip(x, 0),
        "flip both": lambda x, q, i: x[::-1, ::-1],
        "roll": lambda x, q, i: jnp.roll(x, 1, 0),
        "roll back": lambda x, q, i: jnp.roll(x, -2, 0),
        "roll flat": lambda x, q, i: jnp.roll(x[:, 0], 1),
        "sort": lambda x, q, i: jnp.sort(x, 0),
        "sort down": lambda x, q, i: jnp.sort(x, 0, descending=True),
        "sort rows": lambda x, q, i: jnp.sort(x, 1),
        "argsort": lambda x, q, i: jnp.argsort(x, 0),
        "argsort down": lambda x, q, i: jnp.argsort(x, 0, descending=True),
        "top 1": lambda x, q, i: lax.top_k(x.T, 1)[0],
        "top places": lambda x, q, i: lax.top_k(x[:, 0], 1)[1],
        "top of rows": lambda x, q, i: lax.top_k(x, 2)[0],
        "median": lambda x, q, i: jnp.median(x, 0),
        "median of all": lambda x, q, i: jnp.median(x),
        "quantile": lambda x, q, i: jnp.quantile(x, 0.3, 0),
        "cumsum": lambda x, q, i: jnp.cumsum(x, 0),
        "cumsum back": lambda x, q, i: lax.cumsum(x, 0, reverse=True),
        "cumprod": lambda x, q, i: jnp.cumprod(x, 0),
        "cumprod back": lambda x, q, i: lax.cumprod(x, 0, reverse=True),
        "cummax": lambda x, q, i: lax.cummax(x, 0),
        "cummin": lambda x, q, i: lax.cummin(x, 0, reverse=True),
        "logcumsumexp": lambda x, q, i: lax.cumlogsumexp(x, 0),
        "argmax": lambda x, q, i: jnp.argmax(x, 0),
        "argmin": lambda x, q, i: jnp.argmin(x, 0, keepdims=True),
        "argmax of all": lambda x, q, i: x[:, 0].argmax(),
        "argmax of matrix": lambda x, q, i: x.argmax(),
        "amax": lambda x, q, i: x.max(0),
        "concat": lambda x, q, i: jnp.concatenate([x, q]),
        "concat three": lambda x, q, i: jnp.concatenate([x, q, x * 2], 0),
        "concat shared": lambda x, q, i: jnp.concatenate([jnp.ones((2, 3)), x], 0),
        "concat shared after": lambda x, q, i: jnp.concatenate([x, jnp.ones((1, 3))], 0),
        "concat features": lambda x, q, i: jnp.concatenate([x, jnp.exp(x)], 1),
        "stack": lambda x, q, i: jnp.stack([x, x * 2], 1),
        "hstack": lambda x, q, i: jnp.hstack([x[:, 0], q[:, 0]]),
        "vstack": lambda x, q, i: jnp.vstack([x, q]),
        "append": lambda x, q, i: jnp.append(x[:, 0], 3.0),
        "pad": lambda x, q, i: jnp.pad(x, ((1, 2), (0, 0))),
        "pad value": lambda x, q, i: jnp.pad(x, ((0, 1), (1, 0)), constant_values=7.0),
        "pad cut": lambda x, q, i: lax.pad(x, 0.0, ((1, -1, 0), (0, 0, 0))),
        "pad gaps": lambda x, q, i: lax.pad(x, 0.5, ((1, 1, 1), (0, 0, 0))),
        "pad edge": lambda x, q, i: jnp.pad(x, ((1, 1), (0, 0)), mode="edge"),
        "index array": lambda x, q, i: x[i],
        "index matrix": lambda x, q, i: x[i[:, None], jnp.array([0, 2])],
        "index list": lambda x, q, i: x[jnp.array([0, -1, 0])],
        "index columns": lambda x, q, i: x[:, jnp.array([2, 0])],
        "index pairs": lambda x, q, i: x[i, i * 0],
        "index with number": lambda x, q, i: x[i, 1],
        "take": lambda x, q, i: jnp.take(x, i, 0),
        "take clip": lambda x, q, i: jnp.take(x, i + 1, 0, mode="clip"),
        "take fill": lambda x, q, i: jnp.nan_to_num(jnp.take(x, i + 1, 0, mode="fill"), nan=-5.0),
        "get": lambda x, q, i: x.at[i + 1].get(mode="fill", fill_value=3.0),
        "gather": lambda x, q, i: jnp.take_along_axis(x, i[:, None], 0),
        "gather columns": lambda x, q, i: jnp.take_along_axis(x, i[:, None] * 0, 1),
        "permuted by argsort": lambda x, q, i: x[x[:, 0].argsort()],
        "table lookup": lambda x, q, i: jnp.arange(20.0).reshape(10, 2)[i],
        "one_hot": lambda x, q, i: jax.nn.one_hot(i, 9),
        "one_hot own": lambda x, q, i: jax.nn.one_hot(i, len(x)),
        "index_add": lambda x, q, i: jnp.zeros((9, 3)).at[i].add(x),
        "scatter into own": lambda x, q, i: (x * 0).at[i].add(x),
        "index_put": lambda x, q, i: x.at[i].set(5.0),
        "put a number": lambda x, q, i: x.at[0].set(5.0),
        "put last": lambda x, q, i: x.at[-1].set(5.0),
        "add at first": lambda x, q, i: x.at[0, 1].add(5.0),
        "segment_sum": lambda x, q, i: jax.ops.segment_sum(x, i, 9),
        "boolean index": lambda x, q, i: x[x[:, 0] > 0],
        "where as mask": lambda x, q, i: jnp.sum(x, 0, where=x > 0),
        "stride": lambda x, q, i: x[::2],
        "stride from": lambda x, q, i: x[1::3],
        "stride to": lambda x, q, i: x[:-1:2],
        "first two": lambda x, q, i: x[:2],
        "last two": lambda x, q, i: x[-2:],
        "diff": lambda x, q, i: jnp.diff(x, axis=0),
        "differences": lambda x, q, i: x[1:] - x[:-1],
        "split features": lambda x, q, i: jnp.split(x, 3, 1)[1],
        "conv1d": lambda x, q, i: conv(x.T[None], jnp.ones((2, 3, 2)))[0],
        "conv1d padded": lambda x, q, i: (
            conv(x.T[None], jnp.ones((2, 3, 3)), padding=((1, 1),))[0].T
        ),
        "conv1d strided": lambda x, q, i: (
            conv(x.T[None], jnp.ones((2, 3, 3)), window_strides=(2,), padding=((1, 1),))[0].T
        ),
        "conv1d dilated": lambda x, q, i: (
            conv(x.T[None], jnp.ones((2, 3, 2)), rhs_dilation=(2,), padding=((2, 2),))[0].T
        ),
        "conv1d channels last": lambda x, q, i: conv(
            x[None], jnp.ones((3, 3, 2)), padding=((1, 1),), dimension_numbers=("NWC", "WIO", "NWC")
        )[0],
        "convolve": lambda x, q, i: jnp.convolve(x[:, 0], jnp.ones(2)),
        "max_pool": lambda x, q, i: window(x, -jnp.inf, lax.max, 2, 1, 1),
        "max_pool strided": lambda x, q, i: window(x, -jnp.inf, lax.max, 3, 2, 1),
        "sum_pool": lambda x, q, i: window(x, 0.0, lax.add, 3, 1, 1),
        "searchsorted": lambda x, q, i: jnp.searchsorted(jnp.sort(x[:, 0]), q[:, 0]),
        "bincount": lambda x, q, i: jnp.bincount(i, length=9),
        "unique": lambda x, q, i: jnp.unique(i, size=3),
        "arange": lambda x, q, i: jnp.arange(len(x)),
        "arange of shape": lambda x, q, i: jnp.arange(x.shape[0]) * x[:, 0],
        "arange from": lambda x, q, i: jnp.arange(1, len(x) + 1),
        "arange step": lambda x, q, i: jnp.arange(0, len(x), 2),
        "entry at a shared place": lambda x, q, i: x[jnp.asarray(-1)] + x[np.int64(0)],
        "linspace": lambda x, q, i: jnp.linspace(0, 1, len(x)),
        "zeros": lambda x, q, i: jnp.zeros((len(x), 2)),
        "ones": lambda x, q, i: jnp.ones(len(x)) + x[:, 0],
        "full": lambda x, q, i: jnp.full((len(x),), 2.0),
        "zeros_like": lambda x, q, i: jnp.zeros_like(x),
        "ones_like": lambda x, q, i: jnp.ones_like(x).sum(0),
        "full_like": lambda x, q, i: jnp.full_like(x, 3.0),
        "eye": lambda x, q, i: jnp.eye(len(x)),
        "tril of ones": lambda x, q, i: jnp.tril(jnp.ones((len(x), len(x)))),
        "causal": lambda x, q, i: (
            jax.nn.softmax(
                jnp.where(jnp.triu(jnp.ones((len(x), len(x))), 1) == 1, -jnp.inf, x @ x.T), -1
            )
            @ x
        ),
        "causal of arange": lambda x, q, i: (
            jax.nn.softmax(
                jnp.where(jnp.arange(len(x))[:, None] >= jnp.arange(len(x)), x @ x.T, -jnp.inf), -1
            )
            @ x
        ),
        "tril": lambda x, q, i: jnp.tril(x @ x.T),
        "triu": lambda x, q, i: jnp.triu(x @ x.T, 1),
        "diagonal": lambda x, q, i: jnp.diagonal(x @ x.T),
        "diag of vector": lambda x, q, i: jnp.diag(x[:, 0]),
        "trace": lambda x, q, i: jnp.trace(x @ x.T),
        "reshape to rows": lambda x, q, i: x.reshape(-1),
        "flatten": lambda x, q, i: x.ravel(),
        "flatten squares": lambda x, q, i: (x @ x.T).ravel(),
        "flatten ragged pair": lambda x, q, i: (x @ q.T).reshape(-1),
        "merge behind": lambda x, q, i: x.T.reshape(-1),
        "unflatten": lambda x, q, i: x.reshape(-1).reshape(-1, 3),
        "view with length": lambda x, q, i: x.reshape(len(x), 1, 3),
        "reshape to length": lambda x, q, i: jnp.reshape(x, (len(x), 1, 3)),
        "roll by length": lambda x, q, i: jnp.roll(x, len(x) - 1, 0),
        "expand what is shared": lambda x, q, i: jnp.broadcast_to(jnp.ones(3), (len(x), 3)) * x,
        "roll what is shared": lambda x, q, i: jnp.roll(jnp.arange(6.0), len(x))[0] * x,
        "linspace to length": lambda x, q, i: jnp.linspace(0.0, len(x) * 1.0, 3) + x,
        "clamp by its own": lambda x, q, i: jnp.clip(x, max=x.mean(0)),
        "repeat": lambda x, q, i: jnp.tile(x, (1, 2)),
        "repeat along": lambda x, q, i: jnp.tile(x, (2, 1)),
        "repeat_interleave": lambda x, q, i: jnp.repeat(x, 2, 0),
        "expand": lambda x, q, i: jnp.broadcast_to(x[:, None], (len(x), 2, 3)),
        "squeeze": lambda x, q, i: x[:, :1].squeeze(1),
        "squeeze all": lambda x, q, i: x[:, None].squeeze(),
        "unsqueeze": lambda x, q, i: x[None],
        "transpose": lambda x, q, i: x.T,
        "movedim": lambda x, q, i: jnp.moveaxis(x[None], 1, 0),
        "einsum": lambda x, q, i: jnp.einsum("id,jd->ij", x, q),
        "einsum three": lambda x, q, i: jnp.einsum("id,jd,je->ie", x, q, q),
        "outer": lambda x, q, i: jnp.outer(x[:, 0], q[:, 1]),
        "matmul": lambda x, q, i: x @ q.T @ q,
        "attention": lambda x, q, i: jax.nn.softmax(x @ q.T / 2, -1) @ q,
        "sdpa": lambda x, q, i: jax.nn.dot_product_attention(x[:, None], q[:, None], q[:, None])[
            :, 0
        ],
        "sdpa causal": lambda x, q, i: jax.nn.dot_product_attention(
            x[:, None], x[:, None], x[:, None], is_causal=True
        ),
        "kron": lambda x, q, i: jnp.kron(x[:, 0], q[:, 0]),
        "norm": lambda x, q, i: jnp.linalg.norm(x),
        "norm 1": lambda x, q, i: jnp.linalg.norm(x, 1, 0),
        "norm 3": lambda x, q, i: jnp.linalg.norm(x, 3, 0),
        "norm inf": lambda x, q, i: jnp.linalg.norm(x, jnp.inf, 0),
        "mean": lambda x, q, i: x.mean(0),
        "var": lambda x, q, i: x.var(0),
        "std": lambda x, q, i: x.std(0),
        "prod": lambda x, q, i: x.prod(0),
        "logsumexp": lambda x, q, i: jax.nn.logsumexp(x, 0),
        "softmax": lambda x, q, i: jax.nn.softmax(x, 0),
        "log_softmax": lambda x, q, i: jax.nn.log_softmax(x, 0),
        "standardize": lambda x, q, i: jax.nn.standardize(x, 0),
        "glu": lambda x, q, i: jax.nn.glu(jnp.concatenate([x, x[:, :1]], 1), 1),
        "det": lambda x, q, i: jnp.linalg.det(gram(x)),
        "slogdet": lambda x, q, i: jnp.linalg.slogdet(gram(x))[1],
        "inv": lambda x, q, i: jnp.linalg.inv(gram(x)),
        "solve": lambda x, q, i: jnp.linalg.solve(gram(x), x),
        "cholesky": lambda x, q, i: jnp.linalg.cholesky(gram(x)),
        "eigvalsh": lambda x, q, i: jnp.linalg.eigvalsh(gram(x)),
        "pinv": lambda x, q, i: jnp.linalg.pinv(x),
        "fft": lambda x, q, i: jnp.abs(jnp.fft.rfft(x[:, 0])),
        "count_nonzero": lambda x, q, i: jnp.count_nonzero(x > 0, 0),
        "any": lambda x, q, i: (x > 1).any(0),
        "all": lambda x, q, i: (x > -1).all(),
        "clamp": lambda x, q, i: jnp.clip(x, -0.5, 0.5),
        "where": lambda x, q, i: jnp.where(x > 0, x, 0.0),
        "where of two": lambda x, q, i: jnp.where(i[:, None] > 0, x, 2 * x),
        "at the argmax": lambda x, q, i: x[x[:, 0].argmax()],
        "nan_to_num": lambda x, q, i: jnp.nan_to_num(x / (x - x)),
        "nansum": lambda x, q, i: jnp.nansum(x, 0),
        "nanmean": lambda x, q, i: jnp.nanmean(x, 0),
        "cross": lambda x, q, i: jnp.cross(x, 2 * x + 1),
        "trapezoid": lambda x, q, i: jnp.trapezoid(x[:, 0]),
        "meshgrid": lambda x, q, i: jnp.meshgrid(x[:, 0], q[:, 0], indexing="ij")[0],
        "interp": lambda x, q, i: jnp.interp(q[:, 0], jnp.sort(x[:, 0]), x[:, 1]),
        "polyval": lambda x, q, i: jnp.polyval(jnp.array([1.0, 2.0]), x[:, 0]),
        "ptp": lambda x, q, i: jnp.ptp(x, 0),
        "cov": lambda x, q, i: jnp.cov(x.T, bias=True),
        "size": lambda x, q, i: x.sum() / x.size,
        "scan": lambda x, q, i: lax.scan(lambda c, v: (c * 0.5 + v, c), jnp.zeros(3), x)[0],
        "associative_scan": lambda x, q, i: lax.associative_scan(jnp.add, x),
        "vmap": lambda x, q, i: jax.vmap(lambda v: v / v.sum())(x),
    }
