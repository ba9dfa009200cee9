"""`Later`: an array of one example that nobody has computed yet.

It looks like the array (its shape and dtype are known), but code that computes with it only writes
down what it would have done. A call that has been written down has a *signature*: the function, the
shapes that go in, the very same weights, and every number and option. Calls with the same signature
can run together (DyNet: Neubig, Goldberg and Dyer 2017).
"""

import inspect
import operator
from typing import NamedTuple

from autodiff_lab import source, trees, xp
from autodiff_lab.operators import Methods

from ...errors import MaskError
from ...lifting.spelled import sees_lanes

# What NumPy answers as the frameworks do, for whole numbers.
OPERATORS = {getattr(operator, n) for n in "add sub mul floordiv mod eq ne lt le gt ge neg".split()}


class Look(NamedTuple):
    shape: tuple
    dtype: object


class Home(NamedTuple):
    """Where a value is: a row of an array that holds the same thing of many examples."""

    data: object
    row: int


class Alike:
    """What the calls of one signature share: what runs, and how its answers look."""

    __slots__ = ("answers", "cut", "kept", "rebuild", "run", "together")

    def __init__(self, run, answers, rebuild, kept, together=None):
        self.cut = False  # was it written down under torch.no_grad?
        self.run, self.answers, self.rebuild = run, answers, rebuild
        self.kept = kept  # what the signature knows by its id stays alive
        self.together = together  # how a group of calls is made, if not by `run`


class Call:
    """A call that has been written down.

    `inputs` are the Laters among its arguments; `places` the whole numbers at which `x[i]` reads,
    which may differ between calls that run together. `depth` tells how many calls stand before it.
    """

    __slots__ = ("alike", "answers", "args", "depth", "inputs", "kwargs", "places")

    def __init__(self, alike, args, kwargs, inputs, places=()):
        self.alike, self.args, self.kwargs = alike, args, kwargs
        self.inputs, self.places, self.answers = inputs, places, ()
        self.depth = 1 + max([x.depth for x in inputs], default=0)


class Later(Methods):
    """The answer to a `call`; once that has run, the array at `home`.

    Whole numbers that are there already (an example's words, the children in its tree) are
    `known`: programs decide by them, so they are worked out at once, as NumPy's.
    """

    rank = 3  # it answers before a lane and a box do
    __slots__ = ("call", "home", "known", "look", "recorder")

    def __init__(self, recorder, look, call=None, home=None, known=None):
        self.recorder, self.look, self.call = recorder, look, call
        self.home, self.known = home, known

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return first(args).recorder.op(func, args, kwargs or {})

    def __getattr__(self, name):
        if name.startswith("__") or self.recorder.verbs.name != "jax":
            return super().__getattr__(name)
        from ...on_jax.dispatch import attribute

        return attribute(self, name, self.recorder.op)

    def __getitem__(self, index):
        place = index if self.known is None else _numbers(index)
        if self.known is None or place is None:
            return self.recorder.entry(self, index)
        return self.recorder.value(self.known[place])  # the children of a node, say

    def __setitem__(self, index, value):
        raise MaskError(
            f"an entry is written to at {source.here()}, in code that strategy='lazy' cannot read; "
            "build a list and stack it, or use strategy='masked'"
        )

    @property
    def at(self):
        """`x.at[i].set(v)` of JAX."""
        return _At(self)

    # ----- what is known -----
    @property
    def there(self):
        return self.home is not None or self.known is not None

    @property
    def depth(self):
        return 0 if self.call is None else self.call.depth

    @property
    def shape(self):
        return self.look.shape

    @property
    def dtype(self):
        return self.look.dtype

    @property
    def ndim(self):
        return len(self.look.shape)

    @property
    def device(self):
        return self.recorder.like.device

    def __len__(self):
        if not self.look.shape:
            raise TypeError("len() of an array without dims")
        return self.look.shape[0]

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    # ----- a number is needed now: the example waits until all of them need one -----
    def plain(self):
        """The array itself."""
        if not self.there:
            self.recorder.wait(self)
        if self.home is None:
            return self.known
        return self.home.data[(self.home.row, *[slice(n) for n in self.shape])]  # without padding

    def array(self):
        """The array itself, of the framework."""
        found = self.plain()
        like = self.recorder.like
        return found if xp.framework_of(found) else self.recorder.verbs.asarray(found, like)

    def __bool__(self):
        return bool(self.plain())

    def __int__(self):
        return int(self.plain())

    def __float__(self):
        return float(self.plain())

    def __index__(self):
        return operator.index(self.plain())

    def item(self):
        return self.plain().item()

    def tolist(self):
        return self.plain().tolist()

    def __repr__(self):
        state = "there" if self.there else f"to come, {self.depth} calls deep"
        return f"<one example's array of shape {self.look.shape}: {state}>"


def _numbers(index):
    """An index of numbers that are known, as Python's; None of another."""
    if type(index) is int:
        return index
    if type(index) is Later:
        return int(index.known) if index.known is not None and index.look.shape == () else None
    if type(index) is tuple:
        places = tuple([_numbers(i) for i in index])
        return None if None in places else places
    return None


def _at_once(f):
    """An operator, which need not ask who answers for its arguments."""
    return lambda x, y: (x if type(x) is Later else y).recorder.op(f, (x, y), {})


Later.short = {f: _at_once(f) for f in OPERATORS}


class _At:
    """`x.at`, and `x.at[index]` with its methods."""

    def __init__(self, x, *index):
        self._x, self._index = x, index

    def __getitem__(self, index):
        return _At(self._x, index)

    def __getattr__(self, name):
        if not self._index:
            raise AttributeError(f"x.at has no {name!r}: write x.at[i].set(v)")
        from .record import updated

        x, (index,) = self._x, self._index
        return lambda *values, **more: x.recorder.op(updated, (x, index, name, *values), more)


def first(x):
    """The first Later in some arguments, None if there is none."""
    for part in x:
        if isinstance(part, Later):
            return part
        if isinstance(part, (list, tuple)):
            found = first(part)
            if found is not None:
                return found
        if type(part) is slice:
            found = first((part.start, part.stop, part.step))
            if found is not None:
                return found
    return None


class Strange(Exception):
    """An argument that may hold Laters where nobody sees them."""


def seen(x, inputs):
    """An argument as a part of a signature; the Laters in it are put on the list."""
    kind = type(x)
    if kind is Later:
        inputs.append(x)
        return x.look
    if kind in _ATOMS:
        return kind, x
    if id(x) in inputs.shared:  # a weight, or a function
        inputs.arrays = True
        return id(x)
    if isinstance(x, (tuple, list)):
        return kind, *[seen(part, inputs) for part in x]
    if kind is dict:
        return kind, *[(k, seen(part, inputs)) for k, part in x.items()]
    if kind is slice:
        return slice, seen((x.start, x.stop, x.step), inputs)
    if xp.framework_of(x):
        return inputs.met(x)
    if sees_lanes(x):
        raise Strange("a function that reads them from outside")
    if callable(x) or inspect.ismodule(x) or not hasattr(x, "__dict__"):
        return inputs.same(x)  # a function, a dtype
    leaves = trees.leaves(x)
    if leaves == [x]:
        raise Strange(f"a {kind.__name__}")
    return kind, *[seen(part, inputs) for part in leaves]


def replaced(x, new, array=None):
    """The same arguments with `new(later)` in the place of each Later, and `array(x)` of arrays."""
    kind = type(x)
    if kind is Later:
        return new(x)
    if kind in _ATOMS:
        return x
    if kind is tuple:
        return tuple([replaced(part, new, array) for part in x])
    if isinstance(x, list):
        return [replaced(part, new, array) for part in x]
    if isinstance(x, tuple):  # with names
        parts = [replaced(part, new, array) for part in x]
        return kind(*parts) if hasattr(x, "_fields") else kind(parts)
    if kind is dict:
        return {k: replaced(part, new, array) for k, part in x.items()}
    if kind is slice:
        return slice(*replaced((x.start, x.stop, x.step), new))
    if xp.framework_of(x):
        return array(x) if array else x
    if callable(x) or inspect.ismodule(x) or not hasattr(x, "__dict__"):
        return x
    return trees.map(lambda leaf: leaf if leaf is x else replaced(leaf, new, array), x)


def filled(x, values):
    """The same arguments with values, one after the other, in the place of the Laters."""
    return replaced(x, lambda _: next(values))


def inputs_of(x):
    """All Laters in some arguments, in the order in which `filled` fills them."""
    found: list = []
    replaced(x, found.append)
    return found


class Inputs(list):
    """The Laters among the arguments of a call.

    `arrays`: are there arrays too? One that the example made itself counts as a Later.
    """

    def __init__(self, recorder):
        super().__init__()
        self.recorder, self.shared = recorder, recorder.shared
        self.arrays, self._own = False, {}

    def same(self, x):
        self.shared[id(x)] = x
        return id(x)

    def met(self, x):
        """An array: its part of the signature."""
        self.arrays, later = True, self.recorder.own(x)
        if later is None:
            return id(x)
        self._own[id(x)] = later
        self.append(later)
        return later.look

    def swapped(self, args, kwargs):
        """The arguments with Laters in the place of the example's own arrays."""
        if not self._own:
            return args, kwargs
        return replaced((args, kwargs), lambda x: x, lambda x: self._own.get(id(x), x))


class Looks(list):
    """How arguments look, whoever's they are; what is known by its id is kept alive."""

    shared = ()

    def same(self, x):
        self.append(x)
        return id(x)

    def met(self, x):
        return tuple(x.shape), x.dtype


_ATOMS = {int, float, bool, complex, str, type(None)}
