"""Stencils, and what they mean: reading by index, where `numpy.pad` says what is outside."""

import numpy as np

from autodiff_lab import xp
from tests.helpers import array

MODES = {"zero": "constant", "wrap": "wrap", "edge": "edge", "reflect": "reflect",
         "symmetric": "symmetric"}  # fmt: skip


# ----- the oracle -----
class Plain:
    """An array that is read at an offset by indexing."""

    def __init__(self, x, rank, boundary, stride):
        self.x, self.rank, self.mode, self.stride = x, rank, MODES[boundary], stride

    def __getitem__(self, offset):
        offset = offset if isinstance(offset, tuple) else (offset,)
        index, inside = [], np.ones((1,) * self.rank)
        for axis, (o, s) in enumerate(zip(offset, self.stride, strict=True)):
            n, far = self.x.shape[axis - self.rank], 9
            known = {"constant_values": -1} if self.mode == "constant" else {}
            places = np.pad(np.arange(n), far, self.mode, **known)[far + o : far + o + n : s]
            places = places.reshape([-1 if k == axis else 1 for k in range(self.rank)])
            inside = inside * (places >= 0)
            index.append(array(xp.framework_of(self.x), np.maximum(places, 0)))
        return self.x[(..., *index)] * array(xp.framework_of(self.x), inside)


def plain(f, rank, boundary="zero", stride=1):
    stride = (stride,) * rank if isinstance(stride, int) else stride
    return lambda *xs: f(*(Plain(x, rank, boundary, stride) for x in xs))


def compiled(f, xs):
    """On JAX as one program: faster than one operation after the other."""
    if xp.framework_of(xs[0]) == "torch":
        return f(*xs)
    import jax

    return jax.jit(f)(*xs)


# ----- programs: a function of fields, the number of fields, the rank -----
def blur(u):
    return (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] + 4 * u[0, 0]) / 8


def sobel(u):
    return sum(w * (u[i, 1] - u[i, -1]) for i, w in ((-1, 1), (0, 2), (1, 1)))


def skewed(u):
    return 0.5 * u[-2] - u[1] + np.float32(0.25) * u[3] - (-u[0])


def two(u, v):
    return u[1, 0] - 2 * v[0, -2]


def flux(k, u):
    return k[0, 0] * (u[1, 0] - u[0, 0]) - k[-1, 0] * (u[0, 0] - u[-1, 0])


def edges(u):
    gx, gy = u[1, 0] - u[-1, 0], u[0, 1] - u[0, -1]
    return (gx * gx + gy * gy + 0.01) ** 0.5


def burgers(u):
    return u[0] * (u[1] - u[-1]) / 2 + abs(u[1])


PROGRAMS = {"blur": (blur, 1, 2), "sobel": (sobel, 1, 2), "skewed": (skewed, 1, 1),
            "two": (two, 2, 2), "flux": (flux, 2, 2), "edges": (edges, 1, 2),
            "burgers": (burgers, 1, 1)}  # fmt: skip


def drawn(name, count, rank, lead=()):
    random = np.random.default_rng(0)
    return [array(name, random.normal(size=(*lead, 5, 6)[-rank - len(lead) :]))
            for _ in range(count)]  # fmt: skip


def weighted(f):
    """A scalar with another weight for each entry."""

    def loss(*xs):
        y = f(*xs)
        n = int(np.prod(tuple(y.shape)))
        w = array(xp.framework_of(y), np.cos(np.arange(n)).reshape(tuple(y.shape)))
        return (y * y * w).sum()

    return loss
