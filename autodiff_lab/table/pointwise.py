"""Pointwise rows: one partial derivative per input. Forward and reverse are both read off it.

`y` is the output, `x` the input, `a` and `b` two inputs. A comparison counts as 1 or 0.
"""

from math import log, pi

from .row import NEG, ONE, general, pointwise, right_aligned

POSITIVE = (0.1, 3.0)

# ----- arithmetic -----
pointwise("add", lambda xp, a, b: a + b, (ONE, ONE), 2, prims="add add_any", torch="add",
          example="add([1., 2.], 3.) = [4., 5.]")
pointwise("subtract", lambda xp, a, b: a - b, (ONE, NEG), 2, prims="sub", torch="sub subtract",
          example="subtract([1., 2.], 3.) = [-2., -1.]")
pointwise("multiply", lambda xp, a, b: a * b,
          (lambda xp, y, a, b: b, lambda xp, y, a, b: a), 2, prims="mul", torch="mul multiply",
          calm=True, example="multiply([1., 2.], 3.) = [3., 6.]")
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
          (lambda xp, y, a, b: xp.slope_of_power(a, b),
           lambda xp, y, a, b: xp.slope_of_exponent(y, a, b)), 2, prims="pow",
          torch="pow torch.float_power", jax="power float_power jax.lax.pow",
          safe=1.0, domain=POSITIVE,
          kinks="at a = 0 and b >= 0 the derivative with respect to b is 0; at b = 0 that with "
                "respect to a is 0 in torch, and what b a^(b - 1) gives in JAX: NaN at a = 0",
          example="power([1., 2.], 3.) = [1., 8.]")
pointwise("square", lambda xp, x: xp.square(x), lambda xp, y, x: 2 * x,
          example="square([1., -3.]) = [1., 9.]")
pointwise("reciprocal", lambda xp, x: 1 / x, lambda xp, y, x: -(y * y), prims="", safe=1.0,
          domain=POSITIVE, example="reciprocal([1., 4.]) = [1., 0.25]")

# ----- exponentials and logarithms -----
pointwise("exp", lambda xp, x: xp.exp(x), lambda xp, y, x: y, example="exp([0.]) = [1.]")
pointwise("expm1", lambda xp, x: xp.expm1(x), lambda xp, y, x: y + 1, example="expm1([0.]) = [0.]")
pointwise("exp2", lambda xp, x: xp.exp2(x), lambda xp, y, x: y * log(2),
          torch="exp2 torch.special.exp2", jax="exp2 jax.lax.exp2", example="exp2([3.]) = [8.]")
pointwise("log", lambda xp, x: xp.log(x), lambda xp, y, x: 1 / x, safe=1.0, domain=POSITIVE,
          kernel=lambda xp, g, y, x: g / x,
          pitfalls="log(0) is -inf with gradient inf; for log(1 + x) near 0 use log1p.",
          example="log([1.]) = [0.]")
pointwise("log2", lambda xp, x: xp.log2(x), lambda xp, y, x: 1 / (x * log(2)), safe=1.0,
          domain=POSITIVE, example="log2([8.]) = [3.]")
pointwise("log10", lambda xp, x: xp.log10(x), lambda xp, y, x: 1 / (x * log(10)), safe=1.0,
          domain=POSITIVE, example="log10([100.]) = [2.]")
pointwise("log1p", lambda xp, x: xp.log1p(x), lambda xp, y, x: 1 / (1 + x), domain=(-0.5, 3.0),
          example="log1p([0.]) = [0.]")
pointwise("logaddexp", lambda xp, a, b: xp.logaddexp(a, b),
          (lambda xp, y, a, b: xp.share_of_logaddexp(xp.exp, y, a, b),
           lambda xp, y, a, b: xp.share_of_logaddexp(xp.exp, y, b, a)), 2,
          kinks="at a = b = inf the derivatives are NaN in torch and 1 in JAX",
          example="logaddexp([0.], [0.]) = [0.69314718]")
pointwise("logaddexp2", lambda xp, a, b: xp.logaddexp2(a, b),
          (lambda xp, y, a, b: xp.share_of_logaddexp(xp.exp2, y, a, b),
           lambda xp, y, a, b: xp.share_of_logaddexp(xp.exp2, y, b, a)), 2,
          kinks="at a = b = inf the derivatives are NaN in torch and 1 in JAX",
          example="logaddexp2([1.], [1.]) = [2.]")
pointwise("sqrt", lambda xp, x: xp.sqrt(x), lambda xp, y, x: 0.5 / y, safe=1.0, domain=POSITIVE,
          kinks="at 0 the derivative is inf",
          pitfalls="The norm of a zero vector has a NaN gradient through this row.",
          example="sqrt([4., 9.]) = [2., 3.]")
pointwise("rsqrt", lambda xp, x: xp.rsqrt(x), lambda xp, y, x: xp.slope_of_rsqrt(y, x),
          jax="jax.lax.rsqrt", safe=1.0, domain=POSITIVE, example="rsqrt([4.]) = [0.5]")
pointwise("cbrt", lambda xp, x: xp.cbrt(x), lambda xp, y, x: 1 / (3 * y * y), torch="-",
          jax="cbrt jax.lax.cbrt", safe=1.0, domain=POSITIVE,
          kinks="at 0 the derivative is inf", example="cbrt([8.]) = [2.]")
pointwise("hypot", lambda xp, a, b: xp.hypot(a, b),
          (lambda xp, y, a, b: a / y, lambda xp, y, a, b: b / y), 2, prims="", safe=1.0,
          domain=POSITIVE, kinks="at a = b = 0: NaN in torch, one half each in JAX",
          example="hypot([3.], [4.]) = [5.]")

# ----- circular and hyperbolic -----
pointwise("sin", lambda xp, x: xp.sin(x), lambda xp, y, x: xp.cos(x), calm=True,
          example="sin([0.]) = [0.]")
pointwise("cos", lambda xp, x: xp.cos(x), lambda xp, y, x: -xp.sin(x), calm=True,
          example="cos([0.]) = [1.]")
pointwise("tan", lambda xp, x: xp.tan(x), lambda xp, y, x: 1 + y * y, domain=(-1.2, 1.2),
          example="tan([0.]) = [0.]")
pointwise("tanh", lambda xp, x: xp.tanh(x), lambda xp, y, x: 1 - y * y,
          kernel=lambda xp, g, y, x: xp.tanh_backward(g, y),
          torch="tanh torch.nn.functional.tanh", jax="tanh jax.lax.tanh jax.nn.tanh",
          pitfalls="Saturates: beyond |x| = 9 the float32 derivative is exactly 0.",
          calm=True, example="tanh([0., 0.5]) = [0., 0.46211716]")

pointwise("sinh", lambda xp, x: xp.sinh(x), lambda xp, y, x: xp.cosh(x),
          example="sinh([0.]) = [0.]")
pointwise("cosh", lambda xp, x: xp.cosh(x), lambda xp, y, x: xp.sinh(x),
          example="cosh([0.]) = [1.]")
pointwise("sinc", lambda xp, x: xp.sinc(x), lambda xp, y, x: xp.slope_of_sinc(x),
          torch="sinc torch.special.sinc", prims="", tex=r"y = \frac{\sin \pi x}{\pi x}",
          kinks="the fraction is 0 / 0 at 0: there y is 1 and the derivative 0",
          example="sinc([0., 0.5]) = [1., 0.63661977]")

# ----- their inverses -----
INSIDE = (-0.9, 0.9)
pointwise("asin", lambda xp, x: xp.asin(x), lambda xp, y, x: xp.rsqrt(1 - x * x), domain=INSIDE,
          torch="asin arcsin", jax="asin arcsin jax.lax.asin",
          kinks="at -1 and 1 the derivative is inf", example="asin([0., 1.]) = [0., 1.57079633]")
pointwise("acos", lambda xp, x: xp.acos(x), lambda xp, y, x: -xp.rsqrt(1 - x * x), domain=INSIDE,
          torch="acos arccos", jax="acos arccos jax.lax.acos",
          kinks="at -1 and 1 the derivative is -inf", example="acos([0., 1.]) = [1.57079633, 0.]")
pointwise("atan", lambda xp, x: xp.atan(x), lambda xp, y, x: 1 / (1 + x * x),
          torch="atan arctan", jax="atan arctan jax.lax.atan",
          example="atan([0., 1.]) = [0., 0.78539816]")
pointwise("asinh", lambda xp, x: xp.asinh(x), lambda xp, y, x: xp.rsqrt(1 + x * x),
          torch="asinh arcsinh", jax="asinh arcsinh jax.lax.asinh",
          example="asinh([0., 1.]) = [0., 0.88137359]")
pointwise("acosh", lambda xp, x: xp.acosh(x), lambda xp, y, x: xp.rsqrt(x * x - 1),
          torch="acosh arccosh", jax="acosh arccosh jax.lax.acosh", domain=(1.1, 3.0), safe=2.0,
          kinks="at 1 the derivative is inf", example="acosh([1., 2.]) = [0., 1.3169579]")
pointwise("atanh", lambda xp, x: xp.atanh(x), lambda xp, y, x: 1 / (1 - x * x), domain=INSIDE,
          torch="atanh arctanh", jax="atanh arctanh jax.lax.atanh",
          kinks="at -1 and 1 the derivative is inf", example="atanh([0., 0.5]) = [0., 0.54930614]")
pointwise("atan2", lambda xp, a, b: xp.atan2(a, b),
          (lambda xp, y, a, b: b * xp.inverse_square(a, b),
           lambda xp, y, a, b: -a * xp.inverse_square(a, b)), 2, safe=1.0,
          torch="atan2 arctan2", jax="atan2 arctan2 jax.lax.atan2",
          kinks="at a = b = 0 the derivatives are 0 in torch and NaN in JAX",
          example="atan2([1.], [1.]) = [0.78539816]")

# ----- angles -----
pointwise("deg2rad", lambda xp, x: xp.deg2rad(x), lambda xp, y, x: pi / 180, prims="",
          jax="deg2rad radians", example="deg2rad([180.]) = [3.14159265]")
pointwise("rad2deg", lambda xp, x: xp.rad2deg(x), lambda xp, y, x: 180 / pi, prims="",
          jax="rad2deg degrees", example="rad2deg([3.14159265]) = [180.]")

# ----- activations -----
pointwise("sigmoid", lambda xp, x: xp.sigmoid(x), lambda xp, y, x: y * (1 - y),
          kernel=lambda xp, g, y, x: xp.sigmoid_backward(g, y),
          torch="sigmoid torch.special.expit torch.nn.functional.sigmoid",
          jax="jax.nn.sigmoid jax.lax.logistic", prims="logistic", calm=True,
          example="sigmoid([0.]) = [0.5]")
pointwise("relu", lambda xp, x: xp.relu(x), lambda xp, y, x: xp.exceeds(y, 0),
          kernel=lambda xp, g, y, x: xp.threshold_backward(g, y, 0),
          torch="relu torch.nn.functional.relu", jax="jax.nn.relu", prims="relu",
          kinks="at 0 the derivative is 0, in both frameworks; at NaN it is 1 in torch, 0 in JAX",
          calm=True, example="relu([-1., 2.]) = [0., 2.]")
pointwise("logsigmoid", lambda xp, x: xp.logsigmoid(x), lambda xp, y, x: xp.sigmoid(-x),
          torch="torch.nn.functional.logsigmoid", jax="jax.nn.log_sigmoid", prims="",
          tex=r"y = \log \sigma(x)", example="logsigmoid([0.]) = [-0.69314718]")

# ----- kinks -----
pointwise("abs", lambda xp, x: xp.abs(x), lambda xp, y, x: xp.slope_of_abs(x),
          torch="abs absolute", jax="abs absolute",
          kinks="at 0 the derivative is 0 in torch and 1 in JAX",
          example="abs([-2., 3.]) = [2., 3.]")
pointwise("maximum", lambda xp, a, b: xp.maximum(a, b),
          (lambda xp, y, a, b: xp.where(a == b, 0.5, xp.exceeds(a, b)),
           lambda xp, y, a, b: xp.where(a == b, 0.5, xp.exceeds(b, a))), 2, prims="max",
          kinks="where a = b each gets one half, in both frameworks; beside a NaN both get "
                "everything in torch and nothing in JAX",
          example="maximum([1., 5.], 3.) = [3., 5.]")
pointwise("minimum", lambda xp, a, b: xp.minimum(a, b),
          (lambda xp, y, a, b: xp.where(a == b, 0.5, xp.exceeds(b, a)),
           lambda xp, y, a, b: xp.where(a == b, 0.5, xp.exceeds(a, b))), 2, prims="min",
          kinks="where a = b each gets one half, in both frameworks; beside a NaN both get "
                "everything in torch and nothing in JAX",
          example="minimum([1., 5.], 3.) = [1., 3.]")
pointwise("fmax", lambda xp, a, b: xp.fmax(a, b),
          (lambda xp, y, a, b: xp.wins_fmax(a, b), lambda xp, y, a, b: ~xp.wins_fmax(a, b)), 2,
          prims="", kinks="a NaN never wins; where a = b, a gets all in torch and b in JAX",
          example="fmax([1., nan], 3.) = [3., 3.]")
pointwise("fmin", lambda xp, a, b: xp.fmin(a, b),
          (lambda xp, y, a, b: xp.wins_fmin(a, b), lambda xp, y, a, b: ~xp.wins_fmin(a, b)), 2,
          prims="", kinks="a NaN never wins; where a = b, a gets all in torch and b in JAX",
          example="fmin([1., nan], 3.) = [1., 3.]")
pointwise("copysign", lambda xp, a, b: xp.copysign(a, b),
          (lambda xp, y, a, b: xp.slope_of_copysign(y, a), lambda xp, y, a, b: xp.zeros_like(y)),
          2, prims="", kinks="at a = 0 the derivative is 0 in torch and 1 in JAX",
          example="copysign([2., 3.], [-1., 1.]) = [-2., 3.]")


# ----- clamp: x inside [low, high]; each bound gets the derivative where it is the answer -----
def _clamp_pull(xp, g, y, x, low, high):
    inside, above = xp.inside(x, low, high), xp.above(x, low, high)
    return (xp.where(inside, g, 0.0), lambda: xp.where((x < low) & (low < high), g, 0.0),
            lambda: xp.where(above, g, 0.0))


def _clamp_push(xp, dx, dlow, dhigh, y, x, low, high):
    inside, above = xp.inside(x, low, high), xp.above(x, low, high)
    below = (x < low) & (low < high)
    return xp.where(inside, dx, 0.0) + xp.where(below, dlow, 0.0) + xp.where(above, dhigh, 0.0)


general("clamp", lambda xp, x, low, high: xp.clamp(x, low, high), _clamp_push, _clamp_pull,
        keeps="x", arity=3, axes=right_aligned, torch="clamp clip", jax="jax.lax.clamp clip",
        tex=r"y = \min(\max(x, a), b)",
        dtex=r"dy = \text{the tangent of whichever of the three is } y, \quad "
             r"\bar x = g \text{ if } y \text{ is } x \text{, else } 0 \text{; so for } a, b",
        kinks="at a bound x still gets the derivative in torch; with lax.clamp nobody does, and "
              "with jnp.clip, which is a maximum and a minimum, x and the bound share it",
        cases=(([(2, 3), (2, 3), (2, 3)], {}), ([(2, 3), (), ()], {}), ([(0, 3), (), (3,)], {})),
        example="clamp([-5., 1., 7.], 0., 2.) = [0., 1., 2.]")
