"""Checkpointing: steps counted, bytes measured, time against the framework's own checkpoint."""

import numpy as np

from tests.bench.harness import bench
from tests.bench.rows import compiled

LAYERS, BATCH, WIDTH = 256, 64, 64
PUBLISHED = {(10, 3): 15, (56, 5): 140, (100, 4): 374}


def drawn():
    random = np.random.default_rng(0)
    normal = lambda *shape: random.normal(size=shape).astype(np.float32)  # noqa: E731
    return normal(BATCH, WIDTH), normal(WIDTH, WIDTH) / WIDTH**0.5


def measured(call, x):
    """The call, with the bytes it holds and the steps it makes again as its cost."""
    import autodiff_lab as ad

    seen = ad.memory(call, x)

    def run():
        return call(x)

    run.cost = {"bytes": seen.peak_bytes}
    return run, seen


def held_to_the_papers(gradient, x):
    """Steps equal the formula, and sqrt holds a sixth of all at most: or there is no figure."""
    for (steps, snapshots), extra in PUBLISHED.items():
        _, seen = measured(gradient("revolve", steps, snapshots), x)
        assert seen.recomputed == extra, (steps, snapshots, seen)
    stored, root = (measured(gradient(policy), x)[1] for policy in ("all", "sqrt"))
    assert root.peak_bytes <= stored.peak_bytes / 6, (root, stored)


@bench("256 layers, checkpointed, torch", baseline="torch.utils.checkpoint", needs=("torch",),
       must={"sqrt": 1.3})  # fmt: skip
def layers_torch():
    import torch
    from torch.utils.checkpoint import checkpoint

    import autodiff_lab as ad

    x, w = map(torch.asarray, drawn())
    step = lambda x, w: torch.tanh(x @ w)  # noqa: E731

    def gradient(policy, steps=LAYERS, snapshots=None):
        f = ad.checkpoint(step, policy, steps=steps, snapshots=snapshots)
        return ad.grad(lambda x: f(x, w).sum())

    def segment(x):
        for _ in range(LAYERS // 16):
            x = step(x, w)
        return x

    def theirs():
        y = given = x.detach().requires_grad_()
        for _ in range(16):
            y = checkpoint(segment, y, use_reentrant=False)
        return torch.autograd.grad(y.sum(), given)[0]

    held_to_the_papers(gradient, x)
    ours = {name: measured(gradient(name), x)[0] for name in ("all", "none", "sqrt")}
    ours["revolve, 16"] = measured(gradient("revolve", snapshots=16), x)[0]
    return {"torch.utils.checkpoint": theirs, **ours}


@bench("256 layers, checkpointed, jax, compiled", baseline="jax.checkpoint", needs=("jax",),
       must={"sqrt": 1.3})  # fmt: skip
def layers_jax():
    import jax
    import jax.numpy as jnp

    import autodiff_lab as ad

    x, w = map(jnp.asarray, drawn())
    step = lambda x, w: jnp.tanh(x @ w)  # noqa: E731

    def gradient(policy, steps=LAYERS, snapshots=None):
        f = ad.checkpoint(step, policy, steps=steps, snapshots=snapshots)
        return ad.grad(lambda x: f(x, w).sum())

    def repeated(f, times):
        return lambda x: jax.lax.scan(lambda x, _: (f(x), None), x, None, times)[0]

    inner = jax.checkpoint(repeated(lambda x: step(x, w), 16))
    theirs = jax.grad(lambda x: repeated(inner, LAYERS // 16)(x).sum())
    held_to_the_papers(gradient, x)
    gradients = {"jax.checkpoint": theirs}
    gradients |= {name: gradient(name) for name in ("all", "none", "sqrt")}
    found = {name: compiled(g, x) for name, g in gradients.items()}
    for name, g in gradients.items():
        found[name].cost = {"bytes": ad.memory(jax.jit(g), x).peak_bytes}
    return found
