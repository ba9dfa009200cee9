"""JAX's conventions at kinks, poles and ties. Read beside `torch_kinks`."""

import math


class JaxKinks:
    def slope_of_abs(self, x):
        if self.is_complex(x.dtype):
            size = self.lib.abs(x)
            return self.lib.conj(x) / self.where(size == 0, 1.0, size)
        return self.lib.where(x >= 0, 1.0, -1.0)  # 1 at 0

    def exceeds(self, a, b):
        return a > b  # a NaN does not

    def wins_fmax(self, a, b):
        return (a > b) | self.lib.isnan(b)

    def wins_fmin(self, a, b):
        return (a < b) | self.lib.isnan(b)

    def slope_of_power(self, a, b):
        whole = isinstance(b, int) or not self.is_float(self.lib.result_type(b))
        slope = b * a ** (self.where(b == 0, 1, b - 1) if whole else b - 1)
        return self.where(b == 0, 0.0, slope) if whole else slope

    def slope_of_exponent(self, y, a, b):
        return y * self.lib.log(self.where(a == 0, 1.0, a))

    def share_of_logaddexp(self, exp, y, a, b):
        a, y = (self.where(v == math.inf, 0.0, v) for v in (a, y))
        return exp(a - y)

    def inverse_square(self, a, b):
        return 1 / (a * a + b * b)

    def slope_of_rsqrt(self, y, x):
        return -0.5 * y / x

    def slope_of_copysign(self, y, a):
        return self.lib.copysign(1.0, a) * self.lib.copysign(1.0, y)

    def slope_of_sinc(self, x):
        u = math.pi * x
        square = self.where(x == 0, 1.0, x * u)
        slope = (u * self.lib.cos(u) - self.lib.sin(u)) / square
        return self.where(x == 0, 0.0, slope)

    def slope_of_logit(self, x):
        return 1 / (x * (1 - x))

    def factor_of_log(self, log, a, b, pole):
        return log(b)

    def inside(self, x, low, high):
        return (x > low) & (x < high)

    def above(self, x, low, high):
        return x > high

    def root(self, x):
        """The square root of a sum of squares: its slope at 0 is inf."""
        return self.lib.sqrt(x)
