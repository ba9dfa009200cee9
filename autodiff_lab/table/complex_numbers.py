"""Complex numbers. Each row is linear over the reals; `g` is a cotangent in JAX's convention.

The walks transpose, they do not conjugate: a holomorphic function pulls with the partial that it
pushes with, and `conj` with `conj`. PyTorch's convention is the conjugate of that at both ends; the
reverse walk translates there, so no row has to know.
"""

from .row import linear, pointwise, right_aligned, unchanged

linear("real", lambda xp, x: xp.real(x), lambda xp, g, x: (xp.as_complex(g, x.dtype),),
       axes=unchanged, torch="torch.real", jax="real jax.lax.real",
       tex=r"y = \operatorname{Re} x", dtex="g", cases=(([(2, 3)], {}),),
       example="real([3.]) = [3.]")
linear("imag", lambda xp, x: xp.imaginary(x), lambda xp, g, x: (-1j * xp.as_complex(g, x.dtype),),
       axes=unchanged, torch="torch.imag", jax="imag jax.lax.imag",
       tex=r"y = \operatorname{Im} x", dtex=r"-i \, g",
       pitfalls="PyTorch refuses the imaginary part of a real tensor.",
       cases=(([(2, 3)], {}),),
       example="imag([3.]) = [0.]")
linear("conj", lambda xp, x: xp.conj(x), lambda xp, g, x: (xp.conj(g),),
       axes=unchanged, torch="conj", jax="conj conjugate jax.lax.conj",
       tex=r"y = \bar{x}", dtex=r"\text{the conjugate of } g", cases=(([(2, 3)], {}),), example="conj([3.]) = [3.]")
linear("complex", lambda xp, a, b: xp.complex(a, b),
       lambda xp, g, a, b: (xp.real(g), lambda: -xp.imaginary(g)),
       arity=2, linear_in=(0, 1), axes=right_aligned, torch="torch.complex",
       jax="jax.lax.complex", tex="y = a + i b",
       dtex=r"\bar a = \operatorname{Re} g, \quad \bar b = -\operatorname{Im} g",
       example="complex([3.], [4.]) = [3.+4.j]")
pointwise("angle", lambda xp, x: xp.angle(x), lambda xp, y, x: xp.slope_of_angle(x), prims="",
          kinks="a jump across the negative real axis; at 0 the derivative is 0",
          pitfalls="Of a real number the angle is 0 or pi, and its derivative 0.",
          example="angle([1., -1.]) = [0., 3.14159265]")
