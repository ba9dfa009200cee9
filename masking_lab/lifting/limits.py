"""How many trips may a `while` loop take? `autobatch(f, max_trips=...)` says."""

from contextvars import ContextVar

from autodiff_lab import source

from ..errors import MaskError
from ..lane import NUMBERS, Lane, examples_where
from ..setting import setting

_max_trips: ContextVar = ContextVar("max_trips", default=None)


def max_trips():
    return _max_trips.get()


def limited(trips):
    return setting(_max_trips, trips)


def check(trips, going=None, place=None):
    """After so many trips a `while` loop goes on; `going` are those that do, a lane or numbers."""
    limit = _max_trips.get()
    if limit is None or trips < limit:
        return
    numbers = NUMBERS.get() if going is None else going
    numbers = examples_where(going.data) if isinstance(going, Lane) else numbers
    on = "all examples" if numbers is None else f"examples {sorted(numbers)}"
    raise Endless(
        f"the loop at {place or source.here()} goes on after {limit} trips on {on}; mend its "
        "condition, or raise max_trips"
    )


class Endless(MaskError):
    """A loop has no end, as far as anybody knows."""


_ending: ContextVar = ContextVar("a compiled loop has to have a bound", default=False)


def must_end():
    """Is a program being compiled that is differentiated backwards?"""
    return _ending.get()


def ending(must):
    return setting(_ending, must)
