"""Sparse Jacobians and Hessians: published numbers of groups, and the dense ones as the oracle."""

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff_lab as ad
from autodiff_lab import trees, xp
from autodiff_lab.jacobians import colouring, structure
from autodiff_lab.jacobians.blocks import Block
from tests.autodiff_lab.test_elimination import normal
from tests.autodiff_lab.test_errors import refused
from tests.autodiff_lab.test_jacobian import theirs
from tests.helpers import FRAMEWORKS, allclose, array, to_numpy

BOTH = pytest.mark.parametrize("name", FRAMEWORKS)


def zeros(verbs, x):
    return verbs.zeros((1,), x.dtype, x)


def broyden_tridiagonal(verbs):
    """More, Garbow and Hillstrom's problem 30."""

    def f(x):
        padded = verbs.concat([zeros(verbs, x), x, zeros(verbs, x)], 0)
        return (3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1

    return f


def arrowhead(verbs):
    """A full first row, a full first column and a diagonal."""
    return lambda x: verbs.concat([(x * x).sum().reshape(1), x[1:] ** 2 * x[0]], 0)


def brusselator(verbs):
    """Two species on a periodic grid, as in SciML's tutorial on large stiff equations."""

    def f(u):
        a, b = u[0], u[1]

        def spread(w):
            moved = [verbs.roll(w, k, axis) for k in (-1, 1) for axis in (0, 1)]
            return 10.0 * (sum(moved) - 4 * w)

        return verbs.stack(
            [1 + a * a * b - 4.4 * a + spread(a), 3.4 * a - a * a * b + spread(b)], 0
        )

    return f


def grid(name, n):
    return array(name, np.random.default_rng(0).uniform(0.5, 1.0, (2, n, n)))


# name, function, input, entries, walks: forward, reverse, mixed
PUBLISHED = [
    # Curtis, Powell and Reid 1974: a band of width w takes w groups
    ("Broyden tridiagonal", broyden_tridiagonal, lambda name: normal(name, 50), 148, (3, 3, 3)),
    # Coleman and Verma 1998: one side alone takes n
    ("arrowhead", arrowhead, lambda name: normal(name, 30), 88, (30, 30, 3)),
    # SciML: a 2048 x 2048 matrix with 12,288 stored entries, 12 colours
    ("Brusselator", brusselator, lambda name: grid(name, 32), 12288, (12, 12, 12)),
]


@BOTH
@pytest.mark.parametrize("f, x, entries, walks", [pytest.param(*p[1:], id=p[0]) for p in PUBLISHED])
def test_the_number_of_walks_is_the_published_one(name, f, x, entries, walks):
    f, x = f(xp.verbs(name)), x(name)
    jac = ad.jacobian(f, sparse=True)
    assert jac.cost(x) == dict(zip(("forward", "reverse", "mixed"), walks, strict=True))
    found = jac(x)
    assert len(found.values) == entries == len(ad.sparsity(f, x))
    y, pullback = theirs(name).vjp(f, x)
    product = np.tensordot(to_numpy(y), to_numpy(found.todense()), len(y.shape))
    allclose(product, pullback(y)[0], "float64")


@BOTH
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse", "mixed"])
def test_every_colouring_gives_the_same_matrix(name, mode):
    f, x = arrowhead(xp.verbs(name)), normal(name, 6)
    found = ad.jacobian(f, mode=mode, sparse=True)(x)
    allclose(found.todense(), ad.jacrev(f)(x), "float64")
    assert "16 of 36" in repr(found)
    np.testing.assert_array_equal(to_numpy(found.todense())[tuple(to_numpy(found.indices))],
                                  to_numpy(found.values))  # fmt: skip


@BOTH
def test_the_walks_are_counted_as_they_are_made(name, monkeypatch):
    """The number that is shown is the number of seeds that go along the tape."""
    sparse, seen = importlib.import_module("autodiff_lab.jacobians.sparse"), []
    together = sparse._together

    def counted(tape, linear, seeds):
        seen.append(len(seeds))
        return together(tape, linear, seeds)

    monkeypatch.setattr(sparse, "_together", counted)
    ad.jacobian(arrowhead(xp.verbs(name)), sparse=True)(normal(name, 9))
    assert sum(seen) == 3 and len(seen) == 2  # two forward, one in reverse


# ----- where entries are -----
@BOTH
def test_a_zero_by_accident_is_an_entry(name):
    verbs, x = xp.verbs(name), array(name, [0.0, -1.0, 2.0])
    assert ad.sparsity(lambda x: x * x, x).todense().tolist() == np.eye(3, dtype=bool).tolist()
    for f in (verbs.relu, lambda x: verbs.where(x > 0, x, 0.0), lambda x: verbs.maximum(x, x * x)):
        assert len(ad.sparsity(f, x)) == 3
    assert ad.sparsity(lambda x: verbs.max(x * x, (0,)), x).todense().all()
    assert len(ad.sparsity(lambda x: x - x, x)) == 3


@BOTH
def test_the_rows_say_where_entries_are(name):
    verbs, x, rng = xp.verbs(name), normal(name, 4), np.random.default_rng(0)
    low = np.tril(np.ones((4, 4), bool))
    assert (ad.sparsity(lambda x: verbs.cumsum(x, 0), x).todense() == low).all()
    assert (
        len(ad.sparsity(lambda x: verbs.softmax(x, (0,)) if name == "jax" else x.softmax(0), x))
        == 16
    )
    band = np.eye(4, k=1) + np.eye(4)
    assert (ad.sparsity(lambda x: array(name, band) @ x, x).todense() == (band != 0)).all()
    m = array(name, rng.normal(size=(2, 3)))
    both = ad.sparsity(lambda m: m @ array(name, np.ones((3, 2))), m)
    assert (both.todense() == np.einsum("ij,kl->iljk", np.eye(2), np.ones((3, 2)))).all()
    picked = ad.sparsity(lambda x: x[array(name, [2, 0, 2])], x).todense()
    assert picked.astype(int).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]


@BOTH
def test_patterns_come_in_the_jacobians_containers(name):
    def f(p, y):
        return {"s": p["a"][:1] * y, "n": "word", "t": (p["b"] ** 2,)}

    args = {"a": normal(name, 2), "b": normal(name, 3)}, normal(name, 1)
    found = ad.sparsity(f, *args, argnums=(0, 1))
    assert found["n"] is None and found["s"][0]["a"].shape == (1, 2)
    assert [len(found["s"][0][k]) for k in "ab"] == [1, 0] and len(found["s"][1]) == 1
    jac = ad.jacobian(f, (0, 1), sparse=True)(*args)
    allclose(jac["t"][0][0]["b"].todense(), ad.jacfwd(f)(*args)["t"][0]["b"], "float64")
    assert repr(ad.sparsity(lambda x: x[:1], normal(name, 3))) == "#.."
    assert "60 entries" in repr(ad.sparsity(lambda x: x[:1], normal(name, 60)))


@BOTH
def test_scalars_and_nothing(name):
    x, none = array(name, 2.0), array(name, np.zeros((0,)))
    assert float(ad.jacobian(lambda x: x * x, sparse=True)(x).todense()) == 4.0
    assert ad.jacobian(lambda x: x * 2, sparse=True)(none).todense().shape == (0, 0)
    flat = ad.jacobian(lambda x: array(name, [1.0, 2.0]), sparse=True)(x)
    assert flat.shape == (2,) and len(flat.values) == 0
    refused(lambda: ad.sparsity(lambda x: x, array(name, [1])), "argument x", kind=TypeError)


def test_an_average_of_codes_that_is_a_code_is_found_out():
    assert structure._read(lambda code: np.array([(code[0] + code[8]) / 2, code[4]]), 9) is None
    assert structure._read(lambda code: code[[4, 0]], 9).tolist() == [4, 0]


# ----- Hessians -----
@BOTH
def test_symmetric_matrices_take_fewer_products(name):
    """Coleman and More 1984: the arrowhead takes 2 with symmetry; a band of width 3 takes 3."""
    x = normal(name, 8)
    chained = lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()  # noqa: E731
    for f, walks in ((lambda x: (x[0] * x * x).sum(), 2), (chained, 3)):
        hess = ad.hessian(f, sparse=True)
        assert hess.cost(x) == {"symmetric": walks}
        allclose(hess(x).todense(), ad.hessian(f)(x), "float64")


@BOTH
def test_hessians_by_several_arguments(name):
    f = lambda p, y: (p["a"] ** 2 * y).sum() + (y[:1] * p["b"]).sum()  # noqa: E731
    args = {"a": normal(name, 3), "b": normal(name, 2)}, normal(name, 3, seed=1)
    for argnums in (0, (1, 0)) if name == "torch" else ((0, 1),):
        ours = trees.leaves(ad.hessian(f, argnums, sparse=True)(*args))
        for mine, dense in zip(ours, trees.leaves(ad.hessian(f, argnums)(*args)), strict=True):
            allclose(mine.todense(), dense, "float64")
    refused(lambda: ad.hessian(lambda x: x, sparse=True)(normal(name, 2)), "needs a scalar")


# ----- colourings -----
sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))


def random_block(shape, seed):
    found = np.random.default_rng(seed).random(shape) < 0.3
    return found, Block(*shape, np.flatnonzero(found))


@given(sizes, st.integers(0, 10**6))
def test_no_two_columns_of_a_group_share_a_row(shape, seed):
    found, block = random_block(shape, seed)
    for matrix, groups in ((found, colouring.by_columns(block).columns),
                           (found.T, colouring.by_rows(block).rows)):  # fmt: skip
        for group in set(groups.tolist()) - {-1}:
            assert (matrix[:, groups == group].sum(1) <= 1).all()
        assert (groups >= 0).tolist() == matrix.any(0).tolist()


@given(sizes, st.integers(0, 10**6))
def test_both_ways_read_every_entry_alone(shape, seed):
    found, block = random_block(shape, seed)
    both = colouring.both_ways(block)
    assert both.walks <= min(colouring.by_columns(block).walks, colouring.by_rows(block).walks)
    for i, j in zip(*np.nonzero(found), strict=True):
        if both.by_row[i]:
            assert found[both.rows == both.rows[i], j].sum() == 1
        else:
            assert found[i, both.columns == both.columns[j]].sum() == 1


@given(st.integers(1, 8), st.integers(0, 10**6))
def test_in_a_star_colouring_every_entry_stands_alone_once(n, seed):
    found, _ = random_block((n, n), seed)
    found = found | found.T
    colours = colouring.symmetric(Block(n, n, np.flatnonzero(found))).columns
    for i, j in zip(*np.nonzero(found), strict=True):
        alone = [found[a, colours == colours[b]].sum() == 1 for a, b in ((i, j), (j, i))]
        assert any(alone)
