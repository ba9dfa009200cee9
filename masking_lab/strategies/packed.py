"""Packing: no padding at all.

The examples stand one after the other, as if they were one long example, and each entry knows whose
it is. What acts on each entry alone (a product with weights, a norm of the features, an embedding)
is done on all entries together; a sum over the ragged dim is a sum over segments; a loop goes
through the entries trip after trip, as PyTorch's PackedSequence does (`lifting.shrinking`). What
lets entries of one example meet otherwise, attention say, gets its padding for that one operation.
"""

from autodiff_lab import trees, xp
from autodiff_lab.on_jax.front import is_traced

from ..batches.masked_batch import is_batch
from ..batches.randomness import watched
from ..errors import MaskError
from ..lane import Lane
from ..lifting import effects
from ..lifting.leader import known
from ..lifting.some import only_some
from ..packed_lane import Packed
from ..rules.packed import packing, settled
from . import STRATEGIES, strategy
from .masked import run_lanes


@strategy
def packed(f, args, kwargs, count):
    """All examples one after the other, without padding."""
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    first = next(x for x in leaves if is_batch(x))
    if not count:
        return STRATEGIES["masked"](f, args, kwargs, count)
    refuse_tracing("packed", leaves)

    def run():
        with effects.watched(), packing(), only_some():
            lanes = [_lane(x) if is_batch(x) else x for x in leaves]
            return run_lanes(f, *rebuild(lanes), count, first.data, first.side)

    return watched(f, run)


def _lane(b):
    """The entries that are there; what has several ragged dims keeps its padding."""
    x = settled(Lane(b.data, b.sizes))
    return x.without_padding() if isinstance(x, Packed) else x


def refuse_tracing(name, leaves):
    """Nobody knows lengths while JAX or vmap traces; traced weights alone do no harm."""
    for x in leaves:
        if is_batch(x) and len(x) and any(map(_is_unknown, _lengths(x))):
            raise MaskError(
                f"strategy={name!r} does not apply: under jax.jit or vmap nobody knows yet how "
                "long the examples are, and shapes cannot depend on it; call it outside, or use "
                "strategy='masked', which makes a loop one lax.scan"
            )


def _lengths(b):
    return [n for n in b.sizes if n is not None]


def _is_unknown(x):
    """On JAX any operation on a known array is traced too, so it must not be asked with one."""
    if xp.framework_of(x) == "jax":
        return is_traced(x)
    return known(x.reshape(-1)[:1] == 0)[1] is None
