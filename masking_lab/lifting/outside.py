"""What a function finds outside itself: may a line that was watched be relied on?

A line (`straight`) is what the function did twice. It does the same again as long as what it reads
is the same, so it may read only what can be compared at a glance: numbers, words, weights (of an
array that is written to in place, a line sees the new numbers), a library's functions, and
PyTorch's modules. A list, an object or a property may give anything another time; so may a number
that was read out of an array, and whatever PyTorch knows beside shapes and dtypes. Then there is no
line.
"""

import builtins
import dis
import functools
import inspect
import operator
import sys

from autodiff_lab import xp
from autodiff_lab.operators import call_method

NUMBERS = (int, float, bool, type(None))
_LIBRARIES = {"torch", "math", "operator", "_operator"}
_PURE = {
    getattr(builtins, name)
    for name in """abs all any bool divmod enumerate float int
    isinstance len list max min pow range reversed round slice sorted sum tuple zip""".split()
}
_CHANGING = frozenset(
    "requires_grad grad grad_fn is_leaf is_grad_enabled is_inference is_inference_mode_enabled "
    "no_grad enable_grad set_grad_enabled inference_mode "
    "is_autocast_enabled get_autocast_dtype get_default_dtype get_default_device "
    "layout stride is_contiguous storage_offset data_ptr untyped_storage _version "
    "_backward_hooks".split()
)  # what PyTorch knows, and is no part of how arguments look
_LOOKS = frozenset(
    "item tolist numpy equal allclose is_nonzero nonzero argwhere bincount repeat_interleave "
    "unique unique_consecutive masked_select "
    "__bool__ __float__ __int__ __index__ __complex__ __array__ __contains__".split()
)


class Unsteady:
    """Stands for what may be another thing each time: it is nobody's equal."""


def function(f):
    """What runs: a module's `forward`."""
    f = getattr(f, "forward", f)
    return getattr(f, "__func__", f)


def _names(code):
    """All names that a function and those inside it ask for."""
    yield from code.co_names
    for inner in filter(inspect.iscode, code.co_consts):
        yield from _names(inner)


def asks_pytorch(f):
    """Does it ask PyTorch for what is no part of how arguments look?"""
    return not _CHANGING.isdisjoint(_names(function(f).__code__))


def read_globals(f):
    """The globals that a function and those inside it read; PyTorch's own stay as they are."""
    f = function(f)
    return [] if _root(f.__module__) == "torch" else list(dict.fromkeys(_loaded(f.__code__)))


def _loaded(code):
    yield from [i.argval for i in dis.get_instructions(code) if i.opname in _LOADS]
    for inner in filter(inspect.iscode, code.co_consts):
        yield from _loaded(inner)


_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def around(f, read):
    """What a function finds around it, as defaults, and as the globals that it reads; how the
    arrays among it look."""
    f = function(f)
    found = [c.cell_contents for c in f.__closure__ or ()]
    found += [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()]
    return _with_looks(found + [f.__globals__.get(name) for name in read])


def _with_looks(found):
    """An array can be given other data, and stay the same object."""
    kind = sys.modules["torch"].Tensor
    return found, [(tuple(x.shape), x.dtype, x.device) for x in found if isinstance(x, kind)]


def inside(f, found):
    """The same of modules; where one has hooks, nothing that could ever be the same again."""
    kind = sys.modules["torch"].nn.Module
    modules = [m for x in (f, *found) if isinstance(x, kind) for m in x.modules()]
    return _with_looks([value for m in modules for value in _held(m)])


def _held(m):
    hooks = (m._forward_hooks, m._forward_pre_hooks, m._backward_hooks, m._backward_pre_hooks)
    found = [Unsteady()] if any(hooks) else []
    found += [*m._parameters.values(), *m._buffers.values(), *m._modules.values(), m.training]
    found += [v for k, v in vars(m).items() if k not in _common()]
    for kind in type(m).__mro__:
        if _root(kind.__module__) not in ("torch", "builtins", "typing"):
            found += [v for k, v in vars(kind).items() if k[:2] != "__" or k in _ASKED]
    return [Unsteady() if isinstance(v, property) else v for v in found]


@functools.cache
def _common():
    """What every module holds."""
    return frozenset(vars(sys.modules["torch"].nn.Module()))


_ASKED = ("__getattr__", "__getattribute__")


def is_steady(x):
    """Is it the same thing as long as it is the same object, or compares as one?"""
    if type(x) is tuple:
        return all(map(is_steady, x))
    if isinstance(x, (*NUMBERS, str)) or inspect.isbuiltin(x):
        return True
    if inspect.isfunction(x):
        return not vars(x)
    if inspect.ismodule(x):
        return is_library(x)
    torch = sys.modules["torch"]
    if isinstance(x, (torch.nn.Module, torch.dtype, torch.device)) or xp.framework_of(x) == "torch":
        return True
    return inspect.isclass(x) and x in _PURE


def is_library(module):
    return _root(module.__name__) in _LIBRARIES


def _root(name):
    return (name or "").split(".")[0]


def same(a, b):
    """Was the same found? (Nearly always these are the same objects.)"""
    (found, looks), (others, their_looks) = a, b
    if len(found) != len(others) or looks != their_looks:
        return False
    return all(map(operator.is_, found, others)) or all(map(_is, found, others))


def _is(x, y):
    plain = type(x) in NUMBERS or type(x) in (str, tuple)
    return x is y or (plain and type(x) is type(y) and x == y)


# ----- what it does meanwhile -----
def is_pure(f):
    """Does a call of it depend on its arguments alone, as far as anybody knows?"""
    if isinstance(f, functools.partial):
        return f.func is call_method or is_pure(f.func)
    if isinstance(f, sys.modules["torch"].nn.Module):
        return _root(type(f).__module__) == "torch"
    if xp.framework_of(getattr(f, "__self__", None)) == "torch":  # an array's own method
        return True
    of = getattr(f, "__module__", None) or type(getattr(f, "__self__", f)).__module__
    return _root(of) in _LIBRARIES or (inspect.isbuiltin(f) or inspect.isclass(f)) and f in _PURE


def _is_chosen(func, args):
    """Are entries chosen by booleans? How many those are, is a look too."""
    if getattr(func, "__name__", "") != "__getitem__":
        return False
    index = args[1] if type(args[1]) is tuple else args[1:]
    return any(getattr(i, "dtype", None) is sys.modules["torch"].bool for i in index)


@functools.cache
def _kind():
    from torch.overrides import TorchFunctionMode

    class Looks(TorchFunctionMode):
        """Is told when a number is read out of an array."""

        def __init__(self, told):
            super().__init__()
            self.told = told

        def __torch_function__(self, func, types, args=(), kwargs=None):
            if getattr(func, "__name__", "") in _LOOKS or _is_chosen(func, args):
                self.told()
            return func(*args, **kwargs or {})

    return Looks


def told_of_looks(told):
    """Inside, `told()` is called when a number is read out of an array of PyTorch's."""
    return _kind()(told)
