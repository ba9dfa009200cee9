"""What depends on who else is in the batch: the recorded function among twins.

The oracle is the example alone: `f` on a batch of one, without padding.
"""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from kernel.tape_view.view import view
from tests.helpers import FRAMEWORKS, array
from tests.kernel.tape_view.tapes import lib, random
from tests.kernel.tape_view.test_padding import padding_note, told

BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)
MASK = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]], bool)


def kept(xp, x, valid):
    return xp.where(valid[:, :, None], x, xp.zeros_like(x))


def share(xp, x, valid):
    """Softmax over what is valid, as everybody writes it: less the largest of all, so what?"""
    largest = kept(xp, x, valid).max()
    e = xp.where(valid[:, :, None], xp.exp(x - largest), xp.zeros_like(x))
    return e / e.sum(1)[:, None]


ALONE = {  # an example's row is what it is by itself
    "its own length": lambda xp, x, v: kept(xp, x, v).sum(1) / v.sum(1)[:, None],
    "a constant": lambda xp, x, v: kept(xp, x, v).sum(1) / 512,
    "less the largest of all": lambda xp, x, v: (share(xp, x, v) ** 2).sum(1),
    "all valid entries": lambda xp, x, v: (kept(xp, x, v) ** 2).sum() / v.sum(),
    "a mean of rows": lambda xp, x, v: (kept(xp, x, v).sum(1) / v.sum(1)[:, None]).mean(),
    "no rows, though as many": lambda xp, x, v: kept(xp, x, v).sum(1).T @ kept(xp, x, v).sum(1),
}
AMONG_OTHERS = {
    "the longest length": lambda xp, x, v: kept(xp, x, v).sum(1) / v.sum(1).max(),
    "the mean length": lambda xp, x, v: kept(xp, x, v).sum(1) * 3 / v.sum(),
    "less the mean of all": lambda xp, x, v: kept(xp, x - kept(xp, x, v).sum() / v.sum(), v).sum(1),
}


def recorded(framework, f, how):
    """The mask is an argument, belongs to the function, comes from lengths, or is a batch's."""
    xp, x = lib(framework), random(framework, 3, 4, 3)
    valid, lengths = array(framework, MASK.tolist()), array(framework, [2, 4, 3])
    if how == "argument":
        return ad.record(lambda x, valid: f(xp, x, valid), x, valid), {"x": MASK}
    if how == "closure":
        return ad.record(lambda x: f(xp, x, valid), x), {"x": MASK}
    if how == "lengths":
        places = xp.arange(4)[None]
        return ad.record(lambda x, n: f(xp, x, places < n[:, None]), x, lengths), {"x": MASK}
    batch = ml.batch([x[i, :n] for i, n in enumerate((2, 4, 3))])
    return ad.record(lambda b: f(xp, b.data, b.mask), batch), True


WAYS = ("argument", "closure", "lengths", "batch")


def in_all_ways(programs):
    """Every program with an argument for a mask, and the first in the other ways too."""
    first = next(iter(programs))
    pairs = [(name, "argument") for name in programs] + [(first, how) for how in WAYS[1:]]
    return pytest.mark.parametrize("f, how", [(programs[n], how) for n, how in pairs],
                                   ids=[f"{n}, {how}" for n, how in pairs])  # fmt: skip


@BOTH
@in_all_ways(AMONG_OTHERS)
def test_what_depends_on_the_others_is_found(framework, f, how):
    tape, padding = recorded(framework, f, how)
    (sentence,) = told(tape, padding=padding)
    assert sentence.startswith("Not alone: ") and ", line " in sentence


@BOTH
@in_all_ways(ALONE)
def test_who_does_not_is_left_in_peace(framework, f, how):
    tape, padding = recorded(framework, f, how)
    assert told(tape, padding=padding) == []
    assert "nobody can tell" not in padding_note(tape, padding=padding) or how == "lengths"


@BOTH
@pytest.mark.parametrize(
    "f", [*ALONE.values(), *AMONG_OTHERS.values()], ids=[*ALONE, *AMONG_OTHERS]
)
def test_the_oracle_agrees(framework, f):
    """An example alone: the rows of `ALONE` are equal, those of `AMONG_OTHERS` are not."""
    xp, x = lib(framework), random(framework, 3, 4, 3)
    together = f(xp, x, array(framework, MASK.tolist()))
    if tuple(together.shape)[:1] != (3,) or f is ALONE["no rows, though as many"]:
        return
    rows = [f(xp, x[i : i + 1, :n], array(framework, [[True] * n]))[0] for i, n in
            enumerate((2, 4, 3))]  # fmt: skip
    equal = [np.allclose(a, b, rtol=1e-4) for a, b in zip(together, rows, strict=True)]
    assert all(equal) == (f in ALONE.values())


@BOTH
def test_a_loss_names_the_last_value_that_has_rows(framework):
    xp = lib(framework)

    def loss(x, valid):
        mean = kept(xp, x, valid).sum(1) / valid.sum(1).max()
        score = xp.tanh(mean).sum(1)
        return (score**2).mean()

    args = random(framework, 3, 4, 3), array(framework, MASK.tolist())
    drawn = view(ad.record(loss, *args), padding={"x": MASK}).picture
    ((sentence, box),) = drawn.findings
    assert "first at mean, line" in sentence and "wrong for a mean over examples" in sentence
    assert drawn.boxes[box].name == "mean"
    (layer,) = [layer for layer in drawn.overlays if layer.name == "padding"]
    marked = {
        drawn.boxes[k].name for k, w in enumerate(layer.words) if "depends on the others" in w
    }
    assert {"mean", "score"} <= marked and not marked & {"x", "valid"}


@BOTH
def test_what_autobatch_makes_depends_on_nobody_and_batch_norm_does(framework):
    xp = lib(framework)
    b = ml.batch([random(framework, n, 3, seed=n) for n in (2, 4, 3)])
    f = ml.autobatch(lambda x: xp.tanh(x @ x.T).mean(0).sum())
    assert told(ad.record(f, b), padding=True) == []
    assert told(ad.record(lambda b: ml.reduce(f(b), "example"), b), padding=True) == []
    (sentence,) = told(ad.record(ml.batch_norm, b), padding=True)
    assert "batch norm means it so" in sentence


@BOTH
def test_what_nobody_can_tell_is_said(framework):
    x = random(framework, 1, 4, 3)
    tape = ad.record(lambda x: x[:, 0], x)
    assert "no batch of two or more" in padding_note(tape, padding={"x": MASK[:1]})
    mixed = ad.record(lambda x: lib(framework).cumsum(x[:, 0], 0), random(framework, 3, 4, 3))
    assert told(mixed, padding={"x": MASK}) == [], "in reversed order its rows are others"
