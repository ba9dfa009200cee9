"""Optimisers: PyTorch's own step by step, published minima, one flat vector."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import optim
from autodiff_lab.optim.line_search import Point, strong_wolfe
from tests.autodiff_lab.test_errors import refused
from tests.helpers import FRAMEWORKS, array, to_numpy

both = pytest.mark.parametrize("name", FRAMEWORKS)
RNG = np.random.default_rng(0)
A = RNG.normal(size=(6, 6))
A, C, START = A @ A.T + np.eye(6), RNG.normal(size=6), RNG.normal(size=6)
EXACT = {"tolerance_grad": 0.0, "tolerance_change": 0.0}
OPTIMISERS = {
    "sgd": (optim.sgd(0.01), "SGD", {"lr": 0.01}),
    "momentum": (optim.momentum(0.01, 0.8), "SGD", {"lr": 0.01, "momentum": 0.8}),
    "nesterov": (
        optim.momentum(0.01, 0.8, nesterov=True),
        "SGD",
        {"lr": 0.01, "momentum": 0.8, "nesterov": True},
    ),
    "adagrad": (optim.adagrad(0.1), "Adagrad", {"lr": 0.1}),
    "adam": (optim.adam(0.1, 0.8, 0.99), "Adam", {"lr": 0.1, "betas": (0.8, 0.99)}),
    "lbfgs": (
        optim.lbfgs(0.5, memory=4),
        "LBFGS",
        {"lr": 0.5, "max_iter": 1, "history_size": 4, **EXACT},
    ),
}


def valley(x, a, c):
    """A quartic with one minimum."""
    return (x @ (a @ x)) / 2 - (c * x).sum() + (x**4).sum()


def torchs_path(kind, settings, steps):
    import torch

    x, a, c = torch.tensor(START, requires_grad=True), torch.tensor(A), torch.tensor(C)
    theirs, path = getattr(torch.optim, kind)([x], **settings), []

    def closure():
        theirs.zero_grad()
        y = valley(x, a, c)
        y.backward()
        return y

    for _ in range(steps):
        theirs.step(closure)
        path.append(x.detach().clone().numpy())
    return path


@both
@pytest.mark.parametrize("kind", OPTIMISERS)
def test_each_step_is_pytorchs(kind, name):
    pytest.importorskip("torch")
    opt, theirs, settings = OPTIMISERS[kind]
    flat, a, c = (array(name, v) for v in (START, A, C))
    state = opt.init(flat)
    for expected in torchs_path(theirs, settings, 14):
        flat, state = opt.update(state, flat, ad.grad(valley)(flat, a, c))
        np.testing.assert_allclose(to_numpy(flat), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_an_update_may_be_jitted(kind):
    jax = pytest.importorskip("jax")
    opt, flat = OPTIMISERS[kind][0], array("jax", START)
    plain = compiled = (flat, opt.init(flat))
    update = jax.jit(opt.update)
    for _ in range(3):
        plain = opt.update(plain[1], plain[0], plain[0] ** 3)
        compiled = update(compiled[1], compiled[0], compiled[0] ** 3)
    np.testing.assert_allclose(plain[0], compiled[0], rtol=1e-12)


@both
def test_an_update_writes_into_nothing(name):
    for opt, _, _ in OPTIMISERS.values():
        flat = array(name, START)
        state = opt.init(flat)
        first = opt.update(state, flat, flat * 2)
        again = opt.update(state, flat, flat * 2)
        assert (to_numpy(flat) == START).all() and (to_numpy(first[0]) == to_numpy(again[0])).all()


@both
def test_the_first_step_of_adam_is_the_rate_in_float32_too(name):
    """However small the gradient: m / sqrt(v) is its sign."""
    flat = array(name, [1.0, 1.0], "float32")
    opt = optim.adam(0.125, eps=0.0)
    found, _ = opt.update(opt.init(flat), flat, array(name, [1e-6, -5.0], "float32"))
    np.testing.assert_allclose(to_numpy(found), [0.875, 1.125], rtol=2e-6)


# ----- L-BFGS -----
def rosenbrock(x):
    """De Jong's banana, in any number of dims."""
    a, b = x[:-1], x[1:]
    return (100 * (b - a**2) ** 2 + (1 - a) ** 2).sum()


@both
def test_rosenbrock_takes_as_many_steps_as_the_book_says(name):
    """Nocedal and Wright (2006, section 6.1): BFGS took 34 from here to a gradient of 1e-5."""
    found = optim.minimize(rosenbrock, array(name, [-1.2, 1.0]), tolerance=1e-5)
    np.testing.assert_allclose(to_numpy(found.flat), [1.0, 1.0], atol=1e-5)
    assert found.converged and 25 <= found.steps <= 40 and found.evaluations <= 60


def test_rosenbrock_of_40_dims_costs_what_scipys_code_needs():
    """L-BFGS-B is the Fortran of Nocedal and his students."""
    scipy = pytest.importorskip("scipy.optimize")
    pytest.importorskip("torch")
    start = np.tile([-1.2, 1.0], 20)
    options = {"gtol": 1e-5, "ftol": 0.0, "maxiter": 2000, "maxfun": 5000}
    theirs = scipy.minimize(
        scipy.rosen, start, jac=scipy.rosen_der, method="L-BFGS-B", options=options
    )
    found = optim.minimize(rosenbrock, array("torch", start), steps=2000)
    np.testing.assert_allclose(to_numpy(found.flat), theirs.x, atol=1e-4)
    assert found.converged and found.evaluations < 1.3 * theirs.nfev


@both
def test_a_quadratic_is_done_when_every_direction_has_been_seen(name):
    a, c = array(name, A), array(name, C)
    found = optim.minimize(lambda x: (x @ (a @ x)) / 2 - (c * x).sum(), array(name, START))
    np.testing.assert_allclose(to_numpy(found.flat), np.linalg.solve(A, C), atol=1e-5)
    assert found.steps <= 20


@both
def test_a_line_search_comes_back_from_where_the_function_is_not_defined(name):
    def f(x):
        return (x - ad.table.ROWS["log"](x)).sum()

    found = optim.minimize(f, array(name, [0.01, 30.0]))
    np.testing.assert_allclose(to_numpy(found.flat), [1.0, 1.0], atol=1e-4)


@pytest.mark.parametrize("start, along", [(100.0, -1.0), (1.0, 900.0), (-30.0, 2.0), (0.3, 1.0)])
def test_a_line_search_ends_where_the_strong_wolfe_conditions_hold(start, along):
    torch = pytest.importorskip("torch")
    both = ad.value_and_grad(lambda x: ((x - 2.0) ** 4 + x**2).sum())

    def evaluate(x):
        value, g = both(x)
        return Point(x, float(value), g)

    x, along = (torch.tensor([v], dtype=torch.float64) for v in (start, along))
    begin, end = evaluate(x), strong_wolfe(evaluate, evaluate(x), along)
    slope, after = float(begin.gradient @ along), float(end.gradient @ along)
    length = float((end.flat - x) / along)
    assert length > 0 and end.value <= begin.value + 1e-4 * length * slope
    assert abs(after) <= 0.9 * abs(slope)


@both
def test_a_search_that_finds_no_minimum_says_so(name):
    assert not optim.minimize(lambda x: -x.sum(), array(name, START), steps=3).converged
    there = optim.minimize(rosenbrock, array(name, [1.0, 1.0]))
    assert there.converged and there.steps == 0 and there.evaluations == 1


# ----- one vector -----
@both
def test_flatten_and_back(name):
    tree = {"w": array(name, np.arange(6.0).reshape(2, 3)), "rest": [array(name, 7.0), None]}
    flat, unflatten = optim.flatten(tree)
    assert to_numpy(flat).tolist() == [7, 0, 1, 2, 3, 4, 5]
    again = unflatten(flat * 2)
    assert again["w"].shape == (2, 3) and float(again["rest"][0]) == 14 and again["rest"][1] is None
    g = ad.grad(lambda v: (unflatten(v)["w"] ** 2).sum())(flat)
    assert to_numpy(g).tolist() == [0, 0, 2, 4, 6, 8, 10]


@both
def test_the_order_of_a_dict_does_not_matter(name):
    """A gradient that comes out of jax.jit has its names sorted."""
    w, b, many = (
        array(name, [[1.0, 2.0]]),
        array(name, [3.0]),
        [array(name, float(i)) for i in range(11)],
    )
    params = [{"w": w, "b": b, "many": many}]
    turned = [dict(reversed(params[0].items()))]
    flat, unflatten = optim.flatten(params)
    assert to_numpy(flat).tolist() == to_numpy(optim.flatten(turned)[0]).tolist()
    assert to_numpy(flat).tolist() == [3, *range(11), 1, 2]
    again = unflatten(flat)[0]
    assert list(again) == ["w", "b", "many"] and to_numpy(again["w"]).tolist() == [[1, 2]]
    assert [float(m) for m in again["many"]] == list(range(11))


def test_on_torch_the_leaves_are_views_of_the_vector():
    torch = pytest.importorskip("torch")
    flat, unflatten = optim.flatten([torch.zeros(2, 2), torch.ones(3)])
    flat[0] = 5.0
    leaves = unflatten(flat)
    assert float(leaves[0][0, 0]) == 5.0
    assert leaves[1].untyped_storage().data_ptr() == flat.untyped_storage().data_ptr()


@both
def test_what_does_not_fit_into_a_vector_is_refused(name):
    x, i = array(name, START), array(name, [1, 2])
    refused(lambda: optim.flatten([x, i]), r"\[1\]", "int64", "floating-point")
    refused(lambda: optim.flatten({"a": x, "b": array(name, [1.0], "float32")}), "'b'", "float32")
    refused(lambda: optim.flatten([None]), "no array")
    refused(lambda: optim.flatten([x])[1](x[:2]), "vector of 6 numbers", r"\(2,\)")
    opt = optim.adam()
    refused(lambda: opt.update(opt.init(x), x, x[:2]), r"\(6,\)", r"\(2,\)", "flatten both")
    refused(lambda: opt.update(opt.init(x), x, [x]), "list", "flatten both")
    refused(lambda: opt.update(opt.init(x), [x], x), "parameters are a list")
    refused(lambda: opt.update((), x, x), "state first", "tuple")
    refused(lambda: optim.momentum(0.1).update(opt.init(x), x, x), "state first", "Adam")
    refused(lambda: optim.minimize(lambda x: x.sum() * float("nan"), x), "NaN where")
