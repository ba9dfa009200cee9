"""Errors of the masking lab: one sentence with the values and the next step, and the line."""

import re

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, array


def without_row(name, x):
    if name == "torch":
        import torch

        return torch.special.erfcx(x)
    from jax.scipy.special import betainc

    return betainc(x, 1.0, 0.5)


pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def refused(f, *patterns):
    with pytest.raises(ml.MaskError) as caught:
        f()
    message = str(caught.value)
    assert "\n" not in message
    without_source = re.sub("`[^`]*`", "", message)
    for pattern in patterns:
        searched = message if "`" in pattern else without_source
        assert re.search(pattern, searched), f"{pattern!r} is not in: {message}"


def ragged(name, *lengths, width=2):
    return ml.batch([array(name, np.ones((n, width))) for n in lengths])


def test_ragged_dims_that_do_not_match(name):
    call = ml.autobatch(lambda x, y: x + y)
    refused(
        lambda: call(ragged(name, 3, 2), ragged(name, 3, 1)),
        r"\[3, 2\]",
        r"\[3, 1\]",
        "match",
        "batch",
    )


def test_a_shared_dim_that_does_not_match(name):
    call = ml.autobatch(lambda x, w: x + w)
    refused(lambda: call(ragged(name, 3, 2), array(name, np.ones((3, 2)))), "match")


def test_an_operation_along_the_ragged_dim_without_a_rule(name):
    verbs = xp.verbs(name)
    refused(
        lambda: ml.autobatch(lambda x: verbs.lib.linalg.eigvalsh(x @ x.T))(ragged(name, 3, 2)),
        "eigh",
        r"line \d+",
        "chooses the signs",
    )


def test_an_operation_without_a_row(name):
    def f(x):
        return without_row(name, x)

    refused(
        lambda: ml.autobatch(f)(ragged(name, 3, 2)),
        "erfcx" if name == "torch" else "regularized_incomplete_beta",
        "no row",
        r"line \d+",
    )


def test_python_asks_for_one_value_for_all_examples(name):
    """Only where the function has no source that could be lifted."""
    choosing, counting = (
        eval("lambda x: x if x.sum() > 0 else -x"),
        eval("lambda x: x.sum(0) / len(x)"),
    )
    refused(lambda: ml.autobatch(choosing)(ragged(name, 3, 2)), "where")
    refused(lambda: ml.autobatch(counting)(ragged(name, 3, 2)), r"x\.shape\[0\]")


def test_what_cannot_be_lifted_is_shown(name):
    def f(x):
        try:
            return x.sum()
        except ValueError:
            return x

    refused_at(f, "`try` cannot be run for a whole batch", "try:\n    ^^^^")

    def g(x):
        while True:
            if x[0] > 0 and (y := x.sum()) > 0:
                return y

    refused_at(g, "`:=` is lifted only where it is evaluated first; assign on", "^^^^^^^^^^^^")


def refused_at(f, *parts):
    with pytest.raises(ml.MaskError) as caught:
        ml.lift(f)
    message = str(caught.value)
    assert message.startswith("tests/masking_lab/test_errors.py, line ") and f.__name__ in message
    for part in parts:
        assert part in message


def test_a_loop_without_end(name):
    def f(x):
        while x < 5:
            x = x + 1 * (x > 0)
        return x

    b = ml.batch([array(name, 1.0), array(name, -1.0)])
    call = ml.autobatch(f, max_trips=50)
    refused(lambda: call(b), "`while x < 5:`", "after 50 trips", r"examples \[1\]", "max_trips")


def test_a_name_without_a_value(name):
    def f(x):
        if x > 0:
            y = x
        return y + 1

    b = ml.batch([array(name, 1.0), array(name, -1.0), array(name, -2.0)])
    with pytest.raises(UnboundLocalError, match=r"'y': it has no value on examples \[1, 2\]"):
        ml.autobatch(f)(b)
    assert ml.autobatch(f)(ml.batch([array(name, 1.0)])).unbatch()[0] == 2


def test_an_index_that_one_example_does_not_have(name):
    """An error on PyTorch; JAX takes the nearest entry, and so do we."""
    f, xs = (lambda x: x[2]), [array(name, [1.0, 2.0, 3.0]), array(name, [4.0, 5.0])]
    if name == "jax":
        assert [float(y) for y in ml.autobatch(f)(ml.batch(xs)).unbatch()] == [
            float(f(x)) for x in xs
        ]
        return
    with pytest.raises(IndexError, match=r"index 2 is out of bounds .* examples \[1\]"):
        ml.autobatch(f)(ml.batch(xs))


def test_an_exception_in_a_branch_that_somebody_takes(name):
    def f(x):
        if x > 0:
            raise ValueError("positive")
        return x

    assert ml.autobatch(f)(ml.batch([array(name, -1.0)])).unbatch()[0] == -1
    with pytest.raises(ValueError, match="positive"):
        ml.autobatch(f)(ml.batch([array(name, 1.0), array(name, -1.0)]))


def test_branches_that_give_different_things(name):
    def f(x):
        return "up" if x > 0 else "down"

    b = ml.batch([array(name, 1.0), array(name, -1.0)])
    refused(lambda: ml.autobatch(f)(b), "'up'", "'down'", "same kind")


def test_no_batch_and_batches_of_different_examples(name):
    f = ml.autobatch(lambda x, y: x)
    refused(lambda: f(array(name, [1.0]), array(name, [1.0])), "without a MaskedBatch", "ml.batch")
    refused(lambda: f(ragged(name, 3, 2), ragged(name, 3)), "1 and 2 examples")


def test_a_strategy_that_does_not_exist(name):
    refused(lambda: ml.autobatch(len, strategy="magic"), "'magic'", "loop, masked")


def test_two_frameworks_in_one_call(name):
    pytest.importorskip("torch"), pytest.importorskip("jax")
    other = "jax" if name == "torch" else "torch"
    with pytest.raises(ad.AutodiffError, match="mixes a torch.Tensor"):
        ml.autobatch(lambda x, w: x @ w)(ragged(name, 2, 1), array(other, np.ones((2, 2))))


def test_batching_what_cannot_be_batched(name):
    refused(lambda: ml.batch([]), "at least one example")
    refused(lambda: ml.batch([array(name, [1.0]), array(name, [[1.0]])]), "different dims")
    refused(lambda: ml.batch([array(name, [1.0]), array(name, [1])]), "different dtypes")
    refused(lambda: ml.batch([1.0, 2.0]), "no example holds an array", r"like=torch\.tensor")
    x = array(name, [1.0])
    refused(lambda: ml.batch([x, "abc"]), "example 1 is a str")
    refused(lambda: ml.batch([{"x": x}, {"x": None}]), r"example 1 has no array at \['x'\]")
    refused(lambda: ml.batch([[x], x]), "example 1 is an array .* where example 0 is a list")
    refused(lambda: ml.batch([[x, (x, x)]]), r"example 0\[1\] is a tuple")
    refused(lambda: ml.batch([{"x": []}, {"x": []}], like=x), r"example 0\['x'\] .* empty lists")
    refused(lambda: ml.batch([x], ragged=3), r"ragged=\(3,\)")
    refused(lambda: ml.batch([x], side="top"), "neither")


def test_padded_data_that_does_not_fit(name):
    data, take = array(name, np.ones((2, 3))), ml.MaskedBatch.from_padded
    mask = np.asarray([[1, 1, 0], [1, 0, 1]])
    refused(lambda: take(data, array(name, mask)), "mask of example 1 has holes", "True, False")
    refused(lambda: take(data, array(name, mask * -1e9)), "a mask holds -1000000000")
    refused(lambda: take(data, array(name, mask[:1])), r"mask of shape \(1, 3\)")
    refused(lambda: take(data, lengths=array(name, [2, 4])), r"\[2, 4\]", "between 0 and 3")
    refused(lambda: take(data, lengths=array(name, [2])), r"lengths of shape \(1,\)")
    refused(lambda: take(data, lengths=array(name, [2.0, 1.0])), "make them integers")
    refused(lambda: take(data), "a mask or lengths")
    refused(lambda: take([[1.0]], [[1]]), "data of type list")


def test_a_batch_is_not_an_array(name):
    b = ragged(name, 2, 1)
    refused(lambda: b + 1, "ml.autobatch")
    refused(lambda: b == b, "ml.autobatch")
    refused(lambda: b[0, 1], r"b\[i\]\[j\]")
    with pytest.raises(AttributeError, match=r"autobatch\(lambda x: x.sum"):
        b.sum()
    with pytest.raises(IndexError, match="no example 2 in a batch of 2"):
        b[2]
    refused(lambda: ml.waste([1]), "without a MaskedBatch")


def test_the_next_call_works_after_an_exception(name):
    def broken(x):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        ml.autobatch(broken)(ragged(name, 2, 1))
    assert float(ml.autobatch(lambda x: x.sum())(ragged(name, 2, 1)).unbatch()[0]) == 4.0
