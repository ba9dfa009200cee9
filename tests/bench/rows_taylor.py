"""Derivatives of high order along a line: Taylor mode beside nested first derivatives, and jet."""

import functools

import numpy as np

from tests.bench.harness import bench
from tests.bench.rows import OURS, compiled

ORDER, BATCH, WIDTH = 6, 64, 32


def network(tanh, array):
    """Three layers of tanh, a point and a direction."""
    random = np.random.default_rng(0)
    w, v = (array(random.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5) for _ in range(2))
    x, dx = (array(random.normal(size=(BATCH, WIDTH))) for _ in range(2))
    return lambda x: tanh(tanh(tanh(x @ w) @ v) @ w), x, dx


def nested(jvp, f, dx):
    """The derivative of the given order, by forward mode of forward mode of ..."""
    for _ in range(ORDER):
        f = functools.partial(lambda f, x: jvp(f, (x,), (dx,))[1], f)
    return f


def total(f, x):
    """One number to compare: single entries of a 6th derivative are lost in float32's rounding."""
    return compiled(lambda x: abs(f(x)).sum(), x)


@bench("6th derivative of a network, torch", baseline="torch.func.jvp", needs=("torch",),
       must={OURS: 1.0})  # fmt: skip
def sixth_torch():
    import torch

    import autodiff_lab as ad

    f, x, dx = network(torch.tanh, torch.asarray)
    theirs = nested(torch.func.jvp, f, dx)
    return {
        "torch.func.jvp": lambda: theirs(x),
        OURS: lambda: ad.taylor(f, x, ORDER, along=dx).derivatives[ORDER],
    }


@bench("6th derivative of a network, jax, compiled", baseline="jax.experimental.jet",
       needs=("jax",), must={OURS: 1.1})  # fmt: skip
def sixth_jax():
    import jax
    import jax.numpy as jnp
    from jax.experimental import jet

    import autodiff_lab as ad

    f, x, dx = network(jnp.tanh, lambda a: jnp.asarray(a, jnp.float32))
    line = lambda x: ad.taylor(f, x, ORDER, along=dx).derivatives[ORDER]  # noqa: E731
    terms = [dx] + [jnp.zeros_like(dx)] * (ORDER - 1)
    return {
        "jax.experimental.jet": total(lambda x: jet.jet(f, (x,), (terms,))[1][-1], x),
        "jax.jvp": total(nested(jax.jvp, f, dx), x),
        OURS: total(line, x),
    }
