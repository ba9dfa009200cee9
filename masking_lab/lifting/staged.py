"""Under `jax.jit` nobody knows which examples take a branch: the compiled program decides.

A branch becomes a `lax.cond` on whether anybody takes it, a `while` loop a `lax.while_loop` until
nobody goes on. JAX does not differentiate a `while_loop` backwards; with `max_trips` the loop has
a bound and becomes a `lax.scan`, which it does.
"""

import copy

from autodiff_lab import trees, xp

from ..errors import MaskError
from ..lane import Lane, Length, shared
from .items import Items
from .leader import changeable
from .select import select
from .undefined import PartlyDefined, or_nan


def spread(tree):
    """`(arrays, rebuild)`: all arrays in lanes, containers and objects; the rest stays as it is."""
    leaves, _, build = trees.flatten(tree, is_leaf=_is_special)
    arrays, makers = [], []
    for x in leaves:
        own, make = _parts(x)
        makers.append((len(own), make))
        arrays += own

    def rebuild(new):
        new = iter(new)
        return build([make([next(new) for _ in range(n)]) for n, make in makers])

    return arrays, rebuild


def _is_special(x):
    return isinstance(x, (Lane, Items, PartlyDefined)) or (
        changeable(x) and not isinstance(x, (list, dict))
    )


def _parts(x):
    """The arrays of one thing, and how it is made again from others."""
    if isinstance(x, Lane):
        ragged = [n is not None for n in x.sizes]
        return [x.data, *[n for n in x.sizes if n is not None]], _Maker(x, ragged)
    if isinstance(x, Items):
        arrays, rebuild = spread((list(x), x.here))
        return arrays, lambda new: Items(*rebuild(new))
    if isinstance(x, PartlyDefined):
        arrays, rebuild = spread((x._value, x._defined))
        return arrays, lambda new: PartlyDefined(x._name, *rebuild(new))
    if _is_special(x):
        arrays, rebuild = spread(dict(vars(x)))
        return arrays, lambda new: _with(x, rebuild(new))
    if xp.framework_of(x) == "jax":
        return [x], lambda new: new[0]
    return [], lambda _: x


def _with(x, attributes):
    new = copy.copy(x)
    new.__dict__.update(attributes)
    return new


class _Maker:
    def __init__(self, x, ragged):
        self.ragged, self.weak = ragged, x.weak
        self.padded = x.padded if isinstance(x, Length) else None

    def __call__(self, new):
        data, *sizes = new
        sizes = iter(sizes)
        sizes = [next(sizes) if r else None for r in self.ragged]
        if self.padded is not None:
            return Length(data, self.padded, sizes)
        return Lane(data, sizes, weak=self.weak)


def run_if_any(mask, run):
    """`run()`, if any example takes the block; otherwise zeros in its place, which nobody keeps."""
    import jax
    from jax.extend.core import jaxpr_as_fun

    kept = {}

    def taking():
        arrays, kept["rebuild"] = spread(run())
        return arrays

    closed = jax.make_jaxpr(taking)()
    zeros = [jax.numpy.zeros(x.shape, x.dtype) for x in closed.out_avals]
    return kept["rebuild"](jax.lax.cond(mask.any(), jaxpr_as_fun(closed), lambda: zeros))


def repeat(going, step, carried, max_trips):
    """`while`: `step(going, carried)` gives both again, until nobody goes on."""
    import jax

    carried = tuple(_array(going, x) for x in carried)
    carried = _settled(jax, going, step, carried)
    arrays, rebuild = spread((going, carried))

    def body(arrays):
        new, _ = spread(step(*rebuild(arrays)))
        _check(arrays, new)
        return new

    def trip(arrays, _):
        return jax.lax.cond(arrays[0].any(), body, list, arrays), None

    if max_trips is None:
        return rebuild(jax.lax.while_loop(lambda arrays: arrays[0].any(), body, arrays))[1]
    going, carried = rebuild(jax.lax.scan(trip, arrays, None, length=max_trips)[0])
    return tuple(or_nan(x, ~going.data) for x in carried)


def _array(going, x):
    """What a loop hands on must be an array from the start: a number would be frozen."""
    if isinstance(x, (bool, int, float)) or (xp.framework_of(x) and not isinstance(x, Lane)):
        return shared(xp.of(going.data), going.data.shape[0], x, going.data)
    return x


def _settled(jax, going, step, carried):
    """The carried values in the dtypes that they have after some trips."""
    for _ in range(3):
        before, rebuild = spread(carried)

        def trip(arrays, carried=carried, rebuild=rebuild):
            old = rebuild(arrays)
            new = step(going, old)[1]
            mixed = tuple(select(going, a, b) for a, b in zip(old, new, strict=True))
            return spread(mixed)[0]

        looks = jax.eval_shape(trip, before)
        if [a.shape for a in before] != [a.shape for a in looks]:
            raise _changing()
        if all(a.dtype == b.dtype for a, b in zip(before, looks, strict=True)):
            return carried
        carried = rebuild([a.astype(b.dtype) for a, b in zip(before, looks, strict=True)])
    return carried


def _check(before, after):
    if [(a.shape, a.dtype) for a in before] != [(a.shape, a.dtype) for a in after]:
        raise _changing()


def _changing():
    return MaskError(
        "a `while` loop under jit hands on values whose shapes or kinds change from trip to trip; "
        "give them their final shape before the loop"
    )
