"""What only JAX can do wrong: custom rules, params of primitives, caches, transformations."""

import pytest

import autodiff_lab as ad
from tests.helpers import allclose

jax = pytest.importorskip("jax")
jnp = jax.numpy
X = jnp.array([[0.3, -1.2, 2.0], [1.5, 0.7, -0.4]])


def padded(x):
    return jax.lax.pad(x, x[0, 0], [(1, 0, 0), (0, 1, 1)])


def joined(x):
    return jnp.concatenate([x[1:], x[:1] * 3]) * jnp.stack([x[0], x[1]])


PROGRAMS = {
    "relu and silu": lambda x: (jax.nn.relu(x) * jax.nn.silu(x)).sum(),
    "softmax and logsumexp": lambda x: (jax.nn.softmax(x).T * jax.nn.logsumexp(x, axis=1)).sum(),
    "softplus": lambda x: jax.nn.softplus(x).sum(),
    "norm and var": lambda x: jnp.linalg.norm(x) + x.var() + x.std(0).sum(),
    "padding with a traced value": lambda x: (padded(x) ** 2).sum(),
    "indexing and joining": lambda x: joined(x).sum(),
    "remainder": lambda x: (x % 0.7 + jax.lax.rem(x, 0.7 + x * 0)).sum(),
    "einsum": lambda x: jnp.einsum("ij,kj->ik", x, x * x).sum(),
    "jitted inside": lambda x: jax.jit(lambda y: jnp.tanh(y) @ y.T)(x).sum(),
    "vmapped inside": lambda x: jax.vmap(lambda r: r @ r * r.max())(x).sum(),
    "checkpointed": lambda x: jax.checkpoint(lambda y: jnp.sin(jnp.sin(y)))(x).sum(),
    "where": lambda x: jnp.where(x > 0, jnp.log(jnp.where(x > 0, x, 1.0)), x).sum(),
    "integer powers": lambda x: (x**3 + x**2 + x**-1).sum(),
}  # fmt: skip


@pytest.mark.parametrize("key", PROGRAMS)
def test_program_has_jaxs_gradient(key):
    f = PROGRAMS[key]
    expected = jax.grad(f)(X)
    allclose(ad.grad(f)(X), expected, "float64")
    allclose(jax.jit(ad.grad(f))(X), expected, "float64")
    dy = ad.jvp(f, (X,), (jnp.cos(X),))[1]
    assert float(dy) == pytest.approx(float((expected * jnp.cos(X)).sum()), rel=1e-8)
    batch = jnp.stack([X, 2 * X])
    allclose(jax.vmap(ad.grad(f))(batch)[0], expected, "float64")
    allclose(
        jax.grad(lambda x: ad.grad(f)(x).sum())(X),
        jax.grad(lambda x: jax.grad(f)(x).sum())(X),
        "float64",
    )


def test_a_users_custom_rule_is_never_replaced_by_a_row_of_the_same_name():
    names = {"jax": jax}
    exec("@jax.custom_jvp\ndef relu(x):\n    return x * 2", names)
    names["relu"].defjvp(lambda p, t: (p[0] * 2, t[0] * 100))
    allclose(ad.grad(lambda x: names["relu"](x).sum())(X), 100 * jnp.ones_like(X), "float64")


def test_preferred_element_type_is_kept_in_both_directions():
    a = jnp.ones((2, 64), jnp.bfloat16) * 1.01

    def f(a):
        return jax.lax.dot_general(
            a, a, (((1,), (1,)), ((), ())), preferred_element_type=jnp.float32
        )

    y, dy = ad.jvp(f, (a,), (a,))
    assert y.dtype == dy.dtype == jnp.float32
    allclose(dy, jax.jvp(f, (a,), (a,))[1], "float32")
    assert ad.grad(lambda a: f(a).sum())(a).dtype == jnp.bfloat16


def test_compiled_work_is_jaxs_own():
    """Deterministic, so a test and not a benchmark: counted by XLA."""

    def mlp(w, x):
        return (jax.nn.relu(x @ w["a"]) @ w["b"]).sum()

    w = {"a": jnp.ones((32, 64)), "b": jnp.ones((64, 8))}
    args = w, jnp.ones((16, 32))

    def flops(gradient):
        cost = jax.jit(gradient).lower(*args).compile().cost_analysis()
        return (cost[0] if isinstance(cost, list) else cost)["flops"]

    assert flops(ad.grad(mlp)) <= 1.01 * flops(jax.grad(mlp))


# ----- operations on arrays that are there go straight to JAX's C++ (`dispatch`) -----
def dense(x):
    return jnp.tanh(x @ x.T + x.sum()).mean()


def test_the_straight_way_leaves_no_call_in_an_outer_trace():
    jaxpr = jax.make_jaxpr(lambda z: z * ad.grad(dense)(X).sum())(1.0)
    assert not [eqn for eqn in jaxpr.eqns if eqn.primitive.name in ("jit", "pjit")]


def test_the_straight_way_without_jit():
    with jax.disable_jit():
        found = ad.grad(dense)(X)
    allclose(found, jax.grad(dense)(X), "float64")


def test_the_straight_way_meets_debug_nans():
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        ad.grad(lambda x: jnp.log(x).sum())(-X)
