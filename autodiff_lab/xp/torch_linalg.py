"""PyTorch's verbs of linear algebra. Read beside `jax_linalg`."""

from . import verb


class TorchLinalg:
    @verb
    def cholesky(self, x):
        return self.lib.linalg.cholesky(x)

    @verb
    def triangular_solve(self, a, b, *, lower, left, trans, unit):
        a = a.mT if trans else a
        return self.lib.linalg.solve_triangular(
            a, b, upper=lower == trans, left=left, unitriangular=unit
        )

    @verb
    def solve(self, a, b):
        if b.ndim < a.ndim:  # PyTorch would guess whether b is a batch of vectors
            b = b.expand(*a.shape[: a.ndim - b.ndim], *b.shape)
        return self.lib.linalg.solve(a, b)

    @verb
    def cholesky_solve(self, b, low):
        return self.lib.cholesky_solve(b, low)

    @verb
    def inv(self, x):
        return self.lib.linalg.inv(x)

    @verb
    def det(self, x):
        return self.lib.linalg.det(x)

    @verb
    def pinv(self, x):
        return self.lib.linalg.pinv(x)

    # ----- decompositions, in lax's order of outputs -----
    @verb
    def eigh(self, x):
        w, v = self.lib.linalg.eigh(x)
        return v, w

    @verb
    def svd(self, x):
        u, s, vt = self.lib.linalg.svd(x, full_matrices=False)
        return s, u, vt

    @verb
    def svdvals(self, x):
        return self.lib.linalg.svdvals(x)

    @verb
    def qr(self, x):
        return tuple(self.lib.linalg.qr(x))

    @verb
    def lu(self, x):
        packed, pivots = self.lib.linalg.lu_factor(x)
        moved = self.lib.lu_unpack(packed, pivots, unpack_data=False)[0]
        return packed, pivots - 1, moved.argmax(-2).to(self.lib.int32)

    @verb
    def slogdet(self, x):
        return tuple(self.lib.linalg.slogdet(x))
