"""From an object to its row: functions, methods, names around a row, modules, what has none."""

import pytest

import autodiff_lab as ad
from kernel.help_text import help_bundle
from kernel.meanings import TWINS, meaning
from tests.helpers import array

TORCH = {
    "torch.flatten": "reshape", "torch.Tensor.view": "reshape", "torch.Tensor.T": "permute",
    "torch.Tensor.float": "astype", "torch.sort": "sort", "torch.vstack": "concat",
    "torch.nn.functional.embedding": "take_at", "torch.clamp_min": "clamp", "torch.norm": "norm",
    "torch.special.softmax": "softmax", "torch.matmul": "contract", "torch.detach": "stop_gradient",
}  # fmt: skip
JAX = {
    "jnp.squeeze": "reshape", "jnp.sort": "sort", "jax.lax.add": "add", "jax.lax.neg": "negative",
    "jax.lax.concatenate": "concat", "jnp.vstack": "concat", "jax.lax.dot_general": "contract",
    "jax.lax.select_n": "where", "jnp.linalg.norm": "norm", "jnp.isnan": "not_equal",
}  # fmt: skip
METHODS = {
    "torch": {"sum": "sum", "view": "reshape", "unsqueeze": "broadcast", "float": "astype"},
    "jax": {"sum": "sum", "clip": "clamp", "ravel": "reshape", "swapaxes": "permute"},
}
NOTHING = (print, len, object(), 3, "tanh", None, [1], ValueError, lambda x: x)


@pytest.mark.parametrize("name", {**TORCH, **JAX})
def test_a_function_has_the_row_it_is_lowered_to(name):
    first = pytest.importorskip("torch" if name in TORCH else "jax")
    names = {"torch": first, "jax": first, "jnp": getattr(first, "numpy", None)}
    assert meaning(eval(name, names)).row is ad.table.ROWS[(TORCH | JAX)[name]]


@pytest.mark.parametrize("framework, name", [(f, n) for f in METHODS for n in METHODS[f]])
def test_a_method_of_an_array_in_hand_has_the_row(framework, name):
    pytest.importorskip(framework)
    found = meaning(getattr(array(framework, [1.0]), name))
    assert found.row is ad.table.ROWS[METHODS[framework][name]]


@pytest.mark.parametrize("name", sorted(TWINS))
def test_what_takes_several_rows_says_so_in_both_frameworks(name):
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    for function in (getattr(torch, name), getattr(jax.numpy, name)):
        text = help_bundle(function)["text/plain"]
        assert f"torch.{name}" in text and f"jnp.{name}" in text and "several rows" in text


def test_the_rows_of_a_rewriting_are_named_and_its_source_is_there_to_be_read():
    torch = pytest.importorskip("torch")
    short, long = (help_bundle(torch.roll, level)["text/markdown"] for level in (0, 1))
    assert "**Rows:** `reshape`, `concat`, `slice`" in short
    assert "def " in long.split("```python")[1] and "```python" not in short


def test_a_method_without_a_row_leads_to_its_idea():
    torch = pytest.importorskip("torch")
    x = torch.ones(2)
    assert "view" in help_bundle(x.stride)["text/markdown"].splitlines()[0]
    assert "tape" in help_bundle(ad.record(torch.sin, x).backward)["text/markdown"].splitlines()[0]
    assert "NumPy" in help_bundle(x.numpy)["text/markdown"].splitlines()[0]
    assert help_bundle(x.share_memory_) == {}


@pytest.mark.parametrize("thing", NOTHING, ids=lambda thing: type(thing).__name__)
def test_what_is_nobodys_gets_nothing(thing):
    assert help_bundle(thing) == {}


def test_nothing_is_imported_to_find_out(monkeypatch):
    """A framework that is not there is not asked for."""
    import sys

    for name in [m for m in sys.modules if m.partition(".")[0] in ("torch", "jax")]:
        monkeypatch.delitem(sys.modules, name)
    before = set(sys.modules)
    assert help_bundle(print) == {} and help_bundle(ad.grad)["text/plain"].startswith("ad.grad")
    assert not {m for m in set(sys.modules) - before if m.partition(".")[0] in ("torch", "jax")}


# ----- modules -----
MODULES = {
    "LayerNorm": (("layer_norm",), ("weight", "bias")),
    "Linear": (("linear",), ("weight", "bias")),
    "Conv2d": (("conv",), ("weight", "bias")),
    "Embedding": (("take_at",), ("weight",)),
    "GRUCell": (("gru_cell",), ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
    "LSTM": (("lstm_cell",), ()),
    "MultiheadAttention": (("linear", "contract", "softmax", "attention"), ("in_proj_weight",)),
    "TransformerEncoderLayer": (("attention", "layer_norm", "linear"), ()),
    "BatchNorm1d": (("batch_norm",), ("weight", "bias", "running_mean", "running_var")),
    "CrossEntropyLoss": (("cross_entropy",), ("weight",)),
    "MaxPool2d": (("max_pool",), ()), "GELU": (("gelu",), ()), "Tanh": (("tanh",), ()),
    "Flatten": (("reshape",), ()), "Softmax": (("softmax",), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_a_module_class_shows_its_rows_and_the_names_of_its_parameters(name):
    nn = pytest.importorskip("torch").nn
    rows, parameters = MODULES[name]
    text = help_bundle(getattr(nn, name))["text/markdown"]
    assert f"torch.nn.{name} · module" in text
    assert all(row in text for row in rows) and all(f"`{p}`" in text for p in parameters)


def test_a_module_in_hand_shows_its_parameters_with_their_shapes():
    nn = pytest.importorskip("torch").nn
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1).requires_grad_(False))
    text = help_bundle(model)["text/markdown"]
    assert "| `0.weight` | (3, 2) | float32 | yes |" in text
    assert "| `2.weight` | (1, 3) | float32 | no |" in text
    assert "13 numbers in 4 tensors" in text and "`linear`" in text and "`tanh`" in text


def test_a_module_of_ones_own_is_read_too():
    torch = pytest.importorskip("torch")

    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = torch.nn.GRUCell(2, 2)

        def forward(self, x):
            return torch.softmax(self.cell(x), -1)

    text = help_bundle(Tagger())["text/markdown"]
    assert text.startswith("### Tagger") and "`softmax`" in text and "`gru_cell`" in text
