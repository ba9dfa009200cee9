"""Lazy batching: which functions may stay whole, and what a trial of one must not settle."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab.test_lazy import lazily, sequences, weights


def keeps_count(np, x, seen):
    seen.append(x)
    return x * len(seen)


def counts(np, x, w):
    seen: list = []
    total = 0.0 * w
    for v in x:
        total = total + keeps_count(np, v, seen).sum()
    return total


def closes_over_its_own(np, x, w):
    def scaled(v):
        return v * x.sum()

    return scaled(x[0] @ w)


class Twice:
    def __init__(self, w):
        self.w = w

    def __call__(self, v):
        return v @ self.w * 2


def an_object(np, x, w):
    f = Twice(w)
    return f(x[0])


@pytest.mark.parametrize("f", [counts, closes_over_its_own, an_object], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_sees_more_than_its_arguments_is_opened(name, f):
    xs, w, lib = sequences(name, (2, 3, 1)), weights(name), module(name)
    found = lazily(f)(lib, ml.batch(xs), w).unbatch()
    for a, x in zip(found, xs, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(f(lib, x, w)), atol=1e-12)


class State(NamedTuple):
    h: object
    best: object


def moved(state, v, w):
    return State(state.h @ w + v, state.best)


def tuples_with_names(np, x, w):
    state = State(w[0], x[0])
    for v in x:
        state = moved(state, v, w)
    return state.h * state.best


def the_largest_two(np, x, w):
    found = np.topk(x @ w[0], 2)
    return found.values.sum() * x[found.indices].sum(0)


@pytest.mark.parametrize("f", [tuples_with_names, the_largest_two], ids=lambda f: f.__name__)
def test_tuples_with_names_are_looked_into(f):
    xs, w, lib = sequences("torch", (2, 3, 4)), weights("torch"), module("torch")
    found = lazily(f)(lib, ml.batch(xs), w).unbatch()
    for a, x in zip(found, xs, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(f(lib, x, w)), atol=1e-12)


def a_cell_that_decides(v, w):
    return v @ w, 1 if v.sum() > 0.4 else 3


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_a_cell_decides_is_not_settled_by_its_trial(name):
    def f(np, x, w):
        y, n = a_cell_that_decides(x[0], w)
        return y * n

    xs, w, lib = sequences(name, (2, 3, 4, 1)), weights(name), module(name)
    found = lazily(f)(lib, ml.batch(xs), w).unbatch()
    assert len({float(x[0].sum()) > 0.4 for x in xs}) == 2
    for a, x in zip(found, xs, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(f(lib, x, w)), atol=1e-12)


def make_box(h):
    return SimpleNamespace(h=h, calls=0)


def make_adder(h):
    return lambda v: v + h


def fills_a_box(np, x, w):
    box = make_box(w[0] * 0.5)
    for v in x:
        box.h = np.tanh(box.h + v)
        box.calls += 1
    return box.h * box.calls


def calls_what_a_function_made(np, x, w):
    return make_adder(w[0] * x[0])(x[0] @ w)


@pytest.mark.parametrize("f", [fills_a_box, calls_what_a_function_made], ids=lambda f: f.__name__)
@pytest.mark.parametrize("strategy", ["lazy", "fold"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_function_that_makes_an_object_is_opened(name, strategy, f):
    """Kept whole, it would hand the trial's object to every example."""
    xs, w, lib = sequences(name, (2, 3, 1)), weights(name), module(name)
    found = ml.autobatch(f, strategy)(lib, ml.batch(xs), w).unbatch()
    for a, x in zip(found, xs, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(f(lib, x, w)), atol=1e-12)


EXTREMES = {
    "with a number": lambda x: 1.0 * min(x[0], 0.3) + max(0.3, x[0]),
    "with the trial's own number": lambda x: min(x[0], 1.0) + max(x[0], 1.0),
    "of three": lambda x: min(0.5, 0.3, x[0]) * max(x[0], x[1], 0.3),
    "of an array": lambda x: min(x) * 2 + max(x),
    "of a list": lambda x: max([v * v for v in x] + [0.3]),
    "of one value given twice": lambda x: min(x[0], x[0]) * 1.0,
}


@pytest.mark.parametrize("f", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("strategy", ["lazy", "fold"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_whose_number_is_the_least_is_not_settled_by_the_trial(name, strategy, f):
    """min(v, 0.3) answered 0.3 for every example, since that is less than the trial's one."""
    values = [[0.1, 2.0], [0.5, 0.2], [-3.0, 1.0, 4.0], [1.5, -0.5, 0.2]]
    for chosen in (values, values[1:2], values[3:]):  # all, or none above the number
        xs = [array(name, np.asarray(v)) for v in chosen]
        score = lambda xs: [float(y) for y in ml.autobatch(f, strategy)(ml.batch(xs)).unbatch()]  # noqa: E731
        np.testing.assert_allclose(score(xs), [float(f(x)) for x in xs], atol=1e-12)
    total = lambda x: ml.autobatch(f, strategy)(ml.batch([x, x * 2])).data.sum()  # noqa: E731
    want = lambda x: f(x) + f(x * 2)  # noqa: E731
    x = array(name, np.asarray(values[0]))
    slopes = [to_numpy(native_grad(g, (0,))(x)[0]) for g in (total, want)]
    np.testing.assert_allclose(*slopes, atol=1e-12)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_least_of_nothing_is_the_loops_error(name):
    with pytest.raises(ValueError, match="empty"):
        lazily(lambda x: max(x))(ml.batch([array(name, np.zeros(0))]))


WIDE = False


def wide_or_not(v, w):
    return v @ w if WIDE else (v @ w)[:2]


def test_a_cell_that_has_changed_since_it_was_tried(monkeypatch):
    xs, w, lib = sequences("torch", (2, 3)), weights("torch"), module("torch")
    f = lambda np, x, w: wide_or_not(x[0], w) * 2  # noqa: E731
    for wide in (False, True):
        monkeypatch.setitem(globals(), "WIDE", wide)
        found = lazily(f)(lib, ml.batch(xs), w).data
        np.testing.assert_allclose(found, np.stack([f(lib, x, w) for x in xs]), atol=1e-12)
