"""On JAX, a size that depends on an outer dim: for the trace one number, each outer entry's own.

Where words have lengths of their own, `x.shape[1]` is a scalar in the jaxpr. Here it is an array
over the outer dims, kept apart from the dims that the trace knows of, until it meets an array that
has those dims: there it is lined up with them.
"""

from autodiff_lab.table.row import unchanged

from .. import rules
from ..batches.masked_batch import realigned, told
from ..errors import MaskError
from ..lane import Lane, Length, agree


class PerEntry(Lane):
    """What the trace takes for one number, and is each outer entry's own."""

    def beside(self, shape):
        """With the dims of an array of this shape."""
        places = [rules.place_of(size, shape) for size in self.shape]
        asked = [p for p, n in zip(places, self.data.shape[1:], strict=True) if n != 1]
        data = realigned(self.data, places)
        if data is None:
            raise MaskError(
                "a nested ragged size met an array without its outer dims; reduce, and divide, "
                "one dim after the other"
            )
        data = data.reshape(*data.shape, *(1,) * (len(shape) + 1 - data.ndim))
        sizes = [
            n.data if i in asked and isinstance(n, Length) else None for i, n in enumerate(shape)
        ]
        return Lane(data, sizes)


def apply(row, verbs, count, xs, params, shape, place):
    """A row with a `PerEntry` among its inputs, whose result has this shape in the trace."""
    if not row.elementwise and row.axes is not unchanged and row.name != "broadcast":
        raise MaskError(
            f"{row.name} at {place()} takes a nested ragged size, for which it has no mask rule; "
            "compute with arrays"
        )
    if shape:
        xs = [x.beside(shape) if isinstance(x, PerEntry) else x for x in xs]
    if row.name == "broadcast":
        params = {"shape": shape, "dims": tuple(range(len(shape)))}
    y = rules.apply(row, verbs, count, xs, params, place)
    return y if shape else PerEntry(y.data, y.sizes)


def refuse_mixed(lengths, outer):
    """Lengths can be computed with one another if they depend on the same dims."""
    for n in lengths:
        alike = n.data.shape == outer.data.shape and _all_agree(n.sizes, outer.sizes)
        if not alike and (n.ndim or any(n.same(m) for m in outer.shape)):
            raise MaskError(
                f"the nested lengths {told(outer.data)} were multiplied by those of another dim "
                "(a mean over both, say), which has no mask rule on JAX; reduce one dim after the "
                "other"
            )


def _all_agree(sizes, others):
    pairs = zip(sizes, others, strict=False)
    return all(m is n or (m is not None and n is not None and agree(m, n)) for m, n in pairs)
