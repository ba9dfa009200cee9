"""Objects of the user's own classes are made by lifted code too.

What `__init__` does is part of the program: the lists that it makes grow for some examples only,
and what it decides is decided for each. Classes of libraries, and those with a `__new__` or a
metaclass of their own, are called as they are.
"""

import dataclasses
import functools
import inspect
import weakref

from .changes import is_users_class

_made: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def maker(kind):
    """What makes an object of a class in lifted code."""
    if kind not in _made:
        _made[kind] = functools.partial(_make, kind) if _is_plain(kind) else kind
    return _made[kind]


def _is_plain(kind):
    plain = type(kind).__call__ is type.__call__ and kind.__new__ is object.__new__
    return plain and inspect.isfunction(kind.__init__) and is_users_class(kind)


def _make(kind, *args, **kwargs):
    from . import calls

    x = object.__new__(kind)
    calls.callee(kind.__init__)(x, *args, **kwargs)
    if dataclasses.is_dataclass(kind):
        _fill(x, (*args, *kwargs.values()))
    return x


def _fill(x, given):
    """The lists that a `default_factory` has made, as lifted code has them."""
    from . import flow

    for name, value in vars(x).items():
        if type(value) is list and not any(value is y for y in given):
            object.__setattr__(x, name, flow.list_(value))
