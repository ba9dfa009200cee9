"""autodiff_lab: forward and reverse automatic differentiation, on PyTorch and JAX, from one table.

    import autodiff_lab as ad

    ad.grad(f)(x)                  the gradient of a scalar function
    ad.jvp(f, primals, tangents)   forward mode
    ad.vjp(f, *primals)            reverse mode
    ad.jacrev(f), ad.hessian(f)    whole matrices; ad.hvp for one product
    ad.compile(f, *args)           value and gradient as straight-line code
    ad.check(f, *args)             are these derivatives right, and where not?
    ad.record(f, *args)            the tape, to be looked at
    ad.sea(f)                      the whole program as one graph: run, shown, differentiated
    ad.table.ROWS                  the mathematics, one row per operation

Read it in this order: `table/`, `tape`, `calculus`, `forward`, `reverse`; then the front ends that
fill the tape, `on_torch/front` and `on_jax/front`. Importing it imports neither framework.
"""

from . import table
from .add_row import row
from .checking import check
from .custom import custom_rule
from .errors import AutodiffError, AutodiffTypeError
from .forward import jvp
from .jacobian import hessian, hvp, jacfwd, jacrev
from .modules import functional
from .record import record
from .reverse import grad, value_and_grad, vjp
from .sea_of_nodes import sea
from .straight import compile
from .tape import Node, Tape

__all__ = [
    "AutodiffError",
    "AutodiffTypeError",
    "Node",
    "Tape",
    "check",
    "compile",
    "custom_rule",
    "functional",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jvp",
    "record",
    "row",
    "sea",
    "table",
    "value_and_grad",
    "vjp",
]
