"""Lazy batching, as DyNet does it (Neubig, Goldberg and Dyer 2017).

    later      an array to come, and the call that gives it
    record     calls are written down
    together   all examples run at once, each until it needs a number
    schedule   which calls are made together
    execute    one call for many

Nothing is padded: each example is as long as it is. Calls that look alike run together, whole
functions of the user's (cells) where they take and give arrays, else one operation at a time
(whole cells are what later systems won by: Cavs, Xu et al. 2018).
"""

import numpy as np

from autodiff_lab import trees

from ...batches.masked_batch import MaskedBatch, is_batch
from ...batches.randomness import watched
from ...errors import MaskError
from ...lifting import calls
from .. import strategy
from ..results import as_batches
from .execute import execute, gathered
from .later import Home, Later, Look
from .record import Recorder
from .schedule import ORDERS, pending
from .together import run_together


@strategy
def lazy(f, args, kwargs, count, order="agenda", whole=True):
    """Each example on its own; what they compute is put off, and calls that look alike are one."""
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    if not count:
        raise MaskError("strategy='lazy' runs examples, and there are none; use 'masked'")
    first = next(x for x in leaves if is_batch(x))
    recorder = Recorder(first.data, whole)
    columns = [_examples(recorder, x) if is_batch(x) else [x] * count for x in leaves]
    run = calls.callee(f)

    def job(own):
        def example():
            with calls.answered_by(recorder.called):
                new_args, new_kwargs = rebuild(list(own))
                return run(*new_args, **new_kwargs)

        return example

    def compute(wanted):
        for group in ORDERS[order](pending(wanted)):
            execute(recorder.verbs, group)

    def all_of_them():
        results = run_together([job(own) for own in zip(*columns, strict=True)], compute)
        compute([x for x in trees.leaves(results) if isinstance(x, Later)])
        return as_batches(results, first, lambda column: _made(column, first))

    return watched(f, all_of_them)


def _examples(recorder, b):
    """Each example's array, in its own size; whole numbers are known."""
    if any(n is not None and n.ndim > 1 for n in b.sizes):
        raise MaskError("strategy='lazy' takes no examples that are lists of arrays of different "
                        "sizes; use strategy='masked'")  # fmt: skip
    sizes = [None if n is None else n.tolist() for n in b.sizes]
    looks = [Look(_shape(b, sizes, i), b.data.dtype) for i in range(len(b))]
    if recorder.verbs.is_inexact(b.data.dtype):
        return [Later(recorder, look, home=Home(b.data, i)) for i, look in enumerate(looks)]
    data = np.asarray(b.data)
    parts = [data[(i, *map(slice, look.shape))] for i, look in enumerate(looks)]
    return [Later(recorder, look, known=x) for look, x in zip(looks, parts, strict=True)]


def _shape(b, sizes, i):
    return tuple(
        n if own is None else own[i] for n, own in zip(b.data.shape[1:], sizes, strict=True)
    )


def _made(column, first):
    """Values that look alike as a batch; others by themselves."""
    if any(type(x) is not Later for x in column) or len({x.look for x in column}) > 1:
        return [x.recorder.verbs.asarray(x.plain(), first.data) if type(x) is Later else x
                for x in column]  # fmt: skip
    data = gathered(column[0].recorder.verbs, column)
    return MaskedBatch(data, (None,) * (len(data.shape) - 1), first.side)
