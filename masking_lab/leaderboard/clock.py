"""Time, measured so that it can be compared: in turn, warmed up, waited for, with its spread.

A machine drifts with its load. So all contenders are timed once in each round, and who goes first
changes with each round; what is told are the quartiles over the rounds.
"""

import sys
import time

import numpy as np

from autodiff_lab import trees, xp

GRAIN = 0.002  # seconds: shorter calls are repeated, so that the clock's grain does not matter


def interleaved(calls, rounds, seconds, clock=time.perf_counter):
    """`{name: [low, median, high]}` in seconds for one call. All are warm: they have run before.

    A contender that has used up its `seconds` sits out after three rounds.
    """
    repeats = {name: how_often(call, clock) for name, call in calls.items()}
    times: dict = {name: [] for name in calls}
    order = list(calls)
    for _ in range(rounds):
        for name in order:
            if len(times[name]) < 3 or sum(times[name]) * repeats[name] < seconds:
                times[name].append(once(calls[name], repeats[name], clock))
        order = order[1:] + order[:1]
    return {name: [float(q) for q in np.percentile(t, [25, 50, 75])] for name, t in times.items()}


def how_often(call, clock):
    """How many calls make one measurement; to find out warms up, too."""
    count = 1
    while once(call, count, clock) * count < GRAIN:
        count *= 2
    return count


def once(call, count=1, clock=time.perf_counter):
    """Seconds for a call; what an accelerator still has to do is waited for."""
    wait()
    start = clock()
    for _ in range(count):
        result = call()
    wait(result)
    return (clock() - start) / count


def wait(result=None):
    arrays = [x for x in trees.leaves(result) if xp.framework_of(x) == "jax"]
    if arrays:
        sys.modules["jax"].block_until_ready(arrays)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
