"""Linear stencils: a table of weights by offset, and its transpose, which is such a table again.

A call is one node of the tape, of the row `stencil` with its parameters filled in. It is linear, so
a reverse walk keeps nothing for it, and a hundred steps of the heat equation keep one array.
"""

import dataclasses
import functools
import itertools
import types

from .. import xp
from ..custom import Call
from ..errors import AutodiffError
from ..table.row import ROWS, unchanged


class Linear:
    """A linear stencil: `tables` holds, for each field, pairs of an offset and a weight.

    `transposed`: it is the transpose of the stencil with these tables.
    """

    def __init__(self, name, names, tables, boundary, stride, transposed=False):
        self.__name__, self.names, self.tables = name, names, tables
        self.boundary, self.stride, self.transposed = boundary, stride, transposed
        self.calls = {}

    def __call__(self, *fields, size=None):
        """The stencil of these fields.

        The adjoint of one with a stride takes the `size` that it goes back to, if that is no
        multiple of the stride.
        """
        verbs = xp.of(*fields)
        if verbs is None or len(fields) != len(self.tables):
            raise AutodiffError(
                f"{self.__name__} takes {len(self.tables)} arrays of one framework, and was given "
                f"{', '.join(type(x).__name__ for x in fields) or 'nothing'}"
            )
        n = sizes(self, fields, len(self.stride))
        back = self._back(n, size) if self.transposed else None
        fields = [self._ready(verbs, x) for x in fields]
        return self._call(verbs, back)(*fields)

    def _back(self, n, size):
        back = tuple(size or (a * s for a, s in zip(n, self.stride, strict=True)))
        fits = tuple(-(-a // s) for a, s in zip(back, self.stride, strict=True))
        if fits != n:
            raise AutodiffError(
                f"{self.__name__} was given an array of size {n} to go back to size {back}; a "
                f"stride of {self.stride} makes {fits} of that"
            )
        return back

    def _ready(self, verbs, x):
        """Whole numbers have no halves."""
        whole = all(isinstance(w, int) for table in self.tables for _, w in table)
        return x if whole or verbs.is_inexact(x.dtype) else x * 1.0

    def _call(self, verbs, back):
        key = verbs.name, back
        if key not in self.calls:
            params = {"boundary": self.boundary, "stride": self.stride, "back": back}
            self.calls[key] = LinearCall(self.__name__, verbs, self.tables, params)
        return self.calls[key]

    @functools.cached_property
    def adjoints(self):
        """The transpose with respect to each field."""
        return tuple(map(self._adjoint, self.names, self.tables))

    def _adjoint(self, name, table):
        title = f"{self.__name__}.adjoint" + f"[{name!r}]" * (len(self.names) > 1)
        if is_direct(self.boundary, self.stride):
            return Linear(title, ("g",), (reflected(table),), self.boundary, self.stride)
        return Linear(title, ("g",), (table,), self.boundary, self.stride, not self.transposed)

    def __repr__(self):
        head = f"{self.__name__}({', '.join(self.names)})"
        lines = self._phases() if self.transposed else [self._sum((0,) * len(self.stride))]
        outside = {"zero": "0 outside"}.get(self.boundary, f"boundary {self.boundary!r}")
        if self.transposed and self.boundary != "zero":
            outside += ": what it reads outside is added to where that was copied from"
        if set(self.stride) != {1} and not self.transposed:
            outside += f", every {self.stride}"
        return "\n".join([f"{head}{line}" for line in lines]) + f"    # {outside}"

    def _sum(self, at):
        terms = [
            (weight, f"{name}[{', '.join(map(str, o))}]")
            for name, table in zip(self.names, self.tables, strict=True)
            for o, weight in (self._seen(table, at) if self.transposed else table)
        ]
        return " = " + (_joined(terms) or "0")

    def _phases(self):
        """One line for each place between two multiples of the stride."""
        for at in itertools.product(*map(range, self.stride)):
            place = ", ".join(
                f"{s}*{i}" + f" + {p}" * (p > 0) if s > 1 else i
                for i, s, p in zip("ijklmn", self.stride, at, strict=False)
            )
            yield f"[{place}]" * (set(self.stride) != {1}) + self._sum(at)

    def _seen(self, table, at):
        """What the entries of this phase read: (p - o) / stride, where that is whole."""
        for offset, weight in table:
            pairs = [divmod(p - o, s) for p, o, s in zip(at, offset, self.stride, strict=True)]
            if not any(rest for _, rest in pairs):
                yield tuple(whole for whole, _ in pairs), weight


def _joined(terms):
    text = ""
    for weight, tap in terms:
        sign = (" - " if weight < 0 else " + ") if text else "-" * (weight < 0)
        text += sign + (f"{abs(weight):g} " if abs(weight) != 1 else "") + tap
    return text


def sizes(stencil, fields, rank):
    """The sizes of the axes that the stencil runs along; all fields agree on them."""
    found = [shape_of(x)[-rank:] for x in fields]
    if any(len(n) < rank for n in found) or len(set(found)) > 1:
        shapes = " and ".join(str(tuple(x.shape)) for x in fields)
        raise AutodiffError(
            f"{stencil.__name__} reads at offsets with {rank} numbers, and was given "
            f"{'arrays of shapes' if len(fields) > 1 else 'an array of shape'} {shapes}; the last "
            f"{rank} axes are the stencil's, and must be there and agree"
        )
    return found[0]


def shape_of(x):
    """The shape; None under a mask, where examples have sizes of their own."""
    return tuple(n if isinstance(n, int) else None for n in x.shape)


def axes_of(stride):
    return functools.partial(ROWS["stencil"].axes, stride=stride)


class LinearCall(Call):
    """A linear stencil with everything fixed but its arrays: what one node stands for."""

    def __init__(self, name, verbs, tables, params):
        self.__name__, self.verbs, self.tables, self.params = name, verbs, tables, params
        self.at, self.rule = range(len(tables)), types.SimpleNamespace(vjp=self.pull)
        self.transposes, row = {}, ROWS["stencil"]
        self.custom_row = dataclasses.replace(
            row,
            name=name,
            fn=lambda verbs, *xs: self(*xs),
            d=self.pull,
            arity=len(tables),
            means=(row, {"taps": tables, **params}),
            batch=lambda batched: {},
            _keep={},
            **self._under_a_mask(),
        )

    def _under_a_mask(self):
        """Zeros outside of each example are what a stencil with that boundary reads there."""
        if self.params["boundary"] == "zero" and set(self.params["stride"]) == {1}:
            return {"axes": unchanged, "identity": 0.0}
        return {"axes": axes_of(self.params["stride"])}

    def value(self, *xs):
        return self.verbs.stencil(*xs, taps=self.tables, **self.params)

    def pull(self, verbs, g, *xs):
        return [functools.partial(self._cotangent, g, k, x) for k, x in enumerate(xs)]

    def _cotangent(self, g, k, x):
        table, back = (self.tables[k],), None
        if is_direct(**self.params):
            table = (reflected(self.tables[k]),)
        elif self.params["back"] is None:
            back = tuple(x.shape[-len(self.params["stride"]) :])
        if (k, back) not in self.transposes:
            name, params = f"{self.__name__}.adjoint", self.params | {"back": back}
            self.transposes[k, back] = LinearCall(name, self.verbs, table, params)
        return self.transposes[k, back](g)


def is_direct(boundary, stride, back=None):
    """Is the adjoint the stencil with reflected offsets, and the same boundary?"""
    return boundary in ("zero", "wrap") and set(stride) == {1} and back is None


def reflected(table):
    return tuple((tuple(-a for a in o), weight) for o, weight in table)
