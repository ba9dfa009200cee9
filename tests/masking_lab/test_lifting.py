"""Control flow for a batch: each example takes its own branches and its own number of trips.

The oracle is the plain loop over the examples, in float64, on the same framework: values and the
gradient of the shared weight. Padding holds 0, NaN, inf and 1e30, and nothing may change by one
bit. The cases are those in which autobatchers have gone wrong.
"""

import ast
import gc
import math

import numpy as np
import pytest

import masking_lab as ml
from autodiff_lab.reading import read
from masking_lab.lifting import is_lifted
from masking_lab.lifting.canonical import canonical
from tests.helpers import FRAMEWORKS, array, module, native_grad, to_numpy
from tests.masking_lab import programs
from tests.masking_lab.programs import PROGRAMS

POISON = (0.0, math.nan, math.inf, 1e30)
VECTORS = (
    [0.5, -1.0, 2.0],
    [-0.3],
    [1.5, 0.2, 0.7, -2.0, 0.1],
    [-0.5, -0.25, 3.0, 1.0],
)


def examples(name):
    return [array(name, np.asarray(v)) for v in VECTORS]


def poisoned(b, value):
    from autodiff_lab import xp

    return ml.MaskedBatch(xp.of(b.data).where(b.mask, b.data, value), b.sizes)


def total(tree):
    import autodiff_lab as ad

    return sum(
        1.0 * leaf if isinstance(leaf, (int, float)) else leaf.sum()
        for leaf in ad.trees.leaves(tree)
    )


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_values_are_the_loops(name, f):
    xs, w, lib = examples(name), array(name, 0.8), module(name)
    want = [f(lib, x, w) for x in xs]
    for fill in POISON:
        found = ml.autobatch(f)(lib, poisoned(ml.batch(xs), fill), w)
        for i, expected in enumerate(want):
            _same(_of(found, i), expected)


def _of(found, i):
    if isinstance(found, dict):
        return {k: v.unbatch()[i] for k, v in found.items()}
    return found.unbatch()[i]


def _same(a, b):
    if isinstance(b, dict):
        for k in b:
            _same(a[k], b[k])
        return
    np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_gradients_are_the_loops(name, f):
    xs, w, lib = examples(name), array(name, 0.8), module(name)
    want = native_grad(lambda w: sum(total(f(lib, x, w)) for x in xs), (0,))(w)[0]
    seen = []
    for fill in POISON:
        b = poisoned(ml.batch(xs), fill)

        def batched(w, b=b):
            found = ml.autobatch(f)(lib, b, w)
            parts = found.values() if isinstance(found, dict) else [found]
            return sum(sum(1.0 * y.sum() for y in part.unbatch()) for part in parts)

        seen.append(to_numpy(native_grad(batched, (0,))(w)[0]))
    np.testing.assert_allclose(seen[0], to_numpy(want), rtol=1e-10, atol=1e-12)
    assert all((g == seen[0]).all() for g in seen)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_lifted_code_is_python_on_plain_values(f):
    """With arrays of numpy nothing is batched, so every decision is Python's own."""
    for v in VECTORS:
        x = np.asarray(v)
        try:
            want = f(np, x, np.float64(0.8))
        except Exception as error:
            with pytest.raises(type(error)):
                ml.lift(f)(np, x, np.float64(0.8))
            continue
        _same(ml.lift(f)(np, x, np.float64(0.8)), want)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_exits_as_data_mean_the_same(f):
    """The first half of lifting alone: flags in the place of return, break and continue."""
    text = read(f)
    tree = canonical(text, text.tree)
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.Break, ast.Continue))
        if isinstance(node, (ast.For, ast.While)) and node.stops:
            end = " or ".join(node.stops)
            node.body += ast.parse(f"while True:\n if {end}: break").body[0].body
    if "flow" in ast.unparse(tree):
        return  # writes into parts have their own tests
    again = text.function(ast.fix_missing_locations(tree))
    for v in VECTORS:
        x = np.asarray(v)
        _same(again(np, x, 0.8), f(np, x, 0.8))


UNDER_JIT = [
    programs.the_other_branch_leaves_the_domain,
    programs.a_loop_that_would_not_end_elsewhere,
    programs.break_on_one,
    programs.early_returns,
    programs.assignments,
]


@pytest.mark.parametrize("f", UNDER_JIT, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", ["jax"])
def test_under_jit(name, f):
    """Nobody knows who takes a branch before the program runs; `max_trips` bounds the loops."""
    import jax

    xs, w, lib = examples(name), array(name, 0.8), module(name)
    b, batched = ml.batch(xs), ml.autobatch(f, max_trips=25)
    value = jax.jit(lambda b, w: batched(lib, b, w))(b, w)
    for i, x in enumerate(xs):
        _same(value.unbatch()[i], f(lib, x, w))
    found = jax.jit(jax.grad(lambda w: batched(lib, b, w).data.sum()))(w)
    wanted = jax.grad(lambda w: sum(f(lib, x, w) for x in xs))(w)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_a_torch_model_with_a_loop():
    """As it was written for one sequence: GRU cell, early exit, a list of states, a head."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)

    class Reader(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = torch.nn.GRUCell(2, 3)
            self.head = torch.nn.Linear(3, 2)

        def forward(self, x):
            h, seen = torch.zeros(3), []
            for t in range(len(x)):
                h = self.cell(x[t], h)
                seen.append(h)
                if h.sum() > 0.4:
                    break
            if len(seen) == 0:
                return self.head(h)
            return self.head(torch.stack(seen).mean(0))

    model = Reader().double()
    torch.set_default_dtype(torch.float64)
    try:
        xs = [torch.randn(n, 2) for n in (4, 1, 6, 2)]
        found = ml.autobatch(model)(ml.batch(xs))
        for y, x in zip(found.unbatch(), xs, strict=True):
            _same(y, model(x))
        parameters = list(model.parameters())
        ours = torch.autograd.grad(found.data.sum(), parameters)
        theirs = torch.autograd.grad(sum(model(x).sum() for x in xs), parameters)
        for a, b in zip(ours, theirs, strict=True):
            _same(a, b)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_lifted_function_outlives_one_of_the_same_text():
    def made():
        return ml.lift(lambda x: x if x > 0 else -x)

    first, second = made(), made()
    assert is_lifted(first) and is_lifted(second)
    del first
    gc.collect()
    assert is_lifted(second)
