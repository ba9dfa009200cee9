"""What has to be as it was when a straight line was recorded, for the line to be right again.

Of the arguments: containers, shapes, strides, dtypes, devices, and Python values. Of the function:
the numbers, strings, containers and functions it finds in its closure and in its globals, and which
tensors; a tensor's entries may change, the straight line reads them when it runs. Of PyTorch: the
default dtype and device, and autocast. A value that Python was told is guarded by the line itself.
"""

import dis
import functools
import os
import random
import sys
import types

from .. import source, trees, xp
from ..errors import AutodiffError

PLAIN = (int, float, complex, str, bytes, bool, type(None))
MANY = 1000  # a longer container is known by its identity alone
_PYTHON = os.path.dirname(os.__file__)


# ----- the arguments -----
def spread(tree, leaves, key):
    """Append the leaves of `tree` to `leaves`, and to `key` all that a line depends on of them."""
    kind = type(tree)
    if kind is list or kind is tuple:
        key.append((kind, len(tree)))
        for x in tree:
            spread(x, leaves, key)
    elif kind is dict:
        key.append((dict, tuple(tree)))
        for x in tree.values():
            spread(x, leaves, key)
    else:
        opened = None if xp.framework_of(tree) else trees._open(tree)
        if opened is None:
            leaves.append(tree)
            key.append(_leaf(tree))
        else:
            key.append((kind, tuple(opened[0])))
            for x in opened[1]:
                spread(x, leaves, key)


def _leaf(x):
    framework = xp.framework_of(x)
    if framework == "torch":
        try:
            pending = x.is_complex() and x.is_conj(), x.is_neg()  # what views cannot see through
            return x.shape, x.dtype, x.stride(), x.device, pending
        except RuntimeError:
            raise without_strides(x) from None
    if framework == "jax":
        return x.shape, x.dtype, getattr(x, "weak_type", False)
    if _is_numpy(x):  # frozen into the line: its entries count
        return x.shape, x.dtype, x.tobytes()
    return (type(x), x) if isinstance(x, PLAIN) else id(x)


def without_strides(x):
    return AutodiffError(
        f"a tensor of layout {x.layout} has no strides to be known by, so no straight line can be "
        "made; use to_dense(), or do not compile this function"
    )


def _is_numpy(x):
    return type(x).__module__ == "numpy" and hasattr(x, "tobytes")


def ambient(framework):
    """The settings of the framework that change what an operation means."""
    if framework == "torch":
        import torch

        new = torch.empty(0)
        kinds = [k for k in ("cpu", "cuda") if torch.is_autocast_enabled(k)]
        return new.dtype, new.device, tuple((k, torch.get_autocast_dtype(k)) for k in kinds)
    import jax

    return jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision


def drawn_by_python():
    """The state of the generators that no recorder sees."""
    numpy = sys.modules.get("numpy")
    state = numpy.random.get_state()[1:] if numpy else ()
    return random.getstate(), tuple(x.tobytes() if hasattr(x, "tobytes") else x for x in state)


def check_drawn(f, before):
    if before != drawn_by_python():
        raise AutodiffError(
            f"{getattr(f, '__name__', 'the function')} draws from Python's or numpy's random "
            "generator, which a straight line would freeze; draw with torch.rand or jax.random, or "
            "pass the number as an argument"
        )


# ----- the function -----
def surroundings(*things):
    """What the functions find around them, as a list that can be compared with `unchanged`."""
    found, seen = [], set()
    for thing in things:
        _look(thing, found, seen)
    return found


def unchanged(before, now):
    return len(before) == len(now) and all(map(_same, before, now))


def _same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, _Entries):
        return a.equals(b)
    return a == b or a != a if isinstance(a, PLAIN) else a is b


class _Entries:
    """A numpy array is frozen into a line where it is used: its entries count."""

    def __init__(self, array):
        self.array = array.copy()

    def equals(self, other):
        a, b = self.array, other.array
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _look(thing, found, seen):
    kind = type(thing)
    if kind in PLAIN:
        return found.append(thing)
    if _is_numpy(thing):
        return found.append(_Entries(thing))
    found.append(thing)
    if id(thing) in seen or len(found) > MANY * 10 or xp.framework_of(thing):
        return None
    seen.add(id(thing))
    for inner in _inside(thing, kind):
        _look(inner, found, seen)


def _inside(thing, kind):
    if kind is types.FunctionType:
        return _around(thing) if _is_users(thing.__code__.co_filename) else ()
    if kind is types.MethodType:
        return thing.__func__, thing.__self__
    if kind is functools.partial:
        return thing.func, thing.args, thing.keywords
    if isinstance(thing, (list, tuple, dict)):
        items = thing.values() if isinstance(thing, dict) else thing
        keys = (
            (len(thing), *(k for k in thing if isinstance(k, PLAIN))) if len(thing) < MANY else ()
        )
        return (*keys, *items) if len(thing) < MANY else (len(thing),)
    if isinstance(thing, (type, types.ModuleType, types.BuiltinFunctionType)):
        return ()
    wrapped = getattr(thing, "__wrapped__", None)  # a function under jax.jit, say
    return (vars(thing),) if hasattr(thing, "__dict__") and wrapped is None else (wrapped,)


def _is_users(file):
    return not source.is_library(file) and not file.startswith(_PYTHON)


def _around(f):
    """What a function's own code can read: defaults, cells, and the globals it names."""
    found = [x for x in (f.__code__, f.__defaults__, f.__kwdefaults__) if x is not None]
    for cell in f.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            found.append(None)
    for name in _names(f.__code__):
        found.append(f.__globals__.get(name))
    return found


@functools.cache
def _names(code):
    """The names that the code, and the functions written inside it, may look up."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    mine = [i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"]
    return tuple(dict.fromkeys([*mine, *(n for c in inner for n in _names(c))]))


def names_of(f, tensors):
    """What the function calls the tensors that it found around it, by their position."""
    if type(f) is not types.FunctionType:
        return {}
    cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
    known = [(n, c.cell_contents) for n, c in cells if c != types.CellType()]
    known += [(n, f.__globals__[n]) for n in f.__code__.co_names if n in f.__globals__]
    return {i: n for i, t in enumerate(tensors) for n, x in known if x is t}


def is_nested(leaves):
    """Inside another recording or transformation the function itself has to be seen."""
    if any([getattr(x, "rank", 0) for x in leaves]):
        return True
    jax, torch = sys.modules.get("jax"), sys.modules.get("torch")
    if hasattr(jax, "Array") and any([isinstance(x, jax.core.Tracer) for x in leaves]):
        return True
    return hasattr(torch, "Tensor") and torch._C._functorch.peek_interpreter_stack() is not None
