"""Lazy batching: what runs together, and what is refused.

(What may stay whole is tested in `test_lazy_whole`.)
"""

import gc
import sys

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from masking_lab.models.tree_lstm import random_tree
from masking_lab.strategies import lazy
from masking_lab.strategies.lazy import schedule
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy

D = 3


def cell(np, x, h, w):
    return np.tanh(x @ w + h @ w)


def chain(np, x, h, w):
    for v in x:
        h = cell(np, v, h, w)
    return h


def tree(np, x, kids, w):
    def go(i):
        if kids[i, 0] < 0:
            return np.tanh(x[i] @ w)
        return cell(np, go(kids[i, 0]), go(kids[i, 1]), w)

    return go(len(x) - 1)


def decides_by_its_values(np, x, h, w):
    steps = 0
    while h.sum() < 2.0 and steps < 9:
        h = cell(np, x[steps % len(x)], h, w) + 0.25
        steps += 1
    return h * steps


def weights(name):
    random = np.random.default_rng(0)
    return array(name, random.normal(size=(D, D)))


def sequences(name, lengths):
    random = np.random.default_rng(1)
    return [array(name, random.normal(size=(n, D))) for n in lengths]


def lazily(f, **options):
    return ml.autobatch(f, lambda *args: lazy.lazy(*args, **options))


@pytest.mark.parametrize("order", ["agenda", "depth"])
@pytest.mark.parametrize("whole", [True, False], ids=["cells", "operations"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_trees(name, whole, order):
    random, w, lib = np.random.default_rng(2), weights(name), module(name)
    kids = [random_tree(random, n) for n in (1, 2, 5, 3)]
    xs = sequences(name, [len(k) for k in kids])
    kids = [array(name, k) for k in kids]
    want = [tree(lib, x, k, w) for x, k in zip(xs, kids, strict=True)]

    def summed(w):
        return lazily(tree, whole=whole, order=order)(lib, ml.batch(xs), ml.batch(kids), w)

    for found, expected in zip(summed(w).unbatch(), want, strict=True):
        np.testing.assert_allclose(to_numpy(found), to_numpy(expected), atol=1e-12)
    slopes = [
        to_numpy(native_grad(f, (0,))(w)[0])
        for f in (
            lambda w: summed(w).data.sum(),
            lambda w: sum(tree(lib, x, k, w).sum() for x, k in zip(xs, kids, strict=True)),
        )
    ]
    np.testing.assert_allclose(*slopes, atol=1e-10)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_calls_do_not_grow_with_the_batch(name, groups):
    lib, w, h = module(name), weights(name), array(name, np.zeros(D))
    counts = []
    for lengths in ((3, 1, 5), (3, 1, 5) * 4):
        groups.clear()
        lazily(chain)(lib, ml.batch(sequences(name, lengths)), h, w)
        counts.append(len(groups))
    assert counts == [6, 6]  # the entries of all sequences are read at once, and five steps
    assert sum(groups) == 2 * 9 * 4


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_examples_that_ask_for_numbers_wait_for_each_other(name, groups):
    lib, w, h = module(name), weights(name), array(name, np.zeros(D))
    xs = sequences(name, (2, 3, 1))
    want = [decides_by_its_values(lib, x, h, w) for x in xs]
    found = lazily(decides_by_its_values)(lib, ml.batch(xs), h, w)
    for a, b in zip(found.unbatch(), want, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), atol=1e-12)
    alone: list = []
    for x in xs:
        groups.clear()
        lazily(decides_by_its_values)(lib, ml.batch([x]), h, w)
        alone.append(len(groups))
    groups.clear()
    lazily(decides_by_its_values)(lib, ml.batch(xs), h, w)
    assert len(groups) < sum(alone)


def test_the_agenda_waits_for_stragglers():
    """A loss at the end of each sentence: by depth they run one length at a time."""

    class One:
        there, call = False, None

    def call(kind, depth, *before):
        made = lazy.later.Call.__new__(lazy.later.Call)
        made.alike, made.depth, made.inputs = kind, depth, []
        for b in before:
            x = One()
            x.call = b
            made.inputs.append(x)
        return made

    def sentence(n):
        steps = [call("step", 1)]
        for _ in range(n - 1):
            steps.append(call("step", len(steps) + 1, steps[-1]))
        last = One()
        last.call = call("loss", n + 1, steps[-1])
        return last

    wanted = [sentence(n) for n in (1, 2, 3)]
    by_depth = [len(g) for g in schedule.by_depth(schedule.pending(wanted))]
    agenda = [len(g) for g in schedule.by_agenda(schedule.pending(wanted))]
    assert sorted(by_depth) == [1, 1, 1, 1, 2, 3]
    assert agenda == [3, 2, 1, 3]


# ----- containers -----
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_lists_of_different_lengths_are_padded_with_zeros(name):
    w, lib = weights(name), module(name)
    f = lambda np, x, w: np.stack([v @ w for v in x])  # noqa: E731
    found = lazily(f)(lib, ml.batch(sequences(name, (3, 1))), w)
    assert (to_numpy(found.data)[1, 1:] == 0).all() and to_numpy(found.lengths).tolist() == [3, 1]


def test_a_container_that_all_share_is_not_changed():
    def f(np, x, w):
        w["seen"] = x
        return x.sum()

    b, w = ml.batch(sequences("torch", (2, 3))), {"w": weights("torch")}
    with pytest.raises(ml.MaskError, match="a dict that all examples share is changed"):
        lazily(f)(module("torch"), b, w)
    assert list(w) == ["w"]


# ----- errors are the loop's -----
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_entry_that_is_not_there(name):
    xs, lib = sequences(name, (2, 3)), module(name)
    with pytest.raises(IndexError, match="index 2 is out of bounds for a dim of size 2"):
        lazily(lambda np, x: x[2])(lib, ml.batch(xs))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_exception_of_one_example(name):
    def f(np, x):
        if len(x) == 3:
            raise ValueError("three")
        return x.sum()

    with pytest.raises(ValueError, match="three"):
        lazily(f)(module(name), ml.batch(sequences(name, (2, 3))))


def written(np, x, w):
    z = np.zeros(4) * w[0, 0]
    for i in range(len(x)):
        if np.__name__ == "torch":
            z[i] = x[i].sum() * w[0, 0]
            z[-1] += x[i, 0]
        else:
            z = z.at[i].set(x[i].sum() * w[0, 0])
            z = z.at[-1].add(x[i, 0])
    return z @ z


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_writes_of_one_place_are_one_call(name, groups):
    w, lib, counts = weights(name), module(name), []
    for lengths in ((2, 3, 1), (2, 3, 1) * 3):
        groups.clear()
        xs = sequences(name, lengths)
        found = lazily(written)(lib, ml.batch(xs), w).unbatch()
        for a, x in zip(found, xs, strict=True):
            np.testing.assert_allclose(to_numpy(a), to_numpy(written(lib, x, w)), atol=1e-12)
        counts.append(len(groups))
    assert counts[0] == counts[1]


def test_a_write_that_another_name_would_see_is_refused():
    def f(np, x):
        y = x * 1
        z = y
        y[0] = 0.0
        return y + z

    with pytest.raises(ml.MaskError, match="would be seen through"):
        lazily(f)(module("torch"), ml.batch(sequences("torch", (2,))))


def test_a_generator_that_all_share_is_refused():
    import torch

    with pytest.raises(ml.MaskError, match=r"torch\.rand at .*ml\.keys\(key, batch\)"):
        lazily(lambda np, x: x + np.rand(x.shape[1]))(torch, ml.batch(sequences("torch", (2, 3))))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_whole_numbers_some_of_which_are_still_to_come(name):
    def f(np, x, n):
        k = n if n > 1 else x[:, 0].argmax()
        return x[0] * k + k

    xs, ns, lib = sequences(name, (2, 3, 4)), [array(name, n) for n in (0, 2, 1)], module(name)
    found = lazily(f)(lib, ml.batch(xs), ml.batch(ns)).unbatch()
    for a, x, n in zip(found, xs, ns, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(f(lib, x, n)), atol=1e-12)


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt, SystemExit])
def test_the_collector_and_the_stack_are_left_as_they_were(error):
    """Also by whoever is inside another run, and leaves first."""
    name, seen = FRAMEWORKS[0], []
    before = gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit()
    b = ml.batch(sequences(name, (2, 3)))

    def inner(x):
        seen.append((gc.isenabled(), gc.get_threshold()[0] >= before[1][0]))
        if error is not None:
            raise error
        return x * 2.0

    def f(x):
        ml.autobatch(inner, "lazy")(b)
        return x * 1.0

    if error is None:
        ml.autobatch(f, "lazy")(b)
    else:
        with pytest.raises(error):
            ml.autobatch(f, "lazy")(b)
    assert (gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit()) == before
    assert set(seen) == {(True, True)}


@pytest.mark.parametrize("strategy", ["lazy", "fold"])
def test_a_tape_sees_no_more_calls_of_more_examples(strategy):
    """Weights that are watched by a tape are still shared: also where words choose a row."""
    torch = module("torch")
    w = {"rows": torch.ones(5, 3).double(), "w": torch.ones(3, 3).double()}

    def f(words, w):
        h = w["rows"][words[0]]
        for i in range(1, len(words)):
            h = torch.tanh(h @ w["w"] + w["rows"][words[i]])
        return h

    def nodes(count):
        words = ml.batch([torch.tensor([k % 5, 1, 2, 4]) for k in range(count)])
        batched = ml.autobatch(f, strategy)
        return len(ad.record(lambda w: batched(words, w).data.sum(), w).nodes)

    nodes(2)  # how answers look is tried once, and the tape sees that too
    assert nodes(16) <= nodes(2)
