"""What the code of a block calls: lifted code's `flow`, for things that are each example's own."""

import types
from contextvars import ContextVar

from ...lane import Lane, is_array
from ...lifting import flow
from ...lifting.batched import truth
from .things import Lists
from .walks import entries
from .walks import walk as walk_over
from .whole import Whole

turn: ContextVar = ContextVar("the turn of the machine that is running")


def item(x, index):
    now, x = turn.get(), entries(x)
    if now.alone and not isinstance(x, Lane) and not is_array(x):
        index = now.plain(index)
        if not isinstance(index, Lane):
            return x[index]
    return x[index] if isinstance(x, Lists) else flow.item(x, index)


def in_(x, xs):
    return flow.in_(x, entries(xs))


def listed(items, *how):
    return flow.listed(entries(items), *how)


def put(x, index, value, other=None):
    if isinstance(x, Lists):
        x[index] = value
        return x
    return flow.put(x, index, value, other)


def fresh(x):
    """A thing that the program has made: each example has its own."""
    return turn.get().made(x)


def list_(elements):
    return fresh(flow.list_(elements))


def function(k, defaults):
    """The k-th function that is defined inside the one that runs."""
    return turn.get().function(k, dict(defaults))


def walk(x):
    return walk_over(x, turn.get().lists)


def more(found, i):
    """Has a `for` loop an i-th item?"""
    return i < found.trips


def at(found, i):
    return found.at(i)


def asked(test):
    """A test: a bool, or a lane of booleans."""
    if isinstance(test, Lists):
        test = test.size()
    if type(test) is Whole and not test.ndim:
        return Whole(test.host != 0, test.like)
    return truth(test)


_OWN = (item, put, fresh, list_, function, walk, more, at)
FLOW = types.SimpleNamespace(**{k: v for k, v in vars(flow).items() if k[:2] != "__"},
                             **{f.__name__: f for f in _OWN[2:3] + _OWN[4:]})  # fmt: skip
FLOW.item, FLOW.put, FLOW.list_, FLOW.in_, FLOW.listed = item, put, list_, in_, listed
