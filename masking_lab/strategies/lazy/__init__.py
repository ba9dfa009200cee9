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

import contextlib
import sys

from autodiff_lab import trees
from autodiff_lab.collector import held_off

from ...batches.masked_batch import is_batch
from ...batches.randomness import watched
from ...errors import MaskError
from ...lane import NUMBERS
from ...lifting import calls
from ...lifting.items import finished
from ...setting import setting
from .. import strategy
from ..results import as_batches
from .columns import column, made
from .execute import execute, first_readers
from .later import Later
from .record import Recorder, running
from .schedule import ORDERS, pending
from .together import run_together, wait_for
from .trial import Stale, forget

DEEP = 4000


@strategy
def lazy(f, args, kwargs, count, order="agenda", whole=True):
    """Each example on its own; what they compute is put off, and calls that look alike are one."""
    return lazily(f, args, kwargs, count, ORDERS[order], whole=whole)


def lazily(f, args, kwargs, count, order, whole=True, wait=wait_for):
    """`f` of batches. `wait(x)` is called where a number is needed that is not there yet."""
    if not count:
        raise MaskError("a strategy that runs examples has none to run; use strategy='masked'")
    leaves = trees.flatten((args, kwargs), is_leaf=is_batch)[0]
    first, run = next(x for x in leaves if is_batch(x)), calls.callee(f)

    def all_of_them():
        recorder = Recorder(first.data, whole, wait)
        columns = [column(recorder, x, count) for x in args]
        named = {name: column(recorder, x, count) for name, x in kwargs.items()}

        def job(i):
            def example():
                more = {name: own[i] for name, own in named.items()}
                return finished(run(*[own[i] for own in columns], **more))

            return example

        found = outcome(recorder, [job(i) for i in range(count)], order, first)
        recorder.check_shared()
        return found

    return watched(f, lambda: unless_stale(all_of_them))


def unless_stale(run):
    """`run()`; once more, if what decides how answers look has changed since the last time."""
    try:
        return run()
    except Stale:
        forget()
        return run()


def outcome(recorder, jobs, order, first, before=lambda: None):
    """What the jobs return, as batches; they write calls down, which are made in this order."""

    def compute(wanted):
        before()
        with calls.straight(first.data):  # a cell runs in many groups, each time the same
            groups = list(order(pending(wanted)))
            readers = first_readers(groups)
            for group in groups:
                execute(recorder.verbs, group, readers)

    def written_down(i, job):
        def run():
            with calls.answered_by(recorder.called), setting(running, i), setting(NUMBERS, [i]):
                return job()

        return run

    with undisturbed():
        results = run_together([written_down(i, job) for i, job in enumerate(jobs)], compute)
        compute([x for x in trees.leaves(results) if isinstance(x, Later)])
        return as_batches(results, first, lambda column: made(column, first))


@contextlib.contextmanager
def undisturbed():
    """While calls are written down: recursion takes some frames for each of the user's, so it may
    be deeper; and nothing is thrown away yet, so the collector need not go through it all again."""
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(max(limit, DEEP))
        with held_off:
            yield
    finally:
        sys.setrecursionlimit(limit)
