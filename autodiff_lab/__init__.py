"""autodiff_lab: forward and reverse automatic differentiation, on PyTorch and JAX, from one table.

    import autodiff_lab as ad

    ad.grad(f)(x)                  the gradient of a scalar function
    ad.jvp(f, primals, tangents)   forward mode
    ad.vjp(f, *primals)            reverse mode
    ad.jacrev(f), ad.hessian(f)    whole matrices; ad.hvp for one product
    ad.jacobian(f)                 with the fewest multiplications; sparse=True with few walks
    ad.taylor(f, x, order)         derivatives of any order in one pass; ad.jet along a curve
    ad.wirtinger(f, z)             both derivatives of a complex function, and what grad returns
    ad.compile(f, *args)           value and gradient as straight-line code
    ad.checkpoint(f, "sqrt")       the same gradient, with less kept; ad.memory measures it
    ad.implicit(solver, root=F)    a solver's answer, differentiated by the equation it solves
    ad.odeint(f, y0, t0, t1, *p)   the end point of a differential equation
    ad.stencil(f)                  f at every place, from its neighbours; f.adjoint is one again
    ad.surgery                     clip, scale, stop, reverse, watch or invent a cotangent
    ad.check(f, *args)             are these derivatives right, and where not?
    ad.record(f, *args)            the tape, to be looked at
    ad.to_source(tape)             the tape's value and gradient as Python
    ad.transform(f).source         the gradient from the function's text, loops kept
    ad.sea(f)                      the whole program as one graph: run, shown, differentiated
    ad.nn, ad.optim, ad.random     layers, optimisers, random numbers: the same on both frameworks
    ad.table.ROWS                  the mathematics, one row per operation

Read it in this order: `table/`, `tape`, `calculus`, `forward`, `reverse`; then the front ends that
fill the tape, `on_torch/front` and `on_jax/front`. Importing it imports neither framework.
"""

from . import nn, optim, random, surgery, table
from .add_row import row
from .checking import check
from .checkpointing import checkpoint, memory
from .custom import custom_rule
from .errors import AutodiffError, AutodiffTypeError
from .forward import jvp
from .implicit import implicit, odeint
from .jacobians import elimination, hessian, hvp, jacfwd, jacobian, jacrev, sparsity
from .modules import functional
from .record import record
from .reverse import grad, value_and_grad, vjp
from .rewriting import transform
from .sea_of_nodes import sea
from .stencils import stencil
from .straight import compile
from .surgery import on_cotangent, stop, straight_through
from .tape import Node, Tape
from .taylor import jet, taylor
from .wirtinger import wirtinger
from .writing.tape import to_source

__all__ = [
    "AutodiffError",
    "AutodiffTypeError",
    "Node",
    "Tape",
    "check",
    "checkpoint",
    "compile",
    "custom_rule",
    "elimination",
    "functional",
    "grad",
    "hessian",
    "hvp",
    "implicit",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jet",
    "jvp",
    "memory",
    "nn",
    "odeint",
    "on_cotangent",
    "optim",
    "random",
    "record",
    "row",
    "sea",
    "sparsity",
    "stencil",
    "stop",
    "straight_through",
    "surgery",
    "table",
    "taylor",
    "to_source",
    "transform",
    "value_and_grad",
    "vjp",
    "wirtinger",
]
