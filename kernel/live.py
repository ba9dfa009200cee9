"""The live cards that `?` shows for what is in the learner's hands: a tape, a node, a gradient."""

import inspect
import os

from .boxes import expression, label
from .values import NOT_COMPUTED, NOT_KEPT, summary


def live_card(obj):
    """`{"text/markdown": ..., "text/plain": ...}` for a tape, a node or a gradient, else `{}`."""
    import autodiff_lab as ad

    describe = {ad.Tape: _tape, ad.Node: _node}.get(type(obj))
    if describe is None and "differentiates" in getattr(obj, "__dict__", ()):
        describe = _gradient
    if describe is None:
        return {}
    title, facts = describe(obj)
    return {"text/markdown": _markdown(title, facts), "text/plain": _text(title, facts)}


def _tape(tape):
    done = any(n.adjoint is not None for n in tape.nodes)
    ops = len([n for n in tape.nodes if n.op != "input"])
    kept = sum(n.bytes for n in tape.nodes if n.value is not None)
    return "tape", {
        "framework": tape.framework,
        "nodes": f"{len(tape.nodes)}: {len(tape.inputs)} inputs and {ops} operations",
        "outputs": ", ".join(label(n) for n in tape.outputs if n is not None) or "none",
        "values kept": f"{kept:,} bytes",
        "adjoints": "computed" if done else f"{NOT_COMPUTED}; tape.backward() computes them",
        "picture": "show(tape)",
    }


def _node(node):
    what = node.op if node.op in ("input", "constant") else expression(node)
    return f"{label(node)} = {what}" if node.op != "input" else f"input {label(node)}", {
        "value": NOT_KEPT if node.value is None else summary(node.value),
        "adjoint": NOT_COMPUTED if node.adjoint is None else summary(node.adjoint),
        "shape, dtype": f"{tuple(node.shape)} {node.dtype}, {node.bytes:,} bytes",
        "parents": ", ".join(label(p) for p in node.parents) or "none",
        "reverse keeps": node.needs,
        "source": f"line {node.line}: {node.code}" if node.line else "",
    }


def _gradient(gradient):
    f = gradient.differentiates
    name = getattr(f, "__name__", "f")
    where = getattr(f, "__code__", None)
    return f"gradient of {name}", {
        "called as": f"the same as {name}{_signature(f)}",
        "gives": "the gradient, by the reverse walk over one recording of each call",
        "source": f"line {where.co_firstlineno} of {_file(where.co_filename)}" if where else "",
        "look inside": f"show(ad.record({name}, ...))",
    }


def _signature(f):
    try:
        return str(inspect.signature(f))
    except (TypeError, ValueError):  # built-in functions may have none
        return "(...)"


def _file(name):
    """A notebook cell has a made-up file name that changes with each run."""
    return "its cell" if "ipykernel" in name or name.startswith("<") else os.path.basename(name)


def _markdown(title, facts):
    rows = [f"| {k} | {_cell(v)} |" for k, v in facts.items() if v]
    return "\n".join([f"### {title}", "", "| | |", "|---|---|", *rows])


def _cell(text):
    return text.replace("|", "\\|")


def _text(title, facts):
    return "\n".join([title, "", *(f"  {k:<14}{v}" for k, v in facts.items() if v)])
