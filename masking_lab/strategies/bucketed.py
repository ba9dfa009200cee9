"""Bucketing: masked, over a bounded set of shapes.

A compiler makes a program for each shape that it meets, and batches of text hardly ever have the
same shape twice. So lengths are rounded up to the next bucket (a power of two, or what is asked
for), and so is the number of examples: what is added is a copy of the first, and is dropped again.
On JAX the whole function is compiled, once for each combination of buckets (`compiled`). PyTorch
has nothing to compile here; its allocator and `torch.compile` like few shapes too.
"""

import numpy as np

from autodiff_lab import trees, xp
from autodiff_lab.on_jax.front import is_traced

from ..batches.batching import placed
from ..batches.masked_batch import MaskedBatch, depends, is_batch
from ..errors import MaskError
from . import STRATEGIES, strategy
from .compiled import compiled


@strategy
def bucketed(f, args, kwargs, count, buckets=None):
    """All examples at once, padded to few sizes: powers of two, or the `buckets` given."""
    if not count:
        return STRATEGIES["masked"](f, args, kwargs, count)
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    most = power_of_two(count)
    leaves = [_grown(x, most, buckets) if is_batch(x) else x for x in leaves]
    found, _, rebuild_found = trees.flatten(compiled(f, leaves, rebuild, most), is_leaf=is_batch)
    return rebuild_found([_cut(y, count) if is_batch(y) else y for y in found])


def power_of_two(n):
    return 1 << max(n - 1, 0).bit_length()


def _bucket(n, buckets):
    if buckets is None:
        return power_of_two(n)
    fitting = [m for m in buckets if m >= n]
    if not fitting:
        raise MaskError(
            f"strategy='bucketed' was given an example of length {n}, and its largest bucket is "
            f"{max(buckets, default=0)}; add a larger one, or cut the example"
        )
    return min(fitting)


def _grown(b, most, buckets):
    """The batch in a bucket, with copies of its first example at the end."""
    shape = [n if own is None else _bucket(n, buckets)
             for n, own in zip(b.data.shape[1:], b.sizes, strict=True)]  # fmt: skip
    verbs, rows = xp.of(b.data), [*range(len(b)), *[0] * (most - len(b))]

    def lengths(n):
        own = [shape[a] if depends(n, a) else m for a, m in enumerate(n.shape[1:])]
        return _filled(verbs, n, rows, own)

    sizes = [None if n is None else lengths(n) for n in b.sizes]
    return MaskedBatch(_filled(verbs, b.data, rows, shape), sizes, b.side)


def _filled(verbs, x, rows, shape):
    """These rows of an array, each with zeros behind it up to a shape.

    On JAX an array that is there is padded by NumPy: JAX would compile that for each length.
    """
    if tuple(x.shape) == (len(rows), *shape):
        return x
    high = (0, *[m - n for m, n in zip(shape, x.shape[1:], strict=True)])
    if verbs.name == "jax" and not is_traced(x):
        found = np.pad(np.asarray(x), [(0, n) for n in high])[rows]
        return placed(verbs, found, x)
    zeros = (0,) * len(high)
    return verbs.pad(x, 0, zeros, high, zeros)[verbs.asarray(np.asarray(rows), x)]


def _cut(b, count):
    """The examples that were given."""
    if len(b) == count:
        return b
    return MaskedBatch(_front(b.data, count), [None if n is None else _front(n, count)
                                               for n in b.sizes], b.side)  # fmt: skip


def _front(x, count):
    if xp.framework_of(x) == "jax" and not is_traced(x):  # JAX would compile a slice of each size
        return placed(xp.verbs("jax"), np.asarray(x)[:count], x)
    return x[:count]
