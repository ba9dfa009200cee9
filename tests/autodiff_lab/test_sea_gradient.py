"""Gradients of seas against the frameworks' own, through branches, loops, breaks and calls."""

import math

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import AutodiffError
from tests.autodiff_lab.random_programs import Program, defined
from tests.autodiff_lab.test_honest import poison  # noqa: F401
from tests.helpers import FRAMEWORKS, allclose, array, native_grad, to_numpy


def newton(a):
    x = 1.0
    for _ in range(8):
        x = 0.5 * (x + a / x)
    return x


def with_a_branch(x, n=5):
    y = x
    for i in range(n):
        if y > 2.0:
            y = y / 3.0
        else:
            y = y * x + i
    return y


def until(x):
    y = x
    while y < 100.0:
        y = y * x + 1.0
    return y * y


def nested(x, n=4):
    total = 0.0
    for i in range(n):
        u = x
        for _ in range(i):
            u = u * x
        total = total + u * i
    return total


def breaks(x, n=9):
    y = x
    for i in range(n):
        z = y * x
        if z > 50.0:
            y = z * z
            break
        if i == 2:
            continue
        y = z + 1.0
    return y * x


def early(x, n=3):
    y = x
    for _ in range(n):
        for _ in range(3):
            y = y * x
            if y > 30.0:
                return y * y * x
    return y


def swaps(x, n=4):
    a, b = x, x * x
    for _ in range(n):
        a, b = b, a * b
    return a - b / 7.0


def straight(x):
    return x * x + x / (x + 1.0) - x**3 + (x if x > 1 else -x)


def of_another(a, b):
    return a * b + a if a > 1 else b


def calls(x):
    y = of_another(x, x + 1.0)
    return of_another(b=y, a=2.0) * x


def recursive(x, n=4):
    return 1.0 if n == 0 else x * recursive(x, n - 1)


def kinks(x):
    return abs(x - 1.0) + max(x, 2.0) * min(x, x * x)


def unused(x):
    return 3.0 * 2.0


def touched(x):
    y = x * 1e300
    for _ in range(2):
        if x > 100.0:
            y = y * y  # inf, on a way that is not taken
    return x


PROGRAMS = [newton, with_a_branch, until, nested, breaks, early, swaps, straight, calls, recursive,
            kinks, touched]  # fmt: skip


@pytest.mark.parametrize("name, at", [("torch", 1.7), ("torch", 1.05), ("jax", 1.7)])
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_gradient_is_the_frameworks(program, at, name):
    x, g = array(name, at, "float64"), ad.sea(program).grad()
    (expected,) = native_grad(program, (0,))(x)
    for made in (g, g.function):
        y, dx = made(x)
        assert to_numpy(y) == to_numpy(program(x))
        allclose(dx, expected, "float64")


@pytest.mark.parametrize("program", [*PROGRAMS, unused])
def test_python_numbers_have_gradients_too(program):
    x, step, g = 1.7, 1e-6, ad.sea(program).grad()
    slope = (program(x + step) - program(x - step)) / (2 * step)
    for made in (g, g.function):
        y, dx = made(x)
        assert y == program(x) and dx == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_random_programs_against_torch(seed):
    torch = pytest.importorskip("torch")
    program = defined(Program(seed, differentiable=True).text)
    g = ad.sea(program).grad((0, 1, 2))
    for *xs, n in [(1.3, 0.5, -0.7, 3), (-0.2, 2.1, 0.9, 1)]:
        leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in xs]
        y = program(*leaves, n)
        if not torch.is_tensor(y) or not y.requires_grad or not y.isfinite():
            continue
        expected = torch.autograd.grad(y, leaves, allow_unused=True)
        expected = [0.0 if e is None else float(e) for e in expected]
        plain = [x.detach() for x in leaves]
        for found in (g(*xs, n), g(*plain, n), g.function(*xs, n), g.function(*plain, n)):
            assert float(found[0]) == float(y.detach())
            assert [float(c) for c in found[1]] == pytest.approx(expected, rel=1e-9, abs=1e-9)

    # ----- arrays, containers, rows with parameters -----


@pytest.fixture(params=FRAMEWORKS)
def np_like(request):
    """The framework's name and its module of functions."""
    if request.param == "torch":
        return "torch", pytest.importorskip("torch")
    return "jax", pytest.importorskip("jax.numpy")


def nets(xp):
    """Programs that call the framework by its names."""
    axis = {"dim": 0} if xp.__name__ == "torch" else {"axis": 0}
    word = next(iter(axis))
    text = f"""
        def recurrent(w, x):
            h = x[0]
            for row in x[1:]:
                h = xp.tanh(w @ h + row)
                if h.sum() > 0:
                    h = h * 0.5
                else:
                    h = xp.concatenate([h[:1], h[1:] * 2.0])
            return (h * h).sum({word}=0)

        def layered(layers, x):
            for w, b in layers:
                x = xp.sin(x @ w + b)
            return xp.mean(x)

        def broadcast(w, x):
            y = x * w[0] + 1.0
            for k in range(2):
                y = xp.maximum(y, x) / w[k + 1, :]
            return xp.sum(y, {word}=0)[0] + y[0, 1]
    """
    import textwrap

    found = {}
    for part in textwrap.dedent(text).strip().split("\n\n"):
        f = defined(part + "\n")
        f.__globals__["xp"] = xp
        found[f.__name__] = f
    return found


RNG = np.random.default_rng(0)
W, X = RNG.normal(size=(3, 3)), RNG.normal(size=(4, 3))


@pytest.mark.parametrize("which, layered", [("recurrent", 0), ("broadcast", 0), ("layered", 1)])
def test_arrays_and_containers(which, layered, np_like):
    name, module = np_like
    f, w, x = nets(module)[which], array(name, W), array(name, X)
    y, (dw, dx) = ad.sea(f).grad((0, 1))([(w, x[0]), (w.T, x[1])] if layered else w, x)
    if layered:
        (dw, db), _ = dw
        ew, eb, ex = native_grad(
            lambda w, b, x: f([(w, b), (array(name, W).T, array(name, X)[1])], x), (0, 1, 2)
        )(w, x[0], x)
        allclose(db, eb, "float64")
    else:
        ew, ex = native_grad(f, (0, 1))(w, x)
    allclose(dw, ew, "float64")
    allclose(dx, ex, "float64")


def test_the_rows_are_asked_and_nobody_else(poison):  # noqa: F811
    torch = pytest.importorskip("torch")
    x = torch.tensor(1.7, dtype=torch.float64)
    for program in PROGRAMS:
        ad.sea(program).grad()(x)
    f = nets(torch)["recurrent"]
    ad.sea(f).grad((0, 1))(torch.tensor(W), torch.tensor(X))


def test_what_does_not_reach_the_answer_gets_zeros():
    torch = pytest.importorskip("torch")
    x = torch.ones(2, 3)
    _, dx = ad.sea(unused).grad()(x)
    assert torch.equal(dx, torch.zeros(2, 3))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_sea_is_a_function_for_the_other_walks(name):
    x = array(name, 2.0, "float64")
    (dx, ddx) = ad.jvp(ad.sea(newton).grad(), (x,), (array(name, 1.0, "float64"),))[1]
    assert float(dx) == pytest.approx(0.5 / math.sqrt(2)) == float(ad.grad(ad.sea(newton))(x))
    assert float(ddx) == pytest.approx(-0.25 * 2**-1.5)


# ----- the new sea, read -----
UNDONE = """\
def power_and_gradient(x, n):
    y = 1.0
    trail = (None, 0)
    while n > 0:
        trail = (trail, y)
        n = n - 1
        y = y * x
        trail = (trail, 1)
    dy = xp.seed(y)
    dx = xp.nothing
    while trail[1]:
        trail = trail[0]
        y_1 = trail[1]
        t = xp.fit(dy * x, y_1)
        dx = dx + xp.fit(dy * y_1, x)
        trail = trail[0]
        dy = t
    return (y, xp.gradient(dx, x))
"""


def test_a_loop_is_undone_by_a_loop():
    def power(x, n):
        y = 1.0
        while n > 0:
            y = y * x
            n = n - 1
        return y

    assert ad.sea(power).grad().source == UNDONE


def test_straight_lines_have_no_trail_and_quiet_loops_are_not_undone():
    def quiet(x, n):
        k = 0
        for i in range(n):
            if i % 2:
                k += i
        return x * x * k

    assert "trail" not in ad.sea(straight_line).grad().source
    source = ad.sea(quiet).grad().source
    assert "trail" not in source and source.count("while") == 1
    assert ad.sea(quiet).grad()(3.0, 4) == (36.0, 24.0)


def straight_line(x):
    y = x * x
    return y / (y + 1.0)


def test_a_gradient_asks_for_a_scalar_and_for_a_parameter_that_is_there():
    torch = pytest.importorskip("torch")
    with pytest.raises(AutodiffError, match=r"real scalar.*shape \(3,\)"):
        ad.sea(straight_line).grad()(torch.ones(3))
    with pytest.raises(AutodiffError, match="parameter 1, and straight_line has 1"):
        ad.sea(straight_line).grad(1)
    with pytest.raises(AutodiffError, match="is a gradient already; .*ad.jvp"):
        ad.sea(straight_line).grad().grad()

    def leaves(x):
        return float(x) * x

    with pytest.raises(AutodiffError, match=r"(?s)in leaves: float.*\^\^\^\^\^\^\^\^"):
        ad.sea(leaves).grad()


# ----- what the corpora of other tools brought up -----
xp = np  # the sea writes its own verbs by this name


def named_like_the_verbs(x):
    return xp.logaddexp(x, 1.0) * x


def plus(x):
    return +x * (+x)


def part_of_a_tuple(x):
    t = (x, x * x, 3 * x)
    a, b = t[:2]
    return a * b * len(t)


def backwards(x):
    s = 0.0
    for i in (1.0, 2.0, 3.0)[::-1]:
        s = s * x + i
    return s


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_slice_of_a_tuple_is_no_entry_of_it(name):
    value, gradient = ad.sea(part_of_a_tuple).grad()(array(name, 2.0))
    assert (float(value), float(gradient)) == (24.0, 36.0)  # 3 x^3


def test_a_programs_own_name_is_not_the_verbs():
    assert ad.sea(named_like_the_verbs).function(1.3) == named_like_the_verbs(1.3)


@pytest.mark.parametrize("f", (plus, backwards))
def test_slopes_of_small_programs(f):
    slope = (f(1.3 + 1e-6) - f(1.3 - 1e-6)) / 2e-6
    s = ad.sea(f).grad()
    for run in (s, s.function):
        value, gradient = run(1.3)
        assert value == pytest.approx(f(1.3)) and gradient == pytest.approx(slope)


def joined(x):
    a = [x] + [x * x]
    return a[1] * a[0]


def repeated(x):
    a = [x, x * x] * 2
    return a[3] * a[0]


@pytest.mark.parametrize("f", (joined, repeated))
def test_lists_that_are_joined_have_no_row(f):
    assert ad.sea(f)(1.5) == f(1.5)
    with pytest.raises(AutodiffError, match="lists are joined or repeated") as caught:
        ad.sea(f).grad()
    assert "^" in str(caught.value)
