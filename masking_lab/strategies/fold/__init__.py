"""Folding: what is computed is laid out from the examples' structure, then batched by depth.

TensorFlow Fold (Looks, Herreshoff, Hutchins and Norvig 2017) did this for trees and sequences. Here
too, all examples are laid out before anything is computed; then everything of one kind that stands
equally deep is one call, and the number of calls is that of the deepest example.

    blocks      combinators, from which a model of trees is put together: ml.fold.Map, ...
    layout      a block on a list of examples

There are two ways to use it. `autobatch(f, "fold")` takes a function whose branches and loops go by
the examples' structure: lengths, whole numbers, the children of a node. And a block,

    tree = ml.fold.ForwardDeclaration("tree")
    leaf = ml.fold.Scalar("int64") >> ml.fold.Function(lookup, w)
    join = ml.fold.Record(tree, tree) >> ml.fold.Function(join_two, w)
    tree.is_(ml.fold.OneOf(type, {int: leaf, tuple: join}))
    tree.batch([1, ((2, 3), 4), ...])

takes what Python makes of trees, which no padded array holds. The writing down and the execution
are those of `lazy`, which also waits for numbers; what has to wait does not apply here.
"""

from autodiff_lab import source

from ...errors import MaskError
from .. import strategy
from ..lazy import lazily
from ..lazy.schedule import by_depth
from .blocks import (
    AllOf,
    Block,
    Composition,
    Fold,
    ForwardDeclaration,
    Function,
    GetItem,
    InputTransform,
    Map,
    OneOf,
    Optional,
    Record,
    Reduce,
    Scalar,
    Vector,
)

__all__ = ["AllOf", "Block", "Composition", "Fold", "ForwardDeclaration", "Function", "GetItem",
           "InputTransform", "Map", "OneOf", "Optional", "Record", "Reduce", "Scalar",
           "Vector"]  # fmt: skip


@strategy
def fold(f, args, kwargs, count):
    """Laid out from the examples' structure, then batched by depth."""
    return lazily(f, args, kwargs, count, by_depth, wait=refuse)


def refuse(x):
    """A number is needed while everything is still being laid out."""
    raise MaskError(
        f"strategy='fold' does not apply: at {source.here()} a computed value decides what comes "
        "next, and fold lays everything out before it computes; use strategy='lazy' or 'masked'"
    )
