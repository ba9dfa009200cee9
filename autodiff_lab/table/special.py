"""Special functions: pointwise rows whose partials are again special functions.

Formulas: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), chapters 6, 7, 9 and 23.
"""

from math import pi, sqrt

from .pointwise import POSITIVE
from .row import pointwise

NORMAL = 1 / sqrt(2 * pi)

# ----- the error function and the normal distribution -----
pointwise("erf", lambda xp, x: xp.erf(x), lambda xp, y, x: 2 / sqrt(pi) * xp.exp(-(x * x)),
          torch="erf torch.special.erf", jax="jax.scipy.special.erf jax.lax.erf",
          example="erf([0.]) = [0.]")
pointwise("erfc", lambda xp, x: xp.erfc(x), lambda xp, y, x: -2 / sqrt(pi) * xp.exp(-(x * x)),
          torch="erfc torch.special.erfc", jax="jax.scipy.special.erfc jax.lax.erfc",
          example="erfc([0.]) = [1.]")
pointwise("erfinv", lambda xp, x: xp.erfinv(x), lambda xp, y, x: sqrt(pi) / 2 * xp.exp(y * y),
          torch="erfinv torch.special.erfinv", jax="jax.scipy.special.erfinv jax.lax.erf_inv",
          prims="erf_inv", domain=(-0.9, 0.9), kinks="at -1 and 1 the derivative is inf",
          example="erfinv([0.]) = [0.]")
pointwise("ndtr", lambda xp, x: xp.ndtr(x), lambda xp, y, x: NORMAL * xp.exp(-0.5 * (x * x)),
          torch="torch.special.ndtr", jax="jax.scipy.special.ndtr", prims="",
          example="ndtr([0.]) = [0.5]")
pointwise("ndtri", lambda xp, x: xp.ndtri(x), lambda xp, y, x: 1 / NORMAL * xp.exp(0.5 * (y * y)),
          torch="torch.special.ndtri", jax="jax.scipy.special.ndtri", prims="", safe=0.5,
          domain=(0.2, 0.8), kinks="at 0 and 1 the derivative is inf in torch and 0 in JAX",
          example="ndtri([0.5]) = [0.]")
pointwise("log_ndtr", lambda xp, x: xp.log_ndtr(x),
          lambda xp, y, x: NORMAL * xp.exp(-0.5 * (x * x) - y),
          torch="torch.special.log_ndtr", jax="jax.scipy.special.log_ndtr", prims="",
          example="log_ndtr([0.]) = [-0.69314718]")

# ----- gamma and its relatives -----
pointwise("lgamma", lambda xp, x: xp.lgamma(x), lambda xp, y, x: xp.digamma(x), safe=1.0,
          torch="lgamma torch.special.gammaln", jax="jax.scipy.special.gammaln jax.lax.lgamma",
          domain=(0.3, 3.0), kinks="poles at 0, -1, -2, ...",
          tex=r"y = \log \operatorname{abs} \Gamma(x)",
          example="lgamma([3., 4.]) = [0.69314718, 1.79175947]")
pointwise("digamma", lambda xp, x: xp.digamma(x), lambda xp, y, x: xp.polygamma(1, x), safe=1.0,
          torch="digamma torch.special.digamma torch.special.psi",
          jax="jax.scipy.special.digamma jax.lax.digamma", domain=(0.3, 3.0),
          kinks="poles at 0, -1, -2, ...", example="digamma([1.]) = [-0.57721566]")
pointwise("polygamma", lambda xp, a, b: xp.polygamma(a, b),
          (lambda xp, y, a, b: xp.no_derivative("polygamma", "its order"),
           lambda xp, y, a, b: xp.polygamma(a + 1, b)), 2, safe=1.0, domain=(0.3, 3.0),
          torch="torch.polygamma torch.special.polygamma",
          jax="jax.scipy.special.polygamma jax.lax.polygamma",
          cases=(([None, (2, 3)], {}),), tex=r"y = \psi^{(a)}(b)",
          pitfalls="The order a is a whole number and has no derivative.",
          example="polygamma(1, [1.]) = [1.64493407]")
pointwise("zeta", lambda xp, a, b: xp.zeta(a, b),
          (lambda xp, y, a, b: xp.no_derivative("zeta", "its exponent"),
           lambda xp, y, a, b: -a * xp.zeta(a + 1, b)), 2, safe=2.0, domain=(1.5, 3.0),
          torch="torch.special.zeta", jax="jax.scipy.special.zeta jax.lax.zeta",
          cases=(([None, (2, 3)], {}),), tex=r"y = \sum_{n \ge 0} (b + n)^{-a}",
          pitfalls="Neither framework has the derivative with respect to the exponent a.",
          example="zeta(2., [1.]) = [1.64493407]")
pointwise("igamma", lambda xp, a, b: xp.igamma(a, b),
          (lambda xp, y, a, b: xp.igamma_grad_a(a, b),
           lambda xp, y, a, b: xp.exp((a - 1) * xp.log(b) - b - xp.lgamma(a))), 2, safe=1.0,
          torch="igamma torch.special.gammainc", jax="jax.scipy.special.gammainc jax.lax.igamma",
          domain=POSITIVE, cases=(([None, (2, 3)], {}),),
          tex=r"y = \frac{1}{\Gamma(a)} \int_0^b t^{a - 1} e^{-t} \, dt",
          pitfalls="PyTorch has no derivative with respect to a.",
          example="igamma(1., [1.]) = [0.63212056]")
pointwise("igammac", lambda xp, a, b: xp.igammac(a, b),
          (lambda xp, y, a, b: -xp.igamma_grad_a(a, b),
           lambda xp, y, a, b: -xp.exp((a - 1) * xp.log(b) - b - xp.lgamma(a))), 2, safe=1.0,
          torch="igammac torch.special.gammaincc",
          jax="jax.scipy.special.gammaincc jax.lax.igammac",
          domain=POSITIVE, cases=(([None, (2, 3)], {}),),
          tex=r"y = \frac{1}{\Gamma(a)} \int_b^\infty t^{a - 1} e^{-t} \, dt",
          pitfalls="PyTorch has no derivative with respect to a.",
          example="igammac(1., [1.]) = [0.36787944]")

# ----- Bessel functions: the e stands for a factor of exp(-|x|) -----
pointwise("i0", lambda xp, x: xp.i0(x), lambda xp, y, x: xp.i1(x),
          torch="i0 torch.special.i0", jax="i0 jax.scipy.special.i0", prims="",
          kinks="at 0 the derivative is 0 in torch and 1 in JAX, which goes through |x|",
          example="i0([0.]) = [1.]")
pointwise("i0e", lambda xp, x: xp.i0e(x), lambda xp, y, x: xp.i1e(x) - xp.sign(x) * y,
          torch="torch.special.i0e", jax="jax.scipy.special.i0e jax.lax.bessel_i0e",
          prims="bessel_i0e", kinks="at 0 the derivative is 0", example="i0e([0.]) = [1.]")
pointwise("i1", lambda xp, x: xp.i1(x),
          lambda xp, y, x: xp.unless_tiny(x, lambda s: xp.i0(s) - y / s, 0.5),
          torch="torch.special.i1", jax="jax.scipy.special.i1", prims="",
          example="i1([0.]) = [0.]")
pointwise("i1e", lambda xp, x: xp.i1e(x),
          lambda xp, y, x: xp.unless_tiny(x, lambda s: xp.i0e(s) - y * (xp.sign(s) + 1 / s), 0.5),
          torch="torch.special.i1e", jax="jax.scipy.special.i1e jax.lax.bessel_i1e",
          prims="bessel_i1e", example="i1e([0.]) = [0.]")

# ----- entropy and logarithms of odds; 0 log 0 is 0 -----
pointwise("xlogy", lambda xp, a, b: xp.xlogy(a, b),
          (lambda xp, y, a, b: xp.factor_of_log(xp.log, a, b, 0), lambda xp, y, a, b: a / b), 2,
          torch="xlogy torch.special.xlogy", jax="jax.scipy.special.xlogy", prims="", safe=1.0,
          domain=POSITIVE, tex=r"y = a \log b",
          kinks="at a = 0, b <= 0 the derivative for a is 0 in torch and log b in JAX",
          example="xlogy([0., 1.], [0., 1.]) = [0., 0.]")
pointwise("xlog1py", lambda xp, a, b: xp.xlog1py(a, b),
          (lambda xp, y, a, b: xp.factor_of_log(xp.log1p, a, b, -1),
           lambda xp, y, a, b: a / (1 + b)), 2,
          torch="torch.special.xlog1py", jax="jax.scipy.special.xlog1py", prims="",
          domain=(-0.5, 3.0), tex=r"y = a \log (1 + b)",
          kinks="at a = 0, b <= -1 the derivative for a is 0 in torch and log (1 + b) in JAX",
          example="xlog1py([0., 1.], [-1., 0.]) = [0., 0.]")
pointwise("entr", lambda xp, x: xp.entr(x), lambda xp, y, x: -xp.log(x) - 1,
          torch="torch.special.entr", jax="jax.scipy.special.entr", prims="", safe=1.0,
          domain=POSITIVE, tex=r"y = -x \log x", kinks="at 0 the derivative is inf",
          example="entr([0., 1.]) = [0., 0.]")
pointwise("logit", lambda xp, x: xp.logit(x), lambda xp, y, x: xp.slope_of_logit(x),
          torch="logit torch.special.logit", jax="jax.scipy.special.logit", prims="", safe=0.5,
          domain=(0.1, 0.9), tex=r"y = \log \frac{x}{1 - x}",
          kinks="outside [0, 1] the derivative is NaN in torch; JAX goes on with 1 / x (1 - x)",
          example="logit([0.5]) = [0.]")
