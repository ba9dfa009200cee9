"""Program counters: recursion on explicit stacks, the schedule, and what is refused.

The oracle is the plain loop over the examples in float64, with the framework's own gradient. (All
programs of the corpus and the poison in their padding are tried in `test_strategies`.)
"""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from masking_lab.strategies.pc import ORDERS, pc, profile
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab.test_lazy import random_tree, sequences, weights

D = 3


def batch_of_numbers(name, values):
    return ml.batch([array(name, v) for v in values])


# ----- recursion -----
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


def same_as_the_loop(name, f, columns, w, run, tolerance=1e-9):
    """Values, and the gradient of the weight."""
    lib = module(name)
    rows = list(zip(*columns, strict=True))
    want = [f(lib, *own, w) for own in rows]
    found = run(lib, *map(ml.batch, columns), w).unbatch()
    for a, b in zip(found, want, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), atol=tolerance)
    by_loop = native_grad(lambda w: sum(f(lib, *own, w).sum() for own in rows), (0,))(w)[0]
    batched = native_grad(lambda w: run(lib, *map(ml.batch, columns), w).data.sum(), (0,))(w)[0]
    np.testing.assert_allclose(to_numpy(batched), to_numpy(by_loop), atol=tolerance)


@pytest.mark.parametrize(
    "name, f", [("torch", tree), ("torch", tree_of_methods), ("jax", tree_of_methods)]
)
def test_a_forest(name, f):
    random = np.random.default_rng(2)
    kids = [random_tree(n, random) for n in (1, 2, 4)]
    xs = sequences(name, [len(k) for k in kids])
    columns = xs, [array(name, k) for k in kids]
    same_as_the_loop(name, f, columns, weights(name), ml.autobatch(f, "pc"))


def test_trees_that_are_200_deep():
    kids = [chain_of(200), chain_of(3), random_tree(6, np.random.default_rng(0))]
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
    kids = [random_tree(n, random) for n in (4, 2, 3)]
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
    kids = [random_tree(n, random) for n in (3, 1, 2)]
    xs, lib = sequences("torch", [len(k) for k in kids]), module("torch")
    kids = [array("torch", k) for k in kids]
    run = ml.autobatch(tree, "pc")

    def loss(w):
        return run(lib, ml.batch(xs), ml.batch(kids), w).data.sum()

    w = weights("torch")
    np.testing.assert_allclose(ad.grad(loss)(w), native_grad(loss, (0,))(w)[0], atol=1e-10)


# ----- state of any kind -----
class Pair(NamedTuple):
    h: Any
    n: int


@dataclasses.dataclass
class State:
    h: Any
    steps: int = 0


def tuples_and_dicts(np, x, w):
    state, pair, seen = {"h": w * 0, "done": False}, Pair(w, 0), []
    for v in x:
        if v > 0:
            state["h"] = state["h"] * w + v
            pair = Pair(pair.h * 0.5, pair.n + 1)
        elif not state["done"]:
            state["done"] = True
            seen.append((v, pair.n))
    return state["h"] + pair.h * pair.n + sum(a * (b + 1) for a, b in seen) * w


def step(np, state, v, w):
    if v > 0:
        state.h = np.tanh(state.h * w + v)
    state.steps += 1
    return state


def objects_that_others_change(np, x, w):
    state = State(w * 0)
    same = state
    for v in x:
        step(np, state, v, w)
    return same.h * same.steps


def a_stack_of_ones_own(np, x, w):
    """Reverse Polish: numbers are pushed, what is negative joins the last two."""
    stack = [w * 1]
    for v in x:
        if v < 0 and len(stack) > 1:
            b, a = stack.pop(), stack.pop()
            stack.append(np.tanh(a * w + b) * v)
        else:
            stack.append(v * w)
    while len(stack) > 1:
        last = stack.pop()
        stack[-1] = stack[-1] + last
    return stack[0]


def lists_in_lists(np, x, w):
    rows = [[], []]
    for i, v in enumerate(x):
        row = rows[0 if v > 0 else 1]
        row.append(v * w)
        if i % 2 == 0:
            rows[1].append(w)
    return sum([sum(row) * (k + 1) + len(row) for k, row in enumerate(rows)])


def functions_as_values(np, x, w):
    scale = x[0]

    def twice(f, v, times=2):
        return v if times == 0 else f(twice(f, v, times - 1))

    def grow(v, by=scale):
        return v * w + by if v > 0 else -v

    h = twice(grow, x[0]) + twice(lambda v: v - scale, x[-1], 3)
    scale = x[-1]
    return h + twice(lambda v: v * scale, w)


def under_a_with(np, x, w):
    import contextlib

    h, last = w, w * 0
    with contextlib.nullcontext():
        for v in x:
            h = np.tanh(h + v) if v > 0 else h * 0.5
        if x[0] > 0:
            last = x[0]
    return h + last


def walks(np, x, w):
    total = w * 0
    for (a, b), c in zip(enumerate(x), reversed(range(len(x))), strict=True):
        for k in (1, 2, 3):
            if a + k > 3 and b > 0:
                continue
            total = total * w + b * c + k
    for key, value in {"a": x[0], "b": w}.items():
        total = total + value * len(key)
    return total


def shared_in_a_tuple(np, x, w):
    pair = (x[0], w) if x[0] > 0 else (w, x[-1])
    return pair[0] * 2 + pair[1]


STATES = [shared_in_a_tuple, tuples_and_dicts, objects_that_others_change, a_stack_of_ones_own,
          lists_in_lists, functions_as_values, under_a_with, walks]  # fmt: skip
VECTORS = ([0.5, -1.0, 2.0], [-0.3], [1.5, 0.2, 0.7, -2.0, 0.1], [-0.5, -0.25, 3.0, 1.0])


@pytest.mark.parametrize("f", STATES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_state_of_any_kind(name, f):
    xs = [array(name, np.asarray(v)) for v in VECTORS]
    same_as_the_loop(name, f, (xs,), array(name, 0.8), ml.autobatch(f, "pc"))


@pytest.mark.parametrize("f", STATES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("order", sorted(ORDERS))
def test_no_line_had_to_run_for_fewer_at_once(order, f):
    xs = [array("torch", np.asarray(v)) for v in VECTORS]
    seen = profile(f, order)(module("torch"), ml.batch(xs), array("torch", 0.8))
    assert not seen.refused


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


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_batch_of_nobody(name):
    b = ml.batch([array(name, np.ones(2)), array(name, np.ones(1))])
    nobody = ml.MaskedBatch(b.data[:0], [n[:0] for n in b.sizes])
    found = ml.autobatch(a_stack_of_ones_own, "pc")(module(name), nobody, array(name, 0.7))
    assert found.data.shape[0] == 0


def sampled(np, x, key, w):
    """A sampled action decides what comes next."""
    h, steps = w * 0, 0
    while steps < len(x):
        key, own = ad.random.split(key)
        if ad.random.uniform(own, (), like=x) < 0.5:
            h = np.tanh(h * w + x[steps])
            steps += 1
        elif ad.random.bernoulli(ad.random.fold_in(own, 1), 0.3, (), like=x):
            return h - 1
        else:
            h = h * 0.9
    return h


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_each_example_draws_what_it_draws_alone(name):
    xs = [array(name, np.asarray(v)) for v in VECTORS[: 4 if name == "torch" else 2]]
    keys = ml.keys(ad.random.key(3), ml.batch(xs))
    columns = xs, keys.unbatch()
    same_as_the_loop(name, sampled, columns, array(name, 0.8), ml.autobatch(sampled, "pc"))


# ----- errors -----
def fails_on_one(np, x, w):
    if len(x) == 4:
        raise ValueError(f"{len(x)} are too many")
    return x.sum() * w


def reads_beyond(np, x, w):
    return [x[0], x[0]][: len(x)][1] * w


def has_no_value(np, x, w):
    if x[0] > 0:
        y = x[0] * w
    return y


def calls_wrongly(np, x, w):
    def go(a):
        return go(a, 1) if a > 0 else a

    return go(x[0])


@pytest.mark.parametrize(
    "f", [fails_on_one, reads_beyond, has_no_value, calls_wrongly], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_errors_are_the_loops(name, f):
    xs = [array(name, np.asarray(v)) for v in VECTORS]
    with pytest.raises(Exception) as by_loop:  # noqa: PT011
        [f(module(name), x, array(name, 0.8)) for x in xs]
    with pytest.raises(by_loop.type) as found:
        ml.autobatch(f, "pc")(module(name), ml.batch(xs), array(name, 0.8))
    if f is fails_on_one:
        assert str(found.value) == str(by_loop.value)


SEEN: list = []


def changes_a_global(np, x, w):
    if x[0] > 0:
        SEEN.append(1)
    return w


def changes_an_argument(np, x, w):
    for i in range(len(w)):
        if x[0] > 0:
            w[i] = x[0]
    return w[0]


class Counter:
    calls = 0


def changes_an_object(np, x, w):
    if x[0] > 0:
        w.calls += 1
    return x[0]


@pytest.mark.parametrize("f, w", [(changes_a_global, 1.0), (changes_an_argument, [1.0, 2.0]),
                                  (changes_an_object, Counter())])  # fmt: skip
def test_what_outlives_the_call_is_not_changed(f, w):
    xs = ml.batch([array("torch", np.asarray(v)) for v in VECTORS])
    with pytest.raises(ml.MaskError, match="outlives the call|outlive"):
        ml.autobatch(f, "pc")(module("torch"), xs, w)
    assert not SEEN


def test_a_try_is_refused():
    def f(x):
        try:
            return x[0]
        except IndexError:
            return x

    with pytest.raises(ml.MaskError, match="`try` cannot be run for a whole batch"):
        ml.autobatch(f, "pc")(ml.batch([array("torch", np.ones(2))]))


def test_while_jax_is_tracing_the_host_does_not_know_where_to_go():
    import jax

    def halved(x):
        while x > 1:
            x = x / 2
        return x

    given = batch_of_numbers("jax", (8.0, 3.0))
    with pytest.raises(ml.MaskError, match="strategy='pc' does not apply: .*jax.jit"):
        jax.jit(ml.autobatch(halved, "pc"))(given)
    with pytest.raises(ml.MaskError, match="strategy='pc' does not apply: .*ad.grad"):
        ad.grad(lambda x: ml.autobatch(halved, "pc")(x).data.sum())(given)


# ----- padding -----
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_padding_changes_not_one_bit(name):
    random = np.random.default_rng(4)
    kids = [random_tree(n, random) for n in (4, 1, 3)]
    b = ml.batch(sequences(name, [len(k) for k in kids]))
    trees, lib, seen = ml.batch([array(name, k) for k in kids]), module(name), []
    run = ml.autobatch(tree, "pc")
    for fill in (0.0, math.nan, math.inf, 1e30):
        x = ml.MaskedBatch(ad.xp.of(b.data).where(b.mask[..., None], b.data, fill), b.sizes)
        slope = native_grad(lambda w, x=x: run(lib, x, trees, w).data.sum(), (0,))
        w = weights(name)
        seen.append((to_numpy(run(lib, x, trees, w).data), to_numpy(slope(w)[0])))
    assert all((a == c).all() and (b == d).all() for a, b in seen for c, d in seen[:1])


# ----- the schedule -----
def test_the_schedule_can_be_read():
    def halved(x):
        while x > 1:
            x = x / 2
        return x

    seen = profile(halved)(batch_of_numbers("torch", (8.0, 3.0)))
    assert seen.schedule() == (
        "example, and where it is at each turn\n   0 abababac\n   1 ababa..c"
    )
    assert str(seen).splitlines()[0] == (
        "8 turns for 2 examples, which used 88% of the lanes; stacks up to 1 deep"
    )
    assert (seen.turns, seen.count, seen.lane_use, seen.deepest) == (8, 2, 14 / 16, 1)
    assert [len(s.examples) for s in seen.steps] == [2, 2, 2, 2, 2, 1, 1, 2]


def test_a_line_that_runs_for_fewer_at_once_says_why():
    def f(x):
        return {0: x[0], 1: x[-1]}[x.shape[0] % 2]

    xs = [array("torch", np.asarray(v)) for v in VECTORS]
    seen = profile(f)(ml.batch(xs))
    assert [float(y) for y in seen.result.unbatch()] == [float(f(x)) for x in xs]
    assert "fewer at once at f:" in str(seen)
