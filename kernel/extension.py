"""Loading and unloading. Each part puts its own undoing on a stack; unloading runs the stack."""

from contextlib import ExitStack
from weakref import WeakKeyDictionary

from . import cells, compare, help_hooks, jacobian_view, memory_view, plots, show, strides
from .ask import catch
from .tape_view import cells as tape_cells

NAMES = {
    "show": show, "strides": strides, "compare": compare, "jacobian_view": jacobian_view,
    "memory_view": memory_view, "plots": plots,
}  # fmt: skip

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
