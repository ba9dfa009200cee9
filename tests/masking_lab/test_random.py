"""Random numbers in a batch: each example draws what it draws alone, on both frameworks.

The oracle is the loop over the examples, each with its own key. Padding, the order of the batch and
the other examples change nothing. What draws from a generator with a state is refused by name.
"""

import functools
import random

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, to_numpy

R = ad.random
LENGTHS = (3, 1, 5, 0, 2)
both = pytest.mark.parametrize("name", FRAMEWORKS)


def examples(name, lengths=LENGTHS):
    rng = np.random.default_rng(0)
    return [array(name, rng.normal(size=(n, 4))) for n in lengths]


def alone(key):
    """The key of one example; with NumPy's the loop need not compile for each size on JAX."""
    return to_numpy(key) if str(key.dtype) == "uint32" else key


def same_as_loop(f, xs, batch, keys):
    ours = ml.autobatch(f)(batch, keys).unbatch()
    for y, x, key in zip(ours, xs, keys.unbatch(), strict=True):
        expected = f(x, alone(key))
        assert y.dtype == expected.dtype or "int" in str(y.dtype)  # NumPy has wider integers
        assert tuple(y.shape) == tuple(expected.shape)
        np.testing.assert_allclose(to_numpy(y), to_numpy(expected), rtol=1e-6)


# ----- ad.random: one key per example, shapes of the example's own -----
DRAWS = {
    "a ragged dim": lambda x, k: R.uniform(k, (x.shape[0],), like=x),
    "its number alone": lambda x, k: R.uniform(k, x.shape[0], like=x),
    "in front": lambda x, k: x * R.normal(k, x.shape, dtype="float64", like=x),
    "behind": lambda x, k: R.normal(k, (4, x.shape[0]), like=x),
    "twice": lambda x, k: R.uniform(k, (2, x.shape[0], x.shape[0], 3), -1.0, 3.0, like=x),
    "no ragged dim": lambda x, k: R.normal(k, (4,), like=x),
    "bits": lambda x, k: R.bits(k, (2, x.shape[0]), like=x),
    "coins": lambda x, k: R.bernoulli(k, 0.3, x.shape, like=x),
    "own coins": lambda x, k: R.bernoulli(k, abs(x.sum()) / (1 + abs(x.sum())), (3,), like=x),
    "classes": lambda x, k: R.categorical(k, x),
    "new keys": lambda x, k: R.normal(R.split(k, 3)[1], (2,), like=x),
    "many keys": lambda x, k: R.split(k, x.shape[0]),
    "a layer's key": lambda x, k: R.fold_in(R.fold_in(k, 7), x.shape[0]),
    "order": lambda x, k: R.permutation(k, 6, like=x),
    "own order": lambda x, k: R.permutation(k, x.shape[0], like=x),
    "dropout": lambda x, k: ad.nn.ops.dropout(k, x, 0.4),
    "a chain": lambda x, k: ad.nn.chain(ad.nn.relu, ad.nn.dropout(0.3)).apply([None, None], x, k),
    "one key for all": lambda x, k: R.uniform(R.key(9), (4, x.shape[0]), like=x),
}


@both
@pytest.mark.parametrize("what", DRAWS)
def test_each_example_draws_what_it_draws_alone(what, name):
    xs = examples(name)
    b = ml.batch(xs)
    same_as_loop(DRAWS[what], xs, b, ml.keys(R.key(3), b))


@both
def test_longer_padding_and_another_order_change_nothing(name):
    f = ml.autobatch(lambda x, k: ad.nn.ops.dropout(k, x, 0.4))
    xs = examples(name)
    b = ml.batch(xs)
    k = ml.keys(R.key(3), b)
    drawn = f(b, k).unbatch()
    for order in ((4, 0, 1, 3, 2), (1,), (0, 1)):
        part = ml.batch([xs[i] for i in order], ragged=0)
        own = ml.batch([k.unbatch()[i] for i in order])
        for i, y in zip(order, f(part, own).unbatch(), strict=True):
            np.testing.assert_array_equal(to_numpy(y), to_numpy(drawn[i]))


@both
def test_a_permutation_of_many_is_sorted_as_often_as_alone(name):
    """From 1626 numbers on, once is not enough to make ties of keys unlikely."""
    xs = [array(name, np.zeros(n)) for n in (1627, 1625, 3)]
    b = ml.batch(xs)
    keys = ml.keys(R.key(1), b)
    same_as_loop(lambda x, k: R.permutation(k, x.shape[0], like=x), xs, b, keys)


@both
def test_keys_are_those_of_fold_in(name):
    b = ml.batch(examples(name))
    for i, key in enumerate(ml.keys(R.key(5), b).unbatch()):
        np.testing.assert_array_equal(to_numpy(key), R.fold_in(R.key(5), i))
    assert len(ml.keys(array(name, R.key(5), "int64"), 7)) == 7


# ----- decisions about what was drawn -----
def walk(x, key):
    """An agent that acts at random and stops by chance (Reinforcement learning in a nutshell)."""
    state, steps = x.sum() * 0, 0
    while steps < 30:
        key = R.fold_in(key, steps)
        u = R.uniform(key, (), like=x)
        if u < 0.1:
            break
        if u < 0.5:
            state = state + 1
        elif u < 0.8:
            state = state * 0.5
        else:
            for v in x[:, 0]:
                state = state - v
        steps += 1
    return state + steps


@both
def test_actions_that_are_sampled_decide(name):
    xs = examples(name)
    b = ml.batch(xs)
    keys = ml.keys(R.key(11), b)
    assert len({float(walk(x, alone(k))) for x, k in zip(xs, keys.unbatch(), strict=True)}) > 3
    same_as_loop(walk, xs, b, keys)


# ----- jax.random with a key per example -----
def of_jax(kind):
    jax = pytest.importorskip("jax")
    key = jax.random.key(0) if kind == "typed" else jax.random.PRNGKey(0)
    return jax, jax.random, key


JAX_DRAWS = {
    "uniform": lambda r, x, k: r.uniform(k, x.shape),
    "behind": lambda r, x, k: r.normal(k, (4, x.shape[0]), "float64"),
    "twice": lambda r, x, k: r.uniform(k, (x.shape[0], x.shape[0], 2)).sum((1, 2)),
    "bytes": lambda r, x, k: r.bits(k, (2, x.shape[0]), "uint8"),
    "split": lambda r, x, k: r.bernoulli(r.split(k)[1], 0.4, x.shape),
    "fold_in": lambda r, x, k: r.normal(r.fold_in(k, 3), (4,)),
    "integers": lambda r, x, k: r.randint(k, x.shape, 0, 10),
    "classes": lambda r, x, k: r.categorical(k, x),
    "order": lambda r, x, k: r.permutation(k, 5),
    "gumbel": lambda r, x, k: r.gumbel(k, x.shape),
}


@pytest.mark.parametrize("kind", ["typed", "raw"])
@pytest.mark.parametrize("what", JAX_DRAWS)
def test_jaxs_own_functions_draw_what_they_draw_alone(what, kind):
    _, r, key = of_jax(kind)
    xs = examples("jax", (3, 1, 5, 2))
    b = ml.batch(xs)
    same_as_loop(lambda x, k: JAX_DRAWS[what](r, x, k), xs, b, ml.keys(key, b))


def test_a_key_for_each_entry_of_jaxs():
    jax, r, key = of_jax("typed")
    xs = examples("jax", (3, 1, 5, 2))

    def f(x, k):
        return jax.vmap(lambda own: r.normal(own, (2,)))(r.split(k, x.shape[0]))

    b = ml.batch(xs)
    same_as_loop(f, xs, b, ml.keys(key, b))


def test_keys_that_draw_otherwise_in_a_batch_are_refused():
    jax, r, _ = of_jax("typed")
    b = ml.batch(examples("jax", (3, 1)))
    keys = ml.MaskedBatch(r.split(jax.random.key(0, impl="rbg"), 2), ())
    with pytest.raises(ml.MaskError, match=r"random_bits at line \d+.*rbg.*threefry2x32"):
        ml.autobatch(lambda x, k: r.normal(k, (4,)))(b, keys)
    with jax.threefry_partitionable(False):
        with pytest.raises(ml.MaskError, match="partitionable"):
            ml.autobatch(lambda x, k: r.normal(k, x.shape))(b, ml.keys(r.key(0), b))


# ----- generators with a state -----
GENERATOR = np.random.default_rng(0)
STATEFUL = {
    "numpy.random.rand": lambda x: x * np.random.rand(),
    "numpy.random.Generator.normal": lambda x: x * GENERATOR.normal(),
    "random.gauss": lambda x: x * random.gauss(0.0, 1.0),
}
STATEFUL_TORCH = {
    "torch.rand": lambda t, x: x * t.rand(4),
    "torch.randn": lambda t, x: x[:, 0] + t.randn(x.shape[0]),
    "torch.rand_like": lambda t, x: t.rand_like(x),
    "torch.bernoulli": lambda t, x: t.bernoulli(t.sigmoid(x)),
    "torch.randperm": lambda t, x: x * t.randperm(4),
    "Tensor.normal_": lambda t, x: x * t.empty(4).normal_(),
    "torch.multinomial": lambda t, x: t.multinomial(t.softmax(x[0], 0), 1),
    "torch.nn.functional.dropout": lambda t, x: t.nn.functional.dropout(x, 0.5),
    "torch.nn.functional.gumbel_softmax": lambda t, x: t.nn.functional.gumbel_softmax(x),
    "torch.nn.functional.alpha_dropout": lambda t, x: t.nn.AlphaDropout()(x),
}


@both
@pytest.mark.parametrize("what", STATEFUL)
def test_a_generator_with_a_state_is_refused_by_name(what, name):
    with pytest.raises(ml.MaskError, match=rf"^{what} at line \d+: `.*ml\.keys.*ad\.random"):
        ml.autobatch(STATEFUL[what])(ml.batch(examples(name, (2, 1))))
    lifted = ml.lift(STATEFUL[what])  # for one example it is what it always was
    assert lifted(np.ones(3)).shape == (3,)


@pytest.mark.parametrize("what", STATEFUL_TORCH)
def test_pytorchs_generator_is_refused_by_name(what):
    torch = pytest.importorskip("torch")
    f = STATEFUL_TORCH[what]
    with pytest.raises(ml.MaskError, match=rf"^{what} at line \d+: `.*ml\.keys"):
        ml.autobatch(lambda x: f(torch, x))(ml.batch(examples("torch", (2, 1))))


def test_dropout_that_is_switched_off_is_nothing():
    torch = pytest.importorskip("torch")
    drop, xs = torch.nn.Dropout(0.5).eval(), examples("torch")
    for f in (drop, lambda x: torch.nn.functional.dropout(drop(x), 0.0)):
        for y, x in zip(ml.autobatch(f)(ml.batch(xs)).unbatch(), xs, strict=True):
            np.testing.assert_array_equal(to_numpy(y), to_numpy(x))


def test_draws_inside_of_a_library_are_found():
    """A mask of weights by nn.Dropout: no lane meets it, and no call of the user's names it."""
    torch = pytest.importorskip("torch")
    drop, w = torch.nn.Sequential(torch.nn.Dropout(0.5)), torch.ones(4, dtype=torch.float64)
    b = ml.batch(examples("torch", (2, 1)))
    with pytest.raises(ml.MaskError, match=r"dropout at line \d+: `.*drop\(w\)"):
        ml.autobatch(lambda x: x * drop(w))(b)
    drop.eval()
    assert len(ml.autobatch(lambda x: x * drop(w))(b)) == 2


@both
def test_what_is_made_once_may_draw(name):
    """As a lazy layer does: the second time nothing moves."""
    once = functools.lru_cache(np.random.rand)
    ys = ml.autobatch(lambda x: x * once())(ml.batch(examples(name, (2, 1))))
    assert len(ys) == 2
