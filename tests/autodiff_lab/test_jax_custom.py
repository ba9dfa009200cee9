"""Functions with a derivative of their own on JAX: the user's rule is what counts."""

import pytest

import autodiff_lab as ad
from tests.helpers import allclose

jax = pytest.importorskip("jax")
from tests.jax_oracle import agrees, cost  # noqa: E402

jnp, lax = jax.numpy, jax.lax
X = jnp.array([[0.3, -1.2, 2.0], [1.5, 0.7, -0.4]])
W = jnp.cos(jnp.arange(9.0).reshape(3, 3))


@jax.custom_jvp
def product(x, y):
    return jnp.sin(x) * y


@product.defjvp
def _(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return product(x, y), jnp.cos(x) * y * dx + product(x, 1.0) * dy


@jax.custom_jvp
def tripled(x):
    """Its rule is not its derivative, so that one sees whose derivative is used."""
    return x * 1.0


tripled.defjvp(lambda p, t: (tripled(p[0]), 3.0 * t[0]))


@jax.custom_jvp
def two_outputs(x, n):
    return {"square": x * x, "count": n + 1}, x[0]


@two_outputs.defjvp
def _(primals, tangents):
    (x, n), (dx, _) = primals, tangents
    y = two_outputs(x, n)
    return y, ({"square": 2 * x * dx, "count": jnp.zeros((), jax.dtypes.float0)}, dx[0])


@jax.custom_vjp
def clipped(x, n):
    return jnp.sin(x) * n


def _clipped_bwd(residuals, g):
    x, n = residuals
    return jnp.clip(g * jnp.cos(x) * n * 5, -3.0, 3.0), None


clipped.defvjp(lambda x, n: (jnp.sin(x) * n, (x, n)), _clipped_bwd)


def scaled(k, f):
    """A custom_vjp with an argument that is not differentiated, and a closure."""

    @jax.custom_vjp
    def g(x):
        return f(x) * k

    g.defvjp(lambda x: (f(x) * k, x), lambda x, u: (u * k * jnp.cos(x),))
    return g


FORWARD_AND_BACK = {
    "custom_jvp": lambda x: product(x, x * x).sum(),
    "of a number": lambda x: product(x, 2.0).sum(),
    "in the second argument": lambda x: product(W[:2], x).sum(),
    "vmapped": lambda x: jax.vmap(product)(x, x**2).sum(),
    "vmapped over one": lambda x: jax.vmap(product, (0, None))(x, x[0]).sum(),
    "of another": lambda x: product(x, product(x, x)).sum(),
    "not the derivative": lambda x: (tripled(x * x) * x).sum(),
    "two outputs": lambda x: (two_outputs(x, 3)[0]["square"] * two_outputs(x, 3)[1]).sum(),
    "in a scan": lambda x: lax.scan(lambda c, a: (product(c, a), c), x[0], x)[0].sum(),
    "in a cond": lambda x: lax.cond(x.sum() > 0, product, lambda a, b: a, x[0], x[1]).sum(),
    "checkpointed": lambda x: jax.checkpoint(lambda y: product(y, y))(x).sum(),
    "silu": lambda x: jax.nn.silu(x).sum(),
    "gelu": lambda x: jax.nn.gelu(x, approximate=False).sum() + jax.nn.gelu(x).sum(),
    "softplus": lambda x: jax.nn.softplus(x).sum(),
    "logsumexp": lambda x: jax.nn.logsumexp(x, axis=1).sum(),
    "relu in a scan": lambda x: lax.scan(
        lambda c, a: (jax.nn.relu(c * a) + c * c, c), x[0], x
    )[1].sum(),
    "determinant": lambda x: jnp.linalg.det(x[:, :2] + 3 * jnp.eye(2)),
    "conjugate gradients": lambda x: jax.scipy.sparse.linalg.cg(
        lambda v: (W @ W.T + jnp.eye(3) * (5 + x[0, 0])) @ v, x[1]
    )[0].sum(),
    "a linear solve": lambda x: lax.custom_linear_solve(
        lambda v: (5.0 + x[0]) * v, x[1],
        lambda _, b: b / (5.0 + lax.stop_gradient(x[0])), lambda _, b: b / (5.0 + x[0]),
    ).sum(),
    "a root": lambda x: lax.custom_root(
        lambda y: y**3 + x[0] * y - x[1], jnp.ones(3),
        lambda f, y: lax.fori_loop(0, 40, lambda _, y: y - f(y) / (3 * y**2 + x[0]), y),
        lambda g, y: y / g(jnp.ones(3)),
    ).sum(),
}  # fmt: skip


@pytest.mark.parametrize("key", FORWARD_AND_BACK)
def test_rules_that_work_in_both_modes(key):
    agrees(FORWARD_AND_BACK[key], X + 2.5 if key == "a root" else X)


ONLY_BACK = {
    "custom_vjp": lambda x: clipped(x, 2).sum(),
    "vmapped": lambda x: jax.vmap(clipped, (0, None))(x, 2).sum(),
    "in a scan": lambda x: lax.scan(lambda c, a: (clipped(c, 2) * a, c), x[0], x)[0].sum(),
    "in a cond": lambda x: lax.cond(x.sum() > 0, clipped, lambda a, n: a * n, x, 2).sum(),
    "a closure": lambda x: scaled(3.0, jnp.sin)(x).sum(),
    "checkpointed": lambda x: jax.checkpoint(lambda y: clipped(y * y, 3))(x).sum(),
    "straight through": lambda x: (scaled(1.0, jnp.floor)(x) * x).sum(),
}


@pytest.mark.parametrize("key", ONLY_BACK)
def test_custom_vjp(key):
    """Reverse mode follows the rule; what it computes can be differentiated again."""
    f, dx = ONLY_BACK[key], jnp.cos(X)
    allclose(ad.grad(f)(X), jax.grad(f)(X), "float64")
    allclose(jax.jit(ad.grad(f))(X), jax.grad(f)(X), "float64")
    allclose(ad.record(f, X).backward()[0], jax.grad(f)(X), "float64")
    batch = jnp.stack([X, 2 * X])
    allclose(jax.vmap(ad.grad(f))(batch), jax.vmap(jax.grad(f))(batch), "float64")
    again = lambda lib: lib.grad(lambda x: (lib.grad(f)(x) * dx).sum())(X)  # noqa: E731
    allclose(again(ad), again(jax), "float64")
    forward = lambda lib: lib.jvp(lib.grad(f), (X,), (dx,))[1]  # noqa: E731
    allclose(forward(ad), forward(jax), "float64")
    with pytest.raises(ad.AutodiffError, match="custom_vjp.*use ad.grad or ad.vjp"):
        ad.jvp(f, (X,), (dx,))


def test_forward_over_a_rule_that_calls_its_own_function():
    """JAX refuses this one: the value that nobody uses would have to be pushed."""

    @jax.custom_vjp
    def f(x):
        return jnp.sin(x)

    f.defvjp(lambda x: (f(x), x), lambda x, g: (g * jnp.cos(x),))
    slope = ad.jvp(ad.grad(lambda x: f(x).sum()), (X,), (jnp.ones_like(X),))[1]
    allclose(slope, -jnp.sin(X), "float64")


def test_symbolic_zeros_reach_the_rule():
    seen = []

    @jax.custom_jvp
    def f(x, y):
        return x * y

    def rule(primals, tangents):
        seen.append([type(t).__name__ for t in tangents])
        (x, y), (dx, _) = primals, tangents
        return x * y, dx * y

    f.defjvp(rule, symbolic_zeros=True)
    allclose(ad.grad(lambda x: f(x, W[:2]).sum())(X), W[:2], "float64")
    assert all(names[1] == "SymbolicZero" for names in seen) and seen

    @jax.custom_vjp
    def g(x, y):
        return x * y

    g.defvjp(
        lambda x, y: (x.value * y.value, (x.perturbed, y.perturbed, y.value)),
        lambda kept, u: (u * kept[2], u * (7.0 if kept[1] else jnp.nan)),
        symbolic_zeros=True,
    )
    allclose(ad.grad(lambda x: g(x, W[:2]).sum())(X), W[:2], "float64")


def test_a_rule_that_is_not_linear_in_its_tangents_has_no_transpose():
    @jax.custom_jvp
    def f(x):
        return x

    f.defjvp(lambda p, t: (p[0], t[0] * t[0]))
    with pytest.raises(ad.AutodiffError, match="not linear in its tangents"):
        ad.grad(lambda x: f(x).sum())(X)


def test_an_ode_solver_of_jaxs_own():
    from jax.experimental.ode import odeint

    f = lambda x: odeint(lambda y, t, a: -a * y, x[0], jnp.array([0.0, 1.0]), x[1]).sum()  # noqa: E731
    allclose(ad.grad(f)(X), jax.grad(f)(X), "float64")


def test_relu_at_zero_is_jaxs_wherever_it_stands():
    zero = jnp.zeros(3)
    for f in (
        lambda x: jax.nn.relu(x).sum(),
        lambda x: lax.scan(lambda c, a: (c, jax.nn.relu(a)), 0.0, x)[1].sum(),
        lambda x: jax.jit(jax.nn.relu)(x).sum(),
        lambda x: jax.vmap(jax.nn.relu)(x).sum(),
    ):
        allclose(ad.grad(f)(zero), zero, "float64")


def test_a_rule_costs_what_it_costs_jax():
    f = lambda x: jax.nn.softplus(jax.nn.silu(x) * jax.nn.relu(x)).sum() + product(x, x).sum()  # noqa: E731
    x = jnp.ones((64, 64))
    ours, theirs = cost(ad.grad(f), x), cost(jax.grad(f), x)
    assert ours["flops"] <= 1.01 * theirs["flops"]


def test_a_solve_without_its_transpose_is_refused_in_reverse():
    f = lambda x: lax.custom_linear_solve(lambda v: 2 * v, x, lambda _, b: b / 2).sum()  # noqa: E731
    allclose(ad.jvp(f, (X,), (X,))[1], X.sum() / 2, "float64")
    with pytest.raises(ad.AutodiffError, match="transpose_solve"):
        ad.grad(f)(X)


@pytest.mark.parametrize("way", ["jvp", "vjp", "both"])
def test_a_rule_of_ours_under_vmap_inside_a_walk(way):
    """JAX keeps the name of an equation that vmap has rewritten: it is not the rule any more."""

    def plain(x, k):
        return k * x * (x * x).sum()

    def push(dx, dk, y, x, k):
        return k * (dx * (x * x).sum() + 2 * x * (x * dx).sum()) + dk * y / k

    def pull(g, y, x, k):
        return k * (g * (x * x).sum() + 2 * x * (x * g).sum()), (g * y / k).sum()

    stated = {"jvp": {"jvp": push}, "vjp": {"vjp": pull}, "both": {"jvp": push, "vjp": pull}}
    ruled = ad.custom_rule(plain, **stated[way])
    along = lambda f: lambda x, k: (jax.vmap(f, (1, None))(x, k) ** 2).sum()  # noqa: E731
    f, oracle = along(ruled), along(plain)
    args = jnp.array([[1.0, 2.0], [3.0, -1.0], [0.5, 2.0]]), jnp.array(2.0)
    curvature = jax.hessian(oracle)(*args)
    for found, wanted in [
        (ad.grad(f, (0, 1))(*args), jax.grad(oracle, (0, 1))(*args)),
        (jax.grad(f, (0, 1))(*args), jax.grad(oracle, (0, 1))(*args)),
        (ad.jvp(f, args, args), jax.jvp(oracle, args, args)),
        (jax.jit(ad.hessian(f))(*args), curvature),
        (ad.jacfwd(ad.jacfwd(f))(*args), curvature),
    ]:
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
            allclose(one, other, "float64")
