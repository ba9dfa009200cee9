"""Writing calls down: the user's own functions as a whole (cells), or one operation at a time."""

import functools
import inspect
import operator
from contextvars import ContextVar

import numpy as np

from autodiff_lab import source, trees, xp
from autodiff_lab.operators import call_method
from autodiff_lab.random import fold_in

from ...batches import randomness
from ...errors import MaskError
from ...lane import Lane
from ...lifting import batched, calls, flow, writing
from ...lifting.cells import held, is_cell
from ...lifting.select import select
from ...on_torch.own_functions import Own
from .execute import entries, stacks
from .later import (
    OPERATORS,
    Alike,
    Call,
    Home,
    Inputs,
    Later,
    Look,
    Strange,
    filled,
    first,
    inputs_of,
    seen,
)
from .trial import NotWhole, tried

running: ContextVar = ContextVar("the number of the example that runs")


class Recorder:
    """Of one run: all examples write their calls here. `whole` keeps the user's functions whole."""

    def __init__(self, like, whole, wait):
        self.verbs, self.like, self.whole = xp.of(like), like, whole
        self.wait = wait
        self.signatures = {}  # signature -> Alike; None where a function cannot be kept whole
        self.functions = {}  # which function -> what `_asked` says, and itself: it stays alive
        self.looks = {}  # NumPy's shape and dtype -> how the framework has it
        self.shared = {}  # what a signature knows by its id, which stays alive
        self.unchanged = []  # containers that all examples share, and what was in them
        self.held = []  # functions of objects that are kept whole, and what they read there
        self.arrays = {}  # those of one example: whose, and the Later that stands for it

    # ----- calls in the user's code -----
    def called(self, f, args, kwargs):
        """A call in the user's code."""
        if f is operator.getitem:
            return self._read(*args)
        if f is flow.put_:
            return self._write(*args)
        if f is min or f is max:
            return self._extreme(f, args, kwargs)
        if type(f) is functools.partial and f.func is call_method:  # a method of a Later
            return f(*args, **kwargs)
        own, may_wait, run, which, _ = self._function(f)
        if not own:
            randomness.check(f, args, kwargs)
            if getattr(f, "__name__", "") == "stack" and self._is_stack(args, kwargs):
                return self._stack(args[0])
            if type(getattr(f, "__self__", None)).__name__ == "_IndexUpdateRef":
                x = f.__self__  # x.at[i].set(v) of JAX
                return self.op(updated, (x.array, x.index, f.__name__, *args), kwargs)
        if not may_wait:
            return run(*args, **kwargs)
        if f is fold_in:  # at each step another number, and yet the same call
            args = tuple([self.value(x) if type(x) is int else x for x in args])
        inputs = Inputs(self)
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
        if getattr(f, "__module__", None) == "autodiff_lab.random":  # many operations, one meaning
            return False, True, run
        whole = hasattr(f, "forward") or isinstance(f, Own)
        return False, whole or self.verbs.name == "jax" and calls.is_jaxs(f), run

    def in_cell(self, f, args, kwargs):
        """A call inside a function that is being tried as a whole."""
        if f is operator.getitem:
            return args[0][args[1]]
        if f is flow.put_:
            raise NotWhole
        if type(f) is functools.partial and f.func is call_method:  # a method of a lane
            return f(*args, **kwargs)
        own, may_wait, *_ = self._function(f)
        if own and not may_wait:
            raise NotWhole
        return calls.made(f, args, kwargs)

    # ----- entries, writes, and Python's builtins -----
    def _read(self, x, index):
        """`x[index]` of an array that all share, or of a list."""
        if type(x) in (dict, list, tuple):
            return x[index]
        if type(x) is not Later and xp.framework_of(x) and first((index,)) is not None:
            return self.op(operator.getitem, (x, index), {}, flow.item)
        return x[index]

    def _write(self, x, index, value, other=None):
        """`x[index] = value`: an array that has it, which takes the name's place."""
        is_array = type(x) is Later or xp.framework_of(x)
        if not is_array or first((x, index, value)) is None:
            x[index] = value
            return x
        x = flow.unshared(x, other) if other else x
        return self.op(flow.put_, (x, _spelled(index), value), {}, writing.put)

    def _extreme(self, f, args, kwargs):
        """`min` and `max` compare arrays to come where they stand; what is known, at once."""
        found = inputs_of(args)
        if kwargs or all([x.known is not None for x in found]):
            return f(*args, **kwargs)
        return self.op(f, args, kwargs, functools.partial(_compared, f))

    def _is_stack(self, args, kwargs):
        """Of arrays to come that look alike, along the first axis."""
        if len(args) != 1 or kwargs or not isinstance(args[0], (list, tuple)):
            return False
        looks = {x.look if type(x) is Later else _look(x) for x in args[0]}
        return first(args[0]) is not None and len(looks) == 1 and None not in looks

    def _stack(self, elements):
        elements = [x if type(x) is Later else self._at_home(x) for x in elements]
        look = elements[0].look
        alike = self._known_alike(("stack", look), stacks)
        call = Call(alike, (), {}, elements)
        answer = Later(self, Look((len(elements), *look.shape), look.dtype), call)
        call.answers = [answer]
        return answer

    # ----- operations that asked their arguments what to do -----
    def op(self, f, args, kwargs, run=None):
        if f in OPERATORS:
            known = [x.known if type(x) is Later else _plain(x) for x in args]
            if all([x is not None for x in known]):
                return self.value(f(*known))
        inputs = Inputs(self)
        key = self._key((id(f), "op"), args, kwargs, inputs, f)
        if run is None and all([x.known is not None for x in inputs]) and not inputs.arrays:
            return self._now(f, args, kwargs, inputs)
        run = run or (lambda *xs, **more: Lane.__torch_function__(f, (), xs, more))
        try:
            alike = self._alike(key, run, args, kwargs, inputs)
        except NotWhole:  # how the answer looks depends on numbers
            return self._alone(f, args, kwargs)
        return self._written(alike, args, kwargs, inputs)

    def entry(self, x, index):
        """`x[index]`: where the index is whole numbers they may differ between examples."""
        index = _spelled(index)
        places = index if type(index) is tuple else (index,)
        if x.known is not None and first(places) is None:
            return self.value(x.known[places])
        if not all([type(i) is int for i in places]) or len(places) > x.ndim:
            return self.op(operator.getitem, (x, index), {}, operator.getitem)
        places = tuple([_inside(i, n, x) for i, n in zip(places, x.shape, strict=False)])
        look = Look(x.shape[len(places) :], x.dtype)
        alike = self._known_alike(("entry", look, len(places)), entries, look)
        return self._written(alike, (), {}, [x], places)

    # ----- whole numbers that are there -----
    def value(self, y):
        """What is computed already, by NumPy."""
        y = y if isinstance(y, (np.generic, np.ndarray)) else np.asarray(y)
        look = self.looks.get((y.shape, y.dtype))
        if look is None:
            look = Look(y.shape, self.verbs.dtype(y.dtype.name))
            self.looks[y.shape, y.dtype] = look
        return Later(self, look, known=y)

    def _now(self, f, args, kwargs, inputs):
        args, kwargs = filled((args, kwargs), iter([x.known for x in inputs]))
        asarray = lambda x: self.verbs.asarray(x, self.like) if hasattr(x, "dtype") else x  # noqa
        found = f(*trees.map(asarray, args), **trees.map(asarray, kwargs))
        return trees.map(lambda y: self.value(y) if hasattr(y, "shape") else y, found)

    def _alone(self, f, args, kwargs):
        """This example's call, made when its numbers are there."""
        values = iter([x.array() for x in inputs_of((args, kwargs))])
        args, kwargs = filled((args, kwargs), values)
        return trees.map(
            lambda y: self._at_home(y) if xp.framework_of(y) else y, f(*args, **kwargs)
        )

    def taken(self, x):
        """A leaf of an example as it is taken in: arrays become Laters."""
        if not xp.framework_of(x) or type(x) is Later:
            return x
        return self._at_home(x) if self.verbs.is_inexact(x.dtype) else self.value(np.asarray(x))

    # ----- whose are arrays? -----
    def share(self, x):
        """An argument that all examples share; a signature need not look into its containers."""
        if type(x) in (list, tuple, dict):
            parts = list(x.values() if type(x) is dict else x)
            self.unchanged.append((x, parts))
            for part in parts:
                self.share(part)
        if type(x) in (list, tuple, dict) or xp.framework_of(x):
            self.shared[id(x)] = x
        return x

    def check_shared(self):
        for x, parts in self.unchanged:
            now = list(x.values() if type(x) is dict else x)
            if len(now) != len(parts) or any(a is not b for a, b in zip(now, parts, strict=True)):
                raise MaskError(
                    f"a {type(x).__name__} that all examples share is changed by f: each example "
                    "would change it in its turn; return the value instead"
                )
        for f, then in self.held:
            now = held(f)
            changed = next((n for n in {**then, **now} if then.get(n) is not now.get(n)), None)
            if changed is not None:
                raise MaskError(
                    f"the attribute {changed!r} of a {type(getattr(f, '__self__', f)).__name__} is "
                    "changed by f, and strategy='lazy' makes the calls that read it later; pass "
                    "it as an argument, or use strategy='masked'"
                )

    def own(self, x):
        """An array that this example has made itself, as a Later; None if all share it.

        A matrix, or what another example uses too, is shared: a weight. So where each example
        makes its first state, as zeros, the first steps of all of them still look alike.
        """
        whose, later, _ = self.arrays.get(id(x)) or (running.get(), None, x)
        if whose != running.get() or len(x.shape) > 1 or getattr(x, "requires_grad", False):
            self.shared[id(x)] = x
            return None
        later = self._at_home(x) if later is None else later
        self.arrays[id(x)] = whose, later, x  # it stays alive, and so its id
        return later

    def _at_home(self, x):
        return Later(self, _look(x), home=Home(self.verbs.reshape(x, (1, *x.shape)), 0))

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
        key = *key, self._cut()
        if key not in self.signatures:
            args, kwargs = inputs.swapped(args, kwargs)
            alike = tried(self, key[0], run, args, kwargs, inputs, may_refuse)
            self.signatures[key] = alike
            if alike:
                alike.cut = key[-1]
            if alike and may_refuse:
                f = self.functions[key[0]][-1]
                self.held.append((f, held(f)))
        return self.signatures[key]

    def _known_alike(self, key, together, *answers):
        key = *key, self._cut()
        if key not in self.signatures:
            alike = Alike(None, list(answers), operator.itemgetter(0), (), together)
            self.signatures[key], alike.cut = alike, key[-1]
        return self.signatures[key]

    def _cut(self):
        """Is the program under torch.no_grad? Then so is what it puts off."""
        return self.verbs.name == "torch" and not self.verbs.lib.is_grad_enabled()

    def _written(self, alike, args, kwargs, inputs, places=()):
        if type(inputs) is Inputs:
            args, kwargs = inputs.swapped(args, kwargs)
        call = Call(alike, args, kwargs, inputs, places)
        call.answers = [Later(self, x, call) if type(x) is Look else x for x in alike.answers]
        return alike.rebuild(call.answers)


def updated(x, index, method, *values, **options):
    """`x.at[index].set(value)`, `.add(value)`, ... of JAX as one operation."""
    return getattr(x.at[index], method)(*values, **options)


def _compared(f, *args):
    """`min` and `max`: always an array, also where one argument is a number and the least of all.

    Whose number it is differs between examples, so the trial's answer must not settle it.
    """
    best, *others = args if len(args) > 1 else list(iter(args[0])) or f(())
    for x in others:
        is_better = batched.truth(x < best if f is min else x > best)
        if isinstance(is_better, Lane):
            best = select(is_better, x, best)
        else:
            best = x if is_better else best
    return best


def _plain(x):
    """A number of Python's or NumPy's, or None."""
    return x if type(x) in (int, bool) or isinstance(x, (np.generic, np.ndarray)) else None


def _look(x):
    return Look(tuple(x.shape), x.dtype) if xp.framework_of(x) else None


def _spelled(index):
    """An index with Python's own numbers where they are there; a slice needs them."""
    if type(index) is int:
        return index
    if type(index) is tuple:
        return tuple([_spelled(i) for i in index])
    if type(index) is slice:
        ends = index.start, index.stop, index.step
        return slice(*[int(i) if type(i) is Later else i for i in ends])
    is_known = type(index) is Later and index.known is not None and index.known.shape == ()
    return int(index.known) if is_known else index


def _inside(i, n, x):
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for a dim of size {n} of {x!r}")
    return i % n
