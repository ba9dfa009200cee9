"""Whole Jacobians: mixed mode on an hourglass, few walks on a stencil."""

import numpy as np

from tests.bench.harness import bench
from tests.bench.rows import compiled

WIDE, NARROW, GRID = 400, 4, 32
OURS = "ad.jacobian"


def hourglass(tanh, array):
    """400 - 400 - 4 - 400 - 400: across the country takes a fortieth of the multiplications."""
    random = np.random.default_rng(0)
    sizes = ((WIDE, WIDE), (NARROW, WIDE), (WIDE, NARROW), (WIDE, WIDE))
    first, narrow, wide, last = (array(random.normal(size=s) / s[1] ** 0.5) for s in sizes)

    def f(x):
        return last @ tanh(wide @ tanh(narrow @ tanh(first @ x)))

    return f, array(random.normal(size=WIDE))


@bench("Jacobian of an hourglass, torch", baseline="torch.func.jacrev", needs=("torch",),
       must={OURS: 0.8})  # fmt: skip
def hourglass_torch():
    import torch

    import autodiff_lab as ad

    f, x = hourglass(torch.tanh, torch.asarray)
    ours, reverse = ad.jacobian(f), torch.func.jacrev(f)
    return {"torch.func.jacrev": lambda: reverse(x), OURS: lambda: ours(x)}


@bench("Jacobian of an hourglass, jax, compiled", baseline="jax.jacrev", needs=("jax",),
       must={OURS: 0.8})  # fmt: skip
def hourglass_jax():
    import jax
    import jax.numpy as jnp

    import autodiff_lab as ad

    f, x = hourglass(jnp.tanh, jnp.asarray)
    return {
        "jax.jacrev": compiled(jax.jacrev(f), x),
        "jax.jacfwd": compiled(jax.jacfwd(f), x),
        OURS: compiled(ad.jacobian(f), x),
    }


@bench("sparse Jacobian of the Brusselator, torch", baseline="torch.func.jacrev",
       needs=("torch",), must={OURS: 0.6})  # fmt: skip
def brusselator_torch():
    """2,048 unknowns on a periodic grid: 12 walks. The pattern is found anew in every call, the
    colouring is remembered, and the dense matrix is written out to be compared."""
    import torch

    import autodiff_lab as ad

    def spread(w):
        moved = [torch.roll(w, k, axis) for k in (-1, 1) for axis in (0, 1)]
        return 10.0 * (sum(moved) - 4 * w)

    def f(u):
        a, b = u
        change = a * a * b
        return torch.stack([1 + change - 4.4 * a + spread(a), 3.4 * a - change + spread(b)])

    u = torch.asarray(np.random.default_rng(0).uniform(size=(2, GRID, GRID)))
    ours, reverse = ad.jacobian(f, sparse=True), torch.func.jacrev(f)
    return {"torch.func.jacrev": lambda: reverse(u), OURS: lambda: ours(u).todense()}
