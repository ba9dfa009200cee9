"""A function of masked batches as one compiled program for each shape, on JAX.

A compiled program would not notice that something changed which the function reads from outside: a
weight in a closure, a global number. So what it reaches is looked at in each call (`reached`), and
a change makes another program. What cannot be compiled (a `while` loop that is differentiated
backwards, a value that Python needs) runs one operation at a time; each of these is compiled once
for each shape, too.
"""

import weakref

from autodiff_lab import trees, xp
from autodiff_lab.on_jax.front import is_traced

from ..batches.masked_batch import MaskedBatch, is_batch
from ..lane import is_array
from ..lifting import limits
from . import STRATEGIES
from .reached import Unknown, reached

MANY = 256  # programs that are kept of one function
_programs: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def compiled(f, leaves, rebuild, count):
    """`masked` of `f`, where the leaves are those of its arguments."""

    def run(leaves):
        return STRATEGIES["masked"](f, *rebuild(leaves), count)

    arrays = [x.data if is_batch(x) else x for x in leaves]
    if xp.framework(arrays) != "jax" or not _on_top():
        return run(leaves)
    kept: list = []
    try:
        structure = repr(rebuild([None] * len(leaves)))
        key = structure, limits.max_trips(), reached(f, kept), _looks(leaves, kept)
        known = _programs.setdefault(f, {})
    except (Unknown, TypeError):  # TypeError: a function that cannot be remembered
        return run(leaves)
    if key not in known:
        if len(known) >= MANY:
            known.clear()
        known[key] = Program(kept)
    return known[key](run, leaves)


def _on_top():
    """Not inside a program that is being traced: that one will be compiled as a whole."""
    import jax

    try:
        return bool(jax.device_put(True))
    except Exception:
        return False


def _looks(leaves, kept):
    """All that a program depends on, of its arguments."""
    return tuple([_look(x, kept) for x in leaves])


def _look(x, kept):
    if is_batch(x):
        return x.side, _look(x.data, kept), *[n is None or n.shape for n in x.sizes]
    if is_array(x):
        return tuple(x.shape), str(x.dtype), getattr(x, "weak_type", False), is_traced(x)
    return reached(x, kept)


class Program:
    """One function for one look of its arguments; it is compiled at its first call."""

    def __init__(self, kept):
        self.kept = kept  # what its key knows by identity stays alive
        self.jitted = self.run = self.put_back = None
        self.fails = False

    def __call__(self, run, leaves):
        if self.fails:
            return run(leaves)
        arrays, put = _arrays(leaves)
        if self.jitted is None:
            import jax

            self.jitted = jax.jit(lambda arrays: self.traced(put(arrays)))
        self.run = run
        backwards = any(is_traced(x.data if is_batch(x) else x) for x in leaves if _has_data(x))
        try:
            with limits.ending(backwards):
                found = self.jitted(arrays)
            return self.put_back(found)
        except Exception:  # one operation at a time it either works, or says what is wrong
            self.fails = True
            return run(leaves)
        finally:
            self.run = None

    def traced(self, leaves):
        found, self.put_back = _arrays(self.run(leaves))
        return found


def _has_data(x):
    return is_batch(x) or is_array(x)


def _arrays(tree):
    """The arrays in a tree, and what puts others in their place."""
    found, _, rebuild = trees.flatten(tree, is_leaf=is_batch)
    places = [i for i, x in enumerate(found) if _has_data(x)]
    sides = {i: found[i].side for i in places if is_batch(found[i])}
    rest = [None if _has_data(x) else x for x in found]

    def put(arrays):
        new = list(rest)
        for i, x in zip(places, arrays, strict=True):
            new[i] = MaskedBatch(*x, sides[i]) if i in sides else x
        return rebuild(new)

    return [(x.data, x.sizes) if is_batch(x) else x for x in [found[i] for i in places]], put
