"""JAX's own derivatives of a function, beside ours: every order and every way to run them."""

import jax
import jax.numpy as jnp

import autodiff_lab as ad
from tests.helpers import allclose


def orders(lib, f, dx):
    """Both modes, all four second orders and one third, and a batch: as one function of x."""

    def slope(gradient):
        return lambda x: (gradient(x) * dx).sum()

    def along(g):
        return lambda x: lib.jvp(g, (x,), (dx,))[1]

    def everything(x):
        return {
            "reverse": lib.grad(f)(x),
            "forward": along(f)(x),
            "pulled back": lib.vjp(f, x)[1](jnp.array(2.0, x.dtype))[0],
            "reverse over reverse": lib.grad(slope(lib.grad(f)))(x),
            "forward over reverse": along(lib.grad(f))(x),
            "reverse over forward": lib.grad(along(f))(x),
            "forward over forward": along(along(f))(x),
            "third": along(lib.grad(slope(lib.grad(f))))(x),
            "batched": jax.vmap(lib.grad(f))(jnp.stack([x, x * 0.5])),
        }

    return everything


def agrees(f, x, loop=None):
    """Our derivatives are those that JAX finds for `f`, or for `loop` where JAX refuses `f`."""
    dx = jnp.cos(x)
    expected = jax.jit(orders(jax, loop or f, dx))(x)
    found = jax.jit(orders(ad, f, dx))(x)
    for name, want in expected.items():
        same(found[name], want, name)
    eager(f, x, dx, expected)


def eager(f, x, dx, expected):
    """The same with concrete values, and from a tape that keeps everything."""
    same(ad.grad(f)(x), expected["reverse"], "eager reverse")
    same(ad.jvp(f, (x,), (dx,))[1], expected["forward"], "eager forward")
    same(ad.record(f, x).backward()[0], expected["reverse"], "recorded")


def same(found, want, name):
    try:
        allclose(found, want, "float64")
    except AssertionError as e:
        raise AssertionError(f"{name}: {e}") from None


def cost(gradient, *args):
    """What XLA counts in the compiled program."""
    counted = jax.jit(gradient).lower(*args).compile().cost_analysis()
    return counted[0] if isinstance(counted, list) else counted  # a list of one in older JAX
