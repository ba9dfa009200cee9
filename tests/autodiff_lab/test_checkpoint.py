"""`ad.checkpoint`: the same bits under every policy, in every nesting, on both frameworks."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff_lab as ad
from autodiff_lab import trees, xp
from autodiff_lab.checkpointing.schedule import extra_steps
from tests.autodiff_lab.test_errors import refused
from tests.autodiff_lab.test_honest import poison  # noqa: F401
from tests.helpers import FRAMEWORKS, allclose, array, native_grad, to_numpy

both = pytest.mark.parametrize("name", FRAMEWORKS)

OF_A_FUNCTION = {
    "all": {"policy": "all"},
    "none": {"policy": "none"},
    "sqrt": {"policy": "sqrt"},
    "online": {"policy": "online", "snapshots": 3},
}
OF_A_LOOP = OF_A_FUNCTION | {
    "revolve": {"policy": "revolve", "snapshots": 3},
    "revolve, one": {"policy": "revolve", "snapshots": 1},
}


def same_bits(found, wanted):
    pairs = zip(trees.leaves(found), trees.leaves(wanted), strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b))


def draw(name, *shape, seed=0):
    return array(name, np.random.default_rng(seed).normal(size=shape) / 2)


# ----- functions, whose steps are their operations -----
def net(p, x):
    """Shared and unshared parameters, a skip over many operations, several outputs of one."""
    verbs, first = xp.of(x), x
    for w in p["layers"]:
        x = verbs.tanh(x @ w + p["shift"])
        x = x * verbs.exp(-x)
    return {"y": (x + first), "sum": x.sum()}


def params(name):
    layers = [draw(name, 3, 3, seed=i) for i in range(6)]
    return {"layers": layers, "shift": draw(name, 3, seed=9), "unused": draw(name, 2, seed=10)}


@both
@pytest.mark.parametrize("policy", list(OF_A_FUNCTION))
def test_a_function_has_the_bits_of_the_plain_gradient(name, policy):
    p, x = params(name), draw(name, 4, 3)
    f = ad.checkpoint(net, **OF_A_FUNCTION[policy])
    same_bits(f(p, x), net(p, x))

    def loss(f):
        def of(p, x):
            y = f(p, x)
            return (y["y"] * y["y"]).sum() + y["sum"]

        return of

    wanted = ad.grad(loss(net), (0, 1))(p, x)
    same_bits(ad.grad(loss(f), (0, 1))(p, x), wanted)
    native = native_grad(lambda x: loss(net)(p, x), (0,))(x)
    native = native[0] if isinstance(native, (list, tuple)) else native
    allclose(wanted[1], native, "float64")


@both
@pytest.mark.parametrize("policy", list(OF_A_FUNCTION))
def test_every_nesting(name, policy):
    verbs = xp.verbs(name)
    plain = lambda x: (verbs.sin(x) * verbs.exp(x) * x).sum()  # noqa: E731
    f = ad.checkpoint(plain, **OF_A_FUNCTION[policy])
    x, v = draw(name, 3), draw(name, 3, seed=1)
    same_bits(ad.jvp(f, (x,), (v,)), ad.jvp(plain, (x,), (v,)))
    same_bits(ad.hvp(f, (x,), (v,)), ad.hvp(plain, (x,), (v,)))
    allclose(ad.hessian(f)(x), ad.hessian(plain)(x), "float64")
    twice = lambda f: ad.grad(lambda x: (ad.grad(f)(x) * v).sum())(x)  # noqa: E731
    allclose(twice(f), ad.hvp(plain, (x,), (v,)), "float64")
    vector = lambda x: verbs.sin(x) * x  # noqa: E731
    g = ad.checkpoint(vector, **OF_A_FUNCTION[policy])
    allclose(ad.jacrev(g)(x), ad.jacfwd(vector)(x), "float64")
    third = lambda f: ad.grad(lambda x: ad.hvp(f, (x,), (v,)).sum())(x)  # noqa: E731
    allclose(third(f), third(plain), "float64")
    assert ad.check(f, x)


@both
@pytest.mark.parametrize("policy", ["none", "sqrt", "online"])
def test_a_pullback_may_be_called_twice(name, policy):
    verbs, x = xp.verbs(name), draw(name, 3)
    f = ad.checkpoint(lambda x: verbs.sin(verbs.cos(x) * x), **OF_A_FUNCTION[policy])
    _, pullback = ad.vjp(f, x)
    first = pullback(x)
    same_bits(pullback(x), first)
    same_bits(pullback(2 * x), ad.vjp(lambda x: verbs.sin(verbs.cos(x) * x), x)[1](2 * x))


@both
def test_checkpoints_in_checkpoints(name):
    verbs, p = xp.verbs(name), params(name)
    layer = ad.checkpoint(lambda w, x: verbs.tanh(x @ w))
    two = ad.checkpoint(lambda v, w, x: layer(w, layer(v, x)))
    outer = ad.checkpoint(lambda ws, x: two(ws[2], ws[3], two(ws[0], ws[1], x)).sum(), "sqrt")
    plain = lambda ws, x: _through(verbs, ws[:4], x).sum()  # noqa: E731
    x = draw(name, 2, 3)
    same_bits(ad.grad(outer, (0, 1))(p["layers"], x), ad.grad(plain, (0, 1))(p["layers"], x))


def _through(verbs, ws, x):
    for w in ws:
        x = verbs.tanh(x @ w)
    return x


@both
def test_what_goes_in_and_out(name):
    """Integers, numbers, keywords, None, an argument handed through, auxiliary results."""
    x = draw(name, 4)
    k = array(name, [2, 0, 1, 1])

    @ad.checkpoint
    def f(x, k, scale, *, shift=None, label="a"):
        """Says what it does."""
        y = x[k] * scale if shift is None else x[k] * scale + shift
        return {"y": y, "x": x, "k": k + 1, "label": label, "none": None}

    assert f.__name__ == "f" and f.__doc__ == "Says what it does."

    def loss(x, s):
        out = f(x, k, 3.0, shift=s, label="b")
        assert out["label"] == "b" and out["none"] is None
        return (out["y"] * out["x"]).sum(), out["k"]

    (gx, gs), aux = ad.grad(loss, (0, 1), has_aux=True)(x, x * 2)
    same_bits(aux, k + 1)
    plain = lambda x, s: ((x[k] * 3.0 + s) * x).sum()  # noqa: E731
    same_bits((gx, gs), ad.grad(plain, (0, 1))(x, x * 2))


# ----- loops, whose steps are calls -----
def cell(state, w):
    """One step: an array, an array that is carried through, and a counter."""
    verbs = xp.of(w)
    h, still, count = state
    return verbs.tanh(h @ w) + 0.1 * still, still, count + 1


def start(name):
    return draw(name, 2, 3), draw(name, 2, 3, seed=5), array(name, 0)


def last(f):
    return lambda state, w: (f(state, w)[0] ** 2).sum()


def by_hand(state, w, steps):
    for _ in range(steps):
        state = cell(state, w)
    return state


@both
@pytest.mark.parametrize("policy", list(OF_A_LOOP))
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_a_loop_of_known_length(name, policy, steps):
    w, state = draw(name, 3, 3, seed=7), start(name)
    f = ad.checkpoint(cell, steps=steps, **OF_A_LOOP[policy])
    g = lambda h, still, w: last(f)((h, still, state[2]), w)  # noqa: E731
    everything = ad.checkpoint(cell, "all", steps=steps)
    h = lambda h, still, w: last(everything)((h, still, state[2]), w)  # noqa: E731
    found = ad.grad(g, (0, 1, 2))(*state[:2], w)
    same_bits(found, ad.grad(h, (0, 1, 2))(*state[:2], w))
    plain = lambda h, s, w: last(lambda t, w: by_hand(t, w, steps))((h, s, state[2]), w)  # noqa: E731
    wanted = ad.grad(plain, (0, 1, 2))(*state[:2], w)
    (same_bits if name == "torch" or steps == 0 else _close)(found, wanted)
    same_bits(f(state, w)[2], state[2] + steps)


def _close(found, wanted):
    for a, b in zip(trees.leaves(found), trees.leaves(wanted), strict=True):
        allclose(a, b, "float64")


@both
@pytest.mark.parametrize("policy", list(OF_A_FUNCTION))
def test_a_loop_of_unknown_length(name, policy):
    """Newton's method until it is there: the derivative of the square root of a."""
    step = lambda x, a: (x + a / x) / 2  # noqa: E731
    done = lambda x, a: abs(x * x - a) < 1e-12  # noqa: E731
    root = ad.checkpoint(step, until=done, **OF_A_FUNCTION[policy])
    x, a = array(name, 9.0), array(name, 2.0)
    assert float(root(x, a)) == pytest.approx(2**0.5)
    found = ad.grad(root, (0, 1))(x, a)
    assert float(found[1]) == pytest.approx(0.5 / 2**0.5)
    same_bits(found, ad.grad(ad.checkpoint(step, "all", until=done), (0, 1))(x, a))
    already = ad.grad(root, (0, 1))(array(name, 2.0**0.5), a)
    assert [float(g) for g in already] == [1.0, 0.0]


@both
def test_the_counts_are_those_of_the_formula(name):
    w, x = draw(name, 3, 3), draw(name, 2, 3)
    step = lambda x, w: xp.of(x).tanh(x @ w)  # noqa: E731
    for steps, snapshots in [(10, 3), (6, 1), (5, 9)]:
        f = ad.checkpoint(step, "revolve", steps=steps, snapshots=snapshots)
        seen = ad.memory(ad.grad(lambda x, f=f: f(x, w).sum()), x)
        assert seen.recomputed == extra_steps(steps, snapshots)
        assert seen.steps == steps + seen.recomputed
        assert seen.peak_snapshots == min(snapshots, steps - 1)


def test_the_steps_are_really_run():
    torch = pytest.importorskip("torch")
    calls = []

    def step(x):
        calls.append(1)
        return torch.sin(x)

    f = ad.checkpoint(step, "revolve", steps=56, snapshots=5)
    ad.grad(f)(torch.tensor(1.0))
    assert len(calls) == 56 + 140


@settings(max_examples=15)
@given(st.integers(1, 30), st.integers(1, 6), st.sampled_from(list(OF_A_LOOP)), st.booleans())
def test_property_torch(steps, snapshots, policy, shrink):
    """Whatever the length, the number of snapshots and the policy: PyTorch's gradient."""
    torch = pytest.importorskip("torch")
    options = dict(OF_A_LOOP[policy])
    if "snapshots" in options:
        options["snapshots"] = snapshots

    def step(x, w):
        x = torch.tanh(x @ w)
        return x[:-1] if shrink and len(x) > 2 else x  # the shape of a state may change

    f = ad.checkpoint(step, steps=steps, **options)
    x, w = draw("torch", 5, 3), draw("torch", 3, 3, seed=1)
    found = ad.grad(lambda x, w: f(x, w).sum(), (0, 1))(x, w)

    def plain(x, w):
        for _ in range(steps):
            x = step(x, w)
        return x.sum()

    for a, b in zip(found, native_grad(plain, (0, 1))(x, w), strict=True):
        allclose(a, b, "float64")
    same_bits(found, ad.grad(plain, (0, 1))(x, w))


# ----- bytes -----
@both
def test_bytes_follow_the_policy(name):
    """256 layers: with "sqrt" at most a sixth of what is held with "all"."""
    verbs, x, w = xp.verbs(name), draw(name, 64, 16), draw(name, 16, 16, seed=1)

    def layers(x, w):
        for _ in range(256):
            x = verbs.tanh(x @ w)
        return x.sum()

    step = lambda x, w: verbs.tanh(x @ w)  # noqa: E731
    loop = lambda **policy: ad.checkpoint(step, steps=256, **policy)  # noqa: E731
    held = lambda f: ad.memory(ad.grad(lambda x: f(x, w).sum()), x).peak_bytes  # noqa: E731
    row = x.nbytes
    stored = held(layers)
    assert 256 * row <= stored <= 262 * row
    assert held(ad.checkpoint(layers, "sqrt")) <= stored / 6
    assert held(ad.checkpoint(layers, "online", snapshots=10)) <= 16 * row
    everything = held(loop(policy="all"))
    assert held(loop(policy="sqrt")) <= everything / 6
    assert held(loop(policy="revolve", snapshots=8)) <= 14 * row


def test_the_meter_against_every_tensor_that_the_collector_finds():
    torch = pytest.importorskip("torch")
    import gc

    x, most = torch.ones(1000), 0
    gc.freeze()  # the collector speaks of younger objects only

    def step(x):
        nonlocal most
        found = {
            o.untyped_storage().data_ptr(): o.untyped_storage().nbytes()
            for o in gc.get_objects()
            if type(o) is torch.Tensor
        }
        most = max(most, sum(n for n in found.values() if n >= 4000))
        return torch.sin(x)

    f = ad.checkpoint(step, "sqrt", steps=30)
    try:
        seen = ad.memory(ad.grad(lambda x: f(x).sum()), x)
    finally:
        gc.unfreeze()
    assert most > 8 * 4000 and abs(seen.peak_bytes - most) <= 3 * 4000, (seen, most)


@both
def test_a_report_to_draw_from(name):
    f = ad.checkpoint(lambda x: xp.of(x).sin(x), "revolve", steps=10, snapshots=3)
    seen = ad.memory(ad.grad(lambda x: f(x).sum()), draw(name, 100))
    kinds = [type(action).__name__ for action, _, _ in seen.timeline]
    assert kinds[:3] == ["Snapshot", "Advance", "Snapshot"] and kinds[-1] == "Pull"
    assert max(b for _, b, _ in seen.timeline) <= seen.peak_bytes
    assert "15 of them again" in repr(seen)
    refused(lambda: ad.memory(lambda x: x, 3.0), "no leaf is a torch.Tensor")


# ----- what goes wrong -----
@both
def test_mistakes_are_refused(name):
    f, x = (lambda x, w=1.0: x * w), draw(name, 3)
    refused(lambda: ad.checkpoint(f, "root"), "'root' is none of", "'sqrt'")
    refused(lambda: ad.checkpoint(f, "revolve", snapshots=3), "give steps=n", "'online'")
    refused(lambda: ad.checkpoint(f, "revolve", steps=3), "takes snapshots=", "None")
    refused(lambda: ad.checkpoint(f, "online", snapshots=0), "1 or more", "0")
    refused(lambda: ad.checkpoint(f, "sqrt", snapshots=3), "takes no snapshots=")
    refused(lambda: ad.checkpoint(f, steps=2.0), r"steps=2\.0", "int")
    refused(lambda: ad.checkpoint(f, steps=2, until=f), "both given")
    refused(lambda: ad.checkpoint(3), "takes a function")
    g = ad.checkpoint(lambda x: x * 2, until=lambda x: x > 9)
    for run in (g, ad.grad(lambda x: g(x).sum())):
        refused(lambda run=run: run(x), r"shape \(3,\)", "one boolean")
    g = ad.checkpoint(lambda s: (s, s), "sqrt", steps=3)
    refused(lambda: ad.grad(lambda x: g(x)[0].sum())(x), "returns the next state")
    g = ad.checkpoint(f, "sqrt", steps=3)
    refused(lambda: ad.grad(lambda x: g(x, w=2.0).sum())(x), "parameters by position")


@both
@pytest.mark.parametrize("policy", list(OF_A_FUNCTION))
def test_an_exception_in_the_middle_leaves_nothing_behind(name, policy):
    x, failing = draw(name, 3), [True]

    def step(x):
        if failing[0]:
            raise KeyError("in the middle")
        return xp.of(x).sin(x)

    f = ad.checkpoint(lambda x: step(x * 2).sum(), **OF_A_FUNCTION[policy])
    with pytest.raises(KeyError, match="in the middle"):
        ad.grad(f)(x)
    failing[0] = False
    same_bits(ad.grad(f)(x), ad.grad(lambda x: step(x * 2).sum())(x))


@both
def test_threads(name):
    w = draw(name, 3, 3)
    f = ad.checkpoint(lambda x, w: xp.of(x).tanh(x @ w), "sqrt", steps=9)
    xs = [draw(name, 2, 3, seed=i) for i in range(4)]
    g = ad.grad(lambda x: f(x, w).sum())
    wanted, found = [g(x) for x in xs], [None] * 4

    def work(i):
        found[i] = g(xs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    same_bits(found, wanted)


@both
def test_without_the_frameworks_own_differentiation(name, poison):  # noqa: F811
    x = draw(name, 3)
    for options in OF_A_FUNCTION.values():
        ad.grad(ad.checkpoint(lambda x: xp.of(x).sin(x * x).sum(), **options))(x)
        f = ad.checkpoint(lambda x: xp.of(x).sin(x), steps=4, **options)
        ad.grad(lambda x, f=f: f(x).sum())(x)
