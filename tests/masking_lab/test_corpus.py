"""A share of the generated corpus: random programs, batched and one example at a time.

`make corpus` runs thousands; see tests/masking_lab/corpus.
"""

import copy

import pytest

from masking_lab import lift
from tests.masking_lab import corpus
from tests.masking_lab.corpus import report, run

SHARE = {"torch": 16, "jax": 2}  # programs of one test


@pytest.mark.parametrize("name, part", [*[("torch", i) for i in range(8)], ("jax", 0), ("jax", 1)])
def test_random_programs_are_the_loops(name, part):
    """The corpus's first programs: zero mismatches, and few of them refused."""
    found = report.Report()
    for seed in range(part * SHARE[name], (part + 1) * SHARE[name]):
        corpus.check(name, seed, found)
    assert not found.failed, "\n".join(found.lines())


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
