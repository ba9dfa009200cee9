"""Ways to run a function of one example on many. One interface, one file each.

A strategy is called as `run(f, args, kwargs, count)`: some leaves of the arguments are
`MaskedBatch`es of `count` examples, all others are shared. It returns `f`'s structure with a
`MaskedBatch` for every array. `loop` is the meaning; all others must equal it.
"""

STRATEGIES: dict = {}


def strategy(run):
    """Register a strategy under its function's name; its docstring tells what it is."""
    STRATEGIES[run.__name__] = run
    return run


from . import fold, lazy, loop, masked, vmap  # noqa: E402, F401
