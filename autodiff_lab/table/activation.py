"""Activations: composite rows over the pointwise ones, with PyTorch's parameters.

At a kink each piece is chosen so that PyTorch's derivative comes out; `safe` values go into the
branch that is not taken, so that 0 times inf never happens. In JAX these are ordinary functions:
their own pieces are recorded.
"""

import functools
from math import pi, sqrt

from . import fused
from .row import composite, unchanged

entrywise = functools.partial(composite, axes=unchanged, calm=True)
F = "torch.nn.functional."
SHAPE = [(2, 3)]


def elu(xp, x, *, alpha=1.0, scale=1.0, rate=1.0):
    low = x <= 0
    curve = alpha * xp.expm1(rate * xp.where(low, x, 0.0))
    return scale * xp.where(low, curve, x)


def softplus(xp, x, *, beta=1.0, threshold=20.0):
    straight = x * beta > threshold
    return xp.where(straight, x, xp.log1p(xp.exp(xp.where(straight, 0.0, x * beta))) / beta)


def gelu(xp, x, *, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + xp.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))
    return x * (0.5 * (1 + xp.erf(x * sqrt(0.5))))


def hardtanh(xp, x, *, low=-1.0, high=1.0):
    return xp.where(x <= low, low, xp.where(x >= high, high, x))


def hardsigmoid(xp, x):
    return xp.where(xp.abs(x) < 3, x / 6 + 0.5, xp.where(x >= 3, 1.0, xp.where(x <= -3, 0.0, x)))


def hardswish(xp, x):
    between = xp.where(xp.abs(x) < 3, x, 0.0)
    return xp.where(xp.abs(x) < 3, between * (between + 3) / 6, xp.where(x <= -3, 0.0, x))


def softshrink(xp, x, *, bound=0.5):
    small = (x >= -bound) & (x <= bound)
    return xp.where(small, 0.0, xp.where(x > 0, x - bound, x + bound))


entrywise("elu", elu, fast=fused.elu(),
          torch=F + "elu", jax="jax.nn.elu", cases=((SHAPE, {"alpha": 1.5}),),
          tex=r"y = x \text{ if } x > 0, \text{ else } \alpha \, (e^x - 1)",
          kinks="at 0 the derivative is alpha", example="elu([0., 2.], alpha=1.) = [0., 2.]")
entrywise("selu", lambda xp, x: elu(xp, x, alpha=1.6732632423543772, scale=1.0507009873554805),
          fast=fused.elu(1.6732632423543772, 1.0507009873554805),
          torch="torch.selu " + F + "selu", jax="jax.nn.selu", cases=((SHAPE, {}),),
          tex=r"y = \lambda \, \operatorname{elu}_\alpha(x)",
          kinks="at 0 the derivative is 1.758, that of the left piece",
          example="selu([0., 1.]) = [0., 1.05070099]")
entrywise("celu", lambda xp, x, *, alpha=1.0: elu(xp, x, alpha=alpha, rate=1 / alpha),
          fast=fused.elu(rate=None), torch="torch.celu " + F + "celu", jax="jax.nn.celu",
          cases=((SHAPE, {"alpha": 1.5}),),
          tex=r"y = x \text{ if } x > 0, \text{ else } \alpha \, (e^{x / \alpha} - 1)",
          example="celu([0., 2.], alpha=1.) = [0., 2.]")
entrywise("leaky_relu", lambda xp, x, *, slope=0.01: xp.where(x > 0, x, slope * x),
          fast=fused.leaky_relu, torch=F + "leaky_relu", jax="jax.nn.leaky_relu",
          cases=((SHAPE, {"slope": 0.2}),),
          tex=r"y = x \text{ if } x > 0, \text{ else } s \, x",
          kinks="at 0 the derivative is the slope in torch and 1 in JAX",
          example="leaky_relu([-1., 2.], slope=0.5) = [-0.5, 2.]")
entrywise("hardtanh", hardtanh, fast=fused.hardtanh, torch=F + "hardtanh", jax="jax.nn.hard_tanh",
          cases=((SHAPE, {"low": -0.5, "high": 1.0}),), tex=r"y = \min(\max(x, a), b)",
          kinks="at both bounds the derivative is 0 in torch; in JAX it is 0 at -1 and 1 at 1",
          example="hardtanh([-2., 0.5, 2.], low=-1., high=1.) = [-1., 0.5, 1.]")
entrywise("relu6", lambda xp, x: hardtanh(xp, x, low=0.0, high=6.0), torch=F + "relu6",
          jax="jax.nn.relu6", cases=((SHAPE, {}),), tex=r"y = \min(\max(x, 0), 6)",
          kinks="at 0 and 6 the derivative is 0", example="relu6([-1., 7.]) = [0., 6.]")
entrywise("hardsigmoid", hardsigmoid, torch=F + "hardsigmoid", jax="jax.nn.hard_sigmoid",
          cases=((SHAPE, {}),), tex=r"y = \frac{\min(\max(x + 3, 0), 6)}{6}",
          pitfalls="PyTorch's own slope is 1/6 rounded to float32, even in float64.",
          example="hardsigmoid([-4., 0., 4.]) = [0., 0.5, 1.]")
entrywise("hardswish", hardswish, fast=fused.hardswish, torch=F + "hardswish",
          jax="jax.nn.hard_swish jax.nn.hard_silu", cases=((SHAPE, {}),),
          tex=r"y = x \, \operatorname{hardsigmoid}(x)",
          example="hardswish([-4., 0., 4.]) = [0., 0., 4.]")
entrywise("softplus", softplus, fast=fused.softplus, torch=F + "softplus", jax="jax.nn.softplus",
          cases=((SHAPE, {"beta": 2.0, "threshold": 2.0}), (SHAPE, {})),
          tex=r"y = \frac{1}{\beta} \log (1 + e^{\beta x})",
          pitfalls="Above the threshold torch goes on with y = x, for numerical peace.",
          example="softplus([0.]) = [0.69314718]")
entrywise("softsign", lambda xp, x: x / (1 + xp.abs(x)), torch=F + "softsign",
          jax="jax.nn.soft_sign", cases=((SHAPE, {}),),
          tex=r"y = \frac{x}{1 + \operatorname{abs}(x)}",
          example="softsign([1., -3.]) = [0.5, -0.75]")
entrywise("mish", lambda xp, x: x * xp.tanh(softplus(xp, x)), fast=fused.mish,
          torch=F + "mish", jax="jax.nn.mish", cases=((SHAPE, {}),),
          tex=r"y = x \tanh(\log (1 + e^x))", example="mish([0.]) = [0.]")
entrywise("gelu", gelu, fast=fused.gelu, torch=F + "gelu", jax="jax.nn.gelu",
          cases=((SHAPE, {"approximate": "none"}), (SHAPE, {"approximate": "tanh"})),
          tex=r"y = x \, \Phi(x), \text{ with the normal distribution } \Phi",
          pitfalls="JAX's default is the tanh form, torch's is the exact one.",
          example="gelu([0., 1.]) = [0., 0.84134475]")
entrywise("tanhshrink", lambda xp, x: x - xp.tanh(x), torch=F + "tanhshrink", jax="-",
          cases=((SHAPE, {}),), tex=r"y = x - \tanh x", example="tanhshrink([0.]) = [0.]")
entrywise("softshrink", softshrink, torch=F + "softshrink", jax="-",
          cases=((SHAPE, {"bound": 0.5}),),
          tex=r"y = x \mp \lambda \text{ outside } [-\lambda, \lambda], \text{ else } 0",
          kinks="inside, bounds included, the derivative is 0",
          example="softshrink([-2., 0.2, 2.], bound=0.5) = [-1.5, 0., 1.5]")
entrywise("hardshrink",
          lambda xp, x, *, bound=0.5: xp.where((x >= -bound) & (x <= bound), 0.0, x),
          torch="torch.hardshrink " + F + "hardshrink", jax="-", cases=((SHAPE, {"bound": 0.5}),),
          tex=r"y = x \text{ outside } [-\lambda, \lambda], \text{ else } 0",
          kinks="inside, bounds included, the derivative is 0",
          example="hardshrink([-2., 0.2, 2.], bound=0.5) = [-2., 0., 2.]")
entrywise("threshold", lambda xp, x, *, bound, value: xp.where(x <= bound, value, x),
          torch="torch.threshold " + F + "threshold", jax="-",
          cases=((SHAPE, {"bound": 0.5, "value": 3.0}),),
          tex=r"y = x \text{ above the bound, else the value}",
          kinks="at the bound the derivative is 0",
          example="threshold([0., 2.], bound=1., value=5.) = [5., 2.]")

# ----- three inputs -----
composite("lerp", lambda xp, a, b, w: a + w * (b - a), arity=3, jax="-",
          cases=(([(2, 3), (2, 3), (3,)], {}),), tex=r"y = a + w \, (b - a)",
          example="lerp([1.], [3.], 0.5) = [2.]")
composite("addcmul", lambda xp, x, a, b, *, value=1: x + value * a * b, arity=3, jax="-",
          cases=(([(2, 3), (2, 3), (3,)], {"value": 2.0}),), tex=r"y = x + v \, a \, b",
          example="addcmul([1.], [2.], [3.], value=2.) = [13.]")
composite("addcdiv", lambda xp, x, a, b, *, value=1: x + value * a / b, arity=3, jax="-",
          domain=(0.1, 3.0), cases=(([(2, 3), (2, 3), (3,)], {"value": 2.0}),),
          tex=r"y = x + v \, \frac{a}{b}", example="addcdiv([1.], [6.], [3.], value=2.) = [5.]")


# ----- numbers out of what is none -----
def nan_to_num(xp, x, *, nan, posinf, neginf):
    top, bottom = x == float("inf"), x == -float("inf")
    kept = xp.where(top, posinf, xp.where(bottom, neginf, x))
    return xp.where(x != x, nan, kept)


entrywise("nan_to_num", nan_to_num,
          cases=((SHAPE, {"nan": 0.0, "posinf": 9.0, "neginf": -9.0}),),
          tex=r"y = x \text{ where it is a number, else a given one}",
          kinks="where something is replaced the derivative is 0",
          example="nan_to_num([1., inf, nan], nan=0., posinf=9., neginf=-9.) = [1., 9., 0.]")
