"""What ran when, and for whom: the schedule of a run."""

from contextvars import ContextVar

_watcher: ContextVar = ContextVar("who sees the turns", default=None)


class Profile:
    pass


def watching():
    return _watcher.get() or (lambda machine, block, group: None)
