"""Nested containers: arguments and results are trees, arrays are their leaves.

Lists, tuples, named tuples, dicts, dataclasses and None are structure; everything else is a leaf.
Types that are pytrees for JAX (flax and equinox modules, say) are opened with JAX's own registry.
"""

import dataclasses
import sys
from itertools import islice

from .errors import AutodiffError

_REGISTERED: dict = {}
_ATOMS = {int, float, bool, complex, str}  # types that are leaves for sure
_OF_ARRAYS = ("torch", "jaxlib._jax", "jaxlib.xla_extension", "autodiff_lab.on_torch.box")


def register(cls, flatten, unflatten):
    """Make `cls` structure: `flatten(x) -> names, children, rest`; `unflatten(rest, children)`."""
    _REGISTERED[cls] = flatten, unflatten


def flatten(tree, path="", is_leaf=None):
    """Return `(leaves, paths, rebuild)`; `rebuild(new_leaves)` gives a tree of the same structure.

    >>> leaves, paths, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> leaves, paths
    ([1.0, 2.0, 3.0], ["['w'][0]", "['w'][1]", "['b']"])
    >>> rebuild([10.0, 20.0, 30.0])
    {'w': [10.0, 20.0], 'b': 30.0}
    """
    leaves, paths = [], []
    build = _gather(tree, path, is_leaf, leaves, paths)
    return leaves, paths, lambda new: build(iter(new))


def _gather(tree, path, is_leaf, leaves, paths):
    """Put the leaves and their paths on the lists; give what builds the tree from new leaves."""
    if type(tree) in _ATOMS or (is_leaf is not None and is_leaf(tree)):
        opened = None
    else:
        opened = _open(tree)
    if opened is None:
        leaves.append(tree)
        paths.append(path)
        return next
    names, children, build = opened
    if _ATOMS.issuperset([type(child) for child in children]):  # mostly: nothing more to be opened
        leaves += children
        paths += [path + name for name in names]
        count = len(names)
        return lambda new: build(list(islice(new, count)))
    parts = [
        _gather(child, path + name, is_leaf, leaves, paths)
        for name, child in zip(names, children, strict=True)
    ]
    return lambda new: build([part(new) for part in parts])


def leaves(tree):
    return flatten(tree)[0]


def map(f, tree):
    """Apply `f` to each leaf and keep the structure."""
    found, _, rebuild = flatten(tree)
    return rebuild([f(leaf) for leaf in found])


def flatten_like(tree, other, path="it"):
    """The parts of `other` that stand where `tree` has leaves; None stands for all below it."""
    opened = _open(tree)
    if opened is None:
        return [other]
    names, children, _ = opened
    if other is None:
        return [None] * len(leaves(tree))
    matching = _open(other)
    if matching is None or list(matching[0]) != list(names):
        raise AutodiffError(
            f"{path} should be a {type(tree).__name__} with entries {', '.join(names) or 'none'}, "
            f"but is a {type(other).__name__}"
        )
    pairs = zip(names, children, matching[1], strict=True)
    return [leaf for n, a, b in pairs for leaf in flatten_like(a, b, path + n)]


def _open(tree):
    """One level: `(names, children, build)`, or None for a leaf."""
    kind = type(tree)
    if kind in _ATOMS:
        return None
    if tree is None:
        return (), (), lambda _: None
    if kind in (list, tuple):
        return [f"[{i}]" for i in range(len(tree))], tree, kind
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return [f".{n}" for n in tree._fields], tree, lambda new: kind(*new)
    if kind.__module__ == "torch.return_types":
        return [f"[{i}]" for i in range(len(tree))], tree, kind
    if isinstance(tree, dict):
        keys = list(tree)
        return [f"[{k!r}]" for k in keys], tree.values(), lambda new: _dict_like(tree, keys, new)
    if kind in _REGISTERED:
        take, build = _REGISTERED[kind]
        names, children, rest = take(tree)
        return names, children, lambda new: build(rest, new)
    opened = _open_jax(tree) or _open_dataclass(tree)
    if opened is None and kind.__module__ in _OF_ARRAYS:
        _ATOMS.add(kind)  # not asked again
    return opened


def _dict_like(old, keys, values):
    pairs = zip(keys, values, strict=True)
    if hasattr(old, "default_factory"):
        return type(old)(old.default_factory, pairs)
    return type(old)(pairs)


def _open_dataclass(tree):
    if not dataclasses.is_dataclass(tree) or isinstance(tree, type):
        return None
    names = [f.name for f in dataclasses.fields(tree) if f.init]
    children = [getattr(tree, n) for n in names]

    def build(new):
        return dataclasses.replace(tree, **dict(zip(names, new, strict=True)))

    return [f".{n}" for n in names], children, build


def _open_jax(tree):
    """What JAX knows as a pytree is one here too; JAX is asked only if it is already imported."""
    if "jax" not in sys.modules or isinstance(tree, type):
        return None
    from jax import tree_util

    if tree_util.all_leaves([tree]):
        return None
    children, structure = tree_util.tree_flatten(tree, is_leaf=lambda x: x is not tree)
    return [f".{i}" for i in range(len(children))], children, structure.unflatten
