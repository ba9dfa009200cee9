"""`ad.compile`: what the straight line gives, what it is guarded by, and that it can be read."""

import ast
import contextlib
import gc
import random
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
    """The straight line gives the framework's own gradient, when recorded and when run again."""
    g = compiled or ad.compile(f, *xs)
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


# ----- guards -----
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_shapes_and_dtypes_are_guarded_and_variants_kept(framework):
    g = ad.compile(lambda x: (x * x).sum() / x.shape[0])
    for x in ([1.0, 2.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], [1.0, 2.0]):
        allclose(g(array(framework, x))[1], 2 * np.array(x) / len(x), "float64")
    assert g.recordings == 3
    assert (
        g(array(framework, [1.0, 2.0], "float32"))[1].dtype == array(framework, 1, "float32").dtype
    )
    assert g.recordings == 4 == len(g.variants) == g.source.count("def straight")


def test_strides_are_guarded():
    g = ad.compile(lambda x: (x.reshape(6) * torch.arange(6.0)).sum())
    x = torch.rand(2, 3)
    assert torch.equal(g(x)[1], torch.arange(6.0).reshape(2, 3))
    assert torch.equal(g(x.T.contiguous().T)[1], torch.arange(6.0).reshape(2, 3))
    assert g.recordings == 2


def test_a_branch_on_a_value_is_guarded():
    def f(x):
        if x.sum() > 0:
            return (x * x).sum()
        return (x * x * x).sum()

    g = ad.compile(f, torch.ones(2))
    for x in (torch.tensor([1.0, 2.0]), torch.tensor([-1.0, -2.0]), torch.tensor([3.0, 1.0])):
        assert torch.equal(g(x)[1], native_grad(f, (0,))(x)[0])
    assert g.recordings == 2 and "if not v" in g.source


def test_a_number_taken_out_is_guarded():
    def f(x, how):
        return {
            "item": lambda: x.sum() * x[0].detach().item(),
            "float": lambda: x.sum() * float(x[0].detach()),
            "int": lambda: x.sum() * int(x[0].detach()),
            "tolist": lambda: x.sum() * x.detach().tolist()[0],
            "truth": lambda: x.sum() if x[0] else -x.sum(),
            "equal": lambda: x.sum() if torch.equal(x.detach(), torch.ones(2)) else -x.sum(),
            "count": lambda: x.sum() * torch.nonzero(x.detach() > 0.5).shape[0],
            "loop": lambda: sum(x.sum() for _ in range(int(x.detach().sum()))),
        }[how]()

    for how in "item float int tolist truth equal count loop".split():
        g = ad.compile(lambda x, how=how: f(x, how), torch.ones(2))
        for values in ([1.0, 1.0], [3.0, 0.0], [0.0, 4.0], [1.0, 1.0]):
            x = torch.tensor(values)
            wanted = torch.autograd.grad(f(y := x.clone().requires_grad_(), how), y)[0]
            assert torch.equal(g(x)[1], wanted), how
        assert 2 <= g.recordings <= 3, how


def test_truth_of_a_number_is_guarded_as_truth():
    g = ad.compile(lambda x: x * 2 if x else x, torch.tensor(1.0))
    assert g(torch.tensor(5.0))[1] == 2 and g.recordings == 1
    assert g(torch.tensor(0.0))[1] == 1 and g.recordings == 2


def test_nan_is_the_same_answer_again():
    g = ad.compile(lambda x: x * 2 if x.item() != x.item() else x, torch.tensor(float("nan")))
    assert g(torch.tensor(float("nan")))[1] == 2 and g.recordings == 1


def test_what_the_function_finds_around_it_is_guarded():
    scale, table, config = 2.0, {"n": [1.0]}, np.ones(2)

    def helper(x):
        return x * scale

    def f(x):
        return (helper(x) * table["n"][0] * torch.from_numpy(config.copy())).sum()

    g, x = ad.compile(f, torch.ones(2, dtype=torch.float64)), torch.ones(2, dtype=torch.float64)
    assert float(g(x)[1][0]) == 2
    scale = 3.0
    assert float(g(x)[1][0]) == 3
    table["n"][0] = 10.0
    assert float(g(x)[1][0]) == 30
    config[0] = 5.0
    assert float(g(x)[1][0]) == 150
    assert float(g(x)[1][0]) == 150 and g.recordings == 4


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_another_tensor_in_the_closure_is_seen(framework):
    w = array(framework, [1.0, 2.0])
    g = ad.compile(lambda x: (x * w).sum(), w)
    w = array(framework, [5.0, 6.0])
    allclose(g(w)[1], [5.0, 6.0], "float64")


def test_a_module_in_the_closure_is_known_by_its_state():
    layer = torch.nn.Linear(2, 1)
    drop = torch.nn.Dropout(0.5)
    g = ad.compile(lambda x: drop(layer(x)).sum(), torch.ones(8, 2))
    drop.eval()
    assert torch.allclose(g(torch.ones(8, 2))[1], layer.weight.detach().expand(8, 2))
    assert g.recordings == 2
    with torch.no_grad():
        layer.weight += 1
    assert torch.allclose(g(torch.ones(8, 2))[1], layer.weight.detach().expand(8, 2))
    assert g.recordings == 2, "a parameter that is changed in place is read, not recorded again"
    layer.weight = torch.nn.Parameter(torch.zeros(1, 2))
    assert g(torch.ones(8, 2))[1].abs().sum() == 0


def test_data_of_a_closure_may_be_exchanged():
    w = torch.ones(2)
    g = ad.compile(lambda x: (x.sum() * w).sum() * w.shape[0], torch.tensor(1.0))
    w.data = torch.ones(3)
    assert float(g(torch.tensor(1.0))[1]) == 9


def test_default_dtype_and_autocast_are_guarded():
    g = ad.compile(lambda x: (x * torch.ones(2)).sum() * 1.0, torch.tensor(1.0))
    torch.set_default_dtype(torch.float64)
    try:
        assert g(torch.tensor(1.0, dtype=torch.float32))[0].dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)

    def product(a):
        return (a @ a).float().sum()

    g, a = ad.compile(product, torch.rand(4, 4)), torch.rand(4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, wanted = g(a), ad.value_and_grad(product)(a)
        again = g(a)
    assert torch.equal(found[0], wanted[0]) and torch.equal(again[1], wanted[1])
    assert g.recordings == 2
    assert torch.equal(g(a)[0], product(a)) and g.recordings == 2


# ----- randomness -----
def noisy(x):
    return (torch.nn.functional.dropout(x, 0.5) * torch.rand(50) + torch.randn(50)).sum()


def test_random_numbers_are_drawn_anew_and_as_eagerly():
    x = torch.ones(50)
    g = ad.compile(noisy, x)
    draws = [g(x)[1] for _ in range(20)]
    assert len({tuple(d.tolist()) for d in draws}) == 20
    torch.manual_seed(5)
    found, after = g(x), torch.get_rng_state()
    torch.manual_seed(5)
    wanted = ad.value_and_grad(noisy)(x)
    assert torch.equal(found[1], wanted[1]) and torch.allclose(found[0], wanted[0])
    assert torch.equal(after, torch.get_rng_state()) and g.recordings == 1


def test_a_dead_draw_is_still_drawn():
    def f(x):
        torch.rand(3)
        return x * torch.rand(())

    g = ad.compile(f, torch.tensor(1.0))
    torch.manual_seed(0)
    found = g(torch.tensor(1.0))[1]
    torch.manual_seed(0)
    torch.rand(3)
    assert found == torch.rand(())


def test_a_generator_is_an_object_by_reference():
    generator = torch.Generator()
    g = ad.compile(lambda x: x * torch.rand((), generator=generator), torch.tensor(1.0))
    one = g(torch.tensor(1.0))[1]
    assert g(torch.tensor(1.0))[1] != one
    generator.manual_seed(3)
    found = g(torch.tensor(1.0))[1]
    assert found == torch.rand((), generator=torch.Generator().manual_seed(3))


def test_a_missed_guard_gives_the_draws_back():
    def f(x):
        noise = torch.rand(())
        return x * noise if x.sum() > 0 else -x * noise

    g = ad.compile(f, torch.tensor(1.0))
    torch.manual_seed(1)
    found = g(torch.tensor(-1.0))[1]
    torch.manual_seed(1)
    assert found == -torch.rand(())


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_draws_that_would_be_frozen_are_refused(framework):
    for draw in (random.random, np.random.rand):
        with pytest.raises(ad.AutodiffError, match="draws from Python's or numpy's"):
            ad.compile(lambda x, draw=draw: x * draw(), array(framework, 1.0))


def test_a_seed_set_inside_is_refused():
    def f(x):
        torch.manual_seed(7)
        return x * torch.rand(())

    with pytest.raises(ad.AutodiffError, match="does not do the same when"):
        ad.compile(f, torch.tensor(1.0))


def test_numpy_in_the_middle_is_refused():
    with pytest.raises(ad.AutodiffError, match=r"leads out of PyTorch"):
        ad.compile(lambda x, y: x * float(np.sin(y.numpy())), torch.tensor(1.0), torch.tensor(2.0))


# ----- memory: what is written to, and what is seen from outside -----
def test_in_place_writes_inside_are_repeated():
    def f(x):
        buffer = torch.zeros(3)
        buffer[1] = 2.0
        buffer += 1
        literal = torch.tensor([1.0, 2.0, 3.0])
        literal.mul_(2)
        return (x * buffer * literal).sum()

    g = checked(f, torch.ones(3), dtype="float32")
    assert g.recordings == 1


def test_a_closure_that_is_written_to_is_written_to_each_time():
    calls = torch.zeros(())

    def f(x):
        calls.add_(1)
        return x * calls

    g = ad.compile(f, torch.tensor(2.0))
    assert [float(g(torch.tensor(2.0))[0]) for _ in range(3)] == [4, 6, 8]
    assert calls == 4 and g.recordings == 1


def test_a_missed_guard_takes_writes_back():
    calls = torch.zeros(())

    def f(x):
        calls.add_(1)
        return x * calls if x > 0 else -x * calls

    g = ad.compile(f, torch.tensor(1.0))
    g(torch.tensor(-1.0))
    assert calls == 2


def test_results_are_the_callers_own():
    g = ad.compile(
        lambda x, y: (x + y).sum() + torch.ones(3).sum(), *torch.ones(2, 3), argnums=(0, 1)
    )
    value, (a, b) = g(*torch.ones(2, 3))
    value.zero_()
    with contextlib.suppress(RuntimeError):  # expanded from one entry: PyTorch refuses the write
        a.zero_()
    again = g(*torch.ones(2, 3))
    assert again[0] == 9 and torch.equal(again[1][0], torch.ones(3))
    held = g(torch.ones(3), torch.ones(3))
    g(torch.zeros(3), torch.zeros(3))
    assert held[0] == 9, "a result is not a buffer of the next call"


def test_arguments_are_not_written_over():
    x = torch.rand(3, 3)
    before = x.clone()
    g = checked(lambda x: ((x * 2.0 + x).exp() * x).sum(), x, dtype="float32")
    assert torch.equal(x, before) and "exp_()" in g.source


def test_aliased_arguments_that_are_written_to():
    def f(x, a, b):
        a.add_(1)
        return (x * b).sum()

    a = torch.zeros(1)
    g = ad.compile(f, torch.ones(1), a, torch.zeros(1))
    assert a == 1, "recording writes into the argument too"
    assert g(torch.ones(1), a, torch.zeros(1))[0] == 0 and a == 2 and g.recordings == 1
    with pytest.raises(ad.AutodiffError, match="shares its memory with another"):
        g(torch.ones(1), a, a)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_same_tensor_twice_is_still_two_arguments(framework):
    w = array(framework, [1.0, 2.0])
    g = ad.compile(lambda x, y: (x * y * w).sum(), w, w)
    x, y = array(framework, [3.0, 4.0]), array(framework, [5.0, 6.0])
    allclose(g(x, y)[0], 15.0 + 48.0, "float64")
    assert g.recordings == 1


def test_odd_strides_pending_conjugates_and_views():
    base = torch.arange(12.0).reshape(3, 4)
    for x in (base.T, base[:, ::2], base[1].expand(3, 4), base[1:, 1:]):
        checked(lambda x: (x * x.flatten()[1] * x.T.reshape(x.shape)).sum(), x, dtype="float32")
    z = torch.randn(3, dtype=torch.complex64)
    f = lambda z: (z * z.conj() * (1 + 2j)).real.sum() + z.conj().imag.square().sum()  # noqa: E731
    for x in (z, z.conj()):
        checked(f, x, dtype="float32")


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
