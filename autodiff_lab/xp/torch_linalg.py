"""PyTorch's verbs of linear algebra. Read beside `jax_linalg`."""

from . import verb


class TorchLinalg:
    def symmetric(self, x):
        """PyTorch spreads the derivative of a symmetric matrix over both triangles."""
        return (x + x.mT) * 0.5

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
        return self.lib.linalg.solve(a, b)

    def inv(self, x):
        return self.lib.linalg.inv(x)

    def det(self, x):
        return self.lib.linalg.det(x)
