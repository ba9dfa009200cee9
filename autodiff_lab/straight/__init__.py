"""`compile`: value and gradient as one straight line of Python, recorded once and run many times.

Value and gradient of a function are run once under observation, every operation of the framework is
written down, the list is shortened and printed as a Python function, and from then on that function
runs: no tape, no walk, and on PyTorch none of torch's own graph. What the line depends on is
guarded; where a guard fails the function is recorded again, as another variant.

    line            what is recorded
    torch_record    PyTorch: what passes the dispatcher, both walks
    passes, fusions shorten it
    torch_text      write it as Python
    jax_line        JAX: the jaxpr of value and gradient, written as Python
    guards          what has to be as it was
"""

import functools
import threading

from .. import xp
from ..errors import AutodiffError
from ..reverse import value_and_grad
from . import guards

VARIANTS = 64  # the oldest is forgotten


def compile(f, *example_args, argnums=0, has_aux=False):
    """Return a function that gives `value_and_grad(f, argnums, has_aux)` by a straight line.

    `f` is recorded on `example_args`, and again whenever it is called with arguments of another
    structure, shape or dtype, or when it would take another branch. Tensors that `f` finds in its
    closure are read when the line runs; random numbers are drawn when it runs.

    >>> import torch
    >>> g = compile(lambda x: torch.sin(x) * 2.0, torch.tensor(0.0))
    >>> g(torch.tensor(0.0))
    (tensor(0.), tensor(2.))
    >>> print(g.source.split("backward")[1])     # doctest: +SKIP
    """
    if not callable(f):
        raise AutodiffError(f"compile takes a function, and was given {f!r}")
    compiled = Straight(f, argnums, has_aux)
    if example_args:
        compiled(*example_args)
    return compiled


class Straight:
    """A function's value and gradient. `source`, `variants` and `recordings` tell how it runs."""

    def __init__(self, f, argnums, has_aux):
        self.f, self.argnums, self.has_aux = f, argnums, has_aux
        self.recordings = 0
        self._known = {}  # what the arguments look like -> variants
        self._lock = threading.Lock()
        self._seen = value_and_grad(f, argnums, has_aux)
        functools.update_wrapper(self, f)

    def __call__(self, *args, **kwargs):
        leaves, key = [], []
        guards.spread((args, kwargs), leaves, key)
        framework = xp.framework(leaves)
        if framework is None or guards.is_nested(leaves):
            return self._seen(*args, **kwargs)
        key = (*key, guards.ambient(framework))
        around = guards.surroundings(self.f, *[x for x in leaves if not hasattr(x, "dtype")])
        for variant in self._known.get(key, ()):
            result = variant.run(leaves, around)
            if result is not MISSED:
                return result
        return self._record(framework, args, kwargs, key, leaves, around)

    def _record(self, framework, args, kwargs, key, leaves, around):
        if framework == "torch":
            from .torch_line import record
        else:
            from .jax_line import record
        name = f"<straight line of {getattr(self.f, '__name__', 'f')}, {self.recordings}>"
        result, variant = record(self.f, args, kwargs, self.argnums, self.has_aux, name)
        variant.around = around
        with self._lock:
            self.recordings += 1
            self._known[key] = (variant, *self._known.get(key, ()))
            self._forget_oldest()
        return result

    def _forget_oldest(self):
        if len(self.variants) > VARIANTS:
            key = next(iter(self._known))
            self._known[key] = self._known[key][:-1]
            if not self._known[key]:
                del self._known[key]

    @property
    def variants(self):
        """The recorded lines, the newest last."""
        return [v for found in self._known.values() for v in reversed(found)]

    @property
    def source(self):
        """The Python that runs, of every variant."""
        return "\n\n".join(variant.source for variant in self.variants)

    def __repr__(self):
        return (
            f"<straight line of {getattr(self.f, '__name__', 'f')}: {len(self.variants)} variants>"
        )


class _Missed:
    def __repr__(self):
        return "MISSED"


MISSED = _Missed()
