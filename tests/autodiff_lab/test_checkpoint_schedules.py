"""Schedules without arrays: every one is played on a counter, and the steps are counted."""

import functools
import math

import pytest

from autodiff_lab.checkpointing import schedule
from autodiff_lab.checkpointing.schedule import extra_steps


def play(actions, steps):
    """Carry the actions out; returns how many steps were advanced, and the most snapshots held."""
    state, end, tape, kept, advanced, most = 0, None, None, set(), 0, 0
    answer = None
    while True:
        try:
            action = actions.send(answer)
        except StopIteration:
            assert (end == 0 or steps == 0) and not kept
            return advanced, most
        answer = None
        match action:
            case schedule.Ask(at):
                assert state == at
                answer = at < steps
            case schedule.Advance(start, stop):
                assert state == start < stop <= steps
                state, advanced = stop, advanced + stop - start
            case schedule.Record(start, stop):
                assert state == start and tape is None
                state = stop
                tape = start, stop
            case schedule.Turn():
                assert state == steps
                end = steps
            case schedule.Pull(start, stop):
                assert tape == (start, stop) and end == stop
                end, tape = start, None
            case schedule.Snapshot(at):
                assert state == at and at not in kept
                kept.add(at)
                most = max(most, len(kept))
            case schedule.Restore(at):
                assert at in kept
                state = at
            case schedule.Free(at):
                kept.remove(at)


@functools.cache
def fewest(steps, snapshots):
    """The optimum by dynamic programming: where to put the next snapshot."""
    if snapshots == 1 or steps == 1:
        return steps * (steps - 1) // 2
    parts = range(1, steps)
    return min(m + fewest(steps - m, snapshots - 1) + fewest(m, snapshots) for m in parts)


@pytest.mark.parametrize("steps, snapshots, extra", [(10, 3, 15), (56, 5, 140), (100, 4, 374)])
def test_the_published_numbers(steps, snapshots, extra):
    assert play(schedule.revolve(steps, snapshots), steps) == (extra, snapshots)
    assert extra_steps(steps, snapshots) == extra


@pytest.mark.parametrize("snapshots", range(1, 8))
def test_revolve_is_the_formula_and_the_optimum(snapshots):
    for steps in range(1, 45):
        advanced, most = play(schedule.revolve(steps, snapshots), steps)
        assert advanced == extra_steps(steps, snapshots) == fewest(steps, snapshots)
        assert most <= snapshots


def test_the_longest_chain_that_r_repeats_reach():
    """C(s + r, s) steps are reversed with no step advanced more than r times, and no more are."""
    for s, r in [(3, 2), (4, 4), (5, 3)]:
        longest = math.comb(s + r, s)
        jump = extra_steps(longest + 1, s) - extra_steps(longest, s)
        assert extra_steps(longest, s) - extra_steps(longest - 1, s) == r < jump


@pytest.mark.parametrize("snapshots", range(1, 8))
def test_online_is_no_more_than_one_sweep_behind(snapshots):
    """It cannot know which step is the last: the first sweep is never on a tape."""
    for steps in range(1, 150):
        advanced, most = play(schedule.online(snapshots), steps)
        best = extra_steps(steps, snapshots)
        assert most <= snapshots
        assert best < advanced <= best + steps, (steps, advanced, best)


@pytest.mark.parametrize("steps", [1, 2, 3, 15, 16, 17, 100, 1000])
def test_the_others(steps):
    root = math.sqrt(steps)
    assert play(schedule.everything(steps), steps) == (0, 0)
    assert play(schedule.nothing(steps), steps) == (steps, 1)
    assert play(schedule.nothing_online(), steps) == (steps, 1)
    advanced, most = play(schedule.every_root(steps), steps)
    assert advanced <= steps and most <= root + 1
    advanced, most = play(schedule.every_root_online(), steps)
    assert advanced == steps and most <= root + 1


def test_no_steps_at_all():
    for actions in (schedule.nothing_online(), schedule.every_root_online(), schedule.online(2)):
        assert play(actions, 0) == (0, 0)
