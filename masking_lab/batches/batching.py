"""`batch`: from a list of examples to padded data and lengths.

Tuples, dicts and dataclasses are structure: there is a `MaskedBatch` for every array in them. A
list is a ragged dim. So an example may be an array, a sentence as a tokenizer gives it (a list of
numbers), or a list of arrays: words of different length in a sentence, and so on inwards.
"""

import sys
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from autodiff_lab import trees, xp

from ..errors import MaskError
from .masked_batch import MaskedBatch, shortened

NUMBERS = (int, float, bool, complex)


def batch(examples, pad_value=0, ragged=(), side="right", like=None):
    """Pad a list of examples to the longest and remember their lengths.

    An example is an array (of PyTorch, JAX or numpy), a number, a list of these (a ragged dim), or
    a tuple, dict or dataclass of them; the result has its structure with a `MaskedBatch` for each
    array. The dims whose sizes differ are ragged, and those that `ragged` names. `like` is an
    example that shows what the examples do not: the framework of plain numbers, the shape where
    there is no example at all. `side` is where `to_padded` puts the padding.

    >>> import torch
    >>> b = batch([torch.ones(3), torch.ones(1)])
    >>> b
    <2 examples of shape (ragged); lengths [3, 1]>
    >>> b.data.tolist()
    [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]

    Words of different length in sentences of different length:

    >>> b = batch([[torch.ones(2), torch.ones(3)], [torch.ones(1)]])
    >>> b
    <2 examples of shape (ragged, ragged); lengths [2, 1], [[2, 3], [1, 0]]>
    >>> [[len(word) for word in sentence] for sentence in b]
    [[2, 3], [1]]
    """
    return put_together(list(examples), pad_value, ragged, side, like, _is_list)


def put_together(examples, pad_value=0, ragged=(), side="right", like=None, is_leaf=None):
    """`batch`; `is_leaf` says what is no structure."""
    if not examples and like is None:
        raise MaskError(
            "batch([]) cannot know the shape of an example; pass at least one example, or "
            "batch([], like=example)"
        )
    if side not in ("right", "left"):
        raise MaskError(f'side={side!r} is neither "right" nor "left"')
    _, paths, rebuild = trees.flatten(examples[0] if examples else like, is_leaf=is_leaf)
    columns = [leaves_at(e, paths, i, is_leaf) for i, e in enumerate(examples)]
    shown, own, _ = trees.flatten(like, is_leaf=is_leaf)
    stacker = _stacker([examples, like], pad_value)
    ragged = (ragged,) if isinstance(ragged, int) else tuple(ragged)
    batches = []
    for k, path in enumerate(paths):
        values = [stacker.opened(f"example {i}{path}", c[k]) for i, c in enumerate(columns)]
        model = stacker.opened(f"like{path}", shown[k]) if own == paths else None
        data, sizes = stacker.stack(values, model, ragged)
        if any(not 0 <= a < len(sizes) for a in ragged):
            raise MaskError(
                f"ragged={ragged} names a dim that example{path} does not have; its dims are 0 to "
                f"{len(sizes) - 1}"
            )
        sizes = [None if n is None else shortened(stacker.verbs, n) for n in sizes]
        batches.append(MaskedBatch(data, sizes, side))
    return rebuild(batches)


def _is_list(x):
    return type(x) is list


def placed(verbs, x, like):
    """An array of NumPy's as the framework's. (JAX's `asarray` compiles a copy for each shape.)"""
    if verbs.name == "jax" and isinstance(x, np.ndarray):
        import jax

        return jax.device_put(x)
    return verbs.asarray(x, like)


def is_number(x):
    """A number of Python's or numpy's, or an array of numpy's."""
    return type(x) in NUMBERS or type(x).__module__ == "numpy"


def one_dtype(verbs, arrays, numbers):
    """Of the dtypes of arrays and of Python's numbers: a number is as precise as the arrays."""
    if arrays and (any(map(verbs.is_inexact, arrays)) or not any(map(verbs.is_inexact, numbers))):
        return verbs.common_dtype(arrays)
    return verbs.common_dtype(arrays + numbers)


def _by_numpy(arrays, largest, pad_value):
    """The padded array, in a list; none where it is traced, or of a dtype that NumPy has not."""
    try:
        arrays = [np.asarray(x) for x in arrays]
        data = np.full((len(arrays), *largest), pad_value, arrays[0].dtype)
    except Exception:
        return []
    for i, x in enumerate(arrays):
        data[(i, *map(slice, x.shape))] = x
    return [data]


def leaves_at(example, paths, i, is_leaf, what="example"):
    """The leaves of an example, in the order of these paths: a dict may have another."""
    found, own, _ = trees.flatten(example, is_leaf=is_leaf)
    if own == paths:
        return found
    at = dict(zip(own, found, strict=True))
    if at.keys() == set(paths):
        return [at[p] for p in paths]
    missing = [p for p in paths if p not in at]
    place = (missing or [p for p in own if p not in paths])[0]
    one, other = (i, 0) if missing else (0, i)
    raise MaskError(
        f"{what} {one} has no array at {place or 'the top'}, where {what} {other} has one; give "
        "all examples the same structure, and an array of length 0 for what is absent"
    )


def _stacker(tree, pad_value):
    """The framework is that of an array among the leaves, or else the only one in use."""
    leaves = trees.leaves(tree)
    verbs = xp.of(*leaves)
    like = next((x for x in leaves if xp.framework_of(x)), SimpleNamespace(device=None))
    if verbs is None:
        verbs = in_use("no example", "like=torch.tensor(0.) or like=jnp.array(0.)")
    return Stacker(verbs, like, pad_value)


def in_use(nobody, say):
    """The verbs of the framework that is imported, if it is one, where nobody shows another."""
    here = [name for name in ("torch", "jax") if name in sys.modules]
    if len(here) != 1:
        raise MaskError(
            f"{nobody} holds an array, and imported is {' and '.join(here) or 'nothing'}; say "
            f"which framework is meant: {say}"
        )
    return xp.verbs(here[0])


class Value(NamedTuple):
    """What stands at one place of one example, and what to call it: an array or a list."""

    name: str
    it: object
    plain: bool = False  # made from Python's numbers, whose dtype is nobody's choice


class Stacker:
    """Stacks values, with the verbs of one framework."""

    def __init__(self, verbs, like, pad_value):
        self.verbs, self.like, self.pad_value = verbs, like, pad_value

    def opened(self, name, x):
        """Numbers, numpy's arrays and lists of numbers become arrays; other lists stay."""
        if xp.framework_of(x):
            return Value(name, x)
        plain = type(x) in NUMBERS or (_is_list(x) and x and all(type(i) in NUMBERS for i in x))
        if _is_list(x) and not plain:
            return Value(name, [self.opened(f"{name}[{t}]", i) for t, i in enumerate(x)])
        if plain or is_number(x):
            try:
                x = x if getattr(getattr(x, "flags", None), "writeable", True) else x.copy()
                return Value(name, placed(self.verbs, x, self.like), plain)
            except (TypeError, ValueError):  # strings, say
                pass
        raise MaskError(
            f"{name} is a {type(x).__name__}; make every example of arrays (torch.Tensor, JAX or "
            "numpy) and numbers, in tuples, dicts, dataclasses, and lists for a ragged dim"
        )

    def stack(self, values, model, ragged):
        """`(data, sizes)` with the values in front; `model` shows what a value is like, or None."""
        first = next((v for v in values if not _is_list(v.it) or v.it), model)
        if first is None:
            raise MaskError(
                f"{values[0].name if values else 'an example'} and all others are empty lists, so "
                "nobody knows what is missing; show an example with like=[array]"
            )
        if _is_list(first.it):
            return self._lists([self._alike(v, first) for v in values], first, ragged)
        arrays = [self._alike(v, first) for v in values]
        if not arrays:
            return self._none_of(first.it, ragged)
        return self._arrays(arrays, ragged)

    def _alike(self, v, first):
        """The value, if it is of the same kind as another; an empty list is of any kind."""
        if _is_list(v.it) == _is_list(first.it):
            return v
        if _is_list(v.it) and not v.it and len(first.it.shape):
            shape = (0, *first.it.shape[1:])
            return Value(v.name, self.verbs.zeros(shape, first.it.dtype, first.it), first.plain)
        kind, other = (
            "a list of arrays" if _is_list(x.it) else "an array or a list of numbers"
            for x in (v, first)
        )
        raise MaskError(f"{v.name} is {kind} where {first.name} is {other}; make them agree")

    def _none_of(self, like, ragged):
        empty = self._lengths([], like)
        sizes = [empty if a in ragged else None for a in range(len(like.shape))]
        return self.verbs.zeros((0, *like.shape), like.dtype, like), sizes

    def _lengths(self, counts, like):
        kind = np.int64 if self.verbs.name == "torch" else np.dtype(self._int)
        return placed(self.verbs, np.asarray(counts, kind), like)

    @property
    def _int(self):
        return (
            self.verbs.dtype("int64")
            if self.verbs.name == "torch"
            else self.verbs.lib.result_type(int)
        )

    # ----- arrays -----
    def _arrays(self, values, ragged):
        self._agree(values, "dims", lambda x: len(x.shape))
        if any(v.plain for v in values):
            arrays = [v.it.dtype for v in values if not v.plain]
            numbers = [v.it.dtype for v in values if v.plain]
            dtype = one_dtype(self.verbs, arrays, numbers)
            values = [v._replace(it=self.verbs.astype(v.it, dtype)) if v.plain else v
                      for v in values]  # fmt: skip
        self._agree(values, "dtypes", lambda x: x.dtype)
        shapes = [tuple(v.it.shape) for v in values]
        largest = [max(n) for n in zip(*shapes, strict=True)]
        data = self._stacked([v.it for v in values], largest)
        sizes = [
            self._lengths(n, data) if len(set(n)) > 1 or a in ragged else None
            for a, n in enumerate(zip(*shapes, strict=True))
        ]
        return data, sizes

    def _stacked(self, arrays, largest):
        """On JAX by NumPy, where the entries are there: JAX would compile it for each size."""
        if self.verbs.name == "jax" and (found := _by_numpy(arrays, largest, self.pad_value)):
            return placed(self.verbs, found[0], self.like)
        rows = [self.verbs.reshape(self._padded(x, largest), (1, *largest)) for x in arrays]
        return self.verbs.concat(rows, 0)

    def _agree(self, values, what, asked):
        first = asked(values[0].it)
        for v in values:
            if asked(v.it) != first:
                raise MaskError(
                    f"the examples have different {what}: {values[0].name} has {first}, {v.name} "
                    f"has {asked(v.it)}; make them agree"
                )

    def _padded(self, x, largest):
        high = tuple(n - m for n, m in zip(largest, x.shape, strict=True))
        return self._pad(x, self.pad_value, high) if any(high) else x

    def _pad(self, x, value, high):
        zeros = (0,) * len(high)
        return self.verbs.pad(x, value, zeros, high, zeros)

    # ----- lists -----
    def _lists(self, values, first, ragged):
        """All entries of all lists are stacked, then each is put at its place (example, entry)."""
        entries = [entry for v in values for entry in v.it]
        model = first.it[0] if first.it else None
        data, sizes = self.stack(entries, model, [a - 1 for a in ragged])
        counts = [len(v.it) for v in values]
        index = self._places(counts, len(entries), data)
        own = self._lengths(counts, data) if len(set(counts)) > 1 or 0 in ragged else None
        inner = [None if n is None else self._with_one_more(n, 0)[index] for n in sizes]
        return self._with_one_more(data, self.pad_value)[index], [own, *inner]

    def _places(self, counts, nowhere, like):
        """For each example and place the number of its entry, or `nowhere`."""
        last, starts = max(counts, default=0), [sum(counts[:i]) for i in range(len(counts))]
        flat = [
            start + t if t < n else nowhere
            for n, start in zip(counts, starts, strict=True)
            for t in range(last)
        ]
        return self.verbs.reshape(self._lengths(flat, like), (len(counts), last))

    def _with_one_more(self, x, value):
        return self._pad(x, value, (1, *(0,) * (len(x.shape) - 1)))
