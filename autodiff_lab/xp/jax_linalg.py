"""JAX's verbs of linear algebra. Read beside `torch_linalg`."""


class JaxLinalg:
    def symmetric(self, x):
        """JAX's primitive leaves the derivative where the formula puts it."""
        return x

    def cholesky(self, x):
        return self.lax.linalg.cholesky(x, symmetrize_input=False)

    def triangular_solve(self, a, b, *, lower, left, trans, unit):
        return self.lax.linalg.triangular_solve(
            a, b, left_side=left, lower=lower, transpose_a=trans, unit_diagonal=unit
        )

    def solve(self, a, b):
        return self.lib.linalg.solve(a, b)

    def inv(self, x):
        return self.lib.linalg.inv(x)

    def det(self, x):
        return self.lib.linalg.det(x)

    def matrix_exp(self, x):
        import jax.scipy.linalg as linalg

        return linalg.expm(x)
