"""autodiff_lab: forward and reverse automatic differentiation, on PyTorch and JAX, from one table.

    import autodiff_lab as ad

    ad.grad(f)(x)                  the gradient of a scalar function
    ad.jvp(f, primals, tangents)   forward mode
    ad.vjp(f, *primals)            reverse mode
    ad.jacrev(f), ad.hessian(f)    whole matrices; ad.hvp for one product
    ad.jacobian(f)                 with the fewest multiplications; sparse=True with few walks
    ad.compile(f, *args)           value and gradient as straight-line code
    ad.implicit(solver, root=F)    a solver's answer, differentiated by the equation it solves
    ad.odeint(f, y0, t0, t1, *p)   the end point of a differential equation
    ad.surgery                     clip, scale, stop, reverse, watch or invent a cotangent
    ad.check(f, *args)             are these derivatives right, and where not?
    ad.record(f, *args)            the tape, to be looked at
    ad.sea(f)                      the whole program as one graph: run, shown, differentiated
    ad.table.ROWS                  the mathematics, one row per operation

Read it in this order: `table/`, `tape`, `calculus`, `forward`, `reverse`; then the front ends that
fill the tape, `on_torch/front` and `on_jax/front`. Importing it imports neither framework.
"""

from . import surgery, table
from .add_row import row
from .checking import check
from .custom import custom_rule
from .errors import AutodiffError, AutodiffTypeError
from .forward import jvp
from .implicit import implicit, odeint
from .jacobians import elimination, hessian, hvp, jacfwd, jacobian, jacrev, sparsity
from .modules import functional
from .record import record
from .reverse import grad, value_and_grad, vjp
from .sea_of_nodes import sea
from .straight import compile
from .surgery import on_cotangent, stop, straight_through
from .tape import Node, Tape

__all__ = [
    "AutodiffError",
    "AutodiffTypeError",
    "Node",
    "Tape",
    "check",
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
    "jvp",
    "odeint",
    "on_cotangent",
    "record",
    "row",
    "sea",
    "sparsity",
    "stop",
    "straight_through",
    "surgery",
    "table",
    "value_and_grad",
    "vjp",
]
