"""`ml.mask`: each function of `sized` against the call without padding, alone and under vmap."""

import functools

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, to_numpy
from tests.masking_lab import sized

both = pytest.mark.parametrize("name", FRAMEWORKS)
PADDED, LENGTHS, FILLS = 7, (5, 7, 2), (0.0, np.nan, np.inf, 1e30)
X = np.random.default_rng(0).normal(size=(PADDED, 4))
W = np.random.default_rng(1).normal(size=(4, 4)) / 2
SPEC = ("n, 4", None)
RTOL = 1e-6  # JAX's own dot_product_attention computes its weights in float32

# What is refused, and a word of the sentence that says so.
REFUSED = {
    ("torch", "dropout"): "rand_like|dropout",
    ("jax", "searchsorted"): "ragged size",  # JAX itself wants to know it, up to 0.10
}
# On PyTorch nobody can ask under vmap whether a loop goes on; JAX compiles it.
UNDER_VMAP = {**REFUSED, ("torch", "while"): "vmap"}
# JAX differentiates no `while` backwards, and neither do we.
NO_GRADIENT = {("jax", "while")}


@functools.cache
def functions(name):
    pytest.importorskip(name)
    return sized.on_jax() if name == "jax" else sized.on_torch()


def every(table):
    return pytest.mark.parametrize(
        "name, title", [(n, t) for n in FRAMEWORKS for t in sized.NAMES if (n, t) not in table]
    )


def filled(n, fill):
    x = X.copy()
    x[n:] = fill
    return x


@functools.cache
def alone(name, title, n):
    """`(value, gradients)` of the call without padding."""
    f = functions(name)[title]
    x, w = array(name, X[:n]), array(name, W)
    y = f(x, w)
    return to_numpy(y), gradients(name, lambda x, w: loss(f(x, w)), x, w, y, title)


def loss(y):
    return (y * y + y).sum()


def gradients(name, f, x, w, y, title):
    if "float" not in str(y.dtype) or (name, title) in NO_GRADIENT:
        return ()
    if name == "jax":
        import jax

        return tuple(map(to_numpy, jax.jit(jax.grad(f, (0, 1)))(x, w)))
    import torch

    return tuple(map(to_numpy, torch.func.grad(f, (0, 1))(x, w)))


def check(name, title, n, y, out):
    """A padded result and its lengths: valid entries the loop's, zeros elsewhere."""
    expected = alone(name, title, n)[0]
    ragged = [i for i, size in enumerate(alone(name, title, 3)[0].shape)
              if size != alone(name, title, 4)[0].shape[i]]  # fmt: skip
    lengths = out if isinstance(out, tuple) else (out,)
    assert [int(k) for k in lengths] == [expected.shape[i] for i in ragged]
    own = tuple(map(slice, expected.shape))
    y = to_numpy(y).copy()
    np.testing.assert_allclose(y[own], expected, rtol=1e-9, atol=1e-12)
    y[own] = 0
    assert not y.any()


@every(REFUSED)
def test_one_padded_example_is_the_call_without_padding(name, title):
    masked = ml.mask(functions(name)[title], SPEC)
    y, out = masked(array(name, filled(5, np.nan)), array(name, W), {"n": 5})
    check(name, title, 5, y, out)


@every(UNDER_VMAP)
def test_vmap_over_lengths_with_gradients_whatever_the_padding_holds(name, title):
    masked = ml.mask(functions(name)[title], SPEC)
    lanes = [(n, fill) for n in LENGTHS for fill in FILLS]
    x = array(name, np.stack([filled(n, fill) for n, fill in lanes]))
    lengths = array(name, [n for n, _ in lanes])
    has_gradient = bool(alone(name, title, 3)[1])
    y, out, grads = run(name, masked, x, array(name, W), lengths, has_gradient)
    for k, (n, _) in enumerate(lanes):
        own = tuple(o[k] for o in out) if isinstance(out, tuple) else out[k]
        check(name, title, n, y[k], own)
        for ours, expected in zip(grads, alone(name, title, n)[1], strict=True):
            part = tuple(map(slice, expected.shape))
            np.testing.assert_allclose(to_numpy(ours[k])[part], expected, rtol=RTOL, atol=1e-7)
        first = k - k % len(FILLS)
        for a in (y, *grads):
            np.testing.assert_array_equal(to_numpy(a[k]), to_numpy(a[first]))


def run(name, masked, x, w, lengths, has_gradient):
    """The vmapped result, its lengths, and the gradients of each example."""

    def scored(x, w, n):
        y, out = masked(x, w, n)
        return (loss(y), (y, out)) if has_gradient else (y, out)

    if name == "jax":
        import jax

        one = jax.grad(scored, (0, 1), has_aux=True) if has_gradient else scored
        found = jax.jit(jax.vmap(one, (0, None, 0)))(x, w, lengths)
    else:
        import torch

        one = torch.func.grad(scored, (0, 1), has_aux=True) if has_gradient else scored
        found = torch.vmap(one, (0, None, 0))(x, w, lengths)
    return (*found[1], found[0]) if has_gradient else (*found, ())


@pytest.mark.parametrize("name, title", UNDER_VMAP)
def test_what_is_refused_says_so(name, title):
    masked = ml.mask(functions(name)[title], SPEC)
    x, w, n = array(name, X[None]), array(name, W), array(name, [3])
    with pytest.raises(ml.MaskError, match=UNDER_VMAP[name, title]) as caught:
        run(name, masked, x, w, n, False)
    assert "\n" not in str(caught.value)


# ----- a size that tracing froze is an error, and never a wrong answer -----
def frozen(name):
    """Unreadable functions (nothing can be lifted) that ask Python about a size."""
    texts = [
        "lambda x: x.sum() * (2 if x.shape[0] == 3 else 1)",
        "lambda x: x.sum() * (2 if x.shape[0] != 3 else 1)",
        "lambda x: x.sum() * (2 if x.shape == (3, 4) else 1)",
        "lambda x: x.sum() * (2 if x.shape[0] - 1 == 2 else 1)",
        "lambda x: x.sum() * (2 if x.shape[0] > 2 else 1)",
        "lambda x: x.sum() * (2 if x.shape[0] else 1)",
        "lambda x: x.sum() * (2 if x.shape[0] in (3, 5) else 1)",
        "lambda x: x.sum() * int(x.shape[0])",
        "lambda x: x.sum() * len(range(x.shape[0]))",
        "lambda x: x.sum() * len([a for a in x])",
        "lambda x: x.sum() * len(x)",
        "lambda x: x.sum() * max(x.shape[0], 3)",
        "lambda x: x.sum() * math.sqrt(x.shape[0])",
        "lambda x: x.sum() * (2 if x.sum() > 0 else 1)",
    ]
    import math

    return [(text, eval(text, {"math": math})) for text in texts]


@both
@pytest.mark.parametrize("number", range(14))
def test_a_frozen_size_is_an_error_or_the_right_answer(name, number):
    text, f = frozen(name)[number]
    x = array(name, X)
    for n in (2, 3, 5):
        try:
            y = ml.mask(f, "n, 4")(x, n)[0]
        except ml.MaskError as error:
            assert "\n" not in str(error)
            continue
        np.testing.assert_allclose(to_numpy(y), to_numpy(f(x[:n])), err_msg=text)


@both
@pytest.mark.parametrize("number", range(14))
def test_the_trace_itself_finds_what_it_froze(name, number):
    """Without the other road to fall back on."""
    from masking_lab.lane import Lane
    from masking_lab.on_jax import road as jax_road
    from masking_lab.on_torch import trace as torch_trace

    text, f = frozen(name)[number]
    road = torch_trace if name == "torch" else jax_road
    lane = Lane(array(name, X[None]), (array(name, [3]), None))
    try:
        y = road.run(f, (lane,), {}, 1).data[0]
    except (ml.MaskError, TypeError, RuntimeError):  # its own words are explained by the caller
        return
    np.testing.assert_allclose(to_numpy(y), to_numpy(f(array(name, X[:3]))), err_msg=text)


@both
def test_decisions_are_lifted_first(name):
    def f(x):
        total = x.sum() * 0
        for i in range(len(x)):
            if x[i, 0] > 0:
                total = total + x[i].sum() / len(x)
        return total if x.shape[0] == 3 else total * 2

    masked = ml.mask(f, "n, 4")
    for n in (2, 3, 7):
        y, _ = masked(array(name, filled(n, np.nan)), n)
        np.testing.assert_allclose(to_numpy(y), to_numpy(f(array(name, X[:n]))))


# ----- the spec and the lengths -----
@both
def test_two_sizes_containers_and_shared_arguments(name):
    def f(pair, w, *, scale):
        return {"y": pair["a"] @ w * scale, "n": pair["a"].shape[0] * 2}, pair["b"].sum()

    masked = ml.mask(f, ({"a": "n, ...", "b": "m"}, None))
    pair = {"a": array(name, filled(3, np.nan)), "b": array(name, [1.0, 2.0, np.inf])}
    (y, b), (out, none) = masked(pair, array(name, W), {"n": 3, "m": 2}, scale=2.0)
    np.testing.assert_allclose(to_numpy(y["y"])[:3], X[:3] @ W * 2)
    assert (int(out["y"]), out["n"], none) == (3, (), ())
    assert (int(y["n"]), float(b)) == (6, 3.0)
    again = masked(pair, array(name, W), (3, 2), scale=2.0)[0][0]["y"]
    np.testing.assert_array_equal(to_numpy(again), to_numpy(y["y"]))


@both
def test_a_size_computed_from_two_others(name):
    from autodiff_lab import xp

    verbs = xp.verbs(name)
    joined = ml.mask(lambda x, y: verbs.concat([x, y], 0), ("n", "m"))
    x, y = array(name, [1.0, 2.0, np.nan]), array(name, [5.0, np.nan])
    z, total = joined(x, y, {"n": 2, "m": 1})
    assert int(total) == 3
    assert to_numpy(z).tolist() == [1.0, 2.0, 5.0, 0.0, 0.0]


WRONG = [
    ("n, 4", (), {"n": 9}, "n=9 does not lie between 0 and the padded 7"),
    ("n, 4", (), {"n": -1}, "n=-1 does not lie"),
    ("n, 4", (), {"m": 3}, "lengths were given for m"),
    ("n, 4", (), (3, 4), "2 lengths were given"),
    ("n, 4", (), 2.5, "whole number"),
    ("n, 5", (), 3, "not 'n, 5'"),
    ("n", (), 3, "other dims than 'n'"),
    ("n, ..., ...", (), 3, "twice"),
    ("n + 1, 4", (), 3, "name of its own"),
    (("n, 4", "n"), (np.ones(3),), 3, "padded to 7 in one place and to 3"),
    (("n, 4", None), (), 3, "2 arguments"),
    (("n, 4", {"a": "n"}), (np.ones(3),), 3, "a spec has a string"),
    (None, (), {}, "without an array"),
    ([3], (), 3, "a spec has a string"),
]


@both
@pytest.mark.parametrize("spec, more, lengths, words", WRONG)
def test_a_wrong_call_gets_one_sentence(name, spec, more, lengths, words):
    with pytest.raises(ml.MaskError, match=words) as caught:
        ml.mask(lambda *xs: xs[0], spec)(array(name, X), *(array(name, m) for m in more), lengths)
    assert "\n" not in str(caught.value)


# ----- Python's own functions, asked about a size that is being traced -----
ASKED = {
    "max": lambda x: x.sum() * max(x.shape[0], 2),
    "max of a list": lambda x: x.sum() * max([len(x), 2]),
    "min": lambda x: x.sum() + min(x.shape[0], 1),
    "bool": lambda x: x.sum() + bool(x.shape[0]),
    "any": lambda x: x.sum() * any([x.shape[0] > 1]),
    "all": lambda x: x.sum() * all([len(x) > 1]),
    "sum": lambda x: x.sum() * sum([x.shape[0] > 1]),
    "filter": lambda x: x.sum() * len(list(filter(lambda n: n > 1, [x.shape[0], 3]))),
    "sorted": lambda x: x.sum() * sorted([x.shape[0], 2])[0],
    "get": lambda x: x.sum() * {1: 9.0, 3: 5.0}.get(len(x), 1.0),
    "in a set": lambda x: x.sum() * (x.shape[0] in {1, 3}),
    "in a list": lambda x: x.sum() * (len(x) in [1, 3]),
    "a pair": lambda x: x.sum() * {(3, 2): 5.0}.get((len(x), 2), 1.0),
    "isinstance": lambda x: x.sum() * (2 if isinstance(len(x), int) else 3),
    "type": lambda x: x.sum() * (2 if type(len(x)) is int else 3),
}


@pytest.mark.parametrize("title", ASKED)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_python_is_never_told_a_size_of_the_trace(name, title):
    """PyTorch's tracer takes a size for two or more, JAX's for one or more."""
    f, x = ASKED[title], array(name, np.ones(4))
    for n in (0, 1, 3):
        try:
            found = ml.mask(f, "n")(x, n)[0]
        except ml.MaskError:
            continue
        assert float(found) == float(f(x[:n]))
