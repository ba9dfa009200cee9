"""Pointwise rows: one partial derivative per input. Forward and reverse are both read off it.

`y` is the output, `x` the input, `a` and `b` two inputs. A comparison counts as 1 or 0.
"""

from math import pi, sqrt

from .row import NEG, ONE, pointwise

POSITIVE = (0.1, 3.0)

# ----- arithmetic -----
pointwise("add", lambda xp, a, b: a + b, (ONE, ONE), 2, prims="add add_any", torch="add",
          example="add([1., 2.], 3.) = [4., 5.]")
pointwise("subtract", lambda xp, a, b: a - b, (ONE, NEG), 2, prims="sub", torch="sub subtract",
          example="subtract([1., 2.], 3.) = [-2., -1.]")
pointwise("multiply", lambda xp, a, b: a * b,
          (lambda xp, y, a, b: b, lambda xp, y, a, b: a), 2, prims="mul", torch="mul multiply",
          example="multiply([1., 2.], 3.) = [3., 6.]")
pointwise("divide", lambda xp, a, b: a / b,
          (lambda xp, y, a, b: 1 / b, lambda xp, y, a, b: -y / b), 2, prims="div",
          torch="div divide true_divide", jax="divide true_divide", safe=1.0, domain=POSITIVE,
          pitfalls="Where b is 0 the gradient is inf or NaN, even behind a `where`: "
                   "put a harmless value into b first.",
          example="divide([1., 2.], 4.) = [0.25, 0.5]")
pointwise("remainder", lambda xp, a, b: a % b,
          (ONE, lambda xp, y, a, b: -xp.floor(a / b)), 2, prims="", safe=1.0, domain=(0.3, 0.9),
          kinks="a jump wherever a / b is an integer",
          pitfalls="The sign is the divisor's, as in Python; fmod has the dividend's.",
          example="remainder([7., -7.], 3.) = [1., 2.]")
pointwise("fmod", lambda xp, a, b: xp.fmod(a, b),
          (ONE, lambda xp, y, a, b: -xp.trunc(a / b)), 2, prims="rem", jax="fmod jax.lax.rem",
          safe=1.0, domain=(0.3, 0.9), kinks="a jump wherever a / b is an integer",
          example="fmod([7., -7.], [3., 3.]) = [1., -1.]")
pointwise("negative", lambda xp, x: -x, NEG, prims="neg", torch="neg negative",
          example="negative([1., -2.]) = [-1., 2.]")
pointwise("power", lambda xp, a, b: a ** b,
          (lambda xp, y, a, b: b * a ** xp.where(b == 0, 1, b - 1),
           lambda xp, y, a, b: y * xp.log(xp.where(a == 0, 1, a))), 2, prims="pow", torch="pow",
          jax="power jax.lax.pow", safe=1.0, domain=POSITIVE,
          kinks="at a = 0 the derivative with respect to b is 0",
          example="power([1., 2.], 3.) = [1., 8.]")
pointwise("square", lambda xp, x: xp.square(x), lambda xp, y, x: 2 * x,
          example="square([1., -3.]) = [1., 9.]")
pointwise("reciprocal", lambda xp, x: 1 / x, lambda xp, y, x: -(y * y), prims="", safe=1.0,
          domain=POSITIVE, example="reciprocal([1., 4.]) = [1., 0.25]")

# ----- exponentials and logarithms -----
pointwise("exp", lambda xp, x: xp.exp(x), lambda xp, y, x: y, example="exp([0.]) = [1.]")
pointwise("expm1", lambda xp, x: xp.expm1(x), lambda xp, y, x: y + 1, example="expm1([0.]) = [0.]")
pointwise("log", lambda xp, x: xp.log(x), lambda xp, y, x: 1 / x, safe=1.0, domain=POSITIVE,
          pitfalls="log(0) is -inf with gradient inf; for log(1 + x) near 0 use log1p.",
          example="log([1.]) = [0.]")
pointwise("log1p", lambda xp, x: xp.log1p(x), lambda xp, y, x: 1 / (1 + x), domain=(-0.5, 3.0),
          example="log1p([0.]) = [0.]")
pointwise("logaddexp", lambda xp, a, b: xp.logaddexp(a, b),
          (lambda xp, y, a, b: xp.exp(a - y), lambda xp, y, a, b: xp.exp(b - y)), 2,
          example="logaddexp([0.], [0.]) = [0.69314718]")
pointwise("sqrt", lambda xp, x: xp.sqrt(x), lambda xp, y, x: 0.5 / y, safe=1.0, domain=POSITIVE,
          kinks="at 0 the derivative is inf",
          pitfalls="The norm of a zero vector has a NaN gradient through this row.",
          example="sqrt([4., 9.]) = [2., 3.]")
pointwise("rsqrt", lambda xp, x: xp.rsqrt(x), lambda xp, y, x: -0.5 * y ** 3, jax="jax.lax.rsqrt",
          safe=1.0, domain=POSITIVE, example="rsqrt([4.]) = [0.5]")

# ----- circular and hyperbolic -----
pointwise("sin", lambda xp, x: xp.sin(x), lambda xp, y, x: xp.cos(x), example="sin([0.]) = [0.]")
pointwise("cos", lambda xp, x: xp.cos(x), lambda xp, y, x: -xp.sin(x), example="cos([0.]) = [1.]")
pointwise("tan", lambda xp, x: xp.tan(x), lambda xp, y, x: 1 + y * y, domain=(-1.2, 1.2),
          example="tan([0.]) = [0.]")
pointwise("tanh", lambda xp, x: xp.tanh(x), lambda xp, y, x: 1 - y * y,
          kernel=lambda xp, g, y, x: xp.tanh_backward(g, y),
          torch="tanh torch.nn.functional.tanh", jax="tanh jax.lax.tanh jax.nn.tanh",
          pitfalls="Saturates: beyond |x| = 9 the float32 derivative is exactly 0.",
          example="tanh([0., 0.5]) = [0., 0.46211716]")

# ----- activations -----
pointwise("sigmoid", lambda xp, x: xp.sigmoid(x), lambda xp, y, x: y * (1 - y),
          kernel=lambda xp, g, y, x: xp.sigmoid_backward(g, y),
          torch="sigmoid torch.special.expit torch.nn.functional.sigmoid",
          jax="jax.nn.sigmoid jax.lax.logistic", prims="logistic", example="sigmoid([0.]) = [0.5]")
pointwise("relu", lambda xp, x: xp.relu(x), lambda xp, y, x: y > 0,
          kernel=lambda xp, g, y, x: xp.threshold_backward(g, y, 0),
          torch="relu torch.nn.functional.relu", jax="jax.nn.relu", prims="relu",
          kinks="at 0 the derivative is 0, in both frameworks",
          example="relu([-1., 2.]) = [0., 2.]")
pointwise("erf", lambda xp, x: xp.erf(x), lambda xp, y, x: 2 / sqrt(pi) * xp.exp(-(x * x)),
          torch="erf torch.special.erf", jax="jax.scipy.special.erf jax.lax.erf",
          example="erf([0.]) = [0.]")

# ----- kinks -----
pointwise("abs", lambda xp, x: xp.abs(x), lambda xp, y, x: xp.slope_of_abs(x),
          torch="abs absolute", jax="abs absolute",
          kinks="at 0 the derivative is 0 in torch and 1 in JAX",
          example="abs([-2., 3.]) = [2., 3.]")
pointwise("maximum", lambda xp, a, b: xp.maximum(a, b),
          (lambda xp, y, a, b: xp.where(a == b, 0.5, a > b),
           lambda xp, y, a, b: xp.where(a == b, 0.5, b > a)), 2, prims="max",
          kinks="where a = b each gets one half, in both frameworks",
          example="maximum([1., 5.], 3.) = [3., 5.]")
pointwise("minimum", lambda xp, a, b: xp.minimum(a, b),
          (lambda xp, y, a, b: xp.where(a == b, 0.5, a < b),
           lambda xp, y, a, b: xp.where(a == b, 0.5, b < a)), 2, prims="min",
          kinks="where a = b each gets one half, in both frameworks",
          example="minimum([1., 5.], 3.) = [1., 3.]")
