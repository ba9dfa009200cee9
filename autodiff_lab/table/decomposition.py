"""Decompositions: lu, qr, eigh, svd and what is made of them. Rows with many outputs.

The formulas are those of `linalg`'s authors. Vectors are unique only up to a sign and, where two
values are equal, up to a rotation: a loss that depends on that choice has no derivative, and the
division by the difference of the values says so with inf or NaN. Where the loss does not ask for
the vectors, 0 / 0 counts as 0, so that repeated values do no harm.
"""

from ..errors import AutodiffError
from .linalg import (  # fmt: skip
    ACROSS,
    DOWN,
    T,
    _times_number,
    _where,
    _whole,
    below,
    diagonal,
    lower,
    mul,
    real,
    symmetric,
    times_columns,
    times_rows,
    trace,
    upper,
)
from .row import general


def over(xp, x, d):
    """x / d, where 0 / 0 is 0."""
    nothing = (x == 0) & (d == 0)
    return xp.where(nothing, 0.0, x) / xp.where(nothing, 1.0, d)


def off(xp, x):
    """x without its diagonal."""
    return _where(xp, x, lambda i, j: i != j)


# ----- A = V diag(w) V' -----
def _eigh_jvp(xp, dx, ys, x):
    v, w = ys
    real(xp, v, "eigh")
    inner = mul(xp, T(xp, v), symmetric(xp, dx), v)
    return mul(xp, v, over(xp, off(xp, inner), _gaps(xp, w, v))), diagonal(xp, inner)


def _eigh_vjp(xp, gs, ys, x):
    (gv, gw), (v, w) = gs, ys
    real(xp, v, "eigh")
    inner = over(xp, off(xp, mul(xp, T(xp, v), gv)), _gaps(xp, w, v))
    found = mul(xp, v, inner, T(xp, v)) + mul(xp, times_columns(xp, v, gw), T(xp, v))
    return (symmetric(xp, found),)


def _gaps(xp, w, like):
    """w_j - w_i, and 1 on the diagonal."""
    n, shape = len(w.shape), (*w.shape, w.shape[-1])
    columns = xp.broadcast(w, shape, (*range(n - 1), n))
    difference = columns - T(xp, columns)
    ones = xp.ones(tuple(shape), w.dtype, w)
    return difference + _where(xp, ones, lambda i, j: i == j)


general("eigh", lambda xp, x: xp.eigh(x), _eigh_jvp, _eigh_vjp, keeps="y", outputs="many",
        along=lambda m, x: m.whole((DOWN, ACROSS), (ACROSS,), why="chooses the signs of vectors"),
        domain="symmetric", torch="torch.linalg.eigh", jax="jax.numpy.linalg.eigh",
        prims="", tex=r"A = V \operatorname{diag}(w) V^T",
        dtex=r"dw = \operatorname{diag}(V^T dA \, V), \quad dV = V (F \circ V^T dA \, V), \quad "
             r"\bar A = V \left(\operatorname{diag}(\bar w) + F \circ V^T \bar V\right) V^T, "
             r"\quad F_{ij} = \frac{1}{w_j - w_i}",
        kinks="where two values are equal the derivative of the vectors does not exist",
        pitfalls="The table lists the vectors first, as lax does; torch and jnp the values.",
        cases=(([(3, 3)], {}), ([(2, 2, 2)], {})),
        example="eigh([[2., 0.], [0., 3.]])[1] = [2., 3.]")


# ----- A = U diag(s) V' -----
def _beside(xp, u, x):
    """The part of x that u does not span: (I - U U') X."""
    return x - mul(xp, u, mul(xp, T(xp, u), x))


def _svd_jvp(xp, dx, ys, x):
    s, u, vt = ys
    real(xp, u, "svd")
    v = T(xp, vt)
    inner, gaps = mul(xp, T(xp, u), dx, v), _gaps(xp, s * s, u)
    left = times_columns(xp, inner, s) + times_rows(xp, s, T(xp, inner))
    right = times_rows(xp, s, inner) + times_columns(xp, T(xp, inner), s)
    du = mul(xp, u, over(xp, off(xp, left), gaps))
    dv = mul(xp, v, over(xp, off(xp, right), gaps))
    if x.shape[-2] > x.shape[-1]:
        du = du + _over_columns(xp, _beside(xp, u, mul(xp, dx, v)), s)
    if x.shape[-1] > x.shape[-2]:
        dv = dv + _over_columns(xp, _beside(xp, v, mul(xp, T(xp, dx), u)), s)
    return diagonal(xp, inner), du, T(xp, dv)


def _over_columns(xp, x, s):
    n = len(x.shape)
    return over(xp, x, xp.broadcast(s, tuple(x.shape), (*range(n - 2), n - 1)))


def _svd_vjp(xp, gs, ys, x):
    (gsv, gu, gvt), (s, u, vt) = gs, ys
    real(xp, u, "svd")
    v, gv, gaps = T(xp, vt), T(xp, gvt), _gaps(xp, s * s, u)
    left = over(xp, _skew(xp, mul(xp, T(xp, u), gu)), gaps)
    right = over(xp, _skew(xp, mul(xp, vt, gv)), gaps)
    inner = times_columns(xp, left, s) + times_rows(xp, s, right)
    found = mul(xp, u, inner, vt) + mul(xp, times_columns(xp, u, gsv), vt)
    if x.shape[-2] > x.shape[-1]:
        found = found + mul(xp, _over_columns(xp, _beside(xp, u, gu), s), vt)
    if x.shape[-1] > x.shape[-2]:
        found = found + mul(xp, u, T(xp, _over_columns(xp, _beside(xp, v, gv), s)))
    return (found,)


def _skew(xp, x):
    return x - T(xp, x)


SVD: tuple = (([(3, 3)], {}), ([(4, 2)], {}), ([(2, 2, 3)], {}))

general("svd", lambda xp, x: xp.svd(x), _svd_jvp, _svd_vjp, keeps="xy", outputs="many",
        torch="torch.linalg.svd", jax="jax.numpy.linalg.svd", prims="",
        tex=r"A = U \operatorname{diag}(s) V^T",
        dtex=r"ds = \operatorname{diag} P, \quad dU = U (F \circ (P S + S P^T)) + \ldots, \quad "
             r"P = U^T dA \, V, \quad \bar A = U \left(\operatorname{diag}(\bar s) "
             r"+ (F \circ \operatorname{skew} U^T \bar U) S "
             r"+ S (F \circ \operatorname{skew} V^T \bar V)\right) V^T + \ldots, "
             r"\quad F_{ij} = \frac{1}{s_j^2 - s_i^2}",
        kinks="where two singular values are equal, or one is 0 in a matrix that is not square, "
              "the derivative of the vectors does not exist",
        pitfalls="The table lists s first, as lax does. The vectors are those of the thin "
                 "decomposition: full_matrices=False.",
        cases=SVD, example="svd([[3., 0.], [0., 2.]])[0] = [3., 2.]")


def _svdvals_jvp(xp, dx, y, x):
    _, u, vt = xp.svd(x)
    return diagonal(xp, mul(xp, T(xp, u), dx, T(xp, vt)))


def _svdvals_vjp(xp, g, y, x):
    _, u, vt = xp.svd(x)
    return (mul(xp, times_columns(xp, u, g), vt),)


general("svdvals", lambda xp, x: xp.svdvals(x), _svdvals_jvp, _svdvals_vjp, keeps="x",
        axes=lambda ndims: ([(None,) * ndims[0]], ndims[0] - 1),
        torch="torch.linalg.svdvals", jax="jax.numpy.linalg.svdvals", prims="",
        tex=r"A = U \operatorname{diag}(y) V^T",
        dtex=r"dy = \operatorname{diag}(U^T dA \, V), \quad \bar A = U \operatorname{diag}(g) V^T",
        cases=SVD, example="svdvals([[3., 0.], [0., 2.]]) = [3., 2.]")


# ----- A = Q R (Walter & Lehmann 2010) -----
def _qr_checks(xp, q, x):
    real(xp, q, "qr")
    if x.shape[-2] < x.shape[-1] or q.shape[-1] != x.shape[-1]:
        raise AutodiffError(
            f"qr of a matrix of shape {tuple(x.shape)} with Q of shape {tuple(q.shape)} has no "
            "derivative here: it needs at least as many rows as columns, and the reduced form"
        )


def _solve_r(xp, r, x, trans):
    """X R^-1, or X R^-T."""
    return xp.triangular_solve(r, x, lower=False, left=False, trans=trans, unit=False)


def _qr_jvp(xp, dx, ys, x):
    q, r = ys
    _qr_checks(xp, q, x)
    z = _solve_r(xp, r, dx, False)
    inner = mul(xp, T(xp, q), z)
    turn = below(xp, inner) - T(xp, below(xp, inner))
    return mul(xp, q, turn) + z - mul(xp, q, inner), mul(xp, inner - turn, r)


def _qr_vjp(xp, gs, ys, x):
    (gq, gr), (q, r) = gs, ys
    _qr_checks(xp, q, x)
    inner = _copied(xp, mul(xp, r, T(xp, upper(xp, gr))) - mul(xp, T(xp, gq), q))
    return (_solve_r(xp, r, gq + mul(xp, q, inner), True),)


def _copied(xp, x):
    """The symmetric matrix with the lower triangle of x."""
    return lower(xp, x) + T(xp, below(xp, x))


general("qr", lambda xp, x: xp.qr(x), _qr_jvp, _qr_vjp, keeps="xy", outputs="many",
        domain="regular", torch="torch.linalg.qr", jax="jax.numpy.linalg.qr",
        prims="", tex=r"A = Q R",
        dtex=r"dQ = Q \, \Omega + (I - Q Q^T) \, dA \, R^{-1}, \quad "
        r"dR = (Q^T dA \, R^{-1} - \Omega) R, \quad "
        r"\Omega: \text{skew, with the lower triangle of } Q^T dA \, R^{-1}, \quad "
        r"\bar A = \left(\bar Q + Q \operatorname{sym}"
        r"\left(\bar R R^T - Q^T \bar Q\right)\right) R^{-T}",
        kinks="where columns are linearly dependent the derivative does not exist",
        pitfalls="The signs of the columns are the algorithm's choice.",
        cases=(([(3, 3)], {}), ([(4, 2)], {}), ([(2, 3, 2)], {})),
        example="qr([[2., 0.], [0., 3.]])[1] = [[2., 0.], [0., 3.]]")


# ----- P A = L U, L and U packed into one matrix -----
def _rows_moved(xp, perm, like):
    """The permutation as a matrix."""
    n = len(like.shape)
    i = xp.broadcast(perm, tuple(like.shape), tuple(range(n - 1)))
    j = xp.arange(tuple(like.shape), n - 1, None, like)
    return xp.astype(i == j, like.dtype)


def _lu_parts(xp, ys, x):
    if x.shape[-1] != x.shape[-2]:
        raise AutodiffError(f"lu of shape {tuple(x.shape)} has no derivative here: not square")
    packed, _, perm = ys
    ones = xp.ones(tuple(x.shape), x.dtype, x)
    left = below(xp, packed) + _where(xp, ones, lambda i, j: i == j)
    return left, upper(xp, packed), _rows_moved(xp, perm, packed)


def _lu_jvp(xp, dx, ys, x):
    left, right, moved = _lu_parts(xp, ys, x)
    inner = xp.triangular_solve(left, mul(xp, moved, dx), lower=True, left=True, trans=False,
                                unit=True)  # fmt: skip
    inner = _solve_r(xp, right, inner, False)
    return mul(xp, left, below(xp, inner)) + mul(xp, upper(xp, inner), right), None, None


def _lu_vjp(xp, gs, ys, x):
    left, right, moved = _lu_parts(xp, ys, x)
    g = gs[0]
    inner = (below(xp, mul(xp, T(xp, left), below(xp, g)))
             + upper(xp, mul(xp, upper(xp, g), T(xp, right))))  # fmt: skip
    inner = xp.triangular_solve(left, inner, lower=True, left=True, trans=True, unit=True)
    return (mul(xp, T(xp, moved), _solve_r(xp, right, inner, True)),)


general("lu", lambda xp, x: xp.lu(x), _lu_jvp, _lu_vjp, keeps="xy", outputs="many",
        along=lambda m, x: m.square((DOWN, ACROSS), (ACROSS,), (ACROSS,)),
        domain="regular", torch="torch.linalg.lu_factor torch.linalg.lu",
        jax="jax.lax.linalg.lu jax.scipy.linalg.lu", tex=r"P A = L U",
        dtex=r"dL = L \operatorname{tril}(L^{-1} P \, dA \, U^{-1}), \quad "
             r"dU = \operatorname{triu}(L^{-1} P \, dA \, U^{-1}) U, \quad "
             r"\bar A = P^T L^{-T} \left(\operatorname{tril}(L^T \bar L) + "
             r"\operatorname{triu}(\bar U U^T)\right) U^{-T}",
        kinks="where two candidates for the pivot tie the permutation jumps",
        cases=(([(3, 3)], {}), ([(2, 2, 2)], {})),
        example="lu([[4., 2.], [2., 5.]])[0] = [[4., 2.], [0.5, 4.]]")


# ----- what is read off decompositions -----
general("slogdet", lambda xp, x: xp.slogdet(x),
        lambda xp, dx, ys, x: (None, trace(xp, mul(xp, xp.inv(x), dx))),
        lambda xp, gs, ys, x: (_times_number(xp, gs[1], T(xp, xp.inv(x))),),
        keeps="x", outputs="many", along=lambda m, x: m.square((), ()),
        domain="regular", torch="torch.linalg.slogdet torch.slogdet",
        jax="jax.numpy.linalg.slogdet", prims="", tex=r"y = \log \left|\det A\right|",
        dtex=r"dy = \operatorname{tr}(A^{-1} dA), \quad \bar A = g A^{-T}",
        kinks="the sign jumps where the determinant is 0",
        cases=(([(3, 3)], {}), ([(2, 2, 2)], {})),
        example="slogdet([[1., 1.], [0., -1.]])[0] = -1.")


def _pinv_vjp(xp, g, y, x):
    p, a, gt = y, x, T(xp, g)
    pt = T(xp, p)
    left = mul(xp, gt, p, pt)  # (I - A P) g' P P'
    right = mul(xp, pt, p, gt)  # P' P g' (I - P A)
    return (left - mul(xp, a, p, left) + right - mul(xp, right, p, a) - mul(xp, pt, g, pt),)


def _pinv_jvp(xp, dx, y, x):
    p, a, dt = y, x, T(xp, dx)
    pt = T(xp, p)
    left, right = mul(xp, p, pt, dt), mul(xp, dt, pt, p)
    return left - mul(xp, left, a, p) + right - mul(xp, p, a, right) - mul(xp, p, dx, p)


general("pinv", lambda xp, x: xp.pinv(x), _pinv_jvp, _pinv_vjp, axes=_whole,
        along=lambda m, x: m.square((ACROSS, DOWN), ones=()),
        torch="torch.linalg.pinv pinverse", jax="jax.numpy.linalg.pinv", prims="",
        tex=r"A Y A = A, \; Y A Y = Y, \; A Y \text{ and } Y A \text{ symmetric}",
        dtex=r"dY = -Y \, dA \, Y + Y Y^T dA^T (I - A Y) + (I - Y A) \, dA^T Y^T Y, \quad "
             r"\bar A = -Y^T g Y^T + (I - A Y) g^T Y Y^T + Y^T Y g^T (I - Y A)",
        kinks="the derivative exists while the rank stays as it is (Golub & Pereyra 1973)",
        cases=(([(3, 2)], {}), ([(2, 2, 3)], {}), ([(3, 3)], {})),
        example="pinv([[2., 0.], [0., 4.]]) = [[0.5, 0.], [0., 0.25]]")
