"""Lazy batching: what the trial of a function must not settle, and what may change before its calls
are made."""

from types import SimpleNamespace

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab.test_lazy import sequences, weights


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


class Scaled:
    def __init__(self, h, scale=1.0):
        self.h, self.scale, self.calls = h, scale, 0

    @property
    def twice(self):
        return self.scale * 2

    def inner(self, v):
        return v * self.twice

    def __call__(self, v):
        return self.inner(v) + self.h


def an_object_that_holds_what_is_to_come(np, x, w):
    scaled = Scaled(x[0] * 2)
    found = scaled(x[-1])
    scaled.h = x[-1]
    return found + scaled(x[0])


def an_object_that_counts(np, x, w):
    scaled, h = Scaled(w[0]), x[0]
    for v in x:
        h = h + scaled(v)
        scaled.calls += 1
    return h * scaled.calls


def first_of(a, b):
    return a


def a_list_that_is_handed_on(np, x, w):
    ys = [x[0]]
    zs = first_of(ys, [w[0]])
    zs.append(x[-1])
    return sum(ys)


def with_its_double(v):
    return [v, v * 2]


def a_list_that_is_made(np, x, w):
    ys, zs = with_its_double(x[0]), with_its_double(x[-1])
    ys[0] = w[0]
    ys.append(x[-1])
    return sum(ys) + sum(zs) * 3


OPENED = (fills_a_box, calls_what_a_function_made, an_object_that_holds_what_is_to_come,
          an_object_that_counts, a_list_that_is_handed_on, a_list_that_is_made)  # fmt: skip


@pytest.mark.parametrize("f", OPENED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("strategy", ["lazy", "fold"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_objects_and_lists_are_those_of_the_loop(name, strategy, f):
    """A function kept whole would hand the trial's object to every example."""
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
        ml.autobatch(lambda x: max(x), "lazy")(ml.batch([array(name, np.zeros(0))]))


STEPS = 2


def steps(v):
    return STEPS


def test_a_number_from_outside_may_be_another_one_next_time(monkeypatch):
    xs = sequences("torch", (2, 3))
    for now in (2, 3):
        monkeypatch.setitem(globals(), "STEPS", now)
        found = ml.autobatch(lambda x: x[0] * steps(x[0]), "lazy")(ml.batch(xs)).unbatch()
        np.testing.assert_allclose(np.stack(found), np.stack([x[0] * now for x in xs]), atol=1e-12)


def its_scale(scaled, w):
    scaled.scale = 3.0


def its_state(scaled, w):
    scaled.h = w[0]


@pytest.mark.parametrize("change", [its_scale, its_state])
@pytest.mark.parametrize("strategy", ["lazy", "fold"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_object_that_changes_before_its_calls_are_made_is_refused(name, strategy, change):
    def f(np, x, w):
        scaled = Scaled(w[1])
        found = scaled(x[0])
        change(scaled, w)
        return found + scaled(x[0])

    message = "the attribute '(scale|h)' of a Scaled is changed by f.*pass it as an argument"
    with pytest.raises(ml.MaskError, match=message):
        ml.autobatch(f, strategy)(module(name), ml.batch(sequences(name, (2, 3))), weights(name))
