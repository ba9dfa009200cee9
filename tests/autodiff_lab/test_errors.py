"""Errors are part of the interface: one sentence, the offending values, the next step."""

import re
import sys

import numpy as np
import pytest

import autodiff_lab as ad
from tests.helpers import FRAMEWORKS, array

both = pytest.mark.parametrize("name", FRAMEWORKS)


def refused(f, *patterns, kind=ad.AutodiffError):
    with pytest.raises(kind) as caught:
        f()
    message = str(caught.value)
    assert "\n" not in message, "an error is one sentence"
    without_source = re.sub("`[^`]*`", "", message)
    for pattern in patterns:
        searched = message if "`" in pattern else without_source
        assert re.search(pattern, searched), f"{pattern!r} is not in: {message}"


def without_row(name, x):
    if name == "torch":
        import torch

        return torch.special.erfcx(x)
    from jax.scipy.special import betainc

    return betainc(x, 1.0, 0.5)


@both
def test_an_op_without_a_row_is_named_with_its_line_and_the_row_to_add(name):
    def f(x):
        return without_row(name, x).sum()

    op = "erfcx" if name == "torch" else "regularized_incomplete_beta"
    refused(
        lambda: ad.grad(f)(array(name, [1.0, 2.0])),
        f"no row for .*{op}",
        r"line \d+: `return",
        rf"add it: ad\.row\('{op}', lambda xp, x",
    )


@both
def test_a_non_scalar_under_grad(name):
    f = lambda x: x * 2  # noqa: E731
    refused(lambda: ad.grad(f)(array(name, [1.0, 2.0])), r"shape \(2,\)", r"\.sum\(\)")


@both
@pytest.mark.parametrize("value", [[1, 2], [True, False]])
def test_integer_and_boolean_arguments(name, value):
    f = lambda x: x.sum()  # noqa: E731
    refused(lambda: ad.grad(f)(array(name, value)), "argument x has dtype", "float", kind=TypeError)
    refused(lambda: ad.grad(f)(array(name, value)), "argument x has dtype")


@both
def test_a_complex_value_is_no_scalar_to_take_the_gradient_of(name):
    refused(lambda: ad.grad(lambda z: z.sum())(array(name, [1j])), "complex", "real or imaginary")


@both
def test_a_python_number(name):
    f = lambda x, y: x * y  # noqa: E731
    hint = "torch.tensor" if name == "torch" else "jnp.asarray"
    refused(lambda: ad.grad(f, argnums=1)(array(name, 1.0), 2.0), "argument y is a float", hint)
    refused(lambda: ad.grad(f)(1.0, 2.0), "no leaf is a torch.Tensor or a JAX array")


@both
def test_argnums_out_of_range(name):
    refused(lambda: ad.grad(lambda x: x, argnums=3)(array(name, 1.0)), "argnums=3", "1 positional")


def test_two_frameworks_in_one_call():
    pytest.importorskip("torch"), pytest.importorskip("jax")
    f = lambda x, y: (x * y).sum()  # noqa: E731
    args = array("torch", [1.0, 2.0]), array("jax", [1.0, 2.0])
    refused(lambda: ad.grad(f)(*args), "mixes a torch.Tensor of shape", "JAX array", "convert")


@both
def test_a_tangent_of_the_wrong_shape(name):
    x, dx = array(name, [1.0, 2.0]), array(name, [1.0])
    refused(lambda: ad.jvp(lambda x: x, (x,), (dx,)), r"tangent of x has shape \(1,\)", r"\(2,\)")
    refused(lambda: ad.jvp(lambda x: x, (x,), ()), "1 primals and 0 tangents")


@both
def test_a_cotangent_of_the_wrong_shape_or_missing(name):
    x = array(name, [1.0, 2.0])
    _, pullback = ad.vjp(lambda x: x * 2, x)
    refused(lambda: pullback(array(name, [1.0])), r"shape \(1,\)", r"\(2,\)")
    refused(lambda: ad.record(lambda x: x * 2, x).backward(), "give its cotangent")


def test_in_place_operations_on_a_recorded_tensor():
    pytest.importorskip("torch")

    def index(x):
        x[0] = 1.0
        return x.sum()

    def augmented(x):
        x += 1
        return x.sum()

    x = array("torch", [1.0, 2.0])
    refused(lambda: ad.grad(index)(x), "in-place", r"line \d+: `x\[0\] = 1.0`", "torch.where")
    refused(lambda: ad.grad(augmented)(x), "in-place", r"`x = x \+")
    refused(lambda: ad.grad(lambda x: x.mul_(2).sum())(x), "in-place mul_", "use mul")


def test_a_recorded_value_that_escaped():
    torch = pytest.importorskip("torch")
    kept = []
    ad.grad(lambda x: kept.append(x) or x.sum())(torch.tensor([1.0]))
    refused(lambda: kept[0] * 2, "recording had ended", "return it")


@both
def test_a_cotangent_of_another_kind(name):
    x = array(name, [1.0, 2.0])
    _, pullback = ad.vjp(lambda x: x * 2, x)
    refused(lambda: pullback(np.ones(2)), "ndarray", "convert")
    refused(lambda: pullback(array(name, [1j, 1j])), "complex128", "real part")
    refused(lambda: ad.jvp(lambda x: x, (x,), (np.ones(2),)), "ndarray", "convert")
    refused(lambda: ad.grad(lambda x: x.sum(), argnums=1.0)(x), "argnums=1.0")


def test_a_sparse_argument():
    torch = pytest.importorskip("torch")
    refused(lambda: ad.grad(lambda x: x.sum())(torch.eye(2).to_sparse()), "sparse", "to_dense")


def test_a_dim_that_is_not_there():
    torch = pytest.importorskip("torch")
    x = torch.tensor([[1.0, 2.0]])
    refused(lambda: ad.grad(lambda x: x.sum(5))(x), "dim 5 is out of range", "2 dims")


def test_a_python_branch_on_a_traced_value():
    pytest.importorskip("jax")

    def f(x):
        return x if x > 0 else -x

    refused(lambda: ad.grad(f)(array("jax", 1.0)), "concrete value", "jnp.where")


@both
def test_a_framework_that_is_not_installed(name, monkeypatch):
    from autodiff_lab import xp

    xp.verbs.cache_clear()
    monkeypatch.setitem(sys.modules, name, None)  # importing it now fails
    refused(
        lambda: xp.verbs(name), f"{name} could not be imported", "pip install", "other framework"
    )
    xp.verbs.cache_clear()


@both
def test_what_is_no_function_and_what_is_no_tape(name):
    x = array(name, [1.0, 2.0])
    for wrong in (3, None, "f"):
        refused(lambda f=wrong: ad.grad(f)(x), "is a function, not", kind=TypeError)
        refused(lambda f=wrong: ad.record(f, x), "is a function, not")
        refused(lambda f=wrong: ad.jacobian(f)(x), "is a function, not")
        refused(lambda f=wrong: ad.compile(f), "compile takes a function")
        refused(lambda f=wrong: ad.to_source(f), "prints a tape")
    refused(lambda: ad.implicit(3, root=lambda x, a: x - a), "takes a solver")


@both
def test_a_check_that_would_check_nothing(name):
    f = lambda x: x.sum()  # noqa: E731
    refused(
        lambda: ad.check(f, array(name, [1, 2])), "no argument has a derivative to check", "x: "
    )
    refused(lambda: ad.check(f, array(name, [1.0]), order=0), "order=0")
