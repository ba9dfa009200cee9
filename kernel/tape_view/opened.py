"""What is inside of an operation: the tape of a composite's definition, run once more."""


def inner_tape(tape, node):
    """The inner tape of a composite node, with its adjoints, or None if it cannot be run again."""
    from autodiff_lab import AutodiffError, record

    xs = [p.value for p in node.parents]
    if any(x is None for x in xs) or node.group is not None:
        return None
    arrays = [i for i, x in enumerate(xs) if hasattr(x, "shape")]

    def define(*some):
        given = list(xs)
        for i, x in zip(arrays, some, strict=True):
            given[i] = x
        return node.row.fn(tape.xp, *given, **node.params)

    try:
        inner = record(define, *[xs[i] for i in arrays])
        _name(inner, node, arrays)
        if node.adjoint is not None:
            inner.backward(node.adjoint)
        return inner if len(inner.nodes) > len(arrays) + 1 else None
    except (AutodiffError, TypeError, ValueError, RuntimeError):
        return None


def _name(inner, node, arrays):
    """The operands are called by the letters of the row's formula."""
    letters = "x" if len(node.parents) == 1 else "abcdefgh"
    for n, i in zip(inner.inputs, arrays, strict=True):
        n.name = node.parents[i].name or letters[i % 8]
