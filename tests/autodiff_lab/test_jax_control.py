"""scan, while, cond and checkpoint on JAX: against jax's own derivatives, in every order."""

import gc

import pytest

import autodiff_lab as ad
from tests.helpers import allclose

jax = pytest.importorskip("jax")
from tests.jax_oracle import agrees, cost  # noqa: E402

jnp, lax = jax.numpy, jax.lax
X = jnp.array([[0.3, -1.2, 2.0], [1.5, 0.7, -0.4]])
W = jnp.cos(jnp.arange(9.0).reshape(3, 3))


def rnn(x):
    """A pytree of outputs, of which one is not used."""

    def cell(h, a):
        h = jnp.tanh(h @ W + a)
        return h, {"sum": h.sum(), "twice": (a * 2, h), "unused": a * h}

    h, ys = lax.scan(cell, jnp.zeros(3), x)
    return (h**2).sum() + (ys["sum"] * jnp.arange(2.0)).sum() + (ys["twice"][0] ** 3).sum()


def integer_carry(x):
    def step(c, a):
        return (c[0] + 1, c[1] * a[0] * c[0]), c[0]

    (n, y), counts = lax.scan(step, (1, x[0]), x)
    return y.sum() * n + counts.sum()


def nested(x):
    def outer(c, a):
        d, kept = lax.scan(lambda d, b: (jnp.sin(d * b) + c, d), c, a)
        return d, kept.sum()

    return lax.scan(outer, 0.3, x)[1].sum()


def branches_in_a_scan(x):
    def step(c, i):
        ways = [lambda c: jnp.sin(c), lambda c: c * x[0], lambda c: jnp.ones(3)]
        return lax.switch(i, ways, c), c

    return lax.scan(step, x[1], jnp.array([0, 1, 0, 2, 1]))[1].sum()


def positive(c):
    return c.sum() > 0


SCANS = {
    "over a pytree": rnn,
    "reversed, reading x outside": lambda x: (
        lax.scan(lambda c, a: (jnp.tanh(c @ W + a * x.sum()), c), x[0], x, reverse=True)[1] ** 2
    ).sum(),
    "unrolled": lambda x: lax.scan(lambda c, a: (c * a, c), x[0], x, unroll=2)[1].sum(),
    "fori_loop": lambda x: lax.fori_loop(0, 4, lambda i, c: jnp.sin(c) * x + i, x).sum(),
    "no trips": lambda x: lax.fori_loop(0, 0, lambda i, c: jnp.sin(c) * x, x).sum(),
    "no entries": lambda x: lax.scan(lambda c, a: (c * a, c), x[0], x[:0])[0].sum(),
    "no entries, and a carry that forgets": lambda x: lax.scan(
        lambda c, a: (jnp.ones(3), c * a), x[0], x[:0]
    )[0].sum(),
    "a carry that forgets": lambda x: lax.scan(lambda c, a: (jnp.ones(3), c * a), x[0], x)[1].sum(),
    "map": lambda x: lax.map(lambda r: jnp.sin(r) @ W @ r, x).sum(),
    "associative": lambda x: (lax.associative_scan(jnp.multiply, x) ** 2).sum(),
    "integer carry": integer_carry,
    "nested": nested,
    "checkpointed body": lambda x: lax.scan(
        jax.checkpoint(lambda c, a: (jnp.sin(c @ W + a), c)), x[0], x
    )[0].sum(),
    "jitted body": lambda x: lax.scan(jax.jit(lambda c, a: (c * a, c)), x[0], x)[1].sum(),
}
BRANCHES = {
    "cond": lambda x: lax.cond(
        positive(x), lambda y: jnp.sin(y @ W), lambda y: y @ W * 2, x
    ).sum(),
    "one side reads what the other does not": lambda x: lax.cond(
        positive(x), lambda a, b: a * a, lambda a, b: jnp.sin(b), x[0], x[1]
    ).sum(),
    "one side constant": lambda x: lax.cond(
        positive(-x), lambda a: a**2, lambda a: jnp.ones(3), x[0]
    ).sum(),
    "switch in a scan": branches_in_a_scan,
    "cond in a scan": lambda x: lax.scan(
        lambda c, a: (lax.cond(positive(c), lambda c: jnp.sin(c * a), lambda c: c * x[0], c),) * 2,
        x[1], x,
    )[1].sum(),
    "select_n of three": lambda x: lax.select_n(
        jnp.array([0, 1, 2]), x[0], jnp.sin(x[0]), x[1] ** 2
    ).sum(),
    "checkpoint": lambda x: jax.checkpoint(lambda y: jnp.sin(jnp.sin(y @ W)) * y)(x).sum(),
}  # fmt: skip


@pytest.mark.parametrize("key", SCANS)
def test_scan(key):
    agrees(SCANS[key], X)


@pytest.mark.parametrize("key", BRANCHES)
def test_branches(key):
    agrees(BRANCHES[key], X)


# ----- while -----
def three_trips(x):
    """A cond in a while, and a scan in the cond."""

    def way(y):
        return lax.scan(lambda c, a: (jnp.tanh(c + a), c), y[0], y)[1]

    def trip(s):
        return s[0] + 1, lax.cond(positive(s[1]), way, lambda y: y * x, s[1])

    return lax.while_loop(lambda s: s[0] < 3, trip, (0, x))[1].sum()


def three_trips_unrolled(x):
    y = x
    for _ in range(3):
        scanned = lax.scan(lambda c, a: (jnp.tanh(c + a), c), y[0], y)[1]
        y = jnp.where(positive(y), scanned, y * x)
    return y.sum()


def newton(x):
    """The number of trips depends on the values."""
    return lax.while_loop(lambda y: jnp.abs(y * y - x) > 1e-12, lambda y: (y + x / y) / 2, x)


def test_while_forward_is_a_while_and_reverse_the_trips_that_were_taken():
    dx = jnp.cos(X)
    expected = jax.grad(three_trips_unrolled)(X)
    for _ in range(2):  # the second time from what was kept of the body
        allclose(ad.grad(three_trips)(X), expected, "float64")
        allclose(ad.jvp(three_trips, (X,), (dx,))[1], (expected * dx).sum(), "float64")
    pushed = jax.jit(lambda x: ad.jvp(three_trips, (x,), (dx,)))
    allclose(pushed(X)[1], (expected * dx).sum(), "float64")
    batch = jnp.stack([X, -X])
    allclose(jax.vmap(ad.grad(three_trips))(batch)[0], expected, "float64")


def test_forward_orders_of_a_while_whose_trips_depend_on_the_values():
    x = jnp.array(2.0)
    slope = lambda x: ad.jvp(newton, (x,), (1.0,))[1]  # noqa: E731
    allclose(ad.grad(newton)(x), 0.5 / jnp.sqrt(x), "float64")
    allclose(slope(x), 0.5 / jnp.sqrt(x), "float64")
    allclose(jax.jit(slope)(x), 0.5 / jnp.sqrt(x), "float64")
    theirs = lambda x: jax.jvp(newton, (x,), (1.0,))[1]  # noqa: E731
    curve = jax.jvp(theirs, (x,), (1.0,))[1]
    allclose(ad.jvp(slope, (x,), (1.0,))[1], curve, "float64")


def test_a_traced_while_is_refused_in_reverse_and_says_what_to_write():
    with pytest.raises(ad.AutodiffError, match=r"while loop .*scan or fori_loop with static"):
        jax.jit(ad.grad(newton))(2.0)
    counting = lambda x: lax.while_loop(lambda i: i < 3, lambda i: i + 1, 0) * x  # noqa: E731
    allclose(jax.jit(ad.grad(counting))(2.0), jnp.array(3.0), "float64")


# ----- what was taken, on the tape -----
def test_record_shows_the_trips_and_the_branch_that_were_taken():
    def f(x):
        c = lax.scan(lambda c, a: (jnp.sin(c) * a, c), x[0], x)[0]
        c = lax.cond(positive(c), jnp.tanh, jnp.exp, c)
        return lax.while_loop(lambda s: s[0] < 2, lambda s: (s[0] + 1, jnp.cos(s[1])), (0, c))[1]

    ops = [node.op for node in ad.record(f, X).nodes]
    last = lax.scan(lambda c, a: (jnp.sin(c) * a, c), X[0], X)[0]
    taken, other = ("tanh", "exp") if positive(last) else ("exp", "tanh")
    assert [ops.count(op) for op in ("sin", "cos", taken, other)] == [2, 2, 1, 0]
    assert not {"scan", "while", "cond"} & set(ops)


def test_python_branches_on_traced_values_are_refused_with_what_to_write_instead():
    def f(x):
        return x if x > 0 else -x

    with pytest.raises(ad.AutodiffError, match="jnp.where, jax.lax.cond or jax.lax.while_loop"):
        ad.grad(f)(1.0 * X[0, 0])


# ----- work and memory -----
def lstm(w, x):
    def cell(state, a):
        h, c = state
        i, f, g, o = jnp.split(jnp.concatenate([a, h], 1) @ w, 4, 1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return (lax.scan(cell, (jnp.zeros((8, 32)),) * 2, x)[1] ** 2).sum()


def invariant(w, x):
    """tanh(w) does not change from trip to trip: computed and kept once."""

    def cell(h, a):
        return jnp.tanh(h @ jnp.tanh(w[:32, :32]) + a), None

    return lax.scan(cell, x[0], x)[0].sum()


def checkpointed(w, x):
    cell = jax.checkpoint(lambda h, a: (jnp.tanh(jnp.tanh(h @ w[:32, :32]) + a), h.sum()))
    h, s = lax.scan(cell, jnp.zeros((8, 32)), x)
    return h.sum() + s.sum()


def chosen(w, x):
    return lax.cond(positive(x), lambda y: jnp.tanh(y @ w[:32]), lambda y: y @ w[:32] * 2, x).sum()


@pytest.mark.parametrize("f", [lstm, invariant, checkpointed, chosen], ids=lambda f: f.__name__)
def test_compiled_work_is_jaxs_own(f):
    args = jnp.ones((64, 128)) * 0.1, jnp.ones((20, 8, 32))
    ours, theirs = cost(ad.grad(f, (0, 1)), *args), cost(jax.grad(f, (0, 1)), *args)
    assert ours["flops"] <= 1.01 * theirs["flops"]
    assert ours["bytes accessed"] <= 1.01 * theirs["bytes accessed"]


def test_checkpoint_keeps_the_inputs_only():
    """The loop of the gradient hands on the carry, and not what is computed inside."""
    args = jnp.ones((64, 128)) * 0.1, jnp.ones((20, 8, 32))

    def stacked(f):
        scans = [e for e in jax.make_jaxpr(ad.grad(f))(*args).eqns if e.primitive.name == "scan"]
        return sum(v.aval.size for v in scans[0].outvars if v.aval.shape[:1] == (20,))

    def plain(w, x):
        cell = lambda h, a: (jnp.tanh(jnp.tanh(h @ w[:32, :32]) + a), h.sum())  # noqa: E731
        return lax.scan(cell, jnp.zeros((8, 32)), x)[0].sum()

    assert stacked(checkpointed) < stacked(plain)


def test_what_is_kept_of_a_body_goes_with_it():
    from autodiff_lab.on_jax import bodies as jax_bodies

    def once():
        f = lambda x: lax.scan(lambda c, a: (jnp.sin(c * a), None), x[0], x)[0].sum()  # noqa: E731
        return ad.grad(f)(X)

    once()
    jax.clear_caches()
    gc.collect()
    before = len(jax_bodies._KEPT)
    for _ in range(3):
        once()
    jax.clear_caches()
    gc.collect()
    assert len(jax_bodies._KEPT) <= before
