"""`MaskedBatch`: examples of different sizes in one padded array, with their lengths.

Lengths are the truth; masks are derived from them. The batch axis comes first, valid entries come
first along each ragged dim, and what the padding holds never matters.

The lengths of a ragged dim are an array of shape (batch,). Where the size of a dim depends on the
place along another one (words of different lengths in a sentence) they have an axis for that dim
too: lengths line up with the data from the front, as a mask would, and have size 1 along a dim that
they do not depend on. So nested raggedness needs no other kind of value.
"""

import functools
import sys

import numpy as np

from autodiff_lab import trees, xp

from ..errors import MaskError
from ..once import once


class MaskedBatch:
    """A padded batch; `ml.batch` makes one from examples, `from_padded` from padded data.

    `data` has the batch axis first. `sizes` has one entry per dim of an example: None where all
    examples agree, an integer array of lengths where they are ragged. The padding is at the end;
    `side` is where `to_padded` puts it.

    >>> import torch, masking_lab as ml
    >>> b = ml.batch([torch.ones(3), torch.ones(1), torch.ones(2)])
    >>> b[1:], len(b), b.shape, b.dtype
    (<2 examples of shape (ragged); lengths [1, 2]>, 3, (3, None), torch.float32)
    >>> ml.batch([*b, *b[:1]])                 # batches are put together by their examples
    <4 examples of shape (ragged); lengths [3, 1, 2, 3]>
    """

    __array_ufunc__ = None  # numpy must not take the examples one by one

    def __init__(self, data, sizes, side="right"):
        self.data, self.sizes, self.side = data, tuple(sizes), side
        for name, register in _FRAMEWORKS.items():
            if name not in _registered and name in sys.modules:
                register()

    @staticmethod
    def from_padded(data, mask=None, lengths=None, side="right"):
        """Padded data as a tokenizer gives it, with its mask (True or 1 = valid) or its lengths.

        The mask has an axis for the batch and one for each ragged dim. The padding may be on the
        right or on the left: what is stored has it on the right, so a position inside `f` counts
        from the example's first entry.

        >>> import torch
        >>> ids, attention_mask = torch.tensor([[7, 8], [0, 9]]), torch.tensor([[1, 1], [0, 1]])
        >>> b = MaskedBatch.from_padded(ids, attention_mask)
        >>> b.unbatch()
        [tensor([7, 8]), tensor([9])]
        >>> b.to_padded(side="left")[0].tolist()
        [[7, 8], [0, 9]]
        """
        from .padded import from_padded

        return from_padded(data, mask, lengths, side)

    def to_padded(self, side=None, pad_value=0):
        """`(data, mask)` with the padding on the "right" or the "left", and holding `pad_value`."""
        from .padded import to_padded

        return to_padded(self, side or self.side, pad_value)

    @property
    def lengths(self):
        """The lengths along the ragged dim; a tuple of them if there are several.

        They have shape (batch,), and an axis more for each dim that they depend on.
        """
        found = tuple(_without_ones(n) for n in self.sizes if n is not None)
        return found[0] if len(found) == 1 else found

    @property
    def mask(self):
        """True = valid. One axis for the batch and one for each ragged dim."""
        mask = self.mask_of_all_dims()
        shape = [n for n, yes in zip(mask.shape[1:], self._asked(), strict=True) if yes]
        return xp.of(mask).reshape(mask, (len(self), *shape))

    def mask_of_all_dims(self):
        """The mask with an axis of size 1 for each dim that has no part in it."""
        verbs = xp.of(self.data)
        pairs = zip(self.data.shape[1:], self._asked(), strict=True)
        shape = (len(self), *(n if yes else 1 for n, yes in pairs))
        mask = valid(verbs, self.sizes, shape, self.data)
        return verbs.ones(shape, verbs.bool_type, self.data) if mask is None else mask

    def _asked(self):
        """Is a dim ragged, or does the size of another depend on it?"""
        return [
            n is not None or any(depends(m, a) for m in self.sizes)
            for a, n in enumerate(self.sizes)
        ]

    def unbatch(self):
        """The examples, each in its own size, as a list; nested ones as lists of arrays."""
        sizes = [None if n is None else n.tolist() for n in self.sizes]
        return [_own(self.data[i], _at(sizes, i)) for i in range(len(self))]

    # ----- as a sequence of examples -----
    def __len__(self):
        return self.data.shape[0]

    def __iter__(self):
        return iter(self.unbatch())

    def __getitem__(self, i):
        """One example, or for a slice, a list or an array of indices a batch of those examples."""
        if hasattr(i, "__index__") and not getattr(i, "ndim", 0):
            if not -len(self) <= i < len(self):
                raise IndexError(f"there is no example {i} in a batch of {len(self)}")
            i = i % len(self)
            return _own(self.data[i], [None if n is None else n[i].tolist() for n in self.sizes])
        if isinstance(i, tuple):
            raise MaskError("a MaskedBatch has one axis to index, its examples; write b[i][j]")
        i = xp.of(self.data).asarray(i, self.data) if isinstance(i, list) else i
        sizes = [None if n is None else n[i] for n in self.sizes]
        return MaskedBatch(*trimmed(self.data[i], sizes), self.side)

    # ----- as an array is asked -----
    @property
    def shape(self):
        """The batch axis first; None for a ragged dim."""
        sizes = zip(self.data.shape[1:], self.sizes, strict=True)
        return (len(self), *(n if own is None else None for n, own in sizes))

    @property
    def ndim(self):
        return self.data.ndim

    @property
    def dtype(self):
        return self.data.dtype

    @property
    def device(self):
        return self.data.device

    def to(self, *target, **how):
        """The same examples in another dtype, or on another device."""
        if xp.framework_of(self.data) == "torch":
            data = self.data.to(*target, **how)
            move = {"device": data.device, "non_blocking": how.get("non_blocking", False)}
            sizes = [None if n is None else n.to(**move) for n in self.sizes]
            return MaskedBatch(data, sizes, self.side)
        data, sizes = self.data, self.sizes
        for t in (*target, *how.values()):
            if _is_dtype(t):
                data = data.astype(t)
            else:
                data, sizes = _on_device((data, sizes), t)
        return MaskedBatch(data, sizes, self.side)

    def __getattr__(self, name):
        hint = ""
        if not name.startswith("_") and hasattr(self.__dict__.get("data"), name):
            hint = f"; each example has one: ml.autobatch(lambda x: x.{name}...)(b)"
        raise AttributeError(f"a MaskedBatch has no {name!r}{hint}")

    def __repr__(self):
        lengths = [told(n) for n in self.sizes if n is not None]
        ending = f"; lengths {', '.join(lengths)}" if lengths else ""
        return f"<{len(self)} examples of shape {told_shape(self)}{ending}>"


def _mixes(name):
    def operate(self, other):
        if name in ("__eq__", "__ne__") and xp.framework_of(getattr(other, "data", other)) is None:
            return NotImplemented
        raise MaskError(
            "a MaskedBatch is not computed with outside autobatch, where its padding would take "
            "part; write ml.autobatch(lambda a, b: ...)(a, b), or use b.unbatch()"
        )

    return operate


for _name in "add radd sub rsub mul rmul truediv rtruediv matmul rmatmul pow lt le gt ge".split():
    setattr(MaskedBatch, f"__{_name}__", _mixes(f"__{_name}__"))
for _name in ("__eq__", "__ne__"):
    setattr(MaskedBatch, _name, _mixes(_name))
MaskedBatch.__hash__ = object.__hash__  # type: ignore[method-assign]


def told(lengths):
    """Lengths in words, for people."""
    try:
        found = lengths.tolist()
    except Exception:  # under tracing nobody knows them
        return "known when it runs"
    return str(found) if len(found) <= 16 else f"[{str(found[:8])[1:-1]}, ... {len(found)} in all]"


def told_shape(x):
    """The shape of one example of a batch or lane."""
    pairs = zip(x.data.shape[1:], x.sizes, strict=True)
    return f"({', '.join(str(n) if own is None else 'ragged' for n, own in pairs)})"


def is_batch(x):
    return isinstance(x, MaskedBatch)


# ----- masks -----
def live(lengths, shape):
    """A mask that broadcasts to `shape` (batch first): True where the index lies below each of the
    lengths.

    `lengths` has one entry per axis after the first; None asks nothing of that axis.
    """
    mask = None
    for axis, n in enumerate(lengths, start=1):
        if n is not None:
            own = below(n, axis, shape[axis], len(shape))
            mask = own if mask is None else mask & own
    return mask


def valid(verbs, lengths, shape, like):
    """The same mask in that very shape."""
    mask = live(lengths, shape)
    return mask if mask is None else verbs.broadcast(mask, tuple(shape), tuple(range(len(shape))))


@functools.lru_cache(1024)
def as_entry(verbs, dtype, value):
    """A number as an array of this dtype can hold it; None where any entry is as good."""
    if dtype == verbs.bool_type:
        return bool(value)
    if verbs.is_float(dtype) or verbs.is_complex(dtype):
        return value
    return None if str(dtype).startswith("key<") else int(value)  # JAX's random keys


@once
def below(lengths, axis, size, rank):
    """For each example, and outer entry, which indices along an axis lie below its own length."""
    verbs, shape = xp.of(lengths), (*lengths.shape, *(1,) * (rank - lengths.ndim))
    goal = (*shape[:axis], size, *shape[axis + 1 :])
    index = verbs.arange(goal, axis, "int32", lengths)
    return index < verbs.reshape(lengths, shape)


def aligned(verbs, n, shape):
    """Lengths as an array of `shape`, which they line up with from the front."""
    return verbs.broadcast(n, tuple(shape), tuple(range(n.ndim)))


def depends(n, axis):
    """Does a size depend on the place along an axis of the example?"""
    return n is not None and n.ndim > axis + 1 and n.shape[axis + 1] != 1


def realigned(n, goes):
    """Lengths for an array whose axis goes[a] was axis a; None if a dim they depend on is gone."""
    outer = [a for a in range(n.ndim - 1) if depends(n, a)]
    places = [goes[a] for a in outer]
    if None in places:
        return None
    if outer == places and n.ndim == len(outer) + 1:
        return n
    verbs = xp.of(n)
    dims = [n.shape[a + 1] for a in outer]
    order = sorted(range(len(outer)), key=lambda i: places[i])
    n = verbs.permute(verbs.reshape(n, (n.shape[0], *dims)), (0, *(i + 1 for i in order)))
    shape = [1] * (max(places, default=-1) + 1)
    for place, m in zip(places, dims, strict=True):
        shape[place] = m
    return verbs.reshape(n, (n.shape[0], *shape))


def shortened(verbs, n):
    """Lengths without axes of size 1 at the end."""
    rank = n.ndim
    while rank > 1 and n.shape[rank - 1] == 1:
        rank -= 1
    return n if rank == n.ndim else verbs.reshape(n, n.shape[:rank])


def _without_ones(n):
    shape = [m for i, m in enumerate(n.shape) if i == 0 or m != 1]
    return n if len(shape) == n.ndim else xp.of(n).reshape(n, tuple(shape))


def trimmed(data, sizes):
    """`(data, sizes)` without the padding that no example needs; under tracing nobody knows it."""
    verbs, sizes = xp.of(data), list(sizes)
    for axis, n in enumerate(sizes):
        try:
            last = None if n is None else int(n.max()) if 0 not in n.shape else 0
        except Exception:
            last = None
        if last is not None and last < data.shape[axis + 1]:
            cut = (slice(None),) * (axis + 1) + (slice(last),)
            data = data[cut]
            sizes = [m[cut] if depends(m, axis) else m for m in sizes]
    return data, [None if n is None else shortened(verbs, n) for n in sizes]


# ----- one example -----
def _own(x, sizes):
    """An example in its own size: a list along each dim that the size of another depends on."""
    if any(type(n) is list for n in sizes[:1]):
        raise MaskError(
            "a dim comes before the one that its size depends on, so the example is no list of "
            "arrays; put the outer dim in front before you return it"
        )
    x = x[tuple(slice(n) if type(n) is int else slice(None) for n in sizes)]
    if not any(type(n) is list for n in sizes):
        return x
    return [_own(x[i], _at(sizes[1:], i)) for i in range(x.shape[0])]


def _at(sizes, i):
    """The sizes at one place of the dim in front."""
    return [(n[i] if len(n) > 1 else n[0]) if type(n) is list else n for n in sizes]


# ----- dtypes and devices of JAX -----
def _is_dtype(target):
    from jax import numpy as jnp

    try:
        return bool(jnp.dtype(target))
    except TypeError:
        return False


def _on_device(tree, device):
    import jax

    return jax.device_put(tree, jax.devices(device)[0] if isinstance(device, str) else device)


# ----- a batch is structure: its data can be differentiated, its lengths cannot -----
trees.register(
    MaskedBatch,
    lambda b: ((".data",), (b.data,), (b.sizes, b.side)),
    lambda rest, children: MaskedBatch(children[0], *rest),
)
_registered: set = set()  # the frameworks that know a batch as structure


def _register_with_jax():
    """Make MaskedBatch a pytree for JAX, once: data and lengths are leaves, the side is static."""
    _registered.add("jax")
    from jax import tree_util

    tree_util.register_pytree_node(
        MaskedBatch,
        lambda b: ((b.data, b.sizes), b.side),
        lambda side, parts: MaskedBatch(*parts, side),
    )


def _register_with_torch():
    """The same for PyTorch: `torch.vmap` and `torch.func.grad` take batches, and give them."""
    _registered.add("torch")
    from torch.utils import _pytree

    _pytree.register_pytree_node(MaskedBatch, _to_torch, _from_torch)


_FRAMEWORKS = {"jax": _register_with_jax, "torch": _register_with_torch}


def _to_torch(b):
    given = [n for n in b.sizes if n is not None]
    return [b.data, *given], ([n is None for n in b.sizes], b.side)


def _from_torch(leaves, rest):
    (data, *lengths), (whole, side) = leaves, rest
    lengths = iter(lengths)
    return MaskedBatch(data, [None if w else next(lengths) for w in whole], side)


def agree(m, n):
    """Are two arrays of lengths the same? Under tracing only the same object is."""
    if m is n:
        return True
    try:
        if xp.framework_of(m) == "jax":  # whose comparison jit would trace, of constants too
            return np.array_equal(m, n)
        return m.shape == n.shape and bool((m == n).all())
    except Exception:  # a traced value has no truth value
        return False
