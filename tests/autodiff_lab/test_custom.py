"""Rules of one's own: one statement, both directions, every nesting, both frameworks."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.autodiff_lab.test_errors import refused
from tests.helpers import FRAMEWORKS, allclose, array, native_grad, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def a(name, *values, dtype="float64"):
    return array(name, values if len(values) > 1 else values[0], dtype)


def cubes(name):
    """x^3, stated in each of the five ways."""
    f = lambda x: x * x * x  # noqa: E731
    push, pull = lambda dx, y, x: 3 * x * x * dx, lambda g, y, x: (3 * x * x * g,)
    return {
        "d": ad.custom_rule(f, d=lambda y, x: 3 * x * x),
        "jvp": ad.custom_rule(f, jvp=push),
        "vjp": ad.custom_rule(f, vjp=pull),
        "both": ad.custom_rule(f, jvp=push, vjp=pull),
    }


WAYS = pytest.mark.parametrize("way", ["d", "jvp", "vjp", "both"])


@WAYS
def test_one_statement_serves_both_directions_and_every_order(name, way):
    cube, x = cubes(name)[way], a(name, 1.0, -2.0)
    f = lambda x: (cube(x) * x).sum()  # noqa: E731
    allclose(ad.grad(f)(x), 4 * x**3, "float64")
    allclose(ad.jvp(cube, (x,), (a(name, 1.0, 0.5),))[1], a(name, 3.0, 6.0), "float64")
    g = lambda x: ad.grad(f)(x).sum()  # noqa: E731
    allclose(ad.grad(g)(x), 12 * x**2, "float64")
    allclose(ad.hvp(f, (x,), (a(name, 1.0, 1.0),)), 12 * x**2, "float64")
    push = lambda x: ad.jvp(cube, (x,), (a(name, 1.0, 1.0),))[1]  # noqa: E731
    allclose(ad.jvp(push, (x,), (a(name, 1.0, 1.0),))[1], 6 * x, "float64")
    allclose(ad.grad(lambda x: push(x).sum())(x), 6 * x, "float64")


@WAYS
def test_it_is_one_node_with_its_name_and_line(name, way):
    def cube(x):
        return x * x * x

    d = {"d": {"d": lambda y, x: 3 * x * x}, "jvp": {"jvp": lambda dx, y, x: 3 * x * x * dx}}
    rule = d.get(way) or {"vjp": lambda g, y, x: (3 * x * x * g,)}
    cube = ad.custom_rule(**rule)(cube)
    tape = ad.record(lambda x: 2 * cube(x), a(name, 2.0))
    assert [node.op for node in tape.nodes] == ["input", "cube", "multiply"]
    assert "cube(x)" in tape.nodes[1].code
    assert float(tape.backward()[0]) == 24.0


def test_straight_through(name):
    floor = xp.verbs(name).floor

    @ad.custom_rule(vjp=lambda g, y, x: (g,))
    def through(x):
        """Rounds down, and lets the gradient pass."""
        return floor(x)

    x = a(name, 3.7, -0.2)
    assert through.__name__ == "through" and "lets the gradient" in through.__doc__
    allclose(through(x), a(name, 3.0, -1.0), "float64")
    allclose(ad.grad(lambda x: (through(x) ** 2).sum())(x), a(name, 6.0, -2.0), "float64")
    allclose(ad.jvp(through, (x,), (x,))[1], x, "float64")


def test_the_identity_with_a_rule_is_not_the_identity(name):
    """Gradient reversal (Ganin and Lempitsky 2015): forward it is x itself."""
    reverse = ad.custom_rule(lambda x: x, vjp=lambda g, y, x: (-g,))
    x = a(name, 1.0, 2.0)
    f = lambda x: (reverse(x) * x).sum()  # noqa: E731
    allclose(ad.grad(f)(x), a(name, 0.0, 0.0), "float64")
    allclose(native_grad(f, (0,))(x)[0], a(name, 0.0, 0.0), "float64")


def test_under_a_mask(name):
    """A pointwise rule is masked like every pointwise row; of others nobody knows."""
    import masking_lab as ml

    floor = xp.verbs(name).floor
    pointwise = ad.custom_rule(floor, d=lambda y, x: x * 0 + 1)
    b = ml.batch([a(name, 5.5, 1.5), array(name, [2.5])])
    found = ml.autobatch(lambda x: pointwise(x).sum())(b).unbatch()
    assert [float(y) for y in found] == [6.0, 2.0]
    general = ad.custom_rule(floor, vjp=lambda g, y, x: (g,))
    refused(lambda: ml.autobatch(lambda x: general(x).sum())(b), "what a mask does", "state d=")


@WAYS
def test_the_frameworks_own_gradient_follows_the_rule(name, way):
    """7 x^2 is a lie; who repeats it has read the rule."""
    f = lambda x: x * x * x  # noqa: E731
    lies = {
        "d": {"d": lambda y, x: 7 * x * x},
        "jvp": {"jvp": lambda dx, y, x: 7 * x * x * dx},
        "vjp": {"vjp": lambda g, y, x: (7 * x * x * g,)},
        "both": {"jvp": lambda dx, y, x: 7 * x * x * dx, "vjp": lambda g, y, x: (7 * x * x * g,)},
    }
    lie = ad.custom_rule(f, **lies[way])
    x = a(name, 1.0, 2.0)
    allclose(native_grad(lambda x: lie(x).sum(), (0,))(x)[0], 7 * x * x, "float64")
    allclose(ad.grad(lambda x: lie(x).sum())(x), 7 * x * x, "float64")


def test_clipping_has_no_forward_mode_of_its_own(name):
    """A vjp that is not linear in g has no transpose, and that is said."""
    verbs = xp.verbs(name)
    clip = ad.custom_rule(vjp=lambda g, y, x: (verbs.tanh(g),))(lambda x: x * 1.0)
    x = a(name, 1.0, 2.0)
    allclose(ad.grad(lambda x: (clip(x) * 3).sum())(x), np.tanh([3.0, 3.0]), "float64")
    refused(lambda: ad.jvp(clip, (x,), (x,)), "not linear in its cotangent .*tanh", "state jvp=")
    cut = ad.custom_rule(vjp=lambda g, y, x: (verbs.where(g > 0, g, 0.0),))(lambda x: x * 1.0)
    refused(lambda: ad.jvp(cut, (x,), (x,)), "not linear")
    square = ad.custom_rule(jvp=lambda dx, y, x: dx * dx)(lambda x: x * 1.0)
    refused(lambda: ad.grad(lambda x: square(x).sum())(x), "not linear in its tangents")


def test_linear_rules_of_many_kinds_are_transposed(name):
    """where, matmul, sums, means and shapes are linear in g, and so is what is made of them."""
    verbs = xp.verbs(name)
    W = a(name, [1.0, 2.0], [3.0, 4.0])

    def pull(g, y, x):
        back = verbs.where(x > 0, g @ W / 2 - g, -g) + g.mean()
        return (verbs.stack([back[0], back[1]], 0) * 3,)

    f = ad.custom_rule(vjp=pull)(lambda x: x * 1.0)
    x = a(name, 1.0, -2.0)
    np.testing.assert_allclose(to_numpy(ad.jacfwd(f)(x)), to_numpy(ad.jacrev(f)(x)))


def test_several_arguments_containers_integers_and_keywords(name):
    def pull(g, y, p, k, x, *, power=1):
        return {"w": g * k * x**power, "b": None}, None, g * k * p["w"] * power * x ** (power - 1)

    @ad.custom_rule(vjp=pull)
    def f(p, k, x, *, power=1):
        return p["w"] * k * x**power + p["b"] * 0

    p, x, k = {"w": a(name, 2.0, 3.0), "b": a(name, 1.0, 1.0)}, a(name, 0.5, 4.0), array(name, 5)
    loss = lambda p, x: f(p, k, x, power=2).sum()  # noqa: E731
    gp, gx = ad.grad(loss, (0, 1))(p, x)
    allclose(gp["w"], 5 * x**2, "float64")
    allclose(gp["b"], a(name, 0.0, 0.0), "float64")
    allclose(gx, 10 * p["w"] * x, "float64")
    dy = ad.jvp(loss, (p, x), (None, a(name, 1.0, 0.0)))[1]
    assert float(dy) == pytest.approx(10 * 2.0 * 0.5)
    _, pullback = ad.vjp(lambda p, k, x: f(p, k, x), p, k, x)
    assert pullback(a(name, 1.0, 1.0))[1] is None


def test_numbers_among_the_arguments(name):
    leaky = ad.custom_rule(d=lambda y, x, slope: xp.verbs(name).where(x > 0, 1 + 0 * x, slope))(
        lambda x, slope: xp.verbs(name).where(x > 0, x, slope * x)
    )
    x = a(name, 1.0, -1.0)
    for slope in (0.1, 0.2):
        allclose(ad.grad(lambda x, s=slope: leaky(x, s).sum())(x), a(name, 1.0, slope), "float64")


def test_broadcasting_of_pointwise_rules(name):
    times = ad.custom_rule(d=(lambda y, a, b: b, lambda y, a, b: a))(lambda a, b: a * b)
    x, k = a(name, 1.0, 2.0, 3.0), a(name, 4.0)
    gx, gk = ad.grad(lambda x, k: times(x, k).sum(), (0, 1))(x, k)
    allclose(gx, a(name, 4.0, 4.0, 4.0), "float64")
    assert float(gk) == 6.0


def test_under_jit_and_vmap(name):
    cube = cubes(name)["vjp"]
    f = lambda x: (cube(x) ** 2).sum()  # noqa: E731
    xs = a(name, [1.0, 2.0], [3.0, -1.0])
    if name == "torch":
        import torch

        found = torch.func.vmap(ad.grad(f))(xs)
        odd = ad.custom_rule(lambda x: x * x, vjp=lambda g, y, x: (5 * g * x,))  # no true slope
        assert torch.equal(torch.func.vmap(torch.func.grad(lambda x: odd(x).sum()))(xs), 5 * xs)
        xs.requires_grad_()  # vmap hides it
        assert torch.equal(torch.autograd.grad(torch.vmap(odd)(xs).sum(), xs)[0], 5 * xs)
        xs = xs.detach()
    else:
        import jax

        found = jax.jit(jax.vmap(ad.grad(f)))(xs)
        allclose(jax.vmap(jax.grad(f))(xs), 6 * xs**5, "float64")
        allclose(ad.grad(jax.jit(f))(xs), 6 * xs**5, "float64")
    allclose(found, 6 * xs**5, "float64")


def test_a_rule_in_the_closure_of_another_level(name):
    """d/dx of x * d/dy (x + y)^3 at fixed y: levels stay apart through the rule's code."""
    cube = cubes(name)["d"]
    one = a(name, 1.0)
    f = lambda x: x * ad.grad(lambda y: cube(x + y))(one)  # noqa: E731
    assert float(ad.grad(f)(one)) == pytest.approx(3 * 4 + 6 * 2)


def test_what_a_rule_may_not_do(name):
    x = a(name, 1.0, 2.0)
    refused(lambda: ad.custom_rule(lambda x: x), "needs either d=")
    two = ad.custom_rule(vjp=lambda g, y, x: (g, g))(lambda x: x * 1.0)
    refused(lambda: ad.grad(lambda x: two(x).sum())(x), "one cotangent for each of its 1")
    short = ad.custom_rule(vjp=lambda g, y, x: (g.sum(),))(lambda x: x * 1.0)
    refused(lambda: ad.grad(lambda x: short(x).sum())(x), r"shape \(\)", r"shape \(2,\)")
    hidden = lambda x: ad.custom_rule(d=lambda y, z: z)(lambda z: z * x)(a(name, 1.0, 1.0) * x)  # noqa: E731
    refused(lambda: ad.grad(lambda x: hidden(x).sum())(x), "not among its arguments")
    pair = ad.custom_rule(vjp=lambda g, y, x: (g,))(lambda x: (x, x))
    refused(lambda: ad.grad(lambda x: pair(x)[0].sum())(x), "returned a tuple")
    named = ad.custom_rule(d=lambda y, x: x)(lambda x, *, k: x * k)
    refused(lambda: ad.grad(lambda x: named(x, k=x).sum())(x), "pass it by position")
