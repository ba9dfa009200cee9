"""`record`: run a function once and keep everything, to be looked at."""

from .tape import Tape
from .trace import trace


def record(f, *args, **kwargs):
    """Run `f(*args, **kwargs)` and return its `Tape`.

    Every array in the arguments is an input of the tape; every operation on one is a node with its
    value, its parents, and the line of source it came from.

    >>> import torch
    >>> tape = record(lambda x: torch.tanh(x) * 2, torch.tensor(0.5))
    >>> [node.op for node in tape.nodes]
    ['input', 'tanh', 'multiply']
    >>> tape.backward()
    (tensor(1.5729),)
    """
    tape = trace(lambda xp: Tape(xp, keep_all=True), f, args, kwargs)
    tape.called = f, args, kwargs
    return tape
