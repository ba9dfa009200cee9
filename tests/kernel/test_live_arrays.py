"""`?` on arrays: where they lie, what is in them, and never a long look at a huge one."""

import pytest

from kernel import glance
from kernel.help_text import help_bundle
from kernel.values import numpy_of
from tests.helpers import FRAMEWORKS, array


def text(x):
    return " ".join(help_bundle(x)["text/plain"].split())


# ----- PyTorch's memory -----
def test_a_view_says_of_what_and_how_it_walks():
    torch = pytest.importorskip("torch")
    x = torch.arange(12.0).reshape(3, 4)
    found = text(x[1:, ::2])
    assert "(2, 2) float32" in found and "[4, 6, 8, 10]" in found and "cpu" in found
    assert "(4, 2) entries" in found and "4 entries into its storage" in found
    assert "12 entries, 48 bytes; not contiguous" in found and "view of a tensor (12,)" in found


def test_a_dim_of_stride_zero_is_pointed_out():
    torch = pytest.importorskip("torch")
    assert "along dim 0 one entry is read again and again" in text(torch.ones(3).expand(4, 3))


def test_where_a_gradient_would_go():
    torch = pytest.importorskip("torch")
    w = torch.nn.Parameter(torch.ones(2))
    assert "parameter (2,)" in text(w) and "a leaf; .grad is None so far" in text(w)
    assert "MulBackward0" in text(w * 2)
    w.sum().backward()
    assert ".grad holds one" in text(w)
    assert "requires_grad is False" in text(torch.ones(2))


ODD = {
    "meta": lambda t: t.empty(3, device="meta"), "sparse": lambda t: t.eye(3).to_sparse(),
    "empty": lambda t: t.empty(0, 3), "bool": lambda t: t.tensor([True, False] * 9),
    "complex": lambda t: t.ones(9, dtype=t.complex64), "half": lambda t: t.ones(9).half(),
    "bfloat16": lambda t: t.ones(9).bfloat16(), "int": lambda t: t.arange(9),
    "scalar": lambda t: t.tensor(1 + 2j), "conj": lambda t: t.tensor([1 + 2j]).conj(),
    "all NaN": lambda t: t.full((9,), float("nan")),
    "float8": lambda t: t.ones(9).to(t.float8_e5m2),
    "complex32": lambda t: t.zeros(9, dtype=t.complex32),
    "vmap": None, "func": None,
}  # fmt: skip


def test_what_is_not_one_block_of_numbers_says_how_it_is_kept():
    torch = pytest.importorskip("torch")
    assert "stored 3 of 9 entries" in text(torch.eye(3).to_sparse())
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
    assert "of 2 tensors" in text(nested) and "shapes (2,), (3,)" in text(nested)
    lazy = torch.nn.LazyLinear(3)
    assert "2: the first call says their shapes" in text(lazy)


def test_numbers_that_numpy_does_not_have_are_read_all_the_same():
    torch = pytest.importorskip("torch")
    assert "all 1" in text(torch.ones(9).to(torch.float8_e5m2))
    assert "[-2]" in text(torch.tensor([1 + 2j]).conj().imag)  # negated when it is read


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("kind", ODD)
def test_no_kind_of_tensor_breaks_its_page(kind):
    torch = pytest.importorskip("torch")
    if kind == "vmap":
        torch.vmap(lambda x: text(x) and x)(torch.ones(3, 2))
    elif kind == "func":
        torch.func.grad(lambda x: text(x) and x.sum())(torch.ones(3))
    else:
        assert "tensor (" in text(ODD[kind](torch))


# ----- JAX -----
def test_a_jax_array_says_that_it_never_changes_and_whether_it_is_weak():
    jax = pytest.importorskip("jax")
    assert "x.at[i].set(v)" in text(jax.numpy.ones(3)) and "weak type" not in text(
        jax.numpy.ones(3)
    )
    assert "takes that one's dtype" in text(jax.numpy.asarray(1.0))
    assert "random key" in text(jax.random.key(0))


def test_a_deleted_array_says_so():
    jax = pytest.importorskip("jax")
    x = jax.numpy.ones(3)
    x.delete()
    assert "deleted" in text(x)


TRACED = {
    "jit": ("jax.jit", lambda jax, f: jax.jit(f)),
    "vmap": ("one example of a batch", lambda jax, f: jax.vmap(f)),
    "jvp": ("", lambda jax, f: lambda x: jax.jvp(f, (x,), (x,))),
}


@pytest.mark.parametrize("name", TRACED)
def test_a_tracer_says_what_it_stands_for(name):
    jax = pytest.importorskip("jax")
    words, transform = TRACED[name]
    seen = []
    transform(jax, lambda x: seen.append(text(x)) or x)(jax.numpy.ones((2, 3)))
    assert "tracer" in seen[0] and words in seen[0] and "no" in seen[0]


# ----- both -----
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_values_in_a_line(framework):
    found = text(array(framework, [1.0, float("nan"), float("inf"), 2, 3, 4, 5]))
    assert "1 to 5" in found and "1 of 7 NaN!" in found and "1 of 7 inf!" in found
    assert "all 1, mean 1" in text(array(framework, [[1.0] * 4] * 4))
    assert "8 of 16 True" in text(array(framework, [[True, False] * 4] * 2))


@pytest.mark.parametrize(
    "shape", [(10**7,), (3, 10**6), (10**6, 3), (100, 100, 100), (5, 1, 10**6)]
)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_of_a_huge_array_only_a_sample_is_read(framework, shape, monkeypatch):
    module = pytest.importorskip({"torch": "torch", "jax": "jax.numpy"}[framework])
    read = []
    monkeypatch.setattr(glance, "numpy_of", lambda x: read.append(numpy_of(x)) or read[-1])
    found = text(module.zeros(shape))
    assert "as far as every" in found and "all 0" in found
    assert glance.MOST / 4 < read[0].size <= glance.MOST


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_batch_says_its_lengths_and_its_waste(framework):
    import masking_lab as ml

    b = ml.batch([array(framework, [1.0] * n) for n in (3, 5)])
    found = text(b)
    assert "2 examples (ragged)" in found and "dim 0: [3, 5]" in found
    assert "20.0% of the entries are padding" in found
    long = ml.batch([array(framework, [1.0] * n) for n in range(1, 21)])
    assert "dim 0: 1 to 20, median 10.5" in text(long)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_inside_a_batch_and_inside_a_recording_there_are_pages_too(framework):
    import autodiff_lab as ad
    import masking_lab as ml
    from masking_lab.lane import Lane

    b, seen = ml.batch([array(framework, [1.0] * n) for n in (3, 5)]), []
    assert "stands for 2 examples at once" in text(Lane(b.data, b.sizes))
    ad.record(lambda x: seen.append(text(x)) or x * x, array(framework, [1.0]))
    assert "recorded value" in seen[0] or "tracer" in seen[0]
