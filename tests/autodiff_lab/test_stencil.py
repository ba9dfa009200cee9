"""Stencils: the same as the plain code that reads by index, and the adjoint never writes by index.

The oracle (`stencils.plain`) spells a stencil with index arrays, for which `numpy.pad` says what
lies outside; of that we take the framework's own gradient.
"""

import contextlib

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.autodiff_lab.stencils import (
    MODES,
    PROGRAMS,
    blur,
    compiled,
    drawn,
    flux,
    plain,
    skewed,
    sobel,
    two,
    weighted,
)
from tests.helpers import FRAMEWORKS, allclose, array, native_grad, to_numpy

both = pytest.mark.parametrize("name", FRAMEWORKS)


def refused(why):
    return pytest.raises(ad.AutodiffError, match=why)


CASES = [(program, "zero", 1) for program in PROGRAMS] + [
    ("blur", "wrap", 1), ("sobel", "edge", 1), ("skewed", "wrap", 1), ("skewed", "reflect", 1),
    ("skewed", "symmetric", 2), ("blur", "zero", (2, 3)), ("blur", "edge", (1, 2)),
    ("skewed", "wrap", 3), ("flux", "wrap", 1), ("edges", "reflect", (2, 1)), ("two", "edge", 2),
]  # fmt: skip
cases = pytest.mark.parametrize("program, boundary, stride", CASES)


@both
@cases
def test_values_and_derivatives_are_those_of_the_plain_code(program, boundary, stride, name):
    f, count, rank = PROGRAMS[program]
    ours = ad.stencil(f, boundary=boundary, stride=stride)
    theirs = plain(f, rank, boundary, stride)
    xs, at = drawn(name, count, rank, (2,) * (stride == 1)), tuple(range(count))
    allclose(ours(*xs), compiled(theirs, xs), "float64")
    found = compiled(ad.grad(weighted(ours), at), xs)
    for a, b in zip(found, compiled(native_grad(weighted(theirs), at), xs), strict=True):
        allclose(a, b, "float64")
    _, slope = compiled(lambda *xs: ad.jvp(weighted(ours), xs, xs), xs)
    inner = sum((to_numpy(x) * to_numpy(g)).sum() for x, g in zip(xs, found, strict=True))
    assert float(slope) == pytest.approx(float(inner))


@both
@pytest.mark.parametrize("program", ["skewed", "burgers"])
def test_second_derivatives(program, name):
    f, count, rank = PROGRAMS[program]
    xs = drawn(name, count, rank)
    ours, theirs = weighted(ad.stencil(f)), weighted(plain(f, rank))
    one = lambda *xs: (native_grad(theirs, (0,), True)(*xs)[0] * xs[0]).sum()  # noqa: E731
    wanted = compiled(native_grad(one, (0,)), xs)[0] - compiled(ad.grad(ours), xs)
    for order in (ad.hessian(ours), ad.jacrev(ad.jacfwd(ours)), ad.jacfwd(ad.jacfwd(ours))):
        allclose(compiled(order, xs) @ xs[0], wanted, "float64")
    allclose(compiled(lambda x: ad.hvp(ours, (x,), (x,)), xs), wanted, "float64")


@both
@pytest.mark.parametrize("boundary", MODES)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_adjoint_is_the_transpose_and_its_adjoint_the_stencil(stride, boundary, name):
    a = ad.stencil(skewed, boundary=boundary, stride=stride)
    (x,) = drawn(name, 1, 1)
    matrix = ad.jacfwd(a)(x)
    g = array(name, np.arange(1.0, matrix.shape[0] + 1))
    size = {} if stride == 1 else {"size": (6,)}
    allclose(a.adjoint(g, **size), matrix.T @ g, "float64")
    allclose(a.adjoint.adjoints[0](x), a(x), "float64")
    allclose(ad.jacrev(lambda g: a.adjoint(g, **size))(g), matrix.T, "float64")
    allclose(a(x), compiled(plain(skewed, 1, boundary, stride), [x]), "float64")


def test_it_can_be_read():
    assert repr(ad.stencil(sobel)).startswith("sobel(u) = u[-1, 1] - u[-1, -1] + 2 u[0, 1]")
    assert repr(ad.stencil(lambda u: u[1] - u[0]).adjoint).endswith("g[-1] - g[0]    # 0 outside")
    halve = ad.stencil(lambda u: (u[-1] + 2 * u[0] + u[1]) / 4, boundary="wrap", stride=2)
    first, second = repr(halve.adjoint).splitlines()
    assert first.endswith("[2*i] = 0.5 g[0]")
    assert "[2*i + 1] = 0.25 g[1] + 0.25 g[0]" in second
    assert set(ad.stencil(two).adjoint) == {"u", "v"}
    assert repr(ad.stencil(flux)) == "<stencil flux(k, u)>"
    assert ad.stencil(flux).__name__ == "flux"


# ----- the adjoint is a gather -----
@contextlib.contextmanager
def operations():
    """The names of all that PyTorch does."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Listing(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            names.add(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    names = set()
    with Listing():
        yield names


def primitives(jaxpr):
    for eqn in jaxpr.eqns:
        yield eqn.primitive.name
        for inner in eqn.params.values():
            inner = getattr(inner, "jaxpr", inner)
            yield from primitives(inner) if hasattr(inner, "eqns") else ()


@both
@cases
def test_no_gradient_scatters(program, boundary, stride, name):
    f, count, rank = PROGRAMS[program]
    loss, xs = weighted(ad.stencil(f, boundary=boundary, stride=stride)), drawn(name, count, rank)
    if name == "torch":
        with operations() as names:
            ad.grad(loss)(*xs)
    else:
        import jax

        names = set(primitives(jax.make_jaxpr(ad.grad(loss))(*xs).jaxpr))
    assert "mul" in names
    assert not {n for n in names if "scatter" in n or "index" in n or n.endswith("_backward")}


@both
def test_a_call_is_one_node_and_a_linear_one_keeps_nothing(name):
    smooth, (x,) = ad.stencil(blur), drawn(name, 1, 2)
    tape = ad.record(lambda x: smooth(smooth(x)).sum(), x)
    assert [n.op for n in tape.nodes] == ["input", "blur", "blur", "sum"]
    assert tape.nodes[1].needs == "nothing" and "smooth(x)" in tape.nodes[1].code
    assert [n.op for n in ad.record(ad.stencil(flux), x, x).nodes] == ["input", "input", "flux"]

    def steps(x):
        for _ in range(30):
            x = smooth(x)
        return x.sum()

    assert ad.memory(ad.grad(steps), x).peak_bytes <= 4 * 30 * 8  # not 30 arrays


# ----- programs -----
@both
def test_the_heat_equation_has_its_closed_form(name):
    """A wave decays by the same factor in each step, and the transpose is the same."""
    n, wave, dt, steps = 16, 3, 0.2, 100

    @ad.stencil(boundary="wrap")
    def heat(u, dt):
        return u[0] + dt * (u[-1] - 2 * u[0] + u[1])

    start = np.cos(2 * np.pi * wave * np.arange(n) / n)
    factor = 1 - 4 * dt * np.sin(np.pi * wave / n) ** 2
    x, dt = array(name, start), array(name, dt)

    def energy(policy, snapshots=None):
        step = lambda u: heat(u, 0.2)  # noqa: E731
        f = ad.checkpoint(step, policy, steps=steps, snapshots=snapshots)
        return lambda x: (f(x) ** 2).sum() / 2

    stored = ad.grad(energy("all"))(x)
    allclose(stored, array(name, start * factor ** (2 * steps)), "float64")
    for policy in (["sqrt"], ["revolve", 5], ["none"]):
        assert (to_numpy(ad.grad(energy(*policy))(x)) == to_numpy(stored)).all()
    by_dt = ad.grad(lambda dt: (heat(x, dt) * x).sum())(dt)  # of (factor by dt) <x, x>
    assert float(by_dt) == pytest.approx((factor - 1) / 0.2 * (start**2).sum())


@both
def test_a_small_image_pipeline(name):
    """Blur, sharpen, find edges, halve: as one would write it for Halide."""
    lib = xp.verbs(name)
    shape = {"boundary": "edge"}

    def sharpen(u, soft):
        return u[0, 0] + 2 * (u[0, 0] - soft[0, 0])

    def strength(x, y):
        return lib.sqrt(x[0, 0] ** 2 + y[0, 0] ** 2 + 1e-3)

    across = lambda u: sobel(Turned(u))  # noqa: E731
    halve = lambda u: sum(u[i, j] for i in (0, 1) for j in (0, 1)) / 4  # noqa: E731

    def pipeline(make):
        def run(image):
            soft = make(blur, **shape)(image)
            sharp = make(sharpen)(image, soft)
            found = make(strength)(make(sobel, **shape)(sharp), make(across, **shape)(sharp))
            return make(halve, stride=2)(found)

        return run

    (image,) = drawn(name, 1, 2, (3,))
    ours, theirs = pipeline(ad.stencil), pipeline(lambda f, **how: plain(f, 2, **how))
    assert tuple(ours(image).shape) == (3, 3, 3)
    allclose(compiled(ours, [image]), compiled(theirs, [image]), "float64")
    found = compiled(ad.grad(weighted(ours)), [image])
    allclose(found, compiled(native_grad(weighted(theirs), (0,)), [image])[0], "float64")
    allclose(ad.compile(weighted(ours), image)(image)[1], found, "float64")


class Turned:
    """A field with its two axes exchanged."""

    def __init__(self, u):
        self.u = u

    def __getitem__(self, offset):
        return self.u[offset[::-1]]


@both
def test_functions_of_the_framework_and_choices_among_taps(name):
    lib, (x,) = xp.verbs(name), drawn(name, 1, 2)
    programs = (
        lambda u: lib.where(u[0, 0] > u[1, 0], u[0, 0], 2 * u[1, 0]),
        lambda u: lib.exp(-(u[0, 1] ** 2)) + lib.maximum(u[0, 0], u[-1, 0]),
        lambda u: lib.tanh(u[0, 1]) + 1,
        lambda u: u[0, 1] + 1.0,
    )
    for f in programs:
        ours, theirs = ad.stencil(f), plain(f, 2)
        allclose(ours(x), theirs(x), "float64")
        allclose(ad.grad(weighted(ours))(x), native_grad(weighted(theirs), (0,))(x)[0], "float64")


@both
def test_all_walks_and_transformations(name):
    smooth, spread = ad.stencil(blur), ad.stencil(flux, boundary="wrap")

    def f(x):
        y = x
        for _ in range(2):
            y = spread(x, smooth(y)) + y
        return (y * y).sum()

    (x,) = drawn(name, 1, 2)
    found, square = ad.grad(f)(x), lambda x: f(x)
    allclose(ad.compile(f, x)(x)[1], found, "float64")
    g = lambda x: (smooth(x) ** 2).sum()  # noqa: E731
    allclose(ad.compile(g, x)(x)[1], ad.grad(g)(x), "float64")
    allclose(ad.transform(f)(x)[1], found, "float64")
    allclose(ad.sea(f).grad()(x)[1], found, "float64")
    series = ad.taylor(f, x, 2, along=x).derivatives
    allclose(series[1], (found * x).sum(), "float64")
    allclose(series[2], (ad.hvp(f, (x,), (x,)) * x).sum(), "float64")
    text, names = ad.to_source(ad.record(square, x)), {}
    exec(text, names)
    value, gradient = names["value_and_grad"](x, **text.constants)
    allclose(gradient, found, "float64")
    small = x[:3, :3]
    dense = ad.jacrev(smooth)(small)
    allclose(ad.jacobian(smooth, sparse=True)(small).todense(), dense, "float64")
    allclose(ad.jacobian(smooth, mode="mixed")(small), dense, "float64")
    assert ad.check(f, x)


@both
def test_a_shared_field_serves_a_batch(name):
    (k,), (u,) = drawn(name, 1, 2), drawn(name, 1, 2, (3,))
    spread, theirs = ad.stencil(flux), plain(flux, 2)
    for a, b in ((k, u), (u, k)):
        found = ad.grad(weighted(spread), (0, 1))(a, b)
        wanted = native_grad(weighted(theirs), (0, 1))(a, b)
        for ours, oracle in zip(found, wanted, strict=True):
            allclose(ours, oracle, "float64")
    allclose(ad.stencil(two)(k, u), plain(two, 2)(k, u), "float64")


@both
def test_whole_numbers_and_other_dtypes(name):
    count = ad.stencil(lambda u: u[-1] + 2 * u[1])
    whole = array(name, [1, 2, 3])
    assert to_numpy(count(whole)).tolist() == [4, 7, 2] and "int" in str(count(whole).dtype)
    half = ad.stencil(lambda u: (u[-1] + u[0]) / 2)
    assert to_numpy(half(whole)).tolist() == [0.5, 1.5, 2.5]
    assert to_numpy(half(array(name, [1j, 2.0]))).tolist() == [0.5j, 1 + 0.5j]
    x = array(name, [1.0, 2.0, 4.0], "float32")
    assert ad.grad(lambda x: (half(x) ** 2).sum())(x).dtype == x.dtype
    empty = array(name, np.zeros((0, 3)))
    for boundary in MODES:
        smooth = ad.stencil(blur, boundary=boundary)
        assert tuple(ad.grad(lambda x, f=smooth: f(x).sum())(empty).shape) == (0, 3)
    one = array(name, [[2.0]])
    assert float(ad.stencil(blur, boundary="wrap")(one)[0, 0]) == 2.0


def test_jax_walks_through_it_too():
    jax = pytest.importorskip("jax")
    smooth, spread = ad.stencil(blur), ad.stencil(flux, boundary="wrap")
    f = lambda x: (spread(x, smooth(x)) ** 2).sum()  # noqa: E731
    (x,), (many,) = drawn("jax", 1, 2), drawn("jax", 1, 2, (3,))
    found = ad.grad(f)(x)
    allclose(jax.jit(ad.grad(f))(x), found, "float64")
    allclose(jax.grad(f)(x), found, "float64")
    allclose(jax.vmap(ad.grad(f))(many)[1], ad.grad(f)(many[1]), "float64")
    steps = lambda x: jax.lax.scan(lambda u, _: (smooth(u), None), x, None, 4)[0]  # noqa: E731
    g = smooth.adjoint(smooth.adjoint(smooth.adjoint(smooth.adjoint(x))))
    allclose(ad.vjp(steps, x)[1](x)[0], g, "float64")


def test_torch_walks_through_it_too():
    torch = pytest.importorskip("torch")
    smooth, spread = ad.stencil(blur), ad.stencil(flux, boundary="wrap")
    f = lambda x: (spread(x, smooth(x)) ** 2).sum()  # noqa: E731
    (x,) = drawn("torch", 1, 2)
    allclose(native_grad(f, (0,))(x)[0], ad.grad(f)(x), "float64")
    many = torch.stack([x, 2 * x])
    allclose(torch.func.vmap(smooth)(many), smooth(many), "float64")


# ----- what is no stencil -----
REFUSED = {
    "branches on a value": lambda u: u[0, 0] if u[1, 0] > 0 else u[0, 1],
    "this is 1.5": lambda u: u[1.5],
    r"\[a slice, 0\]": lambda u: u[:, 0],
    "this is True": lambda u: u[True],
    "an offset of 1 numbers, after one of 2": lambda u: u[0, 0] + u[0],
    "u is no array in a stencil": lambda u: u + 1,
    r"u\[0, 0\], with one number": lambda u: u.shape,
    "whole-number offsets": lambda u: u["x"],
    "no array": lambda u: sum(x for x in u),
}


@both
@pytest.mark.parametrize("why", REFUSED)
def test_what_is_no_stencil_is_refused_with_its_place(why, name):
    with refused(why) as caught:
        ad.stencil(REFUSED[why])(drawn(name, 1, 2)[0])
    where, line, caret = str(caught.value).split("\n")
    assert "test_stencil.py, line" in where and "lambda u" in line and set(caret.strip()) == {"^"}


@both
def test_other_refusals(name):
    lib, (x,) = xp.verbs(name), drawn(name, 1, 2)
    with refused("branches on a value"):
        ad.stencil(lambda u: u[0, 0] if lib.exp(u[0, 1]) > 1 else u[1, 0])(x)
    mixing = (
        lambda u: u[0, 0] - lib.exp(u[0, 0]).sum(),
        lambda u: lib.cumsum(u[0, 0] ** 2, 0),
        lambda u: lib.flip(u[0, 0] ** 2, (0,)),
    )
    for f in mixing:
        with refused("mixes what lies at different places"):
            ad.stencil(f)(x)
    refusals = {
        "reads nothing": (lambda u: 3.0, x),
        "returned a tuple": (lambda u: (u[0], u[1]), x),
        "offsets with 3 numbers": (lambda u: u[0, 0, 0], x),
        "agree": (lambda u, v: u[0] + v[0], x, x[:, :3]),
        "give it a torch.Tensor or a JAX array": (lambda u: u[0], 3.0),
    }
    for why, (f, *xs) in refusals.items():
        with refused(why):
            ad.stencil(f)(*xs)
    with refused("mirrors 5 entries of an axis of size 6"):
        ad.stencil(lambda u: u[0, 7], boundary="reflect")(x)
    with refused("no boundary is called 'clamp'"):
        ad.stencil(blur, boundary="clamp")
    with refused("give one stride above 0"):
        ad.stencil(blur, stride=(2, 2, 2))(x)
    with refused("no weighted sum"):
        ad.stencil(flux).adjoint  # noqa: B018
    with refused("takes a function of fields"):
        ad.stencil(3)
    with refused("makes 4 of that|makes"):
        ad.stencil(lambda u: u[0], stride=2).adjoint(x, size=(9,))


@both
def test_a_recorded_weight_has_to_be_an_argument(name):
    (x,), weight = drawn(name, 1, 2), array(name, 2.0)

    def hidden(w, x):
        return ad.stencil(lambda u: w * u[0, 1] * u[0, 0])(x).sum()

    for walk in (lambda: ad.grad(hidden)(weight, x), lambda: ad.grad(hidden, (0, 1))(weight, x)[0],
                 lambda: ad.record(hidden, weight, x).backward()[0]):  # fmt: skip
        try:
            allclose(walk(), (x[:, 1:] * x[:, :-1]).sum(), "float64")
        except ad.AutodiffError as e:
            assert "pass that value in" in str(e)  # noqa: PT017
    f = lambda w: ad.stencil(lambda u, w: w * u[0, 1])(x, w).sum()  # noqa: E731
    allclose(ad.grad(f)(weight), x[:, 1:].sum(), "float64")
