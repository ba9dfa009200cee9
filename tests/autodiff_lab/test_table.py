"""The table, tested by construction: a row added later is tested here without a new line.

The oracles come from outside: each framework's own function and its own gradient, and the
inner-product identity <g, J dx> = <J' g, dx> that holds forward against reverse.
"""

import importlib
import itertools
import math
import zlib

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from autodiff_lab.table import ROWS, find
from autodiff_lab.table.symbols import Symbol
from tests.helpers import FRAMEWORKS, allclose, array, native_grad, sample, to_numpy

ELEMENTWISE = {
    1: [[(2, 3)], [()], [(0, 3)]],
    2: [[(2, 3), (2, 3)], [(2, 3), (3,)], [(2, 1), (1, 3)], [(), (2, 3)], [(0, 3), (3,)]],
}


def cases(row):
    """`(shapes, params)` pairs: the row's own, or all ways to broadcast."""
    return row.cases or [(shapes, {}) for shapes in ELEMENTWISE.get(row.arity, [])]


# Complex values: test_complex, test_fourier. What takes lax's dimension numbers: test_indexing.
ELSEWHERE = {"complex", "fft", "rfft", "irfft", "gather", "scatter_add", "scatter"}


def differentiable():
    return [
        pytest.param(row, shapes, params, id=f"{row.name}-{i}")
        for row in ROWS.values()
        if row.kind != "constant" and row.name not in ELSEWHERE
        for i, (shapes, params) in enumerate(cases(row))
    ]


def draw(row, shapes, name, dtype, seed=0):
    """Inputs in the row's domain, all different, as arrays of the framework."""
    rng = np.random.default_rng(zlib.crc32(f"{row.name}{seed}".encode()))
    if any(hasattr(shape, "below") for shape in shapes):
        return [_with_indices(rng, row, shape, name, dtype) for shape in shapes]
    dtype = None if row.domain == "integers" else dtype
    values = [2 if shape is None else sample(row, rng, shape) for shape in shapes]
    if row.name == "where":
        return [array(name, values[0] > 0), *(array(name, v, dtype) for v in values[1:])]
    return [v if type(v) is int else array(name, v, dtype) for v in values]


def _with_indices(rng, row, shape, name, dtype):
    """Whole numbers below a bound where the case asks for an index."""
    if hasattr(shape, "below"):
        return array(name, np.asarray(rng.integers(0, shape.below, tuple(shape))))
    return array(name, rng.uniform(*row.domain, shape), dtype)


def apply(row, name, params):
    verbs = xp.verbs(name)
    if row.outputs == 1:
        return lambda *xs: row.fn(verbs, *xs, **params)

    def joined(*xs):
        """Many outputs as one vector: those that are numbers, end to end."""
        ys = [y for y in row.fn(verbs, *xs, **params) if verbs.is_inexact(y.dtype)]
        return verbs.concat([verbs.reshape(y, (math.prod(y.shape),)) for y in ys], 0)

    return joined


NO_ORACLE = {("zeta", "jax")}  # JAX has no derivative of its own there


def floats(xs):
    return [i for i, x in enumerate(xs) if "float" in str(getattr(x, "dtype", ""))]


def loss(f, weights):
    """A scalar with a different weight on each output entry, so that no two can be confused."""
    return lambda *xs: (f(*xs) * weights).sum()


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row, shapes, params", differentiable())
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradient_is_the_frameworks_own(row, shapes, params, name, dtype):
    xs = draw(row, shapes, name, dtype)
    f = apply(row, name, params)
    weights = array(name, np.cos(np.arange(math.prod(f(*xs).shape))).reshape(f(*xs).shape), dtype)
    at = tuple(floats(xs))
    if (row.name, name) in NO_ORACLE:
        return
    ours = ad.grad(loss(f, weights), argnums=at)(*xs)
    theirs = native_grad(loss(f, weights), at)(*xs)
    for i, a, b in zip(at, ours, theirs, strict=True):
        assert a.dtype == xs[i].dtype and tuple(a.shape) == tuple(xs[i].shape)
        allclose(a, b, "float32" if row.name == "astype" else dtype)


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row, shapes, params", differentiable())
def test_forward_and_reverse_agree(row, shapes, params, name):
    xs, directions = draw(row, shapes, name, "float64"), draw(row, shapes, name, "float64", seed=1)
    f, at = apply(row, name, params), floats(xs)

    def of_floats(*some):
        return f(*(some[at.index(i)] if i in at else x for i, x in enumerate(xs)))

    primals, tangents = [xs[i] for i in at], [directions[i] for i in at]
    y, dy = ad.jvp(of_floats, primals, tangents)
    assert dy.shape == y.shape and dy.dtype == y.dtype
    g = array(
        name, np.sin(np.arange(math.prod(y.shape)) + 1).reshape(y.shape), to_numpy(y).dtype.name
    )
    _, pullback = ad.vjp(of_floats, *primals)
    left = (to_numpy(g) * to_numpy(dy)).sum()
    right = sum(
        (to_numpy(c) * to_numpy(d)).sum() for c, d in zip(pullback(g), tangents, strict=True)
    )
    assert left == pytest.approx(right, rel=1e-6 if "float32" in str(params) else 1e-10, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row, shapes, params", differentiable())
def test_second_order_in_all_four_nestings(row, shapes, params, name):
    """Hessian-vector products: forward over reverse, reverse over forward, and both twice."""
    xs, directions = draw(row, shapes, name, "float64"), draw(row, shapes, name, "float64", seed=1)
    f, at = apply(row, name, params), floats(xs)[-1]
    if (row.name, name) in NO_ORACLE:
        return
    if row.name == "pad":  # JAX 0.10 itself cannot differentiate lax.pad twice in the padding value
        at = 0
    y = f(*xs)
    weights = array(name, np.cos(np.arange(math.prod(y.shape))).reshape(y.shape), "float64")
    v = directions[at]

    def scalar(x):
        return loss(lambda *a: f(*a) * f(*a), weights)(*xs[:at], x, *xs[at + 1 :])

    def slope(x):
        return (ad.grad(scalar)(x) * v).sum()

    def native_slope(x):
        return (native_grad(scalar, (0,), create_graph=True)(x)[0] * v).sum()

    expected = native_grad(native_slope, (0,))(xs[at])[0]
    allclose(ad.jvp(ad.grad(scalar), (xs[at],), (v,))[1], expected, "float64")
    allclose(ad.grad(slope)(xs[at]), expected, "float64")
    allclose(ad.grad(lambda x: ad.jvp(scalar, (x,), (v,))[1])(xs[at]), expected, "float64")
    twice = ad.jvp(lambda x: ad.jvp(scalar, (x,), (v,))[1], (xs[at],), (v,))[1]
    coarse = "float32" in str(params)
    assert float(twice) == pytest.approx(
        float((expected * v).sum()), rel=1e-6 if coarse else 1e-8, abs=1e-9
    )


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row", [r for r in ROWS.values() if r.example], ids=lambda r: r.name)
def test_example_on_the_card_is_true(row, name):
    call, _, expected = row.example.partition(" = ")
    known = {"inf": math.inf, "nan": math.nan}

    def run(*xs, **params):
        return row.fn(xp.verbs(name), *[_float32(name, array(name, x)) for x in xs], **params)

    y = eval(call, {row.name: run, **known})
    np.testing.assert_allclose(to_numpy(y), np.asarray(eval(expected, known)), rtol=1e-6)


def _float32(name, x):
    return array(name, to_numpy(x), "float32") if to_numpy(x).dtype == np.float64 else x


# How each framework spells the table's parameters; rows with others are tested through programs.
WORDS = {
    "torch": {"axis": "dim", "keepdims": "keepdim", "eps": "eps", "correction": "correction"},
    "jax": {"axis": "axis", "keepdims": "keepdims", "correction": "ddof"},
}


# PyTorch's functions reduce, or take their arguments in another way: see test_torch_spellings.
OTHERWISE = {
    "batch_norm", "instance_norm", "rms_norm", "binary_cross_entropy", "cosine_similarity",
    "binary_cross_entropy_with_logits",
}  # fmt: skip


def own_functions():
    return [
        pytest.param(row, name, spelling, shapes, params, id=f"{spelling}-{i}")
        for row in ROWS.values()
        for name in FRAMEWORKS
        for spelling in getattr(row, name)
        for i, (shapes, params) in enumerate(cases(row))
        if row.arity != 0
        and row.outputs == 1
        and row.section not in ("indexing.py", "fourier.py")
        and row.name not in OTHERWISE
        and set(params) <= set(WORDS[name])
        and not is_operator(spelling)
    ]


def is_operator(spelling):
    return spelling.endswith("__") or spelling in ("torch.Tensor.T", "torch.Tensor.mT")


# Their first input is a number; every polygamma insists on it, the others take an array.
NUMBER_FIRST = """polygamma zeta igamma igammac torch.polygamma torch.special.polygamma
    jax.scipy.special.polygamma""".split()


def own_value(row, name, spelling, xs, params):
    """The framework's own function on the row's inputs, in the framework's own words."""
    from autodiff_lab.table import _resolve

    if name == "jax":
        import jax.scipy.special  # noqa: F401
    params = params | ({"correction": 1} if row.name == "var" else {})  # jnp.var's default is 0
    words = {WORDS[name][k]: v for k, v in params.items()}
    if row.name in NUMBER_FIRST and spelling not in NUMBER_FIRST:
        xs = [array(name, np.full(xs[1].shape, float(xs[0]))), xs[1]]
    if spelling.startswith("torch") and row.name == "prod":  # it takes one dim at a time
        return (
            apply(row, name, params)(*xs)
            if len(params["axis"]) > 1
            else _resolve(spelling)(*xs, dim=params["axis"][0], keepdim=params["keepdims"])
        )
    if row.name in ("concat", "stack"):
        xs = [list(xs)]
    elif row.name == "flip" and name == "torch":
        xs, words = [*xs, params["axis"]], {}
    elif row.name == "layer_norm":
        size = [xs[0].shape[a] for a in params["axis"]]
        xs, words = [xs[0], size, *xs[1:]], {"eps": params["eps"]}
    elif row.name.endswith("softmax"):
        words = {k: v[0] for k, v in words.items()}
    elif spelling == "torch.Tensor.where":
        xs = [xs[1], xs[0], xs[2]]
    elif spelling in ("torch.Tensor.max", "torch.Tensor.min"):
        spelling = spelling.replace("Tensor.", "Tensor.a")  # over dims it is amax
    elif spelling == "jax.lax.clamp":  # lax lists the lower bound first
        xs = np.broadcast_arrays(*(to_numpy(xs[i]) for i in (1, 0, 2)))
    elif spelling.endswith((".imag", "lax.real")):
        xs = [array(name, to_numpy(xs[0]) + 0j)]
    elif spelling in (
        "jax.lax.rem",
        "jax.lax.pow",
        "jax.lax.complex",
        "jax.lax.atan2",
    ):  # lax does not broadcast
        xs = np.broadcast_arrays(*map(to_numpy, xs))
    return _resolve(spelling)(*xs, **words)


@pytest.mark.parametrize("row, name, spelling, shapes, params", own_functions())
def test_value_is_the_frameworks_own(row, name, spelling, shapes, params):
    """Every spelling a row claims computes what the row computes."""
    xs = draw(row, shapes, name, "float64")
    if row.name.startswith("bitwise"):
        xs = [x > 0 for x in xs]
    expected = own_value(row, name, spelling, xs, params)
    np.testing.assert_allclose(
        to_numpy(apply(row, name, params)(*xs)), to_numpy(expected), rtol=1e-6, atol=1e-9
    )


def test_every_row_has_an_example():
    assert {r.name for r in ROWS.values() if not r.example} <= ELSEWHERE


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("row", list(ROWS.values()), ids=lambda r: r.name)
def test_spellings_are_functions_and_lead_back_to_the_row(row, name):
    from autodiff_lab.table import _resolve

    module = importlib.import_module({"torch": "torch", "jax": "jax.scipy.special"}[name])
    assert module is not None
    for spelling in getattr(row, name):
        assert _resolve(spelling) is not None, f"{row.name}: there is no {spelling}"
        assert find(spelling) is row


def test_no_spelling_and_no_primitive_belongs_to_two_rows():
    for attribute in ("torch", "jax", "prims"):
        spellings = list(
            itertools.chain.from_iterable(getattr(r, attribute) for r in ROWS.values())
        )
        assert [s for s in set(spellings) if spellings.count(s) > 1] == []


@pytest.mark.parametrize(
    "row", [r for r in ROWS.values() if r.kind == "pointwise"], ids=lambda r: r.name
)
def test_mathematics_is_read_off_the_row(row):
    assert row.formula and all(isinstance(p, str) and p for p in row.partials)
    assert len(row.partials) == row.arity


def test_symbols_read_as_in_a_calculus_book():
    x, y = Symbol("x"), Symbol("y")
    assert (1 - y * y).tex == "1 - y^{2}"
    assert (x / (1 + y)).tex == r"\frac{x}{1 + y}"
    assert (-(x + y) * y).tex == r"\left(-\left(x + y\right)\right) \, y"


def test_needs_is_what_the_partials_use():
    assert ROWS["tanh"].needs == "output y"
    assert ROWS["sin"].needs == "input x"
    assert ROWS["add"].needs == "nothing"
    assert ROWS["multiply"].keep((True, False)) == (False, (False, True))


def test_source_is_the_statement_in_the_table():
    source = ROWS["tanh"].source()
    assert source.startswith('pointwise("tanh"') and "1 - y * y" in source
