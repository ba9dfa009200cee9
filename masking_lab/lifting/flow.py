"""What lifted code calls. On plain Python values each of these is what Python does.

On batched values (lanes) a decision is a mask over the examples. A branch runs for the examples
that take it, and its results are kept for them only. The others run along: they must do something,
and whatever they did alone could be a division by zero or a loop without end. So inside the branch
they are given the values of an example that does take it (its *leader*), with the gradient cut off:
nothing happens to them that does not happen to an example that is really there. A branch that
nobody takes is not run.
"""

import inspect
import itertools
import sys

from autodiff_lab import source, xp

from ..errors import MaskError
from ..indexing import entry_of_shared, is_place
from ..lane import Lane, is_array, lanes_in
from ..on_jax.trip import Trip
from . import batched, calls, effects, lending, limits, writing
from .batched import going_on, has_lanes, negated, truth
from .builtins import told  # noqa: F401  lifted code asks for it
from .items import Items, each_of, gathered
from .sequences import Ragged, of_numbers, shared_entry
from .undefined import Undefined  # noqa: F401  lifted code asks for it


# ----- statements -----
def if_(test, then, otherwise, carried, given):
    test = truth(test)
    if isinstance(test, Lane):
        return batched.branch(test, then, otherwise, carried, given)
    if test:
        return then(*carried, *given)
    return otherwise(*carried, *given) if otherwise else carried


def while_(test, body, carried, given, stops=()):
    """`stops` names the carried flags that end the loop: those of `break` and `return`."""
    flags = _places(body, stops)
    for trips in itertools.count():
        going = truth(and_(going_on(carried, flags), test, (*carried, *given)))
        if isinstance(going, Lane):
            return batched.repeat(going, test, body, carried, given, flags, trips)
        if not going:
            return carried
        limits.check(trips)
        carried = body(*carried, *given)


def for_(items, body, carried, given, stops=()):
    if not isinstance(items, Items):
        return _each(items, body, carried, given, stops)
    before = items.pairs()
    found = _each(items, body, carried, given, stops)
    if len(items.pairs()) != len(before):
        raise MaskError(
            f"the list that the loop at {source.here()} goes through grows or shrinks on the way; "
            "go through a copy of it, or write the loop with `while`"
        )
    return found


def _each(items, body, carried, given, stops):
    flags = _places(body, stops, skip=1)
    if isinstance(items, Ragged):
        return batched.each(items, body, carried, given, flags)
    if isinstance(items, Lane):
        return batched.each(Ragged.of(items), body, carried, given, flags)
    if isinstance(items, Items) and items.ragged and items.blocks:
        return batched.each(Ragged.of(items), body, carried, given, flags)
    if isinstance(items, Items) and items.ragged:
        return batched.rest(
            list(zip(items.here, items.each(), strict=True)), body, carried, given, flags
        )
    items = iter(items)
    for item in items:
        carried = body(item, *carried, *given)
        going = going_on(carried, flags)
        if isinstance(going, Lane):
            return batched.rest([(None, x) for x in items], body, carried, given, flags)
        if not going:
            break
    return carried


def assert_(test, message=None):
    test = truth(test)
    if isinstance(test, Lane):
        if effects.unread.get() and batched.Taken(test).all is None:
            raise MaskError(f"the assertion at {source.here()} asks for values that nobody has yet")
        batched.check_all(test, message)
    elif not test:
        raise AssertionError(message()) if message else AssertionError


def _places(body, stops, skip=0):
    found = body.__code__.co_varnames[skip:]
    return [found.index(name) for name in stops]


# ----- expressions -----
def not_(x):
    return negated(truth(x))


def and_(a, b, given=()):
    test = truth(a)
    if isinstance(test, Lane):
        return batched.chosen(test, b, lambda *_: a, given)
    return b(*given) if test else a


def or_(a, b, given=()):
    test = truth(a)
    if isinstance(test, Lane):
        return batched.chosen(test, lambda *_: a, b, given)
    return a if test else b(*given)


def choose(test, a, b, given):
    test = truth(test)
    if isinstance(test, Lane):
        return batched.chosen(test, a, b, given)
    return (a if test else b)(*given)


def in_(x, xs):
    """`x in xs`, for the elements of Python's containers and the entries of an array."""
    if isinstance(xs, Lane):
        return (xs == x).any()
    if not isinstance(xs, Ragged):
        effects.refuse_traced(x, f"a {type(xs).__name__} looks for it")
        if isinstance(xs, str) or not has_lanes([x, list(each_of(xs))]):
            return x in xs
        xs = xs if isinstance(xs, Items) else list(xs)
    return call(any, listed(xs, (x,), _equal))


def _equal(x, y):
    if isinstance(x, (list, tuple)) and type(x) is type(y):
        pairs = zip(each_of(x), each_of(y), strict=False)
        return len(x) == len(y) and call(all, [_equal(a, b) for a, b in pairs])
    alike = all(isinstance(v, (Lane, bool, int, float)) or is_array(v) for v in (x, y))
    return x == y if alike else False


def chain(left, *pairs):
    """`a < b < c`: pairs of a comparison and its right side, which is evaluated once."""
    compare, right = pairs[0], pairs[1]()
    found = compare(left, right)
    return and_(found, lambda: chain(right, *pairs[2:])) if pairs[2:] else found


def item(x, index):
    if isinstance(index, Trip) and is_array(x):
        return shared_entry(x, index)
    if isinstance(index, Items) and has_lanes([index]):
        index = of_numbers(index, next(lanes_in([index])).data)
    if not _has_lane(index):
        if isinstance(x, effects.HASHED):
            effects.refuse_traced(index, f"a {type(x).__name__} looks for it")
        return calls.entry(x, index)
    if isinstance(x, list):
        return gathered(x, index, next(lanes_in([index])))
    if is_array(x) and is_place(index) and len(x.shape):
        return entry_of_shared(x, index)
    return writing.as_lane(x, index)[index]


def put(x, index, value, other=None):
    """`x[index] = value`, and the x that has it; `other` may look at the old one."""
    if isinstance(x, Lane) or _has_lane(index) or (isinstance(value, Lane) and hasattr(x, "shape")):
        return writing.put(unshared(x, other) if other else x, index, value)
    if effects.masked.get() and not (isinstance(x, (list, dict)) or xp.framework_of(x)):
        raise effects.unfollowed(f"an entry of a {type(x).__name__} is written")
    if calls.answers():
        return calls.call(put_, (x, index, value, other), {})
    x[index] = value
    return x


def put_(x, index, value, other=None):
    """`put` where somebody else answers calls."""
    x[index] = value
    effects.changed()
    return x


def unshared(x, other, whole=None):
    """`x`, which is written into while `other` may look at it: fine, unless it is a tensor.

    Of a part of a whole, the whole must not be one: that is written by `put`, which looks itself.
    """
    if isinstance(whole, Lane) or xp.framework_of(whole):
        return x
    if not x.weak if isinstance(x, Lane) else xp.framework_of(x):
        writing.refuse_shared(x, other)
    return x


def list_(elements):
    """A list that is given a name: it may grow for some examples only, unless each runs alone."""
    own = calls.answers() and type(elements) is list
    return (
        calls.kept(elements)
        if own
        else (elements if isinstance(elements, Items) else Items(elements))
    )


def set(x, name, value):  # noqa: A001
    """`x.name = value`, and the x that has it."""
    if effects.masked.get() and (inspect.isfunction(x) or not hasattr(x, "__dict__")):
        raise effects.unfollowed(f"an attribute of a {type(x).__name__} is written")
    own = getattr(type(x), name, None)
    if isinstance(own, property) and own.fset:  # what it runs is the user's, too
        calls.call(own.fset, (x, value), {})
        return x
    setattr(x, name, value)
    effects.wrote(x)
    return x


def outside(name, change, *args, **kwargs):
    """A change of something that is defined outside of `f`."""
    effects.refuse_outside(name, args, kwargs, change.__name__ in ("set", "put"))
    return change(*args, **kwargs)


def around(name, change, *args, **kwargs):
    """A change of something that the function around has made."""
    effects.refuse_outside(name, args, kwargs)
    return change(*args, **kwargs)


def listed(items, given, element, test=None, add="append"):
    """A list comprehension."""
    found = Items()

    def one(x, found, *given):
        getattr(found, add)(element(x, *given))
        return ()

    def body(x, found, *given):
        if test is None:
            one(x, found, *given)
        else:
            if_(test(x, *given), one, None, (), (x, found, *given))
        return (found,)

    return for_(items, body, (found,), given)[0]


def nested(items, given, inner, test=None):
    """A comprehension with more than one `for`: `inner` are those from the second on."""
    return listed(items, given, inner, test, "extend")


def data(x):
    """`x.data`: an array without its gradient, or what an object calls so."""
    return Lane(xp.of(x.data).stop_gradient(x.data), x.sizes) if isinstance(x, Lane) else x.data


def _has_lane(index):
    if isinstance(index, slice):
        return any(isinstance(i, Lane) for i in (index.start, index.stop, index.step))
    return isinstance(index, Lane) or (type(index) is tuple and any(map(_has_lane, index)))


# ----- calls -----
def call(f, *args, **kwargs):
    """`f(*args, **kwargs)`; the user's own functions are lifted, some builtins know lanes here."""
    y = calls.call(f, args, kwargs)
    if lending.WRITERS:
        here = sys._getframe(1)
        lending.check(calls.callee(f), args, kwargs, lambda: lending.loans_at(here))
    return y
