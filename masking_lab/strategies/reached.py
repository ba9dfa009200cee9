"""What a function reads besides its arguments: closures, globals, defaults, attributes.

`reached(f)` is a key that changes when any of that does: arrays are known by identity, numbers by
value. What may change without showing it (NumPy's arrays, generators) is `Unknown`.
"""

import functools
import inspect
import types

from autodiff_lab import source, xp

_ATOMS = (int, float, bool, complex, str, bytes, type(None), type(...))


class Unknown(Exception):
    """Something that may change unseen."""


def reached(x, kept, seen=None):
    """A key; what it knows by identity is put on `kept`, and has to stay alive."""
    seen = set() if seen is None else seen
    if isinstance(x, _ATOMS):
        return type(x).__name__, x
    if id(x) in seen:
        return "again"
    seen.add(id(x))
    kept.append(x)
    if isinstance(x, (list, tuple)):
        return type(x).__name__, *[reached(y, kept, seen) for y in x]
    if isinstance(x, dict):
        return "dict", *[(reached(k, kept, seen), reached(y, kept, seen)) for k, y in x.items()]
    if isinstance(x, functools.partial):
        return reached((x.func, x.args, x.keywords), kept, seen)
    if inspect.ismethod(x):
        return reached((x.__func__, x.__self__), kept, seen)
    if inspect.isfunction(x):
        return _of_function(x, kept, seen)
    return _of_object(x, kept, seen)


def _of_function(f, kept, seen):
    if source.is_library(f.__code__.co_filename):
        return "library", id(f)
    kept.append(f.__code__)
    cells = [_content(c) for c in f.__closure__ or ()]
    outside = [_global(f, name) for name in _names(f.__code__)]
    return id(f.__code__), reached([cells, f.__defaults__, f.__kwdefaults__, outside], kept, seen)


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _names(code):
    """The global names that a function reads, those inside it too."""
    yield from code.co_names
    for inner in code.co_consts:
        if inspect.iscode(inner):
            yield from _names(inner)


def _global(f, name):
    """A global; of the user's own modules what has a name that the function mentions."""
    x = f.__globals__.get(name)
    if isinstance(x, types.ModuleType) and not source.is_library(getattr(x, "__file__", "") or ""):
        return [x.__name__, [vars(x).get(n) for n in _names(f.__code__)]]
    return x


def _of_object(x, kept, seen):
    if isinstance(x, types.ModuleType) or inspect.isbuiltin(x):
        return id(x)
    if xp.framework_of(x):
        from autodiff_lab.on_jax.front import is_traced

        if is_traced(x):
            raise Unknown
        return id(x)
    if type(x).__module__ == "numpy":
        if getattr(x, "size", 2) > 1:
            raise Unknown
        return x.dtype.str, x.item()
    if inspect.isgenerator(x):
        raise Unknown
    if not inspect.isclass(x):
        return id(x), reached([type(x), getattr(x, "__dict__", {})], kept, seen)
    own = {k: v for k, v in vars(x).items() if not k.startswith("__") or k == "__call__"}
    return id(x), 0 if _is_library(x) else reached(own, kept, seen)


def _is_library(kind):
    return kind.__module__.split(".")[0] in (*source.LIBRARY, "builtins", "types", "functools")
