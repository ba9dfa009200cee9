"""`checkpoint`: the same function and the same gradient, with less kept and more computed again.

    schedule    when to keep a state and when to compute it again: the papers
    reversal    carries a schedule out
    measure     what a run really held

A reverse tape meets a checkpointed function as one node. Its value is computed and let go of, but
for what the policy keeps; on the way back the rest is computed again, piece by piece. The front
ends know how to run a piece: `on_torch/checkpoints`, `on_jax/checkpoints`.
"""

import functools
import itertools
from dataclasses import dataclass

from .. import trees, xp
from ..errors import AutodiffError
from . import schedule
from .measure import Memory, memory

__all__ = ["Memory", "Policy", "checkpoint", "memory"]

SERIAL = itertools.count(1)  # so that whoever looks can tell two calls on one line apart
POLICIES = ("all", "none", "sqrt", "revolve", "online")


def checkpoint(f=None, policy="none", *, steps=None, until=None, snapshots=None):
    """Return a function that computes what `f` does, and keeps less for its gradient.

        "all"       everything the gradient reads: nothing is computed twice
        "none"      the arguments only: everything is computed twice
        "sqrt"      after every sqrt(n)-th step: everything is computed twice
        "revolve"   at most `snapshots` states, and the fewest steps that this allows
        "online"    the same where the number of steps is not known beforehand

    The steps are the operations of `f`, or with `steps=n` the calls of `f`: then f is one step,
    `f(state, *params) -> state`, and the result is the state after n of them. With `until=`, a
    function of the same arguments, steps are made until it answers True.

    Gradients are the same to the last bit under every policy (under `jax.jit`, XLA's rounding
    aside). `ad.memory` measures what is held.

    >>> import torch
    >>> from autodiff_lab import checkpoint, grad
    >>> step = lambda x, w: torch.tanh(w * x)
    >>> f = checkpoint(step, policy="revolve", steps=100, snapshots=4)
    >>> x, w = torch.tensor(0.5), torch.tensor(1.1)
    >>> grad(f, (0, 1))(x, w) == grad(checkpoint(step, "all", steps=100), (0, 1))(x, w)
    True
    """
    if f is None or isinstance(f, str):
        policy = f or policy
        return functools.partial(
            checkpoint, policy=policy, steps=steps, until=until, snapshots=snapshots
        )
    plan = Policy(policy, steps, until, snapshots)
    plan.check(f)

    @functools.wraps(f, updated=())
    def checkpointed(*args, **kwargs):
        serial = next(SERIAL)  # noqa: F841 (read by `source.locate`)
        framework = xp.framework(trees.leaves((args, kwargs)))
        if framework is None:
            return plain(plan, f)(*args, **kwargs)
        return _front_end(framework).run(plan, f, args, kwargs)

    return checkpointed


def plain(plan, f):
    """The function itself: the loop, where it is a loop."""
    if not plan.loops:
        return f

    def looped(state, *params):
        at = 0
        while at != plan.steps if plan.until is None else not plan.is_done(state, params):
            state, at = f(state, *params), at + 1
        return state

    return looped


@dataclass(frozen=True)
class Policy:
    """What is kept. For `jax.checkpoint`, which is asked with it on JAX, it keeps nothing."""

    name: str
    steps: int | None = None
    until: object = None
    snapshots: int | None = None

    def __call__(self, *_, **__):
        return False

    @property
    def loops(self):
        return self.steps is not None or self.until is not None

    def is_done(self, state, params):
        """The answer of `until`: one boolean, which may be traced."""
        answer = self.until(state, *params)
        if tuple(getattr(answer, "shape", ())) != ():
            raise AutodiffError(
                f"until= of a checkpointed loop answered with shape {tuple(answer.shape)}; it says "
                "with one boolean whether to stop, for example with .all() or .any()"
            )
        return answer

    def schedule(self, steps=None):
        """The actions, for so many steps or for as many as will come."""
        if steps == 0:
            return (action for action in [schedule.Turn()])
        count = () if self.snapshots is None else (self.snapshots,)
        if steps is None or self.name == "online":
            return _ONLINE[self.name](*count)
        return _OFFLINE[self.name](steps, *count)

    def check(self, f):
        name = getattr(f, "__name__", type(f).__name__)
        for wrong, sentence in self._mistakes():
            if wrong:
                raise AutodiffError(f"checkpoint of {name}: {sentence}")
        if not callable(f):
            raise AutodiffError(f"checkpoint takes a function, not {f!r}")

    def _mistakes(self):
        s, n = self.snapshots, self.steps
        counts = self.name in ("revolve", "online")
        yield (
            self.name not in POLICIES,
            (f"policy={self.name!r} is none of {', '.join(map(repr, POLICIES))}"),
        )
        yield (
            counts and (type(s) is not int or s < 1),
            (
                f"policy={self.name!r} takes snapshots=, how many states may be held at once, 1 or "
                f"more; it was given {s!r}"
            ),
        )
        yield (
            not counts and s is not None,
            (
                f"policy={self.name!r} takes no snapshots= (it was given {s!r}); 'revolve' and "
                "'online' do"
            ),
        )
        yield (
            n is not None and (type(n) is not int or n < 0),
            (f"steps={n!r}; give the number of calls, an int of 0 or more"),
        )
        yield (
            n is not None and self.until is not None,
            ("steps= and until= are both given; a loop ends by one of them"),
        )
        yield (
            self.until is not None and not callable(self.until),
            (f"until={self.until!r}; give a function of the state that says when to stop"),
        )
        yield (
            self.name == "revolve" and n is None,
            (
                "policy='revolve' places its snapshots by the number of steps; give steps=n of a "
                "step f(state, *params) -> state, or use policy='online'"
            ),
        )


_OFFLINE = {
    "all": schedule.everything,
    "none": schedule.nothing,
    "sqrt": schedule.every_root,
    "revolve": schedule.revolve,
}
_ONLINE = {
    "none": schedule.nothing_online,
    "sqrt": schedule.every_root_online,
    "online": schedule.online,
}


def _front_end(framework):
    if framework == "torch":
        from ..on_torch import checkpoints as found
    else:
        from ..on_jax import checkpoints as found
    return found
