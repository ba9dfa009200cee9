"""The tape view: what seeing costs, beside the run that is seen.

The issue asks for less than a second to lay out a thousand nodes, and less than three to fold
forty thousand: the report gives the microseconds. Nothing of the view runs while a tape is
recorded but the capture of lines, and that is timed by leaving it out.
"""

import contextlib
from unittest import mock

from tests.bench.harness import bench
from tests.bench.rows import OURS

LONG, LAID_OUT = 2300, 1000  # steps of an LSTM: 40,000 nodes; boxes in one scene
NOTHING = (None, ())


def _lstm(steps):
    from tests.kernel.tape_view.tapes import lstm

    return lstm("torch", steps)


@bench("view of 40,000 nodes of an LSTM", baseline="record and backward", needs=("torch",))
def view_of_a_long_tape():
    from kernel.tape_view.view import view

    tape = _lstm(LONG)

    def look():
        drawn = view(tape)
        drawn._repr_mimebundle_()
        assert len(drawn.picture.boxes) < 200
        return len(tape.nodes)

    return {"record and backward": lambda: len(_lstm(LONG).nodes), OURS: look}


@bench("layout of 1,000 boxes", baseline="networkx spring", needs=("networkx",))
def layout():
    """networkx is the well-kept library that has a layout; it knows no layers."""
    import random

    import networkx

    from kernel.tape_view.layout import layered

    rng = random.Random(0)
    parents = [tuple(sorted(rng.sample(range(max(0, i - 30), i), min(i, 2))))
               for i in range(LAID_OUT)]  # fmt: skip
    graph = networkx.DiGraph((p, i) for i, ps in enumerate(parents) for p in ps)

    def spring():
        networkx.spring_layout(graph, seed=0, iterations=20)
        return LAID_OUT

    return {"networkx spring": spring, OURS: lambda: len(layered(parents)[0])}


@bench("recording with lines and scopes", baseline="recording without", needs=("torch",))
def capture():
    """`ad.record` of a chain of small operations, with `source.locate` and without it."""
    import torch

    import autodiff_lab as ad
    from autodiff_lab import source

    x = torch.ones(3)

    def program(x):
        for _ in range(500):
            x = torch.sin(x) * 2
        return x

    def recorded(patch):
        with patch:
            return len(ad.record(program, x).nodes)

    without = mock.patch.object(source, "locate", lambda stop_file: NOTHING)
    return {
        "recording without": lambda: recorded(without),
        OURS: lambda: recorded(contextlib.nullcontext()),
    }
