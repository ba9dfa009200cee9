"""What a call leaves behind: state that outlives it would hold all examples at once.

In the loop every example changes a global list, or an attribute of a module, in its turn. A batch
would change it once, for all; so a change that is seen outside is refused. What `f` makes itself
it may change: an attribute is noted when it is written, and after the call its object must be gone.
"""

import contextlib
import gc
import inspect
import sys
import weakref
from contextvars import ContextVar

from autodiff_lab import source, xp

from ..errors import MaskError, NeedsValues
from ..lane import Lane
from ..setting import setting

MUTATORS = frozenset(
    "append extend insert remove pop clear update setdefault popitem add discard sort "
    "reverse".split()
)
_MORE = frozenset(
    "popleft appendleft extendleft rotate difference_update intersection_update "
    "symmetric_difference_update subtract write writelines __next__".split()
)
HASHED = (dict, set, frozenset)  # they look for a value by its hash
_FOLLOWED = (list, dict, str, bytes, tuple, int, float, frozenset)
masked: ContextVar = ContextVar("a block runs for some of the examples", default=False)
unread: ContextVar = ContextVar("an assertion that nobody can check is refused", default=False)
_watcher: ContextVar = ContextVar("is told that values decide what runs", default=None)
_written: ContextVar = ContextVar("objects whose attributes were written", default=None)
_count = [0]


@contextlib.contextmanager
def watched():
    """Refuses, at the end, attributes that were written on objects that are still there."""
    written: dict = {}
    with setting(_written, written):
        yield
    if any(ref() is not None for ref, _ in written.values()):
        gc.collect()  # what recursive functions hold is gone only now
        for ref, place in written.values():
            if ref() is not None:
                raise _refused(f"an attribute of a {type(ref()).__name__}", place)


def told_of_decisions(watcher):
    """Inside, `watcher()` is called when the values of lanes decide what runs."""
    return setting(_watcher, watcher)


def decided():
    watcher = _watcher.get()
    if watcher is not None:
        watcher()


def count():
    """How often something was written to that a function may read."""
    return _count[0]


def changed():
    _count[0] += 1


def wrote(x):
    """Note that an attribute of `x` was written."""
    changed()
    written = _written.get()
    if written is None or id(x) in written:
        return
    with contextlib.suppress(TypeError):  # few objects cannot be watched
        written[id(x)] = weakref.ref(x), source.here()


def refuse_outside(name, args, kwargs, over=False):
    """`name` is defined outside, and about to be changed. A number may be appended to a list (who
    looks at a program does so), but not written `over` the one that is there."""
    changed()
    if over or masked.get() or has_lanes((args, kwargs)):
        raise _refused(repr(name), source.here())


def refuse_unfollowed(f, args):
    """Some examples only would change a thing that lifted code does not keep apart."""
    owner, name = f.__self__, f.__name__
    if isinstance(owner, (dict, set, frozenset, list, tuple)):
        for x in args:
            refuse_traced(x, f"{name} of a {type(owner).__name__} looks for it")
    if f.__module__ in ("_heapq", "_bisect"):  # written in C: they look into lists by themselves
        changes, what = masked.get() or type(args[0]) is not list or has_lanes(args), "a list"
    elif not masked.get():
        return
    elif inspect.ismodule(owner):
        changes, what = f is next, "an iterator"
    else:
        changes = name in MUTATORS | _MORE and not isinstance(owner, _FOLLOWED)
        changes &= xp.framework_of(owner) is None
        what = f"a {type(owner).__name__}"
    if changes:
        raise unfollowed(f"{what} is changed by {name}")


def refuse_traced(x, what):
    """A size that is being traced has a value of its own in each example; Python would take the
    tracer's, or what the tracer holds for certain."""
    if type(x) is tuple:
        for part in x:
            refuse_traced(part, what)
    if hasattr(type(x), "refuse"):
        raise x.refuse(what)
    if type(x).__name__ in ("SymInt", "SymFloat", "SymBool"):
        raise NeedsValues(
            f"f needs to know a ragged size at {source.here()}, and each example has its own: "
            f"{what}; choose per example with where(condition, a, b)"
        )


def unfollowed(what):
    return MaskError(
        f"{what} at {source.here()}, where each example goes its own way; there a list, a dict or "
        "an object of a class of your own can be changed: use one of those, and its methods"
    )


def has_lanes(x):
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (list, tuple)):
        return any(map(has_lanes, x))
    if isinstance(x, Lane) or hasattr(type(x), "rank"):  # `rank`: of one that is computed later
        return True
    return xp.framework_of(x) == "jax" and _is_traced(x)


def _is_traced(x):
    return isinstance(x, sys.modules["jax"].core.Tracer)


def _refused(what, place):
    return MaskError(
        f"{what} is changed at {place}, and outlives the call: each example would change it in its "
        "turn, a batch only once; return the value instead"
    )
