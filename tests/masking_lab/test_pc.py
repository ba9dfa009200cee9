"""Program counters: state of any kind, the schedule, and what is refused.

The oracle is the plain loop over the examples in float64, with the framework's own gradient. (All
programs of the corpus and the poison in their padding are tried in `test_strategies`; recursion
in `test_pc_recursion`.)
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from masking_lab.strategies.pc import ORDERS, profile
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy


def batch_of_numbers(name, values):
    return ml.batch([array(name, v) for v in values])


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


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_if_behind_another_needs_no_turn_of_its_own(name):
    """Who has chosen goes on at once; where a loop begins, examples wait for each other."""

    def f(x):
        while x > 1:
            if x > 4:
                far = True
            else:
                far = False
            if far:
                x = x / 4
            else:
                x = x / 2
        return x

    seen = profile(f)(ml.batch([array(name, n) for n in (9.0, 3.0, 0.5)]))
    assert [float(y) for y in seen.result.unbatch()] == [f(9.0), f(3.0), f(0.5)]
    asked = {text for (_, _, text) in seen.places()}
    assert "if x > 4:" in asked and "if far:" not in asked
