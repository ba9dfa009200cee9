"""A node in words: what it is called, and what it did to what."""

from .values import short

PARAMETER = 16  # characters; longer ones are cut


def label(node):
    """The argument's name, or the node's place on the tape."""
    return node.name or (f"v{node.index}" if node.index is not None else "const")


def expression(node, params=True, label=label):
    """`sum(v1, axis=(0,))`: the operation, its operands (constants in place), its parameters."""
    inputs = [operand(p, label) for p in node.parents]
    named = [f"{k}={parameter(v)}" for k, v in (node.params or {}).items()
             if params and not callable(v) and not is_unsaid(v)]  # fmt: skip
    part = "" if node.part is None else f"[{node.part}]"
    return f"{node.op}({', '.join(inputs + named)}){part}"


def operand(node, label=label):
    if node.index is not None:
        return label(node)
    return f"const{list(node.shape)}" if node.shape or node.value is None else short(node.value)


def parameter(value):
    name = getattr(value, "__name__", None)  # a function's repr would show its address
    return name if name else cut(str(value).replace("torch.", ""), PARAMETER)


def is_unsaid(value):
    """Parameters that say nothing."""
    return value is None or value is False


def cut(text, most):
    return text if len(text) <= most else text[: most - 1] + "\u2026"
