"""The views beside the tape's: what they find, what they say, and that both forms agree."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import autodiff_lab as ad
import masking_lab as ml
from kernel import compare, jacobian_view, memory_view, show, strides
from kernel.showing import VIEWS, view_of
from kernel.views.leaderboard import leaderboard_view
from tests.helpers import FRAMEWORKS, array, module
from tests.kernel.forms import forms

BOTH = pytest.mark.parametrize("framework", FRAMEWORKS)


# ----- show -----
@BOTH
def test_show_knows_what_is_registered(framework, capsys):
    x = array(framework, [[1.0, 2.0]], "float32")
    for thing in (x, ml.batch([x, x]), ad.record(lambda x: x * 2, x), ad.sea(lambda a: a + 1)):
        show(thing)
        assert type(thing).__name__ and len(capsys.readouterr().out) > 40


def test_every_registered_view_can_be_imported():
    from importlib import import_module

    for where in VIEWS.values():
        name, _, function = where.partition(":")
        assert callable(getattr(import_module(name), function))


def test_show_of_anything_else_says_what_it_draws():
    with pytest.raises(TypeError, match="a tape, a sea of nodes, .* and got dict"):
        show({})


# ----- strides -----
def test_views_of_one_storage_are_laid_over_each_other():
    torch = pytest.importorskip("torch")
    x = torch.arange(6.0).reshape(2, 3)
    drawn = strides(x, x.T, row=x[1], wide=x[:1].expand(2, 3), other=x.clone())
    assert [v.name for v in drawn.views] == ["x", "x.T", "row", "wide", "other"]
    assert [v.storage for v in drawn.views] == [0, 0, 0, 0, 1]
    assert [v.strides for v in drawn.views] == [(3, 1), (1, 3), (1,), (0, 1), (3, 1)]
    told = {row[0]: row[1:] for row in drawn.rows()[1]}
    assert told["x.T[2, 1]"] == ["A, 5", "5"] and told["row[0]"] == ["A, 3", "3"]
    assert told["wide[1, 2]"] == ["A, 2", "2"] and told["other[1, 0]"] == ["B, 3", "3"]
    forms(drawn)


def test_the_entries_lie_where_the_strides_say():
    torch = pytest.importorskip("torch")
    x = torch.arange(24.0).reshape(2, 3, 4)
    for y in (x.permute(2, 0, 1), x[:, 1:, ::2], x[1], x.transpose(0, 1)[1]):
        for row in strides(y=y).rows()[1]:
            index = tuple(int(i) for i in row[0][2:-1].split(","))
            assert float(row[2]) == y[index].item() == float(row[1].split(", ")[1])


def test_jax_beside_torch_has_no_strides_and_is_not_written_to():
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax").numpy
    j = jnp.arange(6.0).reshape(2, 3)
    drawn = strides(torch.ones(2), j, j.T)
    assert [v.strides for v in drawn.views] == [(1,), None, None]
    assert [s.framework for s in drawn.storages] == ["torch", "jax", "jax"]
    assert "j: shape (2, 3), no strides and never written to" in drawn.alt
    forms(drawn)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 2, 2, 2), (100,), (40, 40)])
def test_any_shape_can_be_drawn(shape):
    torch = pytest.importorskip("torch")
    forms(strides(x=torch.zeros(shape)))


def test_what_has_no_strides_is_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="s has no strides on memory of its own: it is"):
        strides(s=torch.ones(2, 2).to_sparse())
    with pytest.raises(TypeError, match="array 0 is a list|is a list"):
        strides([1, 2])
    with pytest.raises(TypeError, match="got none"):
        strides()


# ----- batches -----
@BOTH
def test_a_batch_shows_what_is_padding(framework):
    b = ml.batch([array(framework, np.arange(n, dtype="float32")) for n in (4, 1, 0)])
    drawn = view_of(b)
    assert [row[1:] for row in drawn.rows()[1]] == [[4, 0, "####"], [1, 3, "#..."], [0, 4, "...."]]
    assert "58.3% of the entries are padding (5 of 12 are used)" in drawn.alt
    svg = forms(drawn)["image/svg+xml"]
    assert svg.count("stroke-dasharray") == 3  # two runs of padding, and the legend


@BOTH
def test_padding_is_never_written_out(framework):
    b = ml.batch([array(framework, [1.0, 2.0]), array(framework, [3.0])])
    poisoned = ml.MaskedBatch(module(framework).where(b.mask, b.data, 777.0), b.sizes)
    assert "777" not in str(view_of(poisoned)._repr_mimebundle_())
    assert view_of(poisoned).data() == view_of(b).data()


@BOTH
def test_nested_and_large_batches_are_drawn_in_part(framework):
    ones = lambda n: array(framework, np.ones(n, "float32"))  # noqa: E731
    nested = view_of(ml.batch([[ones(2), ones(3)], [ones(1)]]))
    assert [row[0] for row in nested.rows()[1]] == ["0, 0", "0, 1", "1, 0", "1, 1"]
    large = view_of(ml.batch([ones(5 * n) for n in range(1, 60)]))
    assert "... 19 more ..." in [row[0] for row in large.rows()[1]]
    assert len(json.dumps(forms(large))) < 120_000


# ----- Jacobians -----
@BOTH
def test_a_jacobian_shows_pattern_and_values(framework):
    x = array(framework, [1.0, 2.0, 0.0, 4.0])
    f = lambda x: x[1:] * x[:-1]  # noqa: E731
    drawn = jacobian_view(f, x)
    dense = np.asarray(ad.jacrev(f)(x))
    inside = np.array([[v is not None for v in row] for row in drawn.values])
    assert (inside == ad.sparsity(f, x).todense()).all()
    assert (np.array([[v or 0.0 for v in row] for row in drawn.values]) == dense).all()
    assert "6 of 3 x 4 entries can differ from zero" in drawn.alt and "2 of them are" in drawn.alt
    forms(drawn)


@BOTH
def test_a_jacobian_of_containers_has_a_row_for_each_entry(framework):
    one = lambda *shape: array(framework, np.ones(shape))  # noqa: E731
    f = lambda p, s: (p["u"] * s, p["v"].sum())  # noqa: E731
    drawn = jacobian_view(f, {"u": one(2), "v": one(2, 1)}, one(), argnums=(0, 1))
    assert drawn.row_names == ("y[0][0]", "y[0][1]", "y[1]")
    assert drawn.column_names == ("p['u'][0]", "p['u'][1]", "p['v'][0, 0]", "p['v'][1, 0]", "s")
    assert drawn.values[2] == (None, None, 1.0, 1.0, None)


# ----- memory -----
def measured(framework, policy, **how):
    xp = module(framework)
    run = ad.checkpoint(lambda x: xp.sin(x), policy, steps=16, **how)
    return ad.memory(ad.grad(lambda x: run(x).sum()), array(framework, np.ones(1000), "float32"))


@BOTH
def test_policies_are_drawn_by_what_they_keep_and_what_they_run_again(framework):
    drawn = memory_view({p: measured(framework, p) for p in ("all", "sqrt")})
    whole, root = drawn.series
    assert max(whole.x) == 32 and max(root.x) == 28 + 16  # 12 steps again
    assert max(root.y) < 0.6 * max(whole.y)
    assert "all: at most" in drawn.alt and "16 steps run, 0 of them again." in drawn.alt
    assert "28 steps run, 12 of them again" in drawn.alt
    forms(drawn)
    forms(view_of(measured(framework, "revolve", snapshots=3)))


def test_a_compiled_program_has_only_its_peak():
    jax = pytest.importorskip("jax")
    x = jax.numpy.ones(1000)
    drawn = memory_view(ad.memory(jax.jit(lambda x: (x * 2).sum()), x))
    assert drawn.kind == "bars" and drawn.names == ("peak",)


def test_what_was_not_measured_is_refused():
    with pytest.raises(TypeError, match="draws what ad.memory.* and got int"):
        memory_view({"all": 5})


# ----- two tapes -----
def recorded(framework, f, *xs):
    return ad.record(f, *(array(framework, x, "float32") for x in xs))


def test_the_same_program_on_both_frameworks_agrees():
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax").numpy
    tapes = [recorded(name, lambda x, xp=xp: xp.sum(xp.tanh(x) * 2), [0.5, 1.0])
             for name, xp in (("torch", torch), ("jax", jnp))]  # fmt: skip
    assert compare(*tapes)
    for tape in tapes:
        tape.backward()
    assert compare(*tapes).alt == "torch and jax agree at every node."


CHANGED = [
    (lambda x: (x * 2.5).exp().sum(), "row 1: value at [0]: 1 on first, 1.25 on second"),
    (lambda x: (x * 2).sin().sum(), "row 2: exp on first, sin on second"),
    (lambda x: (x * 2).exp()[:1].sum(), "row 3: second has"),
    (lambda x: (x * 2).exp().sum() + 1, "row 4: second has add here, first has nothing"),
]


@BOTH
@pytest.mark.parametrize(("changed", "told"), CHANGED)
def test_the_first_difference_is_named(framework, changed, told):
    xp = module(framework)
    as_method = lambda f: lambda x: f(Methods(xp, x)).x  # noqa: E731
    plain = lambda x: (x * 2).exp().sum()  # noqa: E731
    a, b = (recorded(framework, as_method(f), [0.5, 1.0]) for f in (plain, changed))
    drawn = compare(a, b)
    assert not drawn and told in drawn.alt
    svg = forms(drawn)["image/svg+xml"]
    assert svg.count("stroke-width='2'") == 1


class Methods:
    """The same methods on both frameworks."""

    def __init__(self, xp, x):
        self.xp, self.x = xp, x

    def __getattr__(self, name):
        return lambda: Methods(self.xp, getattr(self.xp, name)(self.x))

    def __mul__(self, other):
        return Methods(self.xp, self.x * other)

    def __add__(self, other):
        return Methods(self.xp, self.x + other)

    def __getitem__(self, index):
        return Methods(self.xp, self.x[index])


@BOTH
def test_adjoints_are_compared_too(framework):
    tapes = [recorded(framework, lambda x: (x * x).sum(), [0.5, 1.0]) for _ in range(2)]
    for tape, g in zip(tapes, (1.0, 2.0), strict=True):
        tape.backward(array(framework, g, "float32"))
    assert "part in row 0: adjoint at [0]: 1 on first, 2 on second" in compare(*tapes).alt


@BOTH
def test_long_tapes_are_shown_around_the_difference(framework):
    def long(wrong):
        def f(x):
            for k in range(300):
                x = x * (1.5 if k == wrong else 1.0)
            return x

        return f

    drawn = compare(*(recorded(framework, long(wrong), [1.0]) for wrong in (None, 200)))
    assert drawn.first == 201 and drawn.skipped == 141 and len(drawn.lines) == 120
    assert drawn.lines[60].verdict and drawn.left_out == 181


def test_compare_wants_tapes():
    with pytest.raises(TypeError, match="takes two tapes.* and got int"):
        compare(1, 2)


# ----- leaderboards: plain data from whoever made it -----
def board():
    row = {"why_not": None, "differs": None, "training": None, "speedup": None, "useful": None}
    rows = [
        row | {"strategy": "masked", "forward": [0.9e-3, 1e-3, 1.2e-3], "speedup": 3.0,
               "peak_bytes": 4096, "useful": 0.25, "calls": 7, "pareto": True},
        row | {"strategy": "loop", "forward": [2.9e-3, 3e-3, 3.1e-3], "speedup": 1.0},
        row | {"strategy": "wrong", "forward": None, "differs": "value 3 at example 1"},
        row | {"strategy": "fold", "forward": None, "why_not": "f is no tree <of> blocks"},
    ]  # fmt: skip
    return SimpleNamespace(
        rows=rows, lengths=[3, 9, 1], recommendation="masked", reason="it is the fastest"
    )


def test_a_leaderboard_tells_times_and_reasons():
    drawn = leaderboard_view(board())
    assert drawn.alt == (
        "3 examples, 1 to 9 entries long. A step takes: masked 1 ms, loop 3 ms. 2 not timed. "
        "Take masked: it is the fastest."
    )
    rows = drawn.rows()[1]
    assert rows[0] == ["masked", "3.00", "1 ms", "900 us to 1.2 ms", "4,096", "25%", "7",
                       "recommended, no other is faster and smaller"]  # fmt: skip
    assert rows[2][-1] == "not the loop's result: value 3 at example 1"
    assert rows[3][1:] == ["", "", "", "", "", "", "does not apply: f is no tree <of> blocks"]
    forms(drawn)


@BOTH
def test_a_real_leaderboard_is_drawn(framework):
    b = ml.batch([array(framework, np.ones((n, 2)), "float32") for n in (3, 1, 2)])
    found = ml.leaderboard(lambda x: (x * x).sum(), b, strategies=["masked"], rounds=3, seconds=0.1)
    drawn = view_of(found)
    assert {row[0] for row in drawn.rows()[1]} == {"loop", "masked"}
    assert (
        f"Take {found.recommendation}: " in drawn.alt and "3 examples, 1 to 3 entries" in drawn.alt
    )
    forms(drawn)
