"""Strategies for sequences (shrink, packed, bucketed) on models written for one sequence.

The oracle is the loop over the examples, in float64, on the same framework.
"""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab import sequences
from tests.masking_lab.sequences import MODELS
from tests.masking_lab.test_lifting import POISON

STRATEGIES = ["shrink", "packed", "bucketed"]
D = 3


def weights(name, dtype="float64"):
    draw = np.random.default_rng(0)
    names = ("zx", "zh", "rx", "rh", "nx", "nh")
    return {k: array(name, draw.normal(size=(D, D)).astype(dtype) * 0.6) for k in names}


def inputs(name, lengths, dtype="float64"):
    draw = np.random.default_rng(1)
    return [array(name, draw.normal(size=(n, D)).astype(dtype)) for n in lengths]


def poisoned(b, value):
    mask = b.mask_of_all_dims()
    return ml.MaskedBatch(xp.of(b.data).where(mask, b.data, value), b.sizes)


def slopes(f, w):
    """The gradient of a sum of results, for each weight that has one."""
    names = sorted(w)
    found = native_grad(lambda *ws: f(dict(zip(names, ws, strict=True))), tuple(range(len(names))))
    return [to_numpy(g) for g in found(*[w[k] for k in names])]


def same(found, wanted, tolerance=1e-10):
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("f", MODELS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_values_and_gradients_are_the_loops(strategy, name, f):
    lengths = (3, 1, 5, 2) if name == "torch" else (3, 1)
    if name == "jax" and f is sequences.edit_distance:
        lengths = (2, 1)  # what is compiled grows with their square: 25 s for (3, 1)
    xs, w, lib = inputs(name, lengths), weights(name), module(name)
    batched, found, seen = ml.autobatch(f, strategy), [], []
    for fill in POISON if name == "torch" else POISON[1:2]:
        b = poisoned(ml.batch(xs), fill)
        found.append(batched(lib, b, w).unbatch())
        seen.append(slopes(lambda w, b=b: _sum(batched(lib, b, w).unbatch()), w))
    same(found[0], [f(lib, x, w) for x in xs])
    same(seen[0], slopes(lambda w: _sum([f(lib, x, w) for x in xs]), w), 1e-9)
    for one, slope in zip(found, seen, strict=True):
        assert _bits(one) == _bits(found[0]) and _bits(slope) == _bits(seen[0])


def _sum(ys):
    return sum((y * y).sum() for y in ys)


def _bits(ys):
    return [to_numpy(y).tobytes() for y in ys]


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_words_of_characters(strategy, name):
    """Nested raggedness: characters in words, words in sentences, some of them empty."""
    w, lib = weights(name), module(name)
    sentences = [inputs(name, n) for n in ((2, 1), (3,), (1, 2, 4))]
    b, f = ml.batch(sentences), sequences.characters_in_words
    found = ml.autobatch(f, strategy)(lib, b, w)
    same(found.unbatch(), [f(lib, x, w) for x in sentences])
    slope = slopes(lambda w: _sum(ml.autobatch(f, strategy)(lib, b, w).unbatch()), w)
    same(slope, slopes(lambda w: _sum([f(lib, x, w) for x in sentences]), w), 1e-9)


@pytest.mark.parametrize("lengths", [(0, 2, 0, 1), (0, 0), (1,), (4, 4, 4)], ids=str)
@pytest.mark.parametrize("f", [sequences.last_state, sequences.early_exit, sequences.features])
@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_empty_sequences_and_small_batches(strategy, name, f, lengths):
    if f is sequences.features and 0 in lengths:
        lengths = (1, 2)  # the mean of nothing is NaN
    xs, w, lib = inputs(name, lengths), weights(name), module(name)
    found = ml.autobatch(f, strategy)(lib, ml.batch(xs, ragged=0), w)
    same(found.unbatch(), [f(lib, x, w) for x in xs])


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_examples(strategy, name):
    b = ml.batch([], like=inputs(name, (2,))[0], ragged=0)
    found = ml.autobatch(sequences.last_state, strategy)(module(name), b, weights(name))
    assert len(found) == 0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_order_of_the_examples_does_not_matter(strategy):
    xs, w, lib = inputs("torch", (3, 1, 5, 2, 5)), weights("torch"), module("torch")
    for f in MODELS:
        found = ml.autobatch(f, strategy)(lib, ml.batch(xs), w).unbatch()
        turned = ml.autobatch(f, strategy)(lib, ml.batch(xs[::-1]), w).unbatch()
        same(found, turned[::-1], 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_dtypes_stay(strategy, dtype):
    xs, lib = inputs("torch", (3, 1, 4), dtype), module("torch")
    w = {k: v.to(xs[0].dtype) for k, v in weights("torch").items()}
    for f in (sequences.tagger, sequences.features):
        found = ml.autobatch(f, strategy)(lib, ml.batch(xs), w)
        assert found.dtype == f(lib, xs[0], w).dtype
        same(found.unbatch(), [f(lib, x, w) for x in xs], 1e-5 if dtype == "float32" else 2e-2)


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("strategy", ["shrink", "packed", "bucketed"])
def test_autodiff_labs_own_gradient(strategy, name):
    xs, w, lib = inputs(name, (2, 1, 3)), weights(name), module(name)
    f, b = sequences.last_state, ml.batch(xs)
    ours = ad.grad(lambda w: ml.autobatch(f, strategy)(lib, b, w).data.sum())(w)
    theirs = ad.grad(lambda w: sum(f(lib, x, w).sum() for x in xs))(w)
    same([ours[k] for k in sorted(w)], [theirs[k] for k in sorted(w)])


# ----- what is done -----
def test_only_those_who_go_on_make_a_trip():
    """In all as many steps as the examples have entries, in as many calls as the longest has."""
    torch, rows = module("torch"), []

    def f(x):
        h = x.new_zeros(D)
        for v in x:
            h = torch.tanh(v * 2.0 + h)
        return h

    xs = inputs("torch", (3, 1, 5, 2))
    for strategy in ("shrink", "packed"):
        rows.clear()
        with _counted(torch, rows):
            ml.autobatch(f, strategy)(ml.batch(xs))
        assert rows == [4, 3, 2, 1, 1]


def _counted(torch, rows):
    """The numbers of rows of each tanh that runs."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func is torch.ops.aten.tanh.default:
                rows.append(args[0].shape[0])
            return func(*args, **kwargs or {})

    return Counting()


@pytest.mark.parametrize("f", MODELS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("strategy", ["shrink", "packed"])
def test_calls_do_not_grow_with_the_batch(strategy, f):
    torch, w, counts = module("torch"), weights("torch"), []
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counting(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            counts[-1] += 1
            return func(*args, **kwargs or {})

    b = ml.batch(inputs("torch", (3, 1, 5, 2)))
    for again in (1, 1, 4):
        many = ml.batch(b.unbatch() * again)
        counts.append(0)
        with Counting():
            ml.autobatch(f, strategy)(torch, many, w)
    assert counts[2] <= counts[1] * 1.1 + 8


def test_what_is_packed_has_no_padding():
    """A product with weights sees the entries of all examples, one after the other."""
    torch, shapes = module("torch"), []

    def f(x, w):
        shapes.append(tuple((x @ w).rows.shape))
        return torch.softmax(x @ w, -1).sum(0)

    xs = inputs("torch", (3, 1, 5))
    found = ml.autobatch(f, "packed")(ml.batch(xs), weights("torch")["zx"])
    assert shapes == [(9, D)]
    same(found.unbatch(), [torch.softmax(x @ weights("torch")["zx"], -1).sum(0) for x in xs])


# ----- buckets -----
def test_one_program_for_each_bucket():
    jax = pytest.importorskip("jax")
    seen, w, draw = [], weights("jax"), np.random.default_rng(3)

    def last_state(lib, x, w):  # of this test alone: no other has compiled it
        return sequences.last_state(lib, x, w)

    batched = ml.autobatch(last_state, "bucketed")

    def note(event, *_, **__):
        if "backend_compile" in event:
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        for step in range(60):
            lengths = np.append(draw.integers(1, 13, 5), 9 + step % 4)
            b = ml.batch([draw.normal(size=(n, D)) for n in lengths], like=w["zx"])
            batched(module("jax"), b, w)
            if not step:  # the first time, constants are made too
                seen.clear()
        assert len(seen) == 0
        b = ml.batch([draw.normal(size=(n, D)) for n in (3, 4, 1)], like=w["zx"])
        batched(module("jax"), b, w)
        assert len(seen) == 1
    finally:
        jax.monitoring.clear_event_listeners()


def test_buckets_of_ones_own():
    xs, w, lib = inputs("torch", (3, 5)), weights("torch"), module("torch")
    b, shapes = ml.batch(xs), []

    def f(x):
        shapes.append(tuple(x.extent))
        return x.sum()

    ml.autobatch(f, _with_buckets((4, 7)))(b)
    assert shapes == [(7, D)]
    with pytest.raises(ml.MaskError, match="length 5, and its largest bucket is 4"):
        ml.autobatch(sequences.last_state, _with_buckets((4,)))(lib, b, w)


def _with_buckets(buckets):
    from masking_lab.strategies import STRATEGIES

    return lambda *args: STRATEGIES["bucketed"](*args, buckets=buckets)


def test_a_compiled_program_sees_what_changes_outside():
    """A weight in a closure, a number in a list, a global of the function's own module."""
    pytest.importorskip("jax")
    xs = inputs("jax", (2, 3))
    scale, more = [array("jax", 2.0)], {"k": 1.0}

    def f(x):
        return (x * scale[0]).sum() * more["k"]

    batched = ml.autobatch(f, "bucketed")
    for _ in range(2):
        same(batched(ml.batch(xs)).unbatch(), [f(x) for x in xs])
        scale[0], more["k"] = array("jax", 3.0), 5.0


@pytest.mark.parametrize("strategy", ["shrink", "packed"])
def test_under_jit_they_do_not_apply(strategy):
    jax = pytest.importorskip("jax")
    b, w = ml.batch(inputs("jax", (2, 3))), weights("jax")
    run = ml.autobatch(sequences.last_state, strategy)
    with pytest.raises(ml.MaskError, match=f"'{strategy}' does not apply: under jax.jit"):
        jax.jit(lambda b: run(module("jax"), b, w))(b)


def test_bucketed_under_jit():
    jax = pytest.importorskip("jax")
    xs, w, lib = inputs("jax", (2, 3)), weights("jax"), module("jax")
    run = ml.autobatch(sequences.last_state, "bucketed")
    found = jax.jit(lambda b: run(lib, b, w))(ml.batch(xs))
    same(found.unbatch(), [sequences.last_state(lib, x, w) for x in xs])


# ----- errors -----
@pytest.mark.parametrize("strategy", ["shrink", "packed"])
def test_errors_name_the_examples_by_their_own_numbers(strategy):
    def f(x):
        h = 0.0
        for v in x:
            assert (v < 2.0).all(), "too large"
            h = h + v.sum()
        return h

    xs = inputs("torch", (1, 2, 4, 3))
    xs[3][2] = 5.0
    with pytest.raises(AssertionError, match=r"too large \(on examples \[3\]\)"):
        ml.autobatch(f, strategy)(ml.batch(xs))


# ----- what is done quickly means the same -----
@pytest.mark.parametrize("name", FRAMEWORKS[:1])
def test_along_the_ragged_dim_entries_of_one_example_meet_only(name):
    torch, xs = module(name), inputs(name, (3, 1, 4))
    for f in (
        lambda x: torch.softmax(x.exp(), 0),
        lambda x: x.exp().cumsum(0),
        lambda x: x.exp().T @ x.exp(),
        lambda x: torch.nn.functional.layer_norm(x.T, x.T.shape[1:]) if len(x) > 9 else x.flip(0),
        lambda x: x.exp().amax(0) + x.sum() + x.std(0, correction=0),
    ):
        same(ml.autobatch(f, "packed")(ml.batch(xs)).unbatch(), [f(x) for x in xs])
