"""Single protections, each looked at by itself: the mutation check had found that nobody did.

The oracle is the loop over the examples, on both frameworks.
"""

import functools

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def vectors(name, lengths=(3, 1, 4)):
    rng = np.random.default_rng(0)
    return [array(name, rng.normal(size=n)) for n in lengths]


def same(f, *batches):
    """What `f` gives for each example is what it gives alone."""
    ours = ml.autobatch(f)(*[ml.batch(xs) for xs in batches])
    for i, example in enumerate(zip(*batches, strict=True)):
        own = [b.unbatch()[i] for b in (ours if isinstance(ours, tuple) else [ours])]
        for a, b in zip(own, ad.trees.leaves(f(*example)), strict=True):
            np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-12)


def test_an_example_of_nothing_has_length_zero(name):
    mask = np.array([[True, True, False], [False, False, False], [True, False, False]])
    b = ml.MaskedBatch.from_padded(array(name, np.ones((3, 3))), array(name, mask))
    assert to_numpy(b.lengths).tolist() == [2, 0, 1]


def test_an_index_of_each_examples_own_must_be_there(name):
    """Padding lies behind the entries, and is none."""
    xs = vectors(name)
    same(lambda x, k: x[k], xs, [array(name, k) for k in (2, 0, -4)])
    if name == "torch":  # JAX takes the nearest entry, in the loop too
        with pytest.raises(IndexError, match=r"out of bounds .* examples \[1\]"):
            same(lambda x, k: x[k], xs, [array(name, k) for k in (2, 1, 0)])


@pytest.mark.parametrize("bounds", [(0, -1, 2), (-9, 0, 9), (1, -2, -4)])
def test_a_bound_of_each_examples_own(bounds, name):
    xs, ks = vectors(name), [array(name, k) for k in bounds]
    same(lambda x, k: (x[k:].sum(), x[:k].sum(), x[1:k].sum()), xs, ks)


def test_a_new_dim_moves_the_outer_dims_of_a_nested_one(name):
    sentences = [[array(name, np.ones(n)) for n in own] for own in ([2, 3], [1], [4, 1])]
    ours = ml.autobatch(lambda s: s[None] * 2.0)(ml.batch(sentences))
    for y, s in zip(ours.unbatch(), sentences, strict=True):
        assert [len(row) for row in y[0]] == [len(row) for row in s]


def test_an_index_from_the_end_must_be_there(name):
    xs = vectors(name)
    rows = [array(name, np.ones((n, 3))) for n in (2, 1)]
    same(lambda x: x[:, -3], rows)
    if name == "torch":
        with pytest.raises(IndexError, match=r"out of bounds .* examples \[1\]"):
            same(lambda x: x[-2], xs)


def test_an_entry_of_every_word_is_asked_of_the_words_that_there_are(name):
    sentences = [[array(name, np.arange(1.0, n + 1)) for n in own] for own in ([2, 3], [1])]
    ours = ml.autobatch(lambda s: s[:, 0] * 2.0)(ml.batch(sentences)).unbatch()
    for y, s in zip(ours, sentences, strict=True):
        assert [float(c) for c in y] == [2.0 * float(word[0]) for word in s]


def test_a_length_is_not_divided_by_nothing(name):
    with pytest.raises(ZeroDivisionError):
        ml.autobatch(lambda x: x.sum() + len(x) // 0)(ml.batch(vectors(name)))


def first_that_is_enough(x):
    h = x[0] * 0.0
    for v in [x[0], x[-1], x[0] * 2.0]:
        h = h + v
        if h > 0.1:
            break
    return h


def sum_of_some(x):
    h, ys = x[0] * 0.0, []
    for v in x:
        if v > 0.05:
            ys.append(v)
    for y in ys:
        h = h + y
        if h > 0.3:
            break
    return h


@pytest.mark.parametrize(
    "f", [first_that_is_enough, sum_of_some, lambda x: max(x), lambda x: min(x)]
)
def test_loops_over_lists_and_extremes(f, name):
    same(f, vectors(name))


@pytest.mark.parametrize("extreme", [max, min])
def test_of_equal_entries_the_first_is_the_extreme_one(extreme, name):
    xs = [array(name, x) for x in ([1.0, 1.0], [0.5, 2.0, 2.0], [3.0])]
    b = ml.batch(xs)

    def total(data):
        return ml.autobatch(lambda x: extreme(x))(ml.MaskedBatch(data, b.sizes)).data.sum()

    ours = to_numpy(native_grad(total, (0,))(b.data)[0])
    for x, own in zip(xs, ours, strict=True):
        alone = native_grad(lambda x: extreme(list(x)), (0,))(x)[0]
        np.testing.assert_array_equal(own[: len(x)], to_numpy(alone))


def test_the_extreme_of_nothing_is_an_error(name):
    with pytest.raises((ValueError, AssertionError), match="of nothing"):
        same(lambda x: max(x), vectors(name, (2, 0)))


def repeated(np, x):
    return sum([x[0]] * len(x)) + len([x[-1]] * (len(x) - 1))


def of_a_tuple(np, x):
    pair = (x[0], x[-1])
    return np.log(pair[0]) if pair[0] > 0 else pair[1] * 3.0


def of_a_partial_function(np, x):
    log = functools.partial(lambda scale: np.log(x[0]) * scale, 2.0)
    return log() if x[0] > 0 else x[-1]


def at_the_edge(np, x):
    """Whoever leads has an infinite slope of its own; the others' zeros must not meet it."""
    return np.sqrt(x[0]) if x[0] >= 0 else x[-1]


def out_of_the_domain_on_the_next_trip(np, x):
    """Whoever has left would go on with what it has, which the leader's next entry does not fit."""
    h = x[0] * 0.0
    for v in x:
        h = np.sqrt(v + h) - 1.0
    return h


def sum_of_roots(np, x):
    h = x[0] * 0.0
    for v in x:
        h = h + np.sqrt(v)
    return h


STARTS = ([0.0, 1.0], [-1.0, 2.0, 3.0], [0.5], [-2.0])
LOOPS = ([4.0, 0.3, 0.3], [0.2], [1.0, 1.0])
EDGES = ([1.0, 0.0, 4.0], [0.2])


@pytest.mark.parametrize(
    "f, xs",
    [*[(f, STARTS) for f in (repeated, of_a_tuple, of_a_partial_function, at_the_edge)],
     (out_of_the_domain_on_the_next_trip, LOOPS), (sum_of_roots, LOOPS), (sum_of_roots, EDGES)],
)  # fmt: skip
def test_gradients_are_the_loops_also_where_nobody_goes(f, xs, name):
    np_ = module(name)
    xs = [array(name, x) for x in xs]
    b = ml.batch(xs)

    def total(data):
        return ml.autobatch(lambda x: f(np_, x))(ml.MaskedBatch(data, b.sizes)).data.sum()

    ours = to_numpy(native_grad(total, (0,))(b.data)[0])
    for x, own in zip(xs, ours, strict=True):
        alone = native_grad(lambda x: f(np_, x), (0,))(x)[0]
        np.testing.assert_allclose(own[: len(x)], to_numpy(alone), rtol=1e-12)
        assert not own[len(x) :].any()


def test_a_list_is_written_at_each_examples_own_place(name):
    def f(x, k):
        zs = [x[0], x[-1], x[0] * 2.0]
        zs[k] = x[0] * 5.0
        return zs[0] - zs[1] * zs[2]

    xs = vectors(name)
    ours = ml.autobatch(f)(ml.batch(xs), ml.batch([array(name, k) for k in (-1, 0, 2)])).unbatch()
    for y, x, k in zip(ours, xs, (-1, 0, 2), strict=True):
        np.testing.assert_allclose(to_numpy(y), to_numpy(f(x, k)), rtol=1e-12)


def test_the_padding_of_a_result_is_zero(name):
    b = ml.batch(vectors(name), pad_value=np.nan)
    y = ml.autobatch(lambda x: x * 2.0 + 1.0)(b)
    assert not to_numpy(y.data)[~to_numpy(y.mask)].any()


def test_a_transform_along_a_ragged_dim_is_refused(name):
    with pytest.raises(ml.MaskError, match="fft"):
        ml.autobatch(lambda x: module(name).fft.fft(x))(ml.batch(vectors(name)))


def two_exits(x):
    h = x[0] * 0.0
    for v in x:
        if v > 0.5:
            break
        if v < -0.5:
            return h - 7.0
        h = h + v
    return h * 2.0


def a_while_that_is_left(x):
    h, n = x[0] * 0.0, 0
    while n < len(x):
        h = h + x[n]
        n += 1
        if h > 0.6:
            break
    return h + n


def set_twice(x):
    a, b = x[0] > 0, x[-1] > 0
    if a:
        t = x[0] * 3.0
    if b:
        t = x[-1] * 5.0
    h = x[0]
    if a or b:
        h = h + t
    return h


def made_before_the_branch(x):
    h, pairs = x[0] * 0.0, zip(x, x[1:], strict=False)
    if x[0] > 0:
        for a, b in pairs:
            h = h + a * b
    return h


@pytest.mark.parametrize("f", [two_exits, a_while_that_is_left, set_twice, made_before_the_branch])
def test_values_are_the_loops(f, name):
    xs = [[0.7, 0.1], [0.2, -0.9, 0.3], [0.1, 0.6, -0.8, 0.2], [-0.2, 0.3, 0.4, 0.9], [-0.1]]
    same(f, [array(name, x) for x in xs])


def test_the_shorter_of_two_ends_a_zip(name):
    def f(x, y):
        h = x[0] * 0.0
        for a, b in zip(x, y, strict=False):
            h = h + a * b
        return h

    same(f, vectors(name, (3, 1, 4)), vectors(name, (2, 3, 1)))


def test_a_name_set_on_either_side_has_no_value_on_the_rest(name):
    def f(x):
        if x[0] > 0:
            t = x[0]
        if x[-1] > 0:
            t = x[-1]
        return t * 2.0

    with pytest.raises((UnboundLocalError, ml.MaskError), match=r"examples \[1\]"):
        same(f, [array(name, x) for x in ([1.0, -1.0], [-1.0, -2.0], [-1.0, 1.0])])
