"""How will the answer of a call look? That is tried on one example of ones.

Once for each signature; and what was found out is remembered, for the next batch. A function whose
values decide what it does has no one look: it is opened, and its operations are written down.
"""

import contextlib

from autodiff_lab import trees, xp

from ...lane import Lane
from ...lifting import calls, effects
from .later import Alike, Later, Look, Looks, filled, seen

MANY = 1024
_remembered: dict = {}  # (which function, how its arguments look) -> what was found out


class NotWhole(Exception):
    """A function does more than compute, or its values decide what it computes."""


class Stale(Exception):
    """An answer does not look as it did when it was tried: something has changed meanwhile."""


def tried(recorder, which, run, args, kwargs, inputs, may_refuse):
    """An `Alike`; None for a function that cannot be kept whole."""
    kept = Looks([run])
    key = recorder.verbs.name, recorder.whole, which, seen((args, kwargs), kept)
    if key not in _remembered:
        if len(_remembered) >= MANY:
            _remembered.clear()
        try:
            _remembered[key] = *_try(recorder, run, args, kwargs, inputs, may_refuse), kept
        except NotWhole:
            _remembered[key] = None, None, kept
        except Exception:
            if may_refuse:  # the calls inside it say what is wrong, if anything is
                return None
            raise
    answers, rebuild, _ = _remembered[key]
    if answers is None and not may_refuse:
        raise NotWhole
    return None if answers is None else Alike(run, answers, rebuild, (args, kwargs))


def forget():
    _remembered.clear()


def _try(recorder, run, args, kwargs, inputs, is_users):
    try:
        found = _of_ones(recorder, run, args, kwargs, inputs, is_users)
    except IndexError:  # an array of one entry has none at 1
        found = _of_ones(recorder, run, args, kwargs, inputs, is_users, 0)
    leaves, _, rebuild = trees.flatten(found)
    answers = [look(x) for x in leaves]
    if is_users and not _is_cells(leaves, answers):
        raise NotWhole
    return answers, rebuild


def _is_cells(leaves, answers):
    """Arrays that this call computed, and nothing else.

    An object would be the trial's for every example; a number may be another one next time.
    """
    return all([type(x) is Look for x in answers]) and not any([type(x) is Later for x in leaves])


def _of_ones(recorder, run, args, kwargs, inputs, is_users, index=1):
    verbs = recorder.verbs
    lanes = []
    for x in inputs:
        fill = verbs.ones if index or verbs.is_inexact(x.dtype) else verbs.zeros
        ones = fill((1, *x.shape), verbs.known(x.dtype), recorder.like)
        lanes.append(Lane(ones, (None,) * x.ndim))
    args, kwargs = filled((args, kwargs), iter(lanes))
    watcher = _refuse if is_users else None
    no_graph = verbs.lib.no_grad() if verbs.name == "torch" else contextlib.nullcontext()
    with calls.answered_by(recorder.in_cell), effects.told_of_decisions(watcher), no_graph:
        found = run(*args, **kwargs)
    if is_users and _hands_on(found, (args, kwargs)):
        raise NotWhole
    return found


def _hands_on(found, given):
    """Is a list that was given among the answers? Who writes to one would see it in the other."""
    return not {id(x) for x in _lists(found)}.isdisjoint([id(x) for x in _lists(given)])


def _lists(x):
    if isinstance(x, (list, dict)):
        yield x
    if isinstance(x, (list, tuple, dict)):
        for part in x.values() if isinstance(x, dict) else x:
            yield from _lists(part)


def _refuse():
    raise NotWhole


def look(x):
    """Of an answer; what is no array is the answer itself."""
    if not isinstance(x, Lane):
        return Look(tuple(x.shape), x.dtype) if xp.framework_of(x) else x
    if any(n is not None for n in x.sizes):
        raise NotWhole
    return Look(tuple(x.data.shape[1:]), x.dtype)
