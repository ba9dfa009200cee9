"""The instant check of an exercise: right answers pass, wrong ones are shown."""

import xml.etree.ElementTree as ET

import pytest

from course.check import check_partial

torch = pytest.importorskip("torch")


def softplus(xp, x):
    return xp.log(1 + xp.exp(x))


def test_the_right_answer_passes_on_every_framework_at_hand():
    pytest.importorskip("jax.numpy")
    report = check_partial(softplus, lambda xp, y, x: xp.sigmoid(x))
    assert report.passed and "torch and jax" in repr(report)
    assert check_partial(softplus, lambda xp, y, x: 1 - xp.exp(-y)).passed  # another way to say it


def test_a_wrong_answer_is_shown_with_its_values():
    report = check_partial(softplus, lambda xp, y, x: xp.tanh(x), points=[0.0, 1.0])
    assert not report.passed
    assert "x =  1.0   yours   0.7616   central differences   0.7311" in repr(report)


def test_a_missing_answer_asks_for_return():
    report = check_partial(softplus, lambda xp, y, x: ...)
    assert not report and "return" in repr(report)
    assert list(report._repr_mimebundle_()) == ["text/plain"]


def test_the_picture_is_well_formed_and_marks_what_is_wrong():
    wrong = check_partial(softplus, lambda xp, y, x: xp.tanh(x))
    right = check_partial(softplus, lambda xp, y, x: xp.sigmoid(x))
    assert "#D55E00" in ET.tostring(ET.fromstring(wrong.picture()), "unicode")
    assert "some dots miss" in wrong.picture() and "all dots lie" in right.picture()


def test_an_exception_in_the_answer_is_the_learners_own():
    with pytest.raises(ZeroDivisionError):
        check_partial(softplus, lambda xp, y, x: 1 / 0)
