"""`ad.random`: the published cipher, JAX's own numbers to the last bit, on both frameworks."""

import math
import statistics

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import random
from tests.helpers import FRAMEWORKS, array, to_numpy

SEEDS = (7, 2**32 - 1)
# Random123's known answers for threefry2x32 of 20 rounds: key, counter, what comes out.
KNOWN = (
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
)
# What is drawn, by ours and by JAX's: the same bits.
EXACT = {
    "bits": (
        lambda key, like: random.bits(key, (3, 5), like),
        lambda jr, key: jr.bits(key, (3, 5), "uint32"),
    ),
    "uniform": (
        lambda key, like: random.uniform(key, (3, 5), -1.0, 1.0, like=like),
        lambda jr, key: jr.uniform(key, (3, 5), "float32", -1.0, 1.0),
    ),
    "uniform, float64": (
        lambda key, like: random.uniform(key, (300,), dtype="float64", like=like),
        lambda jr, key: jr.uniform(key, (300,), "float64"),
    ),
    "bernoulli": (
        lambda key, like: random.bernoulli(key, 0.3, (50,), like),
        lambda jr, key: jr.bernoulli(key, np.float32(0.3), (50,)),
    ),
    "permutation": (
        lambda key, like: random.permutation(key, 3000, like),
        lambda jr, key: jr.permutation(key, 3000),
    ),
    "split": (
        lambda key, like: random.split(words(key, like), 3),
        lambda jr, key: jr.split(key, 3),
    ),
    "fold_in": (
        lambda key, like: random.fold_in(words(key, like), 9),
        lambda jr, key: jr.fold_in(key, 9),
    ),
    "categorical": (
        lambda key, like: random.categorical(key, array(like, np.eye(7, 4), "float32")),
        lambda jr, key: jr.categorical(key, np.eye(7, 4, dtype="float32")),
    ),
}


def words(key, name):
    if hasattr(key, "aval"):  # under jit it is an array already
        return key
    return array(name, key, "int64" if name == "torch" else "uint32")


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("key, counter, expected", KNOWN)
def test_the_cipher_gives_the_published_words(key, counter, expected, name):
    key = words(np.array(key), name)
    high, low = random.threefry(key, *words(np.array(counter), name))
    assert (int(high), int(low)) == expected


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("what", EXACT)
def test_the_bits_are_those_of_jax(what, seed, name):
    jax = pytest.importorskip("jax")
    ours, theirs = EXACT[what]
    expected = theirs(jax.random, jax.random.PRNGKey(np.uint32(seed)))
    draw = jax.jit(ours, static_argnums=1) if name == "jax" else ours
    for key in (random.key(seed), words(random.key(seed), name)):
        found = to_numpy(draw(key, name))
        assert found.shape == expected.shape
        np.testing.assert_array_equal(found, np.asarray(expected))


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-5), ("float64", 1e-12)])
def test_normal_numbers_are_jaxs_up_to_the_last_places(name, dtype, tolerance):
    jax = pytest.importorskip("jax")
    found = to_numpy(random.normal(random.key(3), (4000,), dtype, like=name))
    expected = np.asarray(jax.random.normal(jax.random.PRNGKey(3), (4000,), dtype))
    np.testing.assert_allclose(found, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_normal_numbers_are_normal(name):
    n = 20_000
    x = np.sort(to_numpy(random.normal(random.key(1), (n,), like=name)).astype(float))
    below = np.array([statistics.NormalDist().cdf(v) for v in x])
    distance = np.abs(below - (np.arange(n) + 0.5) / n).max()
    assert distance < 1.63 / math.sqrt(n)  # Kolmogorov's bound at 1 %


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_number_does_not_depend_on_how_many_are_drawn(name):
    few, many = (to_numpy(random.uniform(random.key(5), (n,), like=name)) for n in (3, 1000))
    np.testing.assert_array_equal(few, many[:3])
    assert len(np.unique(many)) > 990


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_key_may_be_an_argument_of_a_recorded_function(name):
    def f(key, x):
        return (x * random.uniform(key, (3,))).sum()

    key, x = words(random.key(4), name), array(name, np.ones(3), "float32")
    expected = to_numpy(random.uniform(key, (3,)))
    np.testing.assert_array_equal(to_numpy(ad.grad(f, 1)(key, x)), expected)
    np.testing.assert_array_equal(to_numpy(ad.compile(f, key, x, argnums=1)(key, x)[1]), expected)
    tape = ad.record(f, key, x)
    np.testing.assert_array_equal(to_numpy(tape.backward()[1]), expected)


def test_a_compiled_line_sees_a_new_key():
    torch = pytest.importorskip("torch")
    line = ad.compile(lambda x, key: (x * random.uniform(key, (3,), like=x)).sum())
    for i in range(3):  # NumPy's keys, which die after each call
        _, g = line(torch.ones(3), random.key(i))
        assert torch.equal(g, random.uniform(random.key(i), (3,), like="torch"))


def test_under_jit_the_bits_are_the_same():
    jax = pytest.importorskip("jax")
    draw = lambda key: random.uniform(random.fold_in(key, 2), (4,), like="jax")  # noqa: E731
    np.testing.assert_array_equal(jax.jit(draw)(random.key(1)), draw(random.key(1)))
    np.testing.assert_array_equal(draw(jax.random.key(1)), draw(random.key(1)))  # a key of JAX's


@pytest.mark.parametrize(
    "draw, said",
    [
        (lambda: random.key(-1), "a seed is a whole number .* and not -1"),
        (lambda: random.key(0.5), "and not 0.5"),
        (lambda: random.uniform(3, (2,), like="torch"), "a key is a pair of integers.*not 3"),
        (lambda: random.uniform(np.zeros(2), (2,), like="torch"), "not float64 of shape"),
        (lambda: random.uniform(random.split(random.key(0)), (2,)), "of shape \\(2, 2\\)"),
        (lambda: random.uniform(random.key(0), (2,)), "Say like="),
        (lambda: random.uniform(random.key(0), (2,), like=np.ones(2)), "Say like="),
        (lambda: random.uniform(random.key(0), (2,), like="numpy"), "Say like="),
        (lambda: random.uniform(words(random.key(0), "torch"), (), like="jax"), "and not of jax"),
        (lambda: random.uniform(random.key(0), (2,), dtype="int8", like="torch"), "not int8"),
    ],
)
def test_what_is_no_key_or_seed_is_refused(draw, said):
    pytest.importorskip("torch")
    with pytest.raises(ad.AutodiffError, match=said):
        draw()


def test_a_whole_number_of_any_dtype_is_folded_in():
    """Without 64 bits JAX would take uint32 and int32 together as int32."""
    jax = pytest.importorskip("jax")
    where = jax if hasattr(jax, "enable_x64") else pytest.importorskip("jax.experimental")
    with where.enable_x64(False):
        key = jax.random.key_data(jax.random.PRNGKey(7))
        for n in (5, 2**31 + 3, -1):
            want = jax.random.fold_in(key, np.asarray(n).astype("uint32"))
            for x in (np.int64(n), jax.numpy.asarray(np.asarray(n).astype("int32"))):
                for own in (key, np.asarray(key)):
                    np.testing.assert_array_equal(random.fold_in(own, x), want)
