"""`ad.row`: what is stated decides the kind; what does not fit is said in one sentence."""

import importlib
import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import add_row, xp
from autodiff_lab.table import ROWS
from autodiff_lab.table.row import CACHES
from tests.autodiff_lab.test_errors import refused
from tests.helpers import FRAMEWORKS, allclose, array

both = pytest.mark.parametrize("name", FRAMEWORKS)


@pytest.fixture(autouse=True)
def table_is_put_back():
    before, added = dict(ROWS), dict(add_row.ADDED)
    yield
    for now, old in ((ROWS, before), (add_row.ADDED, added)):
        now.clear()
        now.update(old)
    for cache in CACHES:
        cache.clear()


def library(name):
    return importlib.import_module("torch" if name == "torch" else "jax.numpy")


@both
def test_a_pointwise_row_serves_both_frameworks_at_once(name):
    ROWS.pop("exp2", None)
    row = ad.row("exp2", lambda xp, x: xp.exp2(x), d=lambda xp, y, x: y * math.log(2),
                 example="exp2([3.]) = [8.]")  # fmt: skip
    assert row.kind == "pointwise" and row.file == __file__
    x = array(name, [3.0, -1.0])
    f = lambda x: library(name).exp2(x).sum()  # noqa: E731
    allclose(ad.grad(f)(x), np.log(2) * 2 ** np.array([3.0, -1.0]), "float64")
    assert ad.check(lambda x: library(name).exp2(x), x, order=2)


def test_the_row_knows_the_line_it_was_written_on():
    row = ad.row("nothing_like_it", lambda xp, x: x, d=lambda xp, y, x: 1.0)
    assert row.file == __file__ and row.line > 0


@pytest.mark.parametrize(
    "kind, statements",
    [
        ("linear", {"transpose": lambda xp, g, x: (xp.flip(g, (0,)),)}),
        ("general", {"jvp": lambda xp, dx, y, x: xp.flip(dx, (0,)),
                     "vjp": lambda xp, g, y, x: (xp.flip(g, (0,)),)}),
        ("composite", {"kind": "composite"}),
    ],
)  # fmt: skip
def test_other_kinds_are_found_by_their_spelling(kind, statements):
    torch = pytest.importorskip("torch")
    row = ad.row("fliplr_", lambda xp, x: xp.flip(x, (0,)), torch="torch.Tensor.my_flip", jax="-",
                 **statements)  # fmt: skip
    assert row.kind == kind

    def my_flip(x):
        if torch.overrides.has_torch_function((x,)):
            return torch.overrides.handle_torch_function(my_flip, (x,), x)
        return torch.flip(x, (0,))

    w = torch.tensor([1.0, 2.0, 3.0])
    assert ad.grad(lambda x: (my_flip(x) * w).sum())(w).tolist() == [3.0, 2.0, 1.0]
    assert ad.check(lambda x: my_flip(x), w)


def test_a_row_of_that_name_is_replaced():
    ad.row("sin", lambda xp, x: xp.sin(x), d=lambda xp, y, x: 5 * xp.cos(x))
    assert ROWS["sin"].partials[0].startswith("5")
    constant = ad.row("floor", lambda xp, x: xp.floor(x), kind="constant")
    assert constant.kind == "constant"


def test_what_does_not_fit_is_said():
    fn = lambda xp, x: x  # noqa: E731
    refused(lambda: ad.row("o", fn), "no derivative", "kind='composite'")
    refused(lambda: ad.row("o", fn, d=lambda xp, x: x), "takes 2 parameters instead of 3")
    refused(lambda: ad.row("o", fn, d=(fn, fn)), r"1 inputs and 2 partial")
    refused(lambda: ad.row("o", fn, vjp=fn), "states vjp= alone", "custom_rule")
    refused(lambda: ad.row("o", fn, d=fn, transpose=fn), "pointwise and linear")
    refused(lambda: ad.row("o", fn, kind="pointless"), "'composite' or 'constant'")
    refused(lambda: ad.row("o", 3, d=fn), "needs fn", "lambda xp, x")
    refused(lambda: ad.row("o", lambda: 1, d=fn), "takes nothing")
    refused(lambda: ad.row("my_sin", fn, d=lambda xp, y, x: y, torch="sin"), "row 'sin' already")
    assert "o" not in ROWS and "my_sin" not in ROWS


@both
def test_two_inputs(name):
    row = ad.row("hypotenuse", lambda xp, a, b: xp.sqrt(a * a + b * b), torch="-", jax="-",
                 d=(lambda xp, y, a, b: a / y, lambda xp, y, a, b: b / y))  # fmt: skip
    assert row.arity == 2 and row.partials == (r"\frac{a}{y}", r"\frac{b}{y}")
    f = lambda a, b: row.fn(xp.verbs(name), a, b)  # noqa: E731
    assert ad.check(f, array(name, [3.0]), array(name, [4.0]))
