"""Every exercise, solved, solved wrongly in the likely ways, and left alone."""

import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course.exercises import check, compare, hint, names, solution
from course.exercises.ask import find, plan
from course.exercises.compare import outcomes
from tests.helpers import FRAMEWORKS, module

NAMES = names()
GUESS = "01.sharing"


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


@pytest.mark.parametrize("name", ["03.matmul", GUESS])
def test_nbgrader_sees_an_error_where_a_notebook_shows_a_report(name, monkeypatch):
    """It gives all points for any output but an error, or a number."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    exercise = find(name)
    assert check(name, exercise.answer(exercise.solution)).passed
    said, slip = next(iter(exercise.slips.items()))
    with pytest.raises(AssertionError, match="^Almost: ") as raised:
        check(name, exercise.answer(slip))
    assert raised.value._render_traceback_()[0] == f"Almost: {said}"
    with pytest.raises(AssertionError, match="Not there yet"):
        check(name, exercise.answer(exercise.stub))


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


def test_an_exception_in_the_answer_is_told_with_its_line():
    def answer(xp, y, x):
        return 1 / 0

    told = repr(check("00.softplus", answer))
    assert "test_exercises" not in told
    assert "ZeroDivisionError: division by zero, at line" in told and ": return 1 / 0" in told


ODD = {
    "an object": object(),
    "a word": "x",
    "a set": {1, 2},
    "None beside a number": (None, 1.0),
    "a number too large": 10**400,
    "an array of objects": np.array([None, object()]),
    "a function": len,
    "bytes": b"x",
    "too many": (1.0,) * 50,
}


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("name", ["01.sharing", "01.strides", "02.dual", "05.root", "06.length"])
def test_what_is_no_number_is_told_too(name, odd):
    exercise = find(name)
    answer = (lambda *args: ODD[odd]) if exercise.cases else dict.fromkeys(
        exercise.expected, ODD[odd])  # fmt: skip
    report = check(name, answer)
    assert not report.passed and report._repr_mimebundle_()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_answer_at_all_is_told_too(name):
    for answer in (None, ..., 3, (1, 2), {}, {"a": 1}):
        assert "Not there yet" in repr(check(name, answer))


def test_a_row_of_numbers_is_as_good_as_a_tuple():
    assert check("01.strides", lambda shape: np.array(np.empty(shape, np.int8).strides)).passed


def test_a_guess_that_is_half_filled_in_is_not_there_yet():
    exercise = find(GUESS)
    assert "still empty: 1 of 6" in repr(check(GUESS, exercise.expected | {"x + 0": ...}))


def test_words_are_no_truths_and_may_have_capitals():
    assert "in quotes is a word" in repr(check(GUESS, dict.fromkeys(find(GUESS).expected, "True")))
    capitals = {k: v.title() for k, v in find("03.direction").expected.items()}
    assert check("03.direction", capitals).passed


SYMPTOMS = {
    "The sign is wrong": lambda a, da, b, db: -(da @ b) - a @ db,
    "2 times what is expected": lambda a, da, b, db: 2 * (da @ b + a @ db),
    "not all of its functions are jax's": lambda a, da, b, db: da.matmul(b) + a.matmul(db),
    "The recursion never ends": lambda *args: SYMPTOMS["The recursion never ends"](*args),
    "ask a whole array": lambda a, da, b, db: da @ b if a > 0 else a @ db,
    "Right but for the NaNs": lambda a, da, b, db: da @ b + a @ db + 0 * (a @ b) / (a @ b > 0),
}  # fmt: skip


@pytest.mark.parametrize("pointed", SYMPTOMS)
def test_numbers_that_are_no_known_slip_point_somewhere(pointed):
    assert pointed in repr(check("03.matmul", SYMPTOMS[pointed]))


def wrapped(name, change):
    """The solution of an exercise, and what a hasty hand makes of what it gives."""
    solve = find(name).answer(find(name).solution)
    return lambda *args: change(solve(*args))


def in_halves(x):
    return x.half() if hasattr(x, "half") else x.astype("float16")


CARELESS = {  # whatever the exercise asks
    ("03.matmul", print): "it was printed, and nothing came back: `return` it",
    ("03.matmul", np.asarray): "NumPy's arrays came back for a framework's",
    ("13.steps", lambda y: y.tolist()): "These are the right numbers, in a list",
    ("03.matmul", lambda y: y[None]): "The numbers are right, in another shape",
    ("03.matmul", lambda y: y.sum()): "It has been added up",
    ("03.normalize", lambda y: y.mean()): "It has been averaged",
    ("03.normalize", abs): "Right but for the sign, in some places",
    ("05.power", int): "Whole numbers came back",
    ("11.softmax", in_halves): "Right to three digits or so",
    ("08.reach", lambda y: y + 1): "All of it is 1 too large",
    ("08.reach", lambda y: 3): "It gives the same each time",
    ("03.matmul", lambda y: y * float("nan")): "Nothing but NaN",
    ("03.matmul", lambda y: sys.exit()): "An answer does not exit",
    ("03.matmul", lambda y: (v for v in y)): "no number, it is a generator",
    ("03.matmul", str): "no number, it is text",
}  # fmt: skip


@pytest.mark.parametrize("name, change, pointed", [(*key, said) for key, said in CARELESS.items()],
                         ids=CARELESS.values())  # fmt: skip
def test_carelessness_is_told_whatever_is_asked(name, change, pointed):
    assert pointed in repr(check(name, wrapped(name, change)))


def test_an_answer_that_writes_into_its_inputs_is_told():
    def in_place(a, da, b, db):
        a[0] = 0
        return da @ b + a @ db

    def afterwards(a, da, b, db):
        y = da @ b + a @ db
        return (a.zero_() if hasattr(a, "zero_") else a, y)[1]

    told = repr(check("03.matmul", in_place))
    assert "It writes into what it was given" in told or "never written into" in told
    assert "The numbers are right, but it has written into" in repr(check("03.matmul", afterwards))


def test_what_fits_one_size_only_is_told():
    sizes = []

    def fixed(x, dx):
        sizes.append(x.shape)
        right = wrapped("03.normalize", lambda y: y)(x, dx)
        return right if x.shape == sizes[0] else right[:2]

    assert "Right for inputs of one size" in repr(check("03.normalize", fixed))


def test_a_slip_in_the_words_of_one_framework_is_told_too():
    told = repr(check("11.mean", lambda xp, x, mask: x.mean(dim=1)))
    assert "Almost: padding is counted" in told
    told = repr(check("11.mean", lambda xp, x, mask: (x * mask).sum(dim=1) / mask.sum(dim=1)))
    assert "Almost: 0 times NaN is NaN" in told


def test_an_endless_loop_is_stopped_and_told(monkeypatch, capsys):
    monkeypatch.setattr(compare, "PATIENCE", 0.2)

    def endless(a, da, b, db):
        while True:
            print("still here")

    told = repr(check("03.matmul", endless))
    assert "it was stopped after 0.2 seconds" in told and "Does it ever end?" in told
    assert len(capsys.readouterr().out) < 2100, "a flood is cut"
    assert check("03.matmul", wrapped("03.matmul", lambda y: y)).passed, "and nothing is left of it"


def test_the_learners_own_stop_is_no_wrong_answer():
    def stopped(*args):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("03.matmul", stopped)


def test_right_numbers_the_last_first_and_a_way_without_return_are_seen():
    told = repr(check("01.windows", lambda n, k, step: [1, step, k, (n - k) // step + 1]))
    assert "the last one first" in told
    assert "every way through" in repr(check("05.power", lambda x, n: x if n == 1 else None))


def test_what_was_not_multiplied_is_seen():
    assert "0 nodes on the tape" in repr(check("05.power", lambda x, n: float(x) ** n))


def test_of_two_slips_in_one_guess_one_is_told():
    wrong = find(GUESS).expected | {"x + 0": True, "x.T": False}
    told = repr(check(GUESS, wrong))
    assert "arithmetic always makes" in told and "Right so far: 4 of 6" in told


def test_an_unknown_name_is_told_its_neighbours():
    with pytest.raises(ValueError, match="there is 11.softmax, 00.softplus"):
        check("00.softmax", None)
