"""`autobatch`: a function of one example becomes a function of a ragged batch."""

import functools

from autodiff_lab import trees, xp

from .batches.masked_batch import is_batch
from .errors import MaskError
from .lifting import limits
from .strategies import chosen


def autobatch(f, strategy="masked", max_trips=None, **options):
    """Run `f`, written for one example, on batches.

    Arguments that hold a `MaskedBatch` are batched; all others (weights, numbers) are shared. The
    result has `f`'s structure with a `MaskedBatch` for every array in it, and

        autobatch(f)(batch(xs), w).unbatch()  ==  [f(x, w) for x in xs]

    whatever the padding holds: values, and gradients too, with the framework's own `grad` or
    autodiff_lab's. `strategy` names the way to do it (`ml.strategies()` lists them,
    `ml.leaderboard` compares them on your function and data); `options` are that strategy's own.

    Control flow inside `f` is lifted: `if`, `for`, `while`, `break` and early `return` go each
    example's own way (`ml.lifted_source(f)` shows how). `max_trips` bounds the trips of a `while`
    loop; under `jax.jit` it makes such a loop differentiable backwards (JAX refuses without it),
    and an example that is not done by then gets NaN.

    Under `jax.jit` a `for` loop over a ragged dim is one `lax.scan`; one that a scan cannot hold,
    since it reads a list that it fills, say, is written out trip by trip. No error can be raised
    while the program runs: an example on which a name has no value gets NaN there, and an
    assertion is not checked.

    >>> import torch
    >>> from masking_lab import batch
    >>> mean = autobatch(lambda x: x.mean())
    >>> mean(batch([torch.tensor([1.0, 3.0]), torch.tensor([5.0])])).unbatch()
    [tensor(2.), tensor(5.)]
    """
    run = chosen(strategy, options)

    @functools.wraps(f)
    def batched(*args, **kwargs):
        count = count_of(f, args, kwargs)
        with limits.limited(max_trips):
            return run(f, args, kwargs, count) if count else _of_none(run, f, args, kwargs)

    return batched


def _of_none(run, f, args, kwargs):
    """The shapes alone, where they can be known."""
    try:
        return run(f, args, kwargs, 0)
    except MaskError:
        raise
    except Exception as error:
        line = str(error).strip().partition("\n")[0].rstrip(".")
        raise MaskError(
            f"{getattr(f, '__name__', 'f')} of a batch of no examples broke off "
            f"({type(error).__name__}: {line}), so nobody knows what it returns; skip empty batches"
        ) from error


def count_of(f, args, kwargs):
    """How many examples the batches hold: all the same, and on one framework."""
    name = getattr(f, "__name__", "f")
    leaves = trees.flatten((args, kwargs), is_leaf=is_batch)[0]
    counts = sorted({len(x) for x in leaves if is_batch(x)})
    if not counts:
        raise MaskError(
            f"autobatch({name}) was called without a MaskedBatch; make one with ml.batch([...]), "
            f"or call {name} itself"
        )
    if len(counts) > 1:
        raise MaskError(
            f"autobatch({name}) was called with batches of {' and '.join(map(str, counts))} "
            "examples; all batches of one call hold the same examples"
        )
    xp.of(*(x.data if is_batch(x) else x for x in leaves))  # refuses two frameworks in one call
    return counts[0]
