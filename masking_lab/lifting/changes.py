"""Lists, dicts and objects: were they changed, and would the change be lost?

Inside a block everything that can change is a copy, which is put together again with the original
afterwards. A thing that the block can only reach through a function that it calls, or through an
item that it is given, has nobody who puts it together: there a change is refused.
"""

import functools
import inspect
import operator
from types import SimpleNamespace

from autodiff_lab import source, xp

from ..errors import MaskError
from ..lane import Lane


def changeable(x):
    """Lists, dicts and the user's own objects; arrays are values here, modules stay as they are."""
    if isinstance(x, (list, dict)):
        return True
    kind = type(x)
    return hasattr(x, "__dict__") and not isinstance(x, type) and is_users_class(kind)


@functools.cache
def is_users_class(kind):
    """Is it a class of the user's own, that stands on no library's?"""
    modules = {base.__module__.split(".")[0] for base in kind.__mro__ if base is not object}
    return kind is SimpleNamespace or modules.isdisjoint(
        (*source.LIBRARY, "builtins", "types", "functools")
    )


class Watched:
    """What the lists, dicts and objects in a tuple hold now."""

    def __init__(self, things):
        self.held = [(x, held(x)) for x in containers(things)]

    def changed(self, but=()):
        """Was one of them changed, of those that are not in `but`?"""
        now = [x for x, before in self.held if _is_changed(x, before)]
        kept = {id(x) for x in containers(but)} if now else ()
        return any(id(x) not in kept for x in now)

    def changed_to(self, things):
        """Do other things hold something else?"""
        new = list(containers(things))
        return len(new) != len(self.held) or any(
            _is_changed(x, before) for x, (_, before) in zip(new, self.held, strict=True)
        )


def containers(x):
    """The lists, dicts and objects in a tuple."""
    if isinstance(x, Lane) or inspect.isfunction(x) or xp.framework_of(x):
        return
    if not isinstance(x, tuple):
        if not changeable(x):
            return
        yield x
    for y in held(x):
        yield from containers(y)


def held(x):
    if isinstance(x, (list, tuple)):
        return tuple(x.each() if hasattr(x, "each") else x)
    x = x if isinstance(x, dict) else vars(x)
    return (*x, *x.values())


def _is_changed(x, before):
    after = held(x)
    return len(before) != len(after) or not all(map(operator.is_, before, after))


def refuse_lost():
    raise MaskError(
        f"a list, a dict or an object is changed at {source.here()} for some of the examples, by a "
        "function that has it from outside or through an item of a loop; give it to the function "
        "as an argument, or return what is new"
    )
