"""Loading and unloading. Each part puts its own undoing on a stack; unloading runs the stack.

A kernel's start is waited for, so what draws is imported when it is first used (`Later`).
"""

from contextlib import ExitStack
from weakref import WeakKeyDictionary

import kernel

from . import cells, help_hooks, show
from .ask import catch
from .tape_view import cells as tape_cells

LATER = ("strides", "compare", "jacobian_view", "memory_view", "plots")


class Later:
    """A function or module of `kernel`, imported when somebody calls it or looks at it."""

    def __init__(self, name):
        self.__name__ = name

    @property
    def __wrapped__(self):  # where `inspect` looks for signature and source
        return getattr(kernel, self.__name__)

    @property
    def __doc__(self):
        return self.__wrapped__.__doc__

    def __call__(self, *args, **kwargs):
        return self.__wrapped__(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.__wrapped__, name)

    def __dir__(self):
        return dir(self.__wrapped__)

    def __repr__(self):
        return repr(self.__wrapped__)


NAMES = {"show": show, **{name: Later(name) for name in LATER}}

_loaded: WeakKeyDictionary = WeakKeyDictionary()  # shell -> what undoes us


def load(ip):
    """Install everything, or nothing if a part fails; a second call changes nothing."""
    if ip in _loaded:
        return
    with ExitStack() as undo:
        help_hooks.install(ip, undo)
        catch.install(ip, undo)
        tape_cells.install(ip, undo)
        cells.install(ip, undo)
        _offer_names(ip, NAMES, undo)
        _loaded[ip] = undo.pop_all()


def unload(ip):
    undo = _loaded.pop(ip, None)
    if undo is not None:
        undo.close()


def _offer_names(ip, names, undo):
    """Give the user our names, but never in place of their own."""
    free = {name: value for name, value in names.items() if name not in ip.user_ns}
    ip.push(free, interactive=False)
    undo.callback(ip.drop_by_id, free)
