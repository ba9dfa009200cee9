"""What only JAX has: jit, traced loops, its own checkpoint with its own policies."""

import numpy as np
import pytest

import autodiff_lab as ad
from tests.autodiff_lab.test_checkpoint import OF_A_FUNCTION, OF_A_LOOP, same_bits
from tests.autodiff_lab.test_errors import refused
from tests.helpers import allclose

jax = pytest.importorskip("jax")
jnp, lax = jax.numpy, jax.lax


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape) / 2)


W, XS = draw(4, 4, seed=1), draw(11, 3, 4, seed=2)


def recurrent(reverse):
    def f(x, w, xs):
        def trip(h, a):
            h = jnp.tanh(h @ w + a)
            return h, (h.sum(), a * 2)

        h, (sums, doubled) = lax.scan(trip, x, xs, reverse=reverse)
        return (h * h).sum() + (sums**2).sum() + (doubled * xs).sum()

    return f


@pytest.mark.parametrize("policy", list(OF_A_FUNCTION))
@pytest.mark.parametrize("reverse", [False, True])
def test_scans_of_the_users_own(policy, reverse):
    f, args = recurrent(reverse), (draw(3, 4), W, XS)
    g = ad.grad(ad.checkpoint(f, **OF_A_FUNCTION[policy]), (0, 1, 2))
    wanted = jax.grad(f, (0, 1, 2))(*args)
    found = g(*args)
    same_bits(found, ad.grad(ad.checkpoint(f, "all"), (0, 1, 2))(*args))
    for a, b, c in zip(found, wanted, jax.jit(g)(*args), strict=True):
        allclose(a, b, "float64")
        allclose(c, b, "float64")


@pytest.mark.parametrize("policy", list(OF_A_LOOP))
@pytest.mark.parametrize("steps", [0, 1, 9])
def test_loops_under_jit(policy, steps):
    f = ad.checkpoint(lambda x, w: jnp.tanh(x @ w), steps=steps, **OF_A_LOOP[policy])
    g = ad.grad(lambda x, w: (f(x, w) ** 2).sum(), (0, 1))
    for a, b in zip(g(draw(3, 4), W), jax.jit(g)(draw(3, 4), W), strict=True):
        allclose(a, b, "float64")


def test_while_loops_of_the_users_own():
    def f(x):
        go = lambda c: jnp.abs(c).max() > 1e-3  # noqa: E731
        return lax.while_loop(go, lambda c: jnp.sin(c) * 0.8, x).sum()

    for options in OF_A_FUNCTION.values():
        g = ad.grad(ad.checkpoint(f, **options))
        same_bits(g(draw(4)), ad.grad(f)(draw(4)))
        refused(lambda g=g: jax.jit(g)(draw(4)), "number of trips is traced")


def test_the_plan_of_xla():
    """256 layers in a scan: what the compiled gradient needs, with "sqrt" and with "all"."""

    def planned(policy):
        f = ad.checkpoint(lambda x, w: jnp.tanh(x @ w), policy, steps=256)
        g = jax.jit(ad.grad(lambda x: f(x, W).sum()))
        return ad.memory(g, draw(64, 4)).peak_bytes

    assert planned("sqrt") <= planned("all") / 6


def barriers(g, *args):
    return str(jax.make_jaxpr(g)(*args)).count("optimization_barrier")


def test_what_is_computed_again_stands_behind_a_barrier():
    f = lambda x: jnp.sin(jnp.sin(x @ W)).sum()  # noqa: E731
    assert barriers(ad.grad(f), draw(3, 4)) == 0
    assert barriers(ad.grad(ad.checkpoint(f)), draw(3, 4)) == 1
    assert barriers(ad.grad(ad.checkpoint(f, "sqrt")), draw(3, 4)) >= 1
    assert barriers(ad.grad(jax.checkpoint(f, prevent_cse=False)), draw(3, 4)) == 0


def sines(g, *args):
    """How often the gradient computes a sine and a product of matrices."""
    text = str(jax.make_jaxpr(g)(*args))
    return text.count(" sin "), text.count("dot_general")


def test_policies_of_jax_say_what_is_kept():
    f = lambda x: jnp.sin(jnp.sin(x @ W) @ W).sum()  # noqa: E731
    policies, x = jax.checkpoint_policies, draw(3, 4)
    plain = sines(ad.grad(f), x)
    for policy, again in {
        policies.nothing_saveable: (1, 1),
        policies.dots_saveable: (1, 0),
        policies.everything_saveable: (0, 0),
    }.items():
        g = ad.grad(jax.checkpoint(f, policy=policy))
        allclose(g(x), jax.grad(f)(x), "float64")
        ours = sines(jax.jit(g), x)
        theirs = sines(jax.grad(jax.checkpoint(f, policy=policy)), x)
        assert ours[1] == theirs[1], policy
        assert ours[1] - plain[1] >= again[1], policy


def test_named_values_are_kept():
    from jax.ad_checkpoint import checkpoint_name

    f = lambda x: jnp.exp(checkpoint_name(jnp.sin(x), "here") ** 3).sum()  # noqa: E731
    policy = jax.checkpoint_policies.save_only_these_names("here")
    x = draw(4)
    allclose(ad.grad(f)(x), jax.grad(f)(x), "float64")
    g = ad.grad(jax.checkpoint(f, policy=policy))
    allclose(g(x), jax.grad(f)(x), "float64")


def test_jax_follows_too():
    f = lambda x: jnp.sin(jnp.sin(x @ W)).sum()  # noqa: E731
    g = ad.checkpoint(f, "sqrt")
    x = draw(3, 4)
    allclose(jax.grad(g)(x), jax.grad(f)(x), "float64")
    assert barriers(jax.grad(g), x) + str(jax.make_jaxpr(jax.grad(g))(x)).count("remat") > 0
    allclose(jax.vmap(ad.grad(g))(XS), jax.vmap(jax.grad(f))(XS), "float64")
    allclose(jax.jit(jax.vmap(ad.grad(g)))(XS), jax.vmap(jax.grad(f))(XS), "float64")


def test_closed_over_values_have_their_gradient():
    for options in OF_A_FUNCTION.values():
        f = lambda x, o=options: ad.checkpoint(lambda y: x * jnp.sin(y), **o)(x * 2).sum()  # noqa: E731
        x = draw(4)
        allclose(ad.grad(f)(x), jnp.sin(2 * x) + 2 * x * jnp.cos(2 * x), "float64")


def test_a_state_that_changes_its_shape_is_refused():
    f = ad.checkpoint(lambda x: x[:1], "sqrt", steps=3)
    refused(lambda: ad.grad(lambda x: f(x).sum())(draw(3)), "its shapes and dtypes")

    def own(x):
        raise TypeError("of the step itself")

    with pytest.raises(TypeError, match="of the step itself"):
        ad.grad(lambda x: ad.checkpoint(own, steps=3)(x).sum())(draw(3))
