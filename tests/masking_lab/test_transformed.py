"""Batches under the frameworks' own transformations: jit, grad and vmap of `ml.autobatch(f)`."""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, to_numpy

both = pytest.mark.parametrize("name", FRAMEWORKS)
W = np.random.default_rng(3).normal(size=(4, 4)) / 2


def examples(name, *lengths):
    rng = np.random.default_rng(len(lengths))
    return [array(name, rng.normal(size=(n, 4))) for n in lengths]


def straight(name):
    np_ = module(name)
    return lambda x, w: np_.exp(x @ w).sum(1) / x.shape[0] + (x @ w).mean()


def deciding(name):
    np_ = module(name)

    def f(x, w):
        total = w[0, 0] * 0
        for row in x:
            if (row @ w).sum() > 0:
                total = total + np_.sqrt((row @ w).sum())
        return total

    return f


def many(name, batches):
    """Batches of one shape, stacked into a batch of batches."""
    if name == "jax":
        import jax

        return jax.tree.map(lambda *a: module(name).stack(a), *batches)
    from torch.utils import _pytree

    return _pytree.tree_map(lambda *a: module(name).stack(a), *batches)


def mapped(name):
    if name == "jax":
        import jax

        return lambda f: jax.jit(jax.vmap(f, (0, None)))
    import torch

    return lambda f: torch.vmap(f, (0, None))


def native(name):
    if name == "jax":
        import jax

        return jax.grad
    import torch

    return torch.func.grad


@both
@pytest.mark.parametrize("program", [straight, deciding])
def test_vmap_over_batches_and_gradients_through_it(name, program):
    f, w = program(name), array(name, W)
    columns = [examples(name, 3, 1, 2), examples(name, 2, 3, 1, 1)[:3]]
    batches = [ml.batch(xs) for xs in columns]
    both_batches = many(name, batches)
    y = mapped(name)(ml.autobatch(f))(both_batches, w)
    assert isinstance(y, ml.MaskedBatch)
    for k, b in enumerate(batches):
        np.testing.assert_allclose(to_numpy(y.data[k]), to_numpy(ml.autobatch(f)(b, w).data))
    ours = native(name)(lambda w: mapped(name)(ml.autobatch(f))(both_batches, w).data.sum())(w)
    expected = native(name)(lambda w: sum(f(x, w).sum() for xs in columns for x in xs))(w)
    np.testing.assert_allclose(to_numpy(ours), to_numpy(expected), rtol=1e-10)


@both
def test_our_own_walks_go_through_ml_mask(name):
    f, w = straight(name), array(name, W)
    (x,) = examples(name, 5)
    masked = ml.mask(f, ("n, 4", None))
    ours = ad.grad(lambda w: masked(x, w, 3)[0].sum())(w)
    expected = ad.grad(lambda w: f(x[:3], w).sum())(w)
    np.testing.assert_allclose(to_numpy(ours), to_numpy(expected), rtol=1e-10)


def test_a_batch_as_an_argument_of_a_jitted_function():
    jax = pytest.importorskip("jax")
    f, w, xs = straight("jax"), array("jax", W), examples("jax", 3, 0 + 1, 2)
    y = jax.jit(ml.autobatch(f))(ml.batch(xs), w)
    for own, x in zip(y.unbatch(), xs, strict=True):
        np.testing.assert_allclose(own, f(x, w))
    slope = jax.jit(jax.grad(lambda w, b: (ml.autobatch(f)(b, w).data ** 2).sum()))
    expected = jax.grad(lambda w: sum((f(x, w) ** 2).sum() for x in xs))(w)
    np.testing.assert_allclose(slope(w, ml.batch(xs)), expected, rtol=1e-10)


# ----- lax's loops and branches in a traced function -----
def lax_programs():
    import jax
    import jax.numpy as jnp
    from jax import lax

    zero = jnp.zeros(4)
    risky = [lambda y: y.sum(0), lambda y: jnp.log(y * y).sum(0), lambda y: y.sum(0) * 2]
    return {
        "outputs": lambda x, w: lax.scan(lambda c, a: (jnp.tanh(c @ w + a), c), zero, x)[1].sum(0),
        "log of the padding": lambda x, w: lax.scan(
            lambda c, a: (c + jnp.log(a @ (w * w)), None), zero, x * x)[0],
        "over a matrix": lambda x, w: lax.scan(lambda c, a: (c @ w + a, None), x, w)[0],
        "of fixed length": lambda x, w: lax.scan(lambda c, a: (c + x.sum(0) * a, a), zero, w)[0],
        "nested": lambda x, w: lax.scan(lambda c, a: (lax.scan(
            lambda d, b: (jnp.tanh(d @ w + a * b), None), c, x)[0], None), zero, x)[0],
        "map": lambda x, w: lax.map(lambda row: (row @ w).sum(), x).sum(),
        "counted from one": lambda x, w: lax.fori_loop(
            1, x.shape[0], lambda i, c: jnp.sin(c) @ w + i, x.sum(0)),
        "until large": lambda x, w: lax.while_loop(
            lambda s: jnp.abs(s).sum() < 20, lambda s: s * 1.5 + jnp.abs(w[0]), x.sum(0)),
        "a ragged branch": lambda x, w: (x + lax.cond(
            x.sum() > 0, lambda y: y * jnp.sqrt(y.sum() * (w @ w.T).sum() ** 2),
            lambda y: y @ w, x)).sum(0),
        "switch": lambda x, w: lax.switch(x.shape[0] % 3, risky, x @ w),
        "again on the way back": lambda x, w: jax.checkpoint(lambda y: jnp.tanh(y @ w).sum(0))(x),
        "a key that is split": lambda x, w: lax.scan(
            lambda c, a: ((jnp.tanh(c[0] @ w + a) * jax.random.uniform(jax.random.split(c[1])[0]),
                           jax.random.split(c[1])[1]), None), (zero, jax.random.key(0)), x)[0][0],
    }  # fmt: skip


LAX = (
    "outputs", "log of the padding", "over a matrix", "of fixed length", "nested", "map",
    "counted from one", "until large", "a ragged branch", "switch", "again on the way back",
    "a key that is split",
)  # fmt: skip


@pytest.mark.parametrize("title", LAX)
@pytest.mark.parametrize("name", ["jax"])
def test_loops_and_branches_of_lax(name, title):
    import jax

    f, w, xs = lax_programs()[title], array("jax", W), examples("jax", 3, 5, 0, 1)
    f_of = ml.autobatch(f)
    with np.errstate(all="ignore"):
        expected = [f(x, w) for x in xs]
    for own, y in zip(f_of(ml.batch(xs), w).unbatch(), expected, strict=True):
        np.testing.assert_allclose(own, y, rtol=1e-9)
    if title == "until large":
        return

    def total(w, b):
        return (f_of(b, w).data ** 2).sum()

    slope = jax.grad(lambda w: sum((f(x, w) ** 2).sum() for x in xs))(w)
    for fill in (0.0, np.nan, 1e30):
        b = ml.batch(xs, pad_value=fill)
        np.testing.assert_allclose(jax.jit(jax.grad(total))(w, b), slope, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ad.grad(lambda w: total(w, ml.batch(xs)))(w), slope, rtol=1e-8,
                               atol=1e-10)  # fmt: skip
