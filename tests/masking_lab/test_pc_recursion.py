"""Program counters: recursion on explicit stacks, as deep as it goes.

The oracle is the plain loop over the examples in float64, with the framework's own gradient.
"""

import functools
import math

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from masking_lab.models.tree_lstm import random_tree
from masking_lab.strategies.pc import ORDERS, pc, profile
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab.test_lazy import sequences, weights
from tests.masking_lab.test_pc import batch_of_numbers, same_as_the_loop


# ----- on numbers -----
def fib(n):
    if n > 2:
        return fib(n - 1) + fib(n - 2)
    else:
        return 1


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def ackermann(m, n):
    if m == 0:
        return n + 1
    return ackermann(m - 1, 1 if n == 0 else ackermann(m, n - 1))


def hanoi(n, a=0, b=1, c=2):
    """How many discs are moved from rod to rod: several live variables in each frame."""
    if n == 0:
        return 0
    before = hanoi(n - 1, a, c, b)
    after = hanoi(n - 1, c, b, a)
    return before + (a - c) * 3 + 1 + after


def mccarthy(n):
    return n - 10 if n > 100 else mccarthy(mccarthy(n + 11))


NUMBERS = [
    (fib, [(6,), (7,), (8,), (7,)]),
    (even, [(0,), (1,), (5,), (8,)]),
    (ackermann, [(0, 3), (2, 1), (1, 2), (2, 2)]),
    (hanoi, [(0,), (3,), (5,), (1,)]),
    (mccarthy, [(99,), (105,), (87,)]),
]


@pytest.mark.parametrize("f, given", NUMBERS, ids=lambda x: getattr(x, "__name__", ""))
@pytest.mark.parametrize(
    "name, order", [*[("torch", order) for order in sorted(ORDERS)], ("jax", "balanced")]
)
def test_recursion_on_numbers(name, order, f, given):
    columns = [batch_of_numbers(name, column) for column in zip(*given, strict=True)]
    found = ml.autobatch(f, functools.partial(pc, order=order))(*columns)
    want = [int(f(*own)) for own in given]
    assert to_numpy(found.data).tolist() == want


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_fibonacci_takes_as_few_additions_as_its_largest_example_alone(name):
    """TensorFlow Probability's guide says 21 for these four, instead of 55 one by one."""
    seen = profile(fib)(batch_of_numbers(name, (6, 7, 8, 7)))
    assert to_numpy(seen.result.data).tolist() == [8, 13, 21, 13]
    additions = [s for s in seen.steps if "fib(n - 1) + fib(n - 2)" in s.text]
    alone = profile(fib)(batch_of_numbers(name, (8,)))
    assert len(additions) == 3 * 20  # two calls, and the addition after them
    assert len([s for s in alone.steps if "fib(n - 1) + fib(n - 2)" in s.text]) == 3 * 20
    assert seen.turns == alone.turns
    leaves = [len(s.examples) for s in seen.steps if "return 1" in s.text]
    assert (len(leaves), sum(leaves)) == (21, 55)


# ----- on trees -----
def cell(np, x, h, w):
    return np.tanh(x @ w + h @ w)


def tree(np, x, kids, w):
    def go(i):
        if kids[i, 0] < 0:
            return np.tanh(x[i] @ w)
        left = go(kids[i, 0])
        right = go(kids[i, 1])
        return cell(np, left, right, w) + 0.1 * left

    return go(len(x) - 1)


class Walker:
    """The same as methods of an object."""

    def __init__(self, np, w):
        self.np, self.w = np, w

    def leaf(self, v):
        return self.np.tanh(v @ self.w)

    def __call__(self, x, kids, i):
        if kids[i, 0] < 0:
            return self.leaf(x[i])
        below = [self(x, kids, kids[i, k]) for k in range(2)]
        return cell(self.np, below[0], below[1], self.w) + 0.1 * below[0]


def tree_of_methods(np, x, kids, w):
    return Walker(np, w)(x, kids, len(x) - 1)


def chain_of(n):
    """A tree that leans to one side: n deep."""
    kids = [[-1, -1]] * (n + 1)
    for k in range(n):
        kids.append([2 * n - 1 if k == n else n + k if k else 0, k + 1])
    return np.asarray(kids)


@pytest.mark.parametrize(
    "name, f", [("torch", tree), ("torch", tree_of_methods), ("jax", tree_of_methods)]
)
def test_a_forest(name, f):
    random = np.random.default_rng(2)
    kids = [random_tree(random, n) for n in (1, 2, 4)]
    xs = sequences(name, [len(k) for k in kids])
    columns = xs, [array(name, k) for k in kids]
    same_as_the_loop(name, f, columns, weights(name), ml.autobatch(f, "pc"))


def test_trees_that_are_200_deep():
    kids = [chain_of(200), chain_of(3), random_tree(np.random.default_rng(0), 6)]
    xs = sequences("torch", [len(k) for k in kids])
    columns = xs, [array("torch", k) for k in kids]
    w = weights("torch") / 2
    seen = profile(tree)(module("torch"), *map(ml.batch, columns), w)
    assert seen.deepest == 202  # the tree, the first call of `go`, and 200 below it
    same_as_the_loop("torch", tree, columns, w, ml.autobatch(tree, "pc"))


def down(np, x, w):
    """A recursion as deep as x is long, on the way back of which the weight is used."""

    def go(i, h):
        if i == len(x):
            return h
        return go(i + 1, h + x[i]) * w + h

    return go(0, w * 0)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_stacks_that_are_200_deep(name):
    random = np.random.default_rng(0)
    xs = [array(name, random.normal(size=n)) for n in ((200, 0, 1) if name == "torch" else (200,))]
    w, lib = array(name, 0.7), module(name)
    if name == "torch":
        same_as_the_loop(name, down, (xs,), w, ml.autobatch(down, "pc"))
    found = ml.autobatch(down, "pc")(lib, ml.batch(xs), w).data[0]
    np.testing.assert_allclose(to_numpy(found), down(np, to_numpy(xs[0]), 0.7), rtol=1e-12)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_turns_do_not_grow_with_the_batch(name):
    random = np.random.default_rng(2)
    kids = [random_tree(random, n) for n in (4, 2, 3)]
    turns = []
    for times in (1, 5):
        xs = ml.batch(sequences(name, [len(k) for k in kids] * times))
        seen = profile(tree)(module(name), xs, ml.batch([array(name, k) for k in kids * times]),
                             weights(name))  # fmt: skip
        turns.append(seen.turns)
        assert not seen.refused
    assert turns[0] == turns[1]


def test_gradients_of_autodiff_lab():
    random = np.random.default_rng(3)
    kids = [random_tree(random, n) for n in (3, 1, 2)]
    xs, lib = sequences("torch", [len(k) for k in kids]), module("torch")
    kids = [array("torch", k) for k in kids]
    run = ml.autobatch(tree, "pc")

    def loss(w):
        return run(lib, ml.batch(xs), ml.batch(kids), w).data.sum()

    w = weights("torch")
    np.testing.assert_allclose(ad.grad(loss)(w), native_grad(loss, (0,))(w)[0], atol=1e-10)


# ----- batches of every size -----
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_dtypes_lengths_and_orders(name, dtype):
    random = np.random.default_rng(1)
    xs = [array(name, random.normal(size=n), dtype) for n in (0, 1, 4, 2)]
    w, run = array(name, 0.7, dtype), ml.autobatch(down, "pc")
    found = run(module(name), ml.batch(xs), w)
    assert str(found.data.dtype).endswith(dtype)
    turned = run(module(name), ml.batch(xs[::-1]), w)
    for i, x in enumerate(xs):
        want = to_numpy(down(module(name), x, w))
        np.testing.assert_allclose(to_numpy(found.data[i]), want, rtol=1e-6)
        assert to_numpy(turned.data[3 - i]) == to_numpy(found.data[i])
        alone = run(module(name), ml.batch([x]), w)
        assert to_numpy(alone.data[0]) == to_numpy(found.data[i])


# ----- padding -----
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_padding_changes_not_one_bit(name):
    random = np.random.default_rng(4)
    kids = [random_tree(random, n) for n in (4, 1, 3)]
    b = ml.batch(sequences(name, [len(k) for k in kids]))
    trees, lib, seen = ml.batch([array(name, k) for k in kids]), module(name), []
    run = ml.autobatch(tree, "pc")
    for fill in (0.0, math.nan, math.inf, 1e30):
        x = ml.MaskedBatch(ad.xp.of(b.data).where(b.mask[..., None], b.data, fill), b.sizes)
        slope = native_grad(lambda w, x=x: run(lib, x, trees, w).data.sum(), (0,))
        w = weights(name)
        seen.append((to_numpy(run(lib, x, trees, w).data), to_numpy(slope(w)[0])))
    assert all((a == c).all() and (b == d).all() for a, b in seen for c, d in seen[:1])
