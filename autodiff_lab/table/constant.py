"""Rows without a derivative: comparisons, logic, rounding, sizes. Their tangent is zero."""

from .row import constant, unchanged

FLAT = "flat wherever it is continuous, so the derivative is zero"

# ----- comparisons: the answer is a boolean -----
constant("equal", lambda xp, a, b: a == b, 2, torch="eq", prims="eq",
         example="equal([1., 2.], 2.) = [False, True]")
constant("not_equal", lambda xp, a, b: a != b, 2, torch="ne not_equal", prims="ne",
         example="not_equal([1., 2.], 2.) = [True, False]")
constant("greater", lambda xp, a, b: a > b, 2, torch="gt greater", prims="gt",
         example="greater([1., 3.], 2.) = [False, True]")
constant("greater_equal", lambda xp, a, b: a >= b, 2, torch="ge greater_equal", prims="ge",
         example="greater_equal([1., 2.], 2.) = [False, True]")
constant("less", lambda xp, a, b: a < b, 2, torch="lt less", prims="lt",
         example="less([1., 3.], 2.) = [True, False]")
constant("less_equal", lambda xp, a, b: a <= b, 2, torch="le less_equal", prims="le",
         example="less_equal([2., 3.], 2.) = [True, False]")

# ----- logic: on booleans the bitwise operations are the logical ones -----
constant("bitwise_and", lambda xp, a, b: a & b, 2, prims="and",
         example="bitwise_and([True, True], [True, False]) = [True, False]")
constant("bitwise_or", lambda xp, a, b: a | b, 2, prims="or",
         example="bitwise_or([False, True], [False, False]) = [False, True]")
constant("bitwise_xor", lambda xp, a, b: a ^ b, 2, prims="xor",
         example="bitwise_xor([True, True], [True, False]) = [False, True]")
constant("bitwise_not", lambda xp, x: ~x, prims="not", example="bitwise_not([True]) = [False]")
constant("left_shift", lambda xp, a, b: a << b, 2, torch="bitwise_left_shift",
         jax="left_shift", prims="shift_left", domain="integers", tex=r"y = a \cdot 2^b",
         example="left_shift([1, 3], 2) = [4, 12]")
constant("right_shift", lambda xp, a, b: a >> b, 2, torch="bitwise_right_shift",
         jax="right_shift", prims="shift_right_arithmetic", domain="integers",
         tex=r"y = \lfloor a / 2^b \rfloor",
         example="right_shift([5, -8], 2) = [1, -2]")
constant("bitcast", lambda xp, x, *, dtype: xp.bitcast(x, dtype), axes=unchanged,
         torch="-", jax="jax.lax.bitcast_convert_type", prims="bitcast_convert_type",
         cases=(([(4, 3)], {"dtype": "int64"}),), tex=r"y \text{ has the bits of } x",
         example="bitcast([1.], dtype='int32') = [1065353216]")
constant("isfinite", lambda xp, x: xp.isfinite(x), prims="is_finite",
         example="isfinite([1., inf]) = [True, False]")

# ----- rounding -----
constant("floor", lambda xp, x: xp.floor(x), dtex=FLAT, kinks="a step at each integer",
         pitfalls="The gradient is exactly zero: for a useful one, use a straight-through floor.",
         example="floor([1.5, -1.5]) = [1., -2.]")
constant("ceil", lambda xp, x: xp.ceil(x), dtex=FLAT, kinks="a step at each integer",
         example="ceil([1.5, -1.5]) = [2., -1.]")
constant("trunc", lambda xp, x: xp.trunc(x), prims="", torch="trunc fix", dtex=FLAT,
         kinks="a step at each integer but 0", example="trunc([1.5, -1.5]) = [1., -1.]")
constant("round", lambda xp, x: xp.round(x), dtex=FLAT, kinks="a step at each half",
         pitfalls="Halves go to the even neighbour, in both frameworks.",
         example="round([0.5, 1.5, 2.4]) = [0., 2., 2.]")
constant("round_away", lambda xp, x: xp.trunc(x) + xp.sign(x) * (xp.abs(x - xp.trunc(x)) >= 0.5),
         torch="-", jax="jax.lax.round", prims="", dtex=FLAT, kinks="a step at each half",
         pitfalls="Halves go away from zero: lax.round's default, but not jnp.round's.",
         example="round_away([0.5, -1.5, 2.4]) = [1., -2., 2.]")
constant("floor_divide", lambda xp, a, b: a // b, 2, prims="", dtex=FLAT, safe=1.0,
         kinks="a step wherever a / b is an integer",
         example="floor_divide([7., -7.], 2.) = [3., -4.]")
constant("trunc_divide", lambda xp, a, b: xp.trunc_divide(a, b), 2, torch="-", jax="-",
         prims="", dtex=FLAT, safe=1.0, kinks="a step wherever a / b is an integer but 0",
         pitfalls="Rounds towards zero, as C does; Python's `//` rounds down.",
         example="trunc_divide([7, -7], 2) = [3, -3]")
constant("sign", lambda xp, x: xp.sign(x), dtex=FLAT, kinks="a step at 0",
         example="sign([-3., 0., 2.]) = [-1., 0., 1.]")

# ----- arrays that depend on sizes only -----
constant("zeros_like", lambda xp, x: xp.zeros_like(x), torch="torch.zeros_like", prims="",
         example="zeros_like([3.]) = [0.]")
constant("ones_like", lambda xp, x: xp.ones_like(x), torch="torch.ones_like", prims="",
         example="ones_like([3.]) = [1.]")
constant("arange", lambda xp, *, shape, axis, dtype, like=None: xp.arange(shape, axis, dtype, like),
         arity=0, torch="torch.arange", prims="iota",
         axes=lambda ndims, *, shape, **_: ([], len(shape)),
         tex=r"y_i = i", example="arange(shape=(3,), axis=0, dtype=None) = [0, 1, 2]")

# ----- the derivative is cut on purpose -----
constant("stop_gradient", lambda xp, x: xp.stop_gradient(x), axes=unchanged,
         torch="torch.detach torch.Tensor.detach", jax="jax.lax.stop_gradient", tex=r"y = x",
         dtex="zero, by decree: what is behind it is treated as a constant",
         example="stop_gradient([3.]) = [3.]")
