"""Spellings of products that sum over an index: matmul in all ranks, einsum."""

import functools

from ... import source, xp
from ...errors import AutodiffError
from .shapes import flat_sizes


def matmul_spec(m, n):
    """Subscripts of `a @ b` for ranks m and n; batch axes line up from the right."""
    batch = "abcdefgh"[: max(m, n, 2) - 2]
    a = batch[len(batch) - (m - 2) :] + "ij" if m > 1 else "j"
    b = batch[len(batch) - (n - 2) :] + "jk" if n > 1 else "j"
    return f"{a},{b}->{batch}{'i' if m > 1 else ''}{'k' if n > 1 else ''}"


def product_params(a, b):
    return _spec(a.ndim, b.ndim)


@functools.cache
def _spec(m, n):
    return {"spec": matmul_spec(m, n)}


def _matmul(input, other, *, mat2=None, tensor=None):
    return (input, other), product_params(input, other)


# ----- einsum: diagonals and sums first, then products from left to right -----
def _einsum(equation, *operands):
    if not isinstance(equation, str):  # einsum(a, [0, 1], b, [1, 2], [0, 2])
        equation, operands = _from_lists((equation, *operands))
    operands = flat_sizes(operands) if len(operands) == 1 else operands
    letters, out = _letters(equation.replace(" ", ""), [x.ndim for x in operands])
    sizes = _sizes(equation, letters, operands)
    terms = [_plain_term(x, own, sizes) for x, own in zip(operands, letters, strict=True)]
    x, own = _summed(*terms[0], set(out).union(*(t for _, t in terms[1:])))
    for i, (y, other) in enumerate(terms[1:], 2):
        later = set(out).union(*(t for _, t in terms[i:]))
        x, own = _summed(x, own, later | set(other))
        y, other = _summed(y, other, later | set(own))
        both = [c for c in dict.fromkeys(own + other) if c in later]
        both = out if i == len(terms) and set(both) == set(out) else "".join(both)
        x, own = xp.verbs("torch").contract(x, y, f"{own},{other}->{both}"), both
    return x if own == out else _ordered(equation, x, own, out)


def _from_lists(args):
    lists = [i for i in args if isinstance(i, (list, tuple))]
    names = [_name_of(i) for i in lists]
    inputs = ",".join(names[: len(args) // 2])
    return inputs + (f"->{names[-1]}" if len(args) % 2 else ""), args[: 2 * (len(args) // 2) : 2]


def _name_of(numbers):
    return "".join("..." if n is Ellipsis else LETTERS[n] for n in numbers)


LETTERS = "".join(chr(c) for c in [*range(65, 91), *range(97, 123)])


def _letters(equation, ndims):
    """The letters of each operand and of the output, the dots spelt out."""
    left, arrow, out = equation.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        raise AutodiffError(
            f"einsum {equation!r} names {len(inputs)} operands and was given {len(ndims)} "
            f"({source.here()})"
        )
    rest = [n - len(i.replace("...", "")) if "..." in i else 0
            for i, n in zip(inputs, ndims, strict=True)]  # fmt: skip
    free = [c for c in LETTERS if c not in equation][: max(rest)]
    dots = ["".join(free[len(free) - r :]) for r in rest]  # they line up from the right
    spelt = [i.replace("...", d) for i, d in zip(inputs, dots, strict=True)]
    if not arrow:
        used = "".join(spelt)
        out = "..." + "".join(sorted(c for c in set(used) - set(free) if used.count(c) == 1))
    return spelt, out.replace("...", "".join(free))


def _sizes(equation, letters, operands):
    found = {}
    for x, own in zip(operands, letters, strict=True):
        if len(own) != x.ndim:
            raise AutodiffError(f"einsum {equation!r}: {own} for a tensor of {x.ndim} dims")
        for c, n in zip(own, x.shape, strict=True):
            known = found.setdefault(c, n)
            if isinstance(known, int) and known == 1:
                found[c] = n
            elif isinstance(n, int) and n not in (1, known):
                raise AutodiffError(
                    f"einsum {equation!r} with shapes {[tuple(x.shape) for x in operands]} "
                    f"({source.here()}): sizes {known} and {n} of {c} do not agree"
                )
    return found


def _plain_term(x, own, sizes):
    """An operand without repeated letters, and without axes of size 1 that are stretched."""
    for c in dict.fromkeys(own):
        while own.count(c) > 1:
            x, own = _diagonal(x, own, c)
    stretched = [isinstance(n, int) and n == 1 and sizes[c] is not n and sizes[c] != 1
                 for c, n in zip(own, x.shape, strict=True)]  # fmt: skip
    if any(stretched):
        x = x.reshape([n for n, gone in zip(x.shape, stretched, strict=True) if not gone])
        own = "".join(c for c, gone in zip(own, stretched, strict=True) if not gone)
    return x, own


def _diagonal(x, own, c):
    """x where two indices agree; the second goes."""
    import torch

    i, j = own.index(c), own.rindex(c)
    at = torch.arange(x.shape[i], device=x.device)
    at, along = (at.reshape([-1 if k == n else 1 for k in range(x.ndim)]) for n in (i, j))
    return torch.where(at == along, x, 0.0).sum(j), own[:j] + own[j + 1 :]


def _summed(x, own, needed):
    gone = [i for i, c in enumerate(own) if c not in needed]
    return (x.sum(gone), "".join(c for c in own if c in needed)) if gone else (x, own)


def _ordered(equation, x, own, out):
    if sorted(own) != sorted(out):
        raise AutodiffError(f"einsum {equation!r}: the output {out!r} does not fit the inputs")
    return x.permute([own.index(c) for c in out])


# ----- products by other names -----
def _tensordot(a, b, dims=2, out=None):
    if isinstance(dims, int):
        dims = (range(a.ndim - dims, a.ndim), range(dims))
    left, right = ([d % x.ndim for d in _many(side)] for x, side in zip((a, b), dims, strict=True))
    own = LETTERS[: a.ndim]
    other = list(LETTERS[26 : 26 + b.ndim])
    for i, j in zip(left, right, strict=True):
        other[j] = own[i]
    out = [c for c in own if c not in other] + [c for c in other if c not in own]
    return _einsum(f"{own},{''.join(other)}->{''.join(out)}", a, b)


def _many(side):
    return [side] if isinstance(side, int) else list(side)


def _inner(input, other):
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    return _tensordot(input, other, ([-1], [-1]))


def _added(product):
    """`addmm` and its family: beta * input + alpha * product; beta = 0 forgets even a NaN."""

    def rewritten(input, a, b, *, beta=1, alpha=1):
        y = product(a, b)
        y = y if alpha == 1 else y * alpha
        if beta == 0:
            return y
        return y + (input if beta == 1 else input * beta)

    return rewritten


def _addmm(input, mat1, mat2, *, beta=1, alpha=1):
    if beta == 1 and alpha == 1:
        return xp.verbs("torch").add_product(input, mat1, mat2)
    return _added(lambda a, b: a @ b)(input, mat1, mat2, beta=beta, alpha=alpha)


def _addmm_directly(input, mat1, mat2, *, beta=1, alpha=1):
    """The one row that it mostly is; numbers in front make it several."""
    if beta != 1 or alpha != 1:
        raise TypeError("beta or alpha")
    return (input, mat1, mat2), {}


def _outer(input, vec2):
    return _einsum("i,j->ij", input, vec2)


def _bilinear(input1, input2, weight, bias=None):
    y = _einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


SIGNATURES = {
    "matmul": ("contract", _matmul), "mm": ("contract", _matmul), "bmm": ("contract", _matmul),
    "mv": ("contract", _matmul), "dot": ("contract", _matmul),
}  # fmt: skip
REWRITES = {
    "einsum": _einsum, "tensordot": _tensordot, "inner": _inner, "outer": _outer, "ger": _outer,
    "bilinear": _bilinear,
    "addmm": _addmm, "addmv": _added(lambda a, b: a @ b),
    "baddbmm": _added(lambda a, b: a @ b), "addbmm": _added(lambda a, b: (a @ b).sum(0)),
    "addr": _added(_outer),
}  # fmt: skip
DIRECTLY = {"addmm": ("add_product", _addmm_directly)}
