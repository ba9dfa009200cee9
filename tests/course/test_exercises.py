"""Every exercise, solved, solved wrongly in the likely ways, and left alone."""

import xml.etree.ElementTree as ET

import pytest

from course.exercises import check, hint, names, solution
from course.exercises.ask import find, plan
from course.exercises.compare import outcomes
from tests.helpers import FRAMEWORKS, module

NAMES = names()


@pytest.fixture(autouse=True)
def both_frameworks():
    for name in FRAMEWORKS:
        module(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_is_right(name):
    exercise = find(name)
    report = check(name, exercise.answer(exercise.solution))
    assert report.passed, report
    if exercise.cases:
        assert {case.framework for case in report.cases} == set(exercise.frameworks)


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_is_not_there_yet(name):
    exercise = find(name)
    assert "Not there yet" in repr(check(name, exercise.answer(exercise.stub)))


SLIPS = [(name, said) for name in NAMES for said in find(name).slips]


@pytest.mark.parametrize(
    ("name", "said"), SLIPS, ids=[f"{n}-{k}" for k, (n, _) in enumerate(SLIPS)]
)
def test_a_slip_is_told_by_its_cause(name, said):
    exercise = find(name)
    report = check(name, exercise.answer(exercise.slips[said]))
    assert not report.passed and f"Almost: {said}" in repr(report), report


@pytest.mark.parametrize("name", NAMES)
def test_it_is_whole(name):
    exercise = find(name)
    assert len(exercise.hints) == 3 and len(exercise.slips) >= 3
    assert [line for line in exercise.stub.splitlines() if "..." in line]
    if exercise.cases:  # fresh inputs are as good as the ones that are shown
        answer = exercise.answer(exercise.solution)
        assert all(case.right for case in outcomes(exercise, answer, seed=1))


def test_hints_come_one_after_the_other_and_then_the_plan():
    told = [hint("00.softplus") for _ in range(4)]
    assert [t[:11] for t in told] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]
    assert "the last one" in told[2] and "sigmoid(x)" not in told[2]
    first, second = solution("00.softplus"), solution("00.softplus")
    assert "sigmoid" not in first and "sigmoid" in second


def test_a_plan_keeps_headers_and_comments():
    source = "def f(x):\n    # add up\n    for y in x:\n        s += y\n    return s"
    assert plan(source) == "def f(x):\n    # add up\n    for y in x:\n        ...\n    ..."


def test_what_differs_is_drawn_and_said():
    report = check("00.softplus", lambda xp, y, x: x)
    picture = ET.fromstring(report.picture())
    assert "differ" in picture.attrib["aria-label"]
    assert len(picture.findall("{*}path")) == len({c.number for c in report.wrong})
    assert "yours" in repr(report) and 'hint("00.softplus")' in repr(report)
    assert set(report._repr_mimebundle_()) == {"text/plain", "text/html"}


def test_a_wrong_shape_is_said_before_its_numbers():
    report = check("00.softplus", lambda xp, y, x: xp.stack([x, x], 0))
    assert "the shape is (2,) where () was expected" in repr(report)


def test_an_exception_in_the_answer_is_the_learners_own():
    with pytest.raises(ZeroDivisionError):
        check("00.softplus", lambda xp, y, x: 1 / 0)


def test_an_unknown_name_is_told_its_neighbours():
    with pytest.raises(ValueError, match="there is 11.softmax, 00.softplus"):
        check("00.softmax", None)
