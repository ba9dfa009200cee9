"""Source to source: programs with control flow, held against the frameworks' own gradients."""

import importlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import autodiff_lab as ad
from autodiff_lab import trees
from tests.autodiff_lab.programs import programs

NAMES = sorted(programs(np))
FRAMEWORKS = ("torch", "jax")


def library(framework):
    return importlib.import_module({"jax": "jax.numpy"}.get(framework, framework))


def arrays(framework, tree):
    """Numbers, and lists of numbers, as arrays; dictionaries, tuples and lists of them stay."""
    if isinstance(tree, dict):
        return {k: arrays(framework, v) for k, v in tree.items()}
    if isinstance(tree, tuple) or (isinstance(tree, list) and isinstance(tree[0], tuple)):
        return type(tree)(arrays(framework, v) for v in tree)
    lib = library(framework)
    return lib.tensor(tree) if framework == "torch" else lib.asarray(tree, dtype=lib.float32)


def expected(framework, f, args):
    """Value and gradient with respect to every argument, by the framework's own engine."""
    if framework == "jax":
        import jax

        return jax.value_and_grad(f, tuple(range(len(args))))(*args)
    import torch

    leaves, _, rebuild = trees.flatten(args)
    leaves = [x.detach().clone().requires_grad_() for x in leaves]
    y = f(*rebuild(leaves))
    grads = torch.autograd.grad(y, leaves, allow_unused=True)
    zeros = [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, grads, strict=True)]
    return y.detach(), tuple(rebuild(zeros))


def agree(found, wanted, tolerance=2e-5):
    found, wanted = trees.leaves(found), trees.leaves(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert tuple(a.shape) == tuple(b.shape) and a.dtype == b.dtype
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


def concrete(name, framework):
    """JAX's own engine cannot follow Python's branches on traced values."""
    return framework == "torch" or name not in BRANCHING


BRANCHING = {
    "nested_ifs", "early", "return_in_loop", "return_in_nested_loop", "bubble", "conditional",
    "conditional_in_loop", "dead_branch", "newton_with_break",
}  # fmt: skip


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_the_frameworks_own(framework, name):
    f, given = programs(library(framework))[name]
    args = [arrays(framework, x) for x in given]
    g = ad.transform(f, tuple(range(len(args))))
    if concrete(name, framework):
        agree(g(*args), expected(framework, f, args))
    else:
        torch_f, _ = programs(library("torch"))[name]
        wanted = expected("torch", torch_f, [arrays("torch", x) for x in given])
        values = [np.asarray(v) for v in trees.leaves(wanted)]
        for a, b in zip(trees.leaves(g(*args)), values, strict=True):
            np.testing.assert_allclose(np.asarray(a), b, rtol=2e-5, atol=2e-5)


# ----- what the text looks like -----
def speelpenning(x):
    y = 1.0
    for i in range(len(x)):
        y = y * x[i]
    return y


PUSHES = """\
from autodiff_lab.rewriting.runtime import add_at, one_like, zeros_like


def speelpenning_grad(x):
    # ----- forward -----
    y_stack = []
    y = 1.0
    for i in range(len(x)):
        y_stack.append(y)
        y = y * x[i]
    value = y

    # ----- backward -----
    by = one_like(y)
    bx = zeros_like(x)
    for i in reversed(range(len(x))):
        y = y_stack.pop()
        bx = add_at(bx, i, by * y)  # y = y * x[i]
        by = by * x[i]
    return value, bx
"""


def test_pushes_and_pops_are_visible():
    g = ad.transform(speelpenning, scalars=True)
    assert g.source + "\n" == PUSHES
    assert g([1.0, 2.0, 3.0]) == (6.0, [6.0, 3.0, 2.0])


def test_only_what_the_way_back_reads_is_pushed():
    def total(x, n):
        s = 0.0
        for _ in range(n):
            y = 3 * x
            s = s + y
        return s

    source = ad.transform(total, scalars=True).source
    assert "append" not in source and "pop" not in source
    assert ad.transform(total)(2.0, 4) == (24.0, 12.0)


def test_the_text_is_the_same_each_time_and_runs_by_itself():
    first, second = (ad.transform(speelpenning).source for _ in range(2))
    space = {}
    exec(first, space)
    assert first == second
    assert space["speelpenning_grad"]([2.0, 5.0]) == (10.0, [5.0, 2.0])


def test_errors_in_the_text_show_its_lines():
    import traceback

    try:
        ad.transform(speelpenning)(3.0)
    except TypeError:
        assert "for i in range(len(x)):" in traceback.format_exc()


# ----- where functions come from -----
def test_a_function_of_a_notebook_cell():
    import linecache

    cell = "def f(x):\n    while x < 10:\n        x = x * x\n    return x\n"
    name = "ipykernel_12/345.py"
    linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
    space = {}
    exec(compile(cell, name, "exec"), space)
    assert ad.transform(space["f"])(2.0) == (16.0, 32.0)
    bad = "def f(x):\n    with x:\n        return x\n"
    linecache.cache[name] = (len(bad), None, bad.splitlines(True), name)
    exec(compile(bad, name, "exec"), space)
    with pytest.raises(ad.AutodiffError, match="notebook cell, line 2, in f: with has no reverse"):
        ad.transform(space["f"])


def test_lambdas_methods_and_objects_that_are_called():
    class Cubic:
        a = 2.0

        def at(self, x):
            return self.a * x**3

        def __call__(self, x):
            return self.at(x) + x

    assert ad.transform(lambda x: x * x + 1)(3.0) == (10.0, 6.0)
    assert ad.transform(Cubic().at)(2.0) == (16.0, 24.0)
    assert ad.transform(Cubic())(2.0) == (18.0, 25.0)


def test_a_method_of_an_argument_is_no_query_because_of_its_name():
    import torch

    class Box:
        def size(self, x):
            return x * x

    def f(x, box):
        return box.size(x) * x.size(0)

    x = torch.tensor([3.0])
    value, gradient = ad.transform(f, cotangent=True)(x, Box(), cotangent=torch.ones(1))
    assert (value.tolist(), gradient.tolist()) == ([9.0], [6.0])


def test_plain_python_needs_no_framework():
    import math

    def f(x, y):
        if x > y:
            z = math.atan2(x, y) * math.exp(-x)
        else:
            z = abs(x) ** y
        return math.sqrt(z) + math.pow(y, 3)

    g = ad.transform(f, (0, 1))
    for x, y in ((1.3, 0.4), (-0.5, 2.0)):
        value, (dx, dy) = g(x, y)
        h = 1e-6
        assert value == f(x, y)
        assert dx == pytest.approx((f(x + h, y) - f(x - h, y)) / (2 * h), rel=1e-6)
        assert dy == pytest.approx((f(x, y + h) - f(x, y - h)) / (2 * h), rel=1e-6)


# ----- what the value may be, and the arguments -----
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_any_value_with_its_cotangent(framework):
    lib = library(framework)

    def f(x, y):
        return lib.sin(x) * y, [x, y * y]

    x, y, one = (arrays(framework, v) for v in (0.3, 2.0, 1.0))
    g = ad.transform(f, (0, 1), cotangent=True)
    value, found = g(x, y, cotangent=(one, [one, 2 * one]))
    reference = ad.vjp(f, x, y)
    agree(value, reference[0])
    agree(found, reference[1]((one, [one, 2 * one])))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_argument_that_is_not_used_has_zeros(framework):
    x, w = arrays(framework, [1.0, 2.0]), arrays(framework, [[1.0]])
    value, (dx, dw) = ad.transform(lambda x, w: (x * x).sum(), (0, 1))(x, w)
    agree(dx, 2 * x)
    assert dw.shape == w.shape and float(dw.sum()) == 0


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_keywords_and_defaults_are_constants(framework):
    def f(x, n=2, *, scale=1.0):
        for _ in range(n):
            x = x * scale
        return x

    g, x = ad.transform(f), arrays(framework, 3.0)
    assert [float(v) for v in g(x)] == [3.0, 1.0]
    assert [float(v) for v in g(x, n=3, scale=2.0)] == [24.0, 8.0]
    assert [float(v) for v in g(x=x, scale=3.0)] == [27.0, 9.0]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_one_call_with_other_arguments_each_time(framework):
    """What a call means is remembered: by its axes and dtypes too, not by its shapes alone."""
    lib = library(framework)

    def f(x, w):
        total = 0.0
        for k in (0, 1, 0, 1):  # x is square: its shape does not tell
            total = total + ((x * w).sum(k) ** (k + 2)).sum() + (x.mean(k) * w[k]).sum()
            total = total + ((x @ w) * w.cumsum(k)).sum()
        return total

    gradient = ad.transform(f, argnums=(0, 1))
    for make in (lib.float32, lib.float32, lib.float64 if framework == "torch" else lib.float32):
        x, w = (lib.asarray(np.random.default_rng(k).normal(size=(3, 3)), dtype=make)
                for k in (0, 1))  # fmt: skip
        agree(gradient(x, w), expected(framework, f, (x, w)), 2e-4)


def test_writes_into_arrays():
    import jax
    import torch

    def heat(u, k):
        for _ in range(3):
            u = u.at[1:-1].add(k * (u[2:] - 2 * u[1:-1] + u[:-2]))
            u = u.at[0].set(0.0)
        return (u * u).sum()

    args = [arrays("jax", [0.0, 1.0, 4.0, 9.0, 2.0]), arrays("jax", 0.1)]
    agree(ad.transform(heat, (0, 1))(*args), jax.value_and_grad(heat, (0, 1))(*args))

    def sums(x):
        y = torch.zeros(3)
        for i in range(3):
            y[i] = x[i] * x[i] + (y[i - 1] if i > 0 else 0.0)
        return (y * y).sum()

    x = torch.tensor([1.0, 2.0, 3.0])
    agree(ad.transform(sums)(x)[1], ad.grad(lambda x: (torch.cumsum(x * x, 0) ** 2).sum())(x))


def test_torchs_own_graph_is_not_built():
    import torch

    net, x = torch.nn.Linear(3, 3), torch.ones(3, requires_grad=True)
    value, gradient = ad.transform(lambda x: (net(x) * x).sum())(x)
    assert not value.requires_grad and not gradient.requires_grad
    agree(gradient, ad.grad(lambda x: (net(x) * x).sum())(x))


def test_jit_sees_a_plain_function():
    import jax

    f, given = programs(library("jax"))["rnn"]
    args = [arrays("jax", x) for x in given]
    g = ad.transform(f, (0, 1, 2, 3))
    agree(jax.jit(g)(*args), jax.value_and_grad(f, (0, 1, 2, 3))(*args))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_gradients_of_gradients(framework):
    lib = library(framework)

    def f(x):
        y = lib.sin(x) * x
        return y * y

    def second(x):
        return ad.grad(ad.grad(f))(x)

    x = arrays(framework, 0.7)
    agree(ad.grad(lambda x: ad.transform(f)(x)[1])(x), second(x))
    twice = ad.transform(ad.transform(f), cotangent=True)
    agree(twice(x, cotangent=(0 * x, 1 + 0 * x))[1], second(x))


def test_nothing_that_is_passed_is_written_to():
    import torch

    def f(x, ys):
        ys.append(x)
        z = ys[0] * x
        z += x
        return z

    x, ys = torch.tensor(2.0), [torch.tensor(3.0)]
    value, (dx, dys) = ad.transform(f, (0, 1))(x, ys)
    assert (float(value), float(dx), float(dys[0])) == (8.0, 4.0, 2.0)
    assert len(ys) == 1 and float(x) == 2.0


# ----- random straight lines -----
STEPS = ("{a} * {b}", "{a} + {b}", "{a} - {b}", "{a} / (1 + {b} * {b})", "lib.sin({a})",
         "lib.tanh({a}) * {b}", "{a}", "2 * {a}", "{a} ** 2", "-{a}")  # fmt: skip


@hypothesis.settings(max_examples=40)
@hypothesis.given(st.lists(st.tuples(st.sampled_from(STEPS), *[st.integers(0, 4)] * 3), max_size=9))
def test_random_programs_that_overwrite_their_variables(program):
    import linecache

    import torch

    lines = ["def f(v0, v1):", "    v2 = v0 * 1.0", "    v3 = v1 + 0.5", "    v4 = v0 - v1"]
    for text, target, a, b in program:
        lines.append(f"    v{target} = {text.format(a=f'v{a}', b=f'v{b}')}")
    source = "\n".join([*lines, "    return v0 * v1 + v2 * v3 + v4"]) + "\n"
    name = f"<random {hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {"lib": torch}
    exec(compile(source, name, "exec"), space)
    args = [torch.tensor(0.7, dtype=torch.float64), torch.tensor(-0.4, dtype=torch.float64)]
    wanted = expected("torch", space["f"], args)
    agree(ad.transform(space["f"], (0, 1))(*args), wanted, 1e-9)
    written = ad.to_source(ad.record(space["f"], *args))
    made = {}
    exec(written, made)
    agree(made["value_and_grad"](*args), wanted, 1e-9)
