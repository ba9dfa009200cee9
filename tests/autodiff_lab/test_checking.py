"""`ad.check` is only worth something if it finds what is wrong, and only that."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from autodiff_lab.table import ROWS
from autodiff_lab.table.row import CACHES
from tests.autodiff_lab.test_errors import refused
from tests.helpers import FRAMEWORKS, array

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def test_right_derivatives_are_right_in_every_order(name):
    verbs = xp.verbs(name)
    f = lambda p, k: {"y": verbs.tanh(p["w"] @ p["w"]) * k, "flag": p["w"] > 0}  # noqa: E731
    p = {"w": array(name, [[0.3, -0.4], [0.9, 0.1]], "float32")}
    for order in (1, 2, 3):
        report = ad.check(f, p, array(name, 3), order=order)
        assert report and report.first is None and not report.notes, report
        assert report.precision == "float64"
        assert report.entries == 4 * order
    assert repr(ad.check(f, p, array(name, 3))).startswith("<check of <lambda>: right. 4 entries")


@pytest.fixture
def wrong_row(monkeypatch):
    """sin differentiates to cos, except beyond 1: there to 2 cos."""

    def make(name, **change):
        row = ROWS["sin"]
        wrong = lambda verbs, y, x: verbs.cos(x) * verbs.where(x > 1, 2.0 + 0 * x, 1.0 + 0 * x)  # noqa: E731
        monkeypatch.setattr(row, "d", (wrong,))
        monkeypatch.setattr(row, "kernel", None)
        monkeypatch.setattr(row, "_keep", {(True,): (True, (True,))})
        for cache in CACHES:
            cache.clear()

    return make


def test_a_wrong_row_is_named_with_its_line_and_entry(name, wrong_row):
    wrong_row(name)
    verbs = xp.verbs(name)

    def f(x):
        y = x * x
        z = verbs.sin(y)
        return z * 3

    report = ad.check(f, array(name, [0.5, 1.5]))
    assert not report
    assert report.first.op == "sin" and report.first.code == "z = verbs.sin(y)"
    text = repr(report)
    assert "WRONG" in text and "the row of sin is wrong (line" in text and "[1]" in text
    assert "d output[1] / d x[1] is" in text
    assert "output[0]" not in text


def test_a_wrong_row_that_the_output_does_not_show(name, wrong_row):
    wrong_row(name)
    verbs = xp.verbs(name)
    report = ad.check(lambda x: verbs.sin(x) * 0.0, array(name, 1.5))
    assert not report and report.first.op == "sin" and not report.wrong_entries


def test_wrong_custom_rules(name):
    f = lambda a, b: a * b * b  # noqa: E731
    x, y = array(name, [1.0, 2.0]), array(name, [3.0, 4.0])
    right = ad.custom_rule(f, vjp=lambda g, y, a, b: (g * b * b, 2 * g * a * b))
    assert ad.check(right, x, y, order=2)
    by_b = ad.custom_rule(f, vjp=lambda g, y, a, b: (g * b * b, g * a * b))
    report = ad.check(lambda a, b: by_b(a, b), x, y)
    assert not report and report.first.op == "<lambda>"
    assert all("d b" in s or "by b" in s for s in report.wrong), report
    apart = ad.custom_rule(f, jvp=lambda da, db, y, a, b: da * b * b + 2 * a * b * db,
                           vjp=lambda g, y, a, b: (g * b * b, g * a))  # fmt: skip
    report = ad.check(lambda a, b: apart(a, b), x, y)
    assert not report
    assert all(s.startswith(("reverse", "forward against", "the row")) for s in report.wrong)
    assert "reverse, by" in report.wrong_nodes[0]
    starts = {s.split(":")[0] for s in report.wrong_entries}
    assert starts == {"reverse", "forward against reverse"}


def test_a_kink_is_no_mistake(name):
    verbs = xp.verbs(name)
    report = ad.check(lambda x: verbs.relu(x) + verbs.abs(x), array(name, [0.0, -1.0, 2.0]))
    assert report and len(report.notes) == 1
    assert "at a kink: d output[0] / d x[0] is -1 on the left and 2 on the right" in report.notes[0]


def test_a_slope_outside_the_kink_is_one(name):
    verbs = xp.verbs(name)
    steep = ad.custom_rule(lambda x: verbs.relu(x), d=lambda y, x: 0 * x + 3)
    assert not ad.check(lambda x: steep(x), array(name, [0.0]))


def test_values_that_change_from_call_to_call(name):
    rng = np.random.default_rng(0)
    report = ad.check(lambda x: x * rng.normal(), array(name, [1.0]))
    assert not report and "two different answers" in repr(report)


def test_a_function_that_insists_on_float32(name):
    """Weights of its own in float32: then float32 is what is checked, with its tolerance."""
    verbs = xp.verbs(name)
    half = lambda x: verbs.astype(verbs.sin(verbs.astype(x, "float32")), "float32") * 2  # noqa: E731
    report = ad.check(half, array(name, [0.5, -1.0], "float32"))
    assert report and report.precision == "float32", report


def test_tiny_and_large_inputs_find_their_step(name):
    verbs = xp.verbs(name)
    report = ad.check(lambda x: verbs.log(x).sum(), array(name, [1e-6, 1.0, 1e6]))
    assert report and not report.notes, report


def test_many_entries_are_sampled(name):
    report = ad.check(lambda x: (x * x).sum(), array(name, np.linspace(1, 2, 500)))
    assert report and report.entries == 32


def test_numbers_alone_cannot_be_checked(name):
    refused(lambda: ad.check(lambda x: x, 1.0), "no leaf is a torch.Tensor or a JAX array")


ONLY_THE_LAST = ("igamma", "igammac", "polygamma", "zeta")  # no derivative by the parameter


@pytest.mark.parametrize("op", sorted(n for n, r in ROWS.items() if r.is_pointwise))
def test_every_pointwise_row_passes(name, op):
    row = ROWS[op]
    rng = np.random.default_rng(3)
    xs = [array(name, rng.uniform(*row.domain, 3)) for _ in range(row.arity)]
    if op == "where":
        xs[0] = xs[0] > 0
    if op == "polygamma":
        xs[0] = 1
    held = xs[:-1] if op in ONLY_THE_LAST else []
    f = lambda *rest: row.fn(xp.verbs(name), *held, *rest)  # noqa: E731
    assert ad.check(f, *xs[len(held) :]), op
