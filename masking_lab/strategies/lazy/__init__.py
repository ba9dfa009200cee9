"""Lazy batching, as DyNet does it (Neubig, Goldberg and Dyer 2017).

    later      an array to come, and the call that gives it
    record     calls are written down
    trial      how will their answers look?
    together   all examples run at once, each until it needs a number
    schedule   which calls are made together
    execute    one call for many
    columns    batches as examples, and examples' results as batches

Nothing is padded: each example is as long as it is. Calls that look alike run together, whole
functions of the user's (cells) where they take and give arrays, else one operation at a time
(whole cells are what later systems won by: Cavs, Xu et al. 2018).
"""

from autodiff_lab import trees, xp

from ...batches.masked_batch import is_batch
from ...batches.randomness import watched
from ...errors import MaskError
from ...lifting import calls
from ...lifting.items import finished
from ...setting import setting
from .. import strategy
from ..results import as_batches
from .columns import examples, made
from .execute import execute
from .later import Later
from .record import Recorder, running
from .schedule import ORDERS, pending
from .together import run_together
from .trial import Stale, forget


@strategy
def lazy(f, args, kwargs, count, order="agenda", whole=True):
    """Each example on its own; what they compute is put off, and calls that look alike are one."""
    if not count:
        raise MaskError("strategy='lazy' runs examples, and there are none; use 'masked'")
    run = lambda: _lazily(f, args, kwargs, count, ORDERS[order], whole)  # noqa: E731
    try:
        return watched(f, run)
    except Stale:  # something that decides how answers look has changed since the last call
        forget()
        return watched(f, run)


def _lazily(f, args, kwargs, count, order, whole):
    leaves, _, rebuild = trees.flatten((args, kwargs), is_leaf=is_batch)
    first = next(x for x in leaves if is_batch(x))
    recorder = Recorder(first.data, whole, [x for x in leaves if xp.framework_of(x)])
    columns = [examples(recorder, x) if is_batch(x) else [x] * count for x in leaves]
    run = calls.callee(f)

    def job(i):
        def example():
            with calls.answered_by(recorder.called), setting(running, i):
                new_args, new_kwargs = rebuild([column[i] for column in columns])
                return finished(run(*new_args, **new_kwargs))

        return example

    def compute(wanted):
        for group in order(pending(wanted)):
            execute(recorder.verbs, group)

    results = run_together([job(i) for i in range(count)], compute)
    compute([x for x in trees.leaves(results) if isinstance(x, Later)])
    return as_batches(results, first, lambda column: made(column, first))
