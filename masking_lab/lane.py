"""A `Lane`: one example's array as the code inside `f` sees it, standing for the whole batch.

It holds the padded data and each example's own sizes, and shows neither: its shape is one
example's, with a `Length` where the size is each example's own.
"""

import functools
import math
import operator
import sys
from contextvars import ContextVar

import numpy as np

from autodiff_lab import source, xp
from autodiff_lab.operators import Methods

from .batches.masked_batch import agree, as_entry, depends, live, realigned, told_shape, valid
from .errors import MaskError
from .sizes import Interval

FINITE = "finite"
WATCHING: list = []  # who watches what is done with lanes (`watch`)
NUMBERS: ContextVar = ContextVar("which examples lanes hold, where not all", default=None)


class Lane(Methods):
    """One example's array, with no batch axis in sight.

    `sizes` has one entry per dim: None, or the lengths of a ragged dim. `fill` is what every dead
    entry is known to hold: a number, FINITE for finite numbers, or None. A number computed from
    sizes is `weak`: to the loop it is Python's own. What a lane looks like is kept in `look`
    (`plans`), and what it was taken apart into in `parts`; `bound` is what no example's
    number exceeds, where that is known (`on_jax`).
    """

    __slots__ = ("data", "sizes", "fill", "weak", "look", "parts", "bound")
    rank = 2  # a lane answers before autodiff's box does

    taken = None  # the examples that a block is run for, inside it

    def __init__(self, data, sizes, fill=None, weak=False, look=None):
        self.data, self.sizes, self.fill = data, tuple(sizes), fill
        self.weak, self.look, self.parts, self.bound = weak, look, None, None

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        x = args[0] if args else None
        if not isinstance(x, Lane):
            x = next(lanes_in((*args, *(kwargs or {}).values())))
        like = x.data if type(x) is Lane else x.like
        return _road(xp.framework_of(like))(func, args, kwargs or {})

    _call = classmethod(lambda cls, func, *args: cls.__torch_function__(func, (), args))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"one of a batch's examples has no attribute {name!r}")
        if xp.framework_of(self.like) != "jax":
            return super().__getattr__(name)
        from .on_jax.dispatch import attribute

        return attribute(self, name)

    def __getitem__(self, index):
        from .indexing import getitem

        return getitem(self, index)

    @property
    def like(self):
        """An array of its framework, on its device."""
        return self.data

    @property
    def extent(self):
        """What the dims of the example are padded to."""
        return self.data.shape[1:]

    @property
    def examples(self):
        return self.data.shape[0]

    @property
    def ndim(self):
        return len(self.sizes)

    def dim(self):
        return len(self.sizes)

    @property
    def shape(self):
        """The example's own shape: a ragged size is a `Length`, one number per example."""
        sizes = zip(self.extent, self.sizes, strict=True)
        return tuple(n if own is None else Length(own, n, self.sizes) for n, own in sizes)

    @property
    def dtype(self):
        return self.data.dtype

    @property
    def device(self):
        return self.data.device

    def __len__(self):
        raise MaskError(
            f"len() of a ragged dim was asked at {source.here()}, and Python wants one int for all "
            "examples; write x.shape[0] for the example's own length"
        )

    def __iter__(self):
        if not self.sizes:
            raise TypeError("iteration over an array without dims")
        if self.sizes[0] is None:
            from .indexing import entry

            return iter([entry(self, 0, i) for i in range(self.data.shape[1])])
        raise MaskError(
            f"something at {source.here()} goes through a ragged dim as if all examples had one "
            "length; use a `for` loop or a comprehension, which are lifted"
        )

    def entries(self, axis, i):
        """The data at one place of a dim: a number, or the number of a trip.

        A loop asks for one place after the other. PyTorch takes an array apart in one go, and puts
        its cotangent together in one go; asked T times, it would add T arrays of the whole size.
        """
        if isinstance(i, Lane):
            return i.table.entries(self, axis, i)
        if type(i) is not int or not _is_plain_tensor(self.data):
            return self.data[(slice(None),) * (axis + 1) + (i,)]
        known, parts = self.parts or (None, None)
        parts = (parts or self.data.unbind(axis + 1)) if known == axis else None
        self.parts = axis, parts
        return parts[i] if parts else self.data.select(axis + 1, i)

    def apart(self, n):
        """The rows of the first n examples, and the others' (PyTorch): in one go, as cotangents."""
        if self.parts is None or self.parts[0] != ("rows", n):
            self.parts = ("rows", n), self.data.split_with_sizes((n, self.data.shape[0] - n))
        return self.parts[1]

    def plain(self):
        return self.data

    def __bool__(self):
        raise MaskError(
            f"Python needed one truth value for all examples at {source.here()}; choose per "
            "example with where(condition, a, b)"
        )

    def __int__(self):
        raise MaskError(
            f"Python needed one number for all examples at {source.here()}, and each has its own; "
            "compute with arrays, and take ragged dims whole"
        )

    __float__ = __index__ = __int__

    def __round__(self, digits=0):
        return self.__int__()

    def __hash__(self):
        raise MaskError(
            f"a set or a dict looks for one value at {source.here()}, and each example has its own;"
            " use a list, or an array that is indexed with it"
        )

    def __format__(self, spec):
        return self.__int__() if spec else repr(self)

    def __repr__(self):
        return f"<one of {self.data.shape[0]} examples of shape {told_shape(self)}>"


class Length(Lane):
    """A ragged size: each example's own number, and the size that all are padded to.

    A size that depends on outer dims is an array over them; `sizes` are those of the outer dims.
    A size that was computed, 3 - len(x), may be negative: it is never below `lowest`. `moved` is
    what it is more than some other size, so that (n + 1) - 1 is n though nobody knows the numbers.
    """

    __slots__ = ("padded", "lowest", "moved")

    def __init__(self, lengths, padded, sizes=(), lowest=0):
        if lengths.ndim == 1:
            super().__init__(lengths, (), weak=True)
        else:
            outer = range(lengths.ndim - 1)
            own = [sizes[a] if depends(lengths, a) else None for a in outer]
            super().__init__(lengths, own, weak=True)
        self.padded, self.lowest, self.moved = padded, lowest, None

    @property
    def span(self):
        return self.lowest, self.padded

    def having(self, lengths, sizes=None):
        """The same size with other lengths, and other sizes of the outer dims."""
        return Length(lengths, self.padded, self.sizes if sizes is None else sizes, self.lowest)

    def same(self, other):
        return isinstance(other, Length) and agree(self.data, other.data)


def _is_plain_tensor(data):
    torch = sys.modules.get("torch")
    return torch is not None and type(data) is torch.Tensor


@functools.cache
def _road(framework):
    """Dispatch: what understands a call with such lanes among its arguments."""
    if framework == "jax":
        from .on_jax.dispatch import call
    else:
        from .on_torch.road import call
    return call


def _grown(name, allowed):
    """Arithmetic that gives a size again, with an int or a size of which `allowed` holds."""
    plain, other = getattr(operator, name), getattr(Lane, f"__{name}__")

    def operate(self, n):
        number = type(n) is int
        if (number or isinstance(n, Length)) and allowed(n):
            ends = plain(Interval(*self.span), Interval(*((n, n) if number else n.span)))
            outer = n if not number and n.ndim > self.ndim else self
            own, data = (_beside(x, outer.data.ndim) for x in (self.data, n if number else n.data))
            found = Length(plain(own, data), max(0, ends.high), outer.sizes, ends.low)
            return _moved(found, self, sign * n) if sign and number else found
        return other(self, n)

    sign = {"add": 1, "sub": -1}.get(name, 0)
    return operate


def _moved(found, n, by):
    """`found`, which is n + by: or the size that it was moved away from."""
    home, far = n.moved or (n, 0)
    found.moved = home, far + by
    return found if far + by else home


for _name, _allowed in {
    "add": lambda n: True,
    "mul": lambda n: type(n) is not int or n >= 0,
    "sub": lambda n: True,
    "floordiv": lambda n: type(n) is int and (n > 0 or 1 // n > 0),  # by 0 it is Python's error
}.items():
    setattr(Length, f"__{_name}__", _grown(_name, _allowed))
    if _name in ("add", "mul"):
        setattr(Length, f"__r{_name}__", _grown(_name, _allowed))


def _beside(n, rank):
    return n if type(n) is int else lined_up(xp.of(n), n, rank)


def shared(verbs, count, x, like=None):
    """What all examples share, as a lane; a number is weak and as precise as Python's are."""
    weak = not hasattr(x, "shape")
    x = _number(verbs, x, like) if weak else x
    return Lane(spread(verbs, count, x), (None,) * len(x.shape), weak=weak)


def _number(verbs, x, like):
    """PyTorch would make a float32 of a float, as JAX does of everything when it is told to."""
    return verbs.asarray(np.asarray(x) if verbs.name == "torch" else x, like)


def is_array(x):
    """A framework's own array, which all examples share."""
    return xp.framework_of(x) is not None and not isinstance(x, Lane)


def lanes_in(args):
    """The lanes among arguments, in lists and tuples too; who has an element is one."""
    for x in args:
        if isinstance(x, Lane):
            yield x
        elif isinstance(x, (list, tuple)):
            yield from lanes_in(x.each() if hasattr(x, "each") else x)
            yield from (Lane(m, ()) for m in getattr(x, "here", ()) if m is not None)


def spread(verbs, count, x):
    """What all examples share, with the batch axis in front."""
    shape = tuple(x.shape)
    return verbs.broadcast(x, (count, *shape), tuple(range(1, len(shape) + 1)))


def looked():
    """Somebody looks at values: another time they may be others."""
    if WATCHING:
        WATCHING[-1].broken = True


def certainly(test):
    """Does it hold, a bool or an array of one? Under tracing and vmap nobody knows."""
    looked()
    try:
        return bool(test)
    except (RuntimeError, TypeError):  # so say torch.vmap and JAX's tracer
        return False


def examples_where(test):
    """The numbers of the examples that have an entry where a test holds."""
    found = [i for i, own in enumerate(test) if bool(own.any())]
    known = NUMBERS.get()
    return found if known is None else sorted({known[i] for i in found})


def size(x, axis, keepdims=False):
    """The number of entries along `axis`: a number, or each example's own."""
    if any(n is not None and n.ndim > 1 for n in x.sizes):
        return _counted(x, axis, keepdims)
    ragged = [Length(x.sizes[a], x.extent[a]) for a in axis if x.sizes[a] is not None]
    count = math.prod(x.extent[a] for a in axis if x.sizes[a] is None)
    for n in ragged:
        count = n if isinstance(count, int) and count == 1 else n * count
    return count


def _counted(x, axis, keepdims):
    """The same where a size depends on an outer dim, which may be among those that are counted."""
    verbs = xp.of(x.data)
    asked = [n if a in axis else None for a, n in enumerate(x.sizes)]
    asks = [a in axis or any(depends(n, a) for n in asked) for a in range(x.ndim)]
    shape = [n if yes else 1 for n, yes in zip(x.data.shape[1:], asks, strict=True)]
    mask = valid(verbs, asked, (x.data.shape[0], *shape), x.data)
    if mask is None:
        return math.prod(shape)
    places = tuple(a + 1 for a in axis)
    count = verbs.sum(verbs.astype(mask, verbs.dtype("int32")), places, keepdims)
    kept = [a for a in range(x.ndim) if keepdims or a not in axis]
    goes = [kept.index(a) if a in kept and a not in axis else None for a in range(x.ndim)]
    own = [x.sizes[a] if asks[a] and a not in axis else None for a in kept]
    return Lane(count, [None if n is None else realigned(n, goes) for n in own], weak=True)


def settled(verbs, sizes):
    """Sizes with zeros where there is no outer entry, so that equal ones look equal."""
    if not any(n is not None and n.ndim > 1 for n in sizes):
        return sizes
    new = list(sizes)
    for a, n in enumerate(sizes):
        outer = None if n is None else valid(verbs, sizes[: n.ndim - 1], n.shape, n)
        new[a] = n if outer is None else verbs.where(outer, n, 0)
    return new


def refuse_nested(what, xs):
    """For what has no rule where the size of a dim depends on an outer one."""
    if any(n is not None and n.ndim > 1 for x in xs for n in getattr(x, "sizes", ())):
        raise MaskError(
            f"{what} at {source.here()} has no mask rule for nested raggedness; go through the "
            "outer dim in a loop"
        )


def lined_up(verbs, n, rank):
    """Numbers of each example beside others that have more axes."""
    return n if n.ndim >= rank else verbs.reshape(n, (*n.shape, *(1,) * (rank - n.ndim)))


def refill(verbs, x, value, axes=None):
    """Replace dead entries along `axes` (all, if None) with `value`."""
    if x.fill is not None and x.fill == value:
        return x
    sizes, data, chosen = x.sizes, x.data, x.sizes
    if axes is not None:
        chosen = [n if a in axes else None for a, n in enumerate(sizes)]
    mask = live(chosen, data.shape)
    value = as_entry(verbs, data.dtype, value)
    if mask is None or value is None:
        return x
    whole = axes is None or all(map(operator.is_, chosen, sizes))
    return Lane(verbs.where(mask, data, value), sizes, value if whole else None)
