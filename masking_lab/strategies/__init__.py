"""Ways to run a function of one example on many. One interface, one file each.

A strategy is called as `run(f, args, kwargs, count)`: some leaves of the arguments are
`MaskedBatch`es of `count` examples, all others are shared. It returns `f`'s structure with a
`MaskedBatch` for every array. `loop` is the meaning; all others must equal it. Options of its own
are further parameters, with defaults; `autobatch` passes them by keyword.

A strategy that cannot run a function refuses it, and says why in a `MaskError`.
"""

import functools
import inspect

from ..errors import MaskError

STRATEGIES: dict = {}


def strategy(run):
    """Register a strategy under its function's name; its docstring tells what it is."""
    STRATEGIES[run.__name__] = run
    return run


def chosen(name, options):
    """The strategy of that name with its options set; any callable of the interface is one too."""
    run = STRATEGIES.get(name, name)
    if not callable(run):
        raise MaskError(f"no strategy {name!r}; choose one of {', '.join(sorted(STRATEGIES))}")
    if not options:
        return run
    known = list(inspect.signature(run).parameters)[4:]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise MaskError(
            f"strategy={name!r} has no option {unknown[0]!r}; it has {', '.join(known) or 'none'}"
        )
    return functools.partial(run, **options)


from . import bucketed, fold, lazy, loop, masked, packed, pc, shrink, vmap  # noqa: E402, F401
