"""Mixed-mode Jacobians: the counts of every order against plain loops, the numbers against both
frameworks."""

import itertools
import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import trees, xp
from autodiff_lab.jacobians import orders
from autodiff_lab.jacobians.blocks import Block
from autodiff_lab.jacobians.graph import Graph
from tests.autodiff_lab.test_errors import refused
from tests.autodiff_lab.test_jacobian import same_trees, theirs
from tests.autodiff_lab.test_table import apply, differentiable, draw, floats
from tests.helpers import FRAMEWORKS, allclose, array, to_numpy

BOTH = pytest.mark.parametrize("name", FRAMEWORKS)
MODES = pytest.mark.parametrize("mode", ["auto", "forward", "reverse", "mixed"])


def normal(name, *shape, seed=0):
    return array(name, np.random.default_rng([seed, *shape]).normal(size=shape))


# ----- counts, from outside -----
def matrices(name, sizes):
    """x -> M1 M2 ... x: its Jacobian is the product of a chain of matrices."""
    chain = [normal(name, m, n) for m, n in itertools.pairwise(sizes)]

    def f(x):
        for m in reversed(chain):
            x = m @ x
        return x

    return f, normal(name, sizes[-1])


@BOTH
def test_the_matrix_chain_of_the_textbook(name):
    """Cormen, Leiserson, Rivest and Stein, 15.2: six matrices, 15,125 multiplications at best."""
    f, x = matrices(name, [30, 35, 15, 5, 10, 20, 25])
    expected = {"forward": 47500, "reverse": 40500, "mixed": 15125}
    assert ad.elimination(f, x).cost == expected == ad.jacobian(f).cost(x)
    allclose(ad.jacobian(f)(x), theirs(name).jacrev(f)(x), "float64")


def chain_at_best(sizes):
    """The textbook's recurrence for the product of matrices of these sizes."""
    if len(sizes) <= 2:
        return 0
    return min(
        chain_at_best(sizes[: k + 1]) + chain_at_best(sizes[k:]) + sizes[0] * sizes[k] * sizes[-1]
        for k in range(1, len(sizes) - 1)
    )


def graph_of(edges, inputs, outputs):
    """`edges[v, p]` is the shape of the full local Jacobian of v with respect to p."""
    graph = Graph()
    graph.inputs, graph.outputs = inputs, outputs
    for (v, p), shape in edges.items():
        graph.join(v, p, Block(*shape))
    return graph


@pytest.mark.parametrize("seed", range(8))
def test_chains_are_multiplied_as_the_recurrence_says(seed):
    sizes = np.random.default_rng(seed).integers(1, 9, 8).tolist()
    edges = {(v + 1, v): (sizes[v + 1], sizes[v]) for v in range(7)}
    graph = graph_of(edges, [0], [7])
    pure = {"forward": orders.forward(graph), "reverse": orders.reverse(graph)}
    assert orders.mixed(graph, pure)[0] == chain_at_best(sizes[::-1])


def by_hand(before, after, order):
    """Griewank and Reese's rule on sets: a vertex costs its predecessors times its successors."""
    before, after = ({v: set(s) for v, s in side.items()} for side in (before, after))
    total = 0
    for v in order:
        total += len(before[v]) * len(after[v])
        for p in before[v]:
            after[p] = after[p] - {v} | after[v]
        for s in after[v]:
            before[s] = before[s] - {v} | before[v]
    return total


@pytest.mark.parametrize("seed", range(6))
def test_small_graphs_are_solved_exactly(seed):
    """Six scalar vertices between three inputs and three outputs: all 720 orders are tried."""
    chance = np.random.default_rng(seed)
    edges = {(v, p): (1, 1) for v in range(3, 12) for p in range(v)
             if not (v >= 9 and p >= 9) and chance.random() < 0.35}  # fmt: skip
    edges |= {(v, 0): (1, 1) for v in range(3, 9)} | {(9, v): (1, 1) for v in range(3, 9)}
    graph = graph_of(edges, [0, 1, 2], [9, 10, 11])
    before = {v: {p for w, p in edges if w == v} for v in range(12)}
    after = {p: {v for v, q in edges if q == p} for p in range(12)}
    pure = {"forward": orders.forward(graph), "reverse": orders.reverse(graph)}
    assert pure["forward"][0] == by_hand(before, after, range(3, 9))
    assert pure["reverse"][0] == by_hand(before, after, range(8, 2, -1))
    best = min(by_hand(before, after, order) for order in itertools.permutations(range(3, 9)))
    cost, order = orders.mixed(graph, pure)
    assert cost == best == by_hand(before, after, order)


def test_greedy_orders_of_larger_graphs_are_never_dearer_than_the_pure_ones():
    sizes = [9, 1, 8, 2, 9, 3, 9, 1, 9, 2, 7, 9, 1, 9]
    edges = {(v + 1, v): (sizes[v + 1], sizes[v]) for v in range(13)}
    graph = graph_of(edges, [0], [13])
    pure = {"forward": orders.forward(graph), "reverse": orders.reverse(graph)}
    assert orders.mixed(graph, pure)[0] < min(cost for cost, _ in pure.values())


@BOTH
def test_the_lighthouse(name):
    """Griewank and Walther's example; each vertex costs predecessors times successors."""

    def f(nu, gamma, omega, t):
        beam = xp.of(t).tan(omega * t)
        y = nu * beam / (gamma - beam)
        return y, y * gamma

    args = [array(name, x) for x in (1.3, 2.1, 0.4, 0.7)]
    every = tuple(range(4))
    plan = ad.elimination(f, *args, argnums=every, every=True)
    assert plan.cost == {"forward": 20, "reverse": 18, "mixed": 15} and plan.best == "mixed"
    assert sorted(map(len, plan.order.values())) == [5, 5, 5]
    assert "mixed" in repr(plan) and "multiplications" in repr(plan)
    same_trees(ad.jacobian(f, every)(*args), theirs(name).jacrev(f, every)(*args))


# ----- shapes that mixed mode is for -----
def hourglass(name, n, k):
    first, narrow, wide, last = (normal(name, *s) for s in ((n, n), (k, n), (n, k), (n, n)))
    tanh = xp.verbs(name).tanh
    return lambda x: last @ tanh(wide @ tanh(narrow @ tanh(first @ x)))


def diamond(name, n, k):
    """One narrow place, two wide ways around, and a wide end."""
    narrow, left, right, last = (normal(name, *s) for s in ((k, n), (n, k), (n, k), (n, n)))
    verbs = xp.verbs(name)

    def f(x):
        z = narrow @ verbs.sin(x)
        return last @ (verbs.sin(left @ z) * verbs.cos(right @ z))

    return f


@BOTH
@pytest.mark.parametrize("shape", [hourglass, diamond])
def test_across_the_country_is_strictly_cheaper_than_both_pure_modes(name, shape):
    f, x = shape(name, 12, 2), normal(name, 12)
    cost = ad.jacobian(f).cost(x)
    assert cost["mixed"] < min(cost["forward"], cost["reverse"])
    for mode in ("auto", "forward", "reverse", "mixed"):
        allclose(ad.jacobian(f, mode=mode)(x), theirs(name).jacrev(f)(x), "float64")


@BOTH
def test_the_hourglass_by_hand(name):
    n, k = 12, 2
    cost = ad.jacobian(hourglass(name, n, k)).cost(normal(name, n))
    assert cost["mixed"] == 3 * n * n * k + n * k + n * k + k * n
    assert cost["forward"] == n * n + n * n * k + k * n + n * n * k + n * n + n**3
    assert cost["reverse"] == n * n + n * n * k + n * k + n * n * k + n * n + n**3


@BOTH
def test_nobody_multiplies_by_one_or_by_what_is_not_there(name):
    x = normal(name, 5)
    moves = lambda x: (x[::-1] if name == "jax" else x.flip(0)).reshape(5, 1).sum() - x[1:3]  # noqa: E731
    assert ad.jacobian(moves).cost(x) == {"forward": 0, "reverse": 0, "mixed": 0}
    sin = xp.verbs(name).sin
    assert ad.jacobian(lambda x: sin(sin(x))).cost(x)["mixed"] == 5  # diagonals, not 125
    assert ad.jacobian(lambda x: sin(x + x)).cost(x)["mixed"] == 5  # 1 + 1 is a number like others


# ----- numbers -----
@BOTH
@MODES
def test_containers_aux_keywords_and_argnums(name, mode):
    verbs = xp.verbs(name)

    def f(p, x, *, scale):
        h = verbs.tanh(p["w"] @ x + p["b"])
        return {"h": h, "rest": [h.sum() * scale, x, (x[1:] * h[0])[:1]]}, "aux"

    args = {"w": normal(name, 3, 4), "b": normal(name, 3)}, normal(name, 4)
    for argnums in (0, 1, (0, 1), -1):
        found, aux = ad.jacobian(f, argnums, mode, has_aux=True)(*args, scale=3.0)
        same_trees(found, ad.jacfwd(f, argnums, has_aux=True)(*args, scale=3.0)[0])
        assert aux == "aux"


def rows_to_try(name):
    """On torch every case of the table; JAX compiles each, so there those that move entries."""
    some = ("dynamic_slice", "conv", "sort", "max")
    return [case for case in differentiable() if name == "torch" or case.values[0].name in some]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_row_has_the_local_jacobian_that_it_walks_with(name):
    """A missing entry, or one in the wrong place, would show in any row."""
    seen = set()
    for case in rows_to_try(name):
        row, shapes, params = case.values
        if name == "jax" and row.name in seen:
            continue
        seen.add(row.name)
        xs = draw(row, shapes, name, "float64")
        for at in floats(xs):

            def f(x, row=row, params=params, xs=xs, at=at):
                return apply(row, name, params)(*xs[:at], x, *xs[at + 1 :])

            check_both(f, xs[at], row)


def check_both(f, x, row):
    try:
        expected = trees.leaves(ad.jacfwd(f)(x))
    except ad.AutodiffError:  # a complex answer, or an input without a derivative
        return
    mixed = trees.leaves(ad.jacobian(f, mode="mixed")(x))
    sparse = trees.leaves(ad.jacobian(f, sparse=True)(x))
    for a, b, c in zip(expected, mixed, sparse, strict=True):
        assert a.dtype == b.dtype == c.values.dtype, row
        np.testing.assert_allclose(to_numpy(b), to_numpy(a), rtol=1e-7, atol=1e-9, err_msg=row.name)
        np.testing.assert_allclose(to_numpy(c.todense()), to_numpy(a), rtol=1e-7, atol=1e-9)


@BOTH
def test_control_flow_is_that_of_this_run(name):
    def f(x):
        if name == "jax":
            import jax

            y, _ = jax.lax.scan(lambda c, v: (c * v + 1.0, None), x[0], x)
            return jax.lax.cond(y > 0, lambda: x * y, lambda: -x)
        y = x[0]
        for v in x:
            y = y * v + 1.0
        return x * y if y > 0 else -x

    for sign in (1.0, -1.0):
        x = sign * array(name, [0.5, 2.0, 3.0])
        allclose(ad.jacobian(f, mode="mixed")(x), ad.jacrev(f)(x), "float64")


def test_under_jit_too():
    jax = pytest.importorskip("jax")
    f, x = hourglass("jax", 8, 2), normal("jax", 8)
    expected = jax.jacrev(f)(x)
    allclose(jax.jit(ad.jacobian(f))(x), expected, "float64")
    values = jax.jit(lambda x: ad.jacobian(f, sparse=True)(x).values)(x)
    allclose(values.reshape(8, 8), expected, "float64")

    def loop(x):
        return jax.lax.scan(lambda c, v: (jax.numpy.sin(c * v), c), x[0], x[1:3])

    same_trees(jax.jit(ad.jacobian(loop, mode="mixed"))(x), jax.jacrev(loop)(x))
    double = lambda x: jax.lax.while_loop(lambda y: y.sum() < 9.0, lambda y: 2 * y, x)  # noqa: E731
    for mode in ("auto", "forward"):  # nobody knows how far back the trips of a while go
        allclose(
            jax.jit(ad.jacobian(double, mode=mode))(x * x), jax.jacfwd(double)(x * x), "float64"
        )


@BOTH
def test_jacobians_nest(name):
    a, x = normal(name, 3, 3), normal(name, 3)
    sin = xp.verbs(name).sin
    f = lambda x: sin(a @ x) * x  # noqa: E731
    allclose(ad.jacobian(ad.jacobian(f))(x), ad.jacfwd(ad.jacrev(f))(x), "float64")
    squares = lambda jac: lambda x: (jac(f)(x) ** 2).sum()  # noqa: E731
    allclose(ad.grad(squares(ad.jacobian))(x), ad.grad(squares(ad.jacrev))(x), "float64")


@BOTH
def test_a_zero_that_is_differentiated_further_out_is_no_zero(name):
    x = array(name, [1.0, 2.0])
    for kind in ({}, {"sparse": True}):

        def entries(a, kind=kind):
            jac = ad.jacobian(lambda x: a @ x, **kind)(x)
            return (jac.todense() if kind else jac).sum()

        allclose(ad.grad(entries)(array(name, np.eye(2))), array(name, np.ones((2, 2))), "float64")


@BOTH
def test_float32_stays_float32(name):
    f = hourglass(name, 4, 2)
    x = array(name, np.ones(4), "float32")
    single = lambda x: xp.of(x).sin(x) * 2  # noqa: E731
    assert ad.jacobian(single)(x).dtype == x.dtype
    assert ad.jacobian(f)(normal(name, 4)).dtype == normal(name, 4).dtype


# ----- what does not fit -----
@BOTH
def test_what_is_too_large_to_hold_is_walked_instead(name, monkeypatch):
    from autodiff_lab.jacobians import blocks

    f, x = hourglass(name, 6, 2), normal(name, 6)
    expected = ad.jacrev(f)(x)
    monkeypatch.setattr(blocks, "MOST", 30)
    for mode in ("auto", "forward", "reverse"):
        allclose(ad.jacobian(f, mode=mode)(x), expected, "float64")
    refused(lambda: ad.jacobian(f, mode="mixed")(x), "6 x 6", "mode='auto'")
    refused(lambda: ad.elimination(f, x), "6 x 6")


@BOTH
def test_kind_refusals(name):
    x = array(name, [1.0, 2.0])
    refused(lambda: ad.jacobian(lambda x: x, mode="sideways"), "'sideways'", "'mixed'")
    refused(lambda: ad.jacobian(lambda x: x, 3)(x), "argnums=3")
    refused(lambda: ad.jacobian(lambda x: x)(array(name, [1, 2])), "argument x", kind=TypeError)
    verbs = xp.verbs(name)
    through = lambda x: verbs.abs(x * (1 + 2j))  # noqa: E731
    refused(lambda: ad.jacobian(through, mode="mixed")(x), "is complex", "'forward'")
    allclose(ad.jacobian(through)(x), ad.jacfwd(through)(x), "float64")
    assert math.isclose(float(ad.jacobian(through, mode="reverse")(x)[0, 0]), 5**0.5)
