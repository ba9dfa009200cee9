"""Stencils: the adjoint as a gather, beside the frameworks' own gradient of the same code."""

import functools

import numpy as np

from tests.bench.harness import bench
from tests.bench.rows import LINE, OURS, compiled

SIZE, STEPS = 512, 10


def blur(u):
    return (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] + 4 * u[0, 0]) / 8


def heat(u):
    return u[0, 0] + 0.2 * (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] - 4 * u[0, 0])


class Slices:
    """A padded array that is read at offsets: the fastest spelling of either framework.

    PyTorch's conv2d takes fifteen times as long on one channel, and rolling a fifth longer.
    """

    def __init__(self, padded):
        self.padded, self.sizes = padded, [n - 2 for n in padded.shape]

    def __getitem__(self, offset):
        at = (slice(1 + o, 1 + o + n) for o, n in zip(offset, self.sizes, strict=True))
        return self.padded[tuple(at)]


def repeated(f, times):
    return lambda u: functools.reduce(lambda u, _: f(u), range(times), u)


def drawn():
    random = np.random.default_rng(0)
    return (random.normal(size=(SIZE, SIZE)).astype(np.float32) for _ in range(2))


def in_torch(f, times):
    import torch

    import autodiff_lab as ad

    u, w = map(torch.asarray, drawn())
    padded = lambda u: Slices(torch.nn.functional.pad(u, (1, 1, 1, 1)))  # noqa: E731
    loss = lambda step: lambda u: (repeated(step, times)(u) ** 2 * w).sum()  # noqa: E731
    theirs, ours = loss(lambda u: f(padded(u))), loss(ad.stencil(f))

    def autograd():
        given = u.detach().requires_grad_()
        return torch.autograd.grad(theirs(given), given)[0]

    gradient, line = ad.grad(ours), ad.compile(ours, u)
    return {"torch.autograd": autograd, OURS: lambda: gradient(u), LINE: lambda: line(u)[1]}


def in_jax(f):
    import jax
    import jax.numpy as jnp

    import autodiff_lab as ad

    u, w = map(jnp.asarray, drawn())

    loss = lambda step: lambda u: (step(u) ** 2 * w).sum()  # noqa: E731
    theirs, ours = loss(lambda u: f(Slices(jnp.pad(u, 1)))), loss(ad.stencil(f))
    return {"jax.grad": compiled(jax.grad(theirs), u), OURS: compiled(ad.grad(ours), u)}


@bench("stencil: blur, torch", baseline="torch.autograd", needs=("torch",),
       must={OURS: 1.0, LINE: 0.6})  # fmt: skip
def blur_torch():
    return in_torch(blur, 1)


@bench("stencil: heat equation, torch", baseline="torch.autograd", needs=("torch",),
       must={OURS: 0.7, LINE: 0.5})  # fmt: skip
def heat_torch():
    return in_torch(heat, STEPS)


@bench("stencil: blur, jax, compiled", baseline="jax.grad", needs=("jax",), must={OURS: 1.1})
def blur_jax():
    return in_jax(blur)
