"""The page of a `torch.nn` module, a class or an object: the rows it is made of, its parameters."""

import dis
import sys

import autodiff_lab as ad

from .card import card
from .card_text import as_page, footer
from .concept_page import about, own_words, see_also
from .made_of import words
from .meanings import rows_used
from .page import Facts, Math, Page, Table, Words

MOVING = ("shape.py", "constant.py")  # sections whose rows say little about a layer
SMALL = ("add", "divide", "mean", "any", "all", "take_along")
MOST = 12  # parameters that are listed


def module_page(obj):
    """A page for a subclass of `torch.nn.Module` or an instance of one; else None."""
    torch = sys.modules.get("torch")
    nn = getattr(torch, "nn", None)
    if nn is None:
        return None
    if isinstance(obj, type):
        return _of_class(obj) if issubclass(obj, nn.Module) else None
    return _of_object(obj) if isinstance(obj, nn.Module) else None


def rows_of_module(kind):
    """Rows that the `forward` of a module class comes to, the telling ones."""
    if kind.forward is sys.modules["torch"].nn.Module.forward:
        return ()
    rows = [ad.table.ROWS[name] for name in rows_used(kind.forward, kind)]
    for inner in _inner_classes(kind):
        rows += [row for row in rows_of_module(inner) if row not in rows]
    telling = [r for r in rows if r.section not in MOVING and r.name not in SMALL]
    return tuple(telling or rows)


def _inner_classes(kind):
    """Modules that the class makes in its own `__init__`."""
    nn = sys.modules["torch"].nn
    init = vars(kind).get("__init__")
    named = words(init.__code__) if hasattr(init, "__code__") else ()
    found = [getattr(sys.modules[kind.__module__], word, None) for _, word in named]
    return [k for k in found if isinstance(k, type) and issubclass(k, nn.Module) and k is not kind]


def _of_class(kind):
    rows, names = rows_of_module(kind), _parameter_names(kind)
    return Page(_name(kind), "module", (
        _made_of(rows),
        Facts((("Parameters", ", ".join(f"`{n}`" for n in names)), *_calls(kind))),
        *_row_blocks(rows),
        own_words(kind),
    ))  # fmt: skip


def _of_object(module):
    kind = type(module)
    kinds = dict.fromkeys([kind, *(type(m) for m in module.modules())])
    rows = dict.fromkeys(row for k in kinds for row in rows_of_module(k))
    tensors = list(module.parameters())
    lazy = sum(map(_is_lazy, tensors))
    total = sum(p.numel() for p in tensors if not _is_lazy(p))
    named = [*module.named_parameters(), *module.named_buffers()]
    mode = "training" if module.training else "evaluation"
    return Page(_name(kind), "module", (
        _made_of(tuple(rows)),
        Table(("parameter", "shape", "dtype", "learns"), tuple(map(_parameter, named[:MOST]))),
        Facts((
            ("Parameters", f"{total:,} numbers in {len(tensors)} tensors" if tensors else "none"),
            ("Not made yet", f"{lazy}: the first call says their shapes" if lazy else ""),
            ("Not listed", f"{len(named) - MOST} more" if len(named) > MOST else ""),
            ("Inside", ", ".join(k.__name__ for k in kinds if k is not kind)),
            ("Mode", f"{mode}; `.train()` and `.eval()` change it"),
            *_calls(kind),
        )),
        *_row_blocks(tuple(rows)),
    ))  # fmt: skip


def _parameter(named):
    name, p = named
    if _is_lazy(p):
        return f"`{name}`", "not made yet", "", "yes"
    learns = "yes" if p.requires_grad else "no"
    return f"`{name}`", str(tuple(p.shape)), str(p.dtype).removeprefix("torch."), learns


def _is_lazy(p):
    return sys.modules["torch"].nn.parameter.is_lazy(p)


def _calls(kind):
    _, ideas = about(kind) or ("", ())
    return (
        ("In words", see_also(ideas)),
        ("Functional", "`f, params = ad.functional(module)`; then `ad.grad` of `f(params, x)`"),
        ("In a batch", "`ml.autobatch(module)(batch)`, where it is written for one example"),
    )  # fmt: skip


def _name(kind):
    home = "torch.nn." if kind.__module__.startswith("torch.nn.modules.") else ""
    return f"{home}{kind.__name__}"


def _made_of(rows):
    table = tuple((f"`{r.name}`", Math(card(r).formula)) for r in rows)
    return Table(("made of", "formula"), table) if len(rows) != 1 else Words("")


def _row_blocks(rows):
    """The whole card of the row, where it is one."""
    if len(rows) == 1:
        page = as_page(card(rows[0]))
        return (Words(f"It is the row **{page.title}** with parameters:"), *page.blocks)
    return (footer((10,)),)


def _parameter_names(kind):
    """What the constructors of a class and its bases register, read off their code."""
    found: dict = {}
    for base in reversed(kind.__mro__):
        init = vars(base).get("__init__")
        if base.__module__.startswith("torch.nn.modules.") and hasattr(init, "__code__"):
            found |= dict.fromkeys(_registered(init.__code__))
    return tuple(found)


def _registered(code):
    made = asked = False
    for step in dis.get_instructions(code):
        if step.argval in ("Parameter", "UninitializedParameter"):
            made = True
        elif step.argval in ("register_parameter", "register_buffer"):
            asked = True
        elif made and step.opname == "STORE_ATTR":
            yield step.argval
            made = False
        elif asked and step.opname == "LOAD_CONST" and isinstance(step.argval, str):
            yield step.argval
            asked = False
