"""The leaderboard: every strategy on the user's own function and data, side by side.

    case         the function, its batches, the numbers that a gradient is taken of
    contenders   what is run for a strategy; `compiled` is JAX's way
    gate         equality with the plain loop, values and gradients: or it is no contender
    clock        time, in turn and with its spread
    work         calls and multiplications, counted on the tape; the fewest calls there could be
    advice       Pareto marks, and a recommendation with its reason
    board        the result: plain data, and a page of text

It says what it found on this machine, this model and these lengths, and nothing else. On a small
model on a CPU the plain loop can win, and then that is what it says.
"""

from ..errors import MaskError
from ..strategies import STRATEGIES
from .board import Board
from .case import Case
from .rows import compared


def leaderboard(f, *batches, shared=(), strategies=None, backward=None, max_trips=None, rounds=7,
                seconds=1.0):  # fmt: skip
    """Compare the ways to run `f` on batches: which give the loop's numbers, and at what price?

    Called like `autobatch(f)(*batches)`; `shared` has what comes behind the batches, a tuple of
    arguments or a dict of keyword arguments. Every strategy that applies is run, or those that are
    named; one that does not give the loop's values and gradients is out. The others are timed:
    the call, and a step of training, which also takes the gradients of all floating-point arrays
    in the arguments and of the parameters of PyTorch modules.

    Gradients are `ad.grad`'s: like all of Tapestry, the leaderboard calls no other by itself. Those
    who train by the framework's hand it over, `backward=torch.Tensor.backward` or
    `backward=jax.grad`, and that is what is timed. On JAX what can be compiled as a whole is.

    The result is shown as text; it is data too: `.rows` (a dict for each strategy), `.lengths`,
    `.recommendation`, `.reason`, and `vars(board)` for all of it.

    >>> import torch, masking_lab as ml
    >>> b = ml.batch([torch.ones(n, 2) for n in (3, 1, 2)])
    >>> board = leaderboard(lambda x, w: (x @ w).sum(), b, shared=torch.ones(2), rounds=3)
    >>> [row["equal"] for row in board.rows if row["why_not"] is None][0], board.lengths
    (True, [3, 1, 2])
    """
    args, kwargs = (*batches, *_positional(shared)), shared if isinstance(shared, dict) else {}
    case = Case(f, args, kwargs, max_trips, backward)
    names = list(STRATEGIES) if strategies is None else list(strategies)
    unknown = [name for name in names if name not in STRATEGIES]
    if unknown:
        raise MaskError(f"no strategy {unknown[0]!r}; choose from {', '.join(sorted(STRATEGIES))}")
    return Board.of(case, *compared(case, names, rounds, seconds))


def _positional(shared):
    if isinstance(shared, dict):
        return ()
    return shared if isinstance(shared, tuple) else (shared,)
