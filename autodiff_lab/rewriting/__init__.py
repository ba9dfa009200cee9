"""`transform`: from a function's text to the text of its value and gradient.

Source-to-source reverse mode, as Tapenade does it for Fortran and C (Hascoet and Pascual 2013) and
Tangent did for Python (van Merrienboer, Moldovan and Wiltschko 2018): loops stay loops, branches
stay branches, and what the way back needs is pushed and popped in plain sight.

    fence      what is not understood is refused, with file, line and caret
    exits      break, continue and early return are put in order
    owners     a write that somebody else would see is refused
    small      one operation per line; what carries no derivative stays as it stands
    adjoint    the derivative of each line, printed from the table; inline: comprehensions, sum
    sweeps     the way back; saves: what it needs kept
    printing   both as text; runtime: what the text calls
"""

import contextlib
import functools
import inspect
import re
import sys

from .. import trees, xp
from ..errors import AutodiffError
from .program import Program
from .runtime import result_like


def transform(f, argnums=0, cotangent=False, scalars=False):
    """A function that returns `(f(...), gradient)`, and whose `source` can be read.

    `argnums` is the position of the argument to differentiate, or a tuple of positions. With
    `cotangent=True` the value may be anything, and its cotangent is given as `cotangent=`. Names
    that `f` reads from outside are constants: what they are now. Functions of the user's own that
    it calls are transformed too. `scalars=True` promises that every array is a single number, or a
    vector or list that is only read entry by entry: there is no broadcasting to undo then, and the
    text is shorter.

    >>> import autodiff_lab as ad
    >>> def power(x, n):
    ...     y = 1.0
    ...     for _ in range(n):
    ...         y = y * x
    ...     return y
    >>> g = ad.transform(power)
    >>> g(3.0, 2)
    (9.0, 6.0)
    """
    return Transformed(f, argnums, cotangent, scalars)


class Transformed:
    """The gradient of a function as a program: `source` is its text, `function` what it makes."""

    def __init__(self, f, argnums, cotangent, scalars):
        self.scalars = scalars
        self.argnums = argnums if isinstance(argnums, tuple) else (argnums,)
        self.single = not isinstance(argnums, tuple)
        f = f.function if isinstance(f, Transformed) else f
        program = Program(f, scalars)
        self.source, self.function = program.gradient(f, self.argnums, cotangent)
        self.writes = bool(_WRITES.search(self.source))
        functools.update_wrapper(self, f)
        del self.__wrapped__
        self.signature = inspect.signature(f)

    def __call__(self, *args, **kwargs):
        given = args
        more = {k: v for k, v in kwargs.items() if k != "cotangent"}
        if len(args) <= max(self.argnums):
            given = self.signature.bind(*args, **more).args
        chosen = [given[i] for i in self.argnums]
        _check_real(chosen)
        if self.scalars:
            _check_scalars(given)
        if self.writes:
            _check_apart(given)
        if "cotangent" in kwargs:
            more["cotangent"] = kwargs["cotangent"]
        with _without_graph(args):
            value, found = self.function(*args, **more)
        found = (found,) if len(self.argnums) == 1 else found
        found = tuple(result_like(g, x) for g, x in zip(found, chosen, strict=True))
        return value, found[0] if self.single else found

    def __repr__(self):
        return f"<transformed {getattr(self, '__name__', 'function')}: print its .source>"


def _without_graph(args):
    """Torch's own graph is not built; a recorded value is left to its tape."""
    torch = sys.modules.get("torch")
    leaves = trees.leaves(args)
    if torch is None or xp.framework(leaves) == "jax" or any(hasattr(x, "tape") for x in leaves):
        return contextlib.nullcontext()
    return torch.no_grad()


def _check_real(args):
    for x in trees.leaves(args):
        verbs = xp.of(x)
        if isinstance(x, complex) or (verbs is not None and verbs.is_complex(x.dtype)):
            raise AutodiffError("transform is for real functions; use ad.vjp for complex arguments")


# A parameter that is made anew where the function wrote into it.
_WRITES = re.compile(r"^ *(\w+) = (put|append)\(\1,|^ *(\w+)_1 = \3$", re.MULTILINE)


def _check_apart(args):
    """What is written is copied: who is another name of it would not see the write."""
    held = [id(x) for x in args if isinstance(x, (list, dict)) or xp.framework_of(x) == "torch"]
    if len(set(held)) < len(held):
        raise AutodiffError(
            "one array or list was given as two arguments of a function that writes into an "
            "argument, and the other would see the write; give a copy of it, x.clone() or list(x)"
        )


def _check_scalars(args):
    for x in args:
        one_by_one = isinstance(x, (list, tuple)) or len(getattr(x, "shape", ())) == 1
        for v in x if one_by_one else [x]:
            if getattr(v, "shape", ()) != ():
                raise AutodiffError(
                    f"scalars=True, but an argument has shape {tuple(v.shape)}; leave it out"
                )
