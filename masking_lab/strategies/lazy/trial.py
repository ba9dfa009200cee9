"""How will the answer of a call look? That is tried on one example of ones.

Once for each signature; and what was found out is remembered, for the next batch. A function whose
values decide what it does has no one look: it is opened, and its operations are written down.
"""

import contextlib

from autodiff_lab import trees, xp

from ...lane import Lane
from ...lifting import calls, effects
from .later import Alike, Look, Looks, filled, seen

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
    verbs = recorder.verbs
    ones = [
        Lane(verbs.ones((1, *x.shape), x.dtype, recorder.like), (None,) * x.ndim) for x in inputs
    ]
    args, kwargs = filled((args, kwargs), iter(ones))
    watcher = _refuse if is_users else None
    no_graph = verbs.lib.no_grad() if verbs.name == "torch" else contextlib.nullcontext()
    with calls.answered_by(recorder.in_cell), effects.told_of_decisions(watcher), no_graph:
        found = run(*args, **kwargs)
    leaves, _, rebuild = trees.flatten(found)
    return [look(x) for x in leaves], rebuild


def _refuse():
    raise NotWhole


def look(x):
    """Of an answer; what is no array is the answer itself."""
    if not isinstance(x, Lane):
        return Look(tuple(x.shape), x.dtype) if xp.framework_of(x) else x
    if any(n is not None for n in x.sizes):
        raise NotWhole
    return Look(tuple(x.data.shape[1:]), x.dtype)
