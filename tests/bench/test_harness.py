import json
import re

import numpy as np
import pytest

from tests.bench import harness, machine, report


class Clock:
    """A clock that only the contenders move."""

    now = 0.0

    def __call__(self):
        return self.now

    def work(self, seconds, result=1.0):
        def call():
            self.now += seconds
            return result

        return call


@pytest.fixture
def clock():
    return Clock()


def row(calls, must=None):
    return harness.Row("a row", lambda: calls, "base", (), must or {})


def test_the_ratio_is_to_the_baseline(clock):
    calls = {"base": clock.work(0.010), "ours": clock.work(0.025)}
    found = harness.run(row(calls), 5, clock)["contenders"]
    assert found["ours"]["ratio"] == pytest.approx([2.5] * 3)
    assert found["base"]["ratio"] == pytest.approx([1] * 3)
    assert found["ours"]["microseconds"] == pytest.approx(25_000)


def test_a_machine_that_slows_down_does_not_move_the_ratio(clock):
    def slowing(share):
        def call():
            clock.now += share * (1 + clock.now)

        return call

    times = harness.interleaved({"base": slowing(0.01), "ours": slowing(0.02)}, 40, clock)
    assert times["ours"][-1] > 2 * times["ours"][0]
    assert np.median(times["ours"] / times["base"]) == pytest.approx(2, rel=0.02)


def test_short_calls_are_repeated(clock):
    assert harness.repeats_for(clock.work(harness.SAMPLE / 100), clock) == 128
    assert harness.repeats_for(clock.work(harness.SAMPLE * 2), clock) == 1


def test_a_missed_must_is_said(clock):
    calls = {"base": clock.work(0.010), "ours": clock.work(0.012)}
    assert harness.run(row(calls, {"ours": 1.1}), 3, clock)["missed"] == ["ours"]
    found = harness.run(row(calls, {"ours": 1.3}), 3, clock)
    assert found["missed"] == [] and "ok, must be <= 1.3" in report.row_lines(found)


def test_a_wrong_answer_is_no_contender(clock):
    calls = {"base": clock.work(0.01, {"a": [1.0]}), "ours": clock.work(0.01, {"a": [2.0]})}
    with pytest.raises(AssertionError, match="ours does not give what base gives"):
        harness.run(row(calls), 3, clock)


def test_counted_costs_are_ratios_too(clock):
    calls = {"base": clock.work(0.01), "ours": clock.work(0.01)}
    calls["base"].cost, calls["ours"].cost = {"flops": 100.0}, {"flops": 150.0}
    assert harness.run(row(calls), 3, clock)["contenders"]["ours"]["cost"] == {"flops": 1.5}


def test_a_run_is_stored_as_data_and_as_a_page_that_needs_no_network(clock, tmp_path):
    pytest.importorskip("bokeh")
    found = harness.run(row({"base": clock.work(0.01), "ours": clock.work(0.02)}), 3, clock)
    described = machine.describe(1)
    data, page = report.store(tmp_path / "out", described, [found])
    assert json.loads(data.read_text()) == {"machine": described, "rows": [found]}
    text = page.read_text()
    assert "a row: ours" in text and described["cpu"] in text
    assert not re.search(r"<(script|link)[^>]*(src|href)=", text)


def test_a_row_that_fails_does_not_hide_the_others(clock, tmp_path):
    pytest.importorskip("bokeh")

    def broken():
        raise ValueError("no such op")

    found = harness.attempt(harness.Row("broken", broken, "base", ()), 3)
    assert found == {"name": "broken", "error": "ValueError: no such op"}
    good = harness.run(row({"base": clock.work(0.01)}), 3, clock)
    assert report.failed([found, good]) and not report.failed([good])
    _, page = report.store(tmp_path / "out", machine.describe(1), [found, good])
    assert "ValueError: no such op" in page.read_text()
