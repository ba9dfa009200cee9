"""Every strategy against the plain loop: values, gradients, padding of all four kinds, odd batches.

A strategy that is added is tested here without being named. One that refuses a program has to say
why, and `corpus.refusals` has to find that it is so.
"""

import inspect
import math
import re

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from masking_lab.batches.masked_batch import is_batch
from masking_lab.strategies import STRATEGIES
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab.corpus.refusals import is_true
from tests.masking_lab.programs import PROGRAMS
from tests.masking_lab.test_lifting import POISON, _same, examples, poisoned, total

OTHERS = sorted(set(STRATEGIES) - {"loop", "masked"})  # test_lifting is about masked


def cases():
    """All programs on PyTorch. On JAX, where each call compiles, every strategy gets its share."""
    for k, strategy in enumerate(OTHERS):
        for i, f in enumerate(PROGRAMS):
            for name in FRAMEWORKS if i % 8 == k % 8 else FRAMEWORKS[:1]:
                yield pytest.param(strategy, name, f, id=f"{strategy}-{name}-{f.__name__}")


@pytest.mark.parametrize("strategy, name, f", list(cases()))
def test_the_loop_is_the_meaning(strategy, name, f):
    xs, w, lib = examples(name), array(name, 0.8), module(name)
    if not applies(strategy, f, lib, ml.batch(xs), w):
        return
    want = [f(lib, x, w) for x in xs]
    slope = native_grad(lambda w: sum(total(f(lib, x, w)) for x in xs), (0,))(w)[0]
    found, slopes = [], []
    for fill in POISON if name == "torch" else (math.nan,):
        b = poisoned(ml.batch(xs), fill)
        found.append(each(ml.autobatch(f, strategy)(lib, b, w)))
        batched = lambda w, b=b: sum(map(total, each(ml.autobatch(f, strategy)(lib, b, w))))  # noqa
        slopes.append(to_numpy(native_grad(batched, (0,))(w)[0]))
    for ours, theirs in zip(found[0], want, strict=True):
        _same(ours, theirs)
    np.testing.assert_allclose(slopes[0], to_numpy(slope), rtol=1e-10, atol=1e-12)
    assert all((g == slopes[0]).all() for g in slopes)
    assert all(bits(y) == bits(found[0]) for y in found)


def applies(strategy, f, *args):
    """False where it refuses, and has reason to."""
    why = ml.why_not(strategy, f, *args)
    if why is not None:
        text = program(f)
        assert is_true(why, text), f"{strategy} refuses without reason: {why}\n{text}"
    return why is None


def program(f):
    """The text of a function, and of what it calls in its file."""
    found = [f, *[f.__globals__.get(name) for name in names_in(f.__code__)]]
    own = [x for x in found if getattr(x, "__module__", None) == f.__module__]
    return "".join(map(inspect.getsource, own))


def names_in(code):
    inner = [c for c in code.co_consts if inspect.iscode(c)]
    return {*code.co_names, *[name for c in inner for name in names_in(c)]}


def each(result):
    """A batched result, one example after the other."""
    parts, _, rebuild = ad.trees.flatten(result, is_leaf=is_batch)
    return [rebuild(list(own)) for own in zip(*[p.unbatch() for p in parts], strict=True)]


def bits(results):
    return [to_numpy(leaf).tobytes() for leaf in ad.trees.leaves(results)]


# ----- odd batches: the same few programs, by every strategy -----
def last_state(np, x, w):
    h = w * 0.1
    for v in x:
        h = np.tanh(h * w + v)
    return h


def states(np, x, w):
    h, seen = w * 0.1, [w * 0.2]
    for v in x:
        if v * w > -0.5:
            h = np.tanh(h * w + v)
        seen.append(h * v)
    return np.stack(seen)


def straight(np, x, w):
    return np.tanh(x * w).sum() * x.shape[0]


ODD = {
    "no entries": [[], [], []],
    "none and one": [[], [0.5], []],
    "one each": [[0.5], [-2.0]],
    "one example": [[0.3, -0.9, 1.5]],
    "one empty example": [[]],
    "equal": [[0.1, 0.2], [-0.3, 0.4], [1.0, -1.0]],
}
KINDS = (last_state, states, straight)


def gradients(name, f, strategy, xs, w):
    """Of the weight and of each example."""
    lib, batch = module(name), ml.batch(xs)

    def batched(w, data):
        b = ml.MaskedBatch(data, batch.sizes)
        return sum(map(total, each(ml.autobatch(f, strategy)(lib, b, w))))

    return [to_numpy(g) for g in native_grad(batched, (0, 1))(w, batch.data)]


@pytest.mark.parametrize("f", KINDS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("lengths", ODD)
@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"loop"}))
def test_lengths_of_none_and_one(strategy, lengths, f):
    hold("torch", strategy, ODD[lengths], f)


@pytest.mark.parametrize("lengths, dtype", [("none and one", "float32"), ("equal", "float64")])
@pytest.mark.parametrize("strategy", OTHERS)
@pytest.mark.parametrize("name", ["jax"])
def test_lengths_of_none_and_one_on_jax(name, strategy, lengths, dtype):
    hold(name, strategy, ODD[lengths], last_state, dtype)


def hold(name, strategy, values, f, dtype="float64"):
    xs = [array(name, np.asarray(v, dtype)) for v in values]
    w, lib = array(name, np.asarray(0.8, dtype)), module(name)
    if not applies(strategy, f, lib, ml.batch(xs, ragged=0), w):
        return
    tolerance = {"float64": 1e-12, "float32": 1e-5}[dtype]
    found = each(ml.autobatch(f, strategy)(lib, ml.batch(xs, ragged=0), w))
    for ours, x in zip(found, xs, strict=True):
        theirs = f(lib, x, w)
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), tolerance, tolerance)
    for ours, theirs in zip(*(gradients(name, f, s, xs, w) for s in (strategy, "loop")),
                            strict=True):  # fmt: skip
        np.testing.assert_allclose(ours, theirs, tolerance, tolerance)


@pytest.mark.parametrize("f", KINDS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("strategy", OTHERS)
@pytest.mark.parametrize("name", ["torch"])
def test_dtypes(name, strategy, f):
    hold(name, strategy, [[0.5, -1.0, 2.0], [0.25]], f, "float32")


@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"loop"}))
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_whole_numbers_stay_whole(name, strategy):
    def counted(np, x, w):
        n = x[0] * 0
        for v in x:
            if v > 1:
                n = n + v
        return n

    xs, lib = [array(name, v) for v in ([3, 1, 2], [0], [1, 5])], module(name)
    if not applies(strategy, counted, lib, ml.batch(xs), None):
        return
    found = each(ml.autobatch(counted, strategy)(lib, ml.batch(xs), None))
    assert [int(n) for n in found] == [5, 0, 5]
    assert all(n.dtype == xs[0].dtype for n in found)


@pytest.mark.parametrize("f", KINDS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("strategy", OTHERS)
def test_no_examples(strategy, f):
    """The strategies that trace or mask know the shape of nothing; the others say they do not."""
    lib, w = module("torch"), array("torch", 0.8)
    none = ml.batch([], like=array("torch", np.ones(3)), ragged=0)
    try:
        found = ml.autobatch(f, strategy)(lib, none, w)
    except ml.MaskError as error:
        assert re.search("no example|none", str(error))
        return
    assert len(found) == 0


@pytest.mark.parametrize("strategy", OTHERS)
def test_what_no_example_tells_is_refused(strategy):
    import torch

    none = ml.batch([], like=torch.ones(3), ragged=0)
    with pytest.raises(ml.MaskError, match="no example|none"):
        ml.autobatch(lambda x: torch.stack([v * 2 for v in x]) + x[0], strategy)(none)


@pytest.mark.parametrize("f", KINDS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("strategy", OTHERS)
def test_the_order_of_the_examples_does_not_matter(strategy, f):
    xs, w, lib = examples("torch"), array("torch", 0.8), module("torch")
    if not applies(strategy, f, lib, ml.batch(xs), w):
        return
    run, order = ml.autobatch(f, strategy), [2, 0, 3, 1]
    straight_on = each(run(lib, ml.batch(xs), w))
    turned = each(run(lib, ml.batch([xs[i] for i in order]), w))
    for ours, i in zip(turned, order, strict=True):
        np.testing.assert_allclose(ours, straight_on[i], 1e-13, 1e-13)


# ----- loops without an end -----
def counts(x):
    n = 0
    while n < x:
        n = n + 1
    return n * 1.0


def counts_within(x):
    n = i = 0
    while i < 3:
        i, j = i + 1, 0
        while j < x:
            j, n = j + 1, n + 1
    return n * 1.0


def leaves_in_the_middle(x):
    n = 0
    while True:
        n = n + 1
        if n >= x:
            return n * 1.0
        if n == 2:
            continue


def shares_its_head(x):
    """Where the outer loop begins, the inner one does."""
    n = m = 0
    while True:
        while n < x:
            n = n + 1
        m = m + 1
        if m > 2:
            return n * 1.0
        n = 0


def asks_twice(x):
    n = 0
    while (n < x and n < 100) or n == 50:
        n = n + 1
        if n == 40:
            break
    return n * 1.0


@pytest.mark.parametrize("strategy", ["masked", "shrink", "lazy", "pc"])
@pytest.mark.parametrize("f", [counts, counts_within, leaves_in_the_middle, shares_its_head,
                               asks_twice], ids=lambda f: f.__name__)  # fmt: skip
def test_a_loop_may_make_max_trips_and_no_more(f, strategy):
    """Of each example's own; a loop that is entered again begins anew."""
    name = FRAMEWORKS[0]
    b, want = ml.batch([array(name, n) for n in (3.0, 8.0, 2.0)]), [f(3.0), f(8.0), f(2.0)]
    found = ml.autobatch(f, strategy, max_trips=8)(b)
    assert [float(y) for y in found.unbatch()] == want
    told = r"the loop at line \d+: `while .*` goes on after 7 trips on examples \[1\]; mend"
    with pytest.raises(ml.MaskError, match=told):
        ml.autobatch(f, strategy, max_trips=7)(b)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_recursion_without_end_is_refused_by_pc(name, monkeypatch):
    """As Python does, which has no stack so deep; the two that end do no harm."""
    from masking_lab.strategies.pc import machine

    monkeypatch.setattr(machine, "DEEP", 1)

    def f(x):
        return x if x < 1 else f(x / 2 if x < 5 else x * 2)

    b = ml.batch([array(name, n) for n in (3.0, 8.0, 2.0)])
    told = r"calls of f stand \d+ deep on examples \[1\]; mend what ends the recursion"
    with pytest.raises(RecursionError, match=told):
        ml.autobatch(f, "pc")(b)
