"""Functions of any origin: cells, methods, classes, decorators, lambdas on one line, partials."""

import functools
import linecache

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, array
from tests.masking_lab.corpus import run

XS = ([0.5, 1.0], [-1.0, 2.0, 3.0], [2.0])
CELL = "def cell(x, w):\n    if x[0] > 0:\n        return x[0] * w\n    return w\n"


def defined(title):
    """The function of CELL, whose text is known under a title, as IPython does it, or not."""
    if title.startswith("<ipython"):
        linecache.cache[title] = (len(CELL), None, CELL.splitlines(True), title)
    names: dict = {}
    exec(compile(CELL, title, "exec"), names)
    return names["cell"]


class Host:
    def method(self, x, w):
        return x[0] * w if x[0] > 0 else w

    @classmethod
    def of_class(cls, x, w):
        return x[0] * w if x[0] > 0 else w

    @staticmethod
    def static(x, w):
        return x[0] * w if x[0] > 0 else w

    __call__ = method


def doubled(f):
    @functools.wraps(f)
    def inside(*args):
        return f(*args) * 2

    return inside


decorated = doubled(Host.static)
first, second = (lambda x, w: x[0] * w if x[0] > 0 else w), (lambda x, w: x.sum() * w)
SOURCES = [defined("<ipython-input-7-abc>"), Host().method, Host.of_class, Host.static, Host(),
           decorated, first, second, functools.partial(Host().method)]  # fmt: skip


@pytest.mark.parametrize("f", SOURCES, ids=lambda f: getattr(f, "__qualname__", type(f).__name__))
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_functions_of_any_origin(name, f):
    xs = [(array(name, np.asarray(v)),) for v in XS]
    assert run.both(name, f, xs, [array(name, 0.8)]) == run.Outcome("same")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_function_without_a_text_says_so(name):
    b = ml.batch([array(name, np.asarray(v)) for v in XS])
    with pytest.raises(ml.MaskError, match="could not be read|where"):
        ml.autobatch(defined("<string>"))(b, array(name, 0.8))
