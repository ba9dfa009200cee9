"""What people write without thinking of a batch: as in the loop, under every strategy."""

import math

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab.ordinary import ORDINARY
from tests.masking_lab.test_lifting import poisoned

WAYS = [("torch", way) for way in ("masked", "shrink", "packed", "lazy", "pc")]
WAYS += [("jax", way) for way in ("masked", "lazy")]  # the rest of lifting is one for both
XS = ([0.5, -0.25, 1.5, 0.75], [-0.4], [0.9, 0.3], [-1.5, -0.5, 2.0])


def inputs(name):
    return [array(name, np.asarray(x)) for x in XS], array(name, 0.8)


def gradient_of_the_loop(f, name, xs, w):
    """None where JAX has no numbers while it traces."""
    try:
        return native_grad(lambda w: sum(f(module(name), x, w) for x in xs), (0,))(w)[0]
    except Exception:
        assert name == "jax"
        return None


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
@pytest.mark.parametrize(("name", "way"), WAYS)
@pytest.mark.parametrize("f", ORDINARY, ids=lambda f: f.__name__)
def test_values_and_gradients_are_the_loops(f, name, way):
    xs, w = inputs(name)
    want = gradient_of_the_loop(f, name, xs, w)
    for fill in (0.0, math.nan):
        batch = poisoned(ml.batch(xs), fill)
        found = ml.autobatch(f, way)(module(name), batch, w).unbatch()
        for y, x in zip(found, xs, strict=True):
            np.testing.assert_allclose(to_numpy(y), to_numpy(f(module(name), x, w)), rtol=1e-12)
        if want is not None:
            batched = lambda w, b=batch: sum(  # noqa: E731
                ml.autobatch(f, way)(module(name), b, w).unbatch()
            )
            got = native_grad(batched, (0,))(w)[0]
            np.testing.assert_allclose(to_numpy(got), to_numpy(want), rtol=1e-10)


@pytest.mark.parametrize("way", ["loop", "masked", "lazy", "pc"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_dicts_are_put_together_by_their_keys(name, way):
    def f(x):
        if x[0] > 0:
            return {"a": x.sum(), "b": x[0]}
        return {"b": x[0], "a": x.sum()}

    xs, _ = inputs(name)
    found = ml.autobatch(f, way)(ml.batch(xs))
    for key in "ab":
        want = [to_numpy(f(x)[key]) for x in xs]
        np.testing.assert_allclose([to_numpy(y) for y in found[key].unbatch()], want)
    turned = ml.batch([f(x) for x in xs])
    np.testing.assert_allclose(to_numpy(turned["a"].data), [sum(x) for x in XS])


@pytest.mark.parametrize("way", ["loop", "lazy", "pc"])
def test_a_result_that_some_do_not_have_is_refused(way):
    def f(x):
        if x[0] > 0:
            return x.sum()

    with pytest.raises(ml.MaskError, match="result for example 1 has no array at the top"):
        ml.autobatch(f, way)(ml.batch(inputs("torch")[0]))


@pytest.mark.parametrize("way", ["loop", "masked", "lazy", "pc"])
def test_pythons_numbers_take_the_dtype_of_the_arrays(way):
    def f(x):
        total = 0.0
        for v in x[1:]:
            total += v
        return total

    xs, _ = inputs("torch")
    found = ml.autobatch(f, way)(ml.batch(xs))
    assert str(found.dtype) == "torch.float64"
    np.testing.assert_allclose(found.data, [sum(x[1:]) for x in XS])


@pytest.mark.parametrize("way", ["masked", "shrink", "packed", "lazy", "pc"])
def test_plain_tensors_that_only_some_have_are_stacked_for_these(way):
    """Here PyTorch's own function is called: it asks the elements, not the list."""
    import torch

    def f(x):
        ones = [torch.ones(2) for _ in x]
        some = [torch.ones(1)]
        for v in x:
            if v > 0:
                some.append(torch.ones(2))
        return torch.stack(ones).sum() + torch.cat(some).sum() * 100

    xs, _ = inputs("torch")
    found = ml.autobatch(f, way)(ml.batch(xs))
    np.testing.assert_allclose(found.data, [f(x) for x in xs])


@pytest.mark.parametrize("way", ["masked", "lazy", "pc"])
def test_no_grad_holds_for_what_is_put_off(way):
    import torch

    def scaled(x, w):
        with torch.no_grad():
            return (x * w).sum()

    def f(x, w):
        return scaled(x, w) * w + x.data.sum()

    xs, w = inputs("torch")
    got = native_grad(lambda w: sum(ml.autobatch(f, way)(ml.batch(xs), w).unbatch()), (0,))(w)[0]
    np.testing.assert_allclose(got, 0.8 * sum(map(sum, XS)))


def not_first(x, w):
    return x.sum() + (y := w) * y


def not_always(x, w):
    return (y := w) if x[0] > 0 and (z := w) else z * y


def inside_of_a_case(x, w):
    match (x, w):
        case (a, b):
            return a.sum() * b


REFUSED = {
    not_first: "`:=` is lifted only where it is evaluated first; assign on a line of its own",
    not_always: "`:=` is lifted only where it is evaluated first",
    inside_of_a_case: "a `case` that looks into its subject is not lifted; write it with if",
}


@pytest.mark.parametrize("way", ["masked", "pc"])
@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_what_is_no_sugar_is_refused(f, way):
    xs, w = inputs("torch")
    with pytest.raises(ml.MaskError, match=REFUSED[f]):
        ml.autobatch(f, way)(ml.batch(xs), w)
