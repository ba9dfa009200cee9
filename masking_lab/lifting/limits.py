"""How many trips may a `while` loop take? `autobatch(f, max_trips=...)` says."""

from contextvars import ContextVar

from ..setting import setting

_max_trips: ContextVar = ContextVar("max_trips", default=None)


def max_trips():
    return _max_trips.get()


def limited(trips):
    return setting(_max_trips, trips)


_ending: ContextVar = ContextVar("a compiled loop has to have a bound", default=False)


def must_end():
    """Is a program being compiled that is differentiated backwards?"""
    return _ending.get()


def ending(must):
    return setting(_ending, must)
