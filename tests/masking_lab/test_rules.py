"""Every row under a mask, by construction: each case with one of its dims made ragged.

The oracle is the loop over the unpadded examples. A row that refuses must be on the list, so that a
refusal never counts as a pass.
"""

import math
import zlib

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from autodiff_lab import xp
from autodiff_lab.table import ROWS
from masking_lab import rules
from masking_lab.lane import Lane, refill
from tests.helpers import FRAMEWORKS, allclose, array, sample, to_numpy

# Rows whose parameters hold sizes are tested through programs, in test_autobatch.
SIZED = {"broadcast", "reshape", "arange", "slice", "split"}
# Rows that move entries along the ragged dim: refused by name there, fine along the other dims.
REFUSES = {"svdvals", "local_response_norm", "group_norm", "fft", "rfft", "irfft"}
# JAX takes these apart into operations that have no row, or asks whether there are k entries.
TAKEN_APART = {("top_k", "jax"), ("entr", "jax"), ("copysign", "jax")}
LENGTHS = (4, 1, 3)


def tied(row, shapes, params, axis):
    """For each input, its axes that share their size with the first input's `axis`."""
    if row.name == "contract":
        a, b = params["spec"].split("->")[0].split(",")
        return [[i for i, c in enumerate(x) if c == a[axis]] for x in (a, b)]
    if row.name == "add_product":
        c = "ik"[-len(shapes[0]) :]
        return [[i for i, k in enumerate(x) if k == c[axis]] for x in (c, "ij", "jk")]
    if row.kind == "composite" and row.arity == 3:  # elementwise
        return [[i for i in range(len(s)) if i - len(s) == axis - len(shapes[0])] for s in shapes]
    if row.kind == "composite":  # what has the same shape is padded alike
        return [[axis] if shape == shapes[0] else [] for shape in shapes]
    places, _ = row.axes([len(s) for s in shapes], **params)
    goal = places[0][axis]
    return [[axis] if i == 0 else [k for k, p in enumerate(goes) if p == goal and goal is not None]
            for i, goes in enumerate(places)]  # fmt: skip


def cases():
    for row in ROWS.values():
        if row.name in SIZED or (row.axes is None and row.kind != "composite"):
            continue
        if row.section in ("linalg.py", "decomposition.py", "convolution.py", "stencil.py"):
            continue  # their ragged dims go together: see below, and test_coverage
        if row.kind == "composite" and row.along is not None:
            continue  # these do not follow from their bodies: test_coverage
        if row.section == "indexing.py":
            continue  # an index of its own for each example: test_coverage
        for i, (shapes, params) in enumerate(row.cases or [([(4, 3)] * (row.arity or 0), {})]):
            if row.name in ("gather", "scatter", "scatter_add"):
                continue
            if not shapes or None in shapes or 0 in shapes[0]:  # a number comes first
                continue
            for axis in range(len(shapes[0])):
                if row.name == "group_norm" and axis == 1:
                    continue  # the groups divide the channels
                others = [size for s in shapes[1:] if s != shapes[0] for size in s]
                if row.kind == "composite" and row.arity is None and shapes[0][axis] in others:
                    continue  # weights of that size are shared
                yield pytest.param(row, shapes, params, axis, id=f"{row.name}-{i}-axis{axis}")


def examples(row, name, shapes, params, axis):
    """One list of inputs per example. The size of the ragged dim is each example's own."""
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))
    ties = tied(row, shapes, params, axis)
    for n in LENGTHS if row.name != "top_k" else (4, 2, 3):
        own = [
            tuple(n if k in t else s for k, s in enumerate(shape))
            for shape, t in zip(shapes, ties, strict=True)
        ]
        xs = [sample(row, rng, s) for s in own]
        if row.name == "where" or row.name.startswith("bitwise"):
            xs = [xs[0] > 0.5, *(x > 0.5 if row.name.startswith("bitwise") else x for x in xs[1:])]
        yield [array(name, x) for x in xs], [bool(t) for t in ties]


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row, shapes, params, axis", list(cases()))
def test_row_under_a_mask_is_the_loop(row, shapes, params, axis, name):
    verbs = xp.verbs(name)
    rows = list(examples(row, name, shapes, params, axis))
    ragged = rows[0][1]
    shared = [None if r else x for r, x in zip(ragged, rows[0][0], strict=True)]

    def f(*xs):
        y = row.fn(verbs, *xs, **params)
        return y[-1] if row.outputs != 1 else y

    def inputs(i):
        return [rows[i][0][k] if r else shared[k] for k, r in enumerate(ragged)]

    loop = [f(*inputs(i)) for i in range(len(LENGTHS))]
    seen = []
    for value in (0.0, math.nan, math.inf, 1e30):
        columns = zip(*map(inputs, range(len(LENGTHS))), strict=True)
        args = [
            poisoned(ml.batch(column), value) if r else column[0]
            for r, column in zip(ragged, columns, strict=True)
        ]
        try:
            seen.append(ml.autobatch(f)(*args))
        except ml.MaskError as refusal:
            assert row.name in REFUSES or (row.name, name) in TAKEN_APART
            assert row.kind == "composite" or name == "jax" or row.name in str(refusal)
            return
    for ours, expected in zip(seen[0].unbatch(), loop, strict=True):
        assert ours.dtype == expected.dtype
        allclose(ours, expected, "float64")
    for other in seen[1:]:
        np.testing.assert_array_equal(to_numpy(other.data), to_numpy(seen[0].data))


def poisoned(b, value):
    verbs = xp.of(b.data)
    if b.data.dtype == verbs.bool_type:
        value = value != 0.0
    elif not verbs.is_inexact(b.data.dtype):
        value = {0.0: 0, 1e30: 2**30}.get(value, -1)
    return ml.MaskedBatch(refill(verbs, Lane(b.data, b.sizes), value).data, b.sizes)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_pieces_of_a_dim_that_all_share(name):
    xs = [array(name, np.random.default_rng(n).normal(size=(n, 4))) for n in LENGTHS]

    def f(x):
        a, b = xp.of(x).lib.split(x, 2, 1)
        return a.sum(0) * b.sum(0)

    result = ml.autobatch(f)(ml.batch(xs))
    for ours, x in zip(result.unbatch(), xs, strict=True):
        allclose(ours, f(x), "float64")


def test_most_rows_have_a_mask_rule():
    assert len(set(ROWS) - SIZED - REFUSES) >= 55


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_slices(name):
    """Each example's own, whatever is ragged; a step that goes back has no rule yet."""
    rng = np.random.default_rng(0)
    xs = [array(name, rng.normal(size=(n, 4))) for n in LENGTHS]
    for f in (
        lambda x: x[:2],
        lambda x: x[1:],
        lambda x: x[:-1],
        lambda x: x[-2:],
        lambda x: x[1:3, ::-1] if name == "jax" else x[1:3],
        lambda x: x[: len(x) // 2],
        lambda x: x[len(x) // 2 :, 1:3],
        lambda x: x[::2],
        lambda x: x[1:-1:3],
    ):
        for ours, x in zip(ml.autobatch(f)(ml.batch(xs)).unbatch(), xs, strict=True):
            allclose(ours, f(x), "float64")
    if name == "jax":
        back = lambda x: x[len(x) - 1 : 0 : -2]  # noqa: E731
        for ours, x in zip(ml.autobatch(back)(ml.batch(xs)).unbatch(), xs, strict=True):
            allclose(ours, back(x), "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_arange_is_built_to_the_padded_size_and_masked(name):
    verbs = xp.verbs(name)
    xs = [array(name, np.ones(n)) for n in LENGTHS]
    result = ml.autobatch(lambda x: (verbs.arange(x.shape, 0, "int32") * x).sum())(ml.batch(xs))
    assert [float(y) for y in result.unbatch()] == [6.0, 0.0, 3.0]


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_broadcast_against_a_ragged_size(name):
    verbs = xp.verbs(name)
    xs = [array(name, np.arange(n, dtype="float64")) for n in LENGTHS]
    f = lambda x: verbs.broadcast(x, (2, x.shape[0]), (1,)).sum(0)  # noqa: E731
    for ours, x in zip(ml.autobatch(f)(ml.batch(xs)).unbatch(), xs, strict=True):
        allclose(ours, 2 * x, "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_second_derivatives_flow_through_a_mask(name):
    xs = [array(name, np.random.default_rng(0).normal(size=(n, 2))) for n in LENGTHS]
    w = array(name, [0.3, -0.7])
    tanh = xp.verbs(name).tanh
    f = lambda x, w: tanh(x @ w).sum()  # noqa: E731
    b = ml.batch(xs)
    batched = ad.grad(lambda w: ml.autobatch(f)(b, w).data.sum())
    loop = ad.grad(lambda w: sum(f(x, w) for x in xs))
    allclose(ad.jvp(batched, (w,), (w,))[1], ad.jvp(loop, (w,), (w,))[1], "float64")


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize(
    "row",
    [r for r in ROWS.values() if r.axes is r.along is None and r.kind != "composite"],
    ids=lambda r: r.name,
)
def test_a_row_that_says_nothing_about_axes_refuses_by_name(row, name):
    b = ml.batch([array(name, np.ones((n, 2))) for n in LENGTHS])
    with pytest.raises(ml.MaskError, match=rf"^{row.name} at .* has no mask rule yet"):
        rules.apply(row, xp.verbs(name), 3, [Lane(b.data, b.sizes)], {})


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_matrices_of_one_size_are_a_batch_and_so_are_ragged_ones(name):
    verbs, rng = xp.verbs(name), np.random.default_rng(0)
    same = [array(name, rng.normal(size=(2, 2)) + 3 * np.eye(2)) for _ in range(2)]
    b = array(name, rng.normal(size=(2, 2)))
    # two right-hand sides, not two vectors
    batched = ml.autobatch(verbs.lib.linalg.solve)(ml.batch(same), b)
    for ours, a in zip(batched.unbatch(), same, strict=True):
        allclose(ours, verbs.solve(a, b), "float64")
    ragged = [array(name, np.eye(n) + 0.1 * rng.normal(size=(n, n))) for n in LENGTHS]
    for ours, a in zip(
        ml.autobatch(verbs.lib.linalg.inv)(ml.batch(ragged)).unbatch(), ragged, strict=True
    ):
        allclose(ours, verbs.inv(a), "float64")


PLAN = {"stride": (1,), "padding": ((1, 0),), "dilation": (1,), "gaps": (1,)}


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("shared", [True, False])
def test_a_convolution_of_each_example_is_one_convolution(name, shared):
    verbs, rng = xp.verbs(name), np.random.default_rng(0)
    xs = [array(name, rng.normal(size=(n, 2, 5))) for n in LENGTHS]
    ws = [array(name, rng.normal(size=(3, 2, 2))) for _ in LENGTHS]

    def f(x, w):
        row = ROWS["conv"]
        return row.fn(verbs, x, w, shapes=(tuple(x.shape), tuple(w.shape)), **PLAN)

    w = ws[0] if shared else ml.batch(ws)
    if name == "jax" or not shared:  # the number of images is one of the row's sizes
        xs = [array(name, rng.normal(size=(2, 2, 5))) for _ in LENGTHS]
    batched = ml.autobatch(lambda x, w: verbs.conv(x, w, shapes=((2, 2, 5), (3, 2, 2)), **PLAN))
    ys = batched(ml.batch(xs), w).unbatch()
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        allclose(y, f(x, ws[0] if shared else ws[i]), "float64")
