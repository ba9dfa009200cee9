"""What the walks promise: fan-out, nesting, containers, closures, nothing left over."""

import collections
import dataclasses
import gc
import weakref

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import xp
from tests.helpers import FRAMEWORKS, allclose, array, native_grad, to_numpy

pytestmark = pytest.mark.parametrize("name", FRAMEWORKS)


def a(name, *values, dtype="float64"):
    return array(name, values if len(values) > 1 else values[0], dtype)


def test_fan_out_adds_up_and_corrupts_no_sibling(name):
    """torch-autograd accumulated in place into a cotangent that two parents shared."""

    def f(x, y):
        square = x * x
        return square.sum() + (x + y).sum()

    gx, gy = ad.grad(f, argnums=(0, 1))(a(name, 1.0, 2.0), a(name, 3.0, 4.0))
    allclose(gx, a(name, 3.0, 5.0), "float64")
    allclose(gy, a(name, 1.0, 1.0), "float64")


def test_the_second_argument_alone(name):
    allclose(
        ad.grad(lambda x, y: x * y, argnums=1)(a(name, 3.0), a(name, 5.0)), a(name, 3.0), "float64"
    )


def test_negative_argnums_count_from_the_end(name):
    allclose(
        ad.grad(lambda x, y: x * y, argnums=-1)(a(name, 3.0), a(name, 5.0)), a(name, 3.0), "float64"
    )


def test_an_unused_input_has_a_zero_gradient(name):
    allclose(
        ad.grad(lambda x, y: y, argnums=0)(a(name, 1.0, 2.0), a(name, 5.0)),
        a(name, 0.0, 0.0),
        "float64",
    )


def test_identity_and_constant_functions(name):
    allclose(ad.grad(lambda x: x)(a(name, 3.0)), a(name, 1.0), "float64")
    allclose(ad.grad(lambda x: a(name, 7.0))(a(name, 3.0)), a(name, 0.0), "float64")


def test_perturbations_are_not_confused(name):
    """d/dx x * d/dy (x + y) is 1, not 2 (Siskind and Pearlmutter 2005)."""
    f = lambda x: x * ad.grad(lambda y: x + y)(a(name, 1.0))  # noqa: E731
    allclose(ad.grad(f)(a(name, 1.0)), a(name, 1.0), "float64")
    f = lambda x: x * ad.jvp(lambda y: x + y, (a(name, 1.0),), (a(name, 1.0),))[1]  # noqa: E731
    allclose(ad.jvp(f, (a(name, 1.0),), (a(name, 1.0),))[1], a(name, 1.0), "float64")


def test_third_derivative_of_a_sine(name):
    sin = xp.verbs(name).sin
    allclose(ad.grad(ad.grad(ad.grad(sin)))(a(name, 0.3)), a(name, -np.cos(0.3)), "float64")


def test_closures_over_an_outer_variable(name):
    def outer(x):
        inner = ad.grad(lambda y: (x * y * y).sum())
        return (inner(a(name, 2.0, 3.0)) * x).sum()

    allclose(ad.grad(outer)(a(name, 1.0, 2.0)), a(name, 8.0, 24.0), "float64")


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Layer:
    w: object
    b: object


def test_containers_keep_their_structure(name):
    def f(params):
        return (params["p"].x * params["p"].y).sum() + params["layers"][0].w * params["layers"][0].b

    params = {
        "p": Point(a(name, 1.0, 2.0), a(name, 3.0, 4.0)),
        "layers": [Layer(a(name, 5.0), a(name, 6.0))],
    }
    g = ad.grad(f)(params)
    assert type(g["p"]) is Point and type(g["layers"][0]) is Layer
    allclose(g["p"].x, a(name, 3.0, 4.0), "float64")
    allclose(g["layers"][0].w, a(name, 6.0), "float64")
    _, dy = ad.jvp(f, (params,), (g,))
    assert float(dy) == pytest.approx(
        sum(float((leaf * leaf).sum()) for leaf in ad.trees.leaves(g))
    )


def test_value_and_grad_with_aux(name):
    (value, aux), g = ad.value_and_grad(lambda x: (x * x, {"seen": x + 1}), has_aux=True)(
        a(name, 3.0)
    )
    assert (float(value), float(aux["seen"]), float(g)) == (9.0, 4.0, 6.0)
    g, aux = ad.grad(lambda x: (x * x, "text"), has_aux=True)(a(name, 3.0))
    assert float(g) == 6.0 and aux == "text"


def test_the_pullback_can_be_called_twice(name):
    y, pullback = ad.vjp(lambda x: x * x, a(name, 1.0, 2.0))
    first, again = pullback(a(name, 1.0, 0.0)), pullback(a(name, 0.0, 1.0))
    assert isinstance(first, tuple)
    allclose(first[0], a(name, 2.0, 0.0), "float64")
    allclose(again[0], a(name, 0.0, 4.0), "float64")


def test_integers_travel_along_without_a_derivative(name):
    index = array(name, [0, 1, 1])
    y, pullback = ad.vjp(lambda x, i: x * i, a(name, 1.0, 2.0, 3.0), index)
    gx, gi = pullback(a(name, 1.0, 1.0, 1.0))
    assert gi is None
    allclose(gx, a(name, 0.0, 1.0, 1.0), "float64")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_gradient_has_its_arguments_dtype(name, dtype):
    x, y = a(name, 1.0, 2.0, dtype=dtype), a(name, 3.0, 4.0, dtype="float64")
    gx, gy = ad.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, y)
    assert gx.dtype == x.dtype and gy.dtype == y.dtype


def test_tape_in_execution_order_with_lines_and_names(name):
    tanh = xp.verbs(name).tanh

    def layer(x, w):
        return tanh(x * w)

    def model(x, params):
        return layer(x, params["w"]).sum()

    tape = ad.record(model, a(name, 1.0, 2.0), {"w": a(name, 3.0, 4.0)})
    assert [n.op for n in tape.nodes] == ["input", "input", "multiply", "tanh", "sum"]
    assert [n.name for n in tape.inputs] == ["x", "params['w']"]
    assert tape.nodes[3].code == "return tanh(x * w)" and tape.nodes[3].file == __file__
    assert tape.nodes[3].scope == ("layer",) and tape.nodes[4].scope == ()
    assert [n.index for n in tape.nodes] == list(range(5))
    assert tape.nodes[2].parents == (tape.nodes[0], tape.nodes[1])
    assert tape.nodes[2].bytes == 16 and tape.nodes[3].needs == "output y"


def test_adjoints_are_not_computed_until_backward_and_then_overwritten(name):
    tape = ad.record(lambda x: (x * x).sum(), a(name, 1.0, 2.0))
    assert [n.adjoint for n in tape.nodes] == [None] * 3
    (g,) = tape.backward()
    allclose(g, a(name, 2.0, 4.0), "float64")
    allclose(tape.backward(a(name, 10.0))[0], a(name, 20.0, 40.0), "float64")
    allclose(tape.nodes[0].adjoint, a(name, 20.0, 40.0), "float64")


def test_a_walk_keeps_only_what_the_rows_need(name):
    """sin keeps its input, tanh its output, + nothing: the other values are let go."""
    from autodiff_lab.tape import Tape
    from autodiff_lab.trace import trace

    tanh, sin = xp.verbs(name).tanh, xp.verbs(name).sin
    tape = trace(Tape, lambda x: sin(tanh(x + 1.0) + 2.0).sum(), (a(name, 1.0, 2.0),), argnums=(0,))
    kept = [
        (n.op, bool(n.xs) and type(n.xs[0]).__name__ != "Node", n.y is not n and n.y is not None)
        for n in tape.nodes
    ]
    assert kept == [
        ("input", False, False), ("add", False, False), ("tanh", False, True),
        ("add", False, False), ("sin", True, False), ("sum", False, False),
    ]  # fmt: skip


def test_nothing_is_left_after_many_gradients(name):
    x = a(name, 1.0, 2.0)
    f = ad.grad(lambda x: (x * x).sum())
    f(x)
    tapes = []

    def spy(x):
        tapes.append(weakref.ref(x))
        return (x * x).sum()

    if name == "torch":
        ad.grad(spy)(x)
        gc.collect()
        assert tapes[0]() is None
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(200):
        f(x)
    gc.collect()
    assert len(gc.get_objects()) - before < 200


def test_pieces_of_a_split_do_not_keep_each_other(name):
    if name == "torch":
        f = ad.grad(lambda x: sum((u * v).sum() for u, v in [x.chunk(2), x.sort()[0].split(2)]))
        f(a(name, 1.0, 2.0, 3.0, 4.0))
        gc.collect()
        f(a(name, 1.0, 2.0, 3.0, 4.0))
        assert gc.collect() == 0


def test_an_exception_inside_leaves_nothing_patched(name):
    def broken(x):
        x * 2
        raise RuntimeError("mine")

    for call in (
        ad.grad(broken),
        lambda x: ad.record(broken, x),
        lambda x: ad.jvp(broken, (x,), (x,)),
    ):
        with pytest.raises(RuntimeError, match="mine"):
            call(a(name, 1.0))
    allclose(ad.grad(lambda x: x * x)(a(name, 3.0)), a(name, 6.0), "float64")


def test_nan_and_inf_flow_as_in_the_framework(name):
    log = xp.verbs(name).log
    f = lambda x: (x * log(x)).sum()  # noqa: E731
    x = a(name, 0.0, 1.0, np.inf)
    np.testing.assert_array_equal(to_numpy(ad.grad(f)(x)), to_numpy(native_grad(f, (0,))(x)[0]))


def test_kinks_are_the_frameworks_own(name):
    verbs = xp.verbs(name)
    for f in (
        verbs.relu,
        verbs.abs,
        lambda x: verbs.maximum(x, x * 0),
        lambda x: verbs.max(x, (0,)),
    ):
        for x in (a(name, 0.0, 0.0), a(name, -1.0, -1.0)):
            g = lambda x, f=f: f(x).sum()  # noqa: E731
            allclose(ad.grad(g)(x), native_grad(g, (0,))(x)[0], "float64")
