"""Whole numbers that the host knows (`pc`), and rows of a table that all examples share.

The oracle is the loop over the examples: values, dtypes, errors, the gradient of the table.
"""

import numpy as np
import pytest

import masking_lab as ml
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy


def steps(lib, xs, w):
    """Collatz: what the numbers are decides, and they are computed with."""
    x, n = xs[0], 0
    while x > 1:
        x = x // 2 if x % 2 == 0 else 3 * x + 1
        n += 1
    return n, x


def backwards(lib, xs, w):
    """From the end, by negative places and by places of the example's own."""
    i, found = -1, xs[0] * 0
    while i >= -len(xs):
        found = 2 * found - xs[i] + xs[len(xs) + i]
        i -= 1
    return found


def jumps(lib, xs, w):
    """Each entry tells where to go on; a row of the table for each."""
    i, total = xs[0], 0.0
    for _ in range(4):
        total = total + w[i].sum() * (1 if i != 0 else 0.5)
        i = xs[i]
    return total


def mixed(lib, xs, w):
    """Beside floats, in tests and in sums; a number of Python's that may come from either way."""
    n = 1 if xs[0] > 2.5 else len(xs)
    k = n * xs[-1] - (3 - n)
    while k > 0.5:
        k = k - 1
        n = n + 2
    return w[0] * n + k, n / 2


def truths(lib, xs, w):
    is_large, n = xs[0] > 2, 0
    for x in xs:
        if is_large == (x > 2):
            n = n + x
    return n, is_large


def outside(lib, xs, w):
    """Behind the end: an error on PyTorch, the nearest row on JAX."""
    i = 0
    while i < xs[0]:
        i = i + 1
    return w[i * 2].sum() + xs[i]


NUMBERS = [[3, 1, 2, 3], [1, 0], [2, 2, 0], [0, 1]]
PROGRAMS = [steps, backwards, jumps, mixed, truths]


def batches(name, dtype="int32"):
    return [array(name, np.asarray(own, dtype)) for own in NUMBERS]


def table(name):
    return array(name, np.arange(12.0).reshape(4, 3))


def parts(y):
    return y if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize("strategy", ["pc", "lazy", "masked"])
@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_numbers_are_those_of_the_loop(name, f, strategy):
    lib, xs, w = module(name), batches(name), table(name)
    found = [own.unbatch() for own in parts(ml.autobatch(f, strategy)(lib, ml.batch(xs), w))]
    for k, own in enumerate(zip(*found, strict=True)):
        for a, b in zip(own, parts(f(lib, xs[k], w)), strict=True):
            np.testing.assert_allclose(to_numpy(a), to_numpy(b))
            if hasattr(b, "dtype"):
                assert a.dtype == b.dtype


@pytest.mark.parametrize("strategy", ["pc", "lazy", "masked"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_row_of_a_table_has_the_gradient_of_the_loop(name, strategy):
    lib, xs = module(name), batches(name)
    run = ml.autobatch(jumps, strategy)
    want = native_grad(lambda w: sum(jumps(lib, x, w) for x in xs), (0,))(table(name))[0]
    found = native_grad(lambda w: run(lib, ml.batch(xs), w).data.sum(), (0,))(table(name))[0]
    np.testing.assert_allclose(to_numpy(found), to_numpy(want))


@pytest.mark.parametrize("strategy", ["pc", "masked"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_no_example_has_a_row_behind_the_end(name, strategy):
    lib, xs, w = module(name), batches(name), table(name)
    run = ml.autobatch(outside, strategy)
    if name == "torch":
        with pytest.raises(IndexError):
            run(lib, ml.batch(xs), w)
        return
    for a, x in zip(run(lib, ml.batch(xs), w).unbatch(), xs, strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(outside(lib, x, w)))


@pytest.mark.parametrize("fill", [0, -7, 10**6])
@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_padding_may_hold_any_number(name, f, fill):
    lib, xs, w = module(name), batches(name), table(name)
    padded = np.full((4, 6), fill, "int32")
    for row, own in zip(padded, NUMBERS, strict=True):
        row[: len(own)] = own
    mask = np.arange(6) < np.asarray([len(own) for own in NUMBERS])[:, None]
    poisoned = ml.MaskedBatch.from_padded(array(name, padded), array(name, mask))
    run = ml.autobatch(f, "pc")
    pairs = zip(parts(run(lib, ml.batch(xs), w)), parts(run(lib, poisoned, w)), strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(to_numpy(a.data), to_numpy(b.data))


@pytest.mark.parametrize("strategy", ["pc", "lazy", "masked"])
def test_how_arguments_are_held_belongs_to_a_line(strategy):
    """The same arrays in the same order, in other pairs, when there is a line already."""
    torch = pytest.importorskip("torch")

    def cell(a, b):
        return a[0] * 2 + a[-1] * 3 + b[0] * 5 + b[-1]

    def f(x):
        y = x[0] * 0
        for v in x:
            for _ in range(3):
                y = (y + cell((v, y, x[0]), (v + 1,))).tanh()
            y = y + cell((v,), (y, x[0], v + 1)) - cell((v, y), (x[0], v + 1))
        return y

    xs = [torch.randn(n, 3, dtype=torch.float64) for n in (3, 1, 5, 4)]
    for _ in range(2):
        for y, x in zip(ml.autobatch(f, strategy)(ml.batch(xs)).unbatch(), xs, strict=True):
            torch.testing.assert_close(y, f(x))
