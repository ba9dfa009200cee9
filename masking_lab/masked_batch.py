"""`MaskedBatch`: examples of different sizes in one padded array, with their lengths.

Lengths are the truth; masks are derived from them. The batch axis comes first, valid entries come
first along each ragged dim, and what the padding holds never matters.
"""

import sys

from autodiff_lab import trees, xp

from .errors import MaskError
from .once import once


class MaskedBatch:
    """A padded batch.

    `data` has the batch axis first. `sizes` has one entry per dim of an example: None where all
    examples agree, an integer array of shape (batch,) where they are ragged.
    """

    def __init__(self, data, sizes):
        self.data, self.sizes = data, tuple(sizes)

    @property
    def lengths(self):
        """The lengths along the ragged dim; a tuple of them if there are several."""
        found = tuple(n for n in self.sizes if n is not None)
        return found[0] if len(found) == 1 else found

    @property
    def mask(self):
        """True = valid. One axis for the batch and one for each ragged dim."""
        verbs = xp.of(self.data)
        ragged = [a for a, n in enumerate(self.sizes) if n is not None]
        shape = (len(self), *(self.data.shape[a + 1] for a in ragged))
        return valid(verbs, [self.sizes[a] for a in ragged], shape, self.data)

    def unbatch(self):
        """The examples, each in its own size, as a list."""
        sizes = [None if n is None else [int(i) for i in n] for n in self.sizes]
        return [self.data[i][_own(sizes, i)] for i in range(len(self))]

    def __len__(self):
        return self.data.shape[0]

    def __iter__(self):
        return iter(self.unbatch())

    def __getitem__(self, i):
        return self.unbatch()[i]

    def __repr__(self):
        lengths = [told(n) for n in self.sizes if n is not None]
        ending = f"; lengths {', '.join(lengths)}" if lengths else ""
        return f"<{len(self)} examples of shape {told_shape(self)}{ending}>"


def told(lengths):
    """Lengths in words, for people."""
    try:
        return str(lengths.tolist())
    except Exception:  # under tracing nobody knows them
        return "known when it runs"


def told_shape(x):
    """The shape of one example of a batch or lane."""
    pairs = zip(x.data.shape[1:], x.sizes, strict=True)
    return f"({', '.join(str(n) if own is None else 'ragged' for n, own in pairs)})"


def is_batch(x):
    return isinstance(x, MaskedBatch)


def _own(sizes, i):
    return tuple(slice(None) if n is None else slice(n[i]) for n in sizes)


def valid(verbs, lengths, shape, like):
    """A mask that broadcasts to `shape` (batch first): True where the index lies below each of the
    lengths.

    `lengths` has one entry per axis after the first; None asks nothing of that axis.
    """
    mask = None
    for axis, n in enumerate(lengths, start=1):
        if n is not None:
            thin = [m if i in (0, axis) else 1 for i, m in enumerate(shape)]
            own = verbs.reshape(below(n, shape[axis]), tuple(thin))
            mask = own if mask is None else mask & own
    return mask


@once
def below(lengths, size):
    """For each example, which of the indices below `size` lie below its own length."""
    verbs, shape = xp.of(lengths), (lengths.shape[0], size)
    return verbs.arange(shape, 1, "int32", lengths) < verbs.broadcast(lengths, shape, (0,))


def batch(examples, pad_value=0, ragged=()):
    """Pad a list of examples to the longest and remember their lengths.

    An example is an array, or a tuple, dict or dataclass of arrays; the result has its structure
    with a `MaskedBatch` for each array. The dims whose sizes differ are ragged, and those that
    `ragged` names.

    >>> import torch
    >>> b = batch([torch.ones(3), torch.ones(1)])
    >>> b
    <2 examples of shape (ragged); lengths [3, 1]>
    >>> b.data.tolist()
    [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    """
    examples = list(examples)
    ragged = (ragged,) if isinstance(ragged, int) else tuple(ragged)
    if not examples:
        raise MaskError("batch([]) cannot know the shape of an example; pass at least one example")
    columns = [trees.flatten_like(examples[0], e, f"example {i}") for i, e in enumerate(examples)]
    _, paths, rebuild = trees.flatten(examples[0])
    arrays = zip(paths, zip(*columns, strict=True), strict=True)
    return rebuild(
        [_batch_arrays(list(column), path, pad_value, ragged) for path, column in arrays]
    )


def _batch_arrays(arrays, path, pad_value, ragged):
    verbs = xp.of(*arrays)
    name = f"example{path}" if path else "example"
    if verbs is None or any(xp.framework_of(a) is None for a in arrays):
        kind = next(type(a).__name__ for a in arrays if xp.framework_of(a) is None)
        raise MaskError(f"{name} is a {kind}; make every example a torch.Tensor or a JAX array")
    shapes = [tuple(a.shape) for a in arrays]
    for what, kinds in (("dims", {len(s) for s in shapes}), ("dtypes", {a.dtype for a in arrays})):
        if len(kinds) > 1:
            raise MaskError(f"the examples have different {what} ({_list(kinds)}); make them agree")
    if any(not 0 <= a < len(shapes[0]) for a in ragged):
        raise MaskError(
            f"ragged={ragged} names a dim that {name} does not have; its dims are 0 to "
            f"{len(shapes[0]) - 1}"
        )
    largest = [max(n) for n in zip(*shapes, strict=True)]
    differ = [len(set(n)) > 1 or a in ragged for a, n in enumerate(zip(*shapes, strict=True))]
    rows = [_padded(verbs, a, largest, pad_value) for a in arrays]
    data = verbs.concat([verbs.reshape(r, (1, *largest)) for r in rows], 0)
    sizes = [
        verbs.asarray([s[a] for s in shapes], data) if differ[a] else None
        for a in range(len(largest))
    ]
    if verbs.name == "jax":
        register_with_jax()
    return MaskedBatch(data, sizes)


def _padded(verbs, x, largest, pad_value):
    zeros = (0,) * len(largest)
    high = tuple(n - m for n, m in zip(largest, x.shape, strict=True))
    return verbs.pad(x, pad_value, zeros, high, zeros) if any(high) else x


def _list(things):
    return ", ".join(sorted(map(str, things)))


# ----- a batch is structure: its data can be differentiated, its lengths cannot -----
trees.register(
    MaskedBatch,
    lambda b: ((".data",), (b.data,), b.sizes),
    lambda sizes, children: MaskedBatch(children[0], sizes),
)
_registered: list = []


def register_with_jax():
    """Make MaskedBatch a pytree for JAX, once: data and lengths are leaves, the rest is static."""
    if _registered or "jax" not in sys.modules:
        return
    from jax import tree_util

    tree_util.register_pytree_node(
        MaskedBatch, lambda b: ((b.data, b.sizes), None), lambda _, parts: MaskedBatch(*parts)
    )
    _registered.append(True)
