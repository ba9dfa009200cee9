"""One step of training: a small network on 8 x 8 images, with its optimiser."""

import numpy as np

from tests.bench.harness import bench
from tests.bench.rows import LINE, OURS

BATCH, CHANNELS, CLASSES, RATE = 64, (32, 64), 10, 1e-3


def digits(array):
    """Images as large as scikit-learn's digits, our model, and its first parameters."""
    from autodiff_lab import nn, random

    draw = np.random.default_rng(4)
    x = array(draw.normal(size=(BATCH, 1, 8, 8)).astype(np.float32))
    t = array(draw.integers(CLASSES, size=BATCH))
    model = nn.cnn(CHANNELS, CLASSES)
    params = model.init(random.key(0), x)

    def loss(params, x, t):
        return nn.cross_entropy(model.apply(params, x), t)

    return loss, params, x, t


def our_step(both, params, x, t):
    """The loss and, after one step of Adam, all parameters in one vector."""
    from autodiff_lab import optim

    flat, unflatten = optim.flatten(params)
    adam = optim.adam(RATE)
    state = adam.init(flat)

    def step(state, flat, x, t):
        value, gradient = both(unflatten(flat), x, t)
        return value, *adam.update(state, flat, optim.flatten(gradient)[0])

    return step, (state, flat, x, t)


def first(step, args):
    """The loss alone: the optimisers lay their parameters out in other ways."""
    return lambda: step(*args)[0]


@bench("CNN training step, digits, torch", baseline="torch.optim", needs=("torch",),
       must={LINE: 1.2})  # fmt: skip
def training_torch():
    """Gradient and Adam, against torch.autograd and the fused Adam of torch.optim."""
    import torch
    import torch.nn.functional as F

    import autodiff_lab as ad

    loss, params, x, t = digits(torch.asarray)
    leaves = [leaf.clone().requires_grad_() for p in params if p for leaf in (p["w"], p["b"])]
    k1, c1, k2, c2, w, b = leaves
    adam = torch.optim.Adam(leaves, RATE, fused=True)

    def plain():
        adam.zero_grad()
        y = F.max_pool2d(torch.relu(F.conv2d(x, k1, c1, padding=1)), 2)
        y = F.max_pool2d(torch.relu(F.conv2d(y, k2, c2, padding=1)), 2)
        value = F.cross_entropy(torch.addmm(b, y.flatten(1), w), t)
        value.backward()
        adam.step()
        return value

    return {
        "torch.optim": plain,
        LINE: first(*our_step(ad.compile(loss, params, x, t), params, x, t)),
        OURS: first(*our_step(ad.value_and_grad(loss), params, x, t)),
    }


@bench("CNN training step, digits, jax, compiled", baseline="jax.grad", needs=("jax",),
       must={OURS: 1.2})  # fmt: skip
def training_jax():
    """Against JAX's own gradient of plain JAX, channels last as XLA likes them."""
    import jax
    import jax.numpy as jnp

    import autodiff_lab as ad

    loss, params, x, t = digits(jnp.asarray)
    step, args = our_step(ad.value_and_grad(loss), params, x, t)
    state = [channels_last(p) for p in params if p]
    zeros = jax.tree.map(jnp.zeros_like, state)
    theirs = (state, zeros, zeros, jnp.float32(0.0), x.transpose(0, 2, 3, 1), t)

    def run(step, args):
        program = jax.jit(step).lower(*args).compile()
        return lambda: jax.block_until_ready(program(*args))[0]

    return {"jax.grad": run(plain_jax_step, theirs), OURS: run(step, args)}


def channels_last(p):
    """Kernels as (height, width, in, out); of the dense layer each row where its pixel went."""
    w = p["w"]
    if w.ndim == 4:
        w = w.transpose(2, 3, 1, 0)
    else:
        w = w.reshape(CHANNELS[-1], 2, 2, CLASSES).transpose(1, 2, 0, 3).reshape(-1, CLASSES)
    return {"w": w, "b": p["b"]}


def plain_jax_step(params, m, v, n, x, t):
    import jax
    import jax.numpy as jnp

    def loss(params):
        y = x
        for p in params[:-1]:
            y = jax.lax.conv_general_dilated(
                y, p["w"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            two = (1, 2, 2, 1)
            y = jax.nn.relu(y + p["b"])
            y = jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, two, two, "VALID")
        logp = jax.nn.log_softmax(y.reshape(BATCH, -1) @ params[-1]["w"] + params[-1]["b"])
        return -jnp.take_along_axis(logp, t[:, None], 1).mean()

    value, g = jax.value_and_grad(loss)(params)
    n = n + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    rate, spread = RATE / (1 - 0.9**n), 1 - 0.999**n
    moved = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v / spread) + 1e-8), params, m, v)
    return value, moved, m, v, n
