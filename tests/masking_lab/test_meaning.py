"""Programs where a mask is easily wrong: each compared with the loop, on both frameworks.

Most were found by a reader who tried to break the lab. `xp` is the framework's namespace of verbs.
"""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, array, to_numpy

both = pytest.mark.parametrize("name", FRAMEWORKS)


def same_as_loop(f, *columns, shared=()):
    """Values, shapes and dtypes of every example."""
    batches = [ml.batch(column) for column in columns]
    ours = ml.autobatch(f)(*batches, *shared).unbatch()
    for y, xs in zip(ours, zip(*columns, strict=True), strict=True):
        expected = f(*xs, *shared)
        assert y.dtype == expected.dtype
        tolerance = 1e-2 if "16" in str(y.dtype) else 1e-6
        np.testing.assert_allclose(to_numpy(y), to_numpy(expected), rtol=tolerance, atol=1e-12)


def ragged(name, *lengths, width=2, dtype="float64"):
    rng = np.random.default_rng(0)
    return [array(name, rng.normal(size=(n, width)), dtype) for n in lengths]


@both
@pytest.mark.parametrize("dtype", ["int32", "int64", "bool"])
def test_integers_and_booleans_stay_what_they_are(name, dtype):
    xs = [array(name, v, dtype) for v in ([16777217, 2, 0], [1])]
    same_as_loop(lambda x: x, *[xs])
    same_as_loop(lambda x: x == x, *[xs])
    if dtype != "bool":
        same_as_loop(lambda x: x * x + 1, *[xs])
        same_as_loop(lambda x: (x > 0) & (x < 5), *[xs])


@both
def test_a_reshape_that_moves_the_ragged_dim_keeps_the_order_of_the_example(name):
    xs = [array(name, np.arange(2.0 * n).reshape(2, n)) for n in (3, 1)]
    same_as_loop(lambda x: x.reshape(x.shape[1], x.shape[0]), xs)
    cubes = [array(name, np.arange(4.0 * n).reshape(2, n, 2)) for n in (3, 1)]
    same_as_loop(lambda x: x.reshape(x.shape[1], 2, 2), cubes)


@both
def test_dead_entries_that_a_broadcast_creates_are_dead(name):
    verbs = xp.verbs(name)
    xs = [array(name, np.ones(n)) for n in (3, 2)]
    ys = [array(name, np.ones(n)) for n in (3, 1)]

    def f(x, y):
        return verbs.sum(verbs.broadcast(x, (x.shape[0], y.shape[0]), (0,)), (1,))

    same_as_loop(f, xs, ys)


@both
def test_an_example_that_is_nan_by_itself_leaves_the_shared_gradient_clean(name):
    """Centring an empty example makes NaN of its dead entries; it must not reach the weights."""
    xs, w = ragged(name, 3, 0), array(name, np.eye(2))

    def f(x, w):
        return (x - x.mean(0)) @ w

    b = ml.batch(xs)
    ours = ad.grad(lambda w: ml.autobatch(f)(b, w).data.sum())(w)
    np.testing.assert_allclose(to_numpy(ours), to_numpy(ad.grad(lambda w: f(xs[0], w).sum())(w)))


@both
def test_contracted_ragged_dims_must_match(name):
    f = ml.autobatch(lambda x, y: x.T @ y)
    with pytest.raises(ml.MaskError, match="match"):
        f(ml.batch(ragged(name, 3, 1)), ml.batch(ragged(name, 2, 3)))
    with pytest.raises(ml.MaskError, match="match"):
        f(ml.batch(ragged(name, 3, 1)), array(name, np.ones((3, 2))))


@both
def test_statistics_of_an_empty_or_single_example_are_the_loops(name):
    xs = ragged(name, 3, 1, 0)
    if name == "torch":
        with pytest.warns(UserWarning, match="degrees of freedom"):
            expected = [to_numpy(x.var(0)) for x in xs]
        ours = ml.autobatch(lambda x: x.var(0))(ml.batch(xs)).unbatch()
    else:
        expected = [to_numpy(x.var(0, ddof=1)) for x in xs]
        ours = ml.autobatch(lambda x: x.var(0, ddof=1))(ml.batch(xs)).unbatch()
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(to_numpy(a), b)


@both
def test_half_precision_means_do_not_overflow(name):
    xs = [array(name, np.full(n, 1000.0), "float16") for n in (100, 3)]
    same_as_loop(lambda x: x.mean(), xs)


@both
def test_a_number_computed_from_a_size_does_not_change_the_dtype(name):
    same_as_loop(lambda x: x * (1 / x.shape[0]), ragged(name, 3, 2, dtype="float16"))
    same_as_loop(lambda x: x * (x.shape[0] / 3), ragged(name, 3, 2))
    same_as_loop(lambda x: x.sum() * (x.shape[0] - 1), ragged(name, 3, 2, dtype="float32"))
    same_as_loop(lambda x: x.sum(0) / (x.shape[0] // 2 + 1), ragged(name, 3, 2, dtype="float32"))


@both
def test_a_per_example_scalar_promotes_like_a_scalar(name):
    if name == "jax":
        same_as_loop(lambda x: x - x.astype("float64").mean(), ragged(name, 3, 2, dtype="float32"))
    else:
        same_as_loop(lambda x: x - x.double().mean(), ragged(name, 3, 2, dtype="float32"))


def test_where_as_a_method_on_torch():
    pytest.importorskip("torch")
    same_as_loop(lambda x: x.where(x > 0, x * 2), ragged("torch", 3, 1))


def test_out_of_range_dims_are_refused_on_torch():
    pytest.importorskip("torch")
    b = ml.batch(ragged("torch", 3, 1))
    for f in (lambda x: x.unsqueeze(7), lambda x: x.transpose(0, 5), lambda x: x.sum(4)):
        with pytest.raises(Exception, match="out of range"):
            ml.autobatch(f)(b)


@pytest.mark.parametrize("name", ["jax"])
class TestJax:
    """Sizes are names while JAX traces; an `if` on one must never be decided for all examples."""

    def test_a_decision_about_emptiness_is_never_frozen(self, name):
        xs = ragged("jax", 2, 0)
        same_as_loop(lambda x: x.sum(0), xs)
        same_as_loop(lambda x: x.sum() if x.shape[0] == 0 else x.sum() * 2, xs)
        same_as_loop(lambda x: x.sum() if len(x) > 1 else x.sum() * 2, xs)
        unread = eval("lambda x: x.sum() if x.shape[0] > 0 else x.sum() * 2")  # has no source
        with pytest.raises(ml.MaskError, match="ragged size"):
            ml.autobatch(unread)(ml.batch(xs))

    def test_under_jit_too(self, name):
        import jax

        f = ml.autobatch(lambda x: x.sum() if x.shape[0] > 1 else x.sum() * 2)
        b = ml.batch(ragged("jax", 2, 1))
        np.testing.assert_allclose(jax.jit(f)(b).data, f(b).data, rtol=1e-12)
        largest = ml.autobatch(lambda x: x.max(0))
        b = ml.batch(ragged("jax", 2, 1))
        np.testing.assert_array_equal(jax.jit(largest)(b).data, largest(b).data)

    def test_sizes_computed_from_sizes(self, name):
        same_as_loop(lambda x: x * (x.shape[0] % 2 + x.shape[0] // 2), ragged("jax", 3, 2, 0))

    def test_rounding_keeps_laxs_own_convention(self, name):
        import jax

        xs = [array("jax", v) for v in ([0.5, 1.5, -2.5], [2.5])]
        same_as_loop(jax.lax.round, xs)
        same_as_loop(jax.numpy.round, xs)

    def test_the_users_own_errors_are_left_alone(self, name):
        def f(x):
            raise ValueError("bad n0 config")

        with pytest.raises(ValueError, match="^bad n0 config"):
            ml.autobatch(f)(ml.batch(ragged("jax", 2, 1)))

    def test_an_error_under_jit_is_one_sentence(self, name):
        import jax

        f = jax.jit(ml.autobatch(lambda x, y: x + y))
        with pytest.raises(ml.MaskError) as caught:
            f(ml.batch(ragged("jax", 2, 1)), ml.batch(ragged("jax", 1, 2)))
        assert "\n" not in str(caught.value)

    def test_what_is_not_an_array_comes_back_as_it_is(self, name):
        result = ml.autobatch(lambda x: (x.sum(), "told"))(ml.batch(ragged("jax", 2, 1)))
        assert result[1] == "told"


@both
def test_a_ragged_dim_that_does_not_exist(name):
    with pytest.raises(ml.MaskError, match="does not have"):
        ml.batch(ragged(name, 2, 1), ragged=(5,))
    assert to_numpy(ml.batch(ragged(name, 2, 2), ragged=0).lengths).tolist() == [2, 2]
