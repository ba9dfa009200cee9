"""The mutation check itself: a mutant takes the place of the function that it is in."""

import ast
import itertools

import pytest

from tests.masking_lab.mutants import find, judge
from tests.masking_lab.mutants.equivalent import EQUIVALENT

FIRST = [m for p in find.files() for m in itertools.islice(find.mutants(p), 1)]


@pytest.mark.parametrize("mutant", FIRST, ids=lambda m: m.file.removeprefix("masking_lab/"))
def test_every_function_is_found_again(mutant):
    """By its name and place: the mutant has the same functions, and one of them is another."""
    tree = ast.parse((find.ROOT / mutant.file).read_text())
    old, new = (
        {judge._key(c): c for c in judge._codes(compile(t, mutant.file, "exec"))}
        for t in (tree, find.replaced(tree, mutant))
    )
    assert all(name.endswith("<lambda>") for name, *_ in old.keys() - new.keys())  # knocked out
    both = old.keys() & new.keys()
    assert all(old[k].co_freevars == new[k].co_freevars for k in both)
    assert any(old[k] != new[k] for k in both)


def test_reasons_are_given_for_mutants_that_there_are():
    assert EQUIVALENT.keys() <= {m.key for p in find.files() for m in find.mutants(p)}


def test_one_of_each_function_comes_before_the_second_of_any():
    tests = [("f[1]", 3), ("f[2]", 1), ("g", 2), ("f[3]", 0)]
    found = judge.in_turn(tests, lambda t: t[1], lambda t: t[0])
    assert [name for name, _ in found] == ["f[3]", "g", "f[2]", "f[1]"]
