"""Branches and loops for a whole batch: run for those that take them, keep what is theirs."""

import itertools

from autodiff_lab import source, xp

from ..errors import MaskError
from ..lane import Lane, examples_where
from . import calls, leaving, limits, shrinking, some, staged
from .changes import Watched, changeable, refuse_lost
from .effects import refuse_traced
from .items import Items, become, each_of
from .leader import Taken
from .select import select
from .sequences import is_ragged
from .undefined import or_nan


# ----- statements -----
def branch(test, then, otherwise, carried, given):
    if some.asked():
        return shrinking.branch(test, then, otherwise, carried, given)
    new = Taken(test).run(then, carried, given)
    old = Taken(negated(test)).run(otherwise or _unchanged(carried), carried, given)
    return merged(test, new, old, carried, given)


def _unchanged(carried):
    return lambda *inside: inside[: len(carried)]


def merged(test, new, old, carried, given, select=select):
    """What the names hold afterwards; lists and objects that the blocks changed are changed too."""
    for i, original in enumerate((*carried, *given)):
        after = [run.inside[i] if run else original for run in (new, old)]
        if changeable(original) and not (after[0] is original and after[1] is original):
            become(original, select(test, *after))
    runs = [run for run in (new, old) if run]
    if not runs:
        return carried
    results, before = zip(*[run.results for run in runs], strict=True), (*carried, *given)
    return tuple(
        before[i] if all(run.hands_on(i) for run in runs)
        else x[0] if len(x) == 1 else select(test, *x)
        for i, x in enumerate(results)
    )  # fmt: skip


def repeat(going, test, body, carried, given, flags, done=0):
    """`while`: until the last example is done; the others wait with what they have. So many trips
    are `done` already, by all."""
    if some.asked():
        return shrinking.repeat(going, test, body, carried, given, flags, done)
    with calls.straight(going):
        return _repeat(going, test, body, carried, given, flags, done)


def _asked(test, here, inside):
    """The condition of a loop; nobody puts together what it changes."""
    before = Watched(inside)
    found = truth(test(*inside))
    if before.changed():
        refuse_lost()
    here.refuse_lost(inside)
    return found


def _repeat(going, test, body, carried, given, flags, done):
    def step(going, carried, given):
        here = Taken(going).certain()
        run = here.run(body, carried, given)
        carried = merged(going, run, here.others(carried, given), carried, given)
        going = going_on(carried, flags, going)
        here = Taken(going)
        if here.none:
            return going, carried
        return _both(going, _asked(test, here, here.led((*carried, *given)))), carried

    here = Taken(going)
    if here.all is None and here.verbs.name == "torch":
        raise MaskError(
            f"the loop at {source.here()} goes on until something happens, and under torch.vmap "
            "nobody can ask whether it did; use ml.autobatch, or a `for` loop over a dim"
        )
    if here.all is None:
        most = limits.max_trips()
        most = None if most is None else most - done
        return staged.repeat(going, step, carried, given, most)
    for trips in itertools.count(done):
        if Taken(going).none:
            break
        limits.check(trips, going)
        going, carried = step(going, carried, given)
    return carried


def each(items, body, carried, given, flags):
    """`for`: the i-th items of all examples together, as long as anybody has one."""
    if some.asked():
        return shrinking.each(items, body, carried, given, flags)
    with calls.straight(items.trips):
        return _each(items, body, carried, given, flags)


def _each(items, body, carried, given, flags):
    def step(here, going, item, carried, given, select=select):
        run = here.run(body, carried, given, first=item)
        return merged(going, run, here.others(carried, given), carried, given, select)

    carried, done = leaving.each(items, body, carried, given, flags)
    going = True
    for i in range(done, items.last):
        going = _both(going_on(carried, flags, going), above(items.trips, i))
        if not isinstance(going, Lane):
            if not going:
                break
            carried = body(items.at(i), *carried, *given)
            continue
        here = Taken(going)
        if here.none:
            break
        unknown = here.all is None and here.verbs.name == "jax"
        if unknown and i < 2 < items.last:  # perhaps the first trip gives names their kinds
            found = staged.scanned(items, i, step, carried, given, flags)
            if found is not None:
                return found
        first = or_nan_else if unknown and i == 0 else select
        carried = step(here, going, lambda i=i: items.at(i), carried, given, first)
    return carried


def or_nan_else(test, a, b):
    """After the first trip of a loop: an example that makes none may have another kind of value."""
    try:
        return select(test, a, b)
    except MaskError:
        dtype = getattr(a, "dtype", None)
        if dtype is None or not xp.of(test.data).is_inexact(dtype):
            raise
        return or_nan(a, test.data)


def rest(items, body, carried, given, flags):
    """Items one after the other, each with the mask of those that have it (None: all)."""
    if some.asked():
        return shrinking.rest(items, body, carried, given, flags)
    going = True
    for mask, item in items:
        going = going_on(carried, flags, going)
        own = going if mask is None else _both(going, Lane(mask, ()))
        if own is True:
            carried = body(item, *carried, *given)
            continue
        here = Taken(own)
        run = here.run(body, carried, given, first=lambda item=item: item)
        if run is not None:
            carried = merged(own, run, here.others(carried, given), carried, given)
    return carried


def going_on(carried, flags, going=True):
    """Those of `going` that no flag has stopped: True, False or a lane of booleans."""
    for i in flags:
        going = _both(going, negated(truth(carried[i])))
    return going


def _both(a, b):
    if not isinstance(a, Lane):
        return b if a else False
    if not isinstance(b, Lane):
        return a if b else False
    return Lane(a.data & b.data, ())


def has_lanes(xs):
    """Is there a lane in it, or a sequence of a length of each example's own?"""
    return any(is_ragged(x) or (isinstance(x, (list, tuple)) and has_lanes(x)) for x in each_of(xs))


def above(a, b):
    return Lane(a.data > b, ()) if isinstance(a, Lane) else a > b


def check_all(test, message=None):
    """An assertion for all examples; under tracing nobody can tell."""
    failing = Taken(negated(test))
    if not failing.none and failing.all is not None:
        failed = f"on examples {told_where(negated(test))}" if isinstance(test, Lane) else "on all"
        raise AssertionError(f"{message()} ({failed})" if message else failed)


# ----- expressions -----
def chosen(test, a, b, given):
    """The value of one of two functions of `given`."""
    return branch(test, lambda *g: (a(*g),), lambda *g: (b(*g),), (), given)[0]


def truth(x):
    """A lane of booleans; a plain value's own truth."""
    if isinstance(x, Items) and x.ragged:
        x = x.count()
    if not isinstance(x, Lane):
        refuse_traced(x, "Python asks whether it is true")
        return bool(x)
    if x.ndim and any(
        n is not None or m != 1 for n, m in zip(x.sizes, x.data.shape[1:], strict=True)
    ):
        raise MaskError(
            f"the truth value of {x!r} at {source.here()} is ambiguous; use .any() or .all()"
        )
    verbs = xp.of(x.data)
    data = x.data if not x.ndim else verbs.reshape(x.data, (x.data.shape[0],))
    return Lane(data if data.dtype == verbs.bool_type else data != 0, ())


def negated(x):
    return Lane(~x.data, ()) if isinstance(x, Lane) else not x


def told_where(test):
    """The numbers of the examples where a test holds."""
    return str(examples_where(test.data))
