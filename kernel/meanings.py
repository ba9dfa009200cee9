"""What an object of a framework means: a row, several rows, or a torch.nn module made of them.

The table knows the functions that it lists. Beside these, PyTorch's front end knows what it lowers
by name (`torch.flatten` is a reshape), lax's functions bear the names of primitives, and for what
takes several rows `spellings.AROUND` names the one in the middle. Nothing is imported for it.
"""

import functools
import sys
from typing import NamedTuple

import autodiff_lab as ad

from . import spellings
from .made_of import words

HOMES = {"torch": "torch.Tensor.", "jax": "jax.numpy.", "jaxlib": "jax.numpy."}
NAMESPACES = ("torch", "torch.Tensor", "torch.nn.functional", "torch.linalg", "torch.special")
TWINS = frozenset(  # take several rows, mean the same in both frameworks, and have the same name
    "roll tril triu trace diag diagonal kron cross rot90 isclose allclose nanmedian median "
    "searchsorted bincount count_nonzero unique argsort isin ldexp logical_xor".split()
)
DISCRETE = frozenset(  # of those that take several rows: nothing flows back
    "isclose allclose equal searchsorted bucketize bincount count_nonzero argsort isin logical_xor "
    "histc nonzero argwhere isposinf isneginf isreal".split()
)


class Meaning(NamedTuple):
    row: object = None
    spelled: str = ""  # the name that was asked about, where the row is not all of it
    rewriting: object = None  # PyTorch: what is recorded instead, call by call


def meaning(obj):
    """What a function or method means, or None."""
    if isinstance(obj, ad.table.Row):
        return Meaning(obj)
    if not callable(obj) and type(obj).__name__ != "getset_descriptor":
        return None
    found = ad.table.find(obj) or _method(obj)
    if found is not None:
        return Meaning(found)
    return _around(obj) or _of_lax(obj) or _of_torch(obj) or _twin(obj)


def _method(obj):
    """The row of a method of an array in the learner's hands: `x.sum?`."""
    framework = type(getattr(obj, "__self__", None)).__module__.partition(".")[0]
    home = HOMES.get(framework)
    if home is None:
        return None
    name = obj.__name__.removeprefix("_")  # JAX calls its method `_sum`
    listed = {m: n for n, ms in spellings.JAX_METHODS.items() for m in ms.split()}
    if framework != "torch" and name in listed:
        return ad.table.ROWS[listed[name]]
    return ad.table.find(home + name)


@functools.cache
def _spellings_around():
    return [(s, name) for name, names in spellings.AROUND.items() for s in names.split()]


def _around(obj):
    for spelling, name in _spellings_around():
        if _resolve(spelling) is obj:
            return Meaning(ad.table.ROWS[name], spelling)
    return None


def _resolve(spelling):
    """The object of a dotted name, if its framework is imported."""
    first, *rest = spelling.split(".")
    return functools.reduce(lambda o, part: getattr(o, part, None), rest, sys.modules.get(first))


def _of_lax(obj):
    """A function of lax bears the name of its primitive."""
    lax = sys.modules.get("jax.lax")
    name = getattr(obj, "__name__", "")
    if lax is None or getattr(lax, name, None) is not obj:
        return None
    found = next((row for row in ad.table.ROWS.values() if name in row.prims), None)
    return found and Meaning(found, f"jax.lax.{name}")


def _of_torch(obj):
    """What PyTorch's front end lowers by name, or rewrites."""
    spelled = _name_in_torch(obj)
    if spelled is None:
        return None
    from autodiff_lab.on_torch.spellings import REWRITES, SIGNATURES

    for name in (obj.__name__, spelled.rpartition(".")[2]):
        if name in REWRITES:
            return Meaning(None, spelled, REWRITES[name])
        if name in SIGNATURES:
            return Meaning(ad.table.ROWS[SIGNATURES[name][0]], spelled)
    return None


def _name_in_torch(obj):
    """`torch.Tensor.view` for that very object (or a method of a tensor), or None."""
    if "torch" not in sys.modules:
        return None
    name = getattr(obj, "__name__", "").removeprefix("special_").removeprefix("linalg_")
    if isinstance(getattr(obj, "__self__", None), _resolve("torch.Tensor")):
        return f"torch.Tensor.{name}"
    return next(
        (f"{home}.{name}" for home in NAMESPACES if _resolve(f"{home}.{name}") is obj), None
    )


def _twin(obj):
    """A function of jax.numpy whose twin PyTorch's front end rewrites."""
    name = getattr(obj, "__name__", "")
    if name in TWINS and _resolve(f"jax.numpy.{name}") is obj:
        return Meaning(None, f"jax.numpy.{name}", None)
    return None


def twin(spelled):
    """The same function of the other framework, for what takes several rows."""
    name = spelled.rpartition(".")[2]
    if name not in TWINS:
        return ""
    return f"torch.{name}" if spelled.startswith("jax") else f"jax.numpy.{name}"


# ----- which rows a function of PyTorch's uses -----
def rows_used(fn, owner=None, seen=None):
    """Rows whose functions of PyTorch a Python function names; of a method, those of its class."""
    seen = set() if seen is None else seen
    fn = getattr(fn, "func", fn)
    code = getattr(getattr(fn, "__wrapped__", fn), "__code__", None)
    if code is None or code in seen:
        return ()
    seen.add(code)
    found: dict = {}
    for cell in fn.__closure__ or ():
        found |= dict.fromkeys(rows_used(cell.cell_contents, None, seen))
    for _, word in words(code):
        inner = getattr(owner, word, None) if owner is not None else None
        row = _row_named(word) or (ad.table.ROWS.get(word) if _is_ours(fn) else None)
        if row is not None and (inner is None or word.startswith("__")):
            found[row.name] = None
        elif hasattr(inner, "__code__"):
            found |= dict.fromkeys(rows_used(inner, owner, seen))
        elif (helper := _helper(word)) is not None:
            found |= dict.fromkeys(rows_used(helper, None, seen))
    return tuple(found)


def _is_ours(fn):
    return fn.__module__.startswith("autodiff_lab.on_torch")


def _helper(word):
    """A function of PyTorch's that is written in Python, or what is recorded instead of one."""
    from autodiff_lab.on_torch.spellings import REWRITES

    return REWRITES.get(word) or _resolve(f"torch.nn.functional.{word}")


def _row_named(word):
    """The row of a function of PyTorch with this name."""
    for home in ("torch.nn.functional", "torch"):
        found = _resolve(f"{home}.{word}")
        row = callable(found) and ad.table.find(f"{home}.{word}")
        if row:
            return row
    return None
