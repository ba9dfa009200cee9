"""Live pages of what the labs make: a tape, a node, a gradient function, a masked batch, a lane."""

import collections
import inspect
import os
import statistics

from .card_text import footer
from .glance import glance
from .page import Facts, Page
from .tape_view.boxes import cut
from .tape_view.names import labels
from .values import NOT_COMPUTED, NOT_KEPT, short

MOST_OPS = 8


def _page(title, kind, items, lessons):
    return Page(title, kind, (Facts(tuple(items)), footer(lessons)))


# ----- autodiff_lab -----
def tape(t):
    names = labels(t)
    done = any(n.adjoint is not None for n in t.nodes)
    ops = [n.op for n in t.nodes if n.op != "input"]
    kept = sum(n.bytes for n in t.nodes if n.value is not None)
    return _page("tape", t.framework, [
        ("Nodes", f"{len(t.nodes)}: {len(t.inputs)} inputs and {len(ops)} operations"),
        ("Operations", counted(ops)),
        ("Outputs", ", ".join(names[n.index] for n in t.outputs if n is not None) or "none"),
        ("Values kept", f"{kept:,} bytes"),
        ("Adjoints", "computed" if done else f"{NOT_COMPUTED}; `tape.backward()` computes them"),
        ("Picture", "`show(tape)`"),
    ], (4,))  # fmt: skip


def label(n):
    """A node alone knows no tape: its argument's name, or its place."""
    return n.name or (f"v{n.index}" if n.index is not None else "const")


def expression(n):
    """`sum(v1, axis=(0,))`: the operation, its operands (constants in place), its parameters."""
    named = [f"{k}={cut(str(v), 24)}" for k, v in n.params.items() if v not in (None, False)]
    return f"{n.op}({', '.join([*map(_operand, n.parents), *named])})"


def _operand(n):
    if n.index is not None:
        return label(n)
    return f"const{list(n.shape)}" if n.shape or n.value is None else short(n.value)


def counted(ops):
    """`matmul, 3 x tanh`, the most frequent first."""
    counts = collections.Counter(ops).most_common()
    told = [f"{n} x {op}" if n > 1 else op for op, n in counts[:MOST_OPS]]
    more = len(counts) - MOST_OPS
    return ", ".join(told) + (f" and {more} other kinds" if more > 0 else "")


def node(n):
    what = n.op if n.op in ("input", "constant") else expression(n)
    title = f"{label(n)} = {what}" if n.op != "input" else f"input {label(n)}"
    dtype = str(n.dtype).removeprefix("torch.")
    return _page(title, "node", [
        ("Value", NOT_KEPT if n.value is None else glance(n.value)),
        ("Adjoint", NOT_COMPUTED if n.adjoint is None else glance(n.adjoint)),
        ("Shape", f"{tuple(n.shape)} {dtype}, {n.bytes:,} bytes"),
        ("Parents", ", ".join(label(p) for p in n.parents) or "none"),
        ("Reverse keeps", n.needs),
        ("Source", f"line {n.line}: `{n.code}`" if n.line else ""),
    ], (4,))  # fmt: skip


def is_derivative(obj):
    """Not what was wrapped around one since, and has its attributes too."""
    about = getattr(obj, "__dict__", {})
    return "differentiates" in about and about.get("__wrapped__") is about["differentiates"]


def is_gradient(obj):
    return is_derivative(obj) and hasattr(getattr(obj, "by", obj), "last")


def jacobian(j):
    """Of `ad.jacfwd`, `ad.jacrev`, `ad.jacobian`, `ad.hessian`: they keep no tape."""
    f = j.differentiates
    name = getattr(f, "__name__", type(f).__name__)
    where = getattr(inspect.unwrap(f), "__code__", None)
    return _page(f"Jacobian of {'the gradient of ' * _depth(f)}{name}", "function", [
        ("Called as", f"`{name}{_signature(f)}`"),
        ("Gives", "a number for each entry of the output and each of the input: the output's axes, "
                  "then the input's"),
        ("Cost", "`ad.jacfwd` walks once for each input, `ad.jacrev` for each output; "
                 "`ad.jacobian(f).cost(...)` counts"),
        ("Source", f"line {where.co_firstlineno} of {_file(where.co_filename)}" if where else ""),
    ], (7, 3))  # fmt: skip


def gradient(g):
    f = g.differentiates
    name = getattr(f, "__name__", type(f).__name__)
    nested = "the gradient of " * _depth(f)
    both = "" if hasattr(g, "by") else "the value and "
    where = getattr(inspect.unwrap(f), "__code__", None)
    return _page(f"gradient of {nested}{name}", "function", [
        ("Called as", f"`{name}{_signature(f)}`"),
        ("Gives", f"{both}the gradient, by one walk back over one recording of each call"),
        ("Last tape", _last(g)),
        ("Cost", "one or two operations on the way back for each that is recorded; "
                 f"`ad.memory(ad.grad({name}), ...)` counts the bytes that it keeps"),
        ("Source", f"line {where.co_firstlineno} of {_file(where.co_filename)}" if where else ""),
        ("Look inside", f"`show(ad.record({name}, ...))`"),
    ], (4,))  # fmt: skip


def _depth(f):
    return 1 + _depth(f.differentiates) if is_derivative(f) else 0


def has_rule(obj):
    """Made by `ad.custom_rule`; not what was wrapped around one since."""
    rule = getattr(obj, "__dict__", {}).get("rule")
    return type(rule).__name__ == "Rule" and rule.f is obj.__wrapped__


def with_rule(f):
    name, rule = getattr(f, "__name__", "it"), f.rule
    stated = [word for word in ("d", "jvp", "vjp") if getattr(rule, word) is not None]
    return _page(f"{name} with a derivative of its own", "function", [
        ("Computes", f"what `{name}` computes"),
        ("Derivative", f"as stated in {' and '.join(f'`{word}=`' for word in stated)}, for every "
                       "walk here, `jax.grad` and `torch.autograd`"),
        ("Is it right", f"`ad.check({name}, x)` compares it with the slope of the values"),
        ("Made by", "`ad.custom_rule`"),
    ], (6,))  # fmt: skip


def _last(g):
    rows = getattr(g, "by", g).last
    if rows is None:
        return "none yet: it has not been called"
    ops = [row.name for row in rows if row is not None]
    return f"{len(ops)} operations: {counted(ops)}"


def _signature(f):
    try:
        return str(inspect.signature(f))
    except (TypeError, ValueError):  # built-in functions may have none
        return "(...)"


def _file(name):
    """A notebook cell has a made-up file name that changes with each run."""
    return "its cell" if "ipykernel" in name or name.startswith("<") else os.path.basename(name)


def box(b):
    """A value inside a function that is being recorded: a debugger shows these."""
    page = node(b.node)
    return Page(page.title, "recorded value", (
        Facts((("Inside", "the function that is being recorded; it is used like the tensor"),)),
        *page.blocks,
    ))  # fmt: skip


# ----- masking_lab -----
def batch(b):
    import masking_lab as ml

    ragged = [i for i, n in enumerate(b.sizes) if n is not None]
    dtype = str(b.dtype).removeprefix("torch.")
    return _page(f"{len(b)} examples {_shape(b)} {dtype}", "MaskedBatch", [
        ("Lengths", "; ".join(_lengths(b.sizes[i], i) for i in ragged) or "all examples agree"),
        ("Padded", f"{tuple(b.data.shape)}, on {b.device}"),
        ("Waste", repr(ml.waste(b)) if ragged and _is_known(b.sizes[ragged[0]]) else ""),
        ("Examples", "`b.unbatch()`, `b[0]`; with the mask: `b.to_padded()`"),
        ("Compute", "`ml.autobatch(f)(b)`, with f for one example; `ml.reduce(b, 'token')`"),
    ], (12,))  # fmt: skip


def lane(x):
    ragged = [i for i, n in enumerate(x.sizes) if n is not None]
    return _page(f"one example's array {_shape(x)} {x.dtype}", "inside autobatch", [
        ("Stands for", f"{x.data.shape[0]} examples at once, each in its own size"),
        ("Lengths", "; ".join(_lengths(x.sizes[i], i) for i in ragged)),
        ("Padded", str(tuple(x.data.shape))),
    ], (12,))  # fmt: skip


def _shape(x):
    sizes = [str(n) if own is None else "ragged" for n, own in
             zip(x.data.shape[1:], x.sizes, strict=True)]  # fmt: skip
    return f"({', '.join(sizes)})"


def _is_known(lengths):
    try:
        lengths.tolist()
        return True
    except Exception:  # under tracing nobody knows them
        return False


def _lengths(n, dim):
    if not _is_known(n):
        return f"dim {dim}: known when it runs"
    flat = n.reshape(-1).tolist()
    if len(flat) <= 12:
        return f"dim {dim}: {n.tolist()}"
    low, mid, high = min(flat), statistics.median(flat), max(flat)
    return f"dim {dim}: {low} to {high}, median {mid:g}"
