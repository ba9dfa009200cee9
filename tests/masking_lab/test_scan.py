"""Under `jax.jit` a loop over a ragged dim is one scan: its size does not grow with the padding.

The oracle is the plain loop in float64 with JAX's own gradient. Two batches go through one
compiled program: one that is as long as the padding, and one whose examples are all shorter, with
a batch where nobody makes a trip at the end. The padding holds 0, NaN, inf and 1e30.
"""

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml

jax = pytest.importorskip("jax")
jnp = jax.numpy

from tests.helpers import array  # noqa: E402  which asks JAX for float64
from tests.masking_lab import loops  # noqa: E402
from tests.masking_lab.loops import SCANNED, UNROLLED  # noqa: E402

POISON = (0.0, np.nan, np.inf, 1e30)
PADDED = 4


def drawn(*lengths):
    random = np.random.default_rng(0)
    data = random.normal(size=(len(lengths), PADDED, 3))
    w = random.normal(size=(3, 3)) / 2
    return array("jax", data), array("jax", lengths), array("jax", w)


def filled(data, lengths, value):
    below = jnp.arange(data.shape[1]) < lengths[:, None]
    return ml.MaskedBatch(jnp.where(below[..., None], data, value), (lengths, None))


def compiled(f):
    call = ml.autobatch(f, max_trips=12)
    loss = lambda w, b: (call(b, w).data ** 2).sum()  # noqa: E731  padding of a result is zero
    return jax.jit(lambda w, b: (call(b, w), jax.grad(loss)(w, b)))


def oracle(f, w, data, lengths):
    xs = [x[:n] for x, n in zip(data, lengths, strict=True)]
    both = lambda w: sum((f(x, w) ** 2).sum() for x in xs)  # noqa: E731
    return [f(x, w) for x in xs], jax.grad(both)(w)


@pytest.mark.parametrize("f", SCANNED + UNROLLED, ids=lambda f: f.__name__)
def test_values_and_gradients_are_the_loops(f):
    run = compiled(f)
    for lengths in ((2, PADDED, 1), (1, 2, 3)):
        data, lengths, w = drawn(*lengths)
        want, gradient = oracle(f, w, data, lengths)
        seen = [run(w, filled(data, lengths, value)) for value in POISON]
        for y, x in zip(seen[0][0].unbatch(), want, strict=True):
            np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(seen[0][1], gradient, rtol=1e-9, atol=1e-11)
        for y, g in seen:
            assert (y.data == seen[0][0].data).all() and (g == seen[0][1]).all()


def primitives(jaxpr, name):
    """How many equations of a kind there are, and how many in all, inside others too."""
    from autodiff_lab.on_jax.front import opened

    found = total = 0
    for eqn in opened(jaxpr)[0].eqns:
        found, total = found + (eqn.primitive.name == name), total + 1
        for x in jax.tree.leaves(eqn.params, is_leaf=lambda x: hasattr(x, "eqns")):
            if hasattr(x, "eqns") or hasattr(x, "jaxpr"):
                inner = primitives(x, name)
                found, total = found + inner[0], total + inner[1]
    return found, total


def traced(f, padded):
    batch = ml.MaskedBatch(jnp.zeros((4, padded, 3)), (jnp.asarray([3, 1, 2, 3]), None))
    call = ml.autobatch(f, max_trips=12)
    return primitives(jax.make_jaxpr(lambda b, w: call(b, w).data)(batch, jnp.ones((3, 3))), "scan")


@pytest.mark.parametrize("f", SCANNED, ids=lambda f: f.__name__)
def test_the_program_does_not_grow_with_the_padding(f):
    short, long = traced(f, 4), traced(f, 9)
    assert short == long
    assert short[0] >= 1


def test_one_loop_is_one_scan():
    assert traced(loops.a_state, 65)[0] == 1
    assert traced(loops.a_list_read_as_it_grows, 9)[0] == 0


@pytest.mark.parametrize("f", [loops.a_state, loops.a_list_of_states, loops.entries_from_the_end],
                         ids=lambda f: f.__name__)  # fmt: skip
def test_transformations_compose(f):
    """Second derivatives, gradients of the input, vmap over weights, and autodiff_lab's walks."""
    data, lengths, w = drawn(3, 1, 2)
    call, b = ml.autobatch(f), filled(data, lengths, np.nan)
    xs = [x[:n] for x, n in zip(data, lengths, strict=True)]
    ours = lambda w: (call(b, w).data ** 2).sum()  # noqa: E731
    theirs = lambda w: sum((f(x, w) ** 2).sum() for x in xs)  # noqa: E731
    same = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)  # noqa: E731
    push = lambda f: lambda w: jax.jvp(jax.grad(f), (w,), (w,))[1]  # noqa: E731
    same(jax.jit(push(ours))(w), push(theirs)(w))
    same(jax.grad(jax.jit(ours))(w), jax.grad(theirs)(w))
    ws = jnp.stack([w, -w])
    same(jax.jit(jax.vmap(jax.grad(ours)))(ws), jax.vmap(jax.grad(theirs))(ws))
    same(jax.jit(ad.grad(ours))(w), jax.grad(theirs)(w))
    same(jax.jit(lambda w: ad.jvp(ours, (w,), (w,)))(w)[1], jax.jvp(theirs, (w,), (w,))[1])

    def of_inputs(data):
        return (call(filled(data, lengths, 0.0), w).data ** 2).sum()

    want = jax.grad(lambda d: sum((f(x[:n], w) ** 2).sum()
                                  for x, n in zip(d, (3, 1, 2), strict=True)))(data)  # fmt: skip
    same(jax.jit(jax.grad(of_inputs))(data), want)


@pytest.mark.parametrize("lengths", [(0, 3), (0, 0), (1,), (PADDED,)], ids=str)
def test_examples_without_any_trip(lengths):
    """They keep what the names held before the loop, and add nothing to a gradient."""
    for f in (loops.a_state, loops.out_of_the_domain_elsewhere, loops.a_triangle):
        data, n, w = drawn(*lengths)
        want, gradient = oracle(f, w, data, n)
        for value in POISON:
            y, g = compiled(f)(w, filled(data, n, value))
            np.testing.assert_allclose(np.stack(y.unbatch()), np.stack(want), rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(g, gradient, rtol=1e-9, atol=1e-11)


def test_a_name_without_a_value_is_nan_under_jit():
    """Nobody can be told of an error while the program runs; a wrong number would be worse."""
    data, lengths, w = drawn(2, 0)
    y, _ = compiled(loops.the_last_trips_values)(w, filled(data, lengths, 0.0))
    assert not np.isnan(y.data[0]).any() and np.isnan(y.data[1]).all()
    with pytest.raises(UnboundLocalError, match=r"examples \[1\]"):
        ml.autobatch(loops.the_last_trips_values)(filled(data, lengths, 0.0), w)


def collatz(x):
    trips = 0 * x
    while x > 1:
        x, trips = x / 2 if x % 2 == 0 else 3 * x + 1, trips + x
    return trips


def test_a_while_loop_backwards():
    """Under jit it needs a bound, and JAX refuses without; operation by operation it needs none."""
    b = ml.batch([jnp.asarray(v) for v in (6.0, 1.0, 7.0)])
    grown = lambda call: lambda s: call(ml.MaskedBatch(b.data * s, b.sizes)).data.sum()  # noqa: E731
    want = jax.grad(lambda s: sum(collatz(x * s) for x in b.data))(1.0)
    assert jax.grad(grown(ml.autobatch(collatz)))(1.0) == want
    assert jax.jit(jax.grad(grown(ml.autobatch(collatz, max_trips=20))))(1.0) == want
    assert np.isnan(jax.jit(grown(ml.autobatch(collatz, max_trips=5)))(1.0))
    assert jax.jit(grown(ml.autobatch(collatz)))(1.0) == sum(collatz(x) for x in b.data)
    with pytest.raises(ValueError, match="Reverse-mode differentiation"):
        jax.jit(jax.grad(grown(ml.autobatch(collatz))))(1.0)
