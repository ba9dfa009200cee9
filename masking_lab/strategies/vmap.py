"""The framework's own `vmap`, where it is right: `torch.vmap(f)`, `jax.vmap(f)` over the examples.

It sees one example too, but of one size, and no value may decide what runs. Examples of different
sizes, and branches, need masks underneath: `vmap(ml.mask(f, spec))`, which is what runs then.
"""

import sys

from autodiff_lab import trees, xp

from ..batches.batching import is_number
from ..batches.masked_batch import MaskedBatch, is_batch
from ..batches.randomness import watched
from ..errors import MaskError
from ..lane import Lane
from ..lifting import effects
from ..setting import setting
from . import STRATEGIES, strategy
from .masked import run_lanes

# What the frameworks say where a value is asked for that vmap does not have.
ASKED = (
    "data-dependent control flow", ".item() on a Tensor", "dynamic shape", "Boolean value of",
    "TracerBoolConversion", "TracerIntegerConversion", "ConcretizationType", "NonConcreteBoolean",
)  # fmt: skip
RANDOM = "random operation"


@strategy
def vmap(f, args, kwargs, count):
    """The framework's own, over padded data; with masks underneath where sizes or ways differ."""
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    batches = [x for x in leaves if is_batch(x)]
    if not count:
        raise refusal("there is no example, and vmap wants one", "use strategy='masked'")
    if any(n is not None and n.ndim > 1 for b in batches for n in b.sizes):
        raise refusal("examples are lists of arrays of different sizes", "use strategy='masked'")

    def filled(values):
        values = iter(values)
        return rebuild([next(values) if is_batch(x) else x for x in leaves])

    loop = lambda: STRATEGIES["loop"](f, args, kwargs, count)  # noqa: E731
    if all(n is None for b in batches for n in b.sizes):
        try:
            return watched(f, lambda: plainly(f, filled, batches))
        except Exception as error:
            if not _asked_for_a_value(error):
                raise _told(error, loop) from None
    try:
        return watched(f, lambda: with_masks(f, filled, batches))
    except Exception as error:
        raise _told(error, loop) from None


def plainly(f, filled, batches):
    """`f` as it is, on examples of one size."""
    first, made = batches[0], []

    def one(*values):
        args, kwargs = filled(values)
        found, _, rebuild = trees.flatten(f(*args, **kwargs))
        arrays, others = _arrays(found, first.data)
        made[:] = [(rebuild, others)]
        return arrays

    arrays = _vmap(first.data)(one)(*[b.data for b in batches])
    rebuild, others = made[0]
    return rebuild(_put_back([_dense(y, first.side) for y in arrays], others))


def with_masks(f, filled, batches):
    """`vmap(ml.mask(f, spec))`: each example is a padded array and its own lengths."""
    first, made = batches[0], []
    lengths = [n for b in batches for n in b.sizes if n is not None]

    def one(data, lengths):
        like, lengths = data[0], iter(lengths)
        lanes = [_lane(x, b.sizes, lengths) for x, b in zip(data, batches, strict=True)]
        args, kwargs = filled(lanes)
        with setting(effects.unread, True):
            result = run_lanes(f, args, kwargs, 1, like, whole=True)
        found, _, rebuild = trees.flatten(result, is_leaf=is_batch)
        arrays, others = _arrays(found, like)
        made[:] = [(rebuild, others, [[n is not None for n in b.sizes] for b in arrays])]
        return [b.data[0] for b in arrays], [n[0] for b in arrays for n in b.sizes if n is not None]

    data, sizes = _vmap(first.data)(one)([b.data for b in batches], lengths)
    rebuild, others, ragged = made[0]
    sizes = iter(sizes)
    found = [
        MaskedBatch(y, [next(sizes) if own else None for own in dims], first.side)
        for y, dims in zip(data, ragged, strict=True)
    ]
    return rebuild(_put_back(found, others))


def _vmap(like):
    verbs = xp.of(like)
    return verbs.lib.vmap if verbs.name == "torch" else sys.modules["jax"].vmap


def _lane(x, sizes, lengths):
    """An example as a batch of one."""
    verbs = xp.of(x)
    own = [None if n is None else verbs.reshape(next(lengths), (1,)) for n in sizes]
    return Lane(verbs.reshape(x, (1, *x.shape)), own)


def _dense(y, side):
    return MaskedBatch(y, (None,) * (len(y.shape) - 1), side)


# ----- results that are no arrays -----
def _arrays(found, like):
    """The arrays among results, and all others with their places."""
    found = [xp.of(like).asarray(y, like) if is_number(y) else y for y in found]
    is_array = [is_batch(y) or xp.framework_of(y) is not None for y in found]
    arrays = [y for y, yes in zip(found, is_array, strict=True) if yes]
    return arrays, [
        (i, y) for i, (y, yes) in enumerate(zip(found, is_array, strict=True)) if not yes
    ]


def _put_back(arrays, others):
    for i, y in others:
        arrays.insert(i, y)
    return arrays


# ----- why not? -----
def refusal(reason, instead):
    return MaskError(f"strategy='vmap' does not apply: {reason}; {instead}")


def _asked_for_a_value(error):
    text = f"{type(error).__name__} {error}"
    return any(words in text for words in ASKED)


def _told(error, loop):
    """What `f` raises in the loop too stays; all else is a reason why vmap does not apply."""
    line = str(error).strip().partition("\n")[0].rstrip(".")
    if isinstance(error, MaskError):
        return refusal(line, "use strategy='masked' or 'lazy'")
    if isinstance(error, RecursionError):
        return refusal("f calls itself until a value says so, which vmap does not have",
                       "use strategy='pc' or 'lazy'")  # fmt: skip
    if RANDOM in line:
        return refusal(f"vmap draws once for all examples ({line[:80]})", "draw with ml.keys")
    if _asked_for_a_value(error):
        return refusal(f"a value decides what runs ({line[:80]})", "use strategy='masked'")
    try:
        loop()
    except Exception as own:
        if type(own) is type(error):
            return error
    told = f"under it f breaks off with {type(error).__name__} ({line[:160]})"
    return refusal(told, "use strategy='masked'")
