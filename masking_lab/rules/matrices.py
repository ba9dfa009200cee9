"""Square matrices of ragged size: behind the last entry of the diagonal it goes on with ones.

A matrix A becomes the block matrix of A and an identity, and what is asked of it (the determinant,
the inverse, a solution) is that of A, beside something that is dead anyway.
"""

from ..lane import Lane, refill
from ..padding import cropped


def square(m, *outs, ones=(0,)):
    """The row itself; `ones` names the inputs whose dead diagonal is one.

    For each output, `outs` says whose sizes its last axes have: `(input, axis)` pairs.
    """
    m.not_nested()
    xs = [_plain(m, x) if k not in ones else _closed(m, x) for k, x in enumerate(m.xs)]
    y = m.row.fn(m.verbs, *(x.data for x in xs), **m.params)
    lead = xs[0].sizes[:-2]
    ys = (y,) if m.row.outputs == 1 else y
    found = [
        Lane(part, (*lead, *(xs[k].sizes[a] for k, a in own)))
        for part, own in zip(ys, outs, strict=True)
    ]
    return found[0] if m.row.outputs == 1 else tuple(found)


def _plain(m, x):
    return refill(m.verbs, m.lane(x, m.like), 0.0)


def _closed(m, x):
    x = _plain(m, x)
    n = x.ndim
    size = m.size(x, n - 1)
    if isinstance(size, int) and isinstance(m.size(x, n - 2), int):
        return x
    if not (hasattr(size, "same") and size.same(m.size(x, n - 2))):
        m.refuse("wants square matrices, and these have ragged rows or columns alone")
    k = min(x.data.shape[-2:])
    x = cropped(cropped(x, n - 1, k), n - 2, k)
    row, column = m.places(k, n - 2, n), m.places(k, n - 1, n)
    dead = (row == column) & (row >= m.spread(size, n))
    return Lane(m.verbs.where(dead, m.verbs.ones((), x.dtype, x.data), x.data), x.sizes)


def whole(m, *outs, why):
    """The row itself on matrices of one size; of ragged ones it says why not."""
    for x in m.xs:
        if isinstance(x, Lane) and any(n is not None for n in x.sizes[-2:]):
            m.refuse(why)
    return square(m, *outs, ones=())
