"""A `Lane`: one example's array as the code inside `f` sees it, standing for the whole batch.

It holds the padded data and each example's own sizes, and shows neither: its shape is one
example's, with a `Length` where the size is each example's own.
"""

import functools
import math
import sys

from autodiff_lab import source, xp
from autodiff_lab.operators import Methods

from .errors import MaskError
from .masked_batch import told_shape, valid

FINITE = "finite"


class Lane(Methods):
    """One example's array, with no batch axis in sight.

    `sizes` has one entry per dim: None, or the lengths of a ragged dim. `fill` is what every dead
    entry is known to hold: a number, FINITE for finite numbers, or None. A number computed from
    sizes is `weak`: to the loop it is Python's own. What a lane looks like is kept in `look`
    (`plans`), and what it was taken apart into in `parts`.
    """

    __slots__ = ("data", "sizes", "fill", "weak", "look", "parts")
    rank = 2  # a lane answers before autodiff's box does

    def __init__(self, data, sizes, fill=None, weak=False, look=None):
        self.data, self.sizes, self.fill = data, tuple(sizes), fill
        self.weak, self.look, self.parts = weak, look, None

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        x = args[0] if args else None
        if not isinstance(x, Lane):
            x = next(lanes_in((*args, *(kwargs or {}).values())))
        return _road(xp.framework_of(x.data))(func, args, kwargs or {})

    _call = classmethod(lambda cls, func, *args: cls.__torch_function__(func, (), args))

    def __getattr__(self, name):
        if name.startswith("__") or xp.framework_of(self.data) != "jax":
            return super().__getattr__(name)
        from .jax_dispatch import attribute

        return attribute(self, name)

    def __getitem__(self, index):
        from .indexing import getitem

        return getitem(self, index)

    @property
    def ndim(self):
        return len(self.sizes)

    def dim(self):
        return len(self.sizes)

    @property
    def shape(self):
        """The example's own shape: a ragged size is a `Length`, one number per example."""
        sizes = zip(self.data.shape[1:], self.sizes, strict=True)
        return tuple(n if own is None else Length(own, n) for n, own in sizes)

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
        raise MaskError(
            f"a `for` loop over a batched value at {source.here()} is not lifted yet; write it "
            "with array operations"
        )

    def entries(self, axis, i):
        """The data at one place of a dim.

        A loop asks for one place after the other. PyTorch takes an array apart in one go, and puts
        its cotangent together in one go; asked T times, it would add T arrays of the whole size.
        """
        if type(i) is not int or not _is_plain_tensor(self.data):
            return self.data[(slice(None),) * (axis + 1) + (i,)]
        known, parts = self.parts or (None, None)
        if known == axis:
            parts = parts or self.data.unbind(axis + 1)
        self.parts = axis, parts
        return parts[i] if parts else self.data.select(axis + 1, i)

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

    def __repr__(self):
        return f"<one of {self.data.shape[0]} examples of shape {told_shape(self)}>"


class Length(Lane):
    """A ragged size: each example's own number, and the size that all are padded to."""

    __slots__ = ("padded",)

    def __init__(self, lengths, padded):
        super().__init__(lengths, (), weak=True)
        self.padded = padded

    def same(self, other):
        return isinstance(other, Length) and agree(self.data, other.data)


def _is_plain_tensor(data):
    torch = sys.modules.get("torch")
    return torch is not None and type(data) is torch.Tensor


@functools.cache
def _road(framework):
    """Dispatch: what understands a call with such lanes among its arguments."""
    if framework == "jax":
        from .jax_dispatch import call
    else:
        from .torch_road import call
    return call


def shared(verbs, count, x, like=None):
    """What all examples share, as a lane; a number is weak, as Python's are."""
    weak = not hasattr(x, "shape")
    x = verbs.asarray(x, like) if weak else x
    shape = tuple(x.shape)
    data = verbs.broadcast(x, (count, *shape), tuple(range(1, len(shape) + 1)))
    return Lane(data, (None,) * len(shape), weak=weak)


def lanes_in(args):
    """The lanes among arguments, in lists and tuples too."""
    for x in args:
        if isinstance(x, Lane):
            yield x
        elif isinstance(x, (list, tuple)):
            yield from lanes_in(x)


def agree(m, n):
    """Are two arrays of lengths the same? Under tracing only the same object is."""
    if m is n:
        return True
    try:
        return m.shape == n.shape and bool((m == n).all())
    except Exception:  # a traced value has no truth value
        return False


def size(x, axis):
    """The number of entries along `axis`: a number, or each example's own."""
    ragged = [Length(x.sizes[a], x.data.shape[a + 1]) for a in axis if x.sizes[a] is not None]
    count = math.prod(x.data.shape[a + 1] for a in axis if x.sizes[a] is None)
    for n in ragged:
        count = n if isinstance(count, int) and count == 1 else n * count
    return count


def refill(verbs, x, value, axes=None):
    """Replace dead entries along `axes` (all, if None) with `value`."""
    if x.fill is not None and x.fill == value:
        return x
    axes = range(x.ndim) if axes is None else axes
    chosen = [n if a in axes else None for a, n in enumerate(x.sizes)]
    mask = valid(verbs, chosen, x.data.shape, x.data)
    if mask is None:
        return x
    whole = [n is None for n in chosen] == [n is None for n in x.sizes]
    if x.data.dtype == verbs.bool_type:
        value = bool(value)
    elif not verbs.is_float(x.data.dtype) and not verbs.is_complex(x.data.dtype):
        value = int(value)
    return Lane(verbs.where(mask, x.data, value), x.sizes, value if whole else None)
