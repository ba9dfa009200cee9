"""Which function does lifted code really call?

The user's own functions are lifted in their turn; a library's are not: they take lanes as they are.
Some of Python's builtins insist on one int or one length, and have a sibling here.
"""

import contextlib
import functools
import inspect
import operator
import os
import weakref
from contextvars import ContextVar

from autodiff_lab import source, xp
from autodiff_lab.operators import call_method
from autodiff_lab.reading import read

from ..batches import randomness
from ..errors import MaskError
from ..lane import lanes_in, looked
from ..on_torch.asking import answered
from ..on_torch.layers import cell
from ..on_torch.own_functions import own
from ..once import Remembered, inside_vmap
from ..setting import setting
from . import effects, lending, making
from .builtins import BUILTINS
from .items import Items
from .joins import joined, joins
from .rewrite import MAKERS, rewrite
from .sequences import of_numbers
from .spelled import spelled

_lifted: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # the user's functions
_others: weakref.WeakSet = weakref.WeakSet()  # functions that are called as they are
_codes = Remembered()  # of lifted functions, and of those inside them


def lift(f):
    """`f` with its control flow lifted. On plain values it does what `f` does."""
    if inspect.ismethod(f):
        return _function(f.__func__).__get__(f.__self__)
    return _function(f) if inspect.isfunction(f) else _lifted_now(f)


def _function(f):
    if f not in _lifted:
        _lifted[f] = _lifted_now(f)
    made = _lifted[f]
    made.__defaults__, made.__kwdefaults__ = f.__defaults__, f.__kwdefaults__  # they may be new
    return made


def _lifted_now(f):
    from . import flow

    text = read(f, MaskError)
    tree = rewrite(text)
    made = text.function(tree, flow=flow)
    code = code_of(made)
    _remember(code)
    lending.remember(code, tree)
    return made


def _remember(code):
    _codes.add(code)
    for inner in code.co_consts:
        if inspect.iscode(inner):
            _remember(inner)


def is_lifted(f):
    """Is it lifted already, by itself or with the function that it was defined in?"""
    return code_of(f) in _codes


def code_of(f):
    """The code of a function, a method or a partial; None of anything else."""
    while isinstance(f, functools.partial):
        f = f.func
    return getattr(getattr(f, "__func__", f), "__code__", None)


def callee(f):
    """What runs in the place of `f`: lifted, if it is the user's; a sibling, if it is a builtin."""
    if isinstance(f, functools.partial):
        return functools.partial(callee(f.func), *f.args, **f.keywords)
    if inspect.isfunction(f) or inspect.ismethod(f):
        return lift(f) if is_users(getattr(f, "__func__", f)) else f
    if inspect.isbuiltin(f):
        return BUILTINS.get(f, f)
    if inspect.isclass(f):
        return BUILTINS.get(f) or making.maker(f)
    if "forward" in getattr(f, "__dict__", ()):  # of this module alone: what it does is replaced
        return callee(f.forward)
    for name in ("__call__", "forward"):  # an object, or a module of PyTorch's
        own = getattr(type(f), name, None)
        if inspect.isfunction(own) and is_users(own):
            return lift(own).__get__(f)
    return f


def is_users(f):
    """Is there a text, and is it neither a library's nor lifted already? Asked once."""
    if f in _lifted:
        return True
    if f in _others or is_lifted(f):
        return False
    if _is_elsewhere(f.__code__.co_filename) or not _is_readable(f):
        _others.add(f)
        return False
    return True


def _is_elsewhere(file):
    if source.is_model(file):
        return False
    installed = not _INSTALLED.isdisjoint(file.replace("\\", "/").split("/"))
    return installed or source.is_library(file) or file.startswith(_STANDARD)


def _is_readable(f):
    try:
        read(f, MaskError)
    except MaskError:
        return False
    return True


_INSTALLED = {"site-packages", "dist-packages"}
_STANDARD = os.path.dirname(os.__file__) + os.sep


_answer: ContextVar = ContextVar("answer", default=None)
_keep: ContextVar = ContextVar("is given the lists that are made", default=None)
_cells: ContextVar = ContextVar("calls cells as straight lines", default=None)


@contextlib.contextmanager
def answered_by(answer, keep=None):
    """Inside, `answer(f, args, kwargs)` is what a call in lifted code means, `keep(x)` a list."""
    with setting(_answer, answer), setting(_keep, keep):
        yield


def kept(x):
    """A list, as those have it who answer calls."""
    keep = _keep.get()
    return keep(x) if keep else x


def straight(like):
    """Inside a loop on PyTorch, cells are called as straight lines, where nobody else answers.

    `like` is what tells how long the loop goes on; who asks looks at entries.
    """
    looked()
    found = None if _answer.get() else straight_cells(getattr(like, "like", like))
    return setting(_cells, found) if found else contextlib.nullcontext()


def straight_cells(like):
    """What calls cells as straight lines, on PyTorch; else None."""
    if xp.framework_of(like) != "torch" or inside_vmap():
        return None
    from .straight import Cells

    return Cells().call


def call(f, args, kwargs):
    """`f(*args, **kwargs)` of lifted code."""
    f = own(spelled(f, args, kwargs))
    answer = _answer.get() or _cells.get()
    return answer(f, args, kwargs) if answer else made(f, args, kwargs)


def answers():
    """Does somebody else answer calls?"""
    return _answer.get() is not None


def entry(x, index):
    """`x[index]` of lifted code, without lanes in the index."""
    answer = _answer.get()
    if answer is None or getattr(type(x), "rank", 0) > 1:  # an array that answers itself
        return x[index]
    return answer(operator.getitem, (x, index), {})


def made(f, args, kwargs):
    """What a call means where nobody else answers it."""
    if type(f) is functools.partial and f.func is call_method:  # a lane's own
        return f(*args, **kwargs)
    randomness.check(f, args, kwargs)
    if inspect.isbuiltin(f):
        effects.refuse_unfollowed(f, args)
    f = callee(f)
    if joins(f, args):
        return joined(f, *args, **kwargs)
    framework = next((xp.framework_of(x.like) for x in lanes_in((*args, *kwargs.values()))), None)
    if framework == "jax" and is_jaxs(f):
        from ..on_jax.dispatch import call as dispatch

        if getattr(f, "__name__", None) in ("array", "asarray") and isinstance(args[0], Items):
            args = (of_numbers(args[0], next(lanes_in(args)).data), *args[1:])
        return dispatch(f, args, kwargs)
    if framework == "torch" and inspect.isroutine(f) and not is_lifted(f):
        if inspect.isbuiltin(f) and f.__name__ in MAKERS:
            from ..on_torch.sizes import MADE  # PyTorch wants whole numbers there

            return MADE[f.__name__](*args, **kwargs)
        return answered(f, args, kwargs)
    if framework == "torch":
        f = cell(f)
    return f(*args, **kwargs)


def is_jaxs(f):
    """What is not lifted does not ask its arguments what to do, so it is done for it."""
    if inspect.isclass(f) or inspect.isbuiltin(f) or isinstance(f, functools.partial):
        return isinstance(f, functools.partial) and is_jaxs(f.func)
    ours = (getattr(f, "__module__", None) or "").startswith("masking_lab")
    of_a_tuple = isinstance(getattr(f, "__self__", None), tuple)  # a named tuple's `_replace`
    return not ours and not of_a_tuple and not is_lifted(f)
