"""Taylor mode, against the definition of a Taylor series, closed forms, and other people's modes.

The definition needs no other derivative: f(x(h)) differs from the polynomial by O(h^(n + 1)).
"""

import functools
import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from autodiff_lab.table import ROWS
from tests.autodiff_lab.test_errors import refused
from tests.autodiff_lab.test_honest import first_cases
from tests.autodiff_lab.test_table import apply, differentiable, draw, floats
from tests.helpers import FRAMEWORKS, allclose, array, to_numpy

both = pytest.mark.parametrize("name", FRAMEWORKS)


def compiled(name, f):
    """JAX runs a few hundred small operations faster as one program."""
    if name == "torch":
        return f
    import jax

    return jax.jit(f)


# ----- every row of the table -----
def curve(row, shapes, params, name):
    """The row as a function of its numbers, a point, and the first two derivatives there."""
    xs, *more = (draw(row, shapes, name, "float64", seed) for seed in range(3))
    f, at = apply(row, name, params), floats(xs)

    def of_floats(*some):
        return f(*(some[at.index(i)] if i in at else x for i, x in enumerate(xs)))

    def chosen(values):
        found = [values[i] for i in at]
        if row.name == "cholesky_solve":  # reads one triangle, and has the derivative of both
            found[1] = array(name, np.tril(to_numpy(found[1])))
        return found

    return of_floats, *map(chosen, (xs, *more))


@both
@pytest.mark.parametrize("row, shapes, params", first_cases())
def test_every_row_along_a_curve(row, shapes, params, name):
    f, xs, dxs, ddxs = curve(row, shapes, params, name)
    order = 4 if name == "torch" else 2
    series = [[dx, ddx] for dx, ddx in zip(dxs, ddxs, strict=True)]
    series[0] += [None] * (order - 2)

    @functools.partial(compiled, name)
    def off(xs, h):
        y, found = ad.jet(f, xs, series)
        polynomial = y + sum(c * h**k / math.factorial(k) for k, c in enumerate(found, 1))
        there = [x + h * a + h * h / 2 * b for x, a, b in zip(xs, dxs, ddxs, strict=True)]
        return abs(f(*there) - polynomial)

    rounding = 1e-6 if "float32" in str(params) else 1e-13
    wide, narrow = (to_numpy(off(xs, h)).max(initial=0.0) for h in (0.02, 0.01))
    assert narrow <= wide / 2 ** (order + 0.4) + rounding


@pytest.mark.parametrize("row, shapes, params", first_cases())
def test_no_rule_grows_faster_than_the_cube_of_the_order(row, shapes, params):
    pytest.importorskip("torch")
    f, xs, dxs, _ = curve(row, shapes, params, "torch")
    four, eight = (operations(lambda n=n: ad.jet(f, xs, [[dx] * n for dx in dxs])) for n in (4, 8))
    assert eight < 8 * four


def operations(f):
    """How many operations PyTorch executes."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Count(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            self.count += 1
            return op(*args, **kwargs or {})

    with Count() as counted:
        f()
    return counted.count


def test_sin_is_its_own_second_derivative_and_not_computed_anew():
    torch = pytest.importorskip("torch")
    x = torch.tensor(0.5)
    eight, sixteen = (operations(lambda n=n: ad.taylor(torch.sin, x, n)) for n in (8, 16))
    assert sixteen < 3 * eight


@both
def test_order_n_costs_n_squared_where_nested_forward_mode_doubles(name):
    if name == "jax":
        jax = pytest.importorskip("jax")
        count = lambda f, x: len(jax.make_jaxpr(f)(x).eqns)  # noqa: E731
    else:
        count = lambda f, x: operations(lambda: f(x))  # noqa: E731
    verbs, x = xp.verbs(name), array(name, 0.5)
    f = lambda x: verbs.tanh(verbs.sin(x) * verbs.exp(x))  # noqa: E731
    nested, counted = f, []
    for _ in range(6):
        nested = functools.partial(lambda f, x: ad.jvp(f, (x,), (array(name, 1.0),))[1], nested)
        counted.append(count(nested, x))
    taylor = [count(lambda x, n=n: ad.taylor(f, x, n).derivatives[n], x) for n in (6, 12)]
    assert counted[5] > 2 * counted[4] > 4 * counted[3]
    assert taylor[0] < counted[5] / 4 and taylor[1] < 4 * taylor[0]


@pytest.mark.slow  # three nested forward modes of every row and case: minutes on JAX
@both
@pytest.mark.parametrize("row, shapes, params", differentiable())
def test_every_row_is_what_nested_forward_mode_finds(row, shapes, params, name):
    f, xs, dxs, _ = curve(row, shapes, params, name)
    _, found = ad.jet(f, xs, [[dx, None, None] for dx in dxs])
    for derivative in found:
        f = functools.partial(lambda f, *xs: ad.jvp(f, xs, dxs)[1], f)
        want = f(*xs)
        assert derivative.dtype == want.dtype
        allclose(derivative, want, "float32" if "float32" in str(params) else "float64")


# ----- closed forms -----
def bell(n):
    """The derivatives of exp(exp(x) - 1) at 0: partitions of a set of n."""
    numbers = [1]
    for k in range(n):
        numbers.append(sum(math.comb(k, j) * numbers[j] for j in range(k + 1)))
    return numbers


def binomial(a, k):
    return math.prod((a - j) / (j + 1) for j in range(k))


N = 12
CLOSED = {
    "exp": (lambda v, x: v.exp(2 * x), 0.0, lambda k: 2.0**k / math.factorial(k)),
    "sin": (lambda v, x: v.sin(x), 0.0, lambda k: math.sin(k * math.pi / 2) / math.factorial(k)),
    "log": (lambda v, x: v.log(x), 2.0, lambda k: -((-0.5) ** k) / k if k else math.log(2)),
    "quotient": (lambda v, x: 1 / (1 - x), 0.0, lambda k: 1.0),
    "sqrt": (lambda v, x: v.sqrt(1 + x), 0.0, lambda k: binomial(0.5, k)),
    "rsqrt": (lambda v, x: v.rsqrt(1 + x), 0.0, lambda k: binomial(-0.5, k)),
    "power": (lambda v, x: (1 + x) ** 2.7, 0.0, lambda k: binomial(2.7, k)),
    "polynomial": (lambda v, x: (1 + x) ** 5, 0.0, lambda k: math.comb(5, k)),
    "exponent": (lambda v, x: 2.0**x, 0.0, lambda k: math.log(2) ** k / math.factorial(k)),
    "atan": (lambda v, x: v.atan(x), 0.0, lambda k: math.sin(k * math.pi / 2) / k if k else 0.0),
    "atanh": (lambda v, x: v.atanh(x), 0.0, lambda k: k % 2 / k if k else 0.0),
    "erf": (
        lambda v, x: v.erf(x),
        0.0,
        lambda k: 2 / math.sqrt(math.pi) * math.sin(k * math.pi / 2)
        / (math.factorial((k - 1) // 2) * k) if k % 2 else 0.0,
    ),
    "lgamma": (
        lambda v, x: v.lgamma(x),
        1.0,
        lambda k: 0.0 if k == 0 else -0.5772156649015329 if k == 1
        else (-1) ** k * sum((j + 1.0) ** -k for j in range(20_000)) / k + (k == 2) * 2.5e-5,
    ),
    "bell": (lambda v, x: v.exp(v.exp(x) - 1), 0.0, lambda k: bell(k)[k] / math.factorial(k)),
    "tanh": (lambda v, x: v.tanh(x), 0.0, lambda k: TANH.get(k, 0.0)),
    "sign of a square": (lambda v, x: v.abs(x) * v.relu(x), 2.0, lambda k: [4, 4, 1, *[0] * N][k]),
}  # fmt: skip
TANH = {1: 1, 3: -1 / 3, 5: 2 / 15, 7: -17 / 315, 9: 62 / 2835, 11: -1382 / 155925}


@both
@pytest.mark.parametrize("case", CLOSED)
def test_closed_forms(case, name):
    f, x, coefficient = CLOSED[case]
    verbs = xp.verbs(name)
    expand = compiled(name, lambda x: ad.taylor(lambda x: f(verbs, x), x, order=N).coefficients)
    found = [float(c) for c in expand(array(name, x))]
    np.testing.assert_allclose(found, [coefficient(k) for k in range(N + 1)], rtol=1e-8, atol=1e-12)


@both
def test_faa_di_bruno(name):
    """Of f(g(t)) the third derivative is f''' g'^3 + 3 f'' g' g'' + f' g'''."""
    verbs, x = xp.verbs(name), array(name, 0.4)
    g, gs = ad.jet(lambda x: verbs.sin(x) * x, (x,), ([1.0, 0.0, 0.0],))
    _, fs = ad.jet(verbs.tanh, (g,), ([1.0, None, None],))
    _, whole = ad.jet(lambda x: verbs.tanh(verbs.sin(x) * x), (x,), ([1.0, 0.0, 0.0],))
    third = fs[2] * gs[0] ** 3 + 3 * fs[1] * gs[0] * gs[1] + fs[0] * gs[2]
    allclose(whole[2], third, "float64")
    allclose(ad.jet(verbs.tanh, (g,), (gs,))[1][2], third, "float64")


# ----- arguments, nesting, dtypes -----
@both
def test_containers_many_primals_and_mixed_orders(name):
    verbs = xp.verbs(name)
    params = {"w": array(name, [1.0, 2.0]), "n": 3, "b": array(name, 0.5)}
    x = array(name, [0.1, -0.7])

    def f(p, x):
        return {"y": verbs.tanh(p["w"] * x + p["b"]) * p["n"]}, x * x, 7.0

    moves = {"w": array(name, [1.0, 0.0]), "n": None, "b": None}
    y, (first, second) = ad.jet(f, (params, x), ([moves], [x, x]))
    assert first[2] == second[2] == 0.0 and y[2] == 7.0
    allclose(second[1], 4 * x * x, "float64")
    g = lambda t: f(  # noqa: E731
        params | {"w": params["w"] + t * moves["w"]}, x + t * x + t * t / 2 * x
    )[0]["y"]
    twice = ad.taylor(g, array(name, 0.0), order=2).derivatives[2]
    allclose(second[0]["y"], twice, "float64")


@both
def test_an_expansion_is_a_polynomial(name):
    verbs, x = xp.verbs(name), array(name, [0.2, 0.4])
    p = ad.taylor(lambda x: {"s": verbs.sin(x)}, x, order=9)
    allclose(p(0.1)["s"], np.sin(to_numpy(x) + 0.1), "float64")
    allclose(p(array(name, [0.1, -0.1]))["s"], np.sin([0.3, 0.3]), "float64")


@both
def test_it_nests_with_the_other_walks(name):
    verbs, x = xp.verbs(name), array(name, 0.3)
    second = lambda x: ad.taylor(verbs.sin, x, order=2).derivatives[2]  # noqa: E731
    allclose(ad.grad(second)(x), -np.cos(0.3), "float64")
    allclose(ad.taylor(ad.grad(verbs.sin), x, order=2).derivatives[2], -np.cos(0.3), "float64")
    allclose(ad.taylor(second, x, order=3).derivatives[3], np.cos(0.3), "float64")
    allclose(ad.jvp(second, (x,), (array(name, 1.0),))[1], -np.cos(0.3), "float64")


def test_it_can_be_batched_by_jax():
    jax = pytest.importorskip("jax")
    x = jax.numpy.linspace(0.1, 0.9, 5)
    found = jax.vmap(lambda x: ad.taylor(jax.numpy.log, x, order=3).derivatives[3])(x)
    allclose(found, 2 / np.asarray(x) ** 3, "float64")


@both
def test_dtypes_stay(name):
    verbs = xp.verbs(name)
    for given in ("float32", "float64"):
        x = array(name, [0.5, 1.5], given)
        p = ad.taylor(lambda x: verbs.astype(verbs.exp(x), "float64") * 2, x, order=3)
        assert {given, "float64"} >= {str(c.dtype).split(".")[-1] for c in p.coefficients}
        assert ad.taylor(verbs.lgamma, x, order=3).coefficients[3].dtype == x.dtype


@both
def test_at_a_kink_each_framework_keeps_its_convention(name):
    verbs, x = xp.verbs(name), array(name, [0.0, -2.0, 3.0])
    found = ad.taylor(lambda x: verbs.relu(x) * x + verbs.abs(x), x, order=2).derivatives
    slope = {"torch": 0.0, "jax": 1.0}[name]
    allclose(found[1], [slope, -1.0, 7.0], "float64")
    allclose(found[2], [0.0, 0.0, 2.0], "float64")
    stopped = ad.taylor(lambda x: verbs.floor(x) * x * verbs.stop_gradient(x), x, order=2)
    allclose(stopped.derivatives[1], [0.0, 4.0, 9.0], "float64")


# ----- complex numbers -----
COMPLEX = {
    "holomorphic": lambda v, z: v.exp(1j * z) * v.sqrt(z) / (z + 3) + v.log(z) * z**3,
    "modulus": lambda v, z: v.abs(z) * z + v.conj(z) * v.sin(z),
    "angle": lambda v, z: v.angle(z) ** 2 + v.real(z) * v.imaginary(z * z),
    "spectrum": lambda v, z: (
        v.irfft(v.rfft(v.real(z * z), (0,), 1.0), (0,), 1.0, 3) * z + v.fft(z * z, (0,), False, 1.0)
    ),
    "power": lambda v, z: z ** (1 + 2j) + (1 + 2j) ** z,
}


@both
@pytest.mark.parametrize("program", COMPLEX)
def test_along_a_curve_of_complex_numbers(program, name):
    verbs, f = xp.verbs(name), COMPLEX[program]
    z = array(name, [1.0 + 2.0j, -0.5 + 0.3j, 0.7 - 1.1j])
    dz = array(name, [0.3 - 1.0j, 1.0 + 0.5j, -0.2 + 0.4j])
    g = functools.partial(f, verbs)
    for derivative in ad.taylor(g, z, order=3, along=dz).derivatives:
        want = compiled(name, g)(z)
        assert derivative.dtype == want.dtype
        allclose(derivative, want, "float64")
        g = functools.partial(lambda g, z: ad.jvp(g, (z,), (dz,))[1], g)


# ----- rules of one's own -----
@both
@pytest.mark.parametrize(
    "stated",
    [
        {"d": lambda y, x: 1 - y * y},
        {"jvp": lambda dx, y, x: dx * (1 - y * y)},
        {"vjp": lambda g, y, x: (g * (1 - y * y),)},
    ],
)
def test_a_custom_rule_is_honoured(stated, name):
    verbs, x = xp.verbs(name), array(name, [0.3, -0.5])
    ours = ad.custom_rule(**stated)(lambda x: verbs.tanh(x))
    found = ad.taylor(lambda x: ours(x * x), x, order=4).coefficients
    for a, b in zip(found, ad.taylor(lambda x: verbs.tanh(x * x), x, 4).coefficients, strict=True):
        allclose(a, b, "float64")
    floor = ad.custom_rule(vjp=lambda g, y, x: (g,))(lambda x: verbs.floor(x))
    straight = ad.taylor(lambda x: floor(x) ** 2, x, order=2).derivatives
    allclose(straight[2], [2.0, 2.0], "float64")


@both
def test_a_row_that_was_added_is_expanded_from_what_it_says(name, monkeypatch):
    before = dict(ROWS)
    monkeypatch.setattr("autodiff_lab.table.row.ROWS", ROWS)
    try:
        row = ad.row("cubed", lambda xp, x: x**3, jvp=lambda xp, dx, y, x: 3 * xp.square(x) * dx,
                     vjp=lambda xp, g, y, x: (3 * x**2 * g,), torch="-", jax="-")  # fmt: skip
        x = array(name, 2.0)
        tape = ad.taylor.__globals__["TaylorTape"](xp.verbs(name), 3, [[array(name, 1.0)]])
        node = tape.input(x, "x")
        out = tape.add(row, (node,), [x], {}, x**3)
        assert [float(c) for c in out.tangent.known] == [8.0, 12.0, 6.0, 1.0]
    finally:
        ROWS.clear()
        ROWS.update(before)


def test_jaxs_custom_jvp_is_honoured_and_custom_vjp_refused():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    @jax.custom_jvp
    def f(x):
        return jnp.exp(x)

    @f.defjvp
    def rule(xs, dxs):
        y = f(*xs)
        return y, 2 * y * dxs[0]  # not the truth: so one sees whose rule it is

    x = jnp.asarray(0.3)
    found = ad.taylor(f, x, order=4).derivatives
    np.testing.assert_allclose(np.stack(found), np.exp(0.3) * 2.0 ** np.arange(5))

    @jax.custom_vjp
    def g(x):
        return x

    g.defvjp(lambda x: (x, None), lambda _, c: (c,))
    refused(lambda: ad.taylor(g, x, order=2), "custom_vjp")


# ----- what is refused -----
def test_a_rule_without_a_row_of_its_own_is_refused_by_name():
    """The derivative of igamma by its first input is a function that nobody differentiates."""
    jax = pytest.importorskip("jax")
    f, a = lambda a: jax.scipy.special.gammainc(a, 2.0), jax.numpy.asarray(1.5)
    slope = (f(a + 1e-5) - f(a - 1e-5)) / 2e-5
    assert float(ad.taylor(f, a, order=1).derivatives[1]) == pytest.approx(float(slope), rel=1e-8)
    refused(lambda: ad.taylor(f, a, order=2), "igamma_grad_a")


@both
@pytest.mark.parametrize(
    "asked, words",
    [
        (lambda sin, x, i: ad.taylor(sin, x, order=-1), "order=-1"),
        (lambda sin, x, i: ad.taylor(sin, x, order=2.0), "order=2.0"),
        (lambda sin, x, i: ad.taylor(lambda x: x * 2.0, i, order=2), "only floating-point"),
        (lambda sin, x, i: ad.taylor(sin, x, order=2, along=x[:1]), r"shape \(1,\)"),
        (lambda sin, x, i: ad.jet(sin, (x,), (x,)), r"\(\[dx, ddx\],\)"),
        (lambda sin, x, i: ad.jet(sin, x, ([x],)), r"\(\[dx, ddx\],\)"),
        (lambda sin, x, i: ad.jet(sin, (x,), ([x], [x])), "1 primals and 2 series"),
        (lambda sin, x, i: ad.taylor(sin, 1.0, order=2), "no leaf is"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(asked, words, name):
    x, i = array(name, [1.0, 2.0]), array(name, [1, 2])
    refused(lambda: asked(xp.verbs(name).sin, x, i), words)
