"""A share of the generated corpus: random programs, batched and one example at a time.

`make corpus` runs thousands; see tests/masking_lab/corpus.
"""

import copy

import pytest

from masking_lab import lift
from masking_lab.strategies import STRATEGIES
from tests.masking_lab import corpus
from tests.masking_lab.corpus import refusals, report, run

SHARE = {"torch": 16, "jax": 2}  # programs of one test


@pytest.mark.parametrize("name, part", [*[("torch", i) for i in range(8)], ("jax", 0), ("jax", 1)])
def test_random_programs_are_the_loops(name, part):
    """The corpus's first programs: zero mismatches, and few of them refused."""
    found = report.Report()
    for seed in range(part * SHARE[name], (part + 1) * SHARE[name]):
        corpus.check(name, seed, found)
    assert not found.failed, "\n".join(found.lines())


OTHERS = [name for name in STRATEGIES if name not in ("loop", "masked")]


@pytest.mark.parametrize("strategy", OTHERS)
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_random_programs_by_every_strategy(name, strategy):
    """The loop's numbers, or a refusal whose reason is true."""
    found = report.Report()
    for seed in range(24) if name == "torch" else range(2):
        corpus.check(name, seed, found, strategy)
    assert not found.failed, "\n".join(found.lines())


def test_the_sample_has_batches_of_all_kinds():
    kinds = {corpus.program(seed, "torch", 9).kind for seed in range(24)}
    assert kinds == {"mixed", "empty", "equal", "one", "all empty"}


def test_a_reason_that_is_not_true_is_not_taken():
    words = "an entry is written to at ~, but strategy=~ computes later"
    assert refusals.is_true(words, "z = x * 1.0\nz[0] += h")
    assert not refusals.is_true(words, "z = x[0] * 1.0\nif z[0] == h:\n    h = 1")
    assert not refusals.is_true("it would be hard", "z[0] = h")


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("name", ["torch"])  # to plain values the framework does not matter
def test_lifted_programs_are_python_on_one_example(name, part):
    """Without a batch each decision is Python's own, and errors are too."""
    for seed in range(1000 + 25 * part, 1025 + 25 * part):
        program = corpus.program(seed, name, size=14)
        f = run.function(program, name)
        examples, shared = run.inputs(program, name)
        for example in examples:
            outcomes = [
                run.attempt(lambda g=g, e=(*example, *shared): g(*copy.deepcopy(e)))
                for g in (f, lift(f))
            ]
            plain, lifted = [run.numbers([y]) if _came(y) else type(y) for y in outcomes]
            assert str(plain) == str(lifted), program.text


def _came(y):
    return not isinstance(y, Exception)
