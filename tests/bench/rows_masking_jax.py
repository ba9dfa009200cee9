"""Masking on JAX under jit, against a mask written by hand: a GRU's loop, a Transformer's block."""

import numpy as np

from tests.bench.harness import bench
from tests.bench.rows import compiled

BATCH, LONGEST, HEADS = 64, 65, 4
MASKED = "ml.autobatch"


def lengths():
    """Log-normal, mean 24.3, longest 65: 0.374 of the padded batch is valid."""
    draws = np.random.default_rng(9).lognormal(3.085, 0.55, BATCH)
    found = np.clip(np.round(draws), 1, LONGEST).astype(int)
    found[found.argmax()] = LONGEST
    return found


def batch_of(width):
    import jax.numpy as jnp

    import masking_lab as ml

    draw = np.random.default_rng(0)
    return ml.batch([jnp.asarray(draw.normal(size=(n, width)), jnp.float32) for n in lengths()])


def weights(width, **shapes):
    import jax.numpy as jnp

    draw = np.random.default_rng(1)
    return {name: jnp.asarray(draw.normal(size=shape) / width**0.5, jnp.float32)
            for name, shape in shapes.items()}  # fmt: skip


def gru_cell(x, h, p):
    """Cho et al. 2014, as torch.nn.GRUCell has it."""
    import jax
    import jax.numpy as jnp

    (xr, xz, xn), (hr, hz, hn) = (jnp.split(a, 3) for a in (x @ p["w"] + p["b"], h @ p["u"]))
    r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
    n = jnp.tanh(xn + r * hn)
    return (1 - z) * n + z * h


def gru(x, p):
    import jax.numpy as jnp

    h = jnp.zeros(x.shape[1])
    for t in range(len(x)):
        h = gru_cell(x[t], h, p)
    return h


def gru_by_hand(x, n, p):
    import jax
    import jax.numpy as jnp

    def step(h, entry):
        t, v = entry
        return jnp.where(t < n, gru_cell(v, h, p), h), None

    start = jnp.zeros(x.shape[1])
    return jax.lax.scan(step, start, (jnp.arange(x.shape[0]), x))[0]


def block(x, p):
    """Pre-norm attention and a feed-forward layer (Vaswani et al. 2017; Xiong et al. 2020)."""
    import jax

    y = x + attended(normalised(x) @ p["qkv"], None) @ p["out"]
    return (y + jax.nn.gelu(normalised(y) @ p["up"]) @ p["down"]).mean(0)


def block_by_hand(x, n, p):
    import jax
    import jax.numpy as jnp

    valid = jnp.arange(x.shape[0]) < n
    y = x + attended(normalised(x) @ p["qkv"], valid) @ p["out"]
    y = y + jax.nn.gelu(normalised(y) @ p["up"]) @ p["down"]
    return jnp.where(valid[:, None], y, 0).sum(0) / n


def normalised(x):
    import jax

    mean = x.mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)


def attended(qkv, valid):
    import jax
    import jax.numpy as jnp

    each = qkv.shape[-1] // 3 // HEADS
    q, k, v = (a.reshape(a.shape[0], HEADS, each) for a in jnp.split(qkv, 3, axis=1))
    scores = jnp.einsum("qhd,khd->hqk", q, k) / each**0.5
    scores = scores if valid is None else jnp.where(valid, scores, -jnp.inf)
    y = jnp.einsum("hqk,khd->qhd", jax.nn.softmax(scores), v)
    return y.reshape(qkv.shape[0], HEADS * each)


def contenders(f, by_hand, width, params):
    """Value and gradient of the weights; compiling is a cost that is told beside."""
    import jax

    import masking_lab as ml

    b = batch_of(width)
    hand = jax.vmap(by_hand, (0, 0, None))
    both = {
        "vmap, by hand": lambda p, b: (hand(b.data, b.lengths, p) ** 2).mean(),
        MASKED: lambda p, b: (ml.autobatch(f)(b, p).data ** 2).mean(),
    }
    return {name: with_compile_time(jax.value_and_grad(loss), params, b)
            for name, loss in both.items()}  # fmt: skip


def with_compile_time(f, *args):
    import time

    start = time.perf_counter()
    call = compiled(lambda given: f(*given), args)
    call.cost = {"tracing and compiling": time.perf_counter() - start}
    return call


for _width in (128, 512):

    @bench(f"GRU, D={_width}, masked, jax, compiled", baseline="vmap, by hand", needs=("jax",),
           must={MASKED: 1.05})  # fmt: skip
    def gru_jax(width=_width):
        params = weights(width, w=(width, 3 * width), u=(width, 3 * width), b=(3 * width,))
        return contenders(gru, gru_by_hand, width, params)


@bench("Transformer block, D=128, masked, jax, compiled", baseline="vmap, by hand",
       needs=("jax",), must={MASKED: 1.05})  # fmt: skip
def block_jax():
    d = 128
    params = weights(d, qkv=(d, 3 * d), out=(d, d), up=(d, 4 * d), down=(4 * d, d))
    return contenders(block, block_by_hand, d, params)
