"""Properties that hold for all shapes, broadcasts and containers; hypothesis looks for others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff_lab as ad
from autodiff_lab import trees, xp
from tests.helpers import FRAMEWORKS, array, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)
few = settings(max_examples=8)  # XLA compiles each shape anew

SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
OPS = {
    "add": lambda verbs, a, b: a + b,
    "multiply": lambda verbs, a, b: a * b,
    "divide": lambda verbs, a, b: a / (b * b + 1),
    "maximum": lambda verbs, a, b: verbs.maximum(a, b),
    "tanh": lambda verbs, a, b: verbs.tanh(a - b) * b,
}


@st.composite
def broadcast_pairs(draw):
    """Two shapes that broadcast: axes dropped in front, or shrunk to 1."""
    shape = draw(SHAPES)

    def smaller():
        start = draw(st.integers(0, len(shape)))
        return tuple(draw(st.sampled_from([n, 1])) for n in shape[start:])

    return smaller(), smaller()


def numbers(name, shape, seed):
    return array(name, np.random.default_rng(seed).uniform(-1, 1, shape))


def dot(a, b):
    pairs = zip(trees.leaves(a), trees.leaves(b), strict=True)
    return sum(float((to_numpy(x) * to_numpy(y)).sum()) for x, y in pairs)


@few
@given(broadcast_pairs(), st.sampled_from(sorted(OPS)), st.integers(0, 9))
def test_broadcasting_pulls_back_what_it_pushes_forward(name, shapes, op, seed):
    """<g, J dx> = <J'g, dx>, and every cotangent has its input's shape."""
    f = lambda a, b: OPS[op](xp.verbs(name), a, b)  # noqa: E731
    xs = [numbers(name, shape, seed + i) for i, shape in enumerate(shapes)]
    dxs = [numbers(name, shape, seed + 20 + i) for i, shape in enumerate(shapes)]
    y, dy = ad.jvp(f, xs, dxs)
    _, pullback = ad.vjp(f, *xs)
    g = numbers(name, tuple(y.shape), seed + 40)
    cotangents = pullback(g)
    assert [tuple(c.shape) for c in cotangents] == list(shapes)
    assert tuple(dy.shape) == np.broadcast_shapes(*shapes)
    assert dot([g], [dy]) == pytest.approx(dot(cotangents, dxs), rel=1e-9, abs=1e-12)


@few
@given(SHAPES, st.data())
def test_shapes_come_and_go(name, shape, data):
    """reshape, permute, reduce, slice: any chain of them is linear, and its own transpose's."""
    verbs = xp.verbs(name)
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    kept = tuple(i for i in range(len(shape)) if data.draw(st.booleans()))
    cuts = [data.draw(st.integers(0, n)) for n in shape]

    def f(x):
        x = x[tuple(slice(c, None) for c in cuts)] if cuts else x
        x = verbs.permute(x, axes)
        flat = verbs.reshape(x, (int(np.prod(x.shape)),))
        return {"sum": verbs.sum(x, kept, True), "flat": flat * 2}

    x, dx = numbers(name, shape, 1), numbers(name, shape, 2)
    y, dy = ad.jvp(f, (x,), (dx,))
    for a, b in zip(trees.leaves(f(dx)), trees.leaves(dy), strict=True):
        np.testing.assert_allclose(to_numpy(b), to_numpy(a))  # linear: its own derivative
    g = trees.map(lambda v: v * 3 + 1, y)
    (c,) = ad.vjp(f, x)[1](g)
    assert tuple(c.shape) == shape
    assert dot(g, dy) == pytest.approx(dot([c], [dx]), rel=1e-9, abs=1e-12)


LEAVES = st.sampled_from(["array", "array", "scalar", "integer", None])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    ),
    max_leaves=6,
)


def filled(name, tree):
    made = {
        "array": lambda: array(name, [0.5, -1.0]),
        "scalar": lambda: array(name, 2.0),
        "integer": lambda: array(name, 3),
    }
    return trees.map(lambda kind: made[kind](), tree)


@few
@given(TREES)
def test_containers_come_back_as_they_went_in(name, tree):
    args = (filled(name, tree), array(name, 1.0))

    def f(tree, x):
        return sum((leaf * leaf).sum() for leaf in trees.leaves(tree)) * x

    _, pullback = ad.vjp(f, *args)
    found, _ = pullback(1.0)
    expected, paths, _ = trees.flatten(args[0])
    got = trees.flatten_like(args[0], found)
    for leaf, c, path in zip(expected, got, paths, strict=True):
        if str(leaf.dtype).endswith("int64"):
            assert c is None, path
        else:
            np.testing.assert_allclose(to_numpy(c), 2 * to_numpy(leaf))


@few
@given(st.integers(0, 3), st.integers(0, 3), st.integers(1, 4))
def test_jacobians_agree_whatever_the_chunk(name, m, n, chunk):
    verbs = xp.verbs(name)
    W = numbers(name, (m, n), 5)
    f = lambda x: verbs.tanh(W @ x)  # noqa: E731
    x = numbers(name, (n,), 6)
    forward, reverse = ad.jacfwd(f, chunk_size=chunk)(x), ad.jacrev(f, chunk_size=chunk)(x)
    assert tuple(forward.shape) == tuple(reverse.shape) == (m, n)
    np.testing.assert_allclose(to_numpy(forward), to_numpy(reverse), rtol=1e-12)


@pytest.mark.parametrize("kind", ["float64", "float32", "int64"])
def test_numbers_of_numpy_count_as_numbers(name, kind):
    two = np.dtype(kind).type(2)
    x = array(name, [1.0, 3.0])
    for f in (lambda x: x * two * x, lambda x: two * x * x, lambda x: x * x / (1 / two)):
        found = ad.grad(lambda x, f=f: f(x).sum())(x)
        np.testing.assert_allclose(to_numpy(found), [4.0, 12.0])
