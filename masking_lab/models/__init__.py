"""Models of one example, to be batched: each a page to read, for both frameworks.

    task = models.load("tree_lstm", "torch", count=8)
    task.f(task.lib, *task.examples[0], task.weights)                       one example
    ml.autobatch(task.f)(task.lib, *ml.batch(task.examples), task.weights)  all of them

Each is a plain function `f(lib, *example, weights)`, where `lib` is `torch` or `jax.numpy`, and
comes with a generator of ragged examples and of first weights. None of them knows that there are
other examples; they are here since each is hard to batch in another way:

    tagger          a loop over words, forwards and backwards
    characters      a loop in a loop: letters in words in a sentence
    translator      a loop that ends when the model says so
    tree_lstm       recursion over a tree of the example's own
    parser          what was sampled decides what comes next
    edit_distance   nested loops, each as long as another input
    beam_search     several candidates, which die and branch
    nuts            recursion in two places, decided by computed values
    encoders        one of several networks, or none of them

The code counts as the user's own: it is lifted, and errors point into it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autodiff_lab import trees, xp

from ..errors import MaskError
from . import (
    beam_search,
    characters,
    edit_distance,
    encoders,
    nuts,
    parser,
    tagger,
    translator,
    tree_lstm,
)

MODULES = (tagger, characters, translator, tree_lstm, parser, edit_distance, beam_search, nuts,
           encoders)  # fmt: skip
NAMES = tuple(m.__name__.rpartition(".")[2] for m in MODULES)


class Task(NamedTuple):
    """A model on one framework, with something to run it on."""

    f: Callable
    lib: Any
    examples: list  # of tuples: what `f` takes between `lib` and the weights
    weights: Any


def load(name, framework, count=8, seed=0, dtype="float64", **sizes):
    """A model with `count` random examples and random weights, as arrays of a framework.

    `sizes` go to the generators: `longest` to that of the examples, `size` to both.

    >>> import torch, masking_lab as ml
    >>> task = load("tagger", "torch", count=3)
    >>> scores = ml.autobatch(task.f)(task.lib, *ml.batch(task.examples), task.weights)
    >>> one = task.f(task.lib, *task.examples[0], task.weights)
    >>> torch.allclose(scores.unbatch()[0], one)
    True
    """
    if name not in NAMES:
        raise MaskError(f"there is no model {name!r}; choose one of {', '.join(NAMES)}")
    module, random = MODULES[NAMES.index(name)], np.random.default_rng(seed)
    lib = xp.verbs(framework).lib
    weights = module.weights(random, **_for(module.weights, sizes))
    examples = module.examples(random, count, **_for(module.examples, sizes))

    def array(x):
        x = np.asarray(x)
        return lib.asarray(x.astype(dtype) if x.dtype.kind == "f" else x)

    return Task(getattr(module, name), lib, trees.map(array, examples), trees.map(array, weights))


def _for(f, sizes):
    """Those options that a generator has."""
    return {k: n for k, n in sizes.items() if k in f.__code__.co_varnames[: f.__code__.co_argcount]}
