"""Stencils that are no weighted sums: some function of the taps, place by place.

The rows of the function's own operations give the derivative by each tap at each place. A field's
cotangent gathers: at each place it adds up, over the offsets, the product of that derivative and of
the output's cotangent that the reflected offset finds. That follows from the row `taps`: a call is
one node, of a composite row made of `taps` and of what the function does with them.
"""

import itertools
import types

from .. import xp
from ..custom import Call
from ..errors import AutodiffError
from ..source import words
from ..table.row import ROWS, Row, unchanged
from ..tape import Tape
from ..trace import trace
from .fields import BRANCH, Field, refusal
from .linear import axes_of


class Pointwise:
    """`f` at every place, for certain numbers; `fields` are the places of its arrays with dims."""

    def __init__(self, f, names, fields, fixed, static, boundary, stride):
        self.f, self.names, self.fields = f, names, fields
        self.fixed, self.static, self.boundary, self.stride = fixed, static, boundary, stride
        self.calls = {}

    def __call__(self, *args):
        verbs = xp.of(*(args[i] for i in self.fields))
        at = tuple(i for i, x in enumerate(args) if xp.framework_of(x))
        key = verbs.name, at
        if key not in self.calls:
            self.calls[key] = PointwiseCall(self, verbs, at)
        return self.calls[key](*(args[i] for i in at))

    def run(self, args, look):
        """f on fields that are read by `look`."""
        args = list(args)
        for i in self.fields:
            args[i] = Field(self.names[i], i, self.f, look)
        return self.f(*args, **self.static)

    def taps(self, x, offsets):
        return ROWS["taps"](x, offsets=offsets, boundary=self.boundary, stride=self.stride)


class PointwiseCall(Call):
    """The same as a function of its arrays alone, those at the places `at`."""

    def __init__(self, form, verbs, at):
        self.form, self.verbs, self.at, self.offsets = form, verbs, at, None
        self.__name__, self.rule = form.f.__name__, types.SimpleNamespace(vjp=True)
        self.custom_row = Row(
            name=self.__name__,
            kind="composite",
            fn=lambda verbs, *xs: self.value(*xs),
            arity=len(at),
            axes=axes_of(form.stride),
            tex=rf"\operatorname{{{self.__name__.replace('_', ' ')}}}",
            file=form.f.__code__.co_filename,
            line=form.f.__code__.co_firstlineno,
        )

    def value(self, *xs):
        args = list(self.form.fixed)
        for i, x in zip(self.at, xs, strict=True):
            args[i] = x
        known = self.offsets or self._survey(args)
        taps = {}
        for i, offsets in known.items():
            found = self.form.taps(args[i], offsets)
            taps.update(((i, o), tap) for o, tap in zip(offsets, found, strict=True))
        return self.form.run(args, lambda field, offset: taps[field.number, offset])

    # ----- once: which offsets, and does it treat each place alone? -----
    def _survey(self, args):
        taps, form = {}, self.form

        def look(field, offset):
            key = field.number, offset
            if key not in taps:
                (taps[key],) = form.taps(args[field.number], (offset,))
            return taps[key]

        try:
            form.run(args, look)
        except Exception as e:
            raise branched(form.f, e) or e from None
        found = {i: tuple(o for j, o in taps if j == i) for i in sorted({j for j, _ in taps})}
        if not any(hasattr(x, "sizes") for x in args):  # lanes of a batch are not recorded
            self._check(args, taps)
            self.offsets = found
        return found

    def _check(self, args, taps):
        def on_taps(found):
            found = dict(zip(taps, found, strict=True))
            return self.form.run(args, lambda field, offset: found[field.number, offset])

        tape = trace(lambda xp: Tape(xp, keep_all=True), on_taps, [list(taps.values())])
        for node in tape.nodes:
            if node.row and any(p.shape for p in node.parents) and not acts_alone(node):
                raise AutodiffError(
                    f"{node.row.name} at {words(node.where)} mixes what lies at different places, "
                    f"and the stencil {self.__name__} says what happens at one; do that outside "
                    "of the stencil"
                )


def branched(f, e):
    """The frameworks have several names for deciding by many values at once."""
    if isinstance(e, AutodiffError):
        return None
    asked = "oolean" in type(e).__name__ + str(e) or "truth value" in str(e)
    return refusal(f, BRANCH, e.__traceback__) if asked else None


def acts_alone(node):
    """Is each entry of the output made of the entries at that place, and of scalars?"""
    row = node.row
    if row.elementwise or (row.axes is unchanged and row.moves is None and row.identity is None):
        return True
    x, y = node.parents[0].shape, node.shape
    if row.name == "broadcast":  # to more axes in front
        return node.params["dims"] == tuple(range(len(y) - len(x), len(y)))
    return row.name == "reshape" and _inner(x) == _inner(y)


def _inner(shape):
    """A shape without the ones in front."""
    return tuple(itertools.dropwhile(lambda n: n == 1, shape))
