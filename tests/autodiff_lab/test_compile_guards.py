"""What a straight line is guarded by: a guard that fails records again, no answer is stale."""

import numpy as np
import pytest

import autodiff_lab as ad
from tests.helpers import FRAMEWORKS, allclose, array, native_grad

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")


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
