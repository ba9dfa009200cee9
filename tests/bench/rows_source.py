"""Source to source beside the straight line that is recorded: the same gradient, two roads.

On PyTorch the text pays for being read: `by * (1 - y * y)` is three kernels where the line has one.
"""

from tests.bench.harness import bench
from tests.bench.rows import LINE, mlp, synced

TRANSFORMED = "ad.transform"


@bench("source to source, MLP, torch", baseline=LINE, needs=("torch",), must={TRANSFORMED: 1.1})
def mlp_torch():
    import torch

    import autodiff_lab as ad

    f, x = mlp(torch, torch.asarray)
    line, text = ad.compile(f, x), ad.transform(f)
    return {LINE: lambda: line(x), TRANSFORMED: lambda: text(x)}


def recurrent(lib, array):
    """32 steps of a small recurrent net: a loop with its stacks, against the loop unrolled."""
    import numpy as np

    random = np.random.default_rng(0)
    xs, h, w = ((random.normal(size=s) / 8).astype("float32")
                for s in ((32, 64, 128), (64, 128), (128, 128)))  # fmt: skip
    xs, h = array(xs), array(h)

    def loss(w):
        y = h
        for k in range(32):
            y = lib.tanh(y @ w + xs[k])
        return (y * y).mean()

    return loss, array(w)


@bench("source to source, recurrent net, torch", baseline=LINE, needs=("torch",),
       must={TRANSFORMED: 1.1})  # fmt: skip
def recurrent_torch():
    import torch

    import autodiff_lab as ad

    f, w = recurrent(torch, torch.asarray)
    line, text = ad.compile(f, w), ad.transform(f)
    return {LINE: lambda: line(w), TRANSFORMED: lambda: text(w)}


@bench("source to source, recurrent net, jax, compiled", baseline=LINE, needs=("jax",),
       must={TRANSFORMED: 1.1})  # fmt: skip
def recurrent_jax():
    import jax
    import jax.numpy as jnp

    import autodiff_lab as ad

    f, w = recurrent(jnp, jnp.asarray)
    line, text = ad.compile(f, w), jax.jit(ad.transform(f))
    return {LINE: synced(line, w), TRANSFORMED: synced(text, w)}
