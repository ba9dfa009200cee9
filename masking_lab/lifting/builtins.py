"""Python's builtins that insist on one int, one truth value or one length, for lanes."""

import inspect
import sys

from autodiff_lab import source, xp

from ..errors import MaskError
from ..lane import Lane, is_array
from . import batched, effects
from .changes import is_users_class
from .items import Items
from .sequences import Ragged, enumerate_, is_ragged, range_, reversed_, zip_
from .undefined import or_nan


def _len(x):
    if isinstance(x, Lane) or is_array(x):  # a size may be a name, where JAX traces
        if not x.ndim:
            raise TypeError("len() of an array without dims")
        return x.shape[0]
    if isinstance(x, Ragged):
        return x.trips
    if isinstance(x, Items):
        return x.count() if x.ragged else len(x)
    own = getattr(type(x), "__len__", None)
    if inspect.isfunction(own) and is_users_class(type(x)):
        from . import flow

        return flow.call(own, x)
    return len(x)


def _folded(step, start, xs):
    """`step(x, so far)` for each x in turn, each example for as many as it has."""
    from . import flow

    if isinstance(xs, Items) and xs.ragged:  # everybody's first is first: all leave `start` at once
        xs = Ragged.of(xs)
    return flow.for_(xs, lambda x, found: (step(x, found),), (start,), ())[0]


def _refuse_traced(args, what, kinds=("SymInt", "SymFloat", "SymBool", "_DimExpr")):
    """A builtin written in C would take what the tracer holds for certain of a size."""
    for x in args:
        if isinstance(x, (list, tuple)):
            _refuse_traced(list.__iter__(x) if isinstance(x, list) else x, what, kinds)
        elif type(x).__name__ in kinds:
            effects.refuse_traced(x, what)


def _sum(xs, start=0):
    _refuse_traced([xs], "sum() counts what is true", ("SymBool",))
    return _folded(lambda x, total: total + x, start, xs)


def _any(xs):
    from . import flow

    return _folded(lambda x, found: flow.or_(found, lambda: flow.truth(x)), False, xs)


def _all(xs):
    from . import flow

    return _folded(lambda x, found: flow.and_(found, lambda: flow.truth(x)), True, xs)


def _extreme(plain, better):
    def extreme(*xs, **kwargs):
        _refuse_traced(xs, f"{plain.__name__}() compares it")
        if kwargs or not batched.has_lanes(xs):
            return plain(*xs, **kwargs)
        if len(xs) > 1:
            return _folded(step, xs[0], list(xs[1:]))
        found = Ragged.of(xs[0])
        some, first = batched.above(found.trips, 0), found.at(0)
        batched.check_all(some, lambda: f"{plain.__name__}() of nothing")
        if batched.Taken(some).all is None:
            first = or_nan(first, some.data)
        return _folded(step, first, xs[0])

    def step(x, best):
        from . import flow

        return flow.choose(better(x, best), lambda a, b: a, lambda a, b: b, (x, best))

    return extreme


def _converted(plain, dtype):
    def convert(x=0, *more):
        if plain is bool:
            effects.refuse_traced(x, "Python asks whether it is zero")
        if not isinstance(x, Lane):
            return plain(x, *more)
        if plain is bool:
            return batched.truth(x)
        verbs = xp.of(x.data)
        data = x.data if not x.ndim else verbs.reshape(x.data, (x.data.shape[0],))
        data = verbs.stop_gradient(data)  # a number of Python's has none
        if plain is int and verbs.is_inexact(data.dtype):
            data = verbs.trunc(data)
        wide = dtype if verbs.name == "torch" else verbs.lib.result_type(plain)
        wide = verbs.dtype(wide) if isinstance(wide, str) else wide
        return Lane(verbs.astype(data, wide), (), weak=True)

    return convert


def number(x):
    """`x.item()`, and of an array the list of its numbers, `x.tolist()`."""
    if x.ndim:
        from . import flow

        return flow.listed(x, (), number)
    return BUILTINS[_kind(x)](x)


def _listed(plain):
    def listed(*xs):
        from . import flow

        if not xs or not (batched.has_lanes(xs) or isinstance(xs[0], Items)):
            found = plain(*xs)
            return flow.list_(found) if plain is list else found
        return flow.listed(xs[0], (), lambda x: x)

    return listed


def _sorted(*args, **kwargs):
    from . import flow

    _refuse_traced(args, "sorted() compares it")

    return flow.list_(sorted(*args, **kwargs))


def _mapped(f, *xs):
    from . import flow

    if len(xs) > 1 or not is_ragged(xs[0]):
        return map(f, *xs)
    return flow.listed(xs[0], (f,), lambda x, f: flow.call(f, x))


def _filtered(f, x):
    from . import flow

    if not is_ragged(x):
        return filter(lambda v: flow.truth(f(v) if f else v), x)
    return flow.listed(x, (f,), lambda v, f: v, lambda v, f: flow.call(f, v) if f else v)


def _isinstance(x, kinds):
    """A lane is an array of its framework, or a number of Python's; a size that JAX traces too."""
    if not isinstance(x, Lane):
        return issubclass(int, kinds) if hasattr(type(x), "refuse") else isinstance(x, kinds)
    verbs = xp.of(x.data)
    if not x.weak:
        array = verbs.lib.Tensor if verbs.name == "torch" else sys.modules["jax"].Array
        return issubclass(array, kinds)
    return issubclass(_kind(x), kinds)


def _kind(x):
    """Which of Python's numbers an entry would be."""
    verbs = xp.of(x.data)
    return float if verbs.is_inexact(x.dtype) else bool if x.dtype == verbs.bool_type else int


def _type(x, *more):
    if not isinstance(x, Lane) or more:
        return int if hasattr(type(x), "refuse") else type(x, *more)
    kinds = (bool, int, float) if x.weak else (xp.of(x.data).lib.Tensor,)
    return next(k for k in kinds if _isinstance(x, k))


def _texted(plain):
    def texted(*args, **kwargs):
        return plain(*map(told, args), **kwargs)

    return texted


def told(x):
    """What becomes text: only what all examples share."""
    if hasattr(type(x), "refuse"):  # a size that JAX traces
        raise x.refuse("a text is made of it")
    if effects.has_lanes([x]):
        raise MaskError(
            f"a text is made at {source.here()} of a value that each example has for itself; "
            "print(x) shows it, but a text would be one for all"
        )
    return x


def _divmod(a, b):
    return (a // b, a % b) if batched.has_lanes((a, b)) else divmod(a, b)


def _pow(a, b, mod=None):
    plain = mod is None or (type(a) is type(b) is int)
    return pow(a, b, mod) if plain else a**b % mod


def _round(x, *digits):
    if not isinstance(x, Lane) or not x.weak or digits:
        return round(x, *digits)
    return BUILTINS[int](Lane(xp.of(x.data).lib.round(x.data), (), weak=True))


def _next(x, *default):
    if isinstance(x, list):  # a generator expression is made whole
        raise MaskError(f"next() at {source.here()} asks for the first item of some that each "
                        "example has; write a `for` loop with a `break`")  # fmt: skip
    return next(x, *default)


BUILTINS = {
    isinstance: _isinstance,
    type: _type,
    str: _texted(str),
    repr: _texted(repr),
    format: _texted(format),
    divmod: _divmod,
    pow: _pow,
    next: _next,
    round: _round,
    map: _mapped,
    filter: _filtered,
    range: range_,
    len: _len,
    zip: zip_,
    enumerate: enumerate_,
    reversed: reversed_,
    sum: _sum,
    any: _any,
    all: _all,
    max: _extreme(max, lambda a, b: a > b),
    min: _extreme(min, lambda a, b: a < b),
    int: _converted(int, "int64"),
    float: _converted(float, "float64"),
    bool: _converted(bool, "bool"),
    list: _listed(list),
    tuple: _listed(tuple),
    sorted: _sorted,
}
