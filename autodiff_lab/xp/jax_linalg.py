"""JAX's verbs of linear algebra. Read beside `torch_linalg`."""


class JaxLinalg:
    def cholesky(self, x):
        return self.lax.linalg.cholesky(x)

    def triangular_solve(self, a, b, *, lower, left, trans, unit):
        return self.lax.linalg.triangular_solve(
            a, b, left_side=left, lower=lower, transpose_a=trans, unit_diagonal=unit
        )

    def solve(self, a, b):
        return self.lib.linalg.solve(a, b)

    def cholesky_solve(self, b, low):
        from jax.scipy.linalg import cho_solve

        return cho_solve((low, True), b)

    def inv(self, x):
        return self.lib.linalg.inv(x)

    def det(self, x):
        return self.lib.linalg.det(x)

    def matrix_exp(self, x):
        import jax.scipy.linalg as linalg

        return linalg.expm(x)

    def pinv(self, x):
        return self.lib.linalg.pinv(x)

    # ----- decompositions, in lax's order of outputs -----
    def eigh(self, x):
        return tuple(self.lax.linalg.eigh(x))

    def svd(self, x):
        u, s, vt = self.lax.linalg.svd(x, full_matrices=False)
        return s, u, vt

    def svdvals(self, x):
        return self.lax.linalg.svd(x, full_matrices=False, compute_uv=False)

    def qr(self, x):
        return tuple(self.lax.linalg.qr(x, full_matrices=False))

    def lu(self, x):
        return tuple(self.lax.linalg.lu(x))

    def slogdet(self, x):
        return tuple(self.lib.linalg.slogdet(x))
