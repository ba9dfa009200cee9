"""Derivatives of complex functions: one number where f is holomorphic, two where it is not.

To first order  f(z + dz) = f(z) + df/dz dz + df/dconj conj(dz)  (Wirtinger 1927). With z = x + iy

    df/dz = (df/dx - i df/dy) / 2        df/dconj = (df/dx + i df/dy) / 2

and forward mode along 1 and along i gives df/dx and df/dy. Where df/dconj is zero the equations of
Cauchy and Riemann hold: f is holomorphic there and df/dz is its derivative. The gradient of a real
loss is twice one of the two, and here the frameworks part: PyTorch returns 2 df/dconj, the
direction of steepest ascent; JAX returns 2 df/dz, its conjugate (Kreutz-Delgado 2009).
"""

import math
from typing import NamedTuple

from . import xp
from .errors import AutodiffError
from .forward import jvp
from .reverse import vjp


class Wirtinger(NamedTuple):
    """`value` of f at `z`, and its two derivatives; printed, it says what they mean."""

    z: object
    value: object
    dz: object
    dconj: object

    @property
    def residual(self):
        """How far from the Cauchy-Riemann equations: |df/dconj| beside |df/dz| + |df/dconj|."""
        off, on = abs(self.dconj), abs(self.dz)
        return xp.of(off).where(off == 0, 0.0, off / (on + off))

    @property
    def holomorphic(self):
        """Is f holomorphic there, as far as the dtype can tell?"""
        verbs = xp.of(self.dz)
        return self.residual < 100 * verbs.lib.finfo(verbs.real(self.dz).dtype).eps

    @property
    def gradients(self):
        """What each framework's gradient of a real f is, by name."""
        if xp.of(self.z).is_complex(self.value.dtype):
            raise AutodiffError(
                f"f has dtype {self.value.dtype}, and only a real loss has a gradient; take its "
                "real part, or read .dz and .dconj"
            )
        return {"torch": 2 * self.dconj, "jax": 2 * self.dz}

    def __repr__(self):
        lines = [("z", self.z), ("f(z)", self.value), ("df/dz", self.dz), ("df/dconj", self.dconj)]
        if xp.of(self.z).is_complex(self.value.dtype):
            lines.append(("holomorphic", self.holomorphic))
        else:
            lines += [(f"{name}'s gradient", g) for name, g in self.gradients.items()]
        return "\n".join(f"{name:<16} {_shown(x)}" for name, x in lines)


def wirtinger(f, z):
    """Both derivatives of `f` at `z`: by z, and by its conjugate.

    `f` acts on each entry of `z` alone, or returns one number; it may return real numbers.

    >>> import torch
    >>> wirtinger(lambda z: z * z, torch.tensor(1 + 2j))
    z                1+2j
    f(z)             -3+4j
    df/dz            2+4j
    df/dconj         0+0j
    holomorphic      True
    >>> wirtinger(lambda z: (z * z.conj()).real, torch.tensor(1 + 2j))
    z                1+2j
    f(z)             5
    df/dz            1-2j
    df/dconj         1+2j
    torch's gradient 2+4j
    jax's gradient   2-4j
    """
    verbs = xp.of(z)
    if verbs is None or not verbs.is_complex(z.dtype):
        raise AutodiffError(
            f"wirtinger needs one complex array, not {_kind(z)}; for real numbers use ad.grad or "
            "ad.jvp"
        )
    one = verbs.ones_like(z)
    value, by_x = jvp(f, (z,), (one,))
    if not hasattr(value, "dtype"):
        raise AutodiffError(f"wirtinger needs a function that returns an array, not {_kind(value)}")
    if value.shape != z.shape:
        return _of_many(verbs, f, z, value)
    by_y = jvp(f, (z,), (1j * one,))[1]
    _check_entries(verbs, f, z, by_x, by_y)
    return Wirtinger(z, value, (by_x - 1j * by_y) / 2, (by_x + 1j * by_y) / 2)


def _of_many(verbs, f, z, value):
    """One number made of many entries: reverse mode gives 2 du/dz, and 2 dv/dz, for f = u + i v."""
    if tuple(value.shape) != ():
        raise AutodiffError(
            f"f turns shape {tuple(z.shape)} into {tuple(value.shape)}; wirtinger takes functions "
            "that act on each entry alone, or that return one number"
        )

    def doubled(part):
        c = vjp(lambda z: part(f(z)), z)[1](1.0)[0]
        return verbs.conj(c) if verbs.name == "torch" else c  # PyTorch's convention

    du, dv = doubled(verbs.real), 0.0
    if verbs.is_complex(value.dtype):
        dv = doubled(verbs.imaginary)
    dv_conj = verbs.conj(dv) if hasattr(dv, "dtype") else dv
    return Wirtinger(z, value, (du + 1j * dv) / 2, (verbs.conj(du) + 1j * dv_conj) / 2)


def _check_entries(verbs, f, z, by_x, by_y):
    """Along a direction that is another number in each entry, does each entry follow its own?"""
    n = math.prod(z.shape)
    if n < 2:
        return
    count = verbs.astype(verbs.arange((n,), 0, None, z), z.dtype)
    weights = verbs.reshape(1 + count / n, tuple(z.shape))
    follows = jvp(f, (z,), ((1 + 1j) * weights,))[1]
    scale = (abs(by_x) + abs(by_y) + abs(follows)).max()
    mixed = (abs(follows - (by_x + by_y) * weights) > 1e-3 * scale).any()
    if _is_known(mixed) and mixed:
        raise AutodiffError(
            f"f mixes the entries of z, of shape {tuple(z.shape)}; wirtinger takes functions that "
            "act on each entry alone, or that return one number (ad.jvp takes all)"
        )


def _is_known(x):
    """Not under `jax.jit`, where nobody can look."""
    if xp.framework_of(x) == "torch":
        return True
    from .on_jax.front import is_traced

    return not is_traced(x)


def _kind(z):
    return f"dtype {z.dtype}" if hasattr(z, "dtype") else f"a {type(z).__name__}"


def _shown(x):
    if tuple(x.shape) or not _is_known(x):
        return str(x)
    return str(x.item()) if x.dtype == xp.of(x).bool_type else f"{x.item():.4g}"
