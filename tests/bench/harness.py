"""Time contenders on the identical function, in turn, and compare them by ratio.

A time in microseconds says as much about the machine as about the code, and drifts with its load.
So each round times every contender once, and what we report is the median over the rounds of
contender / baseline, with the quartiles. Contenders must give the same result first.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

SAMPLE = 0.005  # seconds: shorter calls are repeated, so that the clock's grain does not matter


@dataclass(frozen=True)
class Row:
    """One figure: `build()` gives the contenders, callables without arguments, one the baseline."""

    name: str
    build: Callable[[], dict[str, Callable]]
    baseline: str
    needs: tuple[str, ...]
    must: dict[str, float] = field(default_factory=dict)


ROWS: dict[str, Row] = {}


def bench(name: str, *, baseline: str, needs: tuple[str, ...] = (), must=None):
    """Register a row. `must={"ours": 1.1}`: the median of ours / baseline may not be above 1.1.

    A contender may have an attribute `cost`, a dict of numbers counted rather than timed (FLOPs,
    bytes): they are reported as ratios too.
    """

    def register(build):
        ROWS[name] = Row(name, build, baseline, needs, must or {})
        return build

    return register


def run(row: Row, rounds: int, clock=time.perf_counter) -> dict:
    """Everything we know about a row, as plain data."""
    calls = row.build()
    check_agreement(row, {name: call() for name, call in calls.items()})
    times = interleaved(calls, rounds, clock)
    contenders = {name: figures(name, row, calls, times) for name in calls}
    missed = [name for name, most in row.must.items() if contenders[name]["ratio"][1] > most]
    return {
        "name": row.name,
        "baseline": row.baseline,
        "rounds": rounds,
        "must": row.must,
        "missed": missed,
        "contenders": contenders,
    }


def attempt(row: Row, rounds: int) -> dict:
    """As `run`, but a row that fails says so, and the others go on."""
    try:
        return run(row, rounds)
    except Exception as error:
        return {"name": row.name, "error": f"{type(error).__name__}: {error}"}


def figures(name: str, row: Row, calls: dict, times: dict[str, np.ndarray]) -> dict:
    ratios = times[name] / times[row.baseline]
    cost, base = (getattr(calls[n], "cost", {}) for n in (name, row.baseline))
    return {
        "microseconds": float(np.median(times[name]) * 1e6),
        "ratio": [float(q) for q in np.percentile(ratios, [25, 50, 75])],
        "cost": {what: cost[what] / base[what] for what in cost if base.get(what)},
    }


def interleaved(calls: dict[str, Callable], rounds: int, clock) -> dict[str, np.ndarray]:
    """Seconds for one call, per contender and round; who goes first changes with each round."""
    repeats = {name: repeats_for(call, clock) for name, call in calls.items()}  # also warms up
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in range(rounds):
        for name in order:
            times[name].append(sample(calls[name], repeats[name], clock))
        order = order[1:] + order[:1]
    return {name: np.array(seconds) for name, seconds in times.items()}


def repeats_for(call: Callable, clock) -> int:
    count = 1
    while sample(call, count, clock) * count < SAMPLE:
        count *= 2
    return count


def sample(call: Callable, count: int, clock) -> float:
    # the garbage collector stays on: what a contender leaves behind is part of its cost
    start = clock()
    for _ in range(count):
        call()
    return (clock() - start) / count


def check_agreement(row: Row, results: dict) -> None:
    """A fast wrong answer is no contender."""
    wanted = leaves(results[row.baseline])
    for name, result in results.items():
        found = leaves(result)
        same = len(found) == len(wanted) and all(
            np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(found, wanted, strict=True)
        )
        if not same:
            raise AssertionError(f"{row.name}: {name} does not give what {row.baseline} gives.")


def leaves(value) -> list[np.ndarray]:
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [np.asarray(value.detach() if hasattr(value, "detach") else value)]
