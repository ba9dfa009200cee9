"""Spellings of linear algebra, those of the dispatcher (`_ex`) included."""

import functools

from ... import source, xp
from ...errors import AutodiffError
from ...table.linalg import below, trace, upper
from .indexing import bare


def _verbs():
    return xp.verbs("torch")


def _refuse(what):
    raise AutodiffError(f"{what} has no row ({source.here()}); leave that argument out")


def _matrix(input=None, A=None, **_):
    return (A if input is None else input,), {}


def _cholesky(input, upper=False):
    y = _verbs().cholesky(input)
    return y.mT if upper else y


def _with_info(name, f):
    """`linalg_inv_ex` and its like give the result and a report."""

    def rewritten(A, *args, check_errors=False, **kwargs):
        import torch

        info = torch.zeros(A.shape[:-2], dtype=torch.int32, device=A.device)
        return getattr(torch.return_types, name)((f(A, *args, **kwargs), info))

    return rewritten


# ----- systems of equations -----
def _same_batch(a, b):
    import torch

    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return a.expand(*batch, *a.shape[-2:]), b.expand(*batch, *b.shape[-2:])


def _solve(A, B, *, left=True):
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])
    if vector:
        return _solve(A, B.unsqueeze(-1), left=left).squeeze(-1)
    if not left:
        return _solve(A.mT, B.mT).mT
    return _verbs().solve(*_same_batch(A, B))


def _triangular(a, b, left, upper, trans, unit):
    a, b = _same_batch(a, b)
    return _verbs().triangular_solve(a, b, lower=not upper, left=left, trans=trans, unit=unit)


def _solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    return _triangular(A, B, left, upper, False, unitriangular)


def _old_triangular_solve(b, A, upper=True, transpose=False, unitriangular=False):
    return _triangular(A, b, True, upper, transpose, unitriangular), A


def _cholesky_solve(B, L, upper=False):
    return _verbs().cholesky_solve(*_same_batch(B, L.mT if upper else L))


def _cholesky_inverse(L, upper=False):
    import torch

    eye = torch.eye(L.shape[-1], dtype=L.dtype, device=L.device)
    return _cholesky_solve(eye.expand(L.shape), L, upper)


def _lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    import torch

    if not left:
        return _lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    moved = torch.lu_unpack(torch.empty(LU.shape), pivots, unpack_data=False)[0].to(LU.dtype)
    if adjoint:
        z = _triangular(LU, B, True, True, True, False)
        return moved @ _triangular(LU, z, True, False, True, True)
    z = _triangular(LU, moved.mT @ B, True, False, False, True)
    return _triangular(LU, z, True, True, False, False)


def _tensorsolve(A, B, dims=None):
    if dims is not None:
        _refuse("tensorsolve with dims")
    shape = A.shape[B.ndim :]
    return _solve(A.reshape(B.numel(), -1), B.reshape(-1)).reshape(shape)


# ----- products -----
def _matrix_power(A, n):
    import torch

    if n < 0:
        return _matrix_power(torch.linalg.inv(A), -n)
    if n == 0:
        return torch.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand(A.shape)
    half = _matrix_power(A, n // 2) if n > 1 else None
    square = half @ half if n > 1 else A
    return square @ A if n % 2 and n > 1 else square


def _multi_dot(tensors, *, out=None):
    y = tensors[0]
    for x in tensors[1:]:
        y = y @ x
    return y


def _trace(input):
    return trace(_verbs(), input)


def _kron(input, other):
    n = max(input.ndim, other.ndim)
    a = input.reshape((1,) * (n - input.ndim) + tuple(input.shape))
    b = other.reshape((1,) * (n - other.ndim) + tuple(other.shape))
    shape = [i * j for i, j in zip(a.shape, b.shape, strict=True)]
    a = a.reshape([m for i in a.shape for m in (i, 1)])
    b = b.reshape([m for i in b.shape for m in (1, i)])
    return (a * b).reshape(shape)


def _cross(input, other, dim=None):
    import torch

    input, other = torch.broadcast_tensors(input, other)
    if dim is None:
        dim = next(i for i, n in enumerate(input.shape) if n == 3)
    a, b = ([x.select(dim, i) for i in range(3)] for x in (input, other))
    parts = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return torch.stack(parts, dim)


def _logdet(input):
    import torch

    sign, log = torch.linalg.slogdet(input)
    return torch.where(sign < 0, float("nan"), log)


# ----- decompositions: the table's order of outputs is lax's, PyTorch's is its own -----
def _named(kind, *parts):
    """`torch.return_types.linalg_eigh` and its like: a tuple with names."""
    import torch

    return getattr(torch.return_types, kind)(parts)


def _eigh(A, UPLO="L", compute_v=True):
    v, w = _verbs().eigh(A if UPLO == "L" else A.mT)
    return _named("linalg_eigh", w, v)


def _eigvalsh(A, UPLO="L"):
    return _eigh(A, UPLO)[0]


def _svd(A, full_matrices=True, compute_uv=True, *, driver=None):
    if full_matrices and A.shape[-1] != A.shape[-2]:
        _refuse(f"svd with full_matrices=True of shape {tuple(A.shape)}")
    s, u, vt = _verbs().svd(A)
    return _named("linalg_svd", u, s, vt)


def _old_svd(input, some=True, compute_uv=True):
    if not some or not compute_uv:
        _refuse(f"torch.svd with some={some} and compute_uv={compute_uv}")
    s, u, vt = _verbs().svd(input)
    return _named("svd", u, s, vt.mT)


def _qr(A, mode="reduced"):
    if mode != "reduced":
        _refuse(f"qr with mode={mode!r}")
    m, n = A.shape[-2:]
    if m >= n:
        return _named("linalg_qr", *_verbs().qr(A))
    import torch

    q, r = _verbs().qr(A[..., :m])  # the columns that are left over only change R
    return _named("linalg_qr", q, torch.cat([r, q.mT @ A[..., m:]], -1))


def _old_qr(input, some=True):
    return _qr(input, "reduced" if some else "complete")


def _lstsq(A, B, rcond=None, *, driver=None):
    """The shortest x with the least |A x - B|, by QR; a matrix must have its full rank."""
    import torch

    a, b = bare(A, "linalg.lstsq"), bare(B, "linalg.lstsq")
    found = torch.linalg.lstsq(a, b, rcond, driver=driver)
    m, n = A.shape[-2:]
    if m and n and int(torch.linalg.matrix_rank(a).min()) < min(m, n):
        raise AutodiffError(
            f"lstsq of a matrix without full rank ({source.here()}) has no derivative: its rank, "
            "and with it the solution, jumps; leave out columns, or add a small multiple of eye"
        )
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])
    right = B.unsqueeze(-1) if vector else B
    if m >= n:
        q, r = _verbs().qr(A)
        x = _triangular(r, q.mT @ right, True, True, False, False)
    else:
        q, r = _verbs().qr(A.mT)
        x = q @ _triangular(r.mT, right, True, False, False, False)
    residuals = ((A @ x - right) ** 2).sum(-2) if found.residuals.numel() else found.residuals
    x = x.squeeze(-1) if vector else x
    return _named("linalg_lstsq", x, residuals.reshape(found.residuals.shape), found.rank,
                  found.singular_values)  # fmt: skip


def _lu_factor(A, *, pivot=True):
    if not pivot:
        _refuse("lu_factor with pivot=False")
    packed, pivots, _ = _verbs().lu(A)
    return _named("linalg_lu_factor", packed, pivots + 1)


def _lu(A, *, pivot=True):
    import torch

    if not pivot:
        _refuse("lu with pivot=False")
    if A.shape[-1] != A.shape[-2]:
        _refuse("lu of a matrix that is not square")
    packed, _, perm = _verbs().lu(A)
    eye = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    return _named("linalg_lu", eye[perm.long()].mT, below(_verbs(), packed) + eye,
                  upper(_verbs(), packed))  # fmt: skip


def _slogdet(A):
    return _named("linalg_slogdet", *_verbs().slogdet(A))


def _pinv(A, rcond=None, *, hermitian=False, atol=None, rtol=None):
    if hermitian or not (rcond is None and atol is None and rtol is None):
        _refuse("pinv with hermitian or a tolerance")
    return _verbs().pinv(A)


def _svdvals(A, *, driver=None):
    return (A,), {}


SIGNATURES = {
    "linalg_inv": ("inv", _matrix), "inverse": ("inv", _matrix),
    "linalg_det": ("det", _matrix), "det": ("det", _matrix),
    "linalg_svdvals": ("svdvals", _svdvals),
    "matrix_exp": ("matrix_exp", _matrix), "linalg_matrix_exp": ("matrix_exp", _matrix),
}  # fmt: skip
REWRITES = {
    "linalg_cholesky": _cholesky, "cholesky": _cholesky,
    "linalg_cholesky_ex": _with_info("linalg_cholesky_ex", _cholesky),
    "linalg_inv_ex": _with_info("linalg_inv_ex", lambda A: _verbs().inv(A)),
    "linalg_solve": _solve, "linalg_solve_ex": _with_info("linalg_solve_ex", _solve),
    "linalg_solve_triangular": _solve_triangular, "triangular_solve": _old_triangular_solve,
    "linalg_lu_solve": _lu_solve, "linalg_tensorsolve": _tensorsolve,
    "lu_solve": lambda b, LU, pivots: _lu_solve(LU, pivots, b),
    "cholesky_solve": _cholesky_solve, "cholesky_inverse": _cholesky_inverse,
    "matrix_power": _matrix_power, "linalg_matrix_power": _matrix_power,
    "linalg_multi_dot": _multi_dot, "chain_matmul": lambda *xs: _multi_dot(xs),
    "trace": _trace, "kron": _kron, "cross": _cross, "linalg_cross": lambda a, b, *, dim=-1:
    _cross(a, b, dim), "logdet": _logdet,
    "linalg_eigh": _eigh, "_linalg_eigh": _eigh, "linalg_eigvalsh": _eigvalsh,
    "linalg_svd": _svd, "_linalg_svd": _svd, "svd": _old_svd,
    "linalg_qr": _qr, "qr": _old_qr, "linalg_lu_factor": _lu_factor, "linalg_lu": _lu,
    "linalg_slogdet": _slogdet, "slogdet": _slogdet, "linalg_pinv": _pinv, "pinverse": _pinv,
    "linalg_lstsq": _lstsq,
}  # fmt: skip


# ----- formulas for real matrices: of a complex one they would be wrong without a word -----
def _of_real(name, f):
    @functools.wraps(f)
    def checked(*args, **kwargs):
        if any(getattr(a, "dtype", None) in _complex_types() for a in (*args, *kwargs.values())):
            _refuse(f"{name} of a complex matrix")
        return f(*args, **kwargs)

    return checked


def _complex_types():
    import torch

    return torch.complex64, torch.complex128


for _name in (
    "linalg_cholesky cholesky linalg_cholesky_ex cholesky_solve cholesky_inverse linalg_lu_solve "
    "lu_solve linalg_lu_factor linalg_lu linalg_slogdet slogdet logdet linalg_pinv pinverse "
    "linalg_lstsq"
).split():
    REWRITES[_name] = _of_real(_name, REWRITES[_name])
SIGNATURES["linalg_svdvals"] = ("svdvals", _of_real("linalg_svdvals", _svdvals))
