"""What a run holds: bytes alive, measured while it runs.

On PyTorch every new storage is noted as the dispatcher hands it out, and again when it is gone; on
JAX the arrays that live are counted whenever a step of a checkpointed function is done. A jitted
function of JAX is one program, whose memory XLA has planned: there XLA is asked.
"""

import contextvars
import weakref
from dataclasses import dataclass, field
from typing import NamedTuple

from .. import trees, xp
from ..errors import AutodiffError
from .schedule import Advance, Record

_watching: contextvars.ContextVar = contextvars.ContextVar("watching", default=None)


class Moment(NamedTuple):
    """After an action of a schedule: what it was, the bytes alive, the snapshots held."""

    action: object
    bytes: int
    snapshots: int


@dataclass
class Memory:
    """What `ad.memory` found. Bytes are those that were not there before."""

    value: object = None
    peak_bytes: int = 0
    steps: int = 0  # that were run, on a tape or not
    recomputed: int = 0  # of these, those that were run before or will be run again
    peak_snapshots: int = 0
    timeline: list = field(default_factory=list, repr=False)

    def __repr__(self):
        return (
            f"<memory: at most {self.peak_bytes:,} bytes; {self.steps} steps run, "
            f"{self.recomputed} of them again; at most {self.peak_snapshots} snapshots>"
        )


def memory(f, *args, **kwargs):
    """Run `f(*args, **kwargs)` and report the bytes it holds at most, and what was run again.

    `value` is the result. `peak_bytes` is the most that was alive at once, beyond what was there
    before. For the schedules of `checkpoint` below it: `steps`, `recomputed`, `peak_snapshots`, and
    the `timeline`, a list of `(action, bytes, snapshots)`.

    >>> import torch
    >>> from autodiff_lab import checkpoint, grad
    >>> step = lambda x: torch.sin(x)
    >>> f = checkpoint(step, policy="revolve", steps=10, snapshots=3)
    >>> memory(grad(lambda x: f(x).sum()), torch.ones(1000)).recomputed
    15
    """
    watch = Watch()
    leaves = trees.leaves((args, kwargs))
    framework = xp.framework(leaves)
    if framework is None:
        kinds = ", ".join(type(x).__name__ for x in leaves) or "nothing"
        raise AutodiffError(
            f"memory was given {kinds}, and no leaf is a torch.Tensor or a JAX array; call it as "
            "memory(f, *args), where f is what you want to measure, for example ad.grad(loss)"
        )
    if framework == "jax" and hasattr(f, "lower"):
        return _planned(f, args, kwargs)
    token = _watching.set(watch)
    try:
        with _METERS[framework](watch):
            watch.report.value = f(*args, **kwargs)
            watch.look()
    finally:
        _watching.reset(token)
    return watch.report


class Watch:
    """Who writes the report; `alive` is the meter's answer."""

    def __init__(self):
        self.report, self.alive = Memory(), lambda: 0
        self.held = weakref.WeakKeyDictionary()  # reversal -> its snapshots

    def look(self):
        found = self.alive()
        self.report.peak_bytes = max(self.report.peak_bytes, found)
        return found

    def event(self, action, reversal):
        report = self.report
        if type(action) in (Advance, Record):
            report.steps += action.stop - action.start
            if type(action) is Advance:
                report.recomputed += action.stop - action.start
        self.held[reversal] = len(reversal.snapshots)
        snapshots = sum(self.held.values())
        report.peak_snapshots = max(report.peak_snapshots, snapshots)
        report.timeline.append(Moment(action, self.look(), snapshots))


def look():
    """JAX tells nobody when an array comes or goes: it is asked after each equation."""
    watch = _watching.get()
    if watch is not None:
        watch.look()


def seen(action, reversal):
    """An action was carried out."""
    watch = _watching.get()
    if watch is not None:
        watch.event(action, reversal)


def _on_torch(watch):
    from ..on_torch import front  # noqa: F401  # what an import makes is not f's
    from ..on_torch.meter import Meter

    return Meter(watch)


class _LiveArrays:
    """JAX's own list of the arrays that live."""

    def __init__(self, watch):
        self.watch = watch

    def __enter__(self):
        before = self.count()
        self.watch.alive = lambda: self.count() - before

    def __exit__(self, *_):
        self.watch.alive = lambda: 0

    @staticmethod
    def count():
        import jax

        return sum(x.nbytes for x in jax.live_arrays())


_METERS = {"torch": _on_torch, "jax": _LiveArrays}


def _planned(f, args, kwargs):
    """XLA plans the memory of a compiled program: its temporaries and its results."""
    program = f.lower(*args, **kwargs).compile()
    plan = program.memory_analysis()
    value = program(*args, **kwargs)
    return Memory(value, plan.temp_size_in_bytes + plan.output_size_in_bytes)
