"""`stencil`: say what happens at one place, by reading its neighbours.

    @ad.stencil
    def blur(u):
        return (u[-1, 0] + u[1, 0] + u[0, -1] + u[0, 1] + 4 * u[0, 0]) / 8

Reverse mode turns a read into a write: the adjoint of `u[-1, 0]` adds to a neighbour, and a program
that adds to neighbours can be neither split among cores nor vectorised without care. For a stencil
it can be turned round: each entry of the adjoint reads those that would have written to it, at the
reflected offsets (Hueckelheim et al. 2019, "Automatic differentiation for adjoint stencil loops";
in Halide, Li et al. 2018). So the adjoint is a stencil again, and may be read: `blur.adjoint`.

`fields` runs the function on symbols. A weighted sum is a table of weights (`linear`), anything
else a function of the taps, differentiated by their rows (`pointwise`). The table's rows are in
`table/stencil`, how they are computed in `xp/halo`.
"""

import functools
import inspect
import numbers

from .. import xp
from ..errors import AutodiffError
from ..xp.halo import BOUNDARIES
from .fields import Field, Opaque, Weighted, refusal
from .linear import Linear, shape_of, sizes
from .pointwise import Pointwise

__all__ = ["stencil"]


def stencil(f=None, *, boundary="zero", stride=1):
    """Make a function of one place a function of whole arrays, whose adjoint is a gather.

    In f, `u[offset]` is the value of the array u at a relative place; the last axes of u are those
    that the offsets run along, the others are a batch. Python numbers and scalar arrays are what
    they are. Outside of the array lies, by `boundary`:

        "zero"       0                        "edge"       the entry at the border
        "wrap"       the other end            "reflect"    3 2 1 | 0 1 2 3, mirrored
                                              "symmetric"  2 1 0 | 0 1 2 3, with the border twice

    With a `stride` (a number, or one for each axis) only every so many places are computed, as in
    an image pyramid. A call is one node of the tape.

    >>> import torch, autodiff_lab as ad
    >>> @ad.stencil
    ... def slope(u):
    ...     return u[1] - u[0]
    >>> slope(torch.tensor([1.0, 2.0, 4.0]))
    tensor([ 1.,  2., -4.])
    >>> slope.adjoint
    slope.adjoint(g) = g[-1] - g[0]    # 0 outside
    >>> ad.grad(lambda u: (slope(u) ** 2).sum())(torch.tensor([1.0, 2.0, 4.0]))
    tensor([-2., -2., 12.])
    """
    if f is None:
        return functools.partial(stencil, boundary=boundary, stride=stride)
    return Stencil(f, boundary, stride)


class Stencil:
    """A function of one place, as a function of arrays."""

    is_pure = True  # it may stand in a sea of nodes

    def __init__(self, f, boundary, stride):
        if not inspect.isfunction(f):
            raise AutodiffError(
                f"stencil takes a function of fields, such as lambda u: u[1] - u[0], and was given "
                f"{f!r}"
            )
        if boundary not in BOUNDARIES:
            names = ", ".join(map(repr, BOUNDARIES))
            raise AutodiffError(f"no boundary is called {boundary!r}; there are {names}")
        self.f, self.boundary, self.stride, self.forms = f, boundary, stride, {}
        functools.update_wrapper(self, f)
        self.names = tuple(inspect.signature(f).parameters)

    def __call__(self, *args, **static):
        at = tuple(i for i, x in enumerate(args) if len(getattr(x, "shape", ())))
        if not at:
            kinds = ", ".join(type(x).__name__ for x in args) or "nothing"
            raise AutodiffError(
                f"the stencil {self.__name__} was called with {kinds}; give it a torch.Tensor or a "
                "JAX array"
            )
        fields = [args[i] for i in at]
        alike = len({shape_of(x) for x in fields}) == 1  # or one is shared by a batch
        form = self._form(at, args, static, alike)
        sizes(self, fields, len(form.stride))
        if not isinstance(form, Linear):
            return form(*args)
        return form(*[x for i, x in zip(at, fields, strict=True) if self.names[i] in form.names])

    # ----- the function, read once for each kind of arguments -----
    def _form(self, at, args, static, alike=True):
        """A `Linear` or a `Pointwise`, the same one again for the same numbers."""
        fixed = tuple(
            None if i in at else Ellipsis if xp.framework_of(x) else x for i, x in enumerate(args)
        )
        key = at, fixed, tuple(static.items()), alike
        try:
            known = self.forms.get(key)
        except TypeError:  # something that cannot be a key
            return self._read(at, fixed, static, alike)
        if known is None:
            if len(self.forms) > 100:  # numbers that change with every call
                self.forms.clear()
            known = self.forms[key] = self._read(at, fixed, static, alike)
        return known

    def _read(self, at, fixed, static, alike):
        reads = []

        def look(field, offset):
            if reads and len(offset) != len(reads[0]):
                raise refusal(
                    self.f,
                    f"an offset of {len(offset)} numbers, after one of {len(reads[0])}; all fields "
                    "are read along the same axes",
                )
            reads.append(offset)
            return Weighted(self.f, {(field.number, offset): 1})

        args = [
            Field(self.names[i], i, self.f, look) if i in at
            else Opaque(self.f) if x is Ellipsis
            else x
            for i, x in enumerate(fixed)
        ]  # fmt: skip
        try:
            y = self.f(*args, **static)
        except AutodiffError:
            raise
        except Exception:  # JAX's functions take no symbols
            if not reads:
                raise
            y = Opaque(self.f)
        self._check(y, reads)
        stride = self._stride(len(reads[0]))
        if isinstance(y, Weighted) and alike:
            return self._linear(y, at, stride)
        return Pointwise(self.f, self.names, at, fixed, static, self.boundary, stride)

    def _check(self, y, reads):
        if not reads:
            raise AutodiffError(
                f"the stencil {self.__name__} reads nothing; write {self.names[0]}[0, 0] for the "
                f"value of {self.names[0]} at the place itself"
            )
        if not isinstance(y, (Weighted, Opaque)):
            raise AutodiffError(
                f"the stencil {self.__name__} returned a {type(y).__name__}, and a stencil has one "
                "value at each place; write one stencil for each output"
            )

    def _stride(self, rank):
        stride = (self.stride,) * rank if isinstance(self.stride, int) else tuple(self.stride)
        whole = all(isinstance(s, numbers.Integral) and s > 0 for s in stride)
        if len(stride) != rank or not whole:
            raise AutodiffError(
                f"the stencil {self.__name__} has stride={self.stride!r} and offsets of {rank} "
                "numbers; give one stride above 0, or one for each axis"
            )
        return stride

    def _linear(self, y, at, stride):
        tables = {i: tuple((o, weight) for (j, o), weight in y.terms.items() if j == i) for i in at}
        read = [i for i in at if tables[i]]
        names = tuple(self.names[i] for i in read)
        tables = tuple(tables[i] for i in read)
        return Linear(self.__name__, names, tables, self.boundary, stride)

    # ----- to be read -----
    def _table(self):
        """The form for arrays alone."""
        fields = tuple(range(len(self.names)))
        form = self._form(fields, (None,) * len(fields), {})
        if not isinstance(form, Linear):
            raise AutodiffError(
                f"{self.__name__} is no weighted sum of its fields, so the weights of its adjoint "
                f"change with them; ad.vjp({self.__name__}, {', '.join(self.names)}) has it at a "
                "point"
            )
        return form

    @property
    def adjoint(self):
        """The transpose of a linear stencil: a stencil. Of several fields, one for each."""
        found = self._table().adjoints
        return found[0] if len(found) == 1 else dict(zip(self._table().names, found, strict=True))

    def __repr__(self):
        try:
            return repr(self._table())
        except AutodiffError:
            return f"<stencil {self.__name__}({', '.join(self.names)})>"
