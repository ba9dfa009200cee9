"""Values in words: the same words for both frameworks, and nothing bad goes unsaid."""

import pytest

from kernel.values import number, short, summary
from tests.helpers import FRAMEWORKS, array

WORDS = {
    "0.5": (0.5, "0.5"),
    "true": (True, "True"),
    "int": (7, "7"),
    "vector": ([1.0, -0.0, 1e-9], "[1, 0, 1e-09]"),
    "empty": ([], "empty"),
    "matrix": ([[1.0, 2.0], [3.0, 4.5]], "1 .. 4.5"),
    "constant": ([[2.0, 2.0]] * 3, "all 2"),
    "nan": ([float("nan")] * 5, "all NaN"),
    "part nan": ([float("nan"), 1.0, 2.0, 3.0, 9.0], "1 .. 9"),
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("value, words", WORDS.values(), ids=WORDS)
def test_short_form(framework, value, words):
    assert short(array(framework, value)) == words


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_summary_is_loud_about_what_is_wrong(framework):
    inf, nan = float("inf"), float("nan")
    said = summary(array(framework, [[inf, nan, 1.0], [2.0, 3.0, nan]]))
    assert said == "6 entries from 1 to 3, mean 2, sd 0.8165 2 NaN! 1 Inf!"
    assert summary(array(framework, [[0.0] * 3] * 2)).endswith("ALL ZERO")
    assert summary(array(framework, 0.0)) == "0"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_half_precision_reads_like_the_rest(framework):
    x = array(framework, [0.5, 1.0])
    half = x.bfloat16() if framework == "torch" else x.astype("bfloat16")
    assert short(half) == "[0.5, 1]"


def test_what_is_not_an_array_is_not_an_error():
    assert short(object()) == "..."
    assert summary(object()) == "no entries to read"


def test_numbers_have_four_digits_and_no_negative_zero():
    assert [number(x) for x in (-0.0, 1 / 3, 1234567.0, 1 + 2j)] == [
        "0",
        "0.3333",
        "1.235e+06",
        "1+2j",
    ]
