"""JAX's own loops and branches inside `f`, given functions that read what is each example's own."""

import functools

import numpy as np
import pytest

import masking_lab as ml

jax = pytest.importorskip("jax", reason="JAX's own loops")
jnp, lax = jax.numpy, jax.lax

STRATEGIES = ["masked", "shrink", "pc", "lazy"]
LENGTHS = [3, 1, 4]


def counted(x, w):
    return lax.fori_loop(0, len(x), lambda i, c: c * 0.5 + w * x[i], 0.0)


def until(x, w):
    def more(state):
        i, total = state
        return (i < len(x)) & (total < 3 * w)

    return lax.while_loop(more, lambda s: (s[0] + 1, s[1] + x[s[0]]), (0, 0.0))[1]


def chosen(x, w):
    return lax.cond(x.sum() > 5, lambda y: x * y, lambda y: x - y, w)


def switched(x, w):
    ways = [lambda: x[0] * w, lambda: x.sum() * w, lambda: x.max() + w]
    return lax.switch(x.shape[0] // 2, ways)


def scanned(x, w):
    return lax.scan(lambda c, t: (c * w + t * x[0], c + x.sum()), 0.0, x)


def backwards(x, w):
    end, ys = lax.scan(lambda c, t: (c * w + t, c - x[-1]), 0.0, x, reverse=True)
    return end * ys


def in_pairs(x, w):
    return lax.scan(lambda c, t: (c + t[0] * t[1] * x[0], None), w, (x, x[::-1]))[0]


def by_place(x, w):
    return lax.scan(lambda c, i: (c * 0.5 + w * x[i], c), 0.0, jnp.arange(len(x)))[0]


def mapped(x, w):
    return lax.map(lambda t: t * w + x.sum(), x)


def held_back(x, w):
    return jax.checkpoint(lambda v: jnp.sin(v * x).sum())(w)


def jitted(x, w):
    return jax.jit(functools.partial(lambda k, i: x[i] * w * k, 2.0))(0)


def over_a_tree(x, w):
    """This one traces nothing."""
    return jax.tree.map(lambda p: p * x.sum(), {"a": w, "b": 2 * w})["b"]


def inside_a_loop(x, w):
    """Operations run one by one here, whatever the strategy."""
    total = w * 0
    for v in x:
        if v > 1:
            total = total + lax.cond(v > 2, lambda u: u * v, lambda u: u + v, w)  # noqa: B023
            total = total + lax.fori_loop(0, 2, lambda i, c: c * v + i, 1.0)  # noqa: B023
    return total


LOOPS = [counted, chosen, switched, scanned, backwards, in_pairs, by_place, mapped, held_back,
         jitted, over_a_tree, inside_a_loop]  # fmt: skip


def examples():
    return [jnp.arange(1.0, n + 1) / 2 for n in LENGTHS]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_means_what_the_loop_means(f, strategy):
    xs, w = examples(), jnp.asarray(1.5)
    found = ml.autobatch(f, strategy)(ml.batch(xs, pad_value=np.nan), w)
    for y, x in zip(unbatched(found), xs, strict=True):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), y, f(x, w))


@pytest.mark.parametrize("strategy", ["masked", "pc"])
@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_has_the_gradient_of_the_loop(f, strategy):
    xs, w = examples(), jnp.asarray(1.5)
    batched = lambda w: total(ml.autobatch(f, strategy)(ml.batch(xs, pad_value=np.nan), w))  # noqa: E731
    expected = jax.grad(lambda w: sum(summed(f(x, w)) for x in xs))(w)
    np.testing.assert_allclose(jax.grad(batched)(w), expected, rtol=1e-6)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_while_of_jax(strategy):
    xs, w = examples(), jnp.asarray(0.7)
    found = ml.autobatch(until, strategy)(ml.batch(xs, pad_value=np.nan), w).unbatch()
    np.testing.assert_allclose(found, [until(x, w) for x in xs], rtol=1e-6)


def unbatched(found):
    if not isinstance(found, tuple):
        return found.unbatch()
    return list(zip(*[y.unbatch() for y in found], strict=True))


def total(found):
    return sum(map(summed, unbatched(found)))


def summed(y):
    return sum(jnp.sum(a) for a in jax.tree.leaves(y))


def twice(x, w):
    return jax.vmap(lambda t: t * x.sum())(x)


def pairs(x, w):
    return lax.scan(lambda c, t: (c, (t * x[0], t)), 0.0, x)[1]


@pytest.mark.parametrize("strategy", ["pc", "lazy"])
@pytest.mark.parametrize(
    ("f", "words"), [(twice, "vmap at line .* reads .*write the loop in Python"),
                     (pairs, "a loop of JAX's at line .* a tuple of arrays")],
    ids=["vmap", "pairs"])  # fmt: skip
def test_what_python_cannot_spell_is_refused(f, words, strategy):
    with pytest.raises(ml.MaskError, match=words):
        ml.autobatch(f, strategy)(ml.batch(examples()), jnp.asarray(1.5))


def test_functions_that_read_nothing_are_left_to_jax():
    def f(x, w):
        return lax.scan(lambda c, t: (c + t, (c, t)), 0.0, x)[1]

    found = ml.autobatch(f, "lazy")(ml.batch(examples()), 0.0)
    for y, x in zip(unbatched(found), examples(), strict=True):
        jax.tree.map(np.testing.assert_allclose, y, f(x, 0.0))
