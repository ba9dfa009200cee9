"""What a reader should find with the picture alone, and what it must not cry wolf about."""

import math

import pytest

import autodiff_lab as ad
from kernel.tape_view import alive, scan
from kernel.tape_view.view import view
from tests.helpers import FRAMEWORKS, array
from tests.kernel.tape_view import tapes
from tests.kernel.tape_view.tapes import lib, random, recorded

BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)


def told(tape, **asked):
    return [sentence for sentence, _ in view(tape, **asked).picture.findings]


@BOTH
def test_a_planted_nan_is_named_with_its_line(framework):
    (sentence,) = told(tapes.planted_nan(framework))
    assert sentence.startswith("First NaN: bad = log, line ")
    assert "bad = xp.log(p - 2); what it reads is finite." in sentence


@BOTH
def test_a_nan_deep_in_a_loop_is_unfolded(framework):
    xp = lib(framework)

    def program(x):
        for k in range(300):
            x = xp.sqrt(x * x - (2.0 if k == 200 else 0.0)) * 1.0
        return x.sum()

    tape = recorded(program, array(framework, [0.5, 1.0]))
    drawn = view(tape).picture
    (sentence, box), *_ = drawn.findings
    assert "sqrt" in sentence and drawn.boxes[box].first == drawn.boxes[box].last
    assert box in [b for s in drawn.open for b in drawn.scenes[drawn.inside[s]].boxes]
    assert drawn.boxes[box].alarm == "NaN" and "NaN!" in repr(view(tape))


@BOTH
def test_a_nan_that_is_given_is_not_blamed_on_an_operation(framework):
    tape = ad.record(lambda x: x * 2, array(framework, [math.nan, 1.0]))
    assert told(tape) == ["First NaN: the input x holds it already."]


@BOTH
def test_an_infinite_slope_is_found_on_the_way_back(framework):
    xp = lib(framework)
    tape = recorded(lambda x: xp.sqrt((x * x).sum()), array(framework, [0.0, 0.0]))
    (sentence,) = told(tape)
    assert "All values are finite" in sentence and "sqrt" in sentence


@BOTH
def test_the_infinity_behind_a_nan_is_named(framework):
    xp = lib(framework)

    def program(x):
        z = xp.exp(x)
        s = z.sum()
        return z / s

    (sentence,) = told(ad.record(program, array(framework, [1000.0, 1.0])))
    assert "First NaN:" in sentence and "return z / s" in sentence
    assert "holds Inf, made by z = exp, line" in sentence and "z = xp.exp(x)" in sentence


@BOTH
def test_an_infinity_that_is_chosen_away_comes_back_as_a_nan(framework):
    """0 times Inf: the well-known trap of `where`."""
    xp = lib(framework)
    f = lambda x: xp.where(x > 0, xp.log(x), xp.zeros_like(x)).sum()  # noqa: E731
    value, adjoint = told(recorded(f, array(framework, [0.0, 1.0])))
    assert value.startswith("First Inf: v") and "log" in value
    assert adjoint.startswith("The first NaN on the way back is the adjoint of x, through v")


@BOTH
def test_a_dead_unit_is_named_with_what_it_ends_at(framework):
    xp = lib(framework)

    def program(x, w):
        a = x * w - 100.0
        h = xp.maximum(a, xp.zeros_like(a))
        return h.sum() + x.sum()

    drawn = view(recorded(program, random(framework, 3), random(framework, 3, seed=1))).picture
    ((sentence, box),) = drawn.findings
    assert sentence.startswith("The adjoint of w is all zero; it ends at h = maximum, line ")
    assert drawn.boxes[box].name == "h"


@BOTH
def test_a_mask_of_minus_infinity_is_no_alarm(framework):
    xp = lib(framework)
    keep, below = array(framework, [True, False]), array(framework, [-math.inf], "float32")
    tape = recorded(
        lambda x: xp.exp(xp.where(keep, x, below)).sum(), array(framework, [0.5, 1.0], "float32")
    )
    assert told(tape) == []


@BOTH
@pytest.mark.parametrize("factor, verb", [(0.5, "vanish"), (20.0, "explode"), (1.9, None)])
def test_vanishing_and_exploding_adjoints(framework, factor, verb):
    if factor == 20.0:
        tape = recorded(_linear(framework), random(framework, 2, 4), random(framework, 4, 4) * 3)
    else:
        tape = tapes.vanishing(framework, factor)
    assert [s.split(":")[0] for s in told(tape)] == ([f"Adjoints {verb}"] if verb else [])


@BOTH
def test_what_fades_slowly_vanishes_too(framework):
    def program(x):
        for _ in range(20):
            x = x * 0.1
        return x.sum()

    (sentence,) = told(recorded(program, random(framework, 4)))
    assert sentence.startswith("Adjoints vanish: 1 at")


def _linear(framework):
    def program(x, w):
        for _ in range(20):
            x = x @ w
        return (x * 1e-6).sum()

    return program


@BOTH
def test_healthy_tapes_say_nothing(framework):
    for tape in (tapes.small(framework), tapes.layers(framework), tapes.lstm(framework, 5)):
        assert told(tape) == []


# ----- sizes: zero, overflow and underflow of squares, NaN, Inf -----
SIZES = [([3.0, 4.0], 12.5**0.5), ([0.0, 0.0], 0.0), ([1e30, 1e30], 1e30), ([1e-30] * 2, 1e-30),
         ([math.inf, 1.0], math.inf), ([math.nan, math.inf], math.nan)]  # fmt: skip


@BOTH
@pytest.mark.parametrize("entries, size", SIZES)
def test_the_size_of_a_value(framework, entries, size):
    found = scan.size(array(framework, entries, "float32"))
    assert found == pytest.approx(size, rel=1e-5, nan_ok=True)


@BOTH
def test_what_has_no_size_has_none(framework):
    assert scan.size(array(framework, [1, 2])) is None
    assert scan.size(array(framework, [], "float32")) is None
    assert scan.size(None) is None


# ----- bytes and checkpoints -----
@BOTH
def test_bytes_alive_of_a_chain_counted_by_hand(framework):
    """sin keeps x, which the caller holds; exp keeps its output, sum keeps nothing."""
    xp = lib(framework)
    tape = recorded(lambda x: xp.exp(xp.exp(xp.sin(x))).sum(), random(framework, 4))
    forward = [0, 16, 32, 32, 36]  # x, sin, exp, exp (sin is gone), sum (a number)
    back = [32 + 4 + 16, 32 + 32, 16 + 32, 16, 0]  # what is kept, an adjoint, and what it becomes
    assert alive.Lives(tape).bytes([]) == [*forward, *back]


PROGRAMS = {
    "twelve layers": lambda xp: lambda x: _nested(xp, x, 12),
    "one of them": lambda xp: lambda x: xp.exp(xp.sin(x)).sum(),
}


def _nested(xp, x, depth):
    for _ in range(depth):
        x = xp.exp(xp.sin(x))
    return x.sum()


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_the_peak_is_what_a_gradient_really_holds(program):
    """`ad.memory` measures it on PyTorch; a temporary or two more are at work in a walk."""
    f, x = program(pytest.importorskip("torch")), random("torch", 10_000)
    counted = max(alive.Lives(recorded(f, x)).bytes([]))
    measured = ad.memory(ad.grad(f), x).peak_bytes
    assert counted <= measured * 1.02 and measured - counted <= 3 * 40_000


@BOTH
def test_a_wasted_checkpoint_is_told_from_one_that_helps(framework):
    helps, wasted = told(tapes.checkpoints(framework))
    assert helps.startswith("Checkpoint (line ") and "instead of" in helps
    assert wasted.startswith("Wasted checkpoint (line ") and "with it and without" in wasted
    assert "4 operations run again" in helps and "4 operations run again" in wasted


@BOTH
@pytest.mark.parametrize("policy, again", [("none", 9), ("sqrt", 6), ("all", 0)])
def test_policies_by_operations(framework, policy, again):
    """Of three roots the last is recorded at once; PyTorch's counts before it knows how many."""
    xp = lib(framework)

    def nine(x):
        for _ in range(9):
            x = xp.sin(x)
        return x

    tape = ad.record(ad.checkpoint(nine, policy), random(framework, 3))
    (segment,) = alive.segments(tape)
    assert (segment.policy, segment.stop - segment.first) == (policy, 9)
    assert segment.again == (9 if framework == "torch" and policy == "sqrt" else again)


def looped(framework, policy, size=3, **how):
    """A loop of steps of three operations."""
    xp = lib(framework)

    def step(h, w):
        z = xp.sin(h * w)
        return xp.exp(z)

    f = ad.checkpoint(step, policy, **how)
    return lambda x, w: f(x, w).sum(), random(framework, size), random(framework, size, seed=1)


@BOTH
@pytest.mark.parametrize("steps, snapshots, extra", [(10, 3, 15), (56, 5, 140), (100, 4, 374)])
def test_revolve_is_drawn_as_it_runs(framework, steps, snapshots, extra):
    """The published counts (Griewank and Walther 2000), of steps of three operations."""
    f, *args = looped(framework, "revolve", steps=steps, snapshots=snapshots)
    tape = recorded(f, *args)
    (segment,) = alive.segments(tape)
    assert (segment.policy, len(segment.bounds), segment.again) == ("revolve", steps + 1, 3 * extra)
    assert len(segment.pieces) == steps - 1, "the last step is recorded at once"
    spans = list(segment.held(len(tape.nodes)))
    times = [(start, 1) for _, start, _ in spans] + [(stop, -1) for *_, stop in spans]
    count = peak = 1  # the first state, which the caller holds
    for _, by in sorted(times):
        peak = max(peak, count := count + by)
    assert peak == snapshots
    layers = view(tape, most=10_000).picture.overlays
    layer = next(layer for layer in layers if layer.name == "bytes")
    assert {word.split(", ")[1] for word in layer.words} >= {"snapshot", "computed again"}


@BOTH
@pytest.mark.parametrize("policy, how", [("online", {"snapshots": 3}), ("sqrt", {}), ("none", {})])
def test_a_loop_that_ends_by_itself_is_counted_by_what_repeats(framework, policy, how):
    xp = lib(framework)
    step = lambda h, w: xp.sin(h * w)  # noqa: E731
    f = ad.checkpoint(step, policy, until=lambda h, w: (h < 0.3).all(), **how)
    x, w = array(framework, [0.9, 0.8]), array(framework, [0.9, 0.9])
    steps = 0
    while not bool((x < 0.3).all()):
        x, steps = step(x, w), steps + 1
    tape = ad.record(lambda x, w: f(x, w).sum(), array(framework, [0.9, 0.8]), w)
    (segment,) = alive.segments(tape)
    assert steps > 5 and len(segment.bounds) == steps + 1 and segment.policy == policy


MEASURED = [("all", {}), ("none", {}), ("sqrt", {}), ("revolve", {"snapshots": 1}),
            ("revolve", {"snapshots": 4}), ("online", {"snapshots": 3})]  # fmt: skip


@pytest.mark.parametrize("policy, how", MEASURED)
def test_the_peak_under_each_policy_is_what_is_measured(policy, how):
    """A state that is advanced, and a temporary, are at work besides."""
    pytest.importorskip("torch")
    f, *args = looped("torch", policy, 10_000, steps=30, **how)
    tape = recorded(f, *args)
    counted = max(alive.Lives(tape).bytes(alive.segments(tape)))
    measured = ad.memory(ad.grad(f, (0, 1)), *args)
    assert counted <= measured.peak_bytes and measured.peak_bytes - counted <= 2.1 * 40_000
    assert alive.segments(tape)[0].again == 3 * measured.recomputed


@BOTH
def test_two_calls_on_one_line_are_two_segments(framework):
    xp = lib(framework)
    step = ad.checkpoint(lambda x: xp.sin(xp.exp(x)))

    def program(x):
        for _ in range(3):
            x = step(x)
        return x

    found = alive.segments(ad.record(program, random(framework, 3)))
    assert [(s.first, s.stop) for s in found] == [(1, 3), (3, 5), (5, 7)]
