"""How many trips may a `while` loop take? `autobatch(f, max_trips=...)` says."""

import contextlib
from contextvars import ContextVar

_max_trips: ContextVar = ContextVar("max_trips", default=None)


def max_trips():
    return _max_trips.get()


@contextlib.contextmanager
def limited(trips):
    token = _max_trips.set(trips)
    try:
        yield
    finally:
        _max_trips.reset(token)
