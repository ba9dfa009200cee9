"""Linear algebra: functions of matrices, batched over the leading axes.

The formulas are Giles's (2008, "Collected matrix derivative results for forward and reverse mode"),
those of eigh, svd and qr with Townsend's (2016, "Differentiating the singular value decomposition")
and Walter & Lehmann's (2010) notes. They all come from one trick: differentiate the equation that
defines the output (A X = B, A = L L', A = U S V', ...) and solve for the unknown differential.
"""

from ..errors import AutodiffError
from .row import general


# ----- words: products, transposes, triangles -----
def mul(xp, *factors):
    """The product of matrices, from left to right."""
    y = factors[0]
    for b in factors[1:]:
        y = xp.contract(y, b, _spec(len(y.shape), len(b.shape)), None)
    return y


def _spec(m, n):
    letters = "abcdefgh"[: max(m, n) - 2]
    a, b = letters[len(letters) - (m - 2) :], letters[len(letters) - (n - 2) :]
    return f"{a}xy,{b}yz->{letters}xz"


def T(xp, x):
    n = len(x.shape)
    return xp.permute(x, (*range(n - 2), n - 1, n - 2))


def _where(xp, x, relation):
    """x where `relation(row, column)` holds, 0 elsewhere."""
    shape = tuple(x.shape[-2:])
    i, j = xp.arange(shape, 0, None, x), xp.arange(shape, 1, None, x)
    return xp.where(relation(i, j), x, 0.0)


def lower(xp, x):
    return _where(xp, x, lambda i, j: i >= j)


def below(xp, x):
    return _where(xp, x, lambda i, j: i > j)


def upper(xp, x):
    return _where(xp, x, lambda i, j: i <= j)


def diagonal(xp, x):
    """The diagonal of a square matrix, as a vector."""
    return xp.sum(_where(xp, x, lambda i, j: i == j), (len(x.shape) - 1,))


def trace(xp, x):
    return xp.sum(diagonal(xp, x), (len(x.shape) - 2,))


def times_columns(xp, x, d):
    """X diag(d)."""
    n = len(x.shape)
    return x * xp.broadcast(d, tuple(x.shape), (*range(n - 2), n - 1))


def times_rows(xp, d, x):
    """diag(d) X."""
    return x * xp.broadcast(d, tuple(x.shape), tuple(range(len(x.shape) - 1)))


def symmetric(xp, x):
    return (x + T(xp, x)) * 0.5


def _times_number(xp, c, x):
    return x * xp.broadcast(c, tuple(x.shape), tuple(range(len(x.shape) - 2)))


def identity(xp, x):
    return _where(xp, xp.ones(tuple(x.shape), x.dtype, x), lambda i, j: i == j)


def real(xp, x, name):
    if xp.is_complex(x.dtype):
        raise AutodiffError(
            f"{name} of dtype {x.dtype} is not differentiated: its formula here is for real "
            "matrices; write the complex matrix as a real one of twice the size"
        )


def _whole(ndims, **_):
    """Matrices under a mask: every dim must be the same in all examples."""
    return [(None,) * n for n in ndims], max(ndims)


# ... or square and of the same ragged size: `m.square` says whose sizes the result has.
DOWN, ACROSS = (0, -2), (0, -1)


def _number(ndims, **_):
    return [(None,) * n for n in ndims], max(ndims) - 2


# ----- A = L L': a lower triangle with half of its diagonal (Murray 2016) -----
def _half(xp, x):
    return lower(xp, x) - 0.5 * _where(xp, x, lambda i, j: i == j)


def _solve_left(xp, a, b, trans):
    return xp.triangular_solve(a, b, lower=True, left=True, trans=trans, unit=False)


def _solve_right(xp, a, b, trans):
    return xp.triangular_solve(a, b, lower=True, left=False, trans=trans, unit=False)


def _of_symmetric(xp, dx):
    """JAX's primitive follows the whole matrix; its function makes it symmetric beforehand."""
    return dx if xp.name == "jax" else symmetric(xp, dx)


def _cholesky_jvp(xp, dx, y, x):
    real(xp, y, "cholesky")
    y = lower(xp, y)  # LAPACK leaves what it found in the other triangle
    inner = _solve_right(xp, y, _solve_left(xp, y, _of_symmetric(xp, dx), False), True)
    return mul(xp, y, _half(xp, inner))


def _cholesky_vjp(xp, g, y, x):
    real(xp, y, "cholesky")
    y = lower(xp, y)
    inner = _half(xp, mul(xp, T(xp, y), g))
    return (_of_symmetric(xp, _solve_right(xp, y, _solve_left(xp, y, inner, True), False)),)


general("cholesky", lambda xp, x: xp.cholesky(x), _cholesky_jvp, _cholesky_vjp, keeps="y",
        along=lambda m, x: m.square((DOWN, ACROSS)),
        axes=_whole, domain="definite", torch="torch.linalg.cholesky",
        jax="jax.numpy.linalg.cholesky jax.lax.linalg.cholesky",
        tex=r"A = L L^T",
        dtex=r"dL = L \, \Phi(L^{-1} dA \, L^{-T}), \quad "
             r"\Phi: \text{the lower triangle with half of the diagonal}, \quad "
             r"\bar A = L^{-T} \, \Phi(L^T \bar L) \, L^{-1} \text{, made symmetric}",
        pitfalls="Only the lower triangle is read, but the derivative is that of a symmetric "
                 "matrix: half of it stands in each triangle.",
        cases=(([(3, 3)], {}), ([(2, 2, 2)], {}), ([(0, 0)], {})),
        example="cholesky([[4., 2.], [2., 5.]]) = [[2., 0.], [1., 2.]]")


# ----- op(A) X = B or X op(A) = B, with A a triangle -----
def _triangle(xp, x, low, unit):
    if unit:
        return below(xp, x) if low else x - lower(xp, x)
    return lower(xp, x) if low else upper(xp, x)


def _triangular_jvp(xp, da, db, y, a, b, **p):
    da = _triangle(xp, da, p["lower"], p["unit"])
    da = T(xp, da) if p["trans"] else da
    change = mul(xp, da, y) if p["left"] else mul(xp, y, da)
    return xp.triangular_solve(a, db - change, **p)


def _triangular_vjp(xp, g, y, a, b, **p):
    gb = xp.triangular_solve(a, g, **p | {"trans": not p["trans"]})
    ga = mul(xp, gb, T(xp, y)) if p["left"] else mul(xp, T(xp, y), gb)
    ga = T(xp, ga) if p["trans"] else ga
    return -_triangle(xp, ga, p["lower"], p["unit"]), gb


def _how(lower=True, left=True, trans=False, unit=False):
    return {"lower": lower, "left": left, "trans": trans, "unit": unit}


general("triangular_solve",
        lambda xp, a, b, *, lower, left, trans, unit:
            xp.triangular_solve(a, b, lower=lower, left=left, trans=trans, unit=unit),
        _triangular_jvp, _triangular_vjp, along=lambda m, a, b, **_: m.square(((1, -2), (1, -1))),
        arity=2, axes=_whole, domain="regular",
        torch="torch.linalg.solve_triangular", jax="jax.lax.linalg.triangular_solve",
        tex=r"A X = B, \; A \text{ a triangle}",
        dtex=r"dX = A^{-1} (dB - dA \, X), \quad "
             r"\bar B = A^{-T} g, \quad \bar A = -\operatorname{tri}(\bar B X^T)",
        cases=(([(3, 3), (3, 2)], _how()), ([(2, 3, 3), (2, 3, 1)], _how(lower=False, unit=True)),
               ([(3, 3), (2, 3)], _how(left=False, trans=True)), 
               ([(2, 2), (2, 2)], _how(trans=True)),
               ([(3, 3), (2, 3)], _how(left=False, lower=False))),
        example="triangular_solve([[2., 0.], [1., 4.]], [[2.], [9.]], lower=True, left=True, "
                "trans=False, unit=False) = [[1.], [2.]]")


# ----- A X = B -----
def _solve_vjp(xp, g, y, a, b):
    gb = xp.solve(T(xp, a), g)
    return -mul(xp, gb, T(xp, y)), gb


general("solve", lambda xp, a, b: xp.solve(a, b),
        lambda xp, da, db, y, a, b: xp.solve(a, db - mul(xp, da, y)), _solve_vjp,
        along=lambda m, a, b: m.square((DOWN, (1, -1))),
        arity=2, axes=_whole, domain="regular", torch="torch.linalg.solve",
        jax="jax.numpy.linalg.solve", prims="", tex=r"A X = B",
        dtex=r"dX = A^{-1} (dB - dA \, X), \quad \bar B = A^{-T} g, \quad \bar A = -\bar B X^T",
        pitfalls="Never form the inverse to solve a system: this is faster and more exact.",
        cases=(([(3, 3), (3, 2)], {}), ([(2, 2, 2), (2, 2, 1)], {})),
        example="solve([[2., 0.], [0., 4.]], [[2.], [8.]]) = [[1.], [2.]]")

general("inv", lambda xp, x: xp.inv(x),
        lambda xp, dx, y, x: -mul(xp, y, dx, y),
        lambda xp, g, y, x: (-mul(xp, T(xp, y), g, T(xp, y)),),
        along=lambda m, x: m.square((DOWN, ACROSS)),
        keeps="y", axes=_whole, domain="regular", torch="torch.linalg.inv inverse",
        jax="jax.numpy.linalg.inv", prims="", tex=r"Y = A^{-1}",
        dtex=r"dY = -Y \, dA \, Y, \quad \bar A = -Y^T g \, Y^T",
        cases=(([(3, 3)], {}), ([(2, 2, 2)], {})),
        example="inv([[2., 0.], [0., 4.]]) = [[0.5, 0.], [0., 0.25]]")

general("det", lambda xp, x: xp.det(x),
        lambda xp, dx, y, x: y * trace(xp, mul(xp, xp.inv(x), dx)),
        lambda xp, g, y, x: (_times_number(xp, g * y, T(xp, xp.inv(x))),),
        along=lambda m, x: m.square(()),
        axes=_number, domain="regular", torch="torch.linalg.det det", jax="jax.numpy.linalg.det",
        prims="", tex=r"y = \det A",
        dtex=r"dy = y \operatorname{tr}(A^{-1} dA), \quad \bar A = g \, y \, A^{-T}",
        kinks="at a singular matrix the inverse does not exist: an error in torch, inf or NaN in "
              "JAX, where the frameworks' own rules go on with cofactors",
        pitfalls="Overflows early: use slogdet.", cases=(([(3, 3)], {}), ([(2, 2, 2)], {})),
        example="det([[2., 1.], [0., 4.]]) = 8.")


# ----- L L' X = B: the derivative is that of the product, entries of both triangles count -----
def _cholesky_solve_jvp(xp, db, dl, y, b, low):
    real(xp, y, "cholesky_solve")
    da = mul(xp, dl, T(xp, low))
    return xp.cholesky_solve(db - mul(xp, da + T(xp, da), y), low)


def _cholesky_solve_vjp(xp, g, y, b, low):
    real(xp, y, "cholesky_solve")
    gb = xp.cholesky_solve(g, low)
    ga = mul(xp, gb, T(xp, y))
    return gb, -mul(xp, ga + T(xp, ga), low)


general("cholesky_solve", lambda xp, b, low: xp.cholesky_solve(b, low), _cholesky_solve_jvp,
        _cholesky_solve_vjp, along=lambda m, b, low: m.square((DOWN, ACROSS), ones=(1,)),
        arity=2, axes=_whole, torch="cholesky_solve", jax="-", prims="",
        tex=r"L L^T X = B",
        dtex=r"dX = (L L^T)^{-1} \left(dB - (dL \, L^T + L \, dL^T) X\right), \quad "
             r"\bar B = (L L^T)^{-1} g, \quad \bar L = -(\bar B X^T + X \bar B^T) L",
        domain="regular", cases=(([(3, 2), (3, 3)], {}), ([(2, 2, 1), (2, 2, 2)], {})),
        example="cholesky_solve([[8.], [4.]], [[2., 0.], [0., 1.]]) = [[2.], [4.]]")


# ----- exp(A): the derivative is the corner of a larger exponential (Mathias 1996) -----
def _corner(xp, x, e):
    """The upper right block of exp([[x, e], [0, x]]): the derivative of exp at x towards e."""
    n, last = x.shape[-1], len(x.shape) - 1
    none = xp.zeros(tuple(x.shape), x.dtype, x)
    block = xp.concat([xp.concat([x, e], last), xp.concat([none, x], last)], last - 1)
    start = (0,) * (last - 1) + (0, n)
    stop = (*x.shape[:-2], n, 2 * n)
    return xp.slice(xp.matrix_exp(block), start, stop, (1,) * (last + 1))


general("matrix_exp", lambda xp, x: xp.matrix_exp(x),
        lambda xp, dx, y, x: _corner(xp, x, dx),
        lambda xp, g, y, x: (_corner(xp, T(xp, x), g),),
        along=lambda m, x: m.square((DOWN, ACROSS), ones=()),
        keeps="x", axes=_whole, torch="torch.linalg.matrix_exp matrix_exp",
        jax="jax.scipy.linalg.expm", prims="", tex=r"Y = \sum_k A^k / k!",
        dtex=r"dY = \text{the corner of } \exp \left[A, \, dA; \; 0, \, A\right], \quad "
             r"\bar A = \text{the same with } A^T \text{ and } g",
        cases=(([(3, 3)], {}), ([(2, 2, 2)], {})),
        example="matrix_exp([[0., 1.], [0., 0.]]) = [[1., 1.], [0., 1.]]")
