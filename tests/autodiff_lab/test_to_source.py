"""`to_source`: the text runs by itself and gives what the walk gives, for every row."""

import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import trees, xp
from autodiff_lab.table.row import ROWS
from tests import helpers

# Rows whose cases cannot be called by their verbs alone; their spellings are tried elsewhere.
NOT_HERE = set(
    "gather scatter_add scatter nll_loss where igamma igammac zeta polygamma pool_gather "
    "pool_scatter bitwise_and bitwise_or bitwise_xor bitwise_not arange".split()
)
REFUSED_BY_JAX = {"entr"}  # jax.scipy's own function has a custom rule
PLAIN = [name for name, row in ROWS.items() if row.kind == "pointwise" and name not in NOT_HERE]
SEVERAL = ["sum", "mean", "softmax", "contract", "clamp", "concat", "slice", "max", "prod", "conv"]


def run(source, *args):
    space = {}
    exec(source, space)
    return space["value_and_grad"](*args, **source.constants)


def operand(framework, row, shape, rng):
    if hasattr(shape, "below"):
        return helpers.array(framework, rng.integers(0, shape.below, shape))
    return helpers.array(framework, helpers.sample(row, rng, shape))


def agree(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        if b is not None:
            a, b = helpers.to_numpy(a), helpers.to_numpy(b)
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def check_row(framework, name):
    row, rng, verbs = ROWS[name], np.random.default_rng(0), xp.verbs(framework)
    shapes, params = (row.cases or (([(2, 3)] * (row.arity or 1), {}),))[0]
    xs = [operand(framework, row, s, rng) for s in shapes]

    def f(*xs):
        return row.fn(verbs, *xs, **params)

    tape = ad.record(f, *xs)
    y, back = ad.vjp(f, *xs)
    leaves, _, rebuild = trees.flatten(y)
    active = [node is not None and node.active for node in tape.outputs]
    given = [helpers.array(framework, rng.normal(size=v.shape)) for v in leaves]
    given = [verbs.astype(g, v.dtype) for g, v in zip(given, leaves, strict=True)]
    if len(leaves) == 1 and tuple(leaves[0].shape) == ():
        given, seeds = [verbs.ones((), leaves[0].dtype, leaves[0])], []
    else:
        seeds = [g for g, a in zip(given, active, strict=True) if a]
    value, found = run(ad.to_source(tape), *xs, *seeds)
    agree(trees.leaves(value), leaves)
    if any(active):
        agree(found if len(xs) > 1 else [found], back(rebuild(given)))


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOT_HERE])
def test_every_row_as_text_torch(name):
    check_row("torch", name)


@pytest.mark.parametrize("name", sorted({*PLAIN[::6], *SEVERAL} - REFUSED_BY_JAX))
def test_some_rows_as_text_jax(name):
    check_row("jax", name)


def dense(lib):
    def loss(params, x):
        h = lib.tanh(x @ params["w"] + params["b"])
        total = 0.0
        for row in (0, 1):
            total = total + (h[row] * h[row]).sum()
        return total

    return loss


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_names_are_the_learners_and_the_gradient_has_the_arguments_structure(framework):
    import importlib

    lib = importlib.import_module({"jax": "jax.numpy"}.get(framework, framework))
    rng = np.random.default_rng(1)
    params = {
        k: helpers.array(framework, rng.normal(size=s)) for k, s in dict(b=4, w=(3, 4)).items()
    }
    x, f = helpers.array(framework, rng.normal(size=(2, 3))), dense(lib)
    source = ad.to_source(ad.record(f, params, x))
    assert f"h = {lib.__name__.replace('jax.numpy', 'jnp')}.tanh(" in source
    assert (
        "w = params['w']" in source
        and "bw = " in source
        and "def value_and_grad(params, x)" in source
    )
    value, (dparams, dx) = run(source, params, x)
    wanted, grads = ad.value_and_grad(f, (0, 1))(params, x)
    agree([value, dx, *trees.leaves(dparams)], [wanted, grads[1], *trees.leaves(grads[0])])


def test_the_text_and_its_comments():
    import torch

    def f(x, y):
        z = y * x
        return torch.sin(z) + z

    source = ad.to_source(ad.record(f, torch.tensor(2.0), torch.tensor(3.0)), name="df")
    assert source + "\n" == TEXT


TEXT = """\
import torch


def df(x, y):
    # ----- value -----
    z = y * x
    t = torch.sin(z)  # return torch.sin(z) + z
    out = t + z

    # ----- gradient -----
    bout = torch.ones_like(out)
    bt = bout                    # out = t + z
    bz = bout
    bz = bz + bt * torch.cos(z)  # t = torch.sin(z)
    by = bz * x                  # z = y * x
    bx = bz * y
    return out, (bx, by)
"""


def test_large_constants_are_keywords_and_small_ones_are_written():
    import torch

    large, small = torch.arange(20.0), torch.tensor([1.0, 2.0])
    source = ad.to_source(ad.record(lambda x: (x * large).sum() + (x[:2] * small).sum(), large + 1))
    assert "def value_and_grad(x, *, c):" in source and "torch.tensor([1.0, 2.0])" in source
    value, gradient = run(source, large + 1)
    assert gradient[:3].tolist() == [1.0, 3.0, 2.0]


def test_no_cotangent_is_written_into_that_somebody_else_holds():
    import torch

    def f(a, b):
        d = a * a
        c = a + b
        return (d.sum() + c.sum()) + (c * a).sum()  # c's cotangent is a view, and a's too

    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0])
    value, (da, db) = run(ad.to_source(ad.record(f, a, b)), a, b)
    assert (da.tolist(), db.tolist()) == ([8.0, 14.0], [2.0, 3.0])


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_what_cannot_be_a_line_is_refused(framework):
    x = helpers.array(framework, 2.5)
    rule = ad.custom_rule(lambda x: x // 1.0, vjp=lambda g, y, x: (g,))
    with pytest.raises(ad.AutodiffError, match="cannot be written as a line of"):
        ad.to_source(ad.record(lambda x: rule(x) * x, x))
    with pytest.raises(ad.AutodiffError, match="ad.record"):
        from autodiff_lab.trace import trace

        ad.to_source(trace(ad.Tape, lambda x: x * 2, [x]))
