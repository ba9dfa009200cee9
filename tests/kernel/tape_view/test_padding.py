"""What padding reaches, and what counts it: mask leaks, found with the picture alone."""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from kernel.tape_view import longer
from kernel.tape_view.view import view
from tests.helpers import FRAMEWORKS, array
from tests.kernel.tape_view import tapes
from tests.kernel.tape_view.tapes import lib, random

BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)


def told(tape, **asked):
    return [sentence for sentence, _ in view(tape, **asked).picture.findings]


def padding_note(tape, **asked):
    layers = view(tape, **asked).picture.overlays
    return next(layer.note for layer in layers if layer.name == "padding")


# ----- other padding: what it reaches -----
@BOTH
def test_a_softmax_without_its_mask_is_a_leak(framework):
    valid = {"x": np.broadcast_to(tapes.mask()[:, :, None], (2, 4, 3))}
    (sentence,) = told(tapes.attention(framework, masked=False), padding=valid)
    assert "Mask leak: padding reaches 100 % of the output" in sentence
    assert "e.sum(1)" in sentence
    assert told(tapes.attention(framework, masked=True), padding=valid) == []


@BOTH
def test_coverage_is_what_other_padding_changes(framework):
    """The oracle: the function itself, on the same input with other padding."""
    valid = np.broadcast_to(tapes.mask()[:, :, None], (2, 4, 3))
    tape = tapes.attention(framework, masked=True)
    drawn = view(tape, padding={"x": valid}).picture
    (layer,) = [layer for layer in drawn.overlays if layer.name == "padding"]
    words = {drawn.boxes[k].name: word for k, word in enumerate(layer.words)}
    assert words["x"] == words["h"] == "50 % free" and words["w"] == "100 % free"
    assert words["share"] == "100 % free"


MASKINGS = {  # by hand; padding of NaN goes through the first, padding of 1e30 through the second
    "times zero": (lambda xp, x, valid: x * (valid * 1.0), ["NaN"]),
    "how many are large": (lambda xp, x, valid: (x > 1000.0) * 1.0, ["1e30"]),
    "chosen": (lambda xp, x, valid: xp.where(valid, x, valid * 1.0), []),
}


@BOTH
@pytest.mark.parametrize("masked, through", MASKINGS.values(), ids=MASKINGS)
def test_what_masks_by_multiplying_or_comparing_leaks_too(framework, masked, through):
    valid = array(framework, [True, True, False])
    f = lambda x: masked(lib(framework), x, valid).sum()  # noqa: E731
    tape = ad.record(f, array(framework, [0.5, 1.0, 0.0], "float32"))
    leaks = ["Mask leak" in s for s in told(tape, padding={"x": [True, True, False]})]
    assert leaks == [True] * (len(through) > 0)


@BOTH
def test_a_product_with_zero_is_told_from_a_leak_of_numbers(framework):
    """`x * mask` lets NaN through and no number; a mean over the wrong count hides behind it."""
    x, mask = random(framework, 2, 4), array(framework, (tapes.mask() * 1.0).tolist(), "float32")
    tape = ad.record(lambda x, mask: (x * mask).mean(1), x, mask)
    nan, count = told(tape, padding={"x": tapes.mask()})
    assert nan.startswith("Mask leak: NaN in the padding reaches 100 % of the output")
    assert "counts the padding; with 5 places in place of 4" in count
    tape = ad.record(lambda x, mask: (x * mask).sum(1) / mask.sum(1), x, mask)
    assert len(told(tape, padding={"x": tapes.mask()})) == 1
    tape = ad.record(lambda x, mask: x.sum(1) / mask.sum(1), x, mask)
    assert "Mask leak: padding reaches 100 %" in told(tape, padding={"x": tapes.mask()})[0]


@BOTH
def test_a_masked_batch_brings_its_mask_along(framework):
    drawn = view(tapes.batch(framework)).picture
    (layer,) = [layer for layer in drawn.overlays if layer.name == "padding"]
    assert layer.words[0] == "80 % free" and set(layer.words[1:]) == {"100 % free"}
    assert drawn.findings == ()


@BOTH
def test_reading_the_padding_of_a_batch_is_a_leak(framework):
    batch = ml.batch([random(framework, 3), random(framework, 5)])
    tape = ad.record(lambda b: b.data.sum(1), batch)
    assert "padding reaches 50 % of the output" in told(tape)[0]


def test_a_mask_for_an_unknown_argument_is_refused():
    pytest.importorskip("torch")
    with pytest.raises(ValueError, match="padding= names 'y', and the tape has x, w"):
        view(tapes.small("torch"), padding={"y": [True]})


@BOTH
def test_a_mask_may_lack_dims_at_the_end_and_no_others(framework):
    tape = tapes.attention(framework, masked=False)
    assert "Mask leak" in told(tape, padding={"x": tapes.mask()})[0]
    with pytest.raises(
        ValueError, match=r"x a mask of shape \(3, 4\), and x has shape \(2, 4, 3\)"
    ):
        view(tape, padding={"x": np.ones((3, 4), bool)})
    with pytest.raises(ValueError, match="knows no padded argument"):
        view(tape, padding=True)


# ----- longer padding: what counts it -----
def _kept(xp, x, valid):
    return xp.where(valid[:, :, None], x, xp.zeros_like(x))


def _longest(xp, x, valid):
    return _kept(xp, x, valid).sum(1) / x.shape[1]


def _mean(xp, x, valid):
    return _kept(xp, x, valid).mean(1)


def _last(xp, x, valid):
    return _kept(xp, x, valid)[:, -1] + xp.tanh(x[:, 0])


def _turns(xp, x, valid):
    total = 0 * x[:, 0]
    for t in range(x.shape[1]):
        total = total + _kept(xp, x, valid)[:, t] + 1
    return total


def _their_own(xp, x, valid):
    return _kept(xp, x, valid).sum(1) / valid.sum(1)[:, None]


def _both_counts(xp, x, valid):
    """Numerator and denominator count the padding, and the result does not."""
    return _kept(xp, x, valid).mean(1) / (valid * 1.0).mean(1)[:, None]


def _each(xp, x, valid):
    return xp.tanh(x)


COUNTS = (_longest, _mean, _last, _turns)
COUNTS_NOT = (_their_own, _both_counts, _each)


def batched(framework, f, side):
    """As people write it: the mask is an argument; a global, as 0 and 1; or belongs to a batch."""
    xp, m = lib(framework), np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool)
    x, valid = random(framework, 2, 4, 3), array(framework, m.tolist())
    if side == "argument":
        return ad.record(lambda x, valid: f(xp, x, valid), x, valid), {"x": m}
    if side == "closure":
        numbers = array(framework, (m * 1.0).tolist(), "float32")
        return ad.record(lambda x: f(xp, x, numbers > 0), x), {"x": m}
    b = ml.batch([x[0, :4], x[1, :2]])
    return ad.record(lambda b: f(xp, b.data, b.mask), b), True


SIDES = pytest.mark.parametrize("side", ["argument", "closure", "batch"])


@BOTH
@SIDES
@pytest.mark.parametrize("f", COUNTS, ids=lambda f: f.__name__)
def test_what_counts_the_padding_is_a_leak(framework, f, side):
    tape, padding = batched(framework, f, side)
    (sentence,) = told(tape, padding=padding)
    assert "counts the padding; with 5 places in place of 4 along dim 1 of" in sentence


@BOTH
@SIDES
@pytest.mark.parametrize("f", COUNTS_NOT, ids=lambda f: f.__name__)
def test_what_does_not_count_it_is_none(framework, f, side):
    tape, padding = batched(framework, f, side)
    assert [s for s in told(tape, padding=padding) if "counts" in s] == []
    assert "what counts its length changed with 5 places" in padding_note(tape, padding=padding)


@BOTH
def test_the_node_where_it_begins_is_named_and_marked(framework):
    xp = lib(framework)

    def program(x, valid):
        kept = xp.where(valid, x, xp.zeros_like(x))
        share = kept / x.shape[1]
        total = xp.tanh(share.sum(1))
        return total * 2

    args = random(framework, 2, 4), array(framework, tapes.mask().tolist())
    drawn = view(ad.record(program, *args), padding={"x": tapes.mask()}).picture
    (sentence, box) = drawn.findings[0]
    assert "first at share, line" in sentence and "share = kept / x.shape[1]" in sentence
    assert drawn.boxes[box].name == "share"
    (layer,) = [layer for layer in drawn.overlays if layer.name == "padding"]
    marked = {drawn.boxes[k].name for k, word in enumerate(layer.words) if "counts it" in word}
    assert {"share", "total"} <= marked and not marked & {"x", "valid", "kept"}


@BOTH
def test_padding_on_the_left_and_along_two_dims(framework):
    xp = lib(framework)
    left = np.array([[0, 1, 1], [0, 0, 1]], bool)
    two = np.array([[[1, 1, 0], [0, 0, 0]], [[1, 0, 0], [1, 0, 0]]], bool)
    assert longer.ragged(left) == {1: False} and longer.ragged(two) == {1: True, 2: True}
    assert longer.ragged(np.array([[1, 1], [1, 0], [0, 0]], bool)) == {1: True}
    assert longer.ragged(np.ones((2, 3), bool)) == {}
    for m in (left, two):
        x = array(framework, np.where(m, 2.0, 0.0).tolist(), "float32")
        tape = ad.record(lambda x: x.sum(), x)
        assert told(tape, padding={"x": m}) and "counts" not in str(told(tape, padding={"x": m}))
        tape = ad.record(
            lambda x, m: xp.where(m, x, xp.zeros_like(x)).mean(), x, array(framework, m.tolist())
        )
        assert "counts the padding" in told(tape, padding={"x": m})[0]


@BOTH
def test_what_nobody_can_tell_is_said(framework):
    xp, m = lib(framework), tapes.mask()
    x, valid = random(framework, 2, 4), array(framework, m.tolist())
    weights = random(framework, 4)
    calls = iter(range(100))
    cases = {
        "on longer padding the function raises": lambda x: (x * weights).sum(1),
        "gives other numbers each time": lambda x: x * (next(calls) + 1),
        "the output has shape (8,), and (10,)": lambda x: x.reshape(-1),
    }
    for reason, f in cases.items():
        tape = ad.record(lambda x, f=f: f(xp.where(valid, x, xp.zeros_like(x))), x)
        assert reason in padding_note(tape, padding={"x": m})
        assert [s for s in told(tape, padding={"x": m}) if "counts" in s] == []


@BOTH
def test_a_function_is_run_again_only_for_who_asks_and_nothing_is_printed(framework, capsys):
    runs = []

    def program(b):
        runs.append(1)
        print("hello")
        return b.data.sum(1)

    tape = ad.record(program, ml.batch([random(framework, 3), random(framework, 5)]))
    assert "runs the function again" in padding_note(tape) and len(runs) == 1
    assert "places" in padding_note(tape, padding=True) and len(runs) == 3
    assert capsys.readouterr().out == "hello\n"
