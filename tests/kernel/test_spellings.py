"""What the cards say about spellings, held against the frameworks: names, defaults, behaviour."""

import functools
import importlib
import inspect
import re

import pytest

import autodiff_lab as ad
from kernel import spellings
from kernel.spellings import AROUND, DIFFERENCES, JAX_METHODS, OPERATORS
from tests.helpers import array

ROWS = ad.table.ROWS
AROUND_NAMES = [(row, name) for row, names in AROUND.items() for name in names.split()]
STATED = [(name, d) for name, found in DIFFERENCES.items() for d in found]
# Where the arguments are those of one of the row's functions and not of the first that is listed.
THE_ONE = {
    ("sort", "torch"): "torch.sort", ("sort", "jax"): "jax.numpy.sort",
    ("top_k", "torch"): "torch.topk", ("cummax", "torch"): "torch.cummax",
    ("cummin", "torch"): "torch.cummin", ("conv", "torch"): "torch.conv2d",
    ("pad", "jax"): "jax.numpy.pad", ("slice", "torch"): "torch.narrow",
    ("slice", "jax"): "jax.lax.slice", ("clamp", "jax"): "jax.lax.clamp",
}  # fmt: skip


def resolve(spelling):
    """The object of a dotted name; its module is imported."""
    parts = spelling.split(".")
    for n in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        return functools.reduce(getattr, parts[n:], found)
    raise ImportError(spelling)


def test_every_key_is_a_row():
    assert {*OPERATORS, *JAX_METHODS, *AROUND, *DIFFERENCES} <= set(ROWS)


@pytest.mark.parametrize("row, name", AROUND_NAMES, ids=lambda x: x)
def test_a_name_around_a_row_is_there_and_is_not_listed_by_another(row, name):
    pytest.importorskip(name.partition(".")[0])
    assert callable(resolve(name))
    assert ad.table.find(name) in (None, ROWS[row])


@pytest.mark.parametrize("name", [n for n in JAX_METHODS if "at[" not in JAX_METHODS[n]])
def test_a_jax_array_has_the_methods(name):
    pytest.importorskip("jax")
    x = array("jax", [1.0])
    assert all(callable(getattr(x, method)) for method in JAX_METHODS[name].split())


def signature(function):
    """`{name: default}`, from the signature or from the first lines of the docstring."""
    try:
        found = inspect.signature(function).parameters.values()
        return {p.name: str(p.default) for p in found}
    except ValueError:
        doc = inspect.getdoc(function) or ""
        texts = re.findall(r"^(?:\.\. function:: )?[\w.]+\((.*?)\)", doc, re.M | re.S)
        words = [part.split("=") for text in texts for part in re.split(r",(?![^\[]*\])", text)]
        return {w[0].split(":")[0].split()[-1]: w[-1].strip() for w in words if w[0].strip(" *")}


@pytest.mark.parametrize("framework", ["torch", "jax"])
@pytest.mark.parametrize("name, stated", STATED, ids=lambda x: x if isinstance(x, str) else "")
def test_the_arguments_stand_in_the_signature_with_their_defaults(name, stated, framework):
    pytest.importorskip(framework)
    text, row = getattr(stated, framework), ROWS[name]
    if not text:
        return
    names = [THE_ONE.get((name, framework)), *(getattr(row, framework))]
    found = [signature(resolve(n)) for n in names if n and not n.startswith("torch.Tensor")]
    for argument in text.split(", "):
        said, _, default = argument.partition("=")
        known = next((f[said] for f in found if said in f), None)
        assert known is not None or any(said in f for f in found), (said, found)
        if default and known != said:  # one of two forms may have none: sum(x), sum(x, dim)
            assert known.strip("'\"") in (default.strip("'\""), "None", f"{default}.0")


# ----- what bites, tried -----
BITES = {
    "var": ("torch.var(x).item(), jnp.var(y).item()", (2.0, 1.0)),
    "max": ("len(torch.max(x, 0)), jnp.max(y, 0).ndim", (2, 0)),
    "sort": ("len(torch.sort(x)), jnp.sort(y).shape[0]", (2, 2)),
    "split": ("len(torch.split(z, 2)), len(jnp.split(w, 2))", (3, 2)),
    "permute": ("torch.transpose(t, 0, 1).shape[2], jnp.transpose(u).shape[2]", (4, 2)),
    "pad": ("F.pad(torch.ones(1, 1), (1, 2, 0, 0)).shape[1], "
            "jnp.pad(jnp.ones((1, 1)), ((0, 0), (1, 2))).shape[1]", (4, 4)),
    "gelu": ("round(F.gelu(torch.tensor(1.)).item(), 5), round(jax.nn.gelu(1.).item(), 5)",
             (0.84134, 0.84119)),
    "cumsum": ("torch.cumsum(t, 0).ndim, jnp.cumsum(u).ndim", (3, 1)),
    "take_at": ("jnp.isnan(jnp.take(y, 9)).item(), y[9].item()", (True, 3.0)),
    "softmax": ("jax.nn.softmax(u).sum(-1)[0, 0].item()", 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", BITES)
def test_what_the_card_warns_of_is_so(name):
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    assert spellings.differences(ROWS[name])
    names = {
        "torch": torch, "jax": jax, "jnp": jax.numpy, "F": torch.nn.functional,
        "x": torch.tensor([1.0, 3.0]), "y": jax.numpy.array([1.0, 3.0]),
        "z": torch.arange(6), "w": jax.numpy.arange(6),
        "t": torch.ones(2, 3, 4), "u": jax.numpy.ones((2, 3, 4)),
    }  # fmt: skip
    code, expected = BITES[name]
    assert eval(code, names) == pytest.approx(expected)


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda r: r.name)
def test_where_a_row_has_axes_its_card_says_how_each_framework_calls_them(row):
    names = inspect.signature(row.fn).parameters
    if {"axis", "keepdims"} <= set(names) and row.torch and row.jax:
        text = str(spellings.table(row))
        assert "keepdim=" in text and "keepdims=" in text
