"""Examples that go forward together: each runs until it asks for a number that is not there yet.

Then the next one runs. When all of them wait (or are done), what they ask for is computed for all
at once, and they go on. A program that branches on its own values, such as a parser that samples
its actions, loses nothing by it: DyNet computes alone what is read in the middle (its issue 1407).

Each example is a greenlet: a call that can be left and entered again, on one thread, so that
`no_grad`, autocast and JAX's traces hold for all of them.
"""

import contextvars

from greenlet import getcurrent, greenlet


def run_together(jobs, compute):
    """The results of the jobs; `compute(wanted)` is called with what all of them wait for."""
    runs = [greenlet(job) for job in jobs]
    for run in runs:
        run.gr_context = contextvars.copy_context()
    results, waiting = [None] * len(runs), range(len(runs))
    while waiting:
        wanted = {}
        for i in waiting:
            found = runs[i].switch()
            if runs[i].dead:
                results[i] = found
            else:
                wanted[i] = found
        compute(list(wanted.values()))
        waiting = list(wanted)
    return results


def wait_for(value):
    """Called inside a job: come back when `value` is there."""
    getcurrent().parent.switch(value)
