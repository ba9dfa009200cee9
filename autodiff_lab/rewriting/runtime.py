"""What the text of a transformed function calls: small helpers, and the pull of any operation.

A cotangent that is the number 0.0 stands for zeros of whatever shape: nothing has arrived yet.
"""

import functools
import sys

from .. import trees, xp
from ..calculus import pull as pull_row
from ..calculus import unbroadcast as unbroadcast_array
from ..errors import AutodiffError
from ..reverse import vjp
from ..table.fused import Product
from ..table.row import NEG, ONE
from .meaning import of_numbers
from .plain_text import PlainNumbers


def is_zero(g):
    return type(g) is float and g == 0.0


def unbroadcast(g, x):
    """A cotangent in the shape of what it belongs to: what was broadcast is summed."""
    shape = getattr(x, "shape", ())
    if type(g) is list and len(g) != len(x):
        raise AutodiffError(
            "ad.transform: two lists that are arguments are joined by + or repeated by *, and the "
            "text does not tell them from arrays; write [x for x in xs] + ys, or append in a loop"
        )
    if not hasattr(g, "shape") or g.shape == shape and g.dtype == getattr(x, "dtype", g.dtype):
        return g
    return unbroadcast_array(xp.of(g), g, x) if hasattr(x, "shape") else g.sum()


def zeros_like(x):
    """Zeros of an array; of a list or dict one for each entry, of which nothing has arrived yet."""
    if isinstance(x, (list, tuple)):
        return [0.0] * len(x)
    if isinstance(x, dict):
        return dict.fromkeys(x, 0.0)
    verbs = xp.of(x)
    if verbs is None or not verbs.is_inexact(x.dtype):
        return 0.0
    return verbs.zeros(tuple(x.shape), x.dtype, x)


def one_like(x):
    """The cotangent that a gradient starts from."""
    verbs = xp.of(x)
    if verbs is None:
        if isinstance(x, (int, float)):
            return 1.0
        found = type(x).__name__
    elif tuple(x.shape) == () and verbs.is_float(x.dtype):
        return verbs.ones((), x.dtype, x)
    else:
        found = f"an array of shape {tuple(x.shape)} and dtype {x.dtype}"
    raise AutodiffError(
        f"a gradient needs a real scalar, but the function returned {found}; reduce it, or give "
        "its cotangent: transform(f, cotangent=True)(*args, cotangent=g)"
    )


def result_like(g, x):
    """A gradient in the structure and dtype of its argument."""
    verbs = xp.of(x)
    if verbs is not None:
        return zeros_like(x) if is_zero(g) else unbroadcast(g, x)
    if isinstance(x, (list, tuple)):
        parts = [result_like(0.0 if is_zero(g) else g[i], v) for i, v in enumerate(x)]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if isinstance(x, dict):
        return {k: result_like(0.0 if is_zero(g) else g[k], v) for k, v in x.items()}
    return g


# ----- cotangents of containers and of entries -----
def add(a, b):
    """The sum of two cotangents of one value, which may be containers."""
    if is_zero(a) or is_zero(b):
        return b if is_zero(a) else a
    if isinstance(a, (list, tuple)):
        return [add(p, q) for p, q in zip(a, b, strict=True)]
    if isinstance(a, dict):
        return {k: add(v, b[k]) for k, v in a.items()}
    return a + b


def add_at(total, index, g):
    """`total[index] += g`, in place where the array allows it: nobody else sees `total`."""
    if is_zero(g):
        return total
    if isinstance(total, (list, dict)):
        total[index] = add(total[index], g)
    elif xp.framework_of(total) == "jax":
        return total.at[index].add(g)
    else:
        total[index] += g
    return total


def added_at(total, index, g):
    """The same where somebody else may hold `total`."""
    if isinstance(total, (list, dict)):
        return add_at(total.copy(), index, g)
    return add_at(total.clone() if xp.framework_of(total) == "torch" else total, index, g)


class _Slices:
    def __getitem__(self, index):
        return index


at = _Slices()  # at[1:] is the index that stands in brackets


# ----- writes, as functions: nothing is overwritten -----
def put(x, index, value, views=()):
    """`x` with `x[index] = value` done to a copy."""
    if isinstance(x, (list, dict)):
        y = x.copy()
        y[index] = value
        if len(y) != len(x) and isinstance(index, slice):
            raise AutodiffError("a slice of a list is written to with another number of entries")
        return y
    if xp.framework_of(x) == "torch":
        if views:
            raise AutodiffError(
                f"a tensor is written to while {', '.join(views)} may still look into it, which "
                "PyTorch would change too; clone() what is read before the write"
            )
        y = x.clone()
        y[index] = value
        return y
    raise TypeError(f"a {type(x).__name__} does not support item assignment; JAX: x.at[i].set(v)")


def pull_put(g, index, x, value):
    """The cotangents of `x` and `value` for `put(x, index, value)`."""
    if is_zero(g):
        return 0.0, 0.0
    rest = added_at(g, index, 0.0) if is_zero(g) else _without(g, index)
    return rest, unbroadcast(g[index], value)


def _without(g, index):
    if xp.framework_of(g) == "jax":
        return g.at[index].set(0.0)
    rest = g.clone() if xp.framework_of(g) == "torch" else g.copy()
    rest[index] = [0.0] * len(g[index]) if isinstance(g, list) and type(index) is slice else 0.0
    return rest


def append(xs, x):
    return [*xs, x]


def pull_append(g):
    """The cotangents of the shorter list and of the entry that was appended."""
    return (0.0, 0.0) if is_zero(g) else (g[:-1], g[-1])


def pull_join(g, a, b):
    """The cotangents of `a` and `b` for `a + b`: of two lists, its two parts."""
    if is_zero(g):
        return 0.0, 0.0
    if isinstance(a, (list, tuple)):
        return g[: len(a)], g[len(a) :]
    return unbroadcast(g, a), unbroadcast(g, b)


def own(x, line):
    """`x`, which the line would write into on PyTorch, and perhaps another name's tensor too."""
    if xp.framework_of(x) == "torch":
        raise AutodiffError(
            f"`{line}` would write into a tensor that another variable may hold too; write it out "
            "as `x = x + ...`"
        )
    return x


def own_entry(xs, index, line):
    """The same for an entry of a list; that of a tensor is its own."""
    if isinstance(xs, (list, dict)):
        own(xs[index], line)


# ----- the pull of an operation that is too big for a line -----
def pull(function, *wrt):
    """`pulled(g, *args, **kwargs)`: the cotangents of the arguments `wrt` for one of the output.

    On PyTorch the operation's row says them; where there is none, and on JAX, the call is recorded
    and walked. A text such as ".sum" is a method.
    """

    known: dict = {}  # how the arguments look -> the row that the call means, and how to pull it

    def pulled(g, *args, **kwargs):
        if is_zero(g):
            found = [0.0] * len(wrt)
        else:
            found = _pulled(function, wrt, g, args, kwargs, known)
        return found[0] if len(wrt) == 1 else tuple(found)

    name = function if isinstance(function, str) else getattr(function, "__name__", "function")
    pulled.__name__ = f"pull_{name.strip('.')}"
    return pulled


def _pulled(function, wrt, g, args, kwargs, known):
    met = None if kwargs else known.get(_look(args))
    if met is not None and (met[4] is None or type(g) is met[1].kernels_for is type(args[0])):
        row, verbs, params, wanted, residuals = met
        found = pull_row(row, verbs, g, None, args[: len(wanted)], params, wanted, residuals)
        return [c() if type(c) is Product else c for c in [found[i] for i in wrt]]
    verbs = xp.of(*trees.leaves(args))
    if verbs is None:
        return _of_numbers(function, wrt, g, args)
    of_array = args and xp.framework_of(args[0]) == "torch"
    call = _called(function, "torch" if of_array else "jax")
    if verbs.name == "torch":
        found = _by_row(call, wrt, g, args, kwargs, verbs, known)
        if found is not None:
            return found

    def of_wrt(*some):
        given = list(args)
        for i, x in zip(wrt, some, strict=True):
            given[i] = x
        return call(*given, **kwargs)

    return vjp(of_wrt, *[args[i] for i in wrt])[1](g)


def _of_numbers(function, wrt, g, args):
    if function is unbroadcast:
        return [g]
    row = of_numbers(function)
    try:
        if row is None or row.arity != len(args):
            raise AttributeError
        xp = PlainNumbers()
        y = row.fn(xp, *args)
        partials = [_partial(d, xp, y, args) for d in row.d]
        return [g * partials[i] for i in wrt]
    except (AttributeError, TypeError):
        raise AutodiffError(
            f"{getattr(function, '__name__', function)} of Python numbers has no row; pass "
            "torch.tensor(...) or jnp.asarray(...), or write it in simpler functions"
        ) from None


def _partial(d, xp, y, args):
    return {ONE: 1.0, NEG: -1.0}[d] if d in (ONE, NEG) else d(xp, y, *args)


@functools.cache
def _called(function, framework):
    """A method by its name, as the function of its array."""
    if not isinstance(function, str):
        return function
    name = function.strip(".")
    if framework == "torch":
        found = getattr(sys.modules["torch"].Tensor, name)
        return found if callable(found) else lambda x: getattr(x, name)

    def method(x, *args, **kwargs):
        found = getattr(x, name)
        return found(*args, **kwargs) if callable(found) else found

    return method


def _by_row(call, wrt, g, args, kwargs, verbs, known):
    """The row's own pull, if the call means one row; None if it has to be recorded.

    What the row is depends on the shapes alone where all arguments are tensors: it is remembered.
    """
    from ..on_torch.spellings import Unspelled, lower

    try:
        lowered = lower(call, args, kwargs) if hasattr(call, "__name__") else None
    except (Unspelled, AttributeError):
        return None
    row = lowered and lowered.row
    if row is None or row.outputs != 1:
        return None
    xs, params = lowered.xs, lowered.params
    places = [next((k for k, x in enumerate(xs) if x is args[i]), None) for i in wrt]
    if None in places or len(set(places)) < len(places):
        return None
    wanted = [k in places for k in range(len(xs))]
    keeps_y = row.kind == "pointwise" or row.keep((True,) * len(xs))[0]
    plain = row.fast and all([type(x) is verbs.kernels_for for x in xs])
    made = row.fast.forward(verbs, *xs, **params) if plain and row.fast.reaches(wanted) else None
    y, residuals = made or (call(*args, **kwargs) if keeps_y else None, None)
    if row.kind == "composite" and made is None:
        return None
    if _stands_alone(row, keeps_y, residuals, wanted) and _first(xs, args) and not kwargs:
        if len(known) > MANY:
            known.clear()
        known[_look(args)] = row, verbs, params, wanted, residuals
    found = pull_row(row, verbs, g, y, xs, params, wanted, residuals)
    return [c() if type(c) is Product else c for c in [found[k] for k in places]]


MANY = 1000  # calls that one line remembers
_WORDS = frozenset([int, float, bool, str, type(None)])


def _look(args):
    """What a call's row follows from, or None: shapes and dtypes, and the other arguments."""
    seen = []
    for x in args:
        kind = type(x)
        if kind in _WORDS:
            seen += kind, x
        elif xp.KINDS.get(kind) == "torch":
            seen += kind, x.shape, x.dtype
        else:
            return None
    return tuple(seen)


def _stands_alone(row, keeps_y, residuals, wanted):
    """Can the row be pulled from its inputs alone, without its result or what is left over?"""
    return not keeps_y if residuals is None else residuals == () and not row.fast.keep(wanted)[0]


def _first(xs, args):
    """Are the row's inputs the first arguments, as they stand?"""
    pairs = zip(xs, args, strict=False)
    return len(xs) <= len(args) and all([x is a and hasattr(x, "shape") for x, a in pairs])
