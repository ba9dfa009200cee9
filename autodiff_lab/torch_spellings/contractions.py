"""Spellings of products that sum over an index: matmul in all ranks, einsum."""

from .shapes import flat_sizes


def matmul_spec(m, n):
    """Subscripts of `a @ b` for ranks m and n; batch axes line up from the right."""
    batch = "abcdefgh"[: max(m, n, 2) - 2]
    a = batch[len(batch) - (m - 2) :] + "ij" if m > 1 else "j"
    b = batch[len(batch) - (n - 2) :] + "jk" if n > 1 else "j"
    return f"{a},{b}->{batch}{'i' if m > 1 else ''}{'k' if n > 1 else ''}"


def _matmul(input, other, *, mat2=None, tensor=None):
    return (input, other), {"spec": matmul_spec(input.ndim, other.ndim)}


def _einsum(spec, *operands):
    spec = spec.replace(" ", "")
    operands = flat_sizes(operands) if len(operands) == 1 else operands
    inputs, _, out = spec.partition("->")
    letters = inputs.split(",")
    if "->" not in spec or "." in spec or len(operands) != 2:
        raise TypeError(f"einsum {spec!r} with {len(operands)} operand(s): write out two and '->'")
    a, b = letters
    alone = (set(a) - set(b) | set(b) - set(a)) - set(out)
    if alone or len(set(a)) < len(a) or len(set(b)) < len(b) or not set(out) <= set(a + b):
        raise TypeError(f"einsum {spec!r}: sum single indices and take diagonals first")
    x, y = operands
    sizes = dict(zip(a, x.shape, strict=True))
    if any(isinstance(n, int) and sizes.get(i, n) != n for i, n in zip(b, y.shape, strict=True)):
        raise TypeError(f"einsum {spec!r} with shapes {tuple(x.shape)} and {tuple(y.shape)}")
    return operands, {"spec": f"{a},{b}->{out}"}


SIGNATURES = {
    "matmul": ("contract", _matmul), "mm": ("contract", _matmul), "bmm": ("contract", _matmul),
    "mv": ("contract", _matmul), "dot": ("contract", _matmul), "einsum": ("contract", _einsum),
}  # fmt: skip
