"""Lists that are written into, things looked up, functions that are kept: the loop, or refused."""

import math

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab.test_lifting import poisoned, total
from tests.masking_lab.test_strategies import each
from tests.masking_lab.written import PROGRAMS, REFUSED

XS = ([0.7, -0.4, 1.2], [0.9], [-0.3, 0.2, 1.1, -0.8], [0.3, 0.1])
STRATEGIES = {"torch": ("masked", "shrink", "packed", "pc", "lazy"), "jax": ("masked",)}
CASES = [(name, s) for name in FRAMEWORKS for s in STRATEGIES[name]]


def cases(programs, strategies):
    """On JAX, where each call compiles, every third program."""
    return [pytest.param(name, s, f, id=f"{name}-{s}-{f.__name__}") for name, s in CASES
            if s in strategies for f in list(programs)[:: 1 if name == "torch" else 3]]  # fmt: skip


def data(name, dtype="float64"):
    return [array(name, v, dtype) for v in XS], array(name, 0.8, dtype), module(name)


def same(ours, theirs):
    for a, b in zip(ad.trees.leaves(ours), ad.trees.leaves(theirs), strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-12, atol=1e-12)
        assert not hasattr(b, "dtype") or a.dtype == b.dtype


@pytest.mark.parametrize("name, strategy, f", cases(PROGRAMS, STRATEGIES["torch"]))
def test_values_and_gradients_are_the_loops(name, strategy, f):
    xs, w, lib = data(name)
    if strategy != "masked" and ml.why_not(strategy, f, lib, ml.batch(xs), w):
        pytest.skip("says that it does not apply, and test_strategies looks whether it is so")
    b = poisoned(ml.batch(xs), math.nan)
    batched = lambda w: each(ml.autobatch(f, strategy)(lib, b, w))  # noqa: E731
    for ours, x in zip(batched(w), xs, strict=True):
        same(ours, f(lib, x, w))
    slopes = [native_grad(lambda w, of=of: sum(map(total, of(w))), (0,))(w)[0]
              for of in (batched, lambda w: [f(lib, x, w) for x in xs])]  # fmt: skip
    np.testing.assert_allclose(*map(to_numpy, slopes), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_a_number_of_python_in_a_list_is_as_precise_as_the_arrays(f):
    pytest.importorskip("torch")
    xs, w, lib = data("torch", "float32")
    for ours, x in zip(each(ml.autobatch(f)(lib, ml.batch(xs), w)), xs, strict=True):
        same(ours, f(lib, x, w))


@pytest.mark.parametrize("name, strategy, f", cases(REFUSED, ("masked", "shrink")))
def test_what_is_not_understood_is_refused(name, strategy, f):
    xs, w, lib = data(name)
    with pytest.raises(ml.MaskError, match=REFUSED[f]):
        ml.autobatch(f, strategy)(lib, ml.batch(xs), w)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_place_that_an_example_does_not_have_is_an_error(name):
    """It was written for the others."""
    xs, w, lib = data(name)

    def f(np, x, w):
        a = [v * w for v in x]
        a[2] = w
        return np.stack(a)

    with pytest.raises(IndexError, match=r"index 2 .*examples \[1, 3\]"):
        ml.autobatch(f)(lib, ml.batch(xs), w)


def one_after_the_other(x, w):
    for i in range(len(x)):
        if x[i] > 0:
            x = x.at[i].set(x[i - 1] * w)
    return x


AT = {
    "a number": lambda x, w: x.at[0].add(w),
    "the last": lambda x, w: x.at[-1].set(w),
    "its own": lambda x, w: x.at[len(x) - 1].add(w),
    "found": lambda x, w: x.at[x.argmax()].set(w),
    "in a loop": one_after_the_other,
}


@pytest.mark.parametrize("f", AT.values(), ids=AT)
def test_jax_writes_at_places(f):
    """What `.at` gave was kept from a trace that had ended."""
    pytest.importorskip("jax")
    xs, w, _ = data("jax")
    b = poisoned(ml.batch(xs), math.nan)
    for ours, x in zip(ml.autobatch(f)(b, w).unbatch(), xs, strict=True):
        same(ours, f(x, w))
