"""After a branch: each example keeps what belongs to it, whatever kind of thing it is."""

import copy
import itertools
import operator
import types

from autodiff_lab import xp

from ..batches.masked_batch import aligned
from ..errors import MaskError
from ..lane import Lane, shared
from .blocks import Block, among, rebuilt
from .changes import changeable
from .items import Growing, Items
from .undefined import PartlyDefined, Undefined


def select(test, a, b):
    """`a` on the examples where `test` holds, else `b`; containers element by element."""
    if a is b:
        return a
    if isinstance(a, Undefined) or isinstance(b, Undefined):
        return _partly(test, a, b)
    if isinstance(a, Items) or isinstance(b, Items):
        return _items(test, a, b)
    if isinstance(a, (list, tuple)) and type(a) is type(b) and len(a) == len(b):
        return rebuilt(a, [select(test, x, y) for x, y in zip(a, b, strict=True)])
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return {k: select(test, a[k], b[k]) for k in a}
    if _is_value(a) and _is_value(b):
        return _values(test, a, b)
    if type(a) is type(b) and changeable(a) and not isinstance(a, (list, dict)):
        new = copy.copy(a)
        new.__dict__.update(select(test, vars(a), vars(b)))
        return new
    if type(a) is type(b) and a == b:
        return a
    raise _refused(a, b)


def _refused(a, b):
    return MaskError(
        f"after a branch a name would be {_told(a)} on some examples and {_told(b)} on others; "
        "make both branches give the same kind of value"
    )


def _is_value(x):
    return isinstance(x, (Lane, bool, int, float, complex)) or xp.framework_of(x) is not None


def _told(x):
    if isinstance(x, (list, tuple, dict)):
        return f"a {type(x).__name__} of {len(x)}"
    if isinstance(x, types.FunctionType):
        return f"the function {x.__name__!r}"
    return repr(x) if not hasattr(x, "shape") else f"an array of shape {tuple(x.shape)}"


# ----- arrays and numbers -----
def _values(test, a, b):
    if not isinstance(a, Lane) and not isinstance(b, Lane) and type(a) is type(b):
        if not hasattr(a, "shape") and a == b:
            return a
    verbs = xp.of(test.data)
    a, b = _as_lane(verbs, test, a), _as_lane(verbs, test, b)
    if a.ndim != b.ndim:
        raise MaskError(
            f"after a branch a value would have shape {tuple(a.shape)} on some examples and "
            f"{tuple(b.shape)} on others; make both branches give the same number of dims"
        )
    sizes, shape = [], []
    for axis in range(a.ndim):
        own, padded = _size(verbs, test, a, b, axis)
        sizes.append(own)
        shape.append(padded)
    x, y = (_padded(verbs, v.data, shape) for v in (a, b))
    x, y = _one_dtype(verbs, a, b, x, y)
    mask = verbs.reshape(test.data, (x.shape[0],) + (1,) * a.ndim)
    return Lane(verbs.where(mask, x, y), sizes, weak=a.weak and b.weak)


def _as_lane(verbs, test, x):
    return x if isinstance(x, Lane) else shared(verbs, test.data.shape[0], x, test.data)


def _one_dtype(verbs, a, b, x, y):
    if x.dtype == y.dtype:
        return x, y
    if a.weak != b.weak:  # a Python number takes the array's dtype, unless it is of a higher kind
        strong = y.dtype if a.weak else x.dtype
        weak = x.dtype if a.weak else y.dtype
        if verbs.is_inexact(strong) or not verbs.is_inexact(weak):
            return verbs.astype(x, strong), verbs.astype(y, strong)
    dtype = verbs.common_dtype([x.dtype, y.dtype])
    return verbs.astype(x, dtype), verbs.astype(y, dtype)


def _size(verbs, test, a, b, axis):
    """`(lengths or None, padded size)` of one axis of the result."""
    (m, n), (i, j) = (
        (a.sizes[axis], b.sizes[axis]),
        (a.data.shape[axis + 1], b.data.shape[axis + 1]),
    )
    if m is n and i == j:
        return m, i
    rank = max([v.ndim for v in (m, n) if v is not None], default=1)
    m, n = (_lengths(verbs, test, x, axis, rank) for x in (a, b))
    if rank > 1:
        m, n = _one_shape(verbs, m, n)
    mask = verbs.reshape(test.data, (test.data.shape[0],) + (1,) * (rank - 1))
    return verbs.where(mask, m, n), max(i, j)


def _lengths(verbs, test, x, axis, rank):
    """The sizes along an axis, with an axis for each outer dim that either side depends on."""
    own, count = x.sizes[axis], test.data.shape[0]
    if own is None:
        own = verbs.broadcast(verbs.asarray(x.data.shape[axis + 1], test.data), (count,), ())
    return own if rank == 1 else aligned(verbs, own, x.data.shape[:rank])


def _one_shape(verbs, m, n):
    largest = [max(pair) for pair in zip(m.shape, n.shape, strict=True)]
    return _padded(verbs, m, largest[1:]), _padded(verbs, n, largest[1:])


def _padded(verbs, data, shape):
    high = tuple(n - m for n, m in zip((data.shape[0], *shape), data.shape, strict=True))
    zeros = (0,) * len(high)
    return verbs.pad(data, 0, zeros, high, zeros) if any(high) else data


# ----- lists -----
def _items(test, a, b):
    """Elements side by side where both have one; the rest are there for some examples only."""
    a, b = (x if isinstance(x, Items) else Items(x) for x in (a, b))
    found = Growing() if Growing in (type(a), type(b)) else Items()
    kinds = ([isinstance(e, Block) for e, _ in x.pairs()] for x in (a, b))
    if any(map(operator.ne, *kinds)):  # one was written into
        a.spread()
        b.spread()
    for pair in itertools.zip_longest(a.pairs(), b.pairs()):
        if None not in pair and _together(*pair):
            (x, here), (y, there) = pair
            found.add(select(test, x, y), _where(test, here, there))
            continue
        for side, own in ((test.data, pair[0]), (~test.data, pair[1])):
            if own is not None:
                found.add(*among(*own, side))
    return found


def _together(a, b):
    """Can one element be `a` for some and `b` for others? The order of nobody's list changes."""
    (x, here), (y, there) = a, b
    if isinstance(x, Block) or isinstance(y, Block):
        return x is y and here is there
    return here is there or (isinstance(x, Lane) and isinstance(y, Lane) and x.ndim == y.ndim)


def _where(test, here, there):
    """Which examples have an element that one side has `here` and the other `there`."""
    if here is there:
        return here
    verbs, test = xp.of(test.data), test.data
    every = verbs.ones_like(test)
    return verbs.where(test, *(every if m is None else m for m in (here, there)))


# ----- names that have a value on some examples -----
def _partly(test, a, b):
    """One side has no value, or has it for some examples only."""
    values, name = [], None
    for x, side in ((a, test.data), (b, ~test.data)):
        if isinstance(x, Undefined):
            name = x._name
        if isinstance(x, PartlyDefined):
            values.append((x._value, side & x._defined))
        elif not isinstance(x, Undefined):
            values.append((x, side))
    if not values:
        return a
    (value, defined), *more = values
    for other, there in more:
        value, defined = select(Lane(defined, ()), value, other), defined | there
    return PartlyDefined(name, value, defined).settled()
