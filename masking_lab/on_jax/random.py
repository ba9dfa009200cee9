"""JAX's random keys in a batch: every example draws what it draws alone.

With Threefry an entry is a function of the key and of its place, counted row by row
(`jax_threefry_partitionable`, JAX's default since 0.5). Along a leading ragged dim the places of an
example are those of the padded array. Behind a ragged dim they are not: there we count ourselves.
"""

import sys

from autodiff_lab import random
from autodiff_lab.on_jax.front import rebind

from ..errors import MaskError
from ..lane import Lane, Length, refuse_nested

SHAPED = ("random_bits", "random_split")
PLAIN = ("random_wrap", "random_unwrap", "random_fold_in", "random_seed")
NAMES = frozenset(SHAPED + PLAIN)


def apply(eqn, values, params, count, place):
    """One of JAX's equations on keys; sizes in `params` are ints or a `Length`."""
    name = eqn.primitive.name
    if name in ("random_bits", "random_fold_in", "random_split"):
        _check(name, values[0], params.get("shape", ()), place)
    if name in SHAPED:
        return _shaped(eqn, values[0], params, count)
    sizes = max((x.sizes for x in values if isinstance(x, Lane)), key=len)
    if name == "random_wrap":
        sizes = sizes[:-1]
    if name == "random_unwrap":
        sizes = (*sizes, None)
    return Lane(_bound(eqn, values), sizes)


def _check(name, keys, shape, place):
    """Is it true of these keys that a place alone decides what is drawn?"""
    refuse_nested(f"JAX's {name}", [*shape, keys])
    keys = keys.data if isinstance(keys, Lane) else keys
    jax = sys.modules["jax"]
    ragged = any(isinstance(n, Length) for n in shape)
    if str(keys.dtype) != "key<fry>":
        why = f"draws with keys of {keys.dtype}, which under a batch draw something else than alone"
    elif ragged and not jax.config.jax_threefry_partitionable:
        why = "counts its numbers by the size of the whole array (jax_threefry_partitionable=False)"
    else:
        return
    raise MaskError(
        f"JAX's {name} at {place()} {why}; use a key of jax.random.key(seed, "
        "impl='threefry2x32') with jax_threefry_partitionable, or ad.random"
    )


def _bound(eqn, values):
    """The primitive as it is, over the examples."""
    arrays = [x.data if isinstance(x, Lane) else x for x in values]
    axes = [0 if isinstance(x, Lane) else None for x in values]
    return sys.modules["jax"].vmap(lambda *xs: rebind(eqn, xs)[0], axes)(*arrays)


def _shaped(eqn, keys, params, count):
    """An array drawn from each key."""
    jax, shape = sys.modules["jax"], params["shape"]
    if not isinstance(keys, Lane):
        wide = (count, *keys.shape)
        keys = Lane(jax.lax.broadcast_in_dim(keys, wide, range(1, len(wide))), [None] * keys.ndim)
    sizes = (*keys.sizes, *(n.data if isinstance(n, Length) else None for n in shape))
    if any(isinstance(n, Length) for n in shape[1:]):
        return Lane(_counted(jax, eqn, keys.data, params, count), sizes)
    padded = tuple(n.padded if isinstance(n, Length) else n for n in shape)
    return Lane(eqn.primitive.bind(keys.data, **params | {"shape": padded}), sizes)


def _counted(jax, eqn, keys, params, count):
    """The cipher of each example's own places."""
    low = _places(jax, params["shape"], count, keys.ndim - 1)
    words = jax.random.key_data(keys)
    words = words.reshape(*words.shape[:-1], *(1,) * len(params["shape"]), 2)
    high, low = jax.jit(random.threefry)((words[..., 0], words[..., 1]), low * 0, low)
    if eqn.primitive.name == "random_split":
        return jax.random.wrap_key_data(jax.numpy.stack([high, low], -1), impl="threefry2x32")
    if params["bit_width"] == 64:
        return high.astype("uint64") << 32 | low.astype("uint64")
    return (high ^ low).astype(f"uint{params['bit_width']}")


def _places(jax, shape, count, keys):
    """Row by row, the number of each entry of an array of the example's own size."""
    padded = tuple(n.padded if isinstance(n, Length) else n for n in shape)
    whole = (count, *(1,) * keys, *padded)
    places, below = jax.numpy.zeros(whole, "uint32"), jax.numpy.ones(count, "uint32")
    for axis in reversed(range(len(shape))):
        row = below.reshape(count, *(1,) * (len(whole) - 1))
        places = places + jax.lax.broadcasted_iota("uint32", whole, 1 + keys + axis) * row
        n = shape[axis].data if isinstance(shape[axis], Length) else shape[axis]
        below = below * jax.numpy.asarray(n).astype("uint32")
    return places
