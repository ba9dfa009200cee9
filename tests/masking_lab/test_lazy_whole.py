"""Lazy batching: which functions may stay whole, and what a trial of one must not settle."""

from typing import NamedTuple

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, module, to_numpy
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
