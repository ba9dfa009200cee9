"""`ad.compile`: what the straight line gives, what it is guarded by, and that it can be read."""

import ast
import gc
import threading
import traceback
import weakref

import numpy as np
import pytest

import autodiff_lab as ad
from tests.helpers import FRAMEWORKS, allclose, array, native_grad

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")


def verbs(framework):
    import jax.numpy as jnp

    return torch if framework == "torch" else jnp


def checked(f, *xs, compiled=None, dtype="float64"):
    """The straight line gives the framework's own gradient, also of what it was not recorded on."""
    g = compiled or ad.compile(f, *(0.9 * x if hasattr(x, "shape") else x for x in xs))
    wanted = native_grad(f, (0,))(*xs)
    found = wanted if hasattr(wanted, "shape") else wanted[0]
    for _ in range(2):
        value, grad = g(*xs)
        allclose(value, f(*xs), dtype)
        allclose(grad, found, dtype)
    return g


FUNCTIONS = {
    "tanh": lambda xp, x: xp.tanh(x * 1.5).sum(),
    "relu": lambda xp, x: xp.where(x > 0, x, 0.0 * x).sum() + xp.maximum(x, 0.3 * x).sum(),
    "sigmoid": lambda xp, x: (1 / (1 + xp.exp(-x))).sum(),
    "products": lambda xp, x: (x @ x.T @ x + x[0]).sum(),
    "slices": lambda xp, x: (x[:, :2] * x[:, 1:] * 2.0).sum() + (x[0] / x[1]).sum(),
    "fan-out": lambda xp, x: (x * x + x).sum() * (x + x).sum(),
    "shared": lambda xp, x: (xp.exp(x) * xp.exp(x) - xp.exp(x)).sum(),
    "one entry": lambda xp, x: x[1, 2] * 3.0,
    "by one": lambda xp, x: (x * 1 + x / 1).sum(),
    "softmax": lambda xp, x: xp.log(xp.exp(x) / xp.exp(x).sum(1).reshape(3, 1))[1, 1],
    "unrolled": lambda xp, x: unrolled(xp, x),
}


def unrolled(xp, x):
    """One weight and one bias at many steps: their gradients are sums of many products."""
    h = x * 0.1
    for _ in range(6):
        h = xp.tanh(h @ x + x[0])
    return h.sum()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_it_is_value_and_grad(framework, name):
    x = array(framework, np.linspace(-1, 2, 9).reshape(3, 3) + 0.05)
    g = checked(lambda x: FUNCTIONS[name](verbs(framework), x), x)
    assert g.recordings == 1 and len(g.variants) == 1


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_containers_argnums_unused_and_static_arguments(framework):
    xp = verbs(framework)

    def f(p, n, k, unused):
        return (xp.sin(p["w"][0]) * n * k["b"]).sum()

    ones = array(framework, np.ones(3))
    args = ({"w": (ones * 0.5, [])}, 3, {"b": ones * 2}, ones)
    wanted = ad.value_and_grad(f, argnums=(0, 2, 3))(*args)
    g = ad.compile(f, *args, argnums=(0, -2, 3))
    for found in (g(*args), g(*args)):
        allclose(found[0], wanted[0], "float64")
        grads, expected = found[1], wanted[1]
        assert type(grads[0]["w"]) is tuple and grads[0]["w"][1] == []
        allclose(grads[0]["w"][0], expected[0]["w"][0], "float64")
        allclose(grads[1]["b"], expected[1]["b"], "float64")
        allclose(grads[2], np.zeros(3), "float64")
    g(args[0], 4, *args[2:])
    assert g.recordings == 2, "a Python number is guarded by its value"
    g({"w": [ones, []]}, 4, *args[2:])
    assert g.recordings == 3, "a list is not a tuple"
    g(args[0], 4.0, *args[2:])
    assert g.recordings == 4, "4 is not 4.0"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_has_aux_and_an_argument_given_back(framework):
    def f(x, n):
        return x, (x * 2, "why", n, None)

    x = array(framework, 3.0)
    g = ad.compile(f, x, x, has_aux=True)
    for _ in range(2):
        (value, aux), grad = g(x, x + 1)
        assert float(value) == 3 and float(grad) == 1
        assert float(aux[0]) == 6 and aux[1] == "why" and float(aux[2]) == 4 and aux[3] is None


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_constant_function(framework):
    c = array(framework, 2.5)
    g = ad.compile(lambda x: c, array(framework, [1.0, 2.0]))
    value, grad = g(array(framework, [3.0, 4.0]))
    assert float(value) == 2.5
    allclose(grad, np.zeros(2), "float64")


# ----- use inside other things -----
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_it_can_be_differentiated_again(framework):
    g = ad.compile(lambda x: (x**3).sum(), array(framework, [1.0, 2.0]))
    second = ad.grad(lambda x: g(x)[1].sum())(array(framework, [1.0, 2.0]))
    allclose(second, [6.0, 12.0], "float64")


def test_inside_vmap_and_jit():
    g = ad.compile(lambda x: torch.sin(x).sum(), torch.ones(2))
    x = torch.rand(3, 2)
    assert torch.allclose(torch.func.vmap(lambda x: g(x)[1])(x), x.cos())
    h = ad.compile(lambda x: jax.numpy.sin(x).sum(), jax.numpy.ones(2))
    y = jax.numpy.ones((3, 2))
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda x: h(x)[1]))(y), np.cos(y), rtol=1e-6)


def test_torchs_graph_is_left_alone():
    x = torch.ones(2, requires_grad=True)
    w = torch.nn.Parameter(torch.ones(2))
    g = ad.compile(lambda x: (x * w).sum(), x)
    for result in (*g(x), *ad.compile(lambda x: x)(x.sum())):
        assert not result.requires_grad
    assert x.grad is None and w.grad is None


def test_an_error_leaves_nothing_behind():
    def f(x):
        if x.shape[0] == 3:
            raise ValueError("three")
        return (x @ torch.ones(2, 2)).sum()

    g = ad.compile(f)
    with pytest.raises(ValueError, match="three"):
        g(torch.ones(3))
    assert g.recordings == 0 and g(torch.ones(2))[0] == 4
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None


def test_an_error_in_the_line_shows_the_line():
    def f(x):
        factor = torch.linalg.cholesky_ex(x.detach(), check_errors=True)[0]
        return factor.sum() * x.sum()

    g = ad.compile(f, torch.eye(2))
    with pytest.raises(torch.linalg.LinAlgError) as e:
        g(-torch.eye(2))
    assert any("cholesky" in (frame.line or "") for frame in traceback.extract_tb(e.tb)
               if frame.filename.startswith("<straight line"))  # fmt: skip


def test_threads():
    def f(x):
        return (torch.sin(x) * x.shape[0]).sum()

    g, wrong = ad.compile(f), []

    def work(n):
        for i in range(20):
            x = torch.rand(1 + (n + i) % 5)
            if not torch.allclose(g(x)[1], x.cos() * x.shape[0]):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert not wrong and len(g.variants) >= 5


def test_no_garbage():
    x = torch.rand(2000)
    g = ad.compile(lambda x: torch.tanh(x * 2.0).sum(), x)
    g(x)
    gc.collect()
    before = sum(type(o) is torch.Tensor for o in gc.get_objects())
    for _ in range(50):
        g(x)
    assert sum(type(o) is torch.Tensor for o in gc.get_objects()) == before
    variant = weakref.ref(g.variants[0])
    del g
    gc.collect()
    assert variant() is None


def test_the_number_of_variants_is_bounded():
    g = ad.compile(lambda x: x * x.item())
    for i in range(80):
        assert g(torch.tensor(float(i)))[1] == i
    assert len(g.variants) <= 64


# ----- the text -----
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_source_is_python_that_can_be_read(framework):
    xp = verbs(framework)
    w = array(framework, np.ones((3, 3)))

    def model(x):
        y = xp.tanh(x @ w)
        return (y * 2.0).sum()

    g = ad.compile(model, array(framework, np.ones((2, 3))))
    ast.parse(g.source)
    assert "torch.compile" not in g.source and "autograd" not in g.source
    assert "# ----- forward -----" in g.source and "# ----- backward -----" in g.source
    first = model.__code__.co_firstlineno
    assert f"# line {first + 1}: y = xp.tanh(x @ w)" in g.source
    assert f"value and gradient of model, line {first}" in g.source
    assert "(x, w)" in g.source or "def straight(x):" in g.source
    assert max(map(len, g.source.splitlines())) <= 110


def test_one_line_for_each_operation():
    g = ad.compile(lambda x: torch.tanh(x).sum(), torch.ones(3))
    body = g.source.split("def straight(x):\n")[1].split("\n")
    code = [line.split("#")[0].strip() for line in body if line.split("#")[0].strip()]
    assert code == [
        "v0 = x.tanh()",
        "v1 = v0.sum()",
        "v2 = tanh_backward(k0, v0)",
        "return (v1, v2,)",
    ]


def test_a_row_that_was_added_is_compiled():
    from autodiff_lab.table.row import CACHES, ROWS, pointwise

    pointwise("sinc_squared", lambda xp, x: xp.sinc(x) ** 2, lambda xp, y, x: x * 0 + 7.0,
              torch="torch.sinc", prims="")  # fmt: skip
    try:
        g = ad.compile(lambda x: torch.sinc(x).sum(), torch.ones(2))
        assert torch.equal(g(torch.zeros(2))[1], torch.full((2,), 7.0))
    finally:
        del ROWS["sinc_squared"]
        for cache in CACHES:
            cache.clear()


# ----- each fused line against the lines it stands for -----
def code_of(source):
    """Without the comments, which hold the user's own words."""
    return "\n".join(line.split("#")[0].rstrip() for line in source.splitlines())


def lines_of(f, *xs):
    from autodiff_lab.straight import torch_line

    names = ["x"] * len(xs)
    result, program, rebuild = torch_line.record_program(f, xs, {}, 0, False)
    return torch_line, program, rebuild, [f"{n}{i}" for i, n in enumerate(names)]


FUSED = {
    "addmm": lambda x: (x @ x + x[0]).square().sum(),
    "cat": lambda x: x[:, :2].square().sum() + x[:, 2:].exp().sum(),
    ".t()": lambda x: unrolled(torch, x),
}


@pytest.mark.parametrize("name", FUSED)
def test_fused_lines(name):
    x = torch.linspace(-1, 1, 9, dtype=torch.float64).reshape(3, 3)  # a zero in the middle
    texts = []
    for fuse in (False, True):
        module, program, rebuild, names = lines_of(FUSED[name], x)
        variant = module.Variant(FUSED[name], program, rebuild, names, "<test>", fuse)
        texts.append((code_of(variant.source), variant._result(variant._call([x]))))
    (plain, wanted), (fused, found) = texts
    assert name in fused and name not in plain
    allclose(found[0], wanted[0], "float64")
    allclose(found[1], wanted[1], "float64")
    allclose(found[1], native_grad(FUSED[name], (0,))(x)[0], "float64")


def test_a_bias_at_many_steps_is_summed_once():
    g = ad.compile(lambda x, b: (torch.tanh(torch.tanh(x + b) + b) + (x + b)).sum() + steps(x, b),
                   torch.rand(4, 3), torch.rand(3), argnums=1)  # fmt: skip
    assert code_of(g.source).count(".sum([0])") == 1
    checked(lambda b: steps(torch.ones(4, 3), b), torch.rand(3), dtype="float32")


def steps(x, b):
    for _ in range(5):
        x = torch.tanh(x + b)
    return x.sum()


def test_half_precision_keeps_its_numbers():
    x = torch.linspace(-2, 2, 64, dtype=torch.bfloat16)
    f = lambda x: (x * 1.01 + 0.3).tanh().sum()  # noqa: E731
    found, wanted = ad.compile(f, x)(x), ad.value_and_grad(f)(x)
    assert torch.equal(found[0], wanted[0])
    assert torch.allclose(found[1], wanted[1], rtol=1e-2)


@pytest.mark.parametrize("m", (1, 3))
def test_a_product_that_pytorch_makes_by_changing_a_view_in_place(m):
    """`vector @ matrix` is `mm(...).squeeze_(0)` inside: the second call must not see the first."""

    def f(w, x):
        return ((x @ w).tanh() * torch.arange(1.0, m + 1)).sum()

    g = ad.compile(f, torch.randn(2, m), torch.randn(2), argnums=(0, 1))
    w, x = torch.randn(2, m, requires_grad=True), torch.randn(2, requires_grad=True)
    wanted = torch.autograd.grad(f(w, x), (w, x))
    value, found = g(w.detach(), x.detach())
    assert torch.allclose(value, f(w, x)) and g.recordings == 1
    for a, b in zip(found, wanted, strict=True):
        assert torch.allclose(a, b)


def test_an_operation_of_prims_is_not_taken_for_atens():
    mask = torch.tensor([True, False, True, True])

    def f(x):
        return torch.masked.cumprod(x, 0, mask=mask).sum()  # prims.prod(x, dims) inside

    checked(f, torch.tensor([0.5, 2.0, -1.5, 3.0], dtype=torch.float64))


def test_a_tensor_without_strides_is_refused_in_a_sentence():
    weight = torch.eye(3).to_sparse()
    with pytest.raises(ad.AutodiffError, match="sparse"):
        ad.compile(lambda x: (weight @ x).sum(), torch.ones(3, 2))
