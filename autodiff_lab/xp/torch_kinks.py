"""PyTorch's conventions at kinks, poles and ties. Read beside `jax_kinks`."""

import math


class TorchKinks:
    def slope_of_abs(self, x):
        if self.is_complex(x.dtype):
            if isinstance(x, self.lib.Tensor):
                return self.lib.conj(self.lib.sgn(x))  # whose own slope at 0 is 0
            size = self.lib.abs(x)  # of a series
            return self.lib.conj(x) / self.where(size == 0, 1.0, size)
        return self.lib.sign(x)  # 0 at 0

    def exceeds(self, a, b):
        return ~(a <= b)  # a NaN does

    def wins_fmax(self, a, b):
        return (a >= b) | self.lib.isnan(b)

    def wins_fmin(self, a, b):
        return (a <= b) | self.lib.isnan(b)

    def slope_of_power(self, a, b):
        return self.where(b == 0, 0.0, b * a ** (b - 1))

    def slope_of_exponent(self, y, a, b):
        real = self.real(b) if hasattr(b, "dtype") and self.is_complex(b.dtype) else b
        real = real.real if isinstance(real, complex) else real
        return self.where((a == 0) & (real >= 0), 0.0, y * self.log(a))

    def share_of_logaddexp(self, exp, y, a, b):
        """1 / (1 + exp(b - a)), whose own derivative does not overflow."""
        if self.is_complex(y.dtype):
            return exp(a - y)
        return self.lib.sigmoid(a - b if exp is self.exp else (a - b) * math.log(2))

    def inverse_square(self, a, b):
        square = a * a + b * b
        return self.where(square == 0, 0.0, 1 / square)

    def slope_of_rsqrt(self, y, x):
        return -0.5 * y**3

    def slope_of_copysign(self, y, a):
        return self.where(a == 0, 0.0, y / a)

    def slope_of_sinc(self, x):
        u = math.pi * x
        square = x * u
        slope = (u * self.lib.cos(u) - self.lib.sin(u)) / square
        return self.where(square == 0, 0.0, slope)

    def slope_of_logit(self, x):
        return self.where((x < 0) | (x > 1), math.nan, 1 / ((x + 0.0) * (1 - x)))  # -0 is 0

    def factor_of_log(self, log, a, b, pole):
        return self.where((a == 0) & (b <= pole), 0.0, log(b))

    def inside(self, x, low, high):
        return (x >= low) & (x <= high)

    def above(self, x, low, high):
        return (x > high) | (high < low)

    def root(self, x):
        """The square root of a sum of squares: flat at 0."""
        zero = x == 0
        return self.where(zero, 0.0, self.lib.sqrt(self.where(zero, 1.0, x)))

    def clamp(self, x, low, high):
        """torch.clamp takes two numbers or two tensors; of one each, an infinite bound is none."""
        numbers = [isinstance(b, (int, float)) for b in (low, high)]
        if any(numbers) and not all(numbers):
            low, high = (self._bound(b, x) for b in (low, high))
        return self.lib.clamp(x, low, high)

    def _bound(self, b, x):
        if not isinstance(b, (int, float)):
            return b
        return None if math.isinf(b) else self.lib.as_tensor(b, device=x.device)
