"""Which strategies are there, and does one apply?

Nothing is promised: the strategy is tried on the very arguments, and its own refusal is the answer.
"""

from ..autobatch import autobatch, count_of
from ..errors import MaskError
from . import STRATEGIES


def strategies():
    """The strategies by name, each with a line on what it does.

    >>> strategies()["loop"]
    'One example after the other.'
    """
    return {name: (run.__doc__ or "").partition("\n")[0] for name, run in STRATEGIES.items()}


def why_not(strategy, f, *args, **kwargs):
    """Why a strategy does not apply to `f` of these arguments, in a sentence; None if it does.

    `f` is run. An error that `f` raises in the plain loop too is its own, and is raised.

    >>> import torch, masking_lab as ml
    >>> b = ml.batch([torch.ones(3), torch.ones(1)])
    >>> first = lambda x: x.sum() if x[0] > 0 else x[0]
    >>> print(why_not("masked", first, b))
    None
    >>> "a computed value decides what comes next" in why_not("fold", first, b)
    True
    """
    run = autobatch(f, strategy)
    count_of(f, args, kwargs)  # raises what is wrong with the call, whatever the strategy
    try:
        run(*args, **kwargs)
    except Exception as error:
        return reason(strategy, error, lambda: autobatch(f, "loop")(*args, **kwargs))
    return None


def reason(strategy, error, loop):
    """What a strategy's error says about it; raises an error that `loop()` raises as well."""
    if strategy != "loop":
        try:
            loop()
        except MaskError:
            pass
    elif not isinstance(error, MaskError):
        raise error
    if isinstance(error, MaskError):
        return str(error)
    name = getattr(strategy, "__name__", strategy)
    return f"strategy={name!r} breaks off with {type(error).__name__}: {error}"
