"""Writing calls down, and finding out how their answers will look.

That is tried on one example of ones, once for each signature.
"""

import contextlib
import inspect
import operator

import numpy as np

from autodiff_lab import source, trees, xp

from ...batches import randomness
from ...errors import MaskError
from ...lane import Lane
from ...lifting import calls
from ...lifting.cells import is_cell
from .later import Alike, Call, Later, Look, Strange, filled, first, seen

# What NumPy answers as the frameworks do, for whole numbers.
_OPERATORS = {
    getattr(operator, n) for n in "add sub mul floordiv mod eq ne lt le gt ge neg".split()
}


class Recorder:
    """Of one run: all examples write their calls here. `whole` keeps the user's functions whole."""

    def __init__(self, like, whole):
        self.verbs, self.like, self.whole = xp.of(like), like, whole
        self.signatures = {}  # signature -> Alike; None where a function cannot be kept whole
        self.functions = {}  # which function -> what `_asked` says, and itself: it stays alive
        self.dtypes = {}  # NumPy's dtypes -> the framework's

    # ----- calls in the user's code -----
    def called(self, f, args, kwargs):
        """A call in the user's code."""
        randomness.check(f, args, kwargs)
        own, may_wait, run, which, _ = self._function(f)
        if not may_wait:
            return run(*args, **kwargs)
        inputs: list = []
        try:
            key = which, seen(args, inputs), seen(kwargs, inputs)
        except Strange:
            return run(*args, **kwargs)
        whole = lambda *xs, **more: calls.call(f, xs, more)  # noqa: E731
        alike = self._alike(key, whole, args, kwargs, inputs, own) if inputs else None
        return self._written(alike, args, kwargs, inputs) if alike else run(*args, **kwargs)

    def _function(self, f):
        which = (id(f.__func__), id(f.__self__)) if inspect.ismethod(f) else id(f)
        if which not in self.functions:
            self.functions[which] = (*self._asked(f), which, f)
        return self.functions[which]

    def _asked(self, f):
        """`(is it the user's, may it be put off as a whole, what runs if not)`.

        A function that was made inside the program sees the program's variables: it stays open.
        """
        run = calls.callee(f)
        if calls.is_lifted(f) or inspect.isclass(f) or inspect.isbuiltin(f):
            return False, False, f if run in calls.BUILTINS.values() else run
        if run is not f:
            return True, self.whole and is_cell(f), run
        return False, hasattr(f, "forward") or self.verbs.name == "jax" and calls.is_jaxs(f), run

    def _in_cell(self, f, args, kwargs):
        """A call inside a function that is being tried as a whole."""
        own, may_wait, *_ = self._function(f)
        if own and not may_wait:
            raise _NotWhole
        return calls.made(f, args, kwargs)

    # ----- operations that asked their arguments what to do -----
    def op(self, f, args, kwargs):
        if f in _OPERATORS and all([type(x) is not Later or x.known is not None for x in args]):
            return self.value(f(*[x.known if type(x) is Later else x for x in args]))
        inputs: list = []
        key = self._key((id(f), "op"), args, kwargs, inputs, f)
        if all([x.known is not None for x in inputs]):
            return self._now(f, args, kwargs, inputs)
        run = lambda *xs, **more: Lane.__torch_function__(f, (), xs, more)  # noqa: E731
        return self._written(self._alike(key, run, args, kwargs, inputs), args, kwargs, inputs)

    def entry(self, x, index):
        """`x[index]`: where the index is whole numbers they may differ between examples."""
        places = tuple([_number(i) for i in (index if type(index) is tuple else (index,))])
        if x.known is not None and first(places) is None:
            return self.value(x.known[places])
        if not all([type(i) is int for i in places]) or len(places) > x.ndim:
            index, inputs = places if type(index) is tuple else places[0], []
            key = self._key("item", (x, index), {}, inputs, index)
            alike = self._alike(key, operator.getitem, (x, index), {}, inputs)
            return self._written(alike, (x, index), {}, inputs)
        places = tuple([_inside(i, n, x) for i, n in zip(places, x.shape, strict=False)])
        look = Look(x.shape[len(places) :], x.dtype)
        key = "entry", look, len(places)
        if key not in self.signatures:
            self.signatures[key] = Alike(None, [look], lambda answers: answers[0], ())
        return self._written(self.signatures[key], (), {}, [x], places)

    # ----- whole numbers that are there -----
    def value(self, y):
        """What is computed already, by NumPy."""
        y = np.asarray(y)
        if y.dtype not in self.dtypes:
            self.dtypes[y.dtype] = self.verbs.dtype(y.dtype.name)
        return Later(self, Look(y.shape, self.dtypes[y.dtype]), known=y)

    def _now(self, f, args, kwargs, inputs):
        args, kwargs = filled((args, kwargs), iter([x.known for x in inputs]))
        asarray = lambda x: self.verbs.asarray(x, self.like) if hasattr(x, "dtype") else x  # noqa
        found = f(*trees.map(asarray, args), **trees.map(asarray, kwargs))
        return trees.map(lambda y: self.value(y) if hasattr(y, "shape") else y, found)

    # ----- writing down -----
    def _key(self, name, args, kwargs, inputs, f):
        try:
            return name, seen(args, inputs), seen(kwargs, inputs)
        except Strange as what:
            raise MaskError(
                f"{getattr(f, '__name__', f)} at {source.here()} was given {what}, and "
                "strategy='lazy' cannot see what it holds; pass arrays, or use strategy='masked'"
            ) from None

    def _alike(self, key, run, args, kwargs, inputs, may_refuse=False):
        if key not in self.signatures:
            self.signatures[key] = self._tried(run, args, kwargs, inputs, may_refuse)
        return self.signatures[key]

    def _written(self, alike, args, kwargs, inputs, places=()):
        call = Call(alike, args, kwargs, inputs, places)
        call.answers = [Later(self, x, call) if type(x) is Look else x for x in alike.answers]
        return alike.rebuild(call.answers)

    def _tried(self, run, args, kwargs, inputs, may_refuse):
        ones = [Lane(self._ones(x.look), (None,) * x.ndim) for x in inputs]
        new_args, new_kwargs = filled((args, kwargs), iter(ones))
        try:
            with calls.answered_by(self._in_cell), _no_graph(self.verbs):
                found = run(*new_args, **new_kwargs)
        except Exception:
            if may_refuse:  # the calls inside it say what is wrong, if anything is
                return None
            raise
        leaves, _, rebuild = trees.flatten(found)
        return Alike(run, [_look(x) for x in leaves], rebuild, (args, kwargs))

    def _ones(self, look):
        return self.verbs.ones((1, *look.shape), look.dtype, self.like)


class _NotWhole(Exception):
    """A function calls one that does more than compute."""


def _no_graph(verbs):
    return verbs.lib.no_grad() if verbs.name == "torch" else contextlib.nullcontext()


def _look(x):
    if isinstance(x, Lane):
        return Look(tuple(x.data.shape[1:]), x.dtype)
    return Look(tuple(x.shape), x.dtype) if xp.framework_of(x) else x


def _number(i):
    """An index that is there already, as Python's."""
    is_known = type(i) is Later and i.known is not None and i.known.shape == ()
    return int(i.known) if is_known else i


def _inside(i, n, x):
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for a dim of size {n} of {x!r}")
    return i % n
