"""`?` on what is ours: every public name, whatever a lesson's cell may hold."""

import inspect
import types

import pytest

import autodiff_lab as ad
import kernel
import masking_lab as ml
from kernel.extension import LATER, Later
from kernel.help_text import help_bundle
from kernel.own_page import own_page
from tests.helpers import FRAMEWORKS, array

PACKAGES = {
    "ad": ad, "ad.nn": ad.nn, "ad.optim": ad.optim, "ad.table": ad.table, "ml": ml,
    "ml.fold": ml.fold, "kernel": kernel, "kernel.plots": kernel.plots,
}  # fmt: skip
PUBLIC = {
    f"{short}.{name}": getattr(package, name)
    for short, package in PACKAGES.items()
    for name in package.__all__
    if not isinstance(getattr(package, name), (tuple, dict))  # plots.COLOURS, table.ROWS
}


def markdown(thing):
    return help_bundle(thing).get("text/markdown", "")


@pytest.mark.parametrize("name", [*PACKAGES, *PUBLIC])
def test_every_public_name_has_a_page_that_says_what_it_is(name):
    thing = PUBLIC.get(name, PACKAGES.get(name))
    page, own = markdown(thing), inspect.getdoc(thing)
    assert page.startswith("### ") and own
    assert " ".join(own.split()[:4]) in " ".join(page.split())


def test_a_package_is_a_table_of_contents():
    page = markdown(ad)
    assert all(f"| `{name}` |" in page for name in ad.__all__)
    assert markdown(types) == "" and own_page(pytest) is None


def test_a_property_and_a_method_speak_for_themselves():
    assert "True = valid" in markdown(vars(ml.MaskedBatch)["mask"])
    assert "return " in markdown(ad.Node.op)  # nothing is written about it: its text is shown
    assert "Shares that add up to 1" in markdown(ad.nn.softmax)
    assert r"y \, \left(g" in markdown(ad.nn.softmax)  # and the row behind it


@pytest.mark.parametrize("name", LATER)
def test_what_is_imported_later_has_the_page_and_the_help_of_what_it_stands_for(name):
    later, real = Later(name), getattr(kernel, name)
    assert later.__doc__ == real.__doc__ and repr(later) == repr(real) and dir(later) == dir(real)
    assert markdown(later) == markdown(real)
    if callable(real):
        assert inspect.signature(later) == inspect.signature(real)
        assert inspect.getsource(later) == inspect.getsource(real)


# ----- objects -----
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_derivatives_say_of_what_and_how_often(framework):
    def f(x):
        return (x**3).sum()

    once, thrice = ad.grad(f), ad.grad(ad.grad(ad.grad(f)))
    assert "### gradient of f" in markdown(once)
    assert markdown(thrice).count("gradient of") >= 3
    for way in (ad.jacfwd, ad.jacrev, ad.jacobian):
        assert "### Jacobian of f" in markdown(way(f))
    assert "### Jacobian of the gradient of f" in markdown(ad.hessian(f))
    _, pullback = ad.vjp(f, array(framework, [1.0, 2.0], "float64"))
    assert "cotangents of the arguments" in markdown(pullback)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_object_shows_itself_and_what_can_be_asked_of_it(framework):
    x = array(framework, [1.0, 2.0], "float64")
    found = ad.memory(ad.grad(lambda x: (x * x).sum()), x)
    page = markdown(found)
    assert repr(found) in page and "`peak_bytes`" in page
    assert "`init`" in markdown(ad.optim.adam(0.1)) and " at 0x" not in markdown(ad.optim.adam(0.1))


def test_a_rule_of_ones_own_says_what_was_stated():
    through = ad.custom_rule(lambda x: x, vjp=lambda g, y, x: (g,))
    assert "derivative of its own" in markdown(through) and "`vjp=`" in markdown(through)


def test_jax_tells_what_it_compiled_and_what_it_saw():
    jax = pytest.importorskip("jax")

    def f(x):
        return jax.numpy.sin(x).sum()

    jitted = jax.jit(f)
    jitted(jax.numpy.ones(2)), jitted(jax.numpy.ones(3))
    assert "f under jax.jit" in markdown(jitted) and "2 times so far" in markdown(jitted)
    assert "sin, reduce_sum" in markdown(jax.make_jaxpr(f)(jax.numpy.ones(2)))
    assert "under jax.jit" not in markdown(jax.numpy.trapezoid)  # JAX's own


def test_a_shape_is_taken_apart():
    torch = pytest.importorskip("torch")
    assert "3 x 4" in markdown(torch.ones(3, 4).shape) and "12" in markdown(torch.ones(3, 4).shape)
    assert "one number" in markdown(torch.Size([]))
